"""What is typed into the search box, taken apart."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.transactions.query import Amounts, Query, parse_query
from tagger.transactions.text import fold_description


def day(text: str) -> date:
    return date.fromisoformat(text)


def over(least: str, most: str | None = None, **more) -> Query:
    return Query(amounts=(Amounts(Decimal(least), None if most is None else Decimal(most), **more),))


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("", Query()),
        ("   ", Query()),
        ("Tesco  LONDON", Query(wanted=("tesco", "london"))),
        ('"Card  Payment" tesco', Query(wanted=("card payment", "tesco"))),
        ('"card payment', Query(wanted=("card payment",))),
        ('""', Query()),
        ("-refund", Query(unwanted=("refund",))),
        ('tesco -"card payment"', Query(wanted=("tesco",), unwanted=("card payment",))),
        ("-", Query(wanted=("-",))),
        ("a-b", Query(wanted=("a-b",))),
        (">50", over("50", excludes=(True, False))),
        (">=£50", over("50")),
        ("<20", Query(amounts=(Amounts(None, Decimal(20), (False, True)),))),
        ("<=20,5", Query(amounts=(Amounts(None, Decimal("20.5")),))),
        ("=12.50", over("12.5", "12.5")),
        ("amount:12.50", over("12.5", "12.5")),
        ("10..20", over("10", "20")),
        ("20..10", over("10", "20")),
        ("amount:10..", over("10")),
        ("..20", Query(amounts=(Amounts(None, Decimal(20)),))),
        ("-20..-10", over("-20", "-10", signed=True)),
        (">-5", over("-5", excludes=(True, False), signed=True)),
        ("=+5", over("5", "5", signed=True)),
        (
            ">10 <20",
            Query(amounts=(Amounts(Decimal(10), None, (True, False)), Amounts(None, Decimal(20), (False, True)))),
        ),
        ("..", Query(wanted=("..",))),
        ("12.50", Query(wanted=("12.50",))),
        ("50", Query(wanted=("50",))),
        ("-50", Query(unwanted=("50",))),
        ("amount:lots", Query(unread=("amount:lots",))),
        ("date:2024", Query(since=day("2024-01-01"), until=day("2024-12-31"))),
        ("date:2024-02", Query(since=day("2024-02-01"), until=day("2024-02-29"))),
        ("date:2023-02", Query(since=day("2023-02-01"), until=day("2023-02-28"))),
        ("date:2024-03-05", Query(since=day("2024-03-05"), until=day("2024-03-05"))),
        ("date:2024-03-05..2024-04", Query(since=day("2024-03-05"), until=day("2024-04-30"))),
        ("date:2024-03..", Query(since=day("2024-03-01"))),
        ("date:..2024-03", Query(until=day("2024-03-31"))),
        ("date:2024 date:2024-03..", Query(since=day("2024-03-01"), until=day("2024-12-31"))),
        ("date:2024-13", Query(unread=("date:2024-13",))),
        ("date:2023-02-29", Query(unread=("date:2023-02-29",))),
        ("date:0000", Query(unread=("date:0000",))),
        ("date:", Query(unread=("date:",))),
        ("date:..", Query(unread=("date:..",))),
        ("date:2024..soon", Query(unread=("date:2024..soon",))),
        ("2024-03-01", Query(wanted=("2024-03-01",))),
        ("CAFE\u0301", Query(wanted=("café",))),
    ],
)
def test_each_part_is_read_for_what_it_says(typed, expected):
    assert parse_query(typed) == expected


@given(st.text())
def test_every_text_is_a_search(text):
    found = parse_query(text)
    assert all(word == fold_description(word) != "" for word in found.wanted + found.unwanted)


@given(st.lists(st.text(alphabet="abcxyz0-9é", min_size=1).filter(lambda word: not word.startswith("-"))))
def test_plain_words_are_all_wanted(words):
    assert parse_query(" ".join(words)) == Query(wanted=tuple(fold_description(word) for word in words))
