"""Which verdicts are likely slips, where equal descriptions disagree, and which labels nearly say the same."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector

Float64Matrix = npt.NDArray[np.float64]
FloatVector = npt.NDArray[np.float64]

UNKNOWN = 0.5  # what a model that does not know says
# No verdict counts as surer to be wrong than this. Without it one cell that a head is very sure of outweighs two that
# speak for one tag taken for another, which is how people err. Decision 0030 has the measurements.
FLOOR = 0.02
ALIKE_ROWS = 0.8  # of the rows with either label have both
MIN_ALIKE = 5  # rows with either label; of fewer, all may be alike by chance
ALIKE_PROBABILITIES = 0.7
_AT_ONCE = 10_000  # rows whose probabilities stay in the processor's cache while all pairs of labels are compared
ALIKE_NAMES = 0.85  # "grocery" and "groceries" reach .75 as they stand, 1 without their endings


@dataclass(frozen=True)
class Others:
    """What the other judged rows of a row's group say.

    Attributes
    ----------
    n_yes, n_judged : int32 (n, n_labels); the row's own verdict is not among them.
    """

    n_yes: npt.NDArray[np.int32]
    n_judged: npt.NDArray[np.int32]


@dataclass(frozen=True)
class AlikePair:
    """Two labels that nearly say the same; `first` and `second` are columns.

    `n_both` and `n_either` count rows on which both are judged. `probabilities` is the share that the two labels'
    probabilities have in common, None where there are none.
    """

    first: int
    second: int
    n_both: int
    n_either: int
    by_name: bool
    probabilities: float | None


def others(y_true: BoolMatrix, judged: BoolMatrix, groups: IntVector) -> Others:
    """Count the verdicts on a row's group without its own.

    Parameters
    ----------
    y_true, judged : bool (n, n_labels)
    groups : int64 (n,), equal numbers for equal descriptions.
    """
    _, place, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    # Most cells are judged "no": counting the others touches few.
    n_yes = _among_others(y_true & judged, place, sizes.size)
    n_missing = _among_others(~judged, place, sizes.size)
    return Others(n_yes, (sizes[place, np.newaxis] - 1).astype(np.int32) - n_missing)


def _among_others(cells: BoolMatrix, place: npt.NDArray[np.intp], n_groups: int) -> npt.NDArray[np.int32]:
    """Int32 (n, n_labels): how many of the other rows of a row's group have a cell."""
    n_labels = cells.shape[1]
    rows, columns = np.nonzero(cells)
    counts = np.bincount(place[rows] * n_labels + columns, minlength=n_groups * n_labels)
    return counts.astype(np.int32).reshape(n_groups, n_labels)[place] - cells


def confidence(y_true: BoolMatrix, judged: BoolMatrix, y_prob: FloatMatrix, equal: Others) -> Float64Matrix:
    """How much speaks for each verdict: the probability that it is what model and equal rows together would say.

    The model's probability counts as one verdict among those on equal descriptions (the mean of a beta distribution
    with that prior). Self-confidence, the case without equal rows, is that of Northcutt et al. 2021
    (arXiv:1911.00068); its thresholds by class made the order worse here.

    Parameters
    ----------
    y_prob : float32 (n, n_labels), out of fold; NaN where no model that has not learned from the row can say.

    Returns
    -------
    float64 (n, n_labels); NaN where the cell is not judged, or where neither a model nor an equal row knows anything.
    """
    unknown = np.isnan(y_prob)
    said = (np.where(unknown, UNKNOWN, y_prob.astype(np.float64)) + equal.n_yes) / (1.0 + equal.n_judged)
    result = np.where(y_true, said, 1.0 - said)
    result[~judged | (unknown & (equal.n_judged == 0))] = np.nan
    return np.asarray(result, dtype=np.float64)


def suspicion(confident: Float64Matrix, y_true: BoolMatrix) -> FloatVector:
    """How much speaks against a row: its least likely yes and its least likely no.

    Both together, because the commonest slip is one tag in the place of another.

    Returns
    -------
    float64 (n,), at least 0; 0 where nothing speaks against it.
    """
    against = -np.log((np.nan_to_num(confident, nan=1.0) + FLOOR) / (1.0 + FLOOR))
    if not against.shape[1]:
        return np.zeros(against.shape[0])
    yes, no = np.where(y_true, against, 0.0), np.where(y_true, 0.0, against)
    return np.asarray(yes.max(axis=1) + no.max(axis=1), dtype=np.float64)


def outvoted(y_true: BoolMatrix, judged: BoolMatrix, equal: Others) -> BoolMatrix:
    """Bool (n, n_labels): verdicts that at most half of the group's share, where the group disagrees."""
    n_yes = equal.n_yes + (y_true & judged)
    n_all = equal.n_judged + judged
    n_same = np.where(y_true, n_yes, n_all - n_yes)
    return np.asarray(judged & (n_same < n_all) & (2 * n_same <= n_all), dtype=np.bool_)


def alike(y_true: BoolMatrix, judged: BoolMatrix, y_prob: FloatMatrix, names: list[str]) -> list[AlikePair]:
    """Pairs of labels that nearly have the same rows, the same probabilities or the same name.

    Parameters
    ----------
    y_true, judged : bool (n, n_labels)
    y_prob : float32 (n, n_labels), out of fold; NaN in whole rows and columns of which nothing is known.

    Returns
    -------
    The surest pairs first: equal names, then those that share most rows, then most probability.
    """
    yes = (y_true & judged).astype(np.float32)  # exact up to 16 million rows
    known = judged.astype(np.float32)
    both = yes.T @ yes
    has_first = yes.T @ known  # rows with the first label on which the second is judged, too
    either = has_first + has_first.T - both
    shared = _shared(y_prob)
    stems = [_stem(name) for name in names]
    found = []
    for first, second in combinations(range(len(names)), 2):
        n_both, n_either = int(both[first, second]), int(either[first, second])
        by_name = _nearly_equal(stems[first], stems[second])
        probable = None if np.isnan(shared[first, second]) else float(shared[first, second])
        enough = n_either >= MIN_ALIKE
        together = n_both >= ALIKE_ROWS * n_either or (probable or 0.0) >= ALIKE_PROBABILITIES
        if by_name or (enough and together):
            found.append(AlikePair(first, second, n_both, n_either, by_name, probable))
    return sorted(
        found, key=lambda pair: (not pair.by_name, -pair.n_both / max(1, pair.n_either), -(pair.probabilities or 0.0))
    )


def _shared(y_prob: FloatMatrix) -> Float64Matrix:
    """The part of two labels' probabilities that they have in common, 0 to 1 (Ružička similarity); NaN where unknown.

    Returns
    -------
    float64 (n_labels, n_labels), filled above the diagonal.
    """
    known = ~np.isnan(y_prob)
    columns = np.flatnonzero(known.any(axis=0))
    by_label = np.ascontiguousarray(y_prob[known.any(axis=1)][:, columns].T)
    least = np.zeros((columns.size, columns.size))
    for part in np.array_split(by_label, by_label.shape[1] // _AT_ONCE + 1, axis=1):
        for place in range(columns.size):
            least[place, place + 1 :] += np.minimum(part[place], part[place + 1 :]).sum(axis=1)
    sums = by_label.sum(axis=1, dtype=np.float64)
    most = np.add.outer(sums, sums) - least
    result = np.full((y_prob.shape[1], y_prob.shape[1]), np.nan)
    result[np.ix_(columns, columns)] = np.divide(least, most, out=np.zeros_like(least), where=most > 0)
    return result


def _nearly_equal(first: str, second: str) -> bool:
    match = SequenceMatcher(None, first, second)
    # The upper bounds cost a tenth of the ratio, and most pairs of names do not reach them.
    return match.real_quick_ratio() >= ALIKE_NAMES <= match.quick_ratio() and match.ratio() >= ALIKE_NAMES


def _stem(name: str) -> str:
    """A name without punctuation and plural endings, its words in the order of the alphabet."""
    words = "".join(letter if letter.isalnum() else " " for letter in name.casefold()).split()
    return " ".join(sorted(_singular(word) for word in words))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > len("pies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word
