"""Where a label's probability becomes a tag. A probability equal to the threshold counts as present (`>=`).

Choosers only ever see probabilities that they are given; callers give out-of-fold ones, never those of rows the head
was fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tagger.errors import SettingError
from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector

DEFAULT_THRESHOLD = 0.5  # where a calibrated probability says "more likely than not"

# Tuned from a handful of positives, rare labels were over-tagged fifty-fold (10 tags a row where truth had 1.8).
MIN_POSITIVE_GROUPS = 10

# The grid of the original recipe: 0.10, 0.15, …, 0.90.
GRID: tuple[float, ...] = tuple(round(0.1 + 0.05 * step, 2) for step in range(17))

FloatVector = npt.NDArray[np.float64]


class Chooser(Protocol):
    """A way to choose one threshold per label."""

    @property
    def tunes(self) -> bool:
        """Whether it looks at the data; if not, its value holds for every label, however rare."""

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> FloatVector:
        """One threshold per label, shape (n_labels,); NaN for a label without a judged positive.

        Parameters
        ----------
        y_true, judged : bool arrays, shape (n_transactions, n_labels)
        y_prob : float32 array of the same shape
        """


@dataclass(frozen=True)
class FixedChooser:
    """The same threshold for every label."""

    value: float = DEFAULT_THRESHOLD
    tunes = False

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> FloatVector:
        _check_shapes(y_true, y_prob, judged)
        return np.full(y_true.shape[1], self.value)


@dataclass(frozen=True)
class GridChooser:
    """The best F1 among the 17 points of the original recipe, which compared with `>` instead of `>=`.

    Among points of equal F1 the one nearest to 0.5 is taken, then the lower one: a label whose positives and negatives
    lie far apart keeps its distance from both.
    """

    tunes = True

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> FloatVector:
        _check_shapes(y_true, y_prob, judged)
        return _each_label(y_true, y_prob, judged, _grid_points)


@dataclass(frozen=True)
class ExactChooser:
    """The best F1 among all distinct scores, placed midway between the two neighbouring scores.

    Midway, rounding a score does not flip its decision. Below the lowest score, midway to 0. Equal F1: as in the grid.
    """

    tunes = True

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> FloatVector:
        _check_shapes(y_true, y_prob, judged)
        return _each_label(y_true, y_prob, judged, _positive_scores)


def parse_chooser(text: str) -> Chooser:
    """The chooser named by `fixed:0.5`, `grid`, `exact` or `auto` (the grid).

    Raises
    ------
    SettingError
        If there is no such chooser, or the fixed value is not from 0 to 1.
    """
    hint = "Choose auto, grid, exact, or fixed: with a value from 0 to 1, such as fixed:0.5."
    word, _, value = text.strip().casefold().partition(":")
    if word == "fixed":
        try:
            threshold = float(value)
        except ValueError:
            threshold = -1.0
        if not 0 <= threshold <= 1:
            raise SettingError(f"{value!r} is no threshold.", hint=hint)
        return FixedChooser(threshold)
    choosers: dict[str, Chooser] = {"auto": GridChooser(), "grid": GridChooser(), "exact": ExactChooser()}
    if value or word not in choosers:
        raise SettingError(f"Unknown way to choose thresholds: {text!r}.", hint=hint)
    return choosers[word]


@dataclass(frozen=True)
class ChosenThreshold:
    """A label's threshold, whether it was tuned, and on how many distinct descriptions that have the label."""

    value: float
    tuned: bool
    n_positive_groups: int


def choose_thresholds(
    y_true: BoolMatrix,
    y_prob: FloatMatrix,
    judged: BoolMatrix,
    groups: IntVector,
    chooser: Chooser,
    *,
    default: float = DEFAULT_THRESHOLD,
    min_groups: int = MIN_POSITIVE_GROUPS,
) -> list[ChosenThreshold]:
    """Choose one threshold per label; a label with little evidence keeps the default and says so.

    Parameters
    ----------
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
    y_prob : float32 array of the same shape
        Out-of-fold probabilities.
    groups : int64 array, shape (n_transactions,)
        Equal descriptions have equal numbers.
    min_groups : int
        Distinct descriptions with a judged positive that a label needs to be tuned.
    """
    _check_shapes(y_true, y_prob, judged)
    if groups.shape != y_true.shape[:1]:
        raise ValueError(f"{groups.shape} groups for {y_true.shape} verdicts.")
    counts = positive_groups(y_true, judged, groups)
    enough = counts >= max(min_groups, 1)
    values = np.full(y_true.shape[1], default)
    considered = enough if chooser.tunes else np.ones_like(enough)
    if considered.any():
        values[considered] = chooser.choose(y_true[:, considered], y_prob[:, considered], judged[:, considered])
    return [
        ChosenThreshold(float(value), bool(chooser.tunes and is_enough), int(count))
        for value, is_enough, count in zip(values, enough, counts, strict=True)
    ]


def positive_groups(y_true: BoolMatrix, judged: BoolMatrix, groups: IntVector) -> IntVector:
    """How many distinct groups have a judged positive, per label: int64 array, shape (n_labels,)."""
    positive = y_true & judged
    return np.array([np.unique(groups[column]).size for column in positive.T], dtype=np.int64)


def apply_thresholds(y_prob: FloatMatrix, thresholds: Sequence[float] | FloatVector) -> BoolMatrix:
    """Which probabilities are tags: `probability >= threshold`, compared as 64-bit numbers.

    A browser and SQL compare 64-bit numbers. NumPy would round the threshold to the probabilities' 32 bits first, so
    that 0.7 as a probability (0.69999999 in 32 bits) would reach a threshold of 0.7 here and miss it there.

    Parameters
    ----------
    y_prob : float32 array, shape (n_transactions, n_labels)
    thresholds : n_labels numbers

    Returns
    -------
    bool array, shape (n_transactions, n_labels)
    """
    exact = np.asarray(thresholds, dtype=np.float64)
    if exact.shape != y_prob.shape[1:]:
        raise ValueError(f"{exact.shape} thresholds for {y_prob.shape} probabilities.")
    if y_prob.dtype != np.float32:
        return np.asarray(y_prob >= exact)
    # The smallest 32-bit number that reaches the threshold stands for it; the matrix stays at half the memory.
    reached = exact.astype(np.float32)
    reached = np.where(reached < exact, np.nextafter(reached, np.float32(np.inf)), reached)
    return np.asarray(y_prob >= reached)


# From a label's scores, all and those of positives, both ascending: where to cut, and the thresholds that cut there.
_Candidates = Callable[[FloatVector, FloatVector], tuple[FloatVector, FloatVector]]


def _grid_points(_everything: FloatVector, _positives: FloatVector) -> tuple[FloatVector, FloatVector]:
    points = np.array(GRID)
    return points, points


def _positive_scores(everything: FloatVector, positives: FloatVector) -> tuple[FloatVector, FloatVector]:
    # Lowering a threshold onto a negative's score adds false positives only: the optimum is a positive's score.
    cuts = np.unique(positives)
    below = np.searchsorted(everything, cuts, side="left")
    neighbours = np.where(below > 0, everything[below - 1], 0.0)
    return cuts, (cuts + neighbours) / 2


def _each_label(y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix, candidates: _Candidates) -> FloatVector:
    chosen = np.full(y_true.shape[1], np.nan)
    for label in range(y_true.shape[1]):
        rows = judged[:, label]
        # Sorted as 32-bit numbers, which is several times faster, then compared as 64-bit ones.
        scores = np.sort(y_prob[rows, label]).astype(np.float64)
        positives = np.sort(y_prob[rows & y_true[:, label], label]).astype(np.float64)
        if not positives.size:
            continue
        cuts, values = candidates(scores, positives)
        hits = positives.size - np.searchsorted(positives, cuts, side="left")
        predicted = scores.size - np.searchsorted(scores, cuts, side="left")
        f1 = 2 * hits / (predicted + positives.size)
        tied = values[f1 == f1.max()]
        distance = np.abs(tied - DEFAULT_THRESHOLD)
        # Rounded, since 0.65 and 0.35 are not equally far from 0.5 in binary.
        chosen[label] = tied[np.argmin(np.round(distance, 12))]
    return chosen


def _check_shapes(y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> None:
    if not y_true.shape == y_prob.shape == judged.shape:
        raise ValueError(f"Shapes differ: {y_true.shape}, {y_prob.shape}, {judged.shape}.")
