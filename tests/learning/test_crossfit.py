from __future__ import annotations

import numpy as np
import pytest

from tagger.errors import CancelledError, TrainingError
from tagger.learning.crossfit import OutOfFold, cross_fitted_predictions, out_of_fold
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.learning.thresholds import ExactChooser, FixedChooser, apply_thresholds, choose_thresholds

LOGISTIC = Recipe(head=HeadSettings(l2=0.1))
FEEDFORWARD = Recipe(head=HeadSettings(kind="feedforward", epochs=20, learning_rate=5e-3, batch_size=64))

pytestmark = pytest.mark.usefixtures("one_thread")


def tokens(n_groups=150, repeats=4, n_labels=3, seed=0):
    """Every group has a random vector of its own and random labels: all there is to learn is the group itself."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups, dtype=np.int64), repeats)
    embeddings = rng.normal(size=(n_groups, 200)).astype(np.float32)[groups]
    y_true = (rng.random((n_groups, n_labels)) < 0.5)[groups]
    return embeddings, y_true, np.ones_like(y_true), groups


@pytest.mark.parametrize("recipe", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
def test_a_head_that_knows_every_group_by_heart_is_no_better_than_chance_on_groups_it_never_saw(recipe):
    embeddings, y_true, judged, groups = tokens()
    by_heart = Model.fit(embeddings, y_true, judged, recipe).probabilities(embeddings) >= 0.5
    unseen = out_of_fold(embeddings, y_true, judged, groups, recipe).y_prob >= 0.5
    assert np.mean(by_heart == y_true) > 0.95
    # 450 coin tosses: three standard deviations are .07.
    assert np.mean(unseen == y_true) == pytest.approx(0.5, abs=0.07)


def test_rows_as_groups_would_flatter():
    embeddings, y_true, judged, groups = tokens()
    leaking = out_of_fold(embeddings, y_true, judged, np.arange(groups.size), LOGISTIC).y_prob >= 0.5
    assert np.mean(leaking == y_true) > 0.95


def test_verdicts_of_a_group_have_no_part_in_its_own_probabilities():
    embeddings, y_true, judged, groups = tokens()
    before = out_of_fold(embeddings, y_true, judged, groups, LOGISTIC)
    fold = before.folds == 2
    model = Model.fit(embeddings[~fold], y_true[~fold], judged[~fold], LOGISTIC)
    assert np.array_equal(before.y_prob[fold], model.probabilities(embeddings[fold]))
    assert not set(groups[fold]) & set(groups[~fold])


def test_verdicts_of_a_fold_have_no_part_in_its_own_thresholds():
    embeddings, y_true, judged, groups = tokens()
    oof = out_of_fold(embeddings, y_true, judged, groups, LOGISTIC)
    fold = oof.folds == 1
    flipped = y_true ^ fold[:, np.newaxis]
    one, other = (cross_fitted_predictions(oof, truth, judged, groups, ExactChooser()) for truth in (y_true, flipped))
    assert np.array_equal(one[fold], other[fold])
    assert not np.array_equal(one[~fold], other[~fold])


def test_thresholds_chosen_on_noise_look_good_only_on_the_rows_that_chose_them():
    rng = np.random.default_rng(0)
    groups = np.arange(200)
    y_true = rng.random((200, 20)) < 0.1
    y_prob = rng.random((200, 20), dtype=np.float32)
    oof, judged = OutOfFold(y_prob, groups % 5), np.ones_like(y_true)
    honest = cross_fitted_predictions(oof, y_true, judged, groups, ExactChooser())
    chosen = choose_thresholds(y_true, y_prob, judged, groups, ExactChooser())
    flattered = apply_thresholds(y_prob, [threshold.value for threshold in chosen])
    scores = [summarize(score_labels(y_true, y_pred, judged)).macro.f1 for y_pred in (honest, flattered)]
    assert scores[0] < scores[1] - 0.03


def test_a_fixed_threshold_cuts_every_fold_alike():
    embeddings, y_true, judged, groups = tokens()
    oof = out_of_fold(embeddings, y_true, judged, groups, LOGISTIC)
    y_pred = cross_fitted_predictions(oof, y_true, judged, groups, FixedChooser(0.3))
    assert np.array_equal(y_pred, oof.y_prob >= 0.3)


def test_labels_that_a_fold_cannot_teach_keep_finite_low_probabilities():
    embeddings, y_true, judged, groups = tokens(n_groups=20)
    y_true[:] = False
    y_true[groups == 0, 0] = True  # one description in all
    judged[:, 1] = False
    y_prob = out_of_fold(embeddings, y_true, judged, groups, LOGISTIC).y_prob
    assert np.isfinite(y_prob).all()
    assert np.all(y_prob[groups == 0, 0] < 0.01)
    assert np.all(y_prob[:, 1] < 0.01)


def test_progress_and_reports_name_their_fold():
    embeddings, y_true, judged, groups = tokens(n_groups=30)
    steps, reports = [], []
    out_of_fold(
        embeddings, y_true, judged, groups, LOGISTIC,
        progress=lambda done, total: steps.append((done, total)), on_epoch=reports.append,
    )  # fmt: skip
    assert steps == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert sorted({report.fold for report in reports}) == [0, 1, 2, 3, 4]
    assert all(report.validation_f1 is not None for report in reports)


def test_watching_a_training_does_not_change_it():
    embeddings, y_true, judged, groups = tokens(n_groups=30)
    recipe = Recipe(head=HeadSettings(kind="feedforward", epochs=2))
    alone = out_of_fold(embeddings, y_true, judged, groups, recipe)
    watched = out_of_fold(embeddings, y_true, judged, groups, recipe, on_epoch=lambda report: None)
    assert np.array_equal(alone.y_prob, watched.y_prob)


def test_a_stopped_job_says_so():
    with pytest.raises(CancelledError):
        out_of_fold(*tokens(n_groups=10), LOGISTIC, cancelled=lambda: True)


def test_one_description_alone_cannot_be_scored():
    with pytest.raises(TrainingError, match="two different"):
        out_of_fold(*tokens(n_groups=1), LOGISTIC)
