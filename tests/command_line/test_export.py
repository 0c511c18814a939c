"""`export`: every transaction with its tags, safe to open and to import again."""

from __future__ import annotations

import gzip
import os
import shutil
from decimal import Decimal
from threading import Thread

import pyarrow.parquet as pq
import pytest
from command_line.common import by_name, export_rows, only_object

EXPORTED = ["date", "description", "amount", "currency", "account", "tags", "tag_source", "transaction_id", "run_id"]
RISKY = (
    "date,description,amount,currency,account,tags\n"
    '2024-03-01,"=HYPERLINK(""http://x"")",-12.50,GBP,main,@home\n'
    "2024-03-02,-- TRANSFER,-2895.00,GBP,+44,\n"
    "2024-03-03,'=quoted,0.5,GBP,main,\n"
    ",@UNDATED,-3,GBP,main,\n"
)


def test_export_writes_every_transaction_with_its_tags(after_training, ok, tmp_path):
    rows = export_rows(ok, tmp_path)
    assert set(EXPORTED) <= set(rows[0])
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
    assert {row["run_id"] for row in rows} == {after_training["run_id"]}
    assert len({row["transaction_id"] for row in rows}) == 39
    sources = [row["tag_source"] for row in rows]
    assert (sources.count("confirmed"), sources.count("predicted")) == (36, 3)
    assert {row["description"]: row["tags"] for row in rows}["SHELL fuel zzz"] == "fuel"


def test_equal_descriptions_of_judged_rows_are_remembered(after_training, bring, ok, tmp_path):
    bring("date,description,amount\n2024-07-01,tesco GROCERIES aaa,-7\n", name="july.csv")
    row = export_rows(ok, tmp_path)[-1]
    assert (row["tags"], row["tag_source"]) == ("groceries", "remembered")


def test_cells_are_safe_for_spreadsheets_and_amounts_stay_numbers(bring, ok, tmp_path):
    bring(RISKY)
    rows = export_rows(ok, tmp_path)
    assert [row["description"] for row in rows] == [
        '\'=HYPERLINK("http://x")',
        "'-- TRANSFER",
        "''=quoted",
        "'@UNDATED",
    ]
    assert [float(row["amount"]) for row in rows] == [-12.5, -2895, 0.5, -3]
    assert rows[0]["tags"] == "'@home"
    assert rows[1]["account"] == "'+44"


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_an_export_imported_again_is_the_same_transactions(bring, ok, tmp_path, home, name):
    bring(RISKY)
    ok("export", tmp_path / name)
    before = export_rows(ok, tmp_path, "before.csv")
    (again,) = ok("import", tmp_path / name)["files"]
    assert (again["rows"], again["added"], again["duplicates"], again["errors"]) == (4, 0, 4, [])
    assert export_rows(ok, tmp_path, "after.csv") == before

    shutil.rmtree(home)
    (elsewhere,) = ok("import", tmp_path / name)["files"]
    assert (elsewhere["added"], elsewhere["judged"]) == (4, 1)
    again = export_rows(ok, tmp_path, "elsewhere.csv")
    assert [Decimal(row.pop("amount")) for row in again] == [Decimal(row.pop("amount")) for row in before]
    assert again == before, "the same ids and texts"
    assert set(by_name(ok("labels", "list"))) == {"@home"}


def test_only_confirmed_rows_of_an_export_are_judged(after_training, ok, tmp_path, home):
    ok("export", tmp_path / "out.csv")
    shutil.rmtree(home)
    (file,) = ok("import", tmp_path / "out.csv")["files"]
    assert (file["added"], file["judged"]) == (39, 36)


def test_what_the_model_adds_to_a_confirmed_row_is_not_confirmed(after_training, bring, ok, tmp_path, home):
    # This file judges its row for "gift" alone; the run adds "fuel", which no person said.
    assert bring("date,description,amount,tags\n2024-08-01,SHELL fuel ttt,-1,gift\n", name="gift.csv")["judged"] == 1
    row = export_rows(ok, tmp_path)[-1]
    assert set(row["tags"].split("|")) == {"fuel", "gift"}
    assert row["tag_source"] == "predicted"
    shutil.rmtree(home)
    assert ok("import", tmp_path / "out.csv")["files"][0]["judged"] == 36


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_typed_exports_have_numbers_dates_and_plain_text(bring, ok, tmp_path, name):
    bring(RISKY)
    assert ok("export", tmp_path / name) == {"rows": 4, "file": str(tmp_path / name)}
    if name == "out.parquet":
        rows = pq.read_table(tmp_path / name).to_pylist()
        assert [row["amount"] for row in rows] == list(map(Decimal, ["-12.5", "-2895", "0.5", "-3"]))
        assert str(rows[0]["date"]) == "2024-03-01"
        assert rows[0]["tags"] == "@home"
    else:
        content = (tmp_path / name).read_bytes()
        lines = (gzip.decompress(content) if name.endswith(".gz") else content).decode().splitlines()
        rows = [only_object(line) for line in lines]
        assert [row["amount"] for row in rows] == [-12.5, -2895, 0.5, -3]
        assert rows[0]["tags"] == ["@home"]
    assert set(EXPORTED) <= set(rows[0])
    assert rows[0]["description"] == '=HYPERLINK("http://x")'
    assert rows[3]["date"] is None


def test_an_empty_store_exports_no_rows(ok, tmp_path):
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert ok("export", tmp_path / name)["rows"] == 0


def test_a_link_stays_a_link_and_a_pipe_is_written_to(bring, ok, tmp_path):
    bring("date,description,amount\n2024-03-01,TESCO,-1.00\n")
    target, link, pipe = tmp_path / "target.csv", tmp_path / "link.csv", tmp_path / "pipe.csv"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    ok("export", str(link))
    assert link.is_symlink()
    assert "TESCO" in target.read_text(encoding="utf-8")
    os.mkfifo(pipe)
    read = Thread(target=lambda: received.append(pipe.read_text(encoding="utf-8")), daemon=True)
    received: list[str] = []
    read.start()
    ok("export", str(pipe))
    read.join(timeout=10)
    assert received == [target.read_text(encoding="utf-8")]
    assert pipe.is_fifo()
