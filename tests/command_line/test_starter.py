"""The starter and the sample in a user's store, and the starter with its real encoder."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from command_line.common import (
    OPEN_CSV,
    ROOT,
    SAMPLE_LABELS,
    STARTER,
    TO_TAG,
    by_name,
    encode_with,
    export_rows,
    only_object,
    read_csv,
)
from toys import ToyEncoder, labelled_csv

from tagger.config import Settings
from tagger.services.importing import import_sample, remove_sample
from tagger.services.progress import Progress
from tagger.services.store import Store


@pytest.fixture
def with_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracked starter, which takes the toy for its own encoder."""
    toy = ToyEncoder()
    toy.family = json.loads((STARTER / "run.json").read_text())["encoder"]
    toy.dimension = 384
    encode_with(toy, monkeypatch)
    monkeypatch.setattr(Settings, "starter_path", property(lambda _: STARTER))


OWN_LABELS = {"group:shop", "group:car", "group:home"}


def own_csv() -> str:
    text = labelled_csv(4)
    for old, new in (("rent|recurring", "group:home"), (",groceries\n", ",group:shop\n"), (",fuel\n", ",group:car\n")):
        text = text.replace(old, new)
    return text


@pytest.mark.usefixtures("with_starter")
@pytest.mark.parametrize("unlabelled_first", [False, True], ids=["labelled alone", "after an unlabelled file"])
def test_the_starter_appears_nowhere_beside_a_label_set_of_ones_own(bring, ok, tmp_path, unlabelled_first):
    if unlabelled_first:
        bring(OPEN_CSV, name="open.csv")
        assert set(by_name(ok("labels", "list"))) == SAMPLE_LABELS
    assert bring(own_csv())["judged"] == 12
    assert set(by_name(ok("labels", "list"))) == OWN_LABELS
    before = ok("thresholds", "show")
    assert (before["run_id"], before["labels"], before["n_transactions"]) == ("starter", [], 0)
    assert before["macro"] == {"precision": None, "recall": None, "f1": None, "labels_scored": 0, "labels_left_out": 0}

    report = ok("train", "--promote")
    assert (report["n_transactions"], report["n_labels"]) == (12, 3)
    assert {label["label"] for label in report["labels"]} == OWN_LABELS
    assert sum(label["support"] for label in report["labels"]) == 12
    assert report["comparison"]["reason"] is not None
    assert {label["label"] for label in report["comparison"]["labels"]} == OWN_LABELS
    shown = ok("thresholds", "show")
    assert {label["label"] for label in shown["labels"]} == OWN_LABELS
    assert shown["n_transactions"] == 12
    tags = {tag for row in export_rows(ok, tmp_path) for tag in row["tags"].split("|") if tag}
    assert tags <= OWN_LABELS
    assert [(run["run_id"], run["macro_f1"] is None) for run in ok("runs", "list")["runs"]] == [
        (report["run_id"], False),
        ("starter", True),
    ]


@pytest.mark.usefixtures("with_starter")
def test_an_unlabelled_file_adopts_the_starters_labels(bring, ok, tmp_path):
    assert bring(OPEN_CSV)["judged"] == 0
    listed = by_name(ok("labels", "list"))
    assert set(listed) == {label["name"] for label in json.loads((STARTER / "run.json").read_text())["labels"]}
    assert {(label["judged"], label["positives"]) for label in listed.values()} == {(0, 0)}
    rows = export_rows(ok, tmp_path)
    assert {(row["tag_source"], row["run_id"]) for row in rows} == {("predicted", "starter")}
    assert ok("doctor")["texts_without_tags"] == 0


@pytest.mark.usefixtures("with_starter")
def test_the_starter_tags_a_table_when_asked(ok, bring, write, tmp_path):
    bring(own_csv())
    report = ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv", "--run", "starter", "--probabilities")
    assert report["run_id"] == "starter"
    columns = set(read_csv(tmp_path / "out.csv")[0])
    assert {f"p:{name}" for name in SAMPLE_LABELS} <= columns
    assert not {f"p:{name}" for name in OWN_LABELS} & columns


def test_nothing_of_the_sample_is_left_when_it_is_removed(bring, ok, home):
    bring(own_csv())
    before = ok("labels", "list"), ok("doctor")
    store = Store(Settings.from_environment())
    import_sample(store, Progress())
    store.close()
    mixed = ok("train", "--promote", "--thresholds", "fixed:0.5", "--features", "mean")
    assert mixed["n_labels"] == len(SAMPLE_LABELS) + 3
    store = Store(Settings.from_environment())
    remove_sample(store)
    store.close()
    assert (ok("labels", "list"), ok("doctor")) == before
    assert ok("runs", "list") == {"runs": []}
    assert not (home / "models" / mixed["run_id"]).exists()
    report = ok("train")
    assert (report["n_transactions"], report["n_labels"]) == (12, 3)
    assert {label["label"] for label in report["labels"]} == OWN_LABELS


@pytest.mark.weights
def test_a_fresh_process_tags_a_table_with_the_starter(write, tmp_path, home):
    path = write(
        "in.csv", "date,description,amount\n2024-03-01,TESCO STORES 3021,-12.50\n2024-03-02,SHELL PETROL,-40\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tagger", "tag", str(path), str(tmp_path / "out.csv"), "--run", "starter", "--json"],
        cwd=ROOT,
        env=os.environ | {"TAGGER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = only_object(done.stdout)
    assert (report["rows"], report["unique_texts"], report["encoded"], report["run_id"]) == (2, 2, 2, "starter")
    rows = read_csv(tmp_path / "out.csv")
    assert "groceries" in rows[0]["tags"].split("|")
    assert "fuel" in rows[1]["tags"].split("|")
