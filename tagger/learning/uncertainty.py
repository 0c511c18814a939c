"""How sure the scores are at whatever thresholds a person tries: intervals at a point, bands along a curve.

The same resampling as in `bootstrap`: descriptions are drawn, not rows, with exponential weights, and imagined groups
join every replicate. Here the weights are drawn once and kept, so that moving one label's threshold weighs that label's
rows anew and nothing else. Weighing is one product of a sparse matrix (what to count, by description) with the weights.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from tagger.learning.bootstrap import LEVEL, ScoreIntervals, intervals_from_counts, typical_size
from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector
from tagger.learning.step_curve import least_float32

N_REPLICATES = 500  # at a point: each end rests on a dozen of them
N_BAND_REPLICATES = 200  # along a curve: each end rests on five of them, and is drawn, not written
_N_EVEN, _N_POSITIVE = 24, 24  # edges of a band: evenly from 0 to 1, and where the label's own positives lie

_Floats = npt.NDArray[np.float32]
_Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bands:
    """Where curves lie, label by label, at thresholds of its own.

    Attributes
    ----------
    edges : float64 (n_labels, n_edges), ascending thresholds.
    low, high : float32 (3, n_labels, n_edges), ends of the 95 % intervals of precision, recall and F1; NaN where
        undefined.
    best : float64 (n_labels, 2), between which edges, 0 or 1 the threshold with the best F1 lies; NaN where there is
        none.
    """

    edges: _Matrix
    low: _Floats
    high: _Floats
    best: _Matrix


class Uncertainty:
    """What one set of judged rows can say. Safe to share between threads."""

    def __init__(
        self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix, groups: IntVector, *, seed: int
    ) -> None:
        """Take the rows.

        Parameters
        ----------
        y_true, judged : bool arrays, shape (n_transactions, n_labels)
        y_prob : float32 array of the same shape, out of fold
        groups : int64 array, shape (n_transactions,)
            Equal descriptions have equal numbers.

        Raises
        ------
        ValueError
            If shapes do not fit.
        """
        if not y_true.shape == y_prob.shape == judged.shape or groups.shape != y_true.shape[:1]:
            raise ValueError(f"Shapes do not fit: {y_true.shape}, {y_prob.shape}, {judged.shape}, {groups.shape}.")
        self._seed = seed
        self._lock = threading.Lock()
        # Group by group, so that weighing goes through the weights once. Rows without a verdict would draw weights too.
        rows = np.flatnonzero(judged.any(axis=1))
        rows = rows[np.argsort(groups[rows], kind="stable")]
        self._first = np.flatnonzero(np.diff(groups[rows], prepend=groups[rows[:1]] - 1))  # row of each group
        # Label by label, since one moves at a time.
        self._y_prob, self._judged = np.ascontiguousarray(y_prob[rows].T), np.ascontiguousarray(judged[rows].T)
        self._positive = np.ascontiguousarray(y_true[rows].T) & self._judged
        self._has_no = np.any(self._judged & ~self._positive, axis=1)
        n_labels = self._y_prob.shape[0]
        self._thresholds = np.full(n_labels, np.nan)  # those of the counts below
        self._found = np.zeros((3, n_labels))
        self._drawn = np.zeros((3, n_labels, N_REPLICATES))
        self._sizes = np.zeros(n_labels)
        self._by_group = np.zeros((n_labels, self._first.size), dtype=np.float32)

    def at(self, thresholds: _Matrix) -> ScoreIntervals:
        """Intervals of every label, of pooled counts and of the means, at these thresholds, shape (n_labels,).

        Only labels whose threshold is another than in the last call are weighed anew.
        """
        with self._lock:
            moved = np.flatnonzero(self._thresholds != thresholds)
            if moved.size:
                self._weigh(moved, thresholds)
            pooled = self._by_group.sum(axis=0, dtype=np.float64)
            return intervals_from_counts(
                self._found,
                self._drawn,
                has_no=self._has_no,
                sizes=self._sizes,
                pooled_size=float(typical_size((pooled**2).sum(), pooled.sum())),
                seed=self._seed,
            )

    def _weigh(self, moved: npt.NDArray[np.intp], thresholds: _Matrix) -> None:
        predicted = self._y_prob[moved] >= least_float32(thresholds[moved])[:, np.newaxis]
        predicted &= self._judged[moved]
        positive = self._positive[moved]
        counted = positive | predicted
        kind = np.uint8(2) - predicted - (positive & predicted)  # a hit, a false alarm, a miss
        sums = self._sums(kind, counted, 3)
        self._found[:, moved] = _totals(sums).reshape(moved.size, 3).T
        self._drawn[:, moved] = (sums @ self._weights).reshape(moved.size, 3, N_REPLICATES).transpose(1, 0, 2)
        self._by_group[moved] = by_group = self._grouped(counted)
        self._sizes[moved] = _typical(by_group)
        self._thresholds[moved] = thresholds[moved]

    def bands(self) -> Bands:
        """Where every label's curves lie, and its best threshold."""
        edges = self._edges()
        n_labels, n_edges = edges.shape
        shape = (n_labels, 2, n_edges + 1)
        sums = self._sums_by_edges_reached(edges)
        weights = np.ascontiguousarray(self._weights[:, :N_BAND_REPLICATES])
        drawn = _reaching((sums @ weights).reshape(*shape, N_BAND_REPLICATES))
        found = _reaching(_totals(sums).astype(np.float32).reshape(*shape, 1))
        rng = np.random.default_rng([self._seed, 2])
        more = rng.standard_gamma(0.5, (3, n_labels, 1, N_BAND_REPLICATES)).astype(np.float32)
        more *= _typical(self._grouped(self._positive)).astype(np.float32)[:, np.newaxis, np.newaxis]
        hits, alarms, support = drawn
        scores = _scores(hits + more[0], alarms + more[1], support + more[0] + more[2])
        scores.sort(axis=3)
        first = round((1 - LEVEL) / 2 * N_BAND_REPLICATES)
        # As in `bootstrap`, never without the value itself.
        values = _scores(*found)[..., 0]
        low, high = np.minimum(scores[..., first], values), np.maximum(scores[..., -1 - first], values)
        has_yes = self._positive.any(axis=1)
        for metric, known in enumerate((self._has_no, has_yes, self._has_no & has_yes)):
            low[metric, ~known] = high[metric, ~known] = np.nan
        best = _best(edges, _scores(*drawn)[2])
        best[~(self._has_no & has_yes)] = np.nan
        return Bands(edges, low, high, best)

    def _edges(self) -> _Matrix:
        even = np.linspace(0, 1, _N_EVEN + 1)[1:]
        shares = np.linspace(0.02, 0.98, _N_POSITIVE)
        edges = np.empty((self._y_prob.shape[0], _N_EVEN + _N_POSITIVE))
        for label, (scores, positive) in enumerate(zip(self._y_prob, self._positive, strict=True)):
            own = np.sort(scores[positive])
            at = own[np.rint(shares * (own.size - 1)).astype(np.intp)] if own.size else even
            edges[label] = np.sort(np.concatenate([even, at]))
        return edges

    def _sums_by_edges_reached(self, edges: _Matrix) -> sparse.csc_matrix:
        """Rows of each group by label, truth and number of edges reached: (n_labels * 2 * (n_edges + 1), n_groups)."""
        reached = np.zeros(self._y_prob.shape, dtype=np.uint8)
        # A comparison of all scores takes less time than to search for each of them.
        for edge in least_float32(edges).T:
            reached += self._y_prob >= edge[:, np.newaxis]
        # A negative below all edges is counted at none; a positive there is missed at all.
        counted = self._positive | (self._judged & (reached > 0))
        n_places = edges.shape[1] + 1
        return self._sums(reached + np.uint8(n_places) * self._positive, counted, 2 * n_places)

    def _sums(self, kinds: npt.NDArray[np.uint8], counted: npt.NDArray[np.bool_], n_kinds: int) -> sparse.csc_matrix:
        """Rows of each group by label and kind: (n_labels * n_kinds, n_groups).

        Parameters
        ----------
        kinds : (n_labels, n_rows), below n_kinds; counted : the same shape, False where a row is left out.
        """
        by_row = np.ascontiguousarray(counted.T)
        first = n_kinds * np.arange(kinds.shape[0], dtype=np.int32)
        places = (np.ascontiguousarray(kinds.T) + first)[by_row]
        sizes = np.add.reduceat(np.count_nonzero(by_row, axis=1), self._first)
        # One entry per row: to sum up those of a group takes longer than to weigh them one by one.
        entries = (np.ones(places.size, dtype=np.float32), places, np.concatenate([[0], sizes.cumsum()]))
        return sparse.csc_matrix(entries, shape=(first.size * n_kinds, self._first.size))

    def _grouped(self, counted: npt.NDArray[np.bool_]) -> _Floats:
        """How many rows of each group are counted: (n_labels, n_groups)."""
        return np.add.reduceat(counted, self._first, axis=1, dtype=np.float32)

    @cached_property
    def _weights(self) -> _Floats:
        rng = np.random.default_rng(self._seed)
        return rng.standard_exponential((self._first.size, N_REPLICATES), dtype=np.float32)


def _totals(sums: sparse.csc_matrix) -> npt.NDArray[np.intp]:
    """Rows at each place, whatever their group."""
    return np.bincount(sums.indices, minlength=sums.shape[0])


def _reaching(counts: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    """Hits, false alarms and support at each edge, from counts (n_labels, 2, n_edges + 1, n) by edges reached."""
    reaching = counts[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]
    return reaching[:, 1, 1:], reaching[:, 0, 1:], reaching[:, 1, :1]


def _best(edges: _Matrix, f1: _Floats) -> _Matrix:
    """Between which edges F1, (n_labels, n_edges, n_replicates), is best in 95 of 100 replicates.

    An edge stands for all thresholds between its neighbors. Where positives and negatives lie apart, F1 is as good at
    many edges, and all count.
    """
    lowest, highest = f1.argmax(axis=1), edges.shape[1] - 1 - f1[:, ::-1].argmax(axis=1)
    first = np.quantile(lowest, (1 - LEVEL) / 2, axis=1, method="nearest").astype(np.intp)
    last = np.quantile(highest, (1 + LEVEL) / 2, axis=1, method="nearest").astype(np.intp)
    labels = np.arange(edges.shape[0])
    with_ends = np.pad(edges, ((0, 0), (1, 1)), constant_values=(0.0, 1.0))
    return np.column_stack([with_ends[labels, first], with_ends[labels, last + 2]])


def _typical(by_group: _Floats) -> _Matrix:
    """How many rows the group of a row has on average, from rows by group, (n, n_groups)."""
    squares = np.einsum("lg,lg->l", by_group, by_group, dtype=np.float64)
    return typical_size(squares, by_group.sum(axis=1, dtype=np.float64))


def _scores(hits: _Floats, alarms: _Floats, support: _Floats) -> _Floats:
    """Precision, recall and F1; 0 where nothing is counted."""
    tiny = np.float32(1e-30)
    precision = hits / np.maximum(hits + alarms, tiny)
    recall = hits / np.maximum(np.broadcast_to(support, hits.shape), tiny)
    return np.stack([precision, recall, 2 * hits / np.maximum(hits + alarms + support, tiny)])
