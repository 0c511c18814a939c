"""How much the score grew with the labels, and what more of them may bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector, score_labels, summarize
from tagger.learning.thresholds import Chooser, apply_thresholds, choose_thresholds

# Learns from the rows of the first, predicts the rows of the second: row numbers to float32 (n_second, n_labels).
FitPredict = Callable[[IntVector, IntVector], FloatMatrix]
Report = Callable[[int, int], None]

LAST = 50  # labels that the stopping hint looks back on
SMALLEST = 25  # descriptions; a head fitted on fewer says more about chance than about labelling
REPLICATES = 400  # of the bootstrap; the interval's ends then move by less than a tenth of its width
_LOW, _HIGH = 5.0, 95.0  # percent


@dataclass(frozen=True)
class CurvePoint:
    """Macro-F1 with the first `n_labelled` descriptions; None where no label has a positive."""

    n_labelled: int
    macro_f1: float | None


@dataclass(frozen=True)
class LastMove:
    """What the last `n_labels` descriptions did to macro-F1, with a 90 % interval."""

    n_labels: int
    change: float
    low: float
    high: float

    @property
    def is_noise(self) -> bool:
        """Whether the interval holds no change at all."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True)
class LearningCurve:
    """Scores of growing numbers of labels, all measured on the same rows.

    `projected` is (descriptions, macro-F1) for twice as many labels; None where the points do not say.
    """

    points: tuple[CurvePoint, ...]
    last: LastMove | None
    projected: tuple[int, float] | None


def sizes(n_groups: int) -> list[int]:
    """How many descriptions to learn from: halves of all of them, all but the last 50, and all; ascending."""
    if n_groups < SMALLEST:
        return [n_groups] if n_groups else []
    wanted = {n_groups}
    if n_groups - LAST >= SMALLEST:
        wanted.add(n_groups - LAST)
    half = n_groups // 2
    while half >= SMALLEST:
        wanted.add(half)
        half //= 2
    return sorted(wanted)


def learning_curve(
    y_true: BoolMatrix,
    judged: BoolMatrix,
    groups: IntVector,
    folds: IntVector,
    fit_predict: FitPredict,
    *,
    chooser: Chooser,
    seed: int,
    report: Report | None = None,
) -> LearningCurve:
    """Learn from ever more of what was judged, in the order of judging, and score every time on all of it.

    A row is predicted by a head, and cut at thresholds, that saw nothing of its fold. So all points are measured on
    the same descriptions, none of them seen, and the last one is the out-of-fold score of a run on these folds.

    Parameters
    ----------
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
        In the order in which the rows were judged.
    groups : int64 array, shape (n_transactions,)
        Equal descriptions have equal numbers; a description counts from its first row on.
    folds : int64 array, shape (n_transactions,)
        From `split.grouped_folds`.
    fit_predict : FitPredict
        May be given rows in which a label has no positive.
    report : called with fits done and fits in all
    """
    _, first, places = np.unique(groups, return_index=True, return_inverse=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(first.size)
    rank_of_row = rank[places]
    wanted = sizes(first.size)
    n_folds = int(folds.max()) + 1 if folds.size else 0
    points: list[CurvePoint] = []
    predictions: dict[int, BoolMatrix] = {}
    for number, size in enumerate(wanted):
        known = rank_of_row < size
        y_prob = np.zeros(y_true.shape, dtype=np.float32)
        for fold in range(n_folds):
            learned, held_out = np.flatnonzero(known & (folds != fold)), np.flatnonzero(folds == fold)
            if learned.size:
                y_prob[held_out] = fit_predict(learned, held_out)
            if report is not None:
                report(number * n_folds + fold + 1, len(wanted) * n_folds)
        y_pred = np.zeros(y_true.shape, dtype=np.bool_)
        for fold in range(n_folds):
            others, held_out = np.flatnonzero(known & (folds != fold)), folds == fold
            chosen = choose_thresholds(y_true[others], y_prob[others], judged[others], groups[others], chooser)
            y_pred[held_out] = apply_thresholds(y_prob[held_out], [each.value for each in chosen])
        predictions[size] = y_pred
        points.append(CurvePoint(size, summarize(score_labels(y_true, y_pred, judged)).macro.f1))
    last = None
    if len(wanted) > 1 and points[-1].macro_f1 is not None:
        before = wanted[-1] - LAST if wanted[-1] - LAST in predictions else wanted[-2]
        last = LastMove(
            wanted[-1] - before,
            *paired_change(
                y_true, judged, groups, before=predictions[before], after=predictions[wanted[-1]], seed=seed
            ),
        )
    return LearningCurve(tuple(points), last, project(points))


def paired_change(
    y_true: BoolMatrix, judged: BoolMatrix, groups: IntVector, *, before: BoolMatrix, after: BoolMatrix, seed: int
) -> tuple[float, float, float]:
    """The change of macro-F1 between two predictions of the same rows, and its 90 % bootstrap interval.

    Whole groups are drawn (Efron & Tibshirani 1993, chapter 8): rows of one description are no independent evidence.
    """
    _, places = np.unique(groups, return_inverse=True)
    counts = [_counts_by_group(places, y_true, each, judged) for each in (before, after)]
    n_groups = int(places.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(n_groups, np.full(n_groups, 1 / n_groups), REPLICATES)
    draws = np.vstack([np.ones((1, n_groups)), drawn.astype(np.float64)])
    changes = _macro(counts[1], draws) - _macro(counts[0], draws)
    low, high = np.percentile(changes[1:], [_LOW, _HIGH])
    return float(changes[0]), float(low), float(high)


def project(points: Sequence[CurvePoint]) -> tuple[int, float] | None:
    """Twice as many labels, and the macro-F1 that the curve F = a - b / sqrt(n) gives there.

    None with fewer than three points, or where that is not .001 more than now. From the points up to 200 of replayed
    queues and random picks it missed the score at 400 by .004 to .018; a straight line in log n missed it by .05.
    """
    known = [(point.n_labelled, point.macro_f1) for point in points if point.macro_f1 is not None]
    if len(known) < 3:
        return None
    n, f1 = (np.array(values, dtype=np.float64) for values in zip(*known, strict=True))
    # What came last says most about what comes next.
    slope, _ = np.polyfit(1 / np.sqrt(n), f1, 1, w=np.sqrt(n))
    twice = 2 * int(n[-1])
    # From the last point on: a projection that begins below what is there would be odd.
    gained = slope * (1 / np.sqrt(twice) - 1 / np.sqrt(n[-1]))
    return (twice, float(min(1.0, f1[-1] + gained))) if gained >= 0.001 else None


def _counts_by_group(
    places: npt.NDArray[np.intp], y_true: BoolMatrix, y_pred: BoolMatrix, judged: BoolMatrix
) -> npt.NDArray[np.float64]:
    """Hits, predictions and positives of each group and label: (3, n_groups, n_labels)."""
    positive, predicted = y_true & judged, y_pred & judged
    counts = np.zeros((3, int(places.max()) + 1, y_true.shape[1]))
    for which, cells in enumerate((positive & predicted, predicted, positive)):
        np.add.at(counts[which], places, cells)
    return counts


def _macro(counts: npt.NDArray[np.float64], draws: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Macro-F1 of each draw of groups, over the labels that have a positive in it."""
    hits, predicted, positive = (draws @ each for each in counts)
    scored = positive > 0
    f1 = 2 * hits / np.maximum(predicted + positive, 1)
    return np.asarray(np.where(scored, f1, 0).sum(axis=1) / np.maximum(np.count_nonzero(scored, axis=1), 1))
