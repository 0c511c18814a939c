from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagger.transactions.spreadsheet import escape_cell, restore_cell
from tagger.transactions.text import fold_description, normalize_text


@pytest.mark.parametrize(
    ("description", "text"),
    [
        ("TESCO STORES 3021", "TESCO STORES 3021"),
        ("  TESCO\t STORES\n3021 ", "TESCO STORES 3021"),
        ("CARD PAYMENT XX1234 TESCO", "CARD PAYMENT TESCO"),
        ("CARD ****1234 TESCO", "CARD TESCO"),
        ("Online Transfer to Deposit Account-9541", "Online Transfer to Deposit Account-9541"),
        ("SQ *BLUE BOTTLE", "SQ *BLUE BOTTLE"),
        ("DD 00123456 EXXON", "DD EXXON"),
        ("REF 1234", "REF 1234"),
        ("REF 12345", "REF"),
        ("0000000000", "0000000000"),
        ("CAFE\x00 ROUGE\x07", "CAFE ROUGE"),
        ("ＴＥＳＣＯ ﬁne\u00a0food", "TESCO fine food"),
        ("", ""),
    ],
)
def test_the_encoder_sees_text_without_card_numbers_and_control_characters(description: str, text: str) -> None:
    assert normalize_text(description) == text


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("Tesco  Stores", "TESCO STORES", True),
        ("STRASSE", "straße", True),
        ("Caf\u00e9", "Cafe\u0301", True),
        ("TESCO 1", "TESCO 2", False),
    ],
)
def test_descriptions_are_equal_but_for_case_and_spacing(one: str, other: str, equal: bool) -> None:
    assert (fold_description(one) == fold_description(other)) is equal


@given(st.text())
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold_description(fold_description(text)) == fold_description(text)


@pytest.mark.parametrize("text", ["x" * 10_000, "*" * 10_000, "xx-" * 4_000, "1 " * 5_000, "X*" * 5_000 + "!"])
def test_long_descriptions_take_no_time(text: str) -> None:
    assert isinstance(normalize_text(text), str)


@pytest.mark.parametrize(
    "text", ["=1+1", "+44 20", "-5", "@cmd", "\tx", "\rx", "'=1", "''=1", "＝1+1", "＋44", "－5", "＠cmd", "'＝1"]
)
def test_cells_that_a_spreadsheet_would_run_are_quoted(text: str) -> None:
    assert escape_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["TESCO", "", "'", "'quoted'", "a=b", " =1"])
def test_other_cells_stay_as_they_are(text: str) -> None:
    assert escape_cell(text) == text


@given(st.text(alphabet="'=+-@\t\r＝＋－＠a ", max_size=8) | st.text())
def test_restoring_undoes_escaping(text: str) -> None:
    assert restore_cell(escape_cell(text)) == text
    assert not escape_cell(text).startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
