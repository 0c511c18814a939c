"""`train`: what it reports, what it learns from, and when a run is current."""

from __future__ import annotations

import json

import numpy as np
import pytest
from command_line.common import MACRO, OPEN_CSV, PRF, THREE_ROWS, check_measured, export_rows
from toys import labelled_csv

from tagger.__main__ import main
from tagger.services import deep


def test_train_reports_what_the_contract_names(after_training, ok):
    report = after_training
    assert report["measured_on"] == "out-of-fold"
    assert (report["n_transactions"], report["n_groups"], report["n_labels"]) == (36, 36, 4)
    assert set(report["micro"]) == PRF
    assert set(report["macro"]) == MACRO
    assert report["macro"]["labels_scored"] == 4
    assert report["macro"]["labels_left_out"] == 0
    check_measured(report)
    assert all(label["interval"]["f1"] is not None for label in report["labels"])
    assert {label["label"]: label["support"] for label in report["labels"]} == dict.fromkeys(
        ("groceries", "fuel", "rent", "recurring"), 12
    )
    assert report["macro"]["f1"] == pytest.approx(np.mean([label["f1"] for label in report["labels"]]))
    assert report["recipe"]["features"] == "both+lexical+amount+names+starter+neighbors"
    assert report["recipe"]["head"]["kind"] == "logistic"
    assert report["recipe"]["thresholds"] == "blended"
    assert set(report["seconds"]) == {"encode", "fit", "tune", "total"}
    listed = ok("runs", "list")["runs"]
    assert [(run["run_id"], run["current"]) for run in listed] == [(report["run_id"], True)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--features", "cls"], {"features": "cls"}),
        (["--features", "mean"], {"features": "mean"}),
        (["--features", "cls+mean"], {"features": "both"}),
        (["--thresholds", "fixed:0.3"], {"thresholds": "fixed:0.3"}),
        (["--thresholds", "exact", "--seed", "7"], {"thresholds": "exact", "seed": 7}),
        (["--thresholds", "grid", "--head", "feedforward"], {"thresholds": "grid", "kind": "feedforward"}),
        (["--head", "logistic"], {"kind": "logistic", "seed": 0}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_of_train_reach_the_run(ok, monkeypatch, words, expected):
    monkeypatch.setattr("tagger.services.training.train", lambda _store, recipe, *_, **__: recipe.to_dict())
    recipe = ok("train", *words)
    assert {name: recipe.get(name, recipe["head"].get(name)) for name in expected} == expected


def test_a_run_is_current_only_when_promoted(bring, ok):
    bring(labelled_csv(4))
    run_id = ok("train")["run_id"]
    assert ok("runs", "list")["runs"][0]["current"] is False
    ok("runs", "promote", run_id)
    assert ok("runs", "list")["runs"][0]["current"] is True


def test_figures_that_are_undefined_are_null(bring, ok):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-1,fuel\n")
    # Each of the two is predicted by a head that saw only the other, so nothing is ever predicted.
    report = ok("train", "--thresholds", "fixed:1")
    assert report["micro"] == {"precision": None, "recall": 0, "f1": 0}
    assert report["macro"]["precision"] is None


def test_one_description_is_too_little_to_learn_from(bring, fails):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,TESCO,-1,food\n")
    assert fails("train")["type"] == "TrainingError"


def test_not_judged_rows_and_labels_are_not_learned_from(bring, ok):
    bring(THREE_ROWS)
    ok("labels", "add", "never used")
    report = ok("train")
    assert report["n_transactions"] == 2
    supports = {label["label"]: label["support"] for label in report["labels"]}
    assert supports == {"food": 1, "fuel": 1, "car": 1, "never used": 0}  # the last is known by its name alone


def test_a_run_knows_labels_again_that_come_back_with_their_import(ok, write, tmp_path):
    path = write("bank.csv", labelled_csv(12))
    first = ok("import", path)["batch_id"]
    trained = ok("train", "--promote")
    ok("import", "--undo", first)
    ok("import", path)
    ok("import", write("open.csv", OPEN_CSV))
    assert [row["tags"] for row in export_rows(ok, tmp_path)[-3:]] == ["groceries", "fuel", "rent|recurring"]
    shown = ok("thresholds", "show")
    assert shown["n_transactions"] == 36
    assert {label["label"]: label["threshold"] for label in shown["labels"]} == {
        label["label"]: label["threshold"] for label in trained["labels"]
    }


def deep_told(kept, change):
    """What a deep retrain found; `change` of macro F1 from .412, None where it is undefined."""
    moved = {"change": change, "interval": None if change is None else [change - 0.02, change + 0.02], "certain": kept}
    scores = [{"macro": {"f1": None if change is None else value}} for value in (0.412, 0.412 + (change or 0.0))]
    return {"kept": kept, "frozen": scores[0], "tuned": scores[1], "macro": moved, "micro": moved}


@pytest.mark.parametrize(
    ("run_id", "change", "said"),
    [
        (None, -0.003, ["deep: not kept: out of fold macro F1 0.412 → 0.409, −0.003 (−0.023 to 0.017)"]),
        (None, None, ["deep: not kept: it could not be scored"]),
        ("r1", 0.05, ["run_id: r1", "deep: kept: out of fold macro F1 0.412 → 0.462, +0.05 (0.03 to 0.07)"]),
    ],
)
def test_what_came_of_a_deep_training_is_told_in_words_and_in_json_by_its_keys(
    after_training, ok, monkeypatch, capfd, run_id, change, said
):
    result = {"run_id": run_id, "deep": deep_told(run_id is not None, change)}
    monkeypatch.setattr(deep, "retrain", lambda *_args, **_kw: result)
    assert main(["train", "--deep"]) == 0
    assert capfd.readouterr().out.splitlines() == said
    assert ok("train", "--deep") == result
    assert main(["--json", "train", "--deep"]) == 0
    assert json.loads(capfd.readouterr().out) == result
