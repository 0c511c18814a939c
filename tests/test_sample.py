from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "sample"
WRITTEN = [
    "labels.json",
    "truth.csv",
    "statements/firm-business.csv",
    "statements/household-card.csv",
    "statements/household-current.csv",
]
FIRST_UNSORTED = date(2026, 3, 1)
RARE = {"pets", "loan"}
PALETTE = {"red", "orange", "yellow", "green", "blue", "violet", "gray"}


@dataclass(frozen=True)
class SampleRow:
    file: str
    on: date
    description: str
    amount: Decimal
    tags_cell: str
    true_tags: tuple[str, ...]
    balance: Decimal | None

    @property
    def is_sorted(self) -> bool:
        return self.on < FIRST_UNSORTED

    @property
    def folded(self) -> str:
        return re.sub(r"\d", "", self.description.casefold())


def read_lines(name: str) -> list[str]:
    return (SAMPLE / "statements" / name).read_text(encoding="utf-8-sig").split("\n")


def current_row(line: dict[str, str]) -> tuple[date, str, Decimal]:
    amount = Decimal(line["Paid in"] or 0) - Decimal(line["Paid out"] or 0)
    return datetime.strptime(line["Date"], "%d/%m/%Y").date(), line["Description"], amount  # noqa: DTZ007


def card_row(line: dict[str, str]) -> tuple[date, str, Decimal]:
    amount = Decimal(line["Betrag"].replace(".", "").replace(",", "."))
    return date.fromisoformat(line["Buchungstag"]), line["Verwendungszweck"], amount


def firm_row(line: dict[str, str]) -> tuple[date, str, Decimal]:
    on = datetime.strptime(line["Posting Date"], "%m/%d/%Y").date()  # noqa: DTZ007
    return on, line["Description"], Decimal(line["Amount"])


LAYOUTS = {
    "household-current.csv": (2, ",", current_row),
    "household-card.csv": (0, ";", card_row),
    "firm-business.csv": (0, ",", firm_row),
}


@pytest.fixture(scope="module")
def rows() -> list[SampleRow]:
    with (SAMPLE / "truth.csv").open(encoding="utf-8", newline="") as file:
        truth = {(line["file"], int(line["line"])): line["tags"] for line in csv.DictReader(file)}
    found = []
    for name, (n_above, delimiter, read) in LAYOUTS.items():
        reader = csv.DictReader(read_lines(name)[n_above:], delimiter=delimiter)
        for line in reader:
            on, description, amount = read(line)
            tags = truth.pop((name, n_above + reader.line_num))
            balance = Decimal(line["Balance"]) if "Balance" in line else None
            found.append(SampleRow(name, on, description, amount, line["tags"], tuple(tags.split("|")), balance))
    assert not truth, "truth.csv names lines that no statement has"
    return found


@pytest.fixture(scope="module")
def labels() -> list[dict[str, str]]:
    return json.loads((SAMPLE / "labels.json").read_text(encoding="utf-8"))


def test_the_script_writes_the_tracked_files_byte_for_byte(tmp_path):
    subprocess.run([sys.executable, str(SAMPLE / "generate.py"), str(tmp_path)], check=True)
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert written == sorted(WRITTEN)
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_the_sample_stays_small_enough_to_be_cloned_with_the_code():
    tracked = [SAMPLE / name for name in [*WRITTEN, "README.md", "generate.py"]]
    assert sum(path.stat().st_size for path in tracked) < 700_000


def test_several_thousand_rows_cover_eighteen_months_in_every_account(rows):
    assert 4_000 <= len(rows) <= 6_000
    for name in LAYOUTS:
        months = {(row.on.year, row.on.month) for row in rows if row.file == name}
        assert months == {(2025 + (2 + i) // 12, (2 + i) % 12 + 1) for i in range(18)}, name


def test_three_layouts_differ_in_delimiter_date_amount_and_preamble():
    headers = {name: read_lines(name)[n_above] for name, (n_above, _, _) in LAYOUTS.items()}
    assert headers == {
        "household-current.csv": "Date,Type,Description,Paid out,Paid in,Balance,tags",
        "household-card.csv": "Buchungstag;Verwendungszweck;Betrag;Währung;tags",
        "firm-business.csv": "Posting Date,Description,Amount,Type,Balance,Check or Slip #,tags",
    }
    assert read_lines("household-current.csv")[0].startswith("Account Name:")
    assert read_lines("household-current.csv")[1].startswith("Account Number:")
    assert (SAMPLE / "statements/household-card.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize(
    ("description", "amount", "tags"),
    [
        ("STAFF - PAYROLL", "1602.61", {"payroll", "income", "recurring"}),
        ("Online Transfer to Deposit Account-9541", "-2895.00", {"transfer", "online"}),
        ("Deposit interest", "1.24", {"interest"}),
    ],
)
@pytest.mark.parametrize("is_sorted", [True, False])
def test_the_lines_of_the_phone_list_are_there_sorted_and_unsorted(rows, description, amount, tags, is_sorted):
    found = [
        row for row in rows if (row.description, row.amount, row.is_sorted) == (description, Decimal(amount), is_sorted)
    ]
    assert found
    assert all(set(row.true_tags) == tags for row in found)


@pytest.mark.parametrize(("name", "oldest_first"), [("household-current.csv", True), ("firm-business.csv", False)])
def test_each_balance_follows_from_the_one_before(rows, name, oldest_first):
    account = [row for row in rows if row.file == name]
    for before, after in pairwise(account if oldest_first else account[::-1]):
        assert after.on >= before.on
        assert after.balance == before.balance + after.amount


def test_tags_are_filled_for_the_first_twelve_months_and_agree_with_the_truth(rows):
    for row in rows:
        assert row.tags_cell == ("|".join(row.true_tags) if row.is_sorted else "")


def test_rows_carry_about_two_tags_each_none_twice_and_only_known_ones(rows, labels):
    assert 1.5 <= sum(len(row.true_tags) for row in rows) / len(rows) <= 3
    known = {label["name"] for label in labels}
    for row in rows:
        assert set(row.true_tags) <= known
        assert len(set(row.true_tags)) == len(row.true_tags) >= 1


def test_every_tag_but_the_two_rare_ones_has_ten_distinct_descriptions_in_the_sorted_months(rows, labels):
    descriptions = defaultdict(set)
    for row in rows:
        if row.is_sorted:
            for tag in row.true_tags:
                descriptions[tag].add(row.folded)
    assert {label["name"] for label in labels if len(descriptions[label["name"]]) < 10} == RARE
    assert all(descriptions[tag] for tag in RARE)


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        (r"\bFEE\b", "fee"),
        (r"\bREFUND|GUTSCHRIFT|RETOURE\b", "refund"),
        (r"\bPAYROLL\b", "payroll"),
        (r"\bINTEREST\b|ZINSEN\b", "interest"),
        (r"NETFLIX", "subscription"),
        (r"\bATM\b|GELDAUTOMAT|\bLINK FORE ST\b", "cash"),
        (r"^ONLINE TRANSFER", "transfer"),
        (r"\bRENT\b", "rent"),
    ],
)
def test_a_line_that_names_what_it_is_carries_that_tag(rows, words, tag):
    named = [row for row in rows if re.search(words, row.description.upper())]
    assert named
    assert [row for row in named if tag not in row.true_tags] == []


def test_descriptions_are_messy_and_many(rows):
    assert len({row.description for row in rows}) >= 1_500
    text = "\n".join(row.description for row in rows)
    for mark in (
        "SQ *",
        "TST*",
        "PAYPAL *",
        "SP ",
        "ZETTLE_*",
        "POS PURCHASE",
        "CARD PAYMENT TO",
        "ACH DEBIT",
        "DD ",
        "SO ",
        "SEPA",
    ):
        assert mark in text, mark
    assert any(row.description.islower() for row in rows)
    assert any(row.description.isupper() for row in rows)


def test_some_equal_descriptions_mean_different_things_but_few(rows):
    meanings = defaultdict(set)
    for row in rows:
        meanings[row.folded].add(row.true_tags)
    n_ambiguous = sum(len(tags) > 1 for tags in meanings.values())
    assert 10 <= n_ambiguous <= 0.05 * len(meanings)


def test_the_unsorted_months_mix_repeats_with_descriptions_never_seen(rows):
    seen = {row.folded for row in rows if row.is_sorted}
    later = [row for row in rows if not row.is_sorted]
    repeats = sum(row.folded in seen for row in later) / len(later)
    assert 0.60 <= repeats <= 0.75


def test_labels_have_a_definition_and_neighbors_differ_in_color(labels):
    assert 28 <= len(labels) <= 36
    assert len({label["name"] for label in labels}) == len(labels)
    assert all(label["name"] == label["name"].lower() and "|" not in label["name"] for label in labels)
    assert all(label["definition"].endswith(".") for label in labels)
    assert {label["color"] for label in labels} == PALETTE
    assert all(before["color"] != after["color"] for before, after in pairwise(labels))


def test_the_readme_lists_every_tag_with_its_definition(labels):
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for label in labels:
        assert f"| {label['name']} | {label['definition']} |" in readme
