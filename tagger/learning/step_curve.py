"""One label's counts at every threshold: an exact step function over all its distinct scores.

Scores are sorted once. From then on the counts at a threshold are a search, and the best threshold is found among the
scores of positives alone: lowering a threshold onto a negative's score adds nothing but a false alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tagger.learning.metrics import BoolMatrix, FloatMatrix

FloatVector = npt.NDArray[np.float64]
IntVector = npt.NDArray[np.int64]
_Keys = npt.NDArray[np.uint32]

_BITS_OF_ONE = np.float32(1).view(np.uint32)
_LEFT_OUT = np.uint32(0xFFFF_FFFF)  # above every score's key, so that it sorts last


@dataclass(frozen=True)
class Cuts:
    """Where a threshold can lie to some purpose: at each distinct score of a positive, ascending.

    Attributes
    ----------
    thresholds : float64 (n_cuts,), midway between the score and the next lower one, so that rounding a score does not
        flip its decision; below the lowest score, midway to 0.
    hits, given : int64 (n_cuts,), how many positives and how many rows reach it.
    """

    thresholds: FloatVector
    hits: IntVector
    given: IntVector


@dataclass(frozen=True, eq=False)
class StepCurve:
    """One label's judged rows, by their scores. `step_curves` makes them.

    Attributes
    ----------
    keys : uint32 (n_judged,), ascending: a score's bits, then one bit of truth. Scores from 0 up sort as their bits do,
        and integers sort several times faster than pairs.
    """

    keys: _Keys

    @property
    def n_judged(self) -> int:
        return self.keys.size

    @property
    def n_positive(self) -> int:
        return self._places.size

    @property
    def is_two_sided(self) -> bool:
        """Somebody said yes to it and somebody no; without that no threshold is better than another."""
        return 0 < self.n_positive < self.n_judged

    @cached_property
    def scores(self) -> npt.NDArray[np.float32]:
        """Float32 (n_judged,), ascending."""
        return (self.keys >> np.uint32(1)).view(np.float32)

    @cached_property
    def truth(self) -> npt.NDArray[np.bool_]:
        """Bool (n_judged,), in the order of `scores`."""
        return (self.keys & np.uint32(1)).astype(np.bool_)

    @cached_property
    def cuts(self) -> Cuts:
        """The thresholds worth trying; none without a positive."""
        at_positive = self.keys[self._places]
        lowest = np.empty(at_positive.size, dtype=np.bool_)  # of positives with the same score
        lowest[:1] = True
        np.not_equal(at_positive[1:], at_positive[:-1], out=lowest[1:])
        reached, first = at_positive[lowest], self._places[lowest]
        # Negatives with the same score come right before it; where there are none, nothing is to be searched.
        tied = first > 0
        tied &= self.keys[first - 1] >> np.uint32(1) == reached >> np.uint32(1)
        first[tied] = np.searchsorted(self.keys, reached[tied] - np.uint32(1))
        scores = (reached >> np.uint32(1)).view(np.float32).astype(np.float64)
        below = (self.keys[first - 1] >> np.uint32(1)).view(np.float32).astype(np.float64)
        below[first == 0] = 0.0
        return Cuts(
            thresholds=(scores + below) / 2,
            hits=self.n_positive - np.flatnonzero(lowest),
            given=self.n_judged - first,
        )

    def counts(self, thresholds: npt.ArrayLike) -> tuple[IntVector, IntVector]:
        """How many positives and how many rows reach each threshold: two int64 arrays, shape as given.

        A score equal to the threshold reaches it.
        """
        reached = least_float32(np.asarray(thresholds, dtype=np.float64))
        # Above all scores that fit into a key nothing is reached; 0 and below are reached by all.
        bits = np.clip(reached, 0, np.float32(2)).view(np.uint32) << np.uint32(1)
        first = np.searchsorted(self.keys, bits)
        return self.n_positive - np.searchsorted(self._places, first), self.n_judged - first

    @cached_property
    def _places(self) -> npt.NDArray[np.intp]:
        # Found among bytes in a quarter of the time.
        return np.flatnonzero((self.keys.astype(np.uint8) & np.uint8(1)).view(np.bool_))


def step_curves(y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> list[StepCurve]:
    """One curve per label.

    Parameters
    ----------
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
        Rows where `judged` is False are left out.
    y_prob : float32 array of the same shape, from 0 to 1 where judged

    Raises
    ------
    ValueError
        If the shapes differ, or a judged score is no number from 0 to 1.
    """
    if not y_true.shape == y_prob.shape == judged.shape or y_true.ndim != 2:
        raise ValueError(f"Shapes differ: {y_true.shape}, {y_prob.shape}, {judged.shape}.")
    scores = np.array(y_prob.T, dtype=np.float32, order="C")
    scores += np.float32(0)  # minus 0 has other bits than 0
    keys = scores.view(np.uint32)
    left_out = None if judged.all() else ~judged.T
    if left_out is not None:
        keys[left_out] = 0
    # Negative numbers and NaN have higher bits than 1 has.
    if keys.max(initial=0) > _BITS_OF_ONE:
        raise ValueError("A judged score is no number from 0 to 1.")
    keys <<= np.uint32(1)
    keys |= y_true.T
    if left_out is not None:
        keys[left_out] = _LEFT_OUT
    keys.sort(axis=1)
    return [StepCurve(row[: np.searchsorted(row, _LEFT_OUT)]) for row in keys]


def least_float32(values: FloatVector) -> npt.NDArray[np.float32]:
    """The smallest 32-bit numbers that are not below these 64-bit ones."""
    rounded = values.astype(np.float32)
    return np.where(rounded < values, np.nextafter(rounded, np.float32(np.inf)), rounded)
