"""The invented descriptors that the starter learns from, and how it is trained on them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import data.sample.descriptors as corpus
from data.sample.descriptors import Descriptor, descriptors
from models.train_starter import joined, training_set_of
from tagger.services.inputs import group_hashes
from tagger.storage.runs import read_bundle
from tagger.transactions.merchant import group_key
from tagger.transactions.text import normalize_text

ROOT = Path(__file__).resolve().parents[1]
LABELS = [label["name"] for label in json.loads((ROOT / "data/sample/labels.json").read_text(encoding="utf-8"))]
# What a household's line never shows by itself; the sample's statements teach these.
NOT_IN_LINES = {"business", "tax-deductible"}


@pytest.fixture(scope="module")
def lines() -> list[Descriptor]:
    return descriptors()


def line(description: str, tags: set[str], not_judged: set[str] = frozenset(), family: str = "") -> Descriptor:
    return Descriptor(description, corpus.Decimal(-1), frozenset(tags), frozenset(not_judged), family or description)


def test_every_process_writes_the_same_lines(lines):
    program = "from data.sample.descriptors import descriptors; import hashlib; "
    program += "print(hashlib.sha256(repr([(d.description, str(d.amount), sorted(d.tags), sorted(d.not_judged), "
    program += "d.family) for d in descriptors()]).encode()).hexdigest())"
    run = [sys.executable, "-c", program]
    digests = {
        subprocess.run(run, check=True, capture_output=True, cwd=ROOT, env={"PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_there_are_enough_lines_and_every_name_of_a_tag_is_known(lines):
    assert 8_000 <= len(lines) <= 20_000
    assert {tag for each in lines for tag in each.tags | each.not_judged} <= set(LABELS)
    assert all(each.tags and not each.tags & each.not_judged for each in lines)


def test_no_description_occurs_twice(lines):
    folded = [" ".join(each.description.casefold().split()) for each in lines]
    assert len(set(folded)) == len(folded)


def test_every_tag_that_a_line_can_show_has_many_families(lines):
    families = defaultdict(set)
    for each in lines:
        for tag in each.tags:
            families[tag].add(each.family)
    assert {tag for tag in LABELS if len(families[tag]) < 25} == NOT_IN_LINES


def test_what_a_line_seldom_says_is_judged_only_where_it_follows(lines):
    for each in lines:
        never_deductible = each.tags & corpus.NEVER_BESIDE["tax-deductible"]
        assert ("tax-deductible" in each.not_judged) == (not never_deductible), each
    for tag in corpus.SELDOM_SAID:
        assert any(tag in each.not_judged for each in lines)


def test_descriptions_are_printable_have_no_field_left_and_no_space_too_many(lines):
    for each in lines:
        assert each.description.isprintable()
        assert not re.search(r"[{}|]|\s\s|^\s|\s$", each.description), each.description
        assert normalize_text(each.description)


def test_amounts_have_the_sign_of_their_section(lines):
    assert all(each.amount > 0 for each in lines if "payroll" in each.tags)
    assert all(
        each.amount < 0 for each in lines if each.tags & {"groceries", "fuel", "rent"} and "refund" not in each.tags
    )


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        (r"PHARMACY", "health"),
        (r"^ATM (CASH )?WITHDRAWAL", "cash"),
        (r"^#MONTHLY ACCOUNT FEE", "fee"),
        (r"NETFLIX", "entertainment"),
        (r"COUNCIL TAX", "taxes"),
        (r"BOND REPAYMENT", "loan"),
        (r"ZELLE TO .* LANDLORD", "rent"),
        (r"PREPAID ELECTRICITY$", "utilities"),
    ],
)
def test_a_line_that_names_what_it_is_carries_that_tag(lines, words, tag):
    named = [each for each in lines if re.search(words, each.description.upper())]
    assert named
    assert [
        each for each in named if tag not in each.tags and "insurance" not in each.tags and "fee" not in each.tags
    ] == []


TABLE = {
    "banks/common.txt": "[named]\n{city} {name}\n[tail]\n{n4}\n",
    "banks/uk.txt": "[city]\nYORK\n[card]\nCARD PAYMENT TO {name} {city}\n[small]\nSQ *{name:6}\n",
}


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """`tables(text)`: the corpus of one file of merchants, with a bank that knows one city."""

    def write(text: str) -> list[Descriptor]:
        for name, content in (TABLE | {"merchants/uk.txt": text, "lines/uk.txt": ""}).items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(content)
        monkeypatch.setattr(corpus, "TABLES", tmp_path)
        monkeypatch.setattr(corpus, "BANKS", ("uk",))
        return descriptors()

    return write


def test_a_merchant_stands_by_itself_and_wrapped_by_a_bank(tables):
    found = tables("[groceries, ?home, at-counter] card -4..-120\nALDI\n")
    assert [each.description for each in found] == ["ALDI", "CARD PAYMENT TO ALDI YORK"]
    assert {each.tags for each in found} == {frozenset({"groceries"})}
    assert {each.not_judged for each in found} == {frozenset({"home", "business"})}
    assert {each.family for each in found} == {"aldi"}
    assert all(-120 <= each.amount <= -4 for each in found)


def test_a_persons_note_is_written_once_and_is_never_the_firms(tables):
    (note,) = tables("[pets, -online] note -1..-9\ncat food\n")
    assert (note.description, note.not_judged) == ("cat food", {"recurring", "subscription"})


def test_a_fixed_line_is_written_as_it_is_and_with_something_behind(tables):
    first, second = tables("[fee] line -1..-9\nACCOUNT FEE\n")
    assert first.description == "ACCOUNT FEE"
    assert re.fullmatch(r"ACCOUNT FEE \d{4}", second.description)


def test_a_kind_of_business_gets_names_and_is_cut_where_the_bank_cuts(tables):
    assert [each.description for each in tables("[pets] kind -1..-9\nVET\n")] == ["YORK VET", "SQ *YORK V"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[fuel] card -1..-2\nBP\n[rent] card -1..-2\nBP\n", "has other tags"),
        ("[fuel] line -1..-2\nBP {town}\n", "'town'"),
        ("[fuel]\nBP\n", "neither how it is paid"),
        ("BP\n", "before the first header"),
    ],
)
def test_a_table_that_means_nothing_is_refused(tables, text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        tables(text)


def test_tags_become_three_valued_cells_and_families_groups():
    found = training_set_of(
        [line("A 1", {"fuel"}, {"online"}, "a"), line("B", {"rent", "online"}), line("A 2", {"fuel"}, set(), "a")],
        ["fuel", "rent", "online"],
    )
    assert found.y_true.tolist() == [[True, False, False], [False, True, True], [True, False, False]]
    assert found.judged.tolist() == [[True, True, False], [True, True, True], [True, True, True]]
    assert found.groups.tolist() == [0, 1, 0]


def test_an_unknown_tag_is_refused():
    with pytest.raises(ValueError, match="'A' has the unknown tags"):
        training_set_of([line("A", {"groceries"})], ["fuel"])


def test_joined_sets_keep_their_rows_and_share_no_group():
    a = training_set_of([line("A", {"fuel"}), line("B", {"rent"})], ["fuel", "rent"])
    b = training_set_of([line("C", {"rent"})], ["fuel", "rent"])
    both = joined(a, b)
    assert both.y_true.tolist() == [*a.y_true.tolist(), *b.y_true.tolist()]
    assert both.groups.tolist() == [0, 1, 2]
    assert both.rows.tolist() == [0, 1, 2]


def test_the_tracked_starter_remembers_every_line_as_seen(lines):
    seen = read_bundle(ROOT / "models" / "starter").evidence["seen_groups"]
    assert np.isin(group_hashes([group_key(each.description) for each in lines]), seen).all()
