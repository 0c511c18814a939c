"""`evaluate`: one file is learned from, the other measured on, and nothing is stored."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line.common import MACRO, PRF, check_measured
from toys import TOWNS, labelled_csv

from tagger.__main__ import main


@pytest.fixture
def two_files(write: Callable[..., Path]) -> tuple[Path, Path]:
    """Training rows, and test rows: one seen description, new towns, a label that training has not."""
    train = write("train.csv", labelled_csv(12))
    test = write(
        "test.csv.gz",
        labelled_csv(3, towns=TOWNS[20:])
        + "2024-06-01,TESCO groceries aaa,-1,groceries\n2024-06-02,ZOO,-1,Pets\n2024-06-03,NOT JUDGED,-1,\n",
    )
    return train, test


def test_evaluate_needs_no_database(ok, two_files, home):
    report = ok("evaluate", "--train", two_files[0], "--test", two_files[1])
    assert not list(home.rglob("*.db"))
    assert report["measured_on"] == "test"
    assert (report["n_train"], report["n_test"], report["n_labels"]) == (36, 11, 4)
    assert (report["n_transactions"], report["n_groups"]) == (36, 36)
    assert set(report["micro"]) == PRF
    assert set(report["macro"]) == MACRO
    check_measured(report)
    assert {label["label"]: label["support"] for label in report["labels"]} == {
        "groceries": 4,
        "fuel": 3,
        "rent": 3,
        "recurring": 3,
    }
    assert report["unknown_labels"] == ["Pets"]
    assert report["true_tags_per_row"] == pytest.approx(13 / 11)
    assert report["tags_per_row"] > 0
    for name in ("at_half", "seen", "unseen"):
        assert set(report[name]) == {"micro", "macro"}
        assert set(report[name]["macro"]) == MACRO
    assert set(report["seconds"]) == {"encode", "fit", "tune", "total"}
    assert report["run_id"] is None


def test_seen_and_unseen_are_told_apart_by_group_key(ok, two_files):
    report = ok("evaluate", "--train", two_files[0], "--test", two_files[1])
    # One row: its own tag has no other row that it could wrongly be given to.
    assert report["seen"]["macro"]["labels_scored"] == 0
    assert report["seen"]["macro"]["recall"] is not None
    assert report["unseen"]["macro"]["labels_scored"] == 4
    only_new = ok("evaluate", "--train", two_files[0], "--test", two_files[0])
    assert only_new["unseen"]["micro"] == {"precision": None, "recall": None, "f1": None}
    assert only_new["unseen"]["macro"]["f1"] is None
    assert only_new["unseen"]["macro"]["labels_left_out"] == 4


def test_at_half_is_the_score_at_thresholds_of_a_half(ok, two_files):
    tuned = ok("evaluate", "--train", two_files[0], "--test", two_files[1], "--thresholds", "fixed:0.2")
    half = ok("evaluate", "--train", two_files[0], "--test", two_files[1], "--thresholds", "fixed:0.5")
    assert tuned["at_half"] == {"micro": half["micro"], "macro": half["macro"]}
    assert half["at_half"] == {"micro": half["micro"], "macro": half["macro"]}


def test_the_test_file_changes_nothing_that_is_learned(ok, two_files, write):
    other = write("other.csv", "date,description,amount,tags\n2024-01-01,SHELL fuel xyz,-1,fuel\n")
    first = ok("evaluate", "--train", two_files[0], "--test", two_files[1])
    second = ok("evaluate", "--train", two_files[0], "--test", other)
    thresholds = [[label["threshold"] for label in report["labels"]] for report in (first, second)]
    assert thresholds[0] == thresholds[1]


def test_train_rows_are_groups_one_row_each_and_nested(ok, write, encoder, home):
    # Every description twice, with a store number that its group key does not see.
    rows = [line for line in labelled_csv(6).splitlines()[1:] for line in (line, line.replace(",-", " 17,-", 1))]
    train = write("train.csv", "\n".join(["date,description,amount,tags", *rows]) + "\n")
    test = write("test.csv", "date,description,amount,tags\n2024-01-01,SHELL fuel xyz,-1,fuel\n")
    taken = {}
    for n_rows in (4, 9, 99):
        shutil.rmtree(home, ignore_errors=True)
        encoder.texts_encoded.clear()
        report = ok("evaluate", "--train", train, "--test", test, "--train-rows", str(n_rows), "--seed", "3")
        assert report["n_train"] == report["n_groups"] == min(n_rows, 18)
        taken[n_rows] = set(encoder.texts_encoded)
    assert taken[4] < taken[9] < taken[99]
    shutil.rmtree(home)
    encoder.texts_encoded.clear()
    ok("evaluate", "--train", train, "--test", test, "--train-rows", "4", "--seed", "4")
    assert set(encoder.texts_encoded) != taken[4]


def test_remember_answers_equal_descriptions_from_memory(ok, write, two_files):
    # Memory contradicts the head: these descriptions are what no word in them says.
    odd = "2024-03-30,TESCO groceries odd,-1,rent\n2024-03-30,SHELL fuel odd,-1,groceries\n"
    train = write("odd.csv", labelled_csv(12) + odd)
    test = write("test.csv", "date,description,amount,tags\n" + odd.replace("TESCO groceries", "tesco  GROCERIES"))
    by_head = ok("evaluate", "--train", train, "--test", test, "--features", "both", "--thresholds", "grid")
    by_memory = ok(
        "evaluate", "--train", train, "--test", test, "--features", "both", "--thresholds", "grid", "--remember"
    )
    assert by_head["micro"]["recall"] == 0
    assert by_memory["micro"] == {"precision": 1, "recall": 1, "f1": 1}
    assert by_memory["tags_per_row"] == 1


def test_evaluate_reads_labels_as_import_does(ok, write):
    train = write("train.csv", labelled_csv(8).replace("tags", "what").replace("|", ";"))
    test = write("test.csv", "date,description,amount,what\n2024-01-01,SHELL fuel xyz,-1,fuel\n2024-01-02,ZOO,-1,\n")
    options = ["--labels-column", "what", "--labels-separator", ";", "--labels-matching", "^(fuel|rent)$"]
    report = ok("evaluate", "--train", train, "--test", test, *options, "--blank-means-none")
    assert {label["label"] for label in report["labels"]} == {"fuel", "rent"}
    assert report["n_test"] == 2


@pytest.mark.parametrize(
    "text",
    ["date,description,amount\n2024-03-01,TEA,-1\n", "date,description,amount,tags\n2024-03-01,TEA,-1,\n"],
    ids=["no column", "no label"],
)
def test_a_file_without_labels_cannot_be_evaluated(fails, write, two_files, text):
    path = write("bare.csv", text)
    assert "--labels-column" in fails("evaluate", "--train", path, "--test", two_files[1])["hint"]
    fails("evaluate", "--train", two_files[0], "--test", path)
    assert "no labelled rows" in fails("evaluate", "--train", two_files[0], "--test", path)["message"]


def test_a_label_that_the_test_file_does_not_have_is_not_judged_by_it(ok, write):
    train = write("train.csv", labelled_csv(12))
    test = write(
        "test.csv", "date,description,amount,tags\n2024-06-01,ZOO,-1,Pets\n2024-06-02,TESCO groceries,-1,Pets\n"
    )
    report = ok("evaluate", "--train", train, "--test", test)
    assert report["unknown_labels"] == ["Pets"]
    for label in report["labels"]:
        assert (label["support"], label["precision"], label["recall"], label["f1"]) == (0, None, None, None)
    assert report["micro"] == {"precision": None, "recall": None, "f1": None}
    assert report["macro"]["labels_scored"] == 0


def test_without_json_intervals_are_numbers_and_no_python(ok, two_files, capfd):
    report = ok("evaluate", "--train", two_files[0], "--test", two_files[1])
    capfd.readouterr()
    assert main(["evaluate", "--train", str(two_files[0]), "--test", str(two_files[1])]) == 0
    out = capfd.readouterr().out
    low, high = report["labels"][0]["interval"]["recall"]
    assert f"recall {low:.4f}".rstrip("0") in out
    assert f"{high:.4f}".rstrip("0").rstrip(".") in out
    assert not set("(){}'") & set(out)
