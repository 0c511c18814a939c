"""`tag`: a table comes back as it was, with tags beside it."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line.common import TO_TAG, read_csv


def test_tag_keeps_order_and_columns_and_adds_tags(after_training, ok, write, tmp_path):
    report = ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv")
    assert set(report) == {"rows", "unique_texts", "encoded", "run_id", "seconds"}
    assert (report["rows"], report["unique_texts"], report["encoded"]) == (4, 3, 2)
    assert report["run_id"] == after_training["run_id"]
    assert isinstance(report["seconds"], float)
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["Ref", "description", "note", "tags", "tag_source"]
    assert [(row["Ref"], row["note"]) for row in rows] == [("7", "=1+1"), ("8", "-- cash"), ("9", "+44 20"), ("8", "")]
    assert [(row["tags"], row["tag_source"]) for row in rows] == [
        ("groceries", "predicted"),
        ("fuel", "predicted"),
        ("groceries", "remembered"),
        ("fuel", "predicted"),
    ]
    assert ok("doctor")["transactions"] == 39, "tagging a table stores nothing of it"


def test_tags_are_joined_by_the_separator(after_training, ok, write, tmp_path):
    path = write("in.csv", "id,description\n1,RENT rent yyy\n")
    ok("tag", path, tmp_path / "out.csv", "--labels-separator", "; ")
    assert read_csv(tmp_path / "out.csv")[0]["tags"] in {"rent; recurring", "recurring; rent"}


def test_probabilities_add_one_column_per_label(after_training, ok, write, tmp_path):
    ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv", "--probabilities")
    rows = read_csv(tmp_path / "out.csv")
    names = {label["label"]: label["threshold"] for label in after_training["labels"]}
    assert {name for name in rows[0] if name.startswith("p:")} == {f"p:{name}" for name in names}
    for row in rows:
        if row["tag_source"] == "predicted":
            present = {name for name, threshold in names.items() if float(row[f"p:{name}"]) >= threshold}
            assert set(filter(None, row["tags"].split("|"))) == present


@pytest.mark.parametrize(("place", "label"), [(0, "groceries"), (1, "fuel"), (3, "fuel")])
def test_a_probability_taken_as_the_threshold_gives_its_row_the_tag(after_training, ok, write, tmp_path, place, label):
    source, target = write("in.csv", TO_TAG), tmp_path / "out.csv"
    ok("tag", source, target, "--probabilities")
    probability = read_csv(target)[place][f"p:{label}"]
    assert float(probability) == float(np.float32(probability)), "as the model has it, not rounded"
    ok("thresholds", "set", label, probability)
    ok("thresholds", "save")
    ok("tag", source, target)
    assert label in read_csv(target)[place]["tags"].split("|")


@pytest.mark.parametrize("name", ["out.csv.gz", "out.tsv", "out.parquet"])
def test_the_ending_says_how_the_tagged_table_is_written(after_training, ok, write, tmp_path, name):
    ok("tag", write("in.csv.gz", TO_TAG), tmp_path / name)
    if name == "out.parquet":
        rows = pq.read_table(tmp_path / name).to_pylist()
    elif name == "out.tsv":
        rows = list(csv.DictReader((tmp_path / name).read_text().splitlines(), delimiter="\t"))
    else:
        assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b")
        rows = read_csv(tmp_path / name)
    assert [row["tags"] for row in rows] == ["groceries", "fuel", "groceries", "fuel"]
    assert [row["note"] for row in rows] == ["=1+1", "-- cash", "+44 20", ""]


def test_a_parquet_table_keeps_its_types(after_training, ok, tmp_path):
    table = pa.table({"description": ["SHELL fuel yyy"], "n": pa.array([3], pa.int32()), "paid": pa.array([-2.5])})
    pq.write_table(table, tmp_path / "in.parquet")
    ok("tag", tmp_path / "in.parquet", tmp_path / "out.parquet", "--probabilities")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.select(table.column_names).equals(table)
    assert found["tags"].to_pylist() == ["fuel"]
    assert pa.types.is_floating(found["p:fuel"].type)


def test_columns_of_the_table_are_never_overwritten(after_training, ok, write, tmp_path, caplog):
    path = write("in.csv", "description,tags,predicted_tags\nSHELL fuel yyy,truth,older\n")
    ok("tag", path, tmp_path / "out.csv")
    assert "predicted_2_tags" in caplog.text
    assert read_csv(tmp_path / "out.csv") == [
        {"description": "SHELL fuel yyy", "tags": "truth", "predicted_tags": "older"}
        | {"predicted_2_tags": "fuel", "predicted_2_tag_source": "predicted"}
    ]
    # The table's own tags still count as given by people when the result is imported.
    assert ok("import", tmp_path / "out.csv")["files"][0]["judged"] == 1


def test_predicted_tags_are_not_truth_when_a_tagged_table_is_imported(after_training, ok, write, tmp_path):
    ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv")
    assert ok("import", tmp_path / "out.csv")["files"][0]["judged"] == 0


def test_tag_by_another_run_and_threshold_version(after_training, ok, fails, write, tmp_path):
    path = write("in.csv", TO_TAG)
    for label in ("groceries", "fuel"):
        ok("thresholds", "set", label, "1")
    version = ok("thresholds", "save", "--note", "strict")["threshold_version_id"]
    other = ok("train", "--seed", "1", "--thresholds", "fixed:0")["run_id"]

    def tags(*words: str) -> list[str]:
        ok("tag", path, tmp_path / "out.csv", *words)
        return [row["tags"] for row in read_csv(tmp_path / "out.csv")]

    assert tags() == ["", "", "groceries", ""], "the saved thresholds are in use; memory does not ask them"
    assert tags("--threshold-version", str(version)) == tags()
    assert tags("--run", other)[0].count("|") == 3
    assert tags("--run", after_training["run_id"]) == tags()
    assert fails("tag", path, tmp_path / "out.csv", "--threshold-version", "99")["type"] == "NotFoundError"
    assert fails("tag", path, tmp_path / "out.csv", "--run", other, "--threshold-version", str(version))
    assert fails("tag", path, tmp_path / "out.csv", "--run", "missing")["type"] == "NotFoundError"


def test_tags_have_the_names_of_now(after_training, ok, write, tmp_path):
    ok("labels", "rename", "fuel", "petrol")
    ok("labels", "archive", "groceries")
    ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv", "--probabilities")
    rows = read_csv(tmp_path / "out.csv")
    assert [row["tags"] for row in rows] == ["", "petrol", "", "petrol"]
    assert {name for name in rows[0] if name.startswith("p:")} == {"p:petrol", "p:rent", "p:recurring"}


def test_a_table_without_rows_comes_back_without_rows(after_training, ok, write, tmp_path):
    assert ok("tag", write("in.csv", "date,description,amount\n"), tmp_path / "out.csv")["rows"] == 0
    assert (tmp_path / "out.csv").read_text() == "date,description,amount,tags,tag_source\n"


def test_a_folder_that_is_not_there_cannot_be_written_to(after_training, fails, write, tmp_path):
    for name in ("out.csv", "out.parquet"):
        fails("tag", write("in.csv", TO_TAG), tmp_path / "missing" / name)
