"""What to label next: descriptions that stand for many rows, about which little is known, and not twice the same.

A judged description says something about those near it. So the queue covers the store: greedy facility location, where
a description weighs as much as it has rows and as the model is in doubt about it. Decision 0025 has the measurements.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector

FloatVector = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

AUDIT_EVERY = 10  # one pick in ten is drawn at random
ROWS_POWER = 0.75  # 0.5 and 1 are as good within .01 macro-F1; without the rows it is worse than picking at random
LABEL_ROWS_POWER = 0.5  # for one label: finding its examples matters more than how many rows they stand for
# Descriptions that are compared with each other, so that 120,000 of them take no longer than 10,000: those that weigh
# most, and as many drawn from the rest to speak for it. Without the rest, what nobody would look at first is not found.
HEAVIEST, DRAWN = 2_000, 2_000
MOST_KNOWN = 10_000  # judged descriptions that are compared with them
WORTH_NAMING = 0.15  # a probability; nobody takes less for a doubt
_AT_ONCE = 2_000  # bounds the memory of a comparison to 32 MB


@dataclass(frozen=True)
class Chosen:
    """A place among the candidates, and how near (0 to 1) the nearest one is that was judged or chosen before it.

    `nearness` is None for a description without an embedding.
    """

    place: int
    nearness: float | None


def uncertainty(y_prob: FloatMatrix, is_open: BoolMatrix) -> FloatVector:
    """How little a model knows of each description: binary entropy in bits, summed over the labels still open.

    Parameters
    ----------
    y_prob : float32 array, shape (n_descriptions, n_labels)
        NaN where no model says anything.
    is_open : bool array of the same shape
        Labels that nobody has judged on the description.

    Returns
    -------
    float64 array, shape (n_descriptions,). A description of which nothing is predicted has the mean of the others; if
    that is all of them, also for want of labels, 1.
    """
    asked = is_open & np.isfinite(y_prob)
    doubt = np.where(asked, entropy(np.where(asked, y_prob, 0.0)), 0.0).sum(axis=1)
    silent = ~np.isfinite(y_prob).any(axis=1)
    doubt[silent] = doubt[~silent].mean() if not silent.all() else 1.0
    return np.asarray(doubt, dtype=np.float64)


def entropy(probability: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Binary entropy in bits: 0 at 0 and 1, 1 at a half."""
    p = np.clip(probability.astype(np.float64), 1e-7, 1 - 1e-7)
    return np.asarray(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)), dtype=np.float64)


def likeness(vectors: FloatMatrix, models: FloatMatrix) -> FloatVector:
    """How much each of n vectors resembles the nearest of some models, float64 (n,) from 0 to 1.

    The fourth power of the cosine: only the nearest few count, as with the probability of a rare label.
    """
    lengths = [np.maximum(np.linalg.norm(each, axis=1, keepdims=True), 1e-12) for each in (vectors, models)]
    cosine = (vectors / lengths[0]) @ (models / lengths[1]).T
    return np.asarray(np.clip(cosine.max(axis=1), 0, 1).astype(np.float64) ** 4)


def weights(value: FloatVector, n_rows: IntVector, *, power: float = ROWS_POWER) -> FloatVector:
    """What a description weighs: the value of a verdict on it, and its rows with diminishing returns."""
    return np.asarray(value * n_rows.astype(np.float64) ** power)


def spread(
    weight: FloatVector, vectors_of: Callable[[Places], FloatMatrix], n_picks: int, *, known: FloatMatrix, seed: int
) -> list[Chosen]:
    """Pick the descriptions that say most about all others: greedy facility location (Nemhauser, Wolsey & Fisher 1978).

    A description is covered as far as the nearest judged or picked one resembles it; a pick gains the weight that it
    covers anew. Gains only shrink, so most need not be computed again (Minoux 1978).

    Parameters
    ----------
    weight : float64 array, shape (n_descriptions,)
        Not negative.
    vectors_of : called with the descriptions that are compared
        Their embeddings, float32 (n, d); a row of zeros resembles nothing.
    known : float32 array, shape (n_judged, d)
        Embeddings of descriptions that are judged already; the first 10,000 are looked at.
    seed : draws those that speak for the rest.

    Returns
    -------
    At most `n_picks`, the best first; fewer when there are no more descriptions.
    """
    looked_at, scaled = _looked_at(weight, seed)
    known = known[:MOST_KNOWN]
    if not looked_at.size:
        return []
    vectors = vectors_of(looked_at)
    centre = np.concatenate([vectors, known]).mean(axis=0)
    points = _directions(vectors, centre)
    resemblance = _resemblance(points, points)
    # Whoever speaks for the rest is one description all the same: picking it gains its own weight only.
    np.fill_diagonal(resemblance, weight[looked_at] / np.maximum(scaled, 1e-12))
    covered = np.zeros(looked_at.size, dtype=np.float32)
    directions = _directions(known, centre)
    for start in range(0, directions.shape[0], _AT_ONCE):
        some = directions[start : start + _AT_ONCE]
        covered = np.maximum(covered, _resemblance(points, some).max(axis=1))

    def gain(place: int) -> float:
        return float(scaled @ np.maximum(resemblance[place] - covered, 0))

    heap = [(-gain(place), place) for place in range(looked_at.size)]
    heapq.heapify(heap)
    picks: list[Chosen] = []
    while heap and len(picks) < n_picks:
        _, place = heapq.heappop(heap)
        now = -gain(place)
        if heap and now > heap[0][0]:
            heapq.heappush(heap, (now, place))
            continue
        # Resemblance is the squared cosine.
        nearness = float(np.sqrt(covered[place])) if points[place].any() else None
        picks.append(Chosen(int(looked_at[place]), nearness))
        covered = np.maximum(covered, resemblance[place])
    return picks


def doubtful_labels(y_prob: FloatMatrix, thresholds: FloatVector, is_open: BoolMatrix) -> list[list[int]]:
    """Per description the one or two labels that the model can least decide; none where it is sure.

    A threshold is where a decision turns, so probabilities are stretched to have it at a half; from a quarter to three
    quarters counts as undecided. Of a rare label, whose threshold lies low, next to every description would: below
    `WORTH_NAMING` only labels that are given count.

    Parameters
    ----------
    y_prob, is_open : as for `uncertainty`
    thresholds : float64 array, shape (n_labels,)
        NaN where no model knows the label.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        stretched = np.where(y_prob < thresholds, y_prob / (2 * thresholds), 1 - (1 - y_prob) / (2 * (1 - thresholds)))
        distance = np.abs(stretched - 0.5)
    named = y_prob >= np.minimum(np.nan_to_num(thresholds, nan=1.0), WORTH_NAMING)
    distance = np.where(is_open & named & (distance <= 0.25), distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, :2]
    return [
        [label for label in labels if np.isfinite(distance[row, label])] for row, labels in enumerate(order.tolist())
    ]


def random_order(keys: IntVector, seed: int) -> Places:
    """An order drawn from a seed that stays when others come or go: by a hash of each key (splitmix64).

    Parameters
    ----------
    keys : int64 array, shape (n,)
        Not negative, each once.
    """
    start = ((seed + 1) * 0x9E3779B97F4A7C15) % 2**64
    mixed = keys.astype(np.uint64) * np.uint64(0xD1342543DE82EF95) + np.uint64(start)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.argsort(mixed ^ (mixed >> np.uint64(31)), kind="stable")


def mix(
    chosen: Sequence[int], audit: Sequence[int], n_picks: int, *, group: npt.NDArray[np.integer]
) -> list[tuple[int, bool]]:
    """Chosen rows, and in the middle of every ten one from `audit`: (row, whether it is an audit pick).

    A description is asked about once: a chosen row gives way to an audit pick of its group, never the other way
    round, or what is chosen would bend what is drawn.

    Parameters
    ----------
    group : int array, the group of every row that `chosen` and `audit` name
    """
    drawn = list(audit[: _n_audit(n_picks)])
    while True:
        taken = set(group[drawn].tolist()) if drawn else set()
        rest = [row for row in chosen if group[row] not in taken]
        n_used = _n_audit(min(n_picks, len(rest) + len(drawn)))
        if n_used >= len(drawn):
            break
        drawn = drawn[:n_used]
    picks: list[tuple[int, bool]] = [(row, False) for row in rest[: n_picks - len(drawn)]]
    for number, row in enumerate(drawn):
        picks.insert(number * AUDIT_EVERY + AUDIT_EVERY // 2 - 1, (row, True))
    return picks


def _n_audit(n_picks: int) -> int:
    return (n_picks + AUDIT_EVERY // 2) // AUDIT_EVERY


def _looked_at(weight: FloatVector, seed: int) -> tuple[Places, npt.NDArray[np.float32]]:
    """Which descriptions are compared, and what they weigh: those drawn from the rest carry all its weight."""
    order = np.argsort(-weight, kind="stable")
    if order.size <= HEAVIEST + DRAWN:
        return order, weight[order].astype(np.float32)
    rest = order[HEAVIEST:]
    drawn = np.sort(np.random.default_rng(seed).choice(rest, DRAWN, replace=False))
    factor = weight[rest].sum() / max(weight[drawn].sum(), 1e-12)
    scaled = np.concatenate([weight[order[:HEAVIEST]], weight[drawn] * factor])
    return np.concatenate([order[:HEAVIEST], drawn]), scaled.astype(np.float32)


def _directions(vectors: FloatMatrix, centre: npt.NDArray[np.float32]) -> FloatMatrix:
    """Centred and of length 1; what is a row of zeros stays one."""
    centred = np.where(vectors.any(axis=1, keepdims=True), vectors - centre, 0).astype(np.float32)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def _resemblance(one: FloatMatrix, other: FloatMatrix) -> FloatMatrix:
    """Squared cosine, 0 where it is negative."""
    cosine = one @ other.T
    np.maximum(cosine, 0, out=cosine)
    np.square(cosine, out=cosine)
    return cosine
