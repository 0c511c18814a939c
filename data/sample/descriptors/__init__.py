"""Invented bank lines of many countries with their tags, for training the starter; nobody imports them as transactions.

The tables beside this file are plain text. A header opens a section, and entries follow, separated by ` | `:

    [groceries ?home at-counter] card -4..-120
    WALMART | KROGER

In `merchants` and `lines` the header gives the tags, the way of paying and the range of amounts. `?tag` is not judged.
In `banks` a section is a list that any `{section}` draws from; those named after a way of paying wrap a name.
Three ways are special: a `kind` of business is given a name of its own first; a `line`, and a person's `note`, are
wrapped by nothing.
Other fields: `{n4}` digits, `{x6}` letters and digits, `{dd}` `{mm}` `{mon}` `{yy}` dates, `{name:22}` cut at 22.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import exp, log
from pathlib import Path
from random import Random

TABLES = Path(__file__).resolve().parent
BANKS = ("us", "uk", "ie", "za", "nz", "au", "ca", "other")
# A descriptor seldom says these: who paid, how, and how often. They are judged only where a table says so.
SELDOM_SAID = frozenset({"business", "tax-deductible", "recurring", "subscription", "online"})
# The rules of the sample's tags decide some of them whatever the line says: no meal lowers a tax bill.
NEVER_BESIDE = {
    "business": frozenset({"childcare", "entertainment", "pets"}),
    "tax-deductible": frozenset(
        {"groceries", "eating out", "entertainment", "pets", "taxes", "loan", "income", "refund", "transfer"}
    ),
}
AT_COUNTER = frozenset({"recurring", "subscription", "online"})  # what a purchase in a shop is not
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
# How many lines an entry gives; the first is the entry by itself.
COPIES = {"kind": 3, "line": 2, "note": 1}
MERCHANT_COPIES = 2
FIELDS_COPIES = 3  # a line with fields

_HEADER = re.compile(r"\[(?P<tags>[^\]]*)\](?:\s+(?P<way>\w+)\s+(?P<low>[+-]\d+)\.\.(?P<high>[+-]\d+))?\Z")
_FIELD = re.compile(r"\{(\w+)(?::(\d+))?\}")

Lists = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Descriptor:
    """One line of a statement, as a bank would write it.

    Attributes
    ----------
    tags, not_judged : names of tags; every other tag does not apply.
    family : what the line was made from. Lines of one family say the same, so they belong on one side of a split.
    """

    description: str
    amount: Decimal
    tags: frozenset[str]
    not_judged: frozenset[str]
    family: str


@dataclass(frozen=True)
class _Section:
    tags: frozenset[str]
    not_judged: frozenset[str]
    way: str
    low: int
    high: int
    entries: tuple[str, ...]


def descriptors() -> list[Descriptor]:
    """Every line, each description once, in the order of the tables; the same at every call.

    Raises
    ------
    ValueError
        If a table cannot be read, or two tables tag the same description differently.
    """
    common = _lists("common")
    lists = {bank: {**common, **_lists(bank)} for bank in BANKS}
    found: dict[str, Descriptor] = {}
    for path in sorted((TABLES / "merchants").glob("*.txt")) + sorted((TABLES / "lines").glob("*.txt")):
        banks = [path.stem] if path.stem in BANKS else list(BANKS)
        for section in _sections(path):
            for entry in section.entries:
                for line in _written(entry, section, banks, lists):
                    key = " ".join(line.description.casefold().split())
                    known = found.setdefault(key, line)
                    if known.tags - line.tags - line.not_judged or line.tags - known.tags - known.not_judged:
                        raise ValueError(f"{path.name}: {line.description!r} has other tags under {known.family!r}.")
    return list(found.values())


def _written(entry: str, section: _Section, banks: list[str], lists: Mapping[str, Lists]) -> Iterator[Descriptor]:
    # A generator of its own for each entry: a new entry leaves the lines of all others as they are.
    random = Random(f"{entry}/{section.way}/{'+'.join(banks)}")  # noqa: S311 - repeatable is what is wanted
    n_copies = COPIES.get(section.way, MERCHANT_COPIES)
    if section.way == "line" and "{" in entry:
        n_copies = FIELDS_COPIES
    for copy in range(n_copies):
        known = lists[random.choice(banks)]
        yield Descriptor(
            description=" ".join(_worded(entry, section.way, copy, known, random).split()),
            amount=_amount(section.low, section.high, random),
            tags=section.tags,
            not_judged=section.not_judged,
            family=_family(entry),
        )


def _worded(entry: str, way: str, copy: int, lists: Lists, random: Random) -> str:
    """One wording of an entry: the entry's own the first time, a bank's from then on."""
    if way in {"line", "note"}:
        always_the_same = "{" not in entry
        return _filled(entry + " {tail}" if copy and always_the_same else entry, lists, random)
    if way == "kind":
        entry = random.choice(lists["named"]).replace("{name}", entry)
        way = "small"
    name = _filled(entry, lists, random)
    return _filled(random.choice(lists[way]), lists, random, name) if copy else name


def _family(entry: str) -> str:
    """The first word that is no field: TESCO STORES must not be measured by what learned from TESCO EXPRESS."""
    return next((word.casefold() for word in entry.split() if "{" not in word), entry)


def _amount(low: int, high: int, random: Random) -> Decimal:
    """Small amounts are more frequent than large ones: the logarithm is even."""
    size = exp(random.uniform(log(abs(low)), log(abs(high))))
    return Decimal(f"{size if low > 0 else -size:.2f}")


def _filled(pattern: str, lists: Lists, random: Random, name: str = "") -> str:
    """The pattern with its fields drawn; a drawn entry may have fields of its own."""

    def fill(match: re.Match[str]) -> str:
        field, width = match.group(1), match.group(2)
        drawn = name if field == "name" else _drawn(field, lists, random)
        return drawn[: int(width)] if width else drawn

    return _FIELD.sub(fill, pattern)


def _drawn(field: str, lists: Lists, random: Random) -> str:
    if field in lists:
        return _filled(random.choice(lists[field]), lists, random)
    if field == "mon":
        return random.choice(MONTHS)
    if field in {"dd", "mm", "yy"}:
        return f"{random.randint(*{'dd': (1, 28), 'mm': (1, 12), 'yy': (14, 26)}[field]):02d}"
    kind, length = field[0], field[1:]
    if kind not in "nx" or not length.isdecimal():
        raise ValueError(f"No list and no kind of field is called {field!r}.")
    return "".join(random.choice("0123456789" if kind == "n" else LETTERS) for _ in range(int(length)))


def _lists(bank: str) -> dict[str, tuple[str, ...]]:
    return {name: entries for name, (_, entries) in _parsed(TABLES / "banks" / f"{bank}.txt")}


def _sections(path: Path) -> Iterator[_Section]:
    for header, (match, entries) in _parsed(path):
        words = [word.strip() for word in header.split(",")]
        denied = {word.removeprefix("-") for word in words if word.startswith("-")}
        denied |= AT_COUNTER if "at-counter" in words else set()
        tags = frozenset(word for word in words if word[0] not in "?-" and word != "at-counter")
        denied |= {tag for tag, others in NEVER_BESIDE.items() if tags & others}
        if match["way"] == "note":
            denied.add("business")  # nobody keeps a firm's books in such words
        asked = {word.removeprefix("?") for word in words if word.startswith("?")}
        if match["way"] is None:
            raise ValueError(f"{path.name}: [{header}] says neither how it is paid nor how much.")
        yield _Section(
            tags=tags,
            not_judged=frozenset((SELDOM_SAID - denied | asked) - tags),
            way=match["way"],
            low=int(match["low"]),
            high=int(match["high"]),
            entries=entries,
        )


def _parsed(path: Path) -> list[tuple[str, tuple[re.Match[str], tuple[str, ...]]]]:
    """The sections of a file: what stands in the brackets, the header's match, and the entries."""
    found: list[tuple[str, tuple[re.Match[str], list[str]]]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("# "):
            continue
        if match := _HEADER.match(line.strip()):
            found.append((match["tags"], (match, [])))
        elif found:
            found[-1][1][1].extend(entry.strip() for entry in line.split(" | ") if entry.strip())
        else:
            raise ValueError(f"{path.name}, line {number}: an entry before the first header.")
    return [(header, (match, tuple(entries))) for header, (match, entries) in found]
