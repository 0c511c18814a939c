"""Thresholds as files: written, read and refused."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from noisy_run import FIRST, at_random, ids, stored
from toys import save_thresholds

from tagger.errors import ThresholdsFileError
from tagger.services import labelset, threshold_exchange, threshold_saving, threshold_versions, tuning
from tagger.services.board import RECOMMENDED
from tagger.services.threshold_files import MAX_BYTES, as_json, read_document
from tagger.services.threshold_versions import AS_TRAINED

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ending", ["json", "json.gz", "txt"])
def test_what_was_exported_and_is_applied_is_the_same_again(noisy, tmp_path, seed, ending):
    groceries, fuel, *_ = ids(noisy)
    goals = {str(groceries): "f1", str(fuel): "cost:1:2.5"}
    one = save_thresholds(noisy, at_random(noisy, seed), goals=goals)
    path = tmp_path / f"mine.{ending}"
    assert threshold_exchange.export_file(noisy, path)["threshold_version_id"] == one
    document = threshold_exchange.export(noisy, one)
    save_thresholds(noisy, at_random(noisy, seed + 100), goals=dict.fromkeys(goals, RECOMMENDED))
    assert threshold_versions.history(noisy)[0].goals is None
    result = threshold_exchange.apply(noisy, read_document(path))
    newest, _, first, _ = threshold_versions.history(noisy)
    assert result["threshold_version_id"] == newest.id == noisy.view().tagging.threshold_version_id
    assert (newest.thresholds, newest.goals, newest.metrics) == (first.thresholds, goals, first.metrics)
    assert newest.note == f"from mine.{ending}"
    assert (result["unknown"], result["kept"], result["warnings"]) == ([], [], [])
    again = threshold_exchange.export(noisy)
    assert {name for name in again if again[name] != document[name]} - {"created_at"} == {"version", "note"}


UNCHANGED = "Nothing in changed.json differs from what is in use."


def test_a_file_in_which_nothing_differs_makes_no_version_and_lets_nothing_go(noisy, file):
    groceries, fuel, *_ = ids(noisy)
    tuning.move(noisy, noisy.view().tagging.run_id, {groceries: 0.33})
    some = [{"label": "FUEL", "threshold": FIRST[1], "goal": RECOMMENDED}, {"label": "rent", "threshold": FIRST[2]}]
    for version, path in ((AS_TRAINED, file()), (AS_TRAINED, file(labels=some))):
        before = stored(noisy)
        result = threshold_exchange.apply(noisy, read_document(path), note="again")
        assert (result["threshold_version_id"], result["changed"], result["let_go"]) == (version, 0, 0)
        assert result["warnings"] == [UNCHANGED]
        assert stored(noisy) == before
    assert result["kept"] == ["groceries", "recurring", "unjudged"]
    one = save_thresholds(noisy, {groceries: 0.9}, goals={str(fuel): "f1"})
    result = threshold_exchange.apply(noisy, read_document(file(run_id="another")))
    assert (result["threshold_version_id"], result["changed"]) == (one, 0)
    assert len(result["warnings"]) == 2
    assert result["warnings"][-1] == UNCHANGED


def test_a_file_that_differs_in_a_goal_alone_makes_a_version(noisy, file):
    one = save_thresholds(noisy, {}, goals={str(ids(noisy)[1]): "f1"})
    for number, goal in enumerate(("f2", None), start=1):
        result = threshold_exchange.apply(
            noisy, read_document(file(labels=[{"label": "fuel", "threshold": FIRST[1], "goal": goal}]))
        )
        assert (result["threshold_version_id"], result["changed"], result["warnings"]) == (one + number, 0, [])
    assert [each.goals for each in threshold_versions.history(noisy)][:2] == [None, {str(ids(noisy)[1]): "f2"}]


def test_a_file_that_is_applied_says_how_many_unsaved_moves_it_lets_go(noisy, file):
    groceries, fuel, rent, *_ = ids(noisy)
    path = file(labels=entries(("fuel", 0.9)))
    tuning.move(noisy, noisy.view().tagging.run_id, {groceries: 0.33, rent: FIRST[2]}, {fuel: "f1"})
    assert threshold_saving.unsaved(noisy).n_labels == 2
    result = threshold_exchange.apply(noisy, read_document(path))
    assert (result["let_go"], result["warnings"]) == (2, ["2 unsaved moves were let go."])
    assert threshold_saving.unsaved(noisy).n_labels == 0


def test_an_export_holds_the_runs_labels_in_order_and_what_is_known_of_the_version(noisy):
    version = save_thresholds(noisy, {ids(noisy)[1]: 0.25}, note="mine", goals={str(ids(noisy)[1]): "f1"})
    found = json.loads(as_json(threshold_exchange.export(noisy)))
    newest = threshold_versions.history(noisy)[0]
    assert found == {
        "format": "transaction-tagger-thresholds",
        "format_version": 1,
        "run_id": newest.run_id,
        "version": version,
        "created_at": found["created_at"],
        "author": "ada",
        "note": "mine",
        "labels": [
            {"label": "groceries", "threshold": 0.5, "goal": None},
            {"label": "fuel", "threshold": 0.25, "goal": "f1"},
            {"label": "rent", "threshold": 0.6, "goal": None},
            {"label": "recurring", "threshold": 0.5, "goal": None},
            {"label": "unjudged", "threshold": 0.5, "goal": None},
        ],
        "metrics": newest.metrics,
    }
    assert threshold_exchange.export(noisy, AS_TRAINED)["metrics"] is None


@pytest.fixture
def file(noisy, tmp_path):
    """`file(format_version=2)`: an export, changed; the path of the file."""

    def write(**changed: Any) -> Path:
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(threshold_exchange.export(noisy) | changed))
        return path

    return write


def entries(*thresholds: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"label": name, "threshold": value} for name, value in thresholds]


BAD = {
    "format": [{"format": "something else"}, {"format": None}],
    "format_version": [{"format_version": each} for each in (2, 0, "1", None, True, 1.0, 10**400)],
    "run": [{"run_id": None}, {"run_id": 3}],
    "labels": [{"labels": each} for each in (None, [], {}, "all", [3], [[]], [{}], [{"label": 3, "threshold": 0.5}])],
    "name": [{"labels": [{"label": each, "threshold": 0.5}]} for each in ("", "  ", None)],
    "threshold": [
        {"labels": entries(("fuel", 0.5), ("rent", each))}
        for each in (-0.01, 1.01, float("nan"), float("inf"), "0.5", None, True, [], 10**40)
    ],
    "no threshold": [{"labels": [{"label": "fuel"}]}],
    "goal": [
        {"labels": [{"label": "fuel", "threshold": 0.5, "goal": each}]}
        for each in (1, ["f1"], True, "the best", "x" * 3000, "cost:" + "9" * 400 + ":1")
    ],
    "twice": [{"labels": entries(("fuel", 0.5), ("rent", 0.1), ("  FUEL ", 0.5))}],
    "unknown": [{"labels": entries(("tesco", 0.5), ("\ud800", 0.1))}],
}


@pytest.mark.parametrize("changed", [each for kind in BAD.values() for each in kind], ids=lambda each: f"{each!r:.60}")
def test_a_file_that_is_not_right_is_refused_by_name_and_nothing_is_stored(noisy, file, changed):
    before = stored(noisy)
    with pytest.raises(ThresholdsFileError) as caught:
        threshold_exchange.apply(noisy, read_document(file(**changed)))
    assert "changed.json" in str(caught.value)
    assert caught.value.hint
    assert len(str(caught.value)) < 500
    assert stored(noisy) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        b"date,description\n",
        b"[" * 100_000,
        b"1" * 5000,
        gzip.compress(b"{}", mtime=0)[:10],
        b"\x1f\x8bnonsense",
        b" " * (MAX_BYTES + 1),
        gzip.compress(b" " * (MAX_BYTES + 1), mtime=0),
    ],
    ids=lambda content: f"{content[:12]!r}",
)
def test_a_file_that_is_no_such_json_is_refused_by_name(tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(ThresholdsFileError, match=r"mine\.json"):
        read_document(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused_by_name(tmp_path):
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(ThresholdsFileError, match="cannot be read") as caught:
            read_document(path)
        assert str(path) in str(caught.value)


def test_a_file_may_name_some_labels_and_its_name_need_not_be_text(noisy, file, tmp_path):
    groceries, fuel, *_ = (str(each) for each in ids(noisy))
    save_thresholds(noisy, {}, goals={groceries: "f1", fuel: "f1"})
    odd = tmp_path / os.fsdecode(b"odd\xff.json")
    changed = [{"label": " Fuel", "threshold": 1, "goal": None}, {"label": "tesco", "threshold": 0.5}]
    file(labels=changed).rename(odd)
    result = threshold_exchange.apply(noisy, read_document(odd), note="")
    newest = threshold_versions.history(noisy)[0]
    assert newest.thresholds == (FIRST[0], 1.0, *FIRST[2:])
    assert newest.note == "from odd?.json"
    assert newest.goals == {groceries: "f1"}
    assert (result["changed"], result["unknown"]) == (1, ["tesco"])
    assert result["kept"] == ["groceries", "rent", "recurring", "unjudged"]
    assert [each for each in result["warnings"] if "tesco" in each]


def test_a_note_that_is_given_wins(noisy, file):
    threshold_exchange.apply(noisy, read_document(file(labels=entries(("fuel", 0.9)))), note="of the team")
    assert threshold_versions.history(noisy)[0].note == "of the team"


def test_a_file_of_another_run_is_met_by_folded_name_and_says_so(noisy, file):
    path = file(run_id="20200101-000000-abcdef", labels=entries(("FUEL", 0.11), ("petrol", 0.22)))
    assert threshold_exchange.apply(noisy, read_document(path))["unknown"] == ["petrol"]
    labelset.rename(noisy, "fuel", "petrol")
    path = file(run_id="20200101-000000-abcdef", labels=entries(("Petrol", 0.33)))
    result = threshold_exchange.apply(noisy, read_document(path))
    assert threshold_versions.history(noisy)[0].thresholds[1] == 0.33
    assert "20200101-000000-abcdef" in result["warnings"][0]


def test_a_file_of_this_run_means_the_labels_as_the_run_knows_them(noisy, file):
    path = file()
    save_thresholds(noisy, dict.fromkeys(ids(noisy), 0.99))
    labelset.rename(noisy, "fuel", "x")
    labelset.rename(noisy, "rent", "fuel")
    labelset.rename(noisy, "x", "rent")
    assert threshold_exchange.apply(noisy, read_document(path))["warnings"] == []
    assert threshold_versions.history(noisy)[0].thresholds == FIRST
    path = file(run_id="another", labels=entries(("rent", 0.2), ("fuel", 0.3)))
    threshold_exchange.apply(noisy, read_document(path))
    assert threshold_versions.history(noisy)[0].thresholds == (FIRST[0], 0.2, 0.3, *FIRST[3:])


def test_two_names_of_one_label_are_refused(noisy, file):
    labelset.rename(noisy, "fuel", "petrol")
    before = stored(noisy)
    with pytest.raises(ThresholdsFileError, match="one label twice"):
        threshold_exchange.apply(noisy, read_document(file(labels=entries(("fuel", 0.2), ("petrol", 0.3)))))
    assert stored(noisy) == before
