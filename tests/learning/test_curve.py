from __future__ import annotations

import numpy as np
import pytest

from tagger.learning.bootstrap import score_intervals
from tagger.learning.crossfit import cross_fitted_predictions, listening_alike, out_of_fold
from tagger.learning.curve import CurvePoint, LastMove, learning_curve, project, sizes
from tagger.learning.examples import Examples
from tagger.learning.goals import Fixed, Grid
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.learning.split import grouped_folds
from tagger.learning.thresholds import BlendedChooser, GoalChooser

pytestmark = pytest.mark.usefixtures("one_thread")


def shops(n_groups: int = 120, n_labels: int = 3, seed: int = 0):
    """Directions that decide the labels, with noise; every third description has a second row."""
    rng = np.random.default_rng(seed)
    groups = np.concatenate([np.arange(n_groups), np.arange(0, n_groups, 3)]).astype(np.int64)
    X = rng.normal(size=(n_groups, 16)).astype(np.float32)
    y_true = X[:, :n_labels] + 0.5 * rng.normal(size=(n_groups, n_labels)) > 0.4
    return X[groups], y_true[groups], rng.random((groups.size, n_labels)) < 0.9, groups


def as_they_are(fits):
    return [predict for predict, _ in fits]


def macro(y_true: np.ndarray, y_pred: np.ndarray, judged: np.ndarray) -> float:
    return summarize(score_labels(y_true, y_pred, judged)).macro.f1 or 0.0


@pytest.mark.parametrize(
    ("n_groups", "expected"),
    [
        (0, []),
        (10, [10]),
        (25, [25]),
        (50, [25, 50]),
        (74, [37, 74]),
        (75, [25, 37, 75]),
        (100, [25, 50, 100]),
        (400, [25, 50, 100, 200, 350, 400]),
    ],
)
def test_sizes_are_halves_and_all_but_the_last_fifty(n_groups, expected):
    assert sizes(n_groups) == expected


def test_the_last_point_is_the_out_of_fold_score_of_a_run():
    X, y_true, judged, groups = shops(n_labels=16)
    inputs = Inputs.of(np.hstack([X, X]))
    recipe = Recipe(features="mean+neighbors", head=HeadSettings(l2=20.0))
    examples = Examples(inputs, y_true, judged, groups)
    oof = out_of_fold(examples, recipe)
    assert oof.listened < 1
    y_pred = cross_fitted_predictions(oof, y_true, judged, groups, BlendedChooser())

    def fit(learned):
        return Model.fit(examples.take(learned), recipe)

    def together(fits):
        models = listening_alike([(model, examples.take(held_out)) for model, held_out in fits])
        return [lambda rows, model=model: model.probabilities(inputs.take(rows)) for model in models]

    curve = learning_curve(
        y_true, judged, groups, oof.folds, fit=fit, together=together, chooser=BlendedChooser(), seed=0
    )
    between = score_intervals(y_true, y_pred, judged, groups, seed=0).macro.f1
    assert curve.points[-1] == CurvePoint(120, macro(y_true, y_pred, judged), between)
    # What is known from fewer labels is not measured on fewer rows: the intervals are about as wide.
    widths = [point.interval[1] - point.interval[0] for point in curve.points]
    assert max(widths) < 2 * min(widths)
    assert [point.n_labelled for point in curve.points] == [30, 60, 70, 120]
    assert curve.last is not None
    assert curve.last.n_labels == 50
    assert curve.last.change == pytest.approx(curve.points[-1].macro_f1 - curve.points[-2].macro_f1)
    assert curve.last.low <= curve.last.change <= curve.last.high


def test_a_point_learns_from_the_first_descriptions_outside_the_fold_and_from_nothing_else():
    _, y_true, judged, groups = shops()
    folds = grouped_folds(groups, y_true, judged, 5, 0)
    fits = []

    def fit(learned):
        asked = []
        fits.append((learned, asked))

        def predict(rows):
            asked.append(rows)
            return np.full((rows.size, y_true.shape[1]), 0.5, dtype=np.float32)

        return predict

    steps = []
    learning_curve(
        y_true,
        judged,
        groups,
        folds,
        fit=fit,
        together=as_they_are,
        chooser=GoalChooser(Fixed()),
        seed=0,
        report=lambda *step: steps.append(step),
    )
    for number, (learned, (held_out, repeated)) in enumerate(fits):
        size, fold = [30, 60, 70, 120][number // 5], number % 5
        assert held_out.tolist() == np.flatnonzero(folds == fold).tolist()
        # Descriptions are numbered in the order in which they were judged.
        assert learned.tolist() == np.flatnonzero((groups < size) & (folds != fold)).tolist()
        assert (groups[repeated] < size).all(), "thresholds would be chosen on rows that were not judged yet"
    assert steps == [(number + 1, 20) for number in range(20)]


def test_thresholds_of_a_point_come_from_its_own_rows_only():
    rng = np.random.default_rng(0)
    groups = np.arange(100, dtype=np.int64)
    y_true = rng.random((100, 1)) < 0.5
    judged = np.ones_like(y_true)
    folds = grouped_folds(groups, y_true, judged, 5, 0)
    prob = np.where(y_true[:, 0], 0.4, 0.2).astype(np.float32)[:, None]
    seen = []

    class Spy(GoalChooser):
        def choose(self, y_true, *arguments, **options):
            seen.append(y_true.shape[0])
            return super().choose(y_true, *arguments, **options)

    learning_curve(
        y_true,
        judged,
        groups,
        folds,
        fit=lambda _: lambda rows: prob[rows],
        together=as_they_are,
        chooser=Spy(Grid()),
        seed=0,
    )
    # Every row counts twice, for new descriptions and for those of a later batch.
    expected = [2 * int(np.sum((groups < size) & (folds != fold))) for size in (25, 50, 100) for fold in range(5)]
    enough = [size for size in expected if size in seen]
    assert seen == enough
    assert seen[-5:] == expected[-5:]


def test_a_projection_goes_on_as_the_curve_came():
    points = [CurvePoint(n, 0.8 - 3 / np.sqrt(n)) for n in (50, 100, 200, 400)]
    twice, macro_f1 = project(points)
    assert twice == 800
    assert macro_f1 == pytest.approx(0.8 - 3 / np.sqrt(800))


@pytest.mark.parametrize("scores", [[0.1, 0.2], [0.3, 0.3, 0.3], [0.4, 0.3, 0.2], [None, 0.2, 0.3], []], ids=str)
def test_without_growth_or_points_there_is_no_projection(scores):
    assert project([CurvePoint(50 * 2**place, score) for place, score in enumerate(scores)]) is None


def test_a_projection_never_passes_one():
    _, macro_f1 = project([CurvePoint(n, value) for n, value in ((25, 0.1), (50, 0.6), (100, 0.98))])
    assert macro_f1 == 1


@pytest.mark.parametrize(("low", "high", "noise"), [(-0.1, 0.1, True), (0, 0.1, True), (0.01, 0.1, False)])
def test_a_change_whose_interval_holds_zero_is_noise(low, high, noise):
    assert LastMove(50, 0.02, low, high).is_noise is noise
