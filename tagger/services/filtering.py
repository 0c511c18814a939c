"""Which transactions are asked for: words, amounts, days, tags, verdicts and where they came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tagger.labels.truth import NO, NOT_JUDGED, YES
from tagger.learning.thresholds import apply_thresholds
from tagger.services.columns import Columns
from tagger.services.view import ABSENT, View
from tagger.transactions.query import Query, parse_query

EVERYTHING, OPEN, CONFIRMED_ONLY = "all", "open", "confirmed"
NEWEST, LARGEST, UNSURE = "newest", "largest", "unsure"


@dataclass(frozen=True)
class Filter:
    """Which rows are asked for. Parts compose: all must hold.

    Attributes
    ----------
    text : as typed into the search box; `transactions.query` says what it can ask for.
    tags, without : label ids; rows that show any of the first, and none of the second.
    not_judged : label ids; rows on which nobody has judged any one of them.
    said : count a tag only where a person or a file said so, not where it is predicted or remembered.
    untagged : rows that show no tag.
    state : "all", "open" (not confirmed yet) or "confirmed".
    since, until : days, both included.
    probability : rows to which the model gives any of `tags` (of all tags where there are none) such a probability.
    disagrees : rows of which the model alone says otherwise than a person on some tag.
    accounts, batches : by name; rows of any of them.
    """

    text: str = ""
    tags: tuple[int, ...] = ()
    state: str = EVERYTHING
    since: date | None = None
    until: date | None = None
    untagged: bool = False
    said: bool = False
    without: tuple[int, ...] = ()
    not_judged: tuple[int, ...] = ()
    probability: tuple[float, float] | None = None
    disagrees: bool = False
    accounts: tuple[str, ...] = ()
    batches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """The rows that a filter leaves, newest first, as public ids; and what they hold.

    `per_label` counts tags among them, `n_open` those not confirmed yet.
    """

    ids: Sequence[str]
    per_label: Mapping[int, int]
    n_open: int


def find(view: View, wanted: Filter, order: str = NEWEST) -> Found:
    """Apply a filter.

    Parameters
    ----------
    order : NEWEST: rows of one day in the order in which they came, undated rows last. LARGEST: by the size of amounts,
        whatever their sign. UNSURE: what the model is least sure of, then what is confirmed or remembered. Where these
        are even, newest first.
    """
    kept = matching(view, wanted)
    rows = _ordered(view, order)
    present = np.bitwise_count(view.present_bits & np.packbits(kept)).sum(axis=1, dtype=np.int64)
    return Found(
        ids=view.columns.ids.take(rows[kept[rows]]),
        per_label={label.id: int(present[column]) for column, label in enumerate(view.labels)},
        n_open=int(np.count_nonzero(kept & ~view.truth.confirmed)),
    )


def _ordered(view: View, order: str) -> NDArray[np.int32]:
    """Every row."""
    if order == LARGEST:
        return view.columns.largest_first
    newest = view.columns.newest_first
    if order == UNSURE:
        is_known = view.truth.confirmed | view.remembered.found[view.columns.fold_index]
        doubt = np.where(is_known, -1.0, view.tagging.doubt[view.tagging.index])
        return newest[np.argsort(-doubt[newest], kind="stable")]
    return newest


def matching(view: View, wanted: Filter) -> NDArray[np.bool_]:
    """Bool (n,): the rows that a filter leaves."""
    query = parse_query(wanted.text)
    mask = np.ones(len(view.columns), dtype=bool)
    for each in (
        *_of_text(view.columns, query),
        *_of_tags(view, wanted),
        *_of_verdicts(view, wanted),
        *_of_days(view.columns, [query.since, wanted.since], [query.until, wanted.until]),
        *_of_origin(view.columns, wanted),
    ):
        mask &= each
    return mask


Mask = NDArray[np.bool_]


def _of_text(columns: Columns, query: Query) -> Iterator[Mask]:
    if query.wanted or query.unwanted:
        hits = (
            all(word in fold for word in query.wanted) and not any(word in fold for word in query.unwanted)
            for fold in columns.folds
        )
        yield np.fromiter(hits, dtype=bool, count=len(columns.folds))[columns.fold_index]
    for each in query.amounts:
        # A row without an amount is in no range.
        amounts = columns.facts.amounts if each.signed else np.abs(columns.facts.amounts)
        if each.least is not None:
            yield amounts > float(each.least) if each.excludes[0] else amounts >= float(each.least)
        if each.most is not None:
            yield amounts < float(each.most) if each.excludes[1] else amounts <= float(each.most)


def _of_tags(view: View, wanted: Filter) -> Iterator[Mask]:
    chosen = [view.column_of[label_id] for label_id in wanted.tags if label_id in view.column_of]
    if wanted.tags:
        has_it = np.zeros(len(view.columns), dtype=bool)
        for column in chosen:
            has_it |= view.truth.values[:, column] == YES if wanted.said else view.sources[:, column] != ABSENT
        yield has_it
    for label_id in wanted.without:
        if label_id in view.column_of:
            yield view.sources[:, view.column_of[label_id]] == ABSENT
    if wanted.untagged:
        tagged = np.bitwise_or.reduce(view.present_bits, axis=0)
        yield ~np.unpackbits(tagged, count=len(view.columns)).astype(bool)
    if wanted.probability is not None:
        least, most = wanted.probability
        said = view.tagging.probabilities[:, chosen] if wanted.tags else view.tagging.probabilities
        # NaN, which is no probability, compares as outside.
        inside: Mask = np.any((said >= least) & (said <= most), axis=1)
        yield inside[view.tagging.index]


def _of_verdicts(view: View, wanted: Filter) -> Iterator[Mask]:
    truth = view.truth
    if wanted.state == OPEN:
        yield ~truth.confirmed
    elif wanted.state == CONFIRMED_ONLY:
        yield truth.confirmed
    for label_id in wanted.not_judged:
        if label_id in view.column_of:
            yield truth.values[:, view.column_of[label_id]] == NOT_JUDGED
    if wanted.disagrees:
        tagging, rows = view.tagging, np.flatnonzero(truth.judged_at)
        y_prob = tagging.probabilities[tagging.index[rows]]
        is_known = np.isfinite(y_prob) & np.isfinite(tagging.thresholds)
        says = np.where(apply_thresholds(y_prob, tagging.thresholds), YES, NO)
        differs = is_known & (truth.values[rows] != NOT_JUDGED) & (truth.values[rows] != says)
        mask = np.zeros(len(view.columns), dtype=bool)
        mask[rows] = differs.any(axis=1)
        yield mask


def _of_days(columns: Columns, since: Sequence[date | None], until: Sequence[date | None]) -> Iterator[Mask]:
    for first in filter(None, since):
        yield columns.days >= first.toordinal()
    for last in filter(None, until):
        yield (columns.days <= last.toordinal()) & (columns.days > 0)


def _of_origin(columns: Columns, wanted: Filter) -> Iterator[Mask]:
    for names, column in ((wanted.accounts, columns.accounts), (wanted.batches, columns.batch_ids)):
        if names:
            yield np.array([value in names for value in column.values], dtype=bool)[column.places]


def n_left(view: View, wanted: Filter) -> int:
    """How many of the rows that a filter leaves are not confirmed."""
    return int(np.count_nonzero(matching(view, wanted) & ~view.truth.confirmed))
