"""Settings scored on the same folds: the same as each alone, and heads that settings share are fitted once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tagger.errors import CancelledError
from tagger.learning import crossfit
from tagger.learning.bootstrap import f1_differences
from tagger.learning.crossfit import cross_fitted_predictions, out_of_fold
from tagger.learning.examples import Examples
from tagger.learning.experiments import predictions
from tagger.learning.features import FeatureSpace
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.recipe import DEFAULT_FEATURES, HeadSettings, Recipe, by_fit, canonical
from tagger.learning.split import grouped_folds
from tagger.learning.thresholds import parse_chooser

pytestmark = pytest.mark.usefixtures("one_thread")
MEAN = canonical(Recipe(features="mean", thresholds="grid", n_folds=4), 60)


@pytest.fixture
def data():
    """120 rows of 60 descriptions, three labels that lie along directions of the embedding, some cells not judged."""
    rng = np.random.default_rng(5)
    groups = np.repeat(np.arange(60), 2)
    embeddings = rng.normal(size=(60, 16)).astype(np.float32)[groups]
    y_true = embeddings[:, 8:11] + rng.normal(scale=0.5, size=(60, 3))[groups] > 0.4
    judged = rng.random((120, 3)) < 0.9
    folds = grouped_folds(groups, y_true, judged, 4, 7)
    return Inputs.of(embeddings, [f"shop {group}" for group in groups]), y_true, judged, groups, folds


@pytest.mark.parametrize("chooser", ["grid", "exact", "fixed:0.5"])
def test_a_setting_beside_others_is_scored_as_if_it_were_trained_alone(data, chooser):
    inputs, y_true, judged, groups, folds = data
    recipes = [MEAN, replace(MEAN, thresholds=chooser), replace(MEAN, thresholds="shrunk")]
    found = predictions(Examples(inputs, y_true, judged, groups), recipes, folds=folds)[1]
    alone = out_of_fold(Examples(inputs, y_true, judged, groups), recipes[1], kept=folds)
    assert np.array_equal(alone.folds, folds)
    expected = cross_fitted_predictions(alone, y_true, judged, groups, parse_chooser(chooser))
    assert np.array_equal(found, expected)


def test_settings_that_differ_in_thresholds_alone_share_one_fit_per_fold(data, monkeypatch):
    inputs, y_true, judged, groups, folds = data
    fits = []
    fit = Model.fit
    monkeypatch.setattr(crossfit.Model, "fit", lambda *args, **options: fits.append(1) or fit(*args, **options))
    recipes = [replace(MEAN, thresholds=way) for way in ("grid", "exact", "shrunk", "blended", "fixed:0.5")]
    assert len(predictions(Examples(inputs, y_true, judged, groups), recipes, folds=folds)) == 5
    assert len(fits) == 4


@pytest.mark.parametrize("kind", ["logistic", "feedforward"])
def test_layers_that_share_what_they_look_at_predict_what_each_would_alone(data, monkeypatch, kind):
    inputs, y_true, judged, groups, folds = data
    first = canonical(Recipe(features="mean+lexical", head=HeadSettings(kind=kind, epochs=2), n_folds=4), 60)
    second = replace(first, head=replace(first.head, class_weight="balanced"))
    alone = predictions(Examples(inputs, y_true, judged, groups), [second], folds=folds)[0]
    fitted = []
    fit = FeatureSpace.fit
    monkeypatch.setattr(FeatureSpace, "fit", lambda *args, **options: fitted.append(1) or fit(*args, **options))
    spaces = {}
    predictions(Examples(inputs, y_true, judged, groups), [first], folds=folds, spaces=spaces)
    shared = predictions(Examples(inputs, y_true, judged, groups), [second], folds=folds, spaces=spaces)[0]
    assert len(fitted) == 4
    assert np.array_equal(shared, alone)


def test_settings_that_need_other_heads_are_refused_together(data):
    inputs, y_true, judged, groups, folds = data
    with pytest.raises(ValueError, match="share"):
        predictions(Examples(inputs, y_true, judged, groups), [MEAN, replace(MEAN, features="cls")], folds=folds)


def test_the_folds_are_those_given_whatever_the_setting_says(data):
    inputs, y_true, judged, groups, folds = data
    (one,) = predictions(Examples(inputs, y_true, judged, groups), [MEAN], folds=folds)
    (other,) = predictions(Examples(inputs, y_true, judged, groups), [replace(MEAN, seed=99, n_folds=9)], folds=folds)
    assert np.array_equal(one, other)


def test_a_setting_differs_from_itself_by_nothing(data):
    inputs, y_true, judged, groups, folds = data
    (once,) = predictions(Examples(inputs, y_true, judged, groups), [MEAN], folds=folds)
    (again,) = predictions(Examples(inputs, y_true, judged, groups), [MEAN], folds=folds)
    moved = f1_differences(y_true, once, again, judged, groups, seed=0)
    assert (moved.macro.change, moved.macro.interval) == (0.0, (0.0, 0.0))
    assert (moved.micro.change, moved.micro.interval) == (0.0, (0.0, 0.0))


def test_what_tells_labels_apart_beats_what_does_not(data):
    inputs, y_true, judged, groups, folds = data
    scores = []
    for features in ("mean", "cls"):  # the labels lie along the second half, which is the mean
        (y_pred,) = predictions(
            Examples(inputs, y_true, judged, groups), [canonical(Recipe(features=features), 60)], folds=folds
        )
        scores.append(summarize(score_labels(y_true, y_pred, judged)).macro.f1)
    assert scores[0] > scores[1] + 0.1


def test_it_reports_folds_and_stops_when_asked(data):
    inputs, y_true, judged, groups, folds = data
    told = []
    predictions(Examples(inputs, y_true, judged, groups), [MEAN], folds=folds, progress=lambda *each: told.append(each))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(CancelledError):
        predictions(Examples(inputs, y_true, judged, groups), [MEAN], folds=folds, cancelled=lambda: True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Recipe(), Recipe(features=DEFAULT_FEATURES, head=HeadSettings(kind="logistic")), True),
        (Recipe(), Recipe(thresholds="blended"), True),
        (Recipe(), Recipe(head=HeadSettings(widths=(9,), dropout=0.5)), True),  # logistic has no layers
        (Recipe(), Recipe(head=HeadSettings(class_weight="balanced")), False),
        (Recipe(features="mean"), Recipe(features="mean", name_reliance=3.0), True),  # no names looked at
        (Recipe(), Recipe(name_reliance=3.0), False),
        (Recipe(), Recipe(thresholds="grid"), False),
        (
            Recipe(head=HeadSettings(kind="feedforward", l2=3.0)),
            Recipe(head=HeadSettings(kind="feedforward")),
            True,
        ),
    ],
)
def test_recipes_are_equal_where_their_runs_would_be(one, other, same):
    assert (canonical(one, 100) == canonical(other, 100)) is same


def test_recipes_are_sorted_by_the_fit_that_they_share():
    recipes = [MEAN, replace(MEAN, features="cls"), replace(MEAN, thresholds="exact"), replace(MEAN, seed=1)]
    assert by_fit(recipes) == [[0, 2], [1], [3]]
