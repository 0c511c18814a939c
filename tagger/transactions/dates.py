"""Dates as banks write them; the order of day and month is decided by a whole column."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from tagger.errors import SettingError

DateOrder = Literal["dmy", "mdy", "ymd"]

_NAMES = {"dmy": "day first", "mdy": "month first", "ymd": "year first"}
_MAX_LENGTH = 48  # characters; weekday, long month and a time with zone need 45
_PIVOT = 70  # two-digit years from 70 on are of the last century; banks had no exports before

_HAS_DIGIT = re.compile("[0-9]")
_ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")
_TIME = (
    r"(?:[T ,]+[0-9]{1,2}[:.h][0-9]{2}(?:[:.][0-9]{2}(?:[.,][0-9]+)?)?"
    r"\s*(?:[AaPp]\.?[Mm]\.?)?\s*(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_WEEKDAY = r"(?:[^\W\d_]{2,10}\.?,\s*)?"
_NUMERIC = re.compile(rf"{_WEEKDAY}([0-9]{{1,2}})([-/.]\s?|\s)([0-9]{{1,2}})\2([0-9]{{4}}|[0-9]{{2}})\.?{_TIME}")
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})([-/.]\s?)([0-9]{{1,2}})\2([0-9]{{1,2}})\.?{_TIME}")
_COMPACT = re.compile(r"((?:19|20)[0-9]{2})([0-9]{2})([0-9]{2})(?:T?[0-9]{4,6})?")
_MONTH = r"([^\W\d_]{3,10})"
_DAY_NAMED = re.compile(
    rf"{_WEEKDAY}([0-9]{{1,2}})(?:st|nd|rd|th|\.)?[-/ .]*(?:de )?{_MONTH}"
    rf"\.?[-/ ,.]*(?:de )?([0-9]{{4}}|[0-9]{{2}}){_TIME}"
)
_NAMED_DAY = re.compile(rf"{_WEEKDAY}{_MONTH}\.?[-/ ]*([0-9]{{1,2}})(?:st|nd|rd|th)?[-/ ,]+([0-9]{{4}}){_TIME}")
_YEAR_NAMED = re.compile(rf"([0-9]{{4}})[-/ ]{_MONTH}[-/ ]([0-9]{{1,2}}){_TIME}")

# Patterns that tell year, month and day by themselves, each with the groups of the three.
_SURE = ((_COMPACT, (1, 2, 3)), (_DAY_NAMED, (3, 2, 1)), (_NAMED_DAY, (3, 1, 2)), (_YEAR_NAMED, (1, 2, 3)))

# English, German, French, Spanish, Italian, Dutch, Portuguese; accents are dropped before looking up.
_MONTHS = [
    "january januar janvier enero gennaio januari janeiro jan",
    "february februar fevrier febrero febbraio februari fevereiro feb",
    "march marz maerz mars marzo maart marco mar mrz mrt",
    "april avril abril aprile apr",
    "may mai mayo maggio mei maio",
    "june juni juin junio giugno junho jun",
    "july juli juillet julio luglio julho jul",
    "august aout agosto augustus aug",
    "september septembre septiembre settembre setembro sept sep",
    "october oktober octobre octubre ottobre outubro oct okt",
    "november novembre noviembre novembro nov",
    "december dezember decembre diciembre dicembre dezembro dec dez",
]


def _prefixes() -> dict[str, int]:
    found: dict[str, set[int]] = {}
    for month, names in enumerate(_MONTHS, start=1):
        for name in names.split():
            for length in range(3, len(name) + 1):
                found.setdefault(name[:length], set()).add(month)
    return {prefix: months.pop() for prefix, months in found.items() if len(months) == 1}


_MONTH_OF = _prefixes()


@dataclass(frozen=True)
class DateGuess:
    """How a column's dates are read.

    Parameters
    ----------
    order : of day, month and year where all three are numbers
    format : the same for people, as in DD/MM/YYYY
    ambiguous : bool
        True where no date shows which number is the day.
    """

    order: DateOrder
    format: str
    ambiguous: bool
    explanation: str


def parse_date(text: str, order: DateOrder = "dmy") -> date | None:
    """Read one written date; a time of day after it is passed over.

    Parameters
    ----------
    order : which number comes first where the text itself does not say

    Returns
    -------
    None where the text is not a date of the years 1900 to 2100.
    """
    text = text.strip()
    if not 6 <= len(text) <= _MAX_LENGTH:
        return None
    if found := _YEAR_FIRST.fullmatch(text):
        return _date(found[1], found[3], found[4])
    if found := _NUMERIC.fullmatch(text):
        first, second, third = found[1], found[3], found[4]
        if order == "ymd":
            return _date(first, second, third) if len(first) == len(third) == 2 else None
        return _date(third, second, first) if order == "dmy" else _date(third, first, second)
    for pattern, (year, month, day) in _SURE:
        if found := pattern.fullmatch(text):
            return _date(found[year], found[month], found[day])
    return None


def is_date(text: str) -> bool:
    """Tell whether a text is a date in any order."""
    if not _HAS_DIGIT.search(text):
        return False
    return any(parse_date(text, order) is not None for order in _ORDERS)


def guess_dates(values: Iterable[str]) -> DateGuess:
    """Find the order of day and month from a whole column.

    Parameters
    ----------
    values : the column's distinct cells in file order; what is no date is passed over
    """
    numeric = [value.strip() for value in values if value.strip()]
    sample = next((value for value in numeric if is_date(value)), "")
    numeric = [value for value in numeric if len(value) <= _MAX_LENGTH and _NUMERIC.fullmatch(value)]
    if not numeric:
        shown = _format_of(sample, "ymd") if sample else ""
        return DateGuess("dmy", shown, ambiguous=False, explanation=f"Dates: {shown}." if shown else "No dates.")
    readings: dict[DateOrder, list[date]] = {}
    for order in _ORDERS:
        readings[order] = [found for value in numeric if (found := parse_date(value, order))]
    day_first, month_first = len(readings["dmy"]), len(readings["mdy"])
    best = max(day_first, month_first)
    if len(readings["ymd"]) > best:
        return _guess("ymd", numeric, "no other order fits")
    if day_first != month_first:
        order = "dmy" if day_first > month_first else "mdy"
        return _guess(order, numeric, "some days are above 12")
    if "." in numeric[0]:
        return _guess("dmy", numeric, "dates with points have the day first", ambiguous=True)
    if _in_order(readings["mdy"]) and not _in_order(readings["dmy"]):
        return _guess("mdy", numeric, "every day is 12 or less, but so the rows are in order of time", ambiguous=True)
    return _guess("dmy", numeric, "assumed: every day is 12 or less, so the dates do not show it", ambiguous=True)


def order_of(date_format: str) -> DateOrder:
    """Give the order that a format such as DD/MM/YYYY or %m/%d/%Y stands for.

    Raises
    ------
    SettingError
        If it does not name day, month and year.
    """
    letters = date_format.upper().replace("%B", "%M")
    places = {letter: letters.find(letter) for letter in "DMY"}
    order = "".join(sorted(places, key=lambda letter: places[letter])).lower()
    if min(places.values()) < 0 or order not in {"dmy", "mdy", "ymd"}:
        raise SettingError(
            f"The date format {date_format!r} is not understood.",
            hint="Write it like DD/MM/YYYY, MM/DD/YYYY or YYYY-MM-DD.",
        )
    return "dmy" if order == "dmy" else "mdy" if order == "mdy" else "ymd"


def same_order(one: str, other: str) -> bool:
    """Tell whether two formats have day, month and year in the same order; one without a day has the year first."""
    return _order_or_year_first(one) == _order_or_year_first(other)


def _order_or_year_first(date_format: str) -> DateOrder:
    try:
        return order_of(date_format)
    except SettingError:
        return "ymd"


def _date(year: str, month: str, day: str) -> date | None:
    month_number = int(month) if month.isdigit() else _MONTH_OF.get(_fold(month), 0)
    number = int(year)
    if len(year) == 2:
        number += 1900 if number >= _PIVOT else 2000
    if not 1900 <= number <= 2100:
        return None
    try:
        return date(number, month_number, int(day))
    except ValueError:
        return None


def _fold(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", word.casefold()) if not unicodedata.combining(c))


def _in_order(dates: list[date]) -> bool:
    """Tell whether at least three dates rise, or fall, throughout."""
    return len(dates) >= 3 and (dates == sorted(dates) or dates == sorted(dates, reverse=True))


def _guess(order: DateOrder, values: list[str], why: str, *, ambiguous: bool = False) -> DateGuess:
    shown = _format_of(next((value for value in values if parse_date(value, order)), values[0]), order)
    return DateGuess(order, shown, ambiguous, f"Dates: {shown}, {_NAMES[order]} ({why}).")


def _format_of(sample: str, order: DateOrder) -> str:
    """Describe a date's format in the letters people know from spreadsheets."""
    if found := _NUMERIC.fullmatch(sample):
        year = "YYYY" if len(found[4]) == 4 else "YY"
        parts = {"dmy": ("DD", "MM", year), "mdy": ("MM", "DD", year), "ymd": ("YY", "MM", "DD")}[order]
        return found[2].join(parts)
    if found := _YEAR_FIRST.fullmatch(sample):
        return found[2].join(("YYYY", "MM", "DD"))
    if _COMPACT.fullmatch(sample):
        return "YYYYMMDD"
    if _DAY_NAMED.fullmatch(sample):
        return "DD Mon YYYY"
    if _NAMED_DAY.fullmatch(sample):
        return "Mon DD YYYY"
    return "YYYY Mon DD"
