"""What a person types into a search box: words, quoted phrases, exclusions, amounts and dates."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tagger.transactions.text import fold_description

HELP = """
| | |
|---|---|
| `tesco london` | both, anywhere in the description |
| `"card payment"` | these words in a row |
| `-refund` `-"card payment"` | not this |
| `>50` `<=20` `=12.50` `10..20` | amounts, whatever their sign; with a sign as in `-20..-10` with it |
| `date:2024-03` `date:2024-03-01..2024-03-15` | a day, month or year, or from one to another |
""".strip()

_PART = re.compile(r'(?P<no>-?)"(?P<phrase>[^"]*)"?|\S+')
_NUMBER = r"[-+]?[£$€]?\d+(?:[.,]\d+)?"
_COMPARED = re.compile(rf"(?:amount:)?(?P<how>>=|<=|>|<|=)(?P<number>{_NUMBER})|amount:(?P<equal>{_NUMBER})")
_BETWEEN = re.compile(rf"(?P<named>amount:)?(?P<least>{_NUMBER})?\.\.(?P<most>{_NUMBER})?")
_DAY = re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d{2})(?:-(?P<day>\d{2}))?)?")


@dataclass(frozen=True)
class Amounts:
    """A range of amounts; without a bound it is open. `excludes` the bounds themselves or not, lower and upper."""

    least: Decimal | None
    most: Decimal | None
    excludes: tuple[bool, bool] = (False, False)
    signed: bool = False


@dataclass(frozen=True)
class Query:
    """What is searched for; all of it must hold.

    Attributes
    ----------
    wanted, unwanted : folded words and phrases that a folded description holds, or does not.
    amounts : ranges of amounts, of their sizes unless they are `signed`.
    since, until : days, both included.
    unread : parts that look like an amount or a date and are none.
    """

    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    amounts: tuple[Amounts, ...] = ()
    since: date | None = None
    until: date | None = None
    unread: tuple[str, ...] = ()


def parse_query(text: str) -> Query:
    """Take a search apart. Every text is a search; what means nothing is named in `unread`."""
    wanted: list[str] = []
    unwanted: list[str] = []
    amounts: list[Amounts] = []
    unread: list[str] = []
    since: date | None = None
    until: date | None = None
    for part in _PART.finditer(text):
        token, phrase = part.group(), part.group("phrase")
        if phrase is not None:
            (unwanted if part.group("no") else wanted).append(fold_description(phrase))
        elif (found := _amounts(token)) is not None:
            amounts.append(found)
        elif token.startswith("date:"):
            days = _days(token.removeprefix("date:"))
            if days is None:
                unread.append(token)
            else:
                since = max(filter(None, (since, days[0])), default=None)
                until = min(filter(None, (until, days[1])), default=None)
        elif token.startswith("amount:"):
            unread.append(token)
        elif token.startswith("-") and len(token) > 1:
            unwanted.append(fold_description(token[1:]))
        else:
            wanted += fold_description(token).split()
    return Query(
        tuple(filter(None, wanted)), tuple(filter(None, unwanted)), tuple(amounts), since, until, tuple(unread)
    )


def _amounts(token: str) -> Amounts | None:
    compared = _COMPARED.fullmatch(token)
    if compared is not None:
        how, number = compared.group("how") or "=", compared.group("number") or compared.group("equal")
        value, signed = _number(number)
        return Amounts(
            None if how in ("<", "<=") else value,
            None if how in (">", ">=") else value,
            (how == ">", how == "<"),
            signed,
        )
    between = _BETWEEN.fullmatch(token)
    if between is None or not (between.group("least") or between.group("most")):
        return None
    bounds = [_number(bound) if bound else None for bound in between.group("least", "most")]
    least, most = (None if bound is None else bound[0] for bound in bounds)
    if least is not None and most is not None and least > most:
        least, most = most, least
    return Amounts(least, most, signed=any(bound is not None and bound[1] for bound in bounds))


def _number(text: str) -> tuple[Decimal, bool]:
    """The number, and whether it was written with a sign."""
    plain = re.sub("[£$€]", "", text).replace(",", ".")
    return Decimal(plain), plain[0] in "+-"


def _days(text: str) -> tuple[date | None, date | None] | None:
    """The first and the last day of `2024`, `2024-03`, `2024-03-01`, or of two of them with dots between."""
    first, dots, last = text.partition("..")
    spans = [_span(each) if each else None for each in (first, last or ("" if dots else first))]
    if any(each and span is None for each, span in zip((first, last), spans, strict=True)) or not any(spans):
        return None
    return spans[0] and spans[0][0], spans[1] and spans[1][1]


def _span(text: str) -> tuple[date, date] | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = (None if part is None else int(part) for part in found.group("year", "month", "day"))
    try:
        last_month = month or 12
        first = date(year or 0, month or 1, day or 1)
        return first, date(first.year, last_month, day or monthrange(first.year, last_month)[1])
    except ValueError:
        return None
