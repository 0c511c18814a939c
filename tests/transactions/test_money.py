from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.transactions.money import LIMIT, currency_of, guess_decimal_mark, parse_amount, size_of


@pytest.mark.parametrize(
    ("text", "mark", "amount"),
    [
        ("12.50", ".", "12.50"),
        ("-12.50", ".", "-12.50"),
        ("12,50", ",", "12.50"),
        ("1,234.50", ".", "1234.50"),
        ("1.234,50", ",", "1234.50"),
        ("1 234,50", ",", "1234.50"),
        ("1\u202f234,50", ",", "1234.50"),
        ("1\u00a0234\u00a0567,5", ",", "1234567.5"),
        ("1'234.50", ".", "1234.50"),
        ("1’234.50", ".", "1234.50"),
        ("12,34,567.00", ".", "1234567.00"),
        ("($85.00)", ".", "-85.00"),
        ("(85.00)", ".", "-85.00"),
        ("-$76.00", ".", "-76.00"),
        ("$-76.00", ".", "-76.00"),
        ("+$327.49", ".", "327.49"),
        ("+ £1,100.00", ".", "1100.00"),
        ("$.23", ".", "0.23"),
        ("12.50-", ".", "-12.50"),
        ("12.50 DR", ".", "-12.50"),
        ("12.50 CR", ".", "12.50"),
        ("12,50 S", ",", "-12.50"),
        ("12,50 H", ",", "12.50"),
        ("\u221212.50", ".", "-12.50"),
        ("–12.50", ".", "-12.50"),
        ("12,50 €", ",", "12.50"),
        ("EUR 12.50", ".", "12.50"),
        ("12.50 GBP", ".", "12.50"),
        ("R$ 1.234,50", ",", "1234.50"),
        ("1 500 kr", ",", "1500"),
        ("5,-", ",", "5"),
        ("12.", ".", "12"),
        ("0", ".", "0"),
        ("-0.00", ".", "0.00"),
        ("1000000000000000", ".", "1000000000000000"),
    ],
)
def test_amounts_are_read_as_banks_write_them(text: str, mark: str, amount: str) -> None:
    found = parse_amount(text, mark)
    assert found == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "NaN",
        "nan",
        "inf",
        "-Infinity",
        "1e400",
        "1E5",
        "0x10",
        "12.3.4",
        "1,23",
        "12,50",
        "--5",
        "(5",
        "5)",
        "1 2 3",
        "1000000000000001",
        "9" * 70,
        "ABC 5",
        "5 ABC",
        "TESCO 5",
        "1_000",
        "$",
        "-",
        "12:30",
    ],
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    assert parse_amount(text, ".") is None


@given(st.decimals(min_value=-LIMIT, max_value=LIMIT, places=2, allow_nan=False))
def test_every_amount_comes_back_from_its_grouped_writing(amount: Decimal) -> None:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    assert parse_amount(english, ".") == parse_amount(german, ",") == amount


@pytest.mark.parametrize(
    ("values", "default", "mark", "assumed"),
    [
        (["1.50", "20"], ".", ".", False),
        (["1,50", "20"], ".", ",", False),
        (["1,234", "5.00"], ".", ".", False),
        (["1.234", "5,00"], ".", ",", False),
        (["1.234.567"], ".", ",", False),
        (["1,234"], ".", ".", True),
        (["1.234"], ",", ",", True),
        (["0,123"], ".", ",", False),
        (["5", "20"], ".", ".", False),
        (["abc", ""], ",", ",", False),
    ],
)
def test_the_decimal_mark_is_decided_by_the_whole_column(values: list[str], default, mark, assumed) -> None:
    guess = guess_decimal_mark(values, default=default)
    assert guess.mark == mark
    assert ("assumed" in guess.explanation) is assumed


@pytest.mark.parametrize(
    ("text", "code"), [("£5", "GBP"), ("5,00 €", "EUR"), ("CHF 5", "CHF"), ("$5", ""), ("5", ""), ("abc", "")]
)
def test_a_currency_is_read_from_the_amount_where_its_sign_is_unmistakable(text: str, code: str) -> None:
    assert currency_of(text) == code


# Sizes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "size"),
    [
        (0.0, -2.0),
        (-0.0, -2.0),
        (0.09, -1.0),
        (9.99, 1.0),
        (-9.99, 1.0),
        (10.0, 1.0),
        # The border lies at 10 ** (17 / 16) - 0.01 = 11.5378.
        (11.53, 1.0),
        (11.54, 1.125),
        (-11.54, 1.125),
        (1_000_000.0, 6.0),
    ],
)
def test_a_size_is_the_logarithm_in_eighths(amount, size):
    assert size_of(np.array([amount])) == [size]


def test_the_size_of_nothing_known_is_not_known():
    assert np.isnan(size_of(np.array([np.nan]))).all()
    assert size_of(np.array([])).shape == (0,)


def test_sizes_never_fall_as_amounts_grow():
    sizes = size_of(np.arange(0, 100_000) / 100)
    assert np.all(np.diff(sizes) >= 0)
    assert np.array_equal(sizes * 8, np.round(sizes * 8))
