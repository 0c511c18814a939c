"""Flips: the transactions that gain or lose a tag between two sets of thresholds, and whether that is right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tagger.labels.labelset import Label
from tagger.learning.step_curve import least_float32
from tagger.services.columns import Columns
from tagger.services.evidence import Evidence
from tagger.services.reach import Moved, Reach
from tagger.services.view import View

GROUPS = 50  # of each kind in the list, unless more are asked for; the counts are always of all

Kind = Literal["open", "right", "wrong"]


@dataclass(frozen=True)
class Flip:
    """Transactions of one description that gain or lose a tag.

    Attributes
    ----------
    kind : "open" where nobody has judged it; else "right" or "wrong" by the verdicts, and by what a head said that had
        not learned from them.
    count : transactions; probability : of the first of them.
    transaction_ids : the rows that a verdict given here is about: all judged ones; of open ones the first, since memory
        answers the others from it. None where there is no description: rows without one are not equal.
    """

    label: Label
    gains: bool
    kind: Kind
    description: str
    count: int
    probability: float
    transaction_ids: tuple[str, ...]


@dataclass(frozen=True)
class Flips:
    """Everything that would change; `groups` holds the largest of each kind.

    Attributes
    ----------
    n_gained, n_lost : tags that open transactions gain and lose; n_transactions : those transactions.
    n_right, n_wrong : judged cells that flip to and from what people said. They keep their tags: a verdict counts more.
    """

    n_gained: int
    n_lost: int
    n_transactions: int
    n_right: int
    n_wrong: int
    groups: tuple[Flip, ...]


def find(
    view: View,
    reach: Reach,
    evidence: Evidence,
    before: Mapping[int, float],
    after: Mapping[int, float],
    *,
    n_most: int = GROUPS,
) -> Flips:
    """What changes between two sets of thresholds, by label id; at most so many groups of each kind."""
    turned = [
        _Turned(column, label, float(before[label.id]), float(after[label.id]))
        for column, label in enumerate(view.labels)
        if label.id in after and before[label.id] != after[label.id]
    ]
    moved = [reach.moved(each.column, each.before, each.after, n_most) for each in turned]
    judged = _judged(view, evidence, turned)
    return Flips(
        n_gained=sum(of_label.n_rows for each, of_label in zip(turned, moved, strict=True) if each.gains),
        n_lost=sum(of_label.n_rows for each, of_label in zip(turned, moved, strict=True) if not each.gains),
        n_transactions=reach.n_rows_of(moved),
        n_right=int(judged.counts[judged.is_right].sum()),
        n_wrong=int(judged.counts[~judged.is_right].sum()),
        groups=(
            *_open_groups(view, turned, moved, n_most),
            *judged.groups("wrong", n_most),
            *judged.groups("right", n_most),
        ),
    )


@dataclass(frozen=True)
class _Turned:
    """A label whose threshold is another; `column` of the view."""

    column: int
    label: Label
    before: float
    after: float

    @property
    def gains(self) -> bool:
        return self.after < self.before


def _largest_first(flips: Iterable[Flip]) -> list[Flip]:
    return sorted(flips, key=lambda flip: (-flip.count, flip.description))


def _open_groups(view: View, turned: Sequence[_Turned], moved: Sequence[Moved], n_most: int) -> list[Flip]:
    if not turned:
        return []
    counts = np.concatenate([of_label.counts for of_label in moved])
    places = np.repeat(np.arange(len(turned)), [of_label.counts.size for of_label in moved])
    rows = np.concatenate([of_label.rows for of_label in moved])
    probabilities = np.concatenate([of_label.probabilities for of_label in moved])
    columns = view.columns
    largest = np.argsort(-counts, kind="stable")[:n_most]
    return _largest_first(
        Flip(
            label=turned[place].label,
            gains=turned[place].gains,
            kind="open",
            description=columns.descriptions[row],
            count=count,
            probability=probability,
            transaction_ids=_named(columns, [row]),
        )
        for place, row, count, probability in zip(
            places[largest].tolist(),
            rows[largest].tolist(),
            counts[largest].tolist(),
            probabilities[largest].tolist(),
            strict=True,
        )
    )


@dataclass(frozen=True)
class _Judged:
    """Judged cells that flip, by label, verdict and description.

    Attributes
    ----------
    rows, labels : intp (n_cells,), rows of the evidence and places in `turned`, the cells of one group together.
    starts, counts : (n_groups,), where each group begins among them, and its size; is_right : bool (n_groups,).
    """

    view: View
    evidence: Evidence
    turned: Sequence[_Turned]
    places: Sequence[int]
    rows: NDArray[np.intp]
    labels: NDArray[np.intp]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]
    is_right: NDArray[np.bool_]

    def groups(self, kind: Literal["right", "wrong"], n_most: int) -> list[Flip]:
        of_kind = np.flatnonzero(self.is_right == (kind == "right"))
        largest = of_kind[np.argsort(-self.counts[of_kind], kind="stable")[:n_most]]
        return _largest_first(self._group(int(group), kind) for group in largest)

    def _group(self, group: int, kind: Kind) -> Flip:
        columns, start, count = self.view.columns, int(self.starts[group]), int(self.counts[group])
        cells = self.rows[start : start + count]
        label = int(self.labels[start])
        rows = self.evidence.rows[cells].tolist()
        return Flip(
            label=self.turned[label].label,
            gains=self.turned[label].gains,
            kind=kind,
            description=columns.descriptions[rows[0]],
            count=count,
            probability=float(self.evidence.y_prob[cells[0], self.places[label]]),
            transaction_ids=_named(columns, rows),
        )


def _judged(view: View, evidence: Evidence, turned: Sequence[_Turned]) -> _Judged:
    place_of = {column: place for place, column in enumerate(evidence.columns.tolist())}
    turned = [each for each in turned if each.column in place_of]
    places = [place_of[each.column] for each in turned]
    scores, y_true = evidence.y_prob[:, places], evidence.y_true[:, places]
    spans = np.array([(each.before, each.after) for each in turned], dtype=np.float64).reshape(-1, 2)
    before, after = least_float32(spans).T
    labels, rows = np.nonzero((evidence.judged[:, places] & ((scores >= before) != (scores >= after))).T)
    said = y_true[rows, labels]
    folds = view.columns.fold_index[evidence.rows[rows]].astype(np.int64)
    keys = (labels * 2 + said) * len(view.columns.folds) + folds
    order = np.argsort(keys, kind="stable")
    _, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    gains = np.array([each.gains for each in turned], dtype=bool)
    first = order[starts]
    return _Judged(
        view, evidence, turned, places, rows[order], labels[order], starts, counts, said[first] == gains[labels[first]]
    )


def _named(columns: Columns, rows: list[int]) -> tuple[str, ...]:
    """The ids of rows that have one description; none where that is missing."""
    return tuple(columns.ids[row] for row in rows) if columns.folds[columns.fold_index[rows[0]]] else ()
