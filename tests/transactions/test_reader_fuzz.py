"""Whatever comes in, reading gives a statement or an error in words."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tagger.errors import TaggerError
from tagger.transactions.identity import transaction_ids
from tagger.transactions.layout import ReadOptions
from tagger.transactions.readers import preview, read_statement

GOOD = (
    'Account:;"12 345"\nDate;Description;Amount;Balance;Tags\n01/03/2024;"TESCO; ""LOCAL""\nLONDON";-12,50;100,00;a|b\n'
    "13/03/2024;Café Zoë;(3,00);97,00;\n;Total;;97,00;\n14/03/2024;'=x;1.234,56;1.331,56;c\n"
).encode()
PIECES = [
    b'"',
    b"\n",
    b"\r",
    b";",
    b",",
    b"\t",
    b"\0",
    b"\xff",
    b"\xe9",
    b"'",
    b"-",
    b"=",
    b"1e999",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"NaN",
]


def must_not_crash(name: str, content: bytes, options: ReadOptions) -> None:
    try:
        statement = read_statement(name, content, options)
    except TaggerError:
        pass
    else:
        assert statement.n_rows == len(statement.transactions) + len(statement.errors) + len(statement.skipped)
        ids = transaction_ids(statement.transactions, statement.file_hash)
        assert len(set(ids)) == len(statement.transactions)
        lines = [row.line for row in statement.transactions]
        assert lines == sorted(lines)
    with suppress(TaggerError):
        preview(name, content, options)


def mutated(seed: int) -> bytes:
    source = random.Random(seed)
    content = bytearray(GOOD)
    for _ in range(source.randint(1, 8)):
        at = source.randrange(len(content) + 1)
        kind = source.random()
        if kind < 0.4:
            content[at:at] = source.choice(PIECES)
        elif kind < 0.7:
            del content[at : at + source.randint(1, 9)]
        else:
            content[at:at] = content[: source.randint(0, 60)]
    return bytes(content)


OPTIONS = st.builds(
    ReadOptions,
    no_header=st.booleans(),
    blank_means_none=st.booleans(),
    delimiter=st.sampled_from([None, None, ";", ","]),
    first_line=st.sampled_from([None, None, 1, 2, 3, 99]),
    description_column=st.sampled_from([None, None, "1", "2", "Description", ""]),
    labels_column=st.sampled_from([None, None, "Tags", "3"]),
    invert_amounts=st.booleans(),
)
NAMES = st.sampled_from(["a.csv", "a.tsv", "a.csv.gz", "a.parquet", "a", "a.xlsx"])


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(NAMES, st.binary(max_size=400), OPTIONS)
def test_random_bytes_never_crash_the_reader(name: str, content: bytes, options: ReadOptions) -> None:
    must_not_crash(name, content, options)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.text(alphabet='a1",;\n\r\t|-. \0é/', max_size=120), OPTIONS)
def test_random_tables_never_crash_the_reader(text: str, options: ReadOptions) -> None:
    must_not_crash("a.csv", text.encode(), options)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.integers(0, 2**32), OPTIONS)
def test_a_damaged_statement_never_crashes_the_reader(seed: int, options: ReadOptions) -> None:
    must_not_crash("a.csv", mutated(seed), options)


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(NAMES, st.binary(max_size=3000) | st.integers(0, 2**64).map(mutated), OPTIONS)
def test_nothing_ever_crashes_the_reader(name: str, content: bytes, options: ReadOptions) -> None:
    must_not_crash(name, content, options)
