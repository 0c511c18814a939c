"""Whether probabilities can be believed: of the rows given 70 %, about seven in ten should have the label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from tagger.learning.bootstrap import LEVEL, Interval
from tagger.learning.metrics import IntVector

BoolVector = npt.NDArray[np.bool_]
FloatVector = npt.NDArray[np.float32]

MAX_BINS = 10
MIN_ROWS = 20  # in a bin; of fewer, a share says little


@dataclass(frozen=True)
class Bin:
    """Rows with similar probabilities.

    Attributes
    ----------
    low, high : the lowest and highest probability in it; mean : their mean.
    share : of its rows that have the label.
    interval : 95 % by Jeffreys (Brown, Cai & DasGupta 2001, doi:10.1214/ss/1009213286), of as many rows as the bin is
        worth: rows of one description stand or fall together (the effective sample size of Kish 1965).
    """

    low: float
    high: float
    mean: float
    share: float
    interval: Interval
    n_rows: int


@dataclass(frozen=True)
class Calibration:
    """A reliability diagram (DeGroot & Fienberg 1983, doi:10.2307/2987588) and what sums it up.

    Attributes
    ----------
    bins : of about equally many rows each, ascending; equal probabilities share one.
    gap : mean distance between probability and share, weighted by rows (expected calibration error); None without rows.
    brier : mean squared distance between probability and truth (Brier 1950); None without rows.
    """

    bins: tuple[Bin, ...]
    gap: float | None
    brier: float | None


def calibration(y_true: BoolVector, y_prob: FloatVector, groups: IntVector) -> Calibration:
    """How far a label's out-of-fold probabilities are to be believed.

    Parameters
    ----------
    y_true : bool (n_judged,); y_prob : float32 (n_judged,)
    groups : int64 (n_judged,), equal descriptions have equal numbers.
    """
    if not y_prob.size:
        return Calibration((), None, None)
    order = np.argsort(y_prob, kind="stable")
    scores, truth, groups = y_prob[order].astype(np.float64), y_true[order], groups[order]
    n_bins = max(1, min(MAX_BINS, scores.size // MIN_ROWS))
    wanted = np.linspace(0, scores.size, n_bins + 1).round().astype(np.intp)[1:-1]
    # Equal scores stay together: a border among them moves to the nearer end that leaves rows on both sides.
    first, end = (np.searchsorted(scores, scores[wanted], side=side) for side in ("left", "right"))
    starts = np.where(((wanted - first <= end - wanted) & (first > 0)) | (end == scores.size), first, end)
    starts = np.unique(np.concatenate([[0], starts]))
    bins = [
        _bin(scores[start:end], truth[start:end], groups[start:end])
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), scores.size], strict=True)
    ]
    gap = sum(each.n_rows * abs(each.mean - each.share) for each in bins) / scores.size
    return Calibration(tuple(bins), float(gap), float(np.mean((scores - truth) ** 2)))


def _bin(scores: npt.NDArray[np.float64], truth: BoolVector, groups: IntVector) -> Bin:
    hits, n_rows = int(np.count_nonzero(truth)), int(truth.size)
    sizes = np.unique(groups, return_counts=True)[1].astype(np.float64)
    worth = float(sizes.sum() ** 2 / (sizes**2).sum()) / n_rows
    low, high = betaincinv(worth * hits + 0.5, worth * (n_rows - hits) + 0.5, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Bin(
        low=float(scores[0]),
        high=float(scores[-1]),
        mean=float(scores.mean()),
        share=hits / n_rows,
        # A share of 0 or 1 is in its own interval (Brown, Cai & DasGupta 2001).
        interval=(0.0 if hits == 0 else float(low), 1.0 if hits == n_rows else float(high)),
        n_rows=n_rows,
    )
