"""`import`: each transaction is stored once, and an import is taken back whole."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line.common import by_name, export_rows, verdicts_of

from tagger.config import Settings
from tagger.services.jobs import Jobs
from tagger.services.store import Store


def test_import_reports_every_file_by_its_counts(ok, write, home):
    good = write("march.csv", "date,description,amount\n2024-03-01,TESCO STORES 3021,-12.50\n2024-03-02,SHELL,-40\n")
    bad = write(
        "april.csv.gz",
        "date,description,amount\n2024-04-01,ALDI,-1\n2024-04-02,LIDL,abc\nlong ago,SPAR,-3\n,Closing balance,99\n",
    )
    report = ok("import", good, bad)
    assert report["batch_id"]
    assert report["files"] == [
        {"file": "march.csv", "format": "csv", "rows": 2, "added": 2, "duplicates": 0, "skipped": 0}
        | {"judged": 0, "conflicts": 0, "errors": []},
        {"file": "april.csv.gz", "format": "csv", "rows": 4, "added": 1, "duplicates": 0, "skipped": 1}
        | {
            "judged": 0,
            "conflicts": 0,
            "errors": [
                {"line": 3, "column": "amount", "value": "abc", "message": "'abc' is not an amount"},
                {"line": 4, "column": "date", "value": "long ago", "message": "'long ago' is not a date"},
            ],
        },
    ]
    assert (home / "data" / "tagger.db").exists()


TWICE = "2024-03-01,COFFEE,-2.40"
TRICKY = [
    # name, files of rows, (added, duplicates) of each file
    ("one file twice", [[TWICE, "2024-03-02,TEA,-1"]] * 2, [(2, 0), (0, 2)]),
    ("equal purchases on one day stay two", [[TWICE, TWICE]], [(2, 0)]),
    ("and are known again", [[TWICE, TWICE], [TWICE, TWICE]], [(2, 0), (0, 2)]),
    ("a third equal one is new", [[TWICE, TWICE], [TWICE, TWICE, TWICE]], [(2, 0), (1, 2)]),
    ("overlapping exports", [["2024-03-01,A,-1", TWICE], [TWICE, "2024-03-03,B,-1"]], [(2, 0), (1, 1)]),
    ("an amount written otherwise", [["2024-03-01,COFFEE,-2.4"], [TWICE]], [(1, 0), (0, 1)]),
    ("another description", [[TWICE], ["2024-03-01,COFFEE 2,-2.40"]], [(1, 0), (1, 0)]),
    ("no date", [[",COFFEE,-2.40", ",COFFEE,-2.40", "2024-03-02,TEA,-1"]], [(3, 0)]),
]


@pytest.mark.parametrize(("files", "expected"), [case[1:] for case in TRICKY], ids=[case[0] for case in TRICKY])
@pytest.mark.parametrize("at_once", [True, False], ids=["one import", "several imports"])
def test_a_transaction_is_stored_once(ok, write, files, expected, at_once):
    paths = [
        write(f"{number}.csv", "\n".join(["date,description,amount", *rows]) + "\n")
        for number, rows in enumerate(files)
    ]
    reports = [ok("import", *paths)] if at_once else [ok("import", path) for path in paths]
    found = [file for report in reports for file in report["files"]]
    assert [(file["added"], file["duplicates"]) for file in found] == expected
    assert ok("doctor")["transactions"] == sum(added for added, _ in expected)


def test_the_same_row_on_two_accounts_stays_two(bring, ok):
    text = "date,description,amount\n2024-03-01,MONTHLY FEE,-5\n"
    assert bring(text, "--account", "current")["added"] == 1
    assert bring(text, "--account", "savings")["added"] == 1
    assert bring(text, "--account", "current")["duplicates"] == 1
    assert ok("doctor")["transactions"] == 2


def test_the_account_option_is_for_rows_that_name_none(bring, ok, tmp_path):
    bring("date,description,amount,account\n2024-03-01,FEE,-5,savings\n2024-03-01,TAX,-5,\n", "--account", "current")
    assert {row["description"]: row["account"] for row in export_rows(ok, tmp_path)} == {
        "FEE": "savings",
        "TAX": "current",
    }


def test_a_row_without_a_date_is_imported_and_exported_without_one(bring, ok, tmp_path):
    assert bring("date,description,amount\n,CHEQUE 12,-8\n2024-03-01,TEA,-1\n")["added"] == 2
    assert [(row["date"], row["description"]) for row in export_rows(ok, tmp_path)] == [
        ("2024-03-01", "TEA"),
        ("", "CHEQUE 12"),
    ]


def test_columns_are_named_or_numbered(bring, ok, tmp_path):
    text = "when,who,what,paid,mark,card\n2024-03-01,ACME,Widgets,-1,a;b,42\n"
    columns = ["--date-column", "when", "--description-column", "what", "--amount-column", "paid"]
    more = ["--labels-column", "mark", "--labels-separator", ";", "--account-column", "card"]
    assert bring(text, *columns, *more)["judged"] == 1
    bring(
        "x,TESCO,-2\ny,SHELL,-3\n", "--no-header", "--description-column", "2", "--amount-column", "3", name="plain.csv"
    )
    rows = export_rows(ok, tmp_path)
    assert [(row["description"], row["amount"], row["account"], row["tags"]) for row in rows] == [
        ("Widgets", "-1", "42", "a|b"),
        ("TESCO", "-2", "", ""),
        ("SHELL", "-3", "", ""),
    ]


def test_a_named_column_that_is_not_there_stores_nothing(fails, ok, write):
    path = write("bank.csv", "date,description,amount\n2024-03-01,TEA,-1\n")
    assert fails("import", path, "--amount-column", "price")["type"] == "MissingColumnError"
    assert ok("doctor")["transactions"] == 0


def test_one_unreadable_file_stores_nothing_of_the_others(fails, ok, write):
    good = write("good.csv", "date,description,amount\n2024-03-01,TEA,-1\n")
    assert fails("import", good, write("empty.csv", ""))["type"] == "UnreadableFileError"
    assert ok("doctor")["transactions"] == 0


def test_parquet_is_imported_by_its_ending(ok, tmp_path):
    table = pa.table({"date": ["2024-03-01"], "description": ["TEA"], "amount": pa.array([-1.5]), "tags": ["drinks"]})
    pq.write_table(table, tmp_path / "bank.parquet")
    (file,) = ok("import", tmp_path / "bank.parquet")["files"]
    assert (file["format"], file["added"], file["judged"]) == ("parquet", 1, 1)
    assert export_rows(ok, tmp_path)[0]["amount"] == "-1.5"


def test_an_import_is_undone_whole(ok, fails, write):
    kept = ok("import", write("kept.csv", "date,description,amount,tags\n2024-03-01,TEA,-1,drinks\n"))
    gone = ok(
        "import", write("gone.csv", "date,description,amount,tags\n2024-03-02,PIE,-2,food\n2024-03-01,TEA,-1,hot\n")
    )
    assert set(by_name(ok("labels", "list"))) == {"drinks", "food", "hot"}
    undone = ok("import", "--undo", gone["batch_id"])
    assert (undone["removed"], undone["judgements_removed"]) == (1, 2)
    assert set(by_name(ok("labels", "list"))) == {"drinks"}
    assert verdicts_of(ok, "drinks") == (1, 1)
    assert fails("import", "--undo", gone["batch_id"])["type"] == "NotFoundError"
    ok("import", "--undo", kept["batch_id"][:8])
    assert ok("doctor")["transactions"] == 0
    assert ok("labels", "list") == {"labels": []}


def test_nothing_is_taken_back_while_a_training_reads_it(ok, fails, write, home):
    batch = ok("import", write("march.csv", "date,description,amount\n2024-03-01,TESCO,-1\n"))["batch_id"]
    meanwhile = Jobs(Store(Settings(home=home))).run("train", lambda _: fails("import", "--undo", batch))
    assert meanwhile["type"] == "BusyError"
    assert ok("import", "--undo", batch)["removed"] == 1
