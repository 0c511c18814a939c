from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from tagger.transactions.identity import canonical_amount, transaction_ids
from tagger.transactions.transaction import Transaction

FILE = "f" * 64


def a_transaction(**changes) -> Transaction:
    fields = {
        "occurred_on": date(2024, 3, 1),
        "description": "TESCO STORES 3021",
        "amount": Decimal("-12.50"),
        "currency": "GBP",
        "account": "current",
        "line": 2,
        "labels": None,
    }
    return Transaction(**(fields | changes))


def test_reading_a_file_again_gives_the_same_ids() -> None:
    rows = [a_transaction(), a_transaction(description="SHELL"), a_transaction(occurred_on=None)]
    ids = transaction_ids(rows, FILE)
    assert ids == transaction_ids(rows, FILE)
    assert len(set(ids)) == 3
    assert all(len(found) == 32 and set(found) <= set("0123456789abcdef") for found in ids)


def test_two_equal_purchases_on_a_day_stay_two() -> None:
    first, second = transaction_ids([a_transaction(), a_transaction(line=3)], FILE)
    assert first != second
    assert transaction_ids([a_transaction(line=9)], "e" * 64) == [first]


@pytest.mark.parametrize(
    "change",
    [
        {"account": "savings"},
        {"occurred_on": date(2024, 3, 2)},
        {"amount": Decimal("-12.51")},
        {"amount": Decimal("12.50")},
        {"amount": None},
        {"currency": "EUR"},
        {"description": "TESCO STORES 3022"},
    ],
)
def test_every_field_tells_transactions_apart(change: dict[str, object]) -> None:
    assert transaction_ids([a_transaction()], FILE) != transaction_ids([a_transaction(**change)], FILE)


@pytest.mark.parametrize("change", [{"line": 7}, {"labels": ("groceries",)}, {"amount": Decimal("-12.5")}])
def test_position_labels_and_the_writing_of_the_amount_do_not(change: dict[str, object]) -> None:
    assert transaction_ids([a_transaction()], FILE) == transaction_ids([a_transaction(**change)], "e" * 64)


def test_text_moved_between_fields_makes_another_id() -> None:
    one = a_transaction(account="a 2024-03-01", description="b")
    other = a_transaction(account="a", description="2024-03-01 b")
    assert transaction_ids([one], FILE) != transaction_ids([other], FILE)


def test_a_row_without_a_date_is_told_apart_by_file_and_line() -> None:
    undated = a_transaction(occurred_on=None)
    ids = {
        *transaction_ids([undated], FILE),
        *transaction_ids([a_transaction(occurred_on=None, line=3)], FILE),
        *transaction_ids([undated], "e" * 64),
    }
    assert len(ids) == 3


def test_an_exported_id_is_kept_but_never_given_twice() -> None:
    (original,) = transaction_ids([a_transaction()], FILE)
    edited = a_transaction(description="edited in a spreadsheet", known_id=original)
    again = transaction_ids([edited, edited, a_transaction()], "e" * 64)
    assert again[0] == original
    assert len(set(again)) == 3
    assert transaction_ids([a_transaction(known_id="not an id")], FILE) == [original]


@pytest.mark.parametrize(
    ("amount", "text"),
    [("-12.50", "-12.5"), ("100", "100"), ("-0.00", "0"), ("1E+3", "1000"), ("0.10", "0.1")],
)
def test_equal_amounts_are_written_alike(amount: str, text: str) -> None:
    assert canonical_amount(Decimal(amount)) == text
