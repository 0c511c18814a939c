"""Which transactions a threshold reaches: how many get a tag, which gain or lose it, how many have none at all.

Transactions are counted by what they have in common: the input that the head looks at and the description that memory
goes by. A million transactions are a few hundred thousand such pairs, and of one pair either all rows flip or none, but
for what a person has said about a single one of them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tagger.labels.truth import NOT_JUDGED, YES
from tagger.learning.goals import AtMostPerMonth, Solution
from tagger.learning.step_curve import least_float32
from tagger.services.columns import Columns
from tagger.services.view import View

STEPS = 1000  # of a slider, from 0 to 1
_GRID = least_float32(np.arange(STEPS + 1) / STEPS)
_NOWHERE = STEPS + 1  # the step of what has no probability

_Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Transactions counted by input and description; one without a description is a pair of its own.

    Attributes
    ----------
    input, fold : int64 (n_pairs,), places among `Tagging.probabilities` and `Columns.folds`.
    first : intp (n_pairs,), the first row of each; n_rows : int64 (n_pairs,), how many there are.
    of_row : intp (n,), each row's pair.
    nameless : intp, the pairs without a description.
    """

    input: NDArray[np.int64]
    fold: NDArray[np.int64]
    first: NDArray[np.intp]
    n_rows: _Counts
    of_row: NDArray[np.intp]
    nameless: NDArray[np.intp]

    @classmethod
    def of(cls, columns: Columns, index: NDArray[np.int32]) -> Pairs:
        """Count a store's rows.

        Parameters
        ----------
        index : int32 (n,), each row's input.
        """
        fold = columns.fold_index.astype(np.int64)
        n_folds = len(columns.folds)
        blank = columns.folds.index("") if "" in columns.folds else -1
        alone = np.flatnonzero(fold == blank)
        fold[alone] = n_folds + np.arange(alone.size)
        width = max(1, n_folds + alone.size)
        code, first, of_row, n_rows = np.unique(
            index.astype(np.int64) * width + fold, return_index=True, return_inverse=True, return_counts=True
        )
        folds = code % width
        nameless = np.flatnonzero(folds >= n_folds)
        folds[nameless] = blank
        return cls(code // width, folds, first, n_rows, of_row, nameless)

    def __len__(self) -> int:
        return self.n_rows.size


@dataclass(frozen=True)
class Moved:
    """The descriptions that gain a tag, or lose it: those with the most rows.

    Attributes
    ----------
    n_rows : that gain or lose it in all.
    counts : int64 (n,), rows of each description, the largest first.
    rows : intp (n,), the first row of each, which may stand for the others.
    probabilities : float32 (n,), of that row.
    bits : uint8, what moved, for counting together with other labels: `Reach.n_rows_of`.
    """

    n_rows: int
    counts: _Counts
    rows: NDArray[np.intp]
    probabilities: NDArray[np.float32]
    bits: NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """What all transactions show at some thresholds, verdicts and memory included."""

    n_tags: int
    n_untagged: int


class Reach:
    """One view's transactions under any thresholds. Columns are those of the view's label set."""

    def __init__(self, view: View, pairs: Pairs, scores: NDArray[np.float32]) -> None:
        """Take the view's rows.

        Parameters
        ----------
        scores : float32 (n_labels, n_inputs), the view's probabilities label by label: one moves at a time.
        """
        self._view, self._pairs, self._scores = view, pairs, scores
        # One slider moves, the others are asked about again and again.
        self._given: dict[tuple[int, float], int] = {}
        self._moved: dict[int, tuple[tuple[float, float, int], Moved]] = {}
        self._kept_to: dict[tuple[int, AtMostPerMonth], Solution | None] = {}
        self._lock = threading.Lock()  # tabs share it, and what is shown is brought up to date step by step

    @property
    def n_rows(self) -> int:
        return len(self._view.columns)

    def open_rows(self, column: int) -> _Counts:
        """How many rows of each pair the model decides: neither a verdict nor memory does. Int64 (n_pairs,)."""
        return np.where(self._open[column], self._pairs.n_rows, 0)

    @cached_property
    def at_steps(self) -> _Counts:
        """How many rows the model would give each label at thresholds 0, 0.001, … 1: int64 (n_labels, STEPS + 1)."""
        found = np.zeros((self._n_labels, STEPS + 1), dtype=np.int64)
        for column in range(self._n_labels):
            found[column] = self._falling(column, self.open_rows(column))
        return found

    def given(self, column: int, threshold: float) -> int:
        """How many rows the model gives the label at exactly this threshold."""
        if (column, threshold) not in self._given:
            pairs = self._reaching(column, threshold) & self._open[column]
            self._given[column, threshold] = int(self._pairs.n_rows[pairs].sum())
        return self._given[column, threshold]

    def keep_to(self, column: int, goal: AtMostPerMonth) -> Solution | None:
        """Where the label is suggested as often as the goal allows."""
        if (column, goal) not in self._kept_to:
            self._kept_to[column, goal] = goal.solve(self.monthly(column))
        return self._kept_to[column, goal]

    def monthly(self, column: int) -> list[NDArray[np.float32]]:
        """The label's probabilities of the dated rows that the model decides, one array per calendar month."""
        rows, months = self._dated
        scores = self._scores[column]
        rows_of_model = (self._open[column] & ~np.isnan(scores)[self._pairs.input])[self._pairs.of_row[rows]]
        rows, months = rows[rows_of_model], months[rows_of_model]
        return np.split(scores[self._view.tagging.index[rows]], np.flatnonzero(np.diff(months)) + 1)

    def moved(self, column: int, before: float, after: float, n_most: int) -> Moved:
        """What flips where a label's threshold goes from one value to another: all of it the same way.

        Parameters
        ----------
        n_most : so many descriptions are told apart.
        """
        asked = (before, after, n_most)
        known = self._moved.get(column)
        if known is None or known[0] != asked:
            # Returned from here, not from what is kept: another tab may be asking about other thresholds.
            known = asked, self._find_moved(column, before, after, n_most)
            self._moved[column] = known
        return known[1]

    def _find_moved(self, column: int, before: float, after: float, n_most: int) -> Moved:
        flipping = self._reaching(column, before) ^ self._reaching(column, after)
        flipping &= self._open[column]
        pairs = np.flatnonzero(flipping)
        counts, folds = self._pairs.n_rows[pairs], self._pairs.fold[pairs]
        n_folds = len(self._view.columns.folds)
        of_fold = np.bincount(folds, counts, minlength=n_folds).astype(np.int64)
        found = np.flatnonzero(of_fold)
        found = found[np.argsort(-of_fold[found], kind="stable")[:n_most]]
        is_found = np.zeros(n_folds, dtype=bool)
        is_found[found] = True
        shown = is_found[folds]
        first = np.full(n_folds, self.n_rows, dtype=np.intp)
        np.minimum.at(first, folds[shown], self._pairs.first[pairs[shown]])
        rows = first[found]
        scores = self._scores[column, self._view.tagging.index[rows]]
        return Moved(int(counts.sum()), of_fold[found], rows, scores, np.packbits(flipping))

    def n_rows_of(self, moved: Iterable[Moved]) -> int:
        """How many rows there are in which any of these move."""
        together = np.zeros(-(-len(self._pairs) // 8), dtype=np.uint8)
        for each in moved:
            together |= each.bits
        pairs = np.unpackbits(together, count=len(self._pairs)).astype(bool)
        return int(self._pairs.n_rows[pairs].sum())

    def shown(self, thresholds: NDArray[np.float64]) -> Shown:
        """What all transactions show at these thresholds, shape (n_labels,); NaN where no model knows the label."""
        with self._lock:
            tags, tags_judged = self._tags(thresholds)
            return Shown(
                n_tags=int(tags @ self._unjudged_rows) + int(tags_judged.sum()),
                n_untagged=int(self._unjudged_rows[tags == 0].sum()) + int(np.count_nonzero(tags_judged == 0)),
            )

    def alone_at_steps(self, thresholds: NDArray[np.float64]) -> _Counts:
        """Rows that have no other tag at these thresholds and would have this one at 0, 0.001, … 1.

        As many more rows are without a tag as fall below when one label's threshold alone rises. Int64
        (n_labels, STEPS + 1).
        """
        with self._lock:
            tags, tags_judged = self._tags(thresholds)
            found = np.zeros((self._n_labels, STEPS + 1), dtype=np.int64)
            for column, threshold in enumerate(thresholds.tolist()):
                reaching, is_open = self._reaching(column, threshold), self._open[column]
                free = np.where(is_open & (tags == (reaching & is_open)), self._unjudged_rows, 0)
                judged_open = self._open_of_judged[column]
                alone = judged_open & (tags_judged == (reaching[self._judged_pairs] & judged_open))
                free += np.bincount(self._judged_pairs[alone], minlength=len(self._pairs))
                found[column] = self._falling(column, free)
            return found

    def _tags(self, thresholds: NDArray[np.float64]) -> tuple[_Counts, _Counts]:
        """How many tags the rows of each pair and each judged row show."""
        before, tags, tags_judged = self._latest
        same = (before == thresholds) | (np.isnan(before) & np.isnan(thresholds))
        for column in np.flatnonzero(~same).tolist():
            was, will = (self._reaching(column, values[column]) for values in (before, thresholds))
            change = will.astype(np.int64) - was
            tags = tags + change * self._open[column]
            tags_judged = tags_judged + change[self._judged_pairs] * self._open_of_judged[column]
        self._latest = thresholds.copy(), tags, tags_judged
        return tags, tags_judged

    @cached_property
    def _latest(self) -> tuple[NDArray[np.float64], _Counts, _Counts]:
        """Begin where the model gives no tag: what memory and people say alone."""
        remembered, judged_rows = self._view.remembered, self._view.judged_rows
        from_memory = np.count_nonzero(remembered.y_true & remembered.judged, axis=1)
        folds = self._view.columns.fold_index[judged_rows]
        values = self._view.truth.values[judged_rows]
        answered = remembered.y_true[folds] & remembered.judged[folds] & (values == NOT_JUDGED)
        return (
            np.full(self._n_labels, np.nan),
            from_memory[self._pairs.fold],
            np.count_nonzero((values == YES) | answered, axis=1).astype(np.int64),
        )

    @cached_property
    def answered(self) -> _Counts:
        """How many rows show each label whatever the model says: people or memory answer. Int64 (n_labels,)."""
        remembered, rows = self._view.remembered, self._view.judged_rows
        values, folds = self._view.truth.values[rows], self._view.columns.fold_index[rows]
        from_memory = remembered.y_true & remembered.judged
        unjudged = np.bincount(self._pairs.fold, self._unjudged_rows, minlength=len(from_memory))
        of_judged = (values == YES) | (from_memory[folds] & (values == NOT_JUDGED))
        return np.asarray(unjudged.astype(np.int64) @ from_memory + np.count_nonzero(of_judged, axis=0))

    @cached_property
    def _judged_pairs(self) -> NDArray[np.intp]:
        return self._pairs.of_row[self._view.judged_rows]

    @cached_property
    def _open_of_judged(self) -> NDArray[np.bool_]:
        """Bool (n_labels, n_judged_rows): the model decides, although something else of the row is judged."""
        rows = self._view.judged_rows
        known = self._view.remembered.judged[self._view.columns.fold_index[rows]]
        return np.asarray(((self._view.truth.values[rows] == NOT_JUDGED) & ~known).T)

    @cached_property
    def _unjudged_rows(self) -> _Counts:
        """Rows of each pair that nobody has judged anything of."""
        return self._pairs.n_rows - np.bincount(self._judged_pairs, minlength=len(self._pairs))

    @cached_property
    def _open(self) -> NDArray[np.bool_]:
        """Bool (n_labels, n_pairs): the model decides.

        Memory does not answer, nor is there a verdict on the only row where there is nothing to remember.
        """
        known = np.ascontiguousarray(self._view.remembered.judged.T)
        is_open = np.empty((self._n_labels, len(self._pairs)), dtype=bool)
        for column in range(self._n_labels):
            np.logical_not(known[column][self._pairs.fold], out=is_open[column])
        nameless = self._pairs.nameless
        is_open[:, nameless] &= self._view.truth.values[self._pairs.first[nameless]].T == NOT_JUDGED
        return is_open

    @property
    def _n_labels(self) -> int:
        return int(self._scores.shape[0])

    def _reaching(self, column: int, threshold: float) -> NDArray[np.bool_]:
        """Bool (n_pairs,); nothing reaches NaN."""
        least = least_float32(np.array([threshold]))[0]
        return np.asarray((self._scores[column] >= least)[self._pairs.input])

    def _falling(self, column: int, rows: _Counts) -> _Counts:
        """Rows of pairs that reach each step."""
        at = np.bincount(self._step_of_input(column)[self._pairs.input], rows, minlength=_NOWHERE + 1)
        return at[STEPS::-1].cumsum()[::-1].astype(np.int64)

    def _step_of_input(self, column: int) -> NDArray[np.int64]:
        """The highest step that each input reaches."""
        scores = self._scores[column]
        unknown = np.isnan(scores)
        step = np.clip(np.where(unknown, 0, scores) * np.float32(STEPS), 0, STEPS).astype(np.int64)
        # The product is rounded: it may be one step off.
        step -= scores < _GRID[step]
        step += (step < STEPS) & (scores >= _GRID[np.minimum(step + 1, STEPS)])
        step[unknown] = _NOWHERE
        return step

    @cached_property
    def _dated(self) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """The rows that have a date, month by month; and the month of each."""
        days = self._view.columns.days
        rows = np.flatnonzero(days)
        seen, index = np.unique(days[rows], return_inverse=True)
        months = np.array([_month(date.fromordinal(day)) for day in seen.tolist()], dtype=np.int32)[index]
        order = np.argsort(months, kind="stable")
        return rows[order], months[order]


def _month(on: date) -> int:
    return 12 * on.year + on.month
