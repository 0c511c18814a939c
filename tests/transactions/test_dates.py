from __future__ import annotations

from datetime import date

import pytest

from tagger.errors import SettingError
from tagger.transactions.dates import guess_dates, order_of, parse_date

MARCH_FIRST = date(2024, 3, 1)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("2024-03-01", "dmy"),
        ("2024/3/1", "mdy"),
        ("2024.03.01.", "dmy"),
        ("20240301", "dmy"),
        ("2024-03-01T09:30:00Z", "dmy"),
        ("2024-03-01 09:30:00.123+01:00", "dmy"),
        ("01/03/2024", "dmy"),
        ("03/01/2024", "mdy"),
        ("1.3.2024", "dmy"),
        ("1. 3. 2024", "dmy"),
        ("01-03-24", "dmy"),
        ("24-03-01", "ymd"),
        ("01/03/2024 12:04", "dmy"),
        ("03/01/2024 9:04 PM", "mdy"),
        ("01 Mar 2024", "mdy"),
        ("1-Mar-24", "dmy"),
        ("1st March 2024", "dmy"),
        ("Mar 1, 2024", "dmy"),
        ("March 1st, 2024", "dmy"),
        ("Fri, 01 Mar 2024", "dmy"),
        ("1. März 2024", "dmy"),
        ("1 mars 2024", "dmy"),
        ("1 de marzo de 2024", "dmy"),
        ("2024-Mar-01", "dmy"),
        (" 2024-03-01 ", "dmy"),
    ],
)
def test_dates_are_read_as_banks_write_them(text: str, order) -> None:
    assert parse_date(text, order) == MARCH_FIRST


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Pending",
        "12.50",
        "31/02/2024",
        "2024-13-01",
        "1234567890",
        "01/03",
        "99/99/9999",
        "1850-01-01",
        "MARKET 12 2024",
        "01/03-2024",
        "0000-00-00",
        "12:30",
        "1/1/1/1",
        "01/03/2024 TESCO",
        "x" * 1000,
        "٠١/٠٣/٢٠٢٤",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    assert parse_date(text, "dmy") is None


@pytest.mark.parametrize(("text", "year"), [("01/03/69", 2069), ("01/03/70", 1970)])
def test_two_digit_years_from_70_on_are_of_the_last_century(text: str, year: int) -> None:
    found = parse_date(text, "dmy")
    assert found is not None
    assert found.year == year


@pytest.mark.parametrize(
    ("values", "order", "ambiguous"),
    [
        (["01/02/2024", "13/02/2024"], "dmy", False),
        (["01/02/2024", "02/13/2024"], "mdy", False),
        (["01/02/2024", "12/12/2024"], "dmy", True),
        (["01.02.2024"], "dmy", True),
        (["01/02/2024", "01/05/2024", "01/09/2024", "02/01/2024"], "mdy", True),
        (["13/02/2024", "14/02/2024", "02/15/2024"], "dmy", False),
        (["99-01-31", "99-02-15"], "ymd", False),
        (["2024-01-02"], "dmy", False),
        (["01 Mar 2024"], "dmy", False),
        (["", "Pending"], "dmy", False),
    ],
)
def test_the_order_of_day_and_month_is_decided_by_the_whole_column(values: list[str], order, ambiguous) -> None:
    guess = guess_dates(values)
    assert (guess.order, guess.ambiguous) == (order, ambiguous)
    assert guess.explanation


@pytest.mark.parametrize(
    ("shown", "order"),
    [("DD/MM/YYYY", "dmy"), ("MM/DD/YY", "mdy"), ("YYYY-MM-DD", "ymd"), ("%d/%m/%Y", "dmy"), ("DD Mon YYYY", "dmy")],
)
def test_a_format_names_its_order(shown: str, order: str) -> None:
    assert order_of(shown) == order


@pytest.mark.parametrize("shown", ["", "DD/MM", "YYYY-DD-MM", "day"])
def test_a_format_without_day_month_or_year_is_refused(shown: str) -> None:
    with pytest.raises(SettingError):
        order_of(shown)
