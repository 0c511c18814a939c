"""The transactions whose tags differ between two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tagger.services.pairs import Pair
from tagger.services.view import View

PAGE_SIZE = 50  # rows; what a person reads through before turning the page
WRONG, MIXED, RIGHT, NOT_REVIEWED = "wrong", "mixed", "right", "not reviewed"
OUTCOMES = (WRONG, MIXED, RIGHT, NOT_REVIEWED)  # in the order of the list: what speaks against a run comes first


@dataclass(frozen=True)
class Change:
    """Transactions of one description whose tags differ in the same way; `count` says how many.

    `outcome` says of reviewed ones whether the decisions that differ are right in the later run, wrong, or some of
    each; their tags are what each run predicts without having learned the description, and `reviewed` are those that
    somebody gave them. Those not reviewed have the tags that the app would show, and None.
    """

    description: str
    count: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    reviewed: tuple[str, ...] | None
    outcome: str


@dataclass(frozen=True)
class Changes:
    """One page of changes. `counts` are transactions by outcome and `n_rows` rows, both of all pages."""

    counts: Mapping[str, int]
    n_rows: int
    rows: tuple[Change, ...]


def changes(two: Pair, *, start: int = 0, size: int = PAGE_SIZE) -> Changes:
    """What differs: first where it can be checked, then what promoting the later run would change.

    Parameters
    ----------
    start, size : which rows of the list; transactions of one description that change alike are one row.
    """
    found = [*_reviewed(two), *_open(two)]
    counts = {outcome: sum(each.count for each in found if each.outcome == outcome) for outcome in OUTCOMES}
    found.sort(key=lambda each: (OUTCOMES.index(each.outcome), -each.count, each.description, each.after))
    return Changes(counts, len(found), tuple(found[start : start + size]))


def _reviewed(two: Pair) -> list[Change]:
    pair = two.common
    turned = (pair.before != pair.after) & pair.judged
    right = (turned & (pair.after == pair.y_true)).any(axis=1)
    wrong = (turned & (pair.after != pair.y_true)).any(axis=1)
    names = [label.name for label in two.view.labels]
    tags = (pair.tags_before, pair.tags_after, two.view.truth.y_true[pair.rows])
    return [
        change
        for outcome, kept in ((RIGHT, right & ~wrong), (WRONG, wrong & ~right), (MIXED, right & wrong))
        for change in _alike(two.view, pair.rows[kept], [part[kept] for part in tags], names, outcome)
    ]


def _open(two: Pair) -> list[Change]:
    if two.shown is None:
        return []
    before, after = two.shown
    rows = np.flatnonzero((before != after).any(axis=1))
    names = [label.name for label in two.view.labels]
    return _alike(two.view, rows, (before[rows], after[rows]), names, NOT_REVIEWED)


def _alike(
    view: View,
    rows: NDArray[np.intp],
    tags: Sequence[NDArray[np.bool_]],
    names: Sequence[str],
    outcome: str,
) -> list[Change]:
    """One change for all rows of one description that change in the same way.

    Parameters
    ----------
    tags : before, after, and where they are reviewed the reviewed ones; each (n_rows, n_labels).
    """
    places: dict[tuple[int, bytes], list[int]] = {}
    together = np.stack(list(tags), axis=1)
    for place, fold in enumerate(view.columns.fold_index[rows].tolist()):
        places.setdefault((fold, together[place].tobytes()), []).append(place)

    def named(place: int) -> list[tuple[str, ...]]:
        return [tuple(names[column] for column in np.flatnonzero(cells).tolist()) for cells in together[place]]

    return [
        Change(
            description=view.columns.descriptions[int(rows[each[0]])],
            count=len(each),
            before=found[0],
            after=found[1],
            reviewed=found[2] if len(found) > 2 else None,
            outcome=outcome,
        )
        for each in places.values()
        for found in [named(each[0])]
    ]
