"""How sure a score is: intervals for one set of predictions, and for the difference of two on the same rows.

Rows of one description stand or fall together, so descriptions are drawn, not rows (the cluster bootstrap: Field &
Welsh 2007, doi:10.1111/j.1467-9868.2007.00593.x). Each replicate weights every group anew and scores the weighted
counts; the interval lies between percentiles of the replicates (Efron & Tibshirani 1993, An Introduction to the
Bootstrap, chapter 13). Weights are exponential instead of multinomial (Rubin 1981, The Bayesian Bootstrap,
doi:10.1214/aos/1176345338): no replicate loses a rare label altogether, and groups without anything to count can be
left out.

Percentiles alone are blind where little was seen: a label that was right on its only three descriptions would be right
for ever. So imagined groups, as large as the label's own, join every replicate. For one set of predictions they are
half a true positive, half a false positive and half a false negative: where every group is one row, precision and
recall get the interval of Jeffreys (Brown, Cai & DasGupta 2001, doi:10.1214/ss/1009213286), and F1 that of Goutte &
Gaussier (2005, doi:10.1007/978-3-540-31865-1_25). For a difference they are one decision that turned right and one that
turned wrong, which makes it as careful as the sign test: four decisions that turned right prove nothing, five do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tagger.learning.metrics import BoolMatrix, IntVector

N_REPLICATES = 1000  # each end rests on 25 of them; another seed moves it by some hundredths of the width
LEVEL = 0.95
_JEFFREYS = 0.5
_FEWEST = 5  # positive groups; with less, a stated 95 % held a difference 68 to 90 times in 100 (decision 0026)
_GROUPS_AT_ONCE = 4096  # 16 MB of weights

Interval = tuple[float, float]
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PRFIntervals:
    """Where precision, recall and F1 lie; None where they are undefined.

    Without a positive only precision is known, without a judged negative only recall.
    """

    precision: Interval | None
    recall: Interval | None
    f1: Interval | None


@dataclass(frozen=True)
class ScoreIntervals:
    """Intervals of each label, of pooled counts, and of the means over labels, as `metrics.summarize` sums up."""

    labels: list[PRFIntervals]
    micro: PRFIntervals
    macro: PRFIntervals


@dataclass(frozen=True)
class Difference:
    """How much F1 rose, and where the rise lies; None where F1 is undefined: without a positive or a negative.

    Below five positive groups nothing is said of where the rise lies.

    Attributes
    ----------
    certain : bool
        It is beyond chance even for a label that was picked from all because it changed most.
    """

    change: float | None
    interval: Interval | None
    certain: bool = False


@dataclass(frozen=True)
class Differences:
    """The rise of each label's F1, of pooled F1, and of the mean over the labels that have both verdicts."""

    labels: list[Difference]
    micro: Difference
    macro: Difference


def score_intervals(
    y_true: BoolMatrix,
    y_pred: BoolMatrix,
    judged: BoolMatrix,
    groups: IntVector,
    *,
    seed: int,
    n_replicates: int = N_REPLICATES,
) -> ScoreIntervals:
    """Intervals that hold the true scores of these predictions about 95 times in 100.

    Parameters
    ----------
    y_true, y_pred, judged : bool arrays, shape (n_transactions, n_labels)
        As for `metrics.score_labels`. No row may have helped to make its own prediction.
    groups : int64 array, shape (n_transactions,)
        Equal descriptions have equal numbers.

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    _check(groups, y_true, y_pred, judged)
    n_labels = y_true.shape[1]
    positive, predicted = y_true & judged, y_pred & judged
    kinds = [_cells(kind, groups) for kind in (positive & predicted, predicted & ~positive, positive & ~predicted)]
    drawn = _resample(kinds, n_labels, np.random.default_rng(seed), n_replicates)
    rows = _cells(positive | predicted, groups)
    return intervals_from_counts(
        np.stack([kind.totals(n_labels) for kind in kinds]),
        drawn,
        has_no=_has_negative(y_true, judged),
        sizes=rows.typical_size(n_labels),
        pooled_size=float(rows.pooled().typical_size(1)[0]),
        seed=seed,
    )


def intervals_from_counts(
    found: _Floats,
    drawn: _Floats,
    *,
    has_no: npt.NDArray[np.bool_],
    sizes: _Floats,
    pooled_size: float,
    seed: int,
) -> ScoreIntervals:
    """The intervals that follow from counts.

    Parameters
    ----------
    found : float64 (3, n_labels), true positives, false positives and false negatives.
    drawn : float64 (3, n_labels, n_replicates), the same in each replicate.
    has_no : bool (n_labels,), somebody said no to the label.
    sizes, pooled_size : how large a group is that joins a label, and all labels pooled; see `typical_size`.
    """
    imagined = drawn + _imagined(sizes, seed, drawn.shape[2])
    labels = _prf_intervals(found, imagined, has_no)
    pooled = drawn.sum(axis=1, keepdims=True) + _imagined(np.array([pooled_size]), seed, drawn.shape[2])
    (micro,) = _prf_intervals(found.sum(axis=1, keepdims=True), pooled, np.array([has_no.any()]))
    return ScoreIntervals(labels, micro, _macro_intervals(found, drawn, imagined, labels))


def f1_differences(
    y_true: BoolMatrix,
    before: BoolMatrix,
    after: BoolMatrix,
    judged: BoolMatrix,
    groups: IntVector,
    *,
    seed: int,
    n_replicates: int = N_REPLICATES,
) -> Differences:
    """How much better `after` is than `before`: both scored on the same rows, with the same weights in each replicate.

    A label that both decide alike in every row changed by 0, and from five examples on the interval is 0 to 0.

    Parameters
    ----------
    y_true, before, after, judged : bool arrays, shape (n_transactions, n_labels)
    groups : int64 array, shape (n_transactions,)

    Raises
    ------
    ValueError
        If shapes do not fit.
    """
    _check(groups, y_true, before, after, judged)
    n_labels = y_true.shape[1]
    positive, negative = y_true & judged, ~y_true & judged
    turned = after.astype(np.int8) - before.astype(np.int8)  # 1 where only `after` has the tag, -1 where only `before`
    hits, alarms = _cells(turned * positive, groups), _cells(turned * negative, groups)
    misses = _cells(positive & ~before, groups)  # fewer than hits, so cheaper to weight
    parts = [_cells(positive, groups), misses, _cells(before & negative, groups), hits, alarms]
    found = np.stack([part.totals(n_labels) for part in parts])
    drawn = _resample(parts, n_labels, np.random.default_rng(seed), n_replicates)
    has_no = _has_negative(y_true, judged)
    labels, micro, macro = [Difference(None, None)] * n_labels, Difference(None, None), Difference(None, None)
    scored = np.flatnonzero((found[0] > 0) & has_no)
    if scored.size:
        changes = _rise(found, np.zeros((4, n_labels)))[scored]
        rises = _rise(drawn, _imagined_turns(hits, alarms, n_labels, seed, n_replicates))[scored]
        n_positive = parts[0].n_groups(n_labels)[scored]
        for label, each in zip(scored.tolist(), _differences(changes, rises, n_positive), strict=True):
            labels[label] = each
        examples = found[0][scored] / parts[0].typical_size(n_labels)[scored]
        mean_rises = _mean_rises(changes, rises, examples)
        (macro,) = _differences(changes.mean(keepdims=True), mean_rises, n_positive.sum(keepdims=True))
    if found[0].any() and has_no.any():
        turns = _imagined_turns(hits.pooled(), alarms.pooled(), 1, seed, n_replicates)
        change = _rise(found.sum(axis=1, keepdims=True), np.zeros((4, 1)))
        (micro,) = _differences(change, _rise(drawn.sum(axis=1, keepdims=True), turns), parts[0].pooled().n_groups(1))
    return Differences(labels, micro, macro)


@dataclass(frozen=True)
class _Cells:
    """Where there is something to count: group, label and how many rows (or their signed sum), one entry each."""

    groups: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    sizes: _Floats

    def totals(self, n_labels: int) -> _Floats:
        return np.bincount(self.labels, self.sizes, minlength=n_labels).astype(np.float64)

    def pooled(self) -> _Cells:
        """All labels as one."""
        return _summed(self.groups, self.sizes, 1)

    def n_groups(self, n_labels: int) -> npt.NDArray[np.int64]:
        """How many groups each label has."""
        return np.bincount(self.labels, minlength=n_labels)

    def typical_size(self, n_labels: int) -> _Floats:
        """How many rows the group of a row has on average; see `typical_size`."""
        squares = np.bincount(self.labels, self.sizes**2, minlength=n_labels)
        rows = np.bincount(self.labels, np.abs(self.sizes), minlength=n_labels)
        return typical_size(squares.astype(np.float64), rows.astype(np.float64))


def typical_size(squares: _Floats, rows: _Floats) -> _Floats:
    """How many rows the group of a row has on average, from sums over groups of their squared sizes and of their sizes.

    With a few large groups it is more than the mean of all groups; 0 where there is no row.
    """
    return np.divide(squares, rows, out=np.zeros(rows.shape), where=rows > 0)


def _cells(counted: npt.NDArray[np.bool_] | npt.NDArray[np.int8], groups: IntVector) -> _Cells:
    rows, labels = np.nonzero(counted)
    return _summed(groups[rows] * counted.shape[1] + labels, counted[rows, labels].astype(np.float64), counted.shape[1])


def _summed(codes: npt.NDArray[np.int64], sizes: _Floats, n_labels: int) -> _Cells:
    unique, place = np.unique(codes, return_inverse=True)
    summed = np.bincount(place, sizes, minlength=unique.size)
    kept = summed != 0
    numbers = unique[kept].astype(np.int64)
    return _Cells(numbers // n_labels, numbers % n_labels, summed[kept])


def _resample(
    parts: Sequence[_Cells], n_labels: int, rng: np.random.Generator, n_replicates: int
) -> npt.NDArray[np.float64]:
    """Weighted counts: (n_parts, n_labels, n_replicates). A group has one weight per replicate, whatever the part."""
    groups = np.concatenate([part.groups for part in parts])
    columns = np.concatenate([number * n_labels + part.labels for number, part in enumerate(parts)])
    sizes = np.concatenate([part.sizes for part in parts]).astype(np.float32)
    totals = np.zeros((len(parts) * n_labels, n_replicates), dtype=np.float32)
    # Groups without anything to count get no weight; the others are numbered anew.
    _, groups = np.unique(groups, return_inverse=True)
    order = np.lexsort((columns, groups // _GROUPS_AT_ONCE))
    groups, columns, sizes = groups[order], columns[order], sizes[order]
    n_groups = int(groups.max()) + 1 if groups.size else 0
    for first in range(0, n_groups, _GROUPS_AT_ONCE):
        n_drawn = min(_GROUPS_AT_ONCE, n_groups - first)
        weights = rng.standard_exponential((n_drawn, n_replicates), dtype=np.float32)
        here = np.flatnonzero((groups >= first) & (groups < first + n_drawn))
        starts = here[np.flatnonzero(np.diff(columns[here], prepend=-1))].tolist()
        for start, end in zip(starts, [*starts[1:], int(here[-1]) + 1], strict=True):
            # Not by BLAS, whose threads wait for each other on a busy machine longer than one of them needs alone.
            own = weights.take(groups[start:end] - first, axis=0)
            totals[columns[start]] += np.einsum("g,gr->r", sizes[start:end], own)
    return totals.reshape(len(parts), n_labels, n_replicates).astype(np.float64)


def _apart(seed: int) -> np.random.Generator:
    """For imagined groups, begun anew for labels and for their pool: so one label alone and its pool are the same."""
    return np.random.default_rng([seed, 1])


def _imagined(sizes: _Floats, seed: int, n_replicates: int) -> _Floats:
    """Half a group of each kind, exponentially weighted as the others are: (3, n_labels, n_replicates)."""
    drawn = _apart(seed).standard_gamma(_JEFFREYS, (3, sizes.size, n_replicates))
    return drawn * sizes[:, np.newaxis]


def _imagined_turns(hits: _Cells, alarms: _Cells, n_labels: int, seed: int, n_replicates: int) -> _Floats:
    """A group that turned right and one that turned wrong: (hits gained, hits lost, alarms gained, alarms lost).

    They are divided between hits and false alarms as the label's own are, of which each has the size. A label without
    a decision that turned gets none.
    """
    n_hits, n_alarms = (np.bincount(turned.labels, minlength=n_labels) for turned in (hits, alarms))
    share = np.divide(n_hits, n_hits + n_alarms, out=np.zeros(n_labels), where=n_hits + n_alarms > 0)
    of_hits, of_alarms = hits.typical_size(n_labels), alarms.typical_size(n_labels)
    shapes = np.stack([share, share, 1 - share, 1 - share])[:, :, np.newaxis]
    sizes = np.stack([of_hits, of_hits, of_alarms, of_alarms])[:, :, np.newaxis]
    return np.asarray(_apart(seed).standard_gamma(np.broadcast_to(shapes, (4, n_labels, n_replicates))) * sizes)


def _rise(counts: _Floats, turns: _Floats) -> _Floats:
    """F1 after minus F1 before, from (support, misses before, alarms before, more hits, more alarms) and turns."""
    support, misses, alarms, more_hits, more_alarms = counts
    hits_gained, hits_lost, alarms_gained, alarms_lost = turns
    hits = np.maximum(support - misses, 0)
    support = support + hits_gained + hits_lost
    before = _f1(hits + hits_lost, alarms + alarms_lost, support)
    # Sums of 32-bit numbers that cancel may end a little below 0.
    after = _f1(
        np.maximum(hits + more_hits, 0) + hits_gained, np.maximum(alarms + more_alarms, 0) + alarms_gained, support
    )
    return after - before


def _mean_rises(changes: _Floats, rises: _Floats, n_examples: _Floats) -> _Floats:
    """Replicates of the mean over labels, (1, n_replicates); of one label, its own.

    Imagined turns pull the rise of every rare label towards 0, and the mean with them: it takes their spread only. That
    spread is too small where examples are few: proportions of n examples, weighted exponentially, vary by p (1 - p) /
    (n + 1) (Rubin 1981), of which sampling n leaves (n - 1) / n on average, where they truly vary by p (1 - p) / n. In
    one label imagined turns make up for that; in the mean, where errors of all labels average out, they do not.

    Parameters
    ----------
    changes, n_examples : (n,), the changes, and how many positive groups of equal size each label is worth.
    rises : (n, n_replicates)
    """
    if changes.size == 1:
        return rises
    wider = np.sqrt((n_examples + 1) / np.maximum(n_examples - 1, 1))[:, np.newaxis]
    around = wider * (rises - rises.mean(axis=1, keepdims=True))
    mean: _Floats = changes.mean() + around.mean(axis=0, keepdims=True)
    return np.clip(mean, -1, 1)


def _f1(hits: _Floats, alarms: _Floats, support: _Floats) -> _Floats:
    return _ratio(2 * hits, hits + alarms + support)


def _ratio(numerator: _Floats, denominator: _Floats) -> _Floats:
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _prf_intervals(found: _Floats, drawn: _Floats, has_no: npt.NDArray[np.bool_]) -> list[PRFIntervals]:
    """Intervals from (true positives, false positives, false negatives): found (3, n), drawn (3, n, n_replicates)."""
    ratios = [_prf(*found), _prf(*drawn)]
    has_support, has_prediction = found[0] + found[2] > 0, found[0] + found[1] > 0
    precision, recall, f1 = (_intervals(value, values) for value, values in zip(*ratios, strict=True))
    return [
        PRFIntervals(
            precision[label] if has_prediction[label] and has_no[label] else None,
            recall[label] if has_support[label] else None,
            f1[label] if has_support[label] and has_no[label] else None,
        )
        for label in range(found.shape[1])
    ]


def _macro_intervals(found: _Floats, drawn: _Floats, imagined: _Floats, labels: Sequence[PRFIntervals]) -> PRFIntervals:
    """Around the means over labels with support that have the score; of one such label, its own interval.

    Imagined groups bend every rare label towards the middle, and the mean with them: it takes their spread only. What
    the mean over replicates lacks of the mean over rows, the latter lacks of the truth: F1 of few examples is too low
    on average (bias estimated as in Efron & Tibshirani, chapter 10).
    """
    has_support = found[0] + found[2] > 0
    means: list[Interval | None] = []
    scores = zip(_prf(*found), _prf(*drawn), _prf(*imagined), strict=True)
    for (value, plain, spread), name in zip(scores, ("precision", "recall", "f1"), strict=True):
        own: list[Interval | None] = [getattr(label, name) for label in labels]
        kept = [place for place in np.flatnonzero(has_support).tolist() if own[place] is not None]
        if len(kept) < 2:
            means.append(own[kept[0]] if kept else None)
            continue
        mean, around = value[kept].mean(), spread[kept].mean(axis=0)
        middle = 2 * mean - plain[kept].mean()
        ((low, high),) = _intervals(np.array([mean]), (around - around.mean() + middle)[np.newaxis])
        means.append((max(low, 0.0), min(high, 1.0)))
    return PRFIntervals(*means)


def _prf(hits: _Floats, alarms: _Floats, misses: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    return _ratio(hits, hits + alarms), _ratio(hits, hits + misses), _f1(hits, alarms, hits + misses)


def _intervals(values: _Floats, drawn: _Floats) -> list[Interval]:
    """Between percentiles, and never without the value itself: a score of 1 ends at 1 (Brown, Cai & DasGupta)."""
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1)
    return [
        (float(low), float(high)) for low, high in zip(np.minimum(low, values), np.maximum(high, values), strict=True)
    ]


def _differences(changes: _Floats, rises: _Floats, n_positive: npt.NDArray[np.int64]) -> list[Difference]:
    """Changes (n,) with the intervals of their replicates (n, n_replicates), none where positives (n,) are too few.

    Whoever picks the largest of many changes finds one beyond chance by chance. So what counts as certain divides the
    share of replicates that may lie on the other side of 0 by the changes that could be picked (Bonferroni).
    """
    n_candidates = max(1, int(np.count_nonzero(rises.any(axis=1))))
    contrary = np.minimum((rises <= 0).mean(axis=1), (rises >= 0).mean(axis=1))
    certain = contrary <= (1 - LEVEL) / 2 / n_candidates
    return [
        Difference(float(change), interval, bool(is_certain)) if enough else Difference(float(change), None)
        for change, interval, is_certain, enough in zip(
            changes, _intervals(changes, rises), certain, n_positive >= _FEWEST, strict=True
        )
    ]


def _has_negative(y_true: BoolMatrix, judged: BoolMatrix) -> npt.NDArray[np.bool_]:
    return np.asarray(np.any(judged & ~y_true, axis=0))


def _check(groups: IntVector, *matrices: BoolMatrix) -> None:
    shapes = {matrix.shape for matrix in matrices}
    if len(shapes) != 1 or matrices[0].ndim != 2 or groups.shape != matrices[0].shape[:1]:
        raise ValueError(f"Shapes do not fit: {groups.shape}, {sorted(shapes)}.")
