"""Which rows a filter leaves, against plain loops."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from math import log2

import numpy as np
import pytest

from tagger.labels.truth import NOT_JUDGED, YES
from tagger.services import filtering, review
from tagger.services.filtering import CONFIRMED_ONLY, EVERYTHING, OPEN, Filter
from tagger.services.review import Row
from tagger.services.view import View
from tagger.transactions.query import parse_query

FILTERS = [
    Filter(),
    Filter(text="tesco"),
    Filter(text="  london   TESCO "),
    Filter(text="café"),
    Filter(text="CAFE\u0301 zürich"),
    Filter(text="<b>"),
    Filter(text="nothing like it"),
    Filter(state=OPEN),
    Filter(state=CONFIRMED_ONLY),
    Filter(untagged=True),
    Filter(tags=(1,)),
    Filter(tags=(2, 3)),
    Filter(tags=(99,)),
    Filter(since=date(2024, 3, 10)),
    Filter(until=date(2024, 3, 10)),
    Filter(since=date(2024, 3, 10), until=date(2024, 3, 10)),
    Filter(since=date(2024, 3, 11), until=date(2024, 3, 10)),
    Filter(text="shell", state=OPEN, tags=(1, 2), since=date(2024, 3, 5), until=date(2024, 3, 25)),
    Filter(text="shell", untagged=True, state=CONFIRMED_ONLY),
    Filter(text='"tesco express" -1'),
    Filter(text="-tesco -shell -rent"),
    Filter(text=">100"),
    Filter(text=">=100 <=110"),
    Filter(text="=5.50"),
    Filter(text="-20..-10"),
    Filter(text=">0.01 -tesco amount:..3"),
    Filter(text="date:2024-03-05..2024-03-20 tesco"),
    Filter(text="date:2024-03", since=date(2024, 3, 20)),
    Filter(text="date:2024-13"),
    Filter(without=(1,)),
    Filter(tags=(2,), without=(1, 3)),
    Filter(without=(99,)),
    Filter(not_judged=(1,)),
    Filter(not_judged=(1, 2), state=OPEN),
    Filter(probability=(0.4, 0.6)),
    Filter(tags=(3,), probability=(0.7, 1.0)),
    Filter(tags=(1, 2), probability=(0.0, 0.2)),
    Filter(disagrees=True),
    Filter(disagrees=True, state=CONFIRMED_ONLY, text="london"),
    Filter(said=True, tags=(1,)),
    Filter(accounts=("joint",)),
    Filter(accounts=("joint", ""), text="march"),
    Filter(accounts=("nobody's",)),
]


def holds(view: View, row: int, shown: Row, wanted: Filter) -> bool:
    query = parse_query(wanted.text)
    description = " ".join(shown.description.casefold().split())
    tags = {tag.label_id for tag in shown.tags}
    amount = None if shown.amount is None else Decimal(shown.amount)
    values = {label.id: int(view.truth.values[row, column]) for column, label in enumerate(view.labels)}
    said = dict(zip(values, view.tagging.probabilities[view.tagging.index[row]].tolist(), strict=True))
    cuts = dict(zip(values, view.tagging.thresholds.tolist(), strict=True))
    parts = [
        all(word in description for word in query.wanted),
        not any(word in description for word in query.unwanted),
        not wanted.tags or bool({each for each in tags if not wanted.said or values[each] == YES} & set(wanted.tags)),
        not tags & set(wanted.without),
        not wanted.untagged or not tags,
        wanted.state == EVERYTHING or shown.confirmed == (wanted.state == CONFIRMED_ONLY),
        all(values[each] == NOT_JUDGED for each in wanted.not_judged),
        not wanted.accounts or shown.account in wanted.accounts,
    ]
    for each in query.amounts:
        value = amount if each.signed or amount is None else abs(amount)
        parts += [value is not None]
        parts += [each.least is None or value > each.least or (value == each.least and not each.excludes[0])]
        parts += [each.most is None or value < each.most or (value == each.most and not each.excludes[1])]
    for first in filter(None, (query.since, wanted.since)):
        parts += [shown.on is not None and shown.on >= first]
    for last in filter(None, (query.until, wanted.until)):
        parts += [shown.on is not None and shown.on <= last]
    if wanted.probability is not None:
        least, most = wanted.probability
        parts += [any(least <= said[each] <= most for each in wanted.tags or said)]
    if wanted.disagrees:
        parts += [any(values[each] not in (NOT_JUDGED, said[each] >= cuts[each]) for each in values)]
    return all(parts)


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
def test_a_filter_leaves_what_a_plain_loop_leaves_newest_first(many, wanted):
    view = many.view()
    kept = [
        (shown.on is None, -(shown.on or date.min).toordinal(), row, shown)
        for row, shown in enumerate(review.rows(view, view.columns.ids))
        if holds(view, row, shown, wanted)
    ]
    kept.sort(key=lambda each: each[:3])
    found = filtering.find(view, wanted)
    assert list(found.ids) == [shown.id for *_, shown in kept]
    assert found.n_open == sum(not shown.confirmed for *_, shown in kept)
    assert found.per_label == {
        label.id: sum(any(tag.label_id == label.id for tag in shown.tags) for *_, shown in kept)
        for label in view.labels
    }
    assert filtering.n_left(view, wanted) == found.n_open


@pytest.mark.parametrize("wanted", [Filter(), Filter(text="london"), Filter(state=OPEN)], ids=str)
def test_other_orders_sort_the_same_rows(many, wanted):
    view = many.view()
    newest = list(filtering.find(view, wanted).ids)
    place = view.columns.row_of_id

    def size(public_id: str) -> float:
        amount = view.columns.amounts[place[public_id]]
        return -1.0 if amount is None else abs(float(amount))

    def doubt(public_id: str) -> float:
        row = place[public_id]
        if view.truth.confirmed[row] or view.remembered.found[view.columns.fold_index[row]]:
            return -1.0
        said = [min(max(p, 1e-7), 1 - 1e-7) for p in view.tagging.probabilities[view.tagging.index[row]].tolist()]
        return sum(-p * log2(p) - (1 - p) * log2(1 - p) for p in said)

    largest = filtering.find(view, wanted, filtering.LARGEST)
    assert list(largest.ids) == sorted(newest, key=size, reverse=True)
    unsure = filtering.find(view, wanted, filtering.UNSURE)
    assert [round(doubt(each), 9) for each in unsure.ids] == sorted(
        (round(doubt(each), 9) for each in newest), reverse=True
    )
    assert sorted(unsure.ids) == sorted(newest)
    assert max(doubt(each) for each in newest) > 0


def test_most_of_these_filters_leave_some_rows_and_not_all(many):
    view = many.view()
    n_left = [np.count_nonzero(filtering.matching(view, wanted)) for wanted in FILTERS]
    assert sum(0 < n < len(view.columns) for n in n_left) > len(FILTERS) * 0.7


def test_a_batch_is_asked_for_by_its_id(many):
    view = many.view()
    (first, second) = view.columns.batch_ids.values
    sizes = [len(filtering.find(view, Filter(batches=(batch,))).ids) for batch in (first, second)]
    assert sizes == [130, 7]
    assert len(filtering.find(view, Filter(batches=(first, second))).ids) == 137
