"""Transactions column by column, against plain lists and dictionaries."""

from __future__ import annotations

import math
import random
from datetime import date

import numpy as np
import pytest

from tagger.services.columns import Columns
from tagger.services.inputs import distinct
from tagger.services.repeated import Repeated
from tagger.storage.matrices import text_key
from tagger.storage.transactions import LoadedRow
from tagger.transactions.money import size_of
from tagger.transactions.text import fold_description, normalize_text

DESCRIPTIONS = ("TESCO 3021", "tesco  3021", "Café Zürich", "", "SHELL")
AMOUNTS = ("-12.5", "-0.98", "-0.99", "0", "1200", None)


def made(seed: int, n: int) -> list[LoadedRow]:
    draw = random.Random(seed)
    pks = sorted(draw.sample(range(5, 5 + 3 * n), n))
    return [
        LoadedRow(
            pk,
            f"{draw.getrandbits(128):032x}",
            draw.choice(["one", "two"]),
            draw.choice([None, "2024-02-29", "2024-03-01", "2023-12-31"]),
            draw.choice(DESCRIPTIONS),
            draw.choice(AMOUNTS),
            draw.choice(["GBP", "EUR"]),
            draw.choice(["", "joint"]),
        )
        for pk in pks
    ]


@pytest.mark.parametrize(("seed", "n"), [(0, 0), (1, 1), (2, 7), (3, 200)])
def test_columns_hold_what_the_rows_hold(seed, n):
    rows = made(seed, n)
    cut = n // 3
    columns = Columns([rows[:cut], [], rows[cut:]])
    assert len(columns) == n
    assert columns.pks.tolist() == [row.pk for row in rows]
    for name in ("batch_id", "description", "amount", "account"):
        assert list(getattr(columns, f"{name}s")) == [getattr(row, name) for row in rows]
    assert list(columns.currencies) == [row.currency for row in rows]
    days = [0 if row.occurred_on is None else date.fromisoformat(row.occurred_on).toordinal() for row in rows]
    assert columns.days.tolist() == days
    assert [columns.texts[place] for place in columns.text_index] == [normalize_text(row.description) for row in rows]
    assert [columns.folds[place] for place in columns.fold_index] == [fold_description(row.description) for row in rows]
    assert len(set(columns.folds)) == len(columns.folds)
    assert columns.newest_first.tolist() == sorted(range(n), key=lambda row: (-days[row], row))


def test_rows_are_found_by_key_and_by_id_and_nothing_else_is():
    rows = made(4, 60)
    # Ids that share half of their bytes with others, and two of which only the last bit differs.
    rows = [row._replace(id=f"{place % 7:016x}{place:016x}") for place, row in enumerate(rows)]
    columns = Columns([rows])
    by_id, by_key = ({each[field]: place for place, each in enumerate(rows)} for field in (1, 0))
    assert dict(columns.row_of_id) == by_id
    assert dict(columns.row_of) == by_key
    for wanted in ("", "gone", "0" * 31 + "z", f"{7:016x}{0:016x}", rows[3].id.upper() + "A", rows[3].id + "0", 3):
        assert wanted not in columns.row_of_id
    with pytest.raises(KeyError):
        columns.row_of_id["gone"]
    for pk in range(100, -3, -1):
        assert (pk in columns.row_of) == (pk in by_key)
        if pk not in by_key:
            with pytest.raises(KeyError):
                columns.row_of[pk]
    assert {rows[0].pk, 10**9} & columns.row_of.keys() == {rows[0].pk}


def test_an_id_in_capitals_is_another():
    (row,) = made(5, 1)
    columns = Columns([[row._replace(id="ab" * 16)]])
    assert "AB" * 16 not in columns.row_of_id
    assert "ab" * 16 in columns.row_of_id


@pytest.mark.parametrize(
    "context",
    [frozenset(), frozenset({"amount"}), frozenset({"account", "date"}), frozenset({"amount", "account", "date"})],
)
def test_distinct_inputs_are_numbered_in_order_of_appearance(context):
    columns = Columns([made(6, 300)])
    facts = columns.facts
    kinds: dict[tuple[str, ...], int] = {}
    index = []
    for row in range(len(columns)):
        kind = [columns.texts[columns.text_index[row]]]
        if "amount" in context:
            amount = facts.amounts[row]
            size = 0.0 if math.isnan(amount) else float(size_of(np.array([amount]))[0])
            kind.append(f"{'?' if math.isnan(amount) else '-' if amount < 0 else '+'}{size}")
        if "date" in context:
            day = int(columns.days[row])
            kind.append("?" if day == 0 else f"{date.fromordinal(day).weekday()}.{date.fromordinal(day).day}")
        if "account" in context:
            kind.append(columns.accounts[row])
        index.append(kinds.setdefault(tuple(kind), len(kinds)))
    found = distinct(facts, context)
    assert found.index.tolist() == index
    assert found.keys == [text_key("\x1f".join(kind)) for kind in kinds]
    assert found.first.tolist() == [index.index(place) for place in range(len(kinds))]


def test_values_that_repeat_are_a_sequence_like_any_other():
    values = ["b", "a", "b", "c", "a"]
    column = Repeated.of(values)
    assert (list(column), len(column), column[3], column[-1]) == (values, 5, "c", "a")
    assert list(column[1:3]) == ["a", "b"]
    assert column.values == ["b", "a", "c"]
    assert list(column.take(np.array([4, 0]))) == ["a", "b"]
    assert list(column.map(str.isalpha)) == [True] * 5
    assert column.map(str.isalpha).values == [True]
    assert Repeated.of(column) is column
