"""Reading whole files: layouts, labels, bad input, line numbers."""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tagger.errors import CancelledError, MissingColumnError, SettingError, TaggerError, UnreadableFileError
from tagger.transactions.identity import transaction_ids
from tagger.transactions.layout import ReadOptions
from tagger.transactions.readers import preview, read_statement, read_table
from tagger.transactions.spreadsheet import escape_cell
from tagger.transactions.transaction import Statement


def read(text: str | bytes, name: str = "statement.csv", **options) -> Statement:
    content = text.encode() if isinstance(text, str) else text
    return read_statement(name, content, ReadOptions(**options))


def rows_of(statement: Statement) -> list[tuple[str | None, str, str | None]]:
    return [
        (
            row.occurred_on and row.occurred_on.isoformat(),
            row.description,
            None if row.amount is None else str(row.amount),
        )
        for row in statement.transactions
    ]


TWO = [("2024-03-01", "TESCO STORES 3021", "-12.50"), ("2024-03-13", "PAYROLL ACME", "1602.61")]
# Each string is one line of the file.
TWO_ROWS = {
    "comma": ('Date,Description,Amount\n2024-03-01,TESCO STORES 3021,-12.50\n2024-03-13,PAYROLL ACME,"1,602.61"\n'),
    "semicolon": (
        "Buchungstag;Verwendungszweck;Betrag (EUR)\n"
        "01.03.2024;TESCO STORES 3021;-12,50\n"
        "13.03.2024;PAYROLL ACME;1.602,61\n"
    ),
    "tab": ("date\tdetails\tvalue\n01/03/2024\tTESCO STORES 3021\t-12.50\n13/03/2024\tPAYROLL ACME\t1602.61\n"),
    "pipe": ("date|memo|amount\n1 Mar 2024|TESCO STORES 3021|(12.50)\n13 Mar 2024|PAYROLL ACME|1602.61\n"),
    "debit and credit": (
        "Date,Narrative,Debit,Credit,Balance\n"
        "01/03/2024,TESCO STORES 3021,12.50,,100.00\n"
        "13/03/2024,PAYROLL ACME,,1602.61,1702.61\n"
    ),
    "debits written negative": (
        "Date,Narrative,Money out,Money in\n03/01/2024,TESCO STORES 3021,-12.50,\n03/13/2024,PAYROLL ACME,,1602.61\n"
    ),
    "sign in another column": (
        'Datum,Omschrijving,Af Bij,Bedrag\n20240301,TESCO STORES 3021,Af,"12,50"\n20240313,PAYROLL ACME,Bij,"1602,61"\n'
    ),
    "spending written positive": (
        "date,type,details,amount\n2024-03-01,DEBIT,TESCO STORES 3021,12.50\n2024-03-13,CREDIT,PAYROLL ACME,-1602.61\n"
    ),
    "money in marked with plus": (
        'date,details,amount\n2024-03-01,TESCO STORES 3021,£12.50\n2024-03-13,PAYROLL ACME,"+ £1,602.61"\n'
    ),
    "preamble": (
        "Account:,12345678\n"
        'Available balance,"6,666.66"\n'
        "\n"
        "Transactions\n"
        "Date,Value date,Description,Amount\n"
        "01/03/2024,02/03/2024,TESCO STORES 3021,-12.50\n"
        "13/03/2024,13/03/2024,PAYROLL ACME,1602.61\n"
    ),
    "sep line": (
        "sep=;\nDate;Description;Amount\n2024-03-01;TESCO STORES 3021;-12.50\n2024-03-13;PAYROLL ACME;1602.61\n"
    ),
    "no header": ("2024-03-01,TESCO STORES 3021,-12.50,100.00\n2024-03-13,PAYROLL ACME,1602.61,1702.61\n"),
    "header shorter than the rows": (
        "Date,Description,Amount\n2024-03-01,TESCO STORES 3021,-12.50,\n2024-03-13,PAYROLL ACME,1602.61,\n"
    ),
    "windows line ends": (
        "Date,Description,Amount\r\n2024-03-01,TESCO STORES 3021,-12.50\r\n2024-03-13,PAYROLL ACME,1602.61\r\n"
    ),
    "old mac line ends": (
        "Date,Description,Amount\r2024-03-01,TESCO STORES 3021,-12.50\r2024-03-13,PAYROLL ACME,1602.61"
    ),
    "space after the delimiter": (
        'Date, Description, Amount\n2024-03-01, "TESCO STORES 3021", -12.50\n2024-03-13, "PAYROLL ACME", "1,602.61"\n'
    ),
}


@pytest.mark.parametrize("layout", TWO_ROWS)
def test_the_same_two_rows_are_read_from_every_layout(layout: str) -> None:
    statement = read(TWO_ROWS[layout])
    assert rows_of(statement) == TWO
    assert not statement.errors


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings_are_recognised(encoding: str) -> None:
    text = "date,description,amount\n2024-03-01,Café Zoë,-12.50\n2024-03-02,Hôtel à Orléans,-90\n"
    statement = read(text.encode(encoding))
    assert [row.description for row in statement.transactions] == ["Café Zoë", "Hôtel à Orléans"]


@pytest.mark.parametrize(
    ("encoding", "description"),
    [("cp1250", "Výběr z bankomatu Příbram"), ("cp1250", "Żabka Łódź"), ("cp1252", "Bäckerei Müller Straße"),
     ("cp1252", "Peluquería Muñoz"), ("cp1252", "Føtex Nørrebro"),
     ("cp1254", "Doğalgaz faturası"), ("cp1251", "Магазин Перевод")],
)  # fmt: skip
def test_older_encodings_are_told_by_their_letters(encoding: str, description: str) -> None:
    text = f"date;description;amount\n01.03.2024;{description};-12,50\n02.03.2024;{description} 2;-1,00\n"
    statement = read(text.encode(encoding))
    assert statement.transactions[0].description == description


def test_lines_in_another_encoding_are_read_and_named() -> None:
    lines = ["date,description,amount", "2024-03-01,Café,-1", "2024-03-02,Zoë,-2", "2024-03-03,TESCO,-3"]
    content = b"\n".join([lines[0].encode(), lines[1].encode(), lines[2].encode("cp1252"), lines[3].encode()])
    statement = read(content)
    assert [row.description for row in statement.transactions] == ["Café", "Zoë", "TESCO"]
    assert "Line 3" in statement.notes[0]


def test_gzip_is_unpacked_and_the_ending_before_it_counts() -> None:
    packed = gzip.compress(TWO_ROWS["comma"].encode())
    statement = read(packed, "statement.csv.gz")
    assert rows_of(statement) == TWO
    assert statement.format == "csv"
    assert rows_of(read(gzip.compress(TWO_ROWS["tab"].encode()), "statement.tsv.gz")) == TWO


def test_balance_beside_amount_is_not_the_amount() -> None:
    text = "\n".join(f"2024-03-{day:02},SHOP {day},{100 - day}.00,-1.00" for day in range(1, 9))
    assert {row.amount for row in read(text).transactions} == {Decimal("-1.00")}


@pytest.mark.parametrize(
    ("name", "values", "amounts"),
    [
        ("paid", ["-1.50", "2.00"], ["-1.50", "2.00"]),
        ("year", ["2023", "2024"], [None, None]),
        ("amount", ["1", "2"], ["1", "2"]),
    ],
)
def test_whole_numbers_are_amounts_only_under_a_name_that_says_so(name: str, values: list[str], amounts: list) -> None:
    rows = [f"2024-03-01,TESCO,{value}\n" for value in values]
    assert [row[2] for row in rows_of(read(f"date,description,{name}\n" + "".join(rows)))] == amounts


def test_currency_and_account_come_from_their_columns_or_the_amount() -> None:
    with_columns = read(
        "date,description,amount,currency,account\n2024-03-01,TESCO,-1,GBP,Joint\n2024-03-02,SHELL,-2,EUR,\n"
    )
    assert [(row.currency, row.account) for row in with_columns.transactions] == [("GBP", "Joint"), ("EUR", "")]
    statement = read_statement("a.csv", b"date,description,amount (EUR)\n2024-03-01,TESCO,-1\n", default_account="Main")
    assert (statement.transactions[0].currency, statement.transactions[0].account) == ("EUR", "Main")


def test_a_table_of_descriptions_alone_is_read() -> None:
    statement = read("description\nTESCO\nSHELL\n")
    assert rows_of(statement) == [(None, "TESCO", None), (None, "SHELL", None)]


def test_a_wholly_ambiguous_column_of_dates_says_so() -> None:
    statement = read("date,description,amount\n03/01/2024,TESCO,-1\n05/01/2024,SHELL,-2\n")
    assert statement.layout.dates_ambiguous
    assert statement.transactions[0].occurred_on == date(2024, 1, 3)
    assert any("assumed" in line for line in statement.layout.explanations)
    other = read("date,description,amount\n03/01/2024,TESCO,-1\n05/01/2024,SHELL,-2\n", date_format="MM/DD/YYYY")
    assert other.transactions[0].occurred_on == date(2024, 3, 1)


def test_the_last_row_may_decide_how_the_first_date_is_read() -> None:
    rows = [f"0{1 + number % 9}/02/2024,SHOP {number},-1" for number in range(4000)]
    statement = read("\n".join(["date,description,amount", *rows, "02/28/2024,LAST,-1"]))
    assert statement.transactions[0].occurred_on == date(2024, 1, 2)
    assert not statement.errors


# --- named columns --------------------------------------------------------------------------------------------------


def test_named_columns_win_over_guesses() -> None:
    text = "when,who,what,paid,date,amount\n2024-03-01,ACME,Widgets,-1,2020-01-01,99\n"
    statement = read(text, description_column="what", date_column="When", amount_column="paid")
    assert rows_of(statement) == [("2024-03-01", "Widgets", "-1")]


def test_columns_without_header_are_numbered_from_1() -> None:
    statement = read("x,TESCO,groceries\ny,SHELL,fuel\n", no_header=True, description_column="2", labels_column="3")
    assert [(row.description, row.labels) for row in statement.transactions] == [
        ("TESCO", ("groceries",)),
        ("SHELL", ("fuel",)),
    ]


@pytest.mark.parametrize("column", ["description", "date", "amount", "account", "labels", "debit", "currency"])
def test_a_named_column_that_does_not_exist_is_an_error(column: str) -> None:
    with pytest.raises(MissingColumnError, match=r"Merchant.*Date, Description, Amount"):
        read(TWO_ROWS["comma"], **{f"{column}_column": "Merchant"})


@pytest.mark.parametrize("name", ["0", "5", "-1", "x"])
def test_a_column_number_out_of_range_is_an_error(name: str) -> None:
    with pytest.raises(MissingColumnError):
        read(TWO_ROWS["no header"], no_header=True, description_column=name)


def test_an_empty_name_means_no_such_column() -> None:
    assert rows_of(read(TWO_ROWS["comma"], amount_column="", date_column="")) == [(None, row[1], None) for row in TWO]


# --- labels ---------------------------------------------------------------------------------------------------------

LABELLED = """\
date,description,amount,tags
2024-03-01,TESCO,-1,groceries| card |groceries
2024-03-02,SHELL,-2,
2024-03-03,HAIR,-3,\x20
"""


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        ({}, [("groceries", "card"), None, None]),
        ({"blank_means_none": True}, [("groceries", "card"), (), ()]),
        ({"labels_matching": "^gro"}, [("groceries",), None, None]),
        ({"labels_matching": "fuel"}, [(), None, None]),
        ({"labels_separator": ";"}, [("groceries| card |groceries",), None, None]),
        ({"labels_column": ""}, [None, None, None]),
    ],
)
def test_a_filled_cell_judges_its_row_and_an_empty_one_does_not(options, labels) -> None:
    assert [row.labels for row in read(LABELLED, **options).transactions] == labels


@pytest.mark.parametrize("name", ["tags", "labels", "tag", "label", "category", "Categories"])
def test_labels_are_guessed_by_name(name: str) -> None:
    assert read(f"date,description,{name}\n2024-03-01,TESCO,groceries\n").transactions[0].labels == ("groceries",)


@pytest.mark.parametrize("name", ["type", "kind", "class"])
def test_other_names_are_not_taken_for_labels(name: str) -> None:
    assert read(f"date,description,{name}\n2024-03-01,TESCO,groceries\n").transactions[0].labels is None


def test_a_column_named_label_may_be_the_description() -> None:
    statement = read("Date,Label,Amount\n2024-03-01,TESCO,-1\n")
    assert rows_of(statement) == [("2024-03-01", "TESCO", "-1")]
    assert statement.transactions[0].labels is None


@pytest.mark.parametrize("options", [{"labels_matching": "("}, {"labels_separator": ""}])
def test_a_meaningless_label_option_is_an_error(options: dict[str, str]) -> None:
    with pytest.raises(SettingError):
        read(LABELLED, **options)


def own_export(*rows: str) -> str:
    return "\n".join(["date,description,amount,currency,account,tags,tag_source,transaction_id,run_id", *rows])


def test_our_own_export_comes_back_as_it_went_out() -> None:
    descriptions = ["=HYPERLINK(1)", "-5% OFF", "'=quoted", "'tis", "TESCO"]
    sources = ["confirmed", "confirmed", "predicted", "remembered", "confirmed"]
    tags = ["groceries", "", "fuel", "fuel", "=sum|card"]
    rows = [
        f'2024-03-0{number},"{escape_cell(description)}",-1.50,GBP,Main,{escape_cell(tag)},{source},{str(number) * 32},'
        for number, (description, source, tag) in enumerate(zip(descriptions, sources, tags, strict=True), start=1)
    ]
    statement = read(own_export(*rows))
    assert [row.description for row in statement.transactions] == descriptions
    assert [row.labels for row in statement.transactions] == [("groceries",), (), None, None, ("=sum", "card")]
    assert transaction_ids(statement.transactions, "f" * 64) == [str(number) * 32 for number in range(1, 6)]
    assert not statement.errors


def test_predicted_tags_of_a_tagged_file_are_nobodys_judgement() -> None:
    statement = read(
        "date,description,amount,tags,tag_source\n2024-03-01,TESCO,-1,groceries,predicted\n", blank_means_none=True
    )
    assert statement.transactions[0].labels is None


def test_another_column_of_a_tagged_file_may_hold_judgements() -> None:
    text = "date,description,amount,truth,tags,tag_source\n2024-03-01,TESCO,-1,food,groceries,predicted\n"
    assert read(text, labels_column="truth").transactions[0].labels == ("food",)


def test_a_quote_in_somebody_elses_file_stays() -> None:
    assert read("date,description,amount\n2024-03-01,'=x,-1\n").transactions[0].description == "'=x"


# --- bad input ------------------------------------------------------------------------------------------------------


def test_a_bad_amount_names_line_column_and_value() -> None:
    rows = [f"2024-03-{day:02},SHOP {day},-{day}.00" for day in range(1, 10)]
    rows[5] = "2024-03-06,SHOP 6,abc"
    statement = read("\n".join(["date,description,amount", *rows]))
    (error,) = statement.errors
    assert (error.line, error.column, error.value) == (7, "amount", "abc")
    assert len(statement.transactions) == 8
    assert statement.n_rows == 9


@pytest.mark.parametrize("value", ["abc", "NaN", "1e400", "inf", "", "12,50,1"])
def test_what_is_no_amount_is_a_row_error(value: str) -> None:
    statement = read(f'date,description,amount\n2024-03-01,TESCO,"{value}"\n2024-03-02,SHELL,-2.00\n')
    assert [(error.line, error.column) for error in statement.errors] == [(2, "amount")]
    assert len(statement.transactions) == 1


def test_line_numbers_are_those_of_the_file_after_quoted_line_breaks() -> None:
    statement = read(
        'date,description,amount\n2024-03-01,"TESCO\nLONDON\nGB",-1\n\n2024-03-02,SHELL,abc\n2024-03-03,HAIR,-3\n'
    )
    assert [row.line for row in statement.transactions] == [2, 7]
    assert statement.transactions[0].description == "TESCO\nLONDON\nGB"
    assert [error.line for error in statement.errors] == [6]


@pytest.mark.parametrize("text", ["", "Pending", "pending"])
def test_a_row_without_a_date_is_imported_without_one(text: str) -> None:
    statement = read(f"date,description,amount\n2024-03-01,TESCO,-1\n{text},SHELL,-2\n")
    assert rows_of(statement)[1] == (None, "SHELL", "-2")


def test_text_that_is_no_date_is_a_row_error() -> None:
    statement = read("date,description,amount\n2024-03-01,TESCO,-1\nsoon,SHELL,-2\n31/31/2024,HAIR,-3\n")
    assert [(error.line, error.column, error.value) for error in statement.errors] == [
        (3, "date", "soon"),
        (4, "date", "31/31/2024"),
    ]


def test_rows_with_too_few_or_too_many_cells_are_errors_and_the_others_go_in() -> None:
    rows = [f"2024-03-{day:02},SHOP {day},-{day}.00,1" for day in range(1, 10)]
    rows[2], rows[5] = "2024-03-03,SHOP", "2024-03-06,SHOP,6,-6.00,1"
    statement = read("\n".join(["date,description,amount,branch", *rows]))
    assert [error.line for error in statement.errors] == [4, 7]
    assert "5 cells where 4 are expected" in statement.errors[1].message
    assert len(statement.transactions) == 7


@pytest.mark.parametrize(
    ("rows", "error_lines", "n_good"),
    [
        (['2024-03-01,"TESCO,-1', "2024-03-02,SHELL,-2", "2024-03-03,HAIR,-3"], [2], 2),
        (['2024-03-01,"TESCO,-1', '2024-03-02,"SHELL",-2', "2024-03-03,HAIR,-3"], [2], 2),
        (["2024-03-01,TESCO,-1", '2024-03-02,"SHELL,-2', '2024-03-03,"HAIR,-3'], [3, 4], 1),
        (["2024-03-01,TESCO,-1", "2024-03-02,SHELL,-2", '2024-03-03,HAIR,"-3'], [4], 2),
    ],
)
def test_an_unclosed_quote_costs_its_own_line_only(rows: list[str], error_lines: list[int], n_good: int) -> None:
    statement = read("\n".join(["date,description,amount", *rows]))
    assert [error.line for error in statement.errors] == error_lines
    assert all("quotation mark" in error.message for error in statement.errors)
    assert len(statement.transactions) == n_good


def test_many_unclosed_quotes_do_not_take_for_ever() -> None:
    rows = ['a"b,"c,1'] * 20_000
    statement = read("\n".join(["date,description,amount", "2024-01-01,x,1", *rows]))
    assert len(statement.errors) == 20_000


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Total,,100.00", "total"),
        (",Grand total,100.00", "total"),
        (",Total debits,100.00", "total"),
        ("2024-03-01,Opening balance,100.00", "balance"),
        ("31/03/2024,CLOSING BALANCE 31/03/2024,100.00", "balance"),
        ("2024-03-31,Balance brought forward,", "balance"),
        ("date,description,amount", "column names"),
        ("Date,Description,Amount", "column names"),
        ("Posted transactions", "heading"),
        (",continued from the line above,", "neither"),
    ],
)
def test_totals_balances_and_headings_are_skipped(row: str, reason: str) -> None:
    statement = read(f"date,description,amount\n2024-03-01,TESCO,-1\n{row}\n2024-03-02,SHELL,-2\n")
    assert [skipped.line for skipped in statement.skipped] == [3]
    assert reason in statement.skipped[0].reason
    assert len(statement.transactions) == 2
    assert not statement.errors


@pytest.mark.parametrize("description", ["TOTAL", "TOTAL ENERGIES 123", "BALANCE YOGA STUDIO", "SUM BAR"])
def test_a_dated_merchant_with_such_a_name_is_a_transaction(description: str) -> None:
    assert len(read(f"date,description,amount\n2024-03-01,{description},-1\n").transactions) == 1


def test_blank_lines_are_no_rows() -> None:
    statement = read("date,description,amount\n\n2024-03-01,TESCO,-1\n,,\n   \n\n")
    assert statement.n_rows == 1


def test_a_nul_character_is_an_error_of_its_row() -> None:
    statement = read(b"date,description,amount\n2024-03-01,TES\0CO,-1\n2024-03-02,SHELL,-2\n")
    assert [(error.line, error.column) for error in statement.errors] == [(2, "description")]
    assert "NUL" in statement.errors[0].message
    assert "\0" not in statement.errors[0].value
    assert len(statement.transactions) == 1


def test_a_long_description_is_kept_whole_and_one_beyond_all_measure_is_an_error() -> None:
    statement = read(
        f"date,description,amount\n2024-03-01,{'x' * 10_000},-1\n2024-03-02,{'y' * 200_000},-2\n2024-03-03,HAIR,-3\n"
    )
    assert [len(row.description) for row in statement.transactions] == [10_000, 4]
    assert [error.line for error in statement.errors] == [3]
    assert len(statement.errors[0].value) <= 120


def test_three_hundred_columns_are_read() -> None:
    names = ["date", "description", "amount", *(f"extra {number}" for number in range(297))]
    statement = read(",".join(names) + "\n2024-03-01,TESCO,-1" + "," * 297 + "\n")
    assert rows_of(statement) == [("2024-03-01", "TESCO", "-1")]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "empty"),
        (b" \n\n\t\n", "a.csv", "empty"),
        (b"\xef\xbb\xbf", "a.csv", "empty"),
        (gzip.compress(b"", mtime=0), "a.csv.gz", "empty"),
        (bytes(range(256)) * 40, "a.csv", "not a text file"),
        (b"PK\x03\x04rest", "a.csv", "Excel"),
        (b"%PDF-1.7 rest", "a.csv", "PDF"),
        (b"OFXHEADER:100\nDATA:OFXSGML\n", "a.csv", "OFX"),
        (b'{"a": 1}', "a.csv", "JSON"),
        (b"\x1f\x8bnonsense", "a.csv.gz", "damaged gzip"),
        (gzip.compress(b"date,description\n" * 99, mtime=0)[:-20], "a.csv.gz", "damaged gzip"),
        (b"PAR1 nonsense", "a.parquet", "Parquet"),
        (b"date,description\n", "a.parquet", "not a parquet"),
        (b"date^description^amount\n2024-03-01^TESCO^-1\n2024-03-02^SHELL^-2\n", "a.csv", "Only one column"),
        (b"date,description\n" + b"," * 2_000_001, "a.csv", "2,000,001 characters"),
        (b"just some words\nand more words\n", "a.txt", "Only one column"),
        ((",".join("x" * 2500) + "\n").encode() * 2, "a.csv", "2,500 cells"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_statement_is_refused_in_words(content: bytes, name: str, message: str) -> None:
    with pytest.raises(UnreadableFileError, match=message) as caught:
        read(content, name)
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b" \n", bytes(range(256)) * 40, b"PK\x03\x04rest", b"\x1f\x8bnonsense", b"words\n"]
)
def test_a_preview_refuses_it_as_well(content: bytes) -> None:
    with pytest.raises(TaggerError):
        preview("a.csv", content)


def test_no_column_that_could_be_the_description_lists_the_columns() -> None:
    with pytest.raises(MissingColumnError, match=r"description.*date, amount, balance"):
        read("date,amount,balance\n2024-03-01,-1,100\n2024-03-02,-2,98\n")


def test_a_wrong_delimiter_is_refused_in_words() -> None:
    with pytest.raises(UnreadableFileError, match=r"Only one column.*';'"):
        read(TWO_ROWS["comma"], delimiter=";")


def test_files_beyond_the_limits_are_refused() -> None:
    content = TWO_ROWS["comma"].encode()
    with pytest.raises(UnreadableFileError, match="limit"):
        read_statement("a.csv", content, size_limit=len(content) - 1)
    assert read_statement("a.csv", content, size_limit=len(content)).n_rows == 2
    bomb = gzip.compress(b"date,description,amount\n" + b"0" * 3_000_000)
    with pytest.raises(UnreadableFileError, match="unpacks to more"):
        read_statement("a.csv.gz", bomb, unpacked_limit=1_000_000)


@pytest.mark.parametrize(
    "options",
    [
        {"delimiter": ""},
        {"delimiter": "ab"},
        {"delimiter": '"'},
        {"encoding": "klingon"},
        {"date_format": "x"},
        {"decimal_mark": "x"},
    ],
)
def test_a_setting_that_means_nothing_is_an_error(options: dict[str, str]) -> None:
    with pytest.raises(SettingError):
        read(TWO_ROWS["comma"], **options)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("date,description,amount\n", "no rows"),
        ("date,description,amount\nTotal,,0.00\n,Closing balance,5\n", "no transactions"),
    ],
)
def test_a_file_without_transactions_says_so(text: str, note: str) -> None:
    statement = read(text)
    assert not statement.transactions
    assert not statement.errors
    assert note in statement.notes[0]


def test_reading_can_be_stopped_and_tells_how_far_it_is() -> None:
    seen: list[tuple[int, int]] = []
    read_statement("a.csv", TWO_ROWS["comma"].encode(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (3, 3)
    with pytest.raises(CancelledError):
        read_statement("a.csv", TWO_ROWS["comma"].encode(), cancelled=lambda: True)


# --- Parquet, preview, tables ---------------------------------------------------------------------------------------


def parquet(**columns: pa.Array) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_parquet_is_read_with_its_types() -> None:
    content = parquet(
        when=pa.array([datetime(2024, 3, 1, 9, 30), None], pa.timestamp("ns")),  # noqa: DTZ001
        description=pa.array(["TESCO", None]),
        amount=pa.array([Decimal("-12.50"), Decimal(3)], pa.decimal128(10, 2)),
        tags=pa.array([["groceries", "card"], None]),
    )
    statement = read(content, "a.parquet", date_column="when")
    assert rows_of(statement) == [("2024-03-01", "TESCO", "-12.50"), (None, "", "3.00")]
    assert [row.labels for row in statement.transactions] == [("groceries", "card"), None]
    assert statement.format == "parquet"
    assert [row.line for row in statement.transactions] == [1, 2]
    assert preview("a.parquet", content, n=1).transactions[0].description == "TESCO"


@pytest.mark.parametrize(
    "values", [pa.array([-12.5, 3.0]), pa.array(["-12.50", "3.00"]), pa.array([-12.5, 3.0], pa.float32())]
)
def test_amounts_in_parquet_may_be_numbers_or_text(values: pa.Array) -> None:
    content = parquet(date=pa.array([date(2024, 3, 1)] * 2), description=pa.array(["TESCO", "PAYROLL"]), amount=values)
    assert [row.amount for row in read(content, "a.parquet").transactions] == [Decimal("-12.5"), Decimal(3)]


def test_a_preview_shows_layout_and_parsed_rows() -> None:
    text = "date,description,amount\n" + "".join(f"2024-03-{day:02},SHOP {day},-{day}\n" for day in range(1, 20))
    seen = preview("a.csv", text.encode(), n=3)
    assert seen.layout.description_column == "description"
    assert [row.description for row in seen.transactions] == ["SHOP 1", "SHOP 2", "SHOP 3"]
    assert [row.amount for row in seen.transactions] == [-1, -2, -3]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_preview_and_import_find_the_same_layout_in_a_large_file(pack) -> None:
    rows = [f"{1 + number % 28:02}.03.2024;SHOP {number} straße;-{number},50" for number in range(12_000)]
    content = pack("\n".join(["Datum;Text;Betrag", *rows]).encode())
    seen, statement = preview("a.csv", content), read(content)
    assert seen.layout.columns == statement.layout.columns
    assert seen.layout.description_column == statement.layout.description_column == "Text"
    assert rows_of(statement)[:8] == [
        (row.occurred_on and row.occurred_on.isoformat(), row.description, str(row.amount)) for row in seen.transactions
    ]
    assert len(statement.transactions) == 12_000


def test_a_table_keeps_every_row_and_column_in_order(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(
        "note,note,description,amount,tags\na,b,TESCO,abc,groceries\nc,d,SHELL,-2,\ne,f\ng,h,HAIR,-3,care,extra\n\n",
        encoding="utf-8",
    )
    table = read_table(path)
    assert table.columns == ("note", "note (2)", "description", "amount", "tags", "column 6")
    assert table.header == ("note", "note", "description", "amount", "tags", "")
    assert [row[0] for row in table.rows] == ["a", "c", "e", "g"]
    assert {len(row) for row in table.rows} == {6}
    assert table.descriptions == ["TESCO", "SHELL", "", "HAIR"]
    assert table.labels == [("groceries",), None, None, ("care",)]


def test_a_table_keeps_rows_broken_by_a_quote(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text('description,tags\nTESCO,groceries\n"SHELL,fuel\nHAIR,care\n', encoding="utf-8")
    table = read_table(path)
    assert table.descriptions == ["TESCO", '"SHELL', "HAIR"]
    assert [error.line for error in table.errors] == [3]


def test_a_missing_file_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        read_table(tmp_path / "nowhere.csv")


def test_the_layout_says_where_the_table_starts_and_what_was_left_out() -> None:
    layout = read(TWO_ROWS["preamble"]).layout
    assert (layout.first_line, layout.delimiter, layout.has_header) == (5, ",", True)
    assert (layout.date_column, layout.amount_column) == ("Date", "Amount")
    assert any("left out" in line for line in layout.explanations)


def test_a_tar_is_refused_by_name_and_none_of_its_members_is_read() -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("../../etc/statement.csv")
        content = b"date,description,amount\n2024-03-01,TESCO,-1.00\n" * 100
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with pytest.raises(UnreadableFileError, match=r"archive \(tar\)"):
        read_statement("statement.csv.gz", packed.getvalue())


@pytest.mark.parametrize(
    "column",
    [
        pa.array([2**40], pa.timestamp("s")),
        pa.array([3_000_000], pa.date32()),
        pa.array([0], pa.timestamp("s", "Mars/Phobos")),
        pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")]),
    ],
    ids=lambda column: str(column.type),
)
def test_a_parquet_column_that_cannot_be_shown_is_named(column: pa.Array) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"description": ["TESCO"], "when": column}), sink)
    with pytest.raises(UnreadableFileError, match="Column 'when'"):
        preview("odd.parquet", sink.getvalue())


def test_short_floats_keep_the_amount_that_was_written() -> None:
    sink = io.BytesIO()
    amounts = pa.array([12.34, None, float("nan"), -0.1], pa.float32())
    pq.write_table(pa.table({"date": ["2024-03-01"] * 4, "description": ["TESCO"] * 4, "amount": amounts}), sink)
    first, *_, last = read_statement("short.parquet", sink.getvalue()).transactions
    assert (first.amount, last.amount) == (Decimal("12.34"), Decimal("-0.1"))
