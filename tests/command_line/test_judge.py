"""`judge`: verdicts from a file, all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line.common import OPEN_CSV, export_rows, verdicts_of


@pytest.fixture
def ids(bring: Callable[..., dict], ok: Callable[..., dict], tmp_path: Path) -> dict[str, str]:
    """Three rows that nobody judged: transaction ids by description."""
    bring(OPEN_CSV)
    return {row["description"].split()[0]: row["transaction_id"] for row in export_rows(ok, tmp_path, "ids.csv")}


@pytest.mark.parametrize("name", ["verdicts.csv", "verdicts.csv.gz", "verdicts.parquet"])
def test_judge_records_verdicts_label_by_label(ids, ok, write, tmp_path, name):
    rows = [(ids["TESCO"], "food", "yes"), (ids["TESCO"], "fuel", "No"), (ids["SHELL"], "fuel", "YES")]
    if name.endswith(".parquet"):
        pq.write_table(
            pa.table(dict(zip(("transaction_id", "label", "verdict"), zip(*rows, strict=True), strict=True))),
            tmp_path / name,
        )
    else:
        write(name, "\n".join(["transaction_id,label,verdict", *map(",".join, rows)]) + "\n")
    assert ok("judge", tmp_path / name) == {"judged": 3}
    assert verdicts_of(ok, "food") == (1, 1), "the other rows are not judged for it"
    assert verdicts_of(ok, "fuel") == (2, 1)
    tags = {row["description"].split()[0]: (row["tags"], row["tag_source"]) for row in export_rows(ok, tmp_path)}
    assert tags["TESCO"] == ("food", "confirmed")
    assert tags["SHELL"] == ("fuel", "confirmed")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("{tesco},food,yes\n0123,food,yes", "no transaction '0123'"),
        ("{tesco},food,maybe", "'maybe' is no verdict"),
        ("{tesco},food,", "'' is no verdict"),
        ("{tesco},food", "'' is no verdict"),
        ("{tesco},,yes", "needs a name"),
        (",food,yes", "no transaction ''"),
    ],
)
def test_a_bad_verdict_is_named_and_none_is_stored(ids, fails, ok, write, rows, told):
    path = write("verdicts.csv", "transaction_id,label,verdict\n" + rows.format(tesco=ids["TESCO"]) + "\n")
    assert told in fails("judge", path)["message"]
    assert ok("doctor")["judged"] == 0
    assert ok("labels", "list") == {"labels": []}


@pytest.mark.parametrize(
    "text", ["", "transaction_id,label\nx,y\n", "a,b,c\n1,2,3\n", "\0\1\2"], ids=["empty", "two", "other", "binary"]
)
def test_a_file_that_is_no_list_of_verdicts_is_refused(fails, write, text):
    assert fails("judge", write("verdicts.csv", text))["type"] == "UnreadableFileError"


def test_an_empty_list_of_verdicts_changes_nothing(ids, ok, write):
    assert ok("judge", write("verdicts.csv", "verdict;label;Transaction_ID\n")) == {"judged": 0}
    path = write("verdicts.csv", f"verdict;label;Transaction_ID\nyes;fuel;{ids['SHELL']}\n")
    assert ok("judge", path) == {"judged": 1}
