"""How much the score grew with the labels, and what more of them may bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tagger.learning.bootstrap import Interval, f1_differences, score_intervals
from tagger.learning.crossfit import OutOfFold, chosen_on, repeated_rows
from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector, score_labels, summarize
from tagger.learning.thresholds import Chooser, apply_thresholds

# Row numbers to probabilities, float32 (n_rows, n_labels).
Predict = Callable[[IntVector], FloatMatrix]
Fitted = TypeVar("Fitted")
Report = Callable[[int, int], None]

LAST = 50  # labels that the stopping hint looks back on
SMALLEST = 25  # descriptions; a head fitted on fewer says more about chance than about labelling


@dataclass(frozen=True)
class CurvePoint:
    """Macro-F1 with the first `n_labelled` descriptions and its 95 % interval; None where no label has an F1."""

    n_labelled: int
    macro_f1: float | None
    interval: Interval | None = None


@dataclass(frozen=True)
class LastMove:
    """What the last `n_labels` descriptions did to macro-F1, with its 95 % interval."""

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
    *,
    fit: Callable[[IntVector], Fitted],
    together: Callable[[list[tuple[Fitted, IntVector]]], list[Predict]],
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
    fit : learns from rows, in which a label may have no positive, but never from none.
    together : what the fits of all folds say, from each with the rows that its fold holds out.
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
        repeated = np.flatnonzero(known)[repeated_rows(groups[known])]
        oof = OutOfFold(
            y_prob=np.zeros(y_true.shape, dtype=np.float32),
            folds=folds,
            repeated=repeated,
            y_seen=np.zeros((n_folds, repeated.size, y_true.shape[1]), dtype=np.float32),
        )
        predictions[size] = np.zeros(y_true.shape, dtype=np.bool_)
        fitted: dict[int, tuple[Fitted, IntVector]] = {}
        for fold in range(n_folds):
            learned = np.flatnonzero(known & (folds != fold))
            if learned.size:
                fitted[fold] = (fit(learned), np.flatnonzero(folds == fold))
            if report is not None:
                report(number * n_folds + fold + 1, len(wanted) * n_folds)
        for (fold, (_, held_out)), predict in zip(fitted.items(), together(list(fitted.values())), strict=True):
            oof.y_prob[held_out], oof.y_seen[fold] = predict(held_out), predict(repeated)
        for fold in range(n_folds):
            others = known & (folds != fold)
            chosen = chosen_on(oof, y_true, judged, groups, chooser, y_seen=oof.y_seen[fold], rows=others)
            held_out = np.flatnonzero(folds == fold)
            thresholds = [each.value for each in chosen]
            predictions[size][held_out] = apply_thresholds(oof.y_prob[held_out], thresholds)
        scores = score_labels(y_true, predictions[size], judged)
        between = score_intervals(y_true, predictions[size], judged, groups, seed=seed).macro.f1
        points.append(CurvePoint(size, summarize(scores).macro.f1, between))
    last = None
    if len(wanted) > 1:
        before = wanted[-1] - LAST if wanted[-1] - LAST in predictions else wanted[-2]
        moved = f1_differences(y_true, predictions[before], predictions[wanted[-1]], judged, groups, seed=seed).macro
        if moved.change is not None and moved.interval is not None:
            last = LastMove(wanted[-1] - before, moved.change, *moved.interval)
    return LearningCurve(tuple(points), last, project(points))


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
