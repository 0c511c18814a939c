"""`thresholds`: a draft is not in use until it is saved, and each run has its own."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from command_line.common import LABEL, MACRO, PRF

from tagger.__main__ import main
from tagger.services import tuning

METRICS = {"micro", "macro", "held_out", "n_transactions", "tags_given", "measured_on"}
VERSION = {"id", "run_id", "created_at", "author", "note", "in_use", "metrics", "goals"}


def thresholds_of(ok) -> dict[str, float]:
    return {label["label"]: label["threshold"] for label in ok("thresholds", "show")["labels"]}


@pytest.fixture
def saved(after_training, ok) -> tuple[int, int]:
    """Two versions: no fuel, and then no rent either."""
    numbers = []
    for name in ("fuel", "rent"):
        ok("thresholds", "set", name, "1")
        numbers.append(ok("thresholds", "save", "--note", f"no {name}")["threshold_version_id"])
    return numbers[0], numbers[1]


@pytest.fixture
def said(capfd):
    """`said("thresholds", "history")`: what a person reads."""

    def read(*words: str) -> str:
        capfd.readouterr()
        assert main(list(words)) == 0
        return capfd.readouterr().out

    return read


def test_thresholds_are_shown_set_saved_and_kept(after_training, ok):
    shown = ok("thresholds", "show")
    assert shown["run_id"] == after_training["run_id"]
    assert [set(label) for label in shown["labels"]] == [LABEL] * 4
    before = {label["label"]: label["threshold"] for label in shown["labels"]}
    assert before == {label["label"]: label["threshold"] for label in after_training["labels"]}
    assert set(shown["micro"]) == PRF
    before_any = ok("thresholds", "history")
    assert before_any["versions"] == []
    assert (before_any["as_trained"]["id"], before_any["as_trained"]["in_use"]) == (0, True)

    assert ok("thresholds", "set", "Fuel", "1")["saved"] is False
    assert ok("thresholds", "show") == shown, "a draft is not in use"
    saved = ok("thresholds", "save", "--note", "no fuel")
    assert (saved["run_id"], saved["changed"]) == (after_training["run_id"], 1)
    after = {label["label"]: label for label in ok("thresholds", "show")["labels"]}
    assert {name: label["threshold"] for name, label in after.items()} == before | {"fuel": 1}
    assert after["fuel"]["recall"] == 0
    assert after["fuel"]["precision"] is None
    (version,) = ok("thresholds", "history")["versions"]
    assert version == {
        "id": saved["threshold_version_id"],
        "run_id": after_training["run_id"],
        "created_at": version["created_at"],
        "author": "ada",
        "note": "no fuel",
        "in_use": True,
        "metrics": version["metrics"],
        "goals": None,
    }
    assert set(version["metrics"]) == METRICS
    shown = ok("thresholds", "show")
    assert {name: version["metrics"][name] for name in METRICS & set(shown)} == {
        name: shown[name] for name in METRICS & set(shown)
    }


def test_thresholds_of_another_run_do_not_touch_the_current_one(after_training, ok):
    other = ok("train", "--thresholds", "fixed:0.4")["run_id"]
    current = ok("thresholds", "show")
    ok("thresholds", "set", "fuel", "0.9", "--run", other)
    ok("thresholds", "save", "--run", other)
    assert ok("thresholds", "show") == current
    assert {label["threshold"] for label in ok("thresholds", "show", "--run", other)["labels"]} == {0.4, 0.9}


def test_history_says_of_each_version_what_it_scored_and_which_is_in_use(after_training, saved, ok):
    found = ok("thresholds", "history")
    assert set(found) == {"versions", "as_trained"}
    assert [(each["id"], each["in_use"], each["note"]) for each in found["versions"]] == [
        (saved[1], True, "no rent"),
        (saved[0], False, "no fuel"),
    ]
    for each in (*found["versions"], found["as_trained"]):
        assert set(each) == VERSION
        assert each["created_at"].endswith("Z")
        assert datetime.fromisoformat(each["created_at"])
        assert set(each["metrics"]) == METRICS
        assert set(each["metrics"]["held_out"]) == {"micro_f1", "macro_f1", "by_hand"}
    assert [each["metrics"]["held_out"]["by_hand"] for each in (*found["versions"], found["as_trained"])] == [2, 1, 0]
    out_of_fold = {average: after_training[average]["f1"] for average in ("micro", "macro")}
    held_out = found["as_trained"]["metrics"]["held_out"]
    assert held_out == {f"{average}_f1": f1 for average, f1 in out_of_fold.items()} | {"by_hand": 0}
    assert (found["as_trained"]["author"], found["as_trained"]["run_id"]) == ("ada", after_training["run_id"])


def test_a_version_is_used_again_and_what_the_run_was_trained_with_is_0(after_training, saved, ok):
    as_trained = {label["label"]: label["threshold"] for label in after_training["labels"]}
    for version, expected in (("0", as_trained), (str(saved[0]), as_trained | {"fuel": 1}), ("0", as_trained)):
        answer = ok("thresholds", "apply", version)
        assert set(answer) == {"run_id", "threshold_version_id", "changed", "let_go", "warnings"}
        assert (answer["let_go"], answer["warnings"]) == (0, [])
        assert answer["threshold_version_id"] == int(version)
        assert thresholds_of(ok) == expected
    history = ok("thresholds", "history")
    assert history["as_trained"]["in_use"]
    assert not any(each["in_use"] for each in history["versions"])
    assert len(history["versions"]) == 2
    assert ok("runs", "rollback")["threshold_version_id"] == saved[0]


def test_using_a_version_again_says_how_many_unsaved_moves_it_lets_go(saved, ok, said, caplog):
    for name in ("groceries", "recurring"):
        ok("thresholds", "set", name, "0.9")
    answer = ok("thresholds", "apply", "0")
    assert (answer["let_go"], answer["warnings"]) == (2, ["2 unsaved moves were let go."])
    assert caplog.messages[-1:] == answer["warnings"]  # the log goes to stderr
    assert ok("thresholds", "save")["changed"] == 0
    ok("thresholds", "set", "groceries", "0.9")
    assert "let_go: 1\nwarnings:\n  1 unsaved move was let go.\n" in said("thresholds", "apply", str(saved[0]))


def test_a_file_that_changes_nothing_makes_no_version(saved, ok, caplog, tmp_path):
    path = tmp_path / "mine.json"
    ok("thresholds", "export", path)
    before = ok("thresholds", "history")
    answer = ok("thresholds", "apply", path, "--note", "again")
    assert (answer["threshold_version_id"], answer["changed"]) == (saved[1], 0)
    assert answer["warnings"] == caplog.messages[-1:] == ["Nothing in mine.json differs from what is in use."]
    assert ok("thresholds", "history") == before
    ok("thresholds", "apply", "0")
    ok("thresholds", "export", path)
    assert ok("thresholds", "apply", path)["threshold_version_id"] == 0


def test_diff_names_the_labels_and_measures_both_versions_now(saved, ok):
    found = ok("thresholds", "diff", saved[0], saved[1])
    assert set(found) == {"run_id", "labels", "before", "after"}
    (label,) = found["labels"]
    assert (label["label"], label["after"]) == ("rent", 1)
    for side, version in (("before", saved[0]), ("after", saved[1])):
        assert set(found[side]) == {"id", "saved", "now"}
        assert found[side]["id"] == version
        assert found[side]["saved"] == found[side]["now"]
        assert set(found[side]["now"]) == METRICS
        assert (set(found[side]["now"]["micro"]), set(found[side]["now"]["macro"])) == (PRF, MACRO)
    assert ok("thresholds", "diff", "0", saved[0])["before"]["saved"] is None


def test_a_version_of_another_run_is_measured_but_not_used(saved, ok, fails):
    first = ok("thresholds", "show")["run_id"]
    other = ok("train", "--features", "mean", "--promote")["run_id"]
    assert ok("thresholds", "diff", "0", saved[0], "--run", first)["run_id"] == first
    assert "no threshold version" in fails("thresholds", "apply", saved[0])["message"]
    assert not any(each["in_use"] for each in ok("thresholds", "history", "--run", first)["versions"])
    assert ok("thresholds", "history")["as_trained"]["run_id"] == other


@pytest.mark.parametrize("name", ["mine.json", "mine.json.gz"])
def test_an_export_that_is_applied_brings_the_same_thresholds_again(saved, ok, tmp_path, name):
    path = tmp_path / name
    expected = thresholds_of(ok)
    answer = ok("thresholds", "export", path)
    assert answer == {
        "run_id": ok("thresholds", "show")["run_id"],
        "threshold_version_id": saved[1],
        "labels": 4,
        "file": str(path),
    }
    ok("thresholds", "apply", "0")
    applied = ok("thresholds", "apply", path)
    assert set(applied) == {"run_id", "threshold_version_id", "changed", "unknown", "kept", "let_go", "warnings"}
    assert (applied["changed"], applied["unknown"], applied["kept"], applied["warnings"]) == (2, [], [], [])
    assert thresholds_of(ok) == expected
    newest = ok("thresholds", "history")["versions"][0]
    assert (newest["id"], newest["note"]) == (applied["threshold_version_id"], f"from {name}")
    ok("thresholds", "apply", "0")
    ok("thresholds", "apply", path, "--note", "of the team")
    assert ok("thresholds", "history")["versions"][0]["note"] == "of the team"


def test_any_version_of_any_run_can_be_exported_and_a_file_of_another_run_warns(saved, ok, caplog, tmp_path):
    path = tmp_path / "mine.json"
    first = ok("thresholds", "show")["run_id"]
    ok("train", "--features", "mean", "--promote")
    assert ok("thresholds", "export", path, "--run", first, "--threshold-version", saved[0])["run_id"] == first
    written = json.loads(path.read_text())
    assert (written["version"], written["note"], written["author"]) == (saved[0], "no fuel", "ada")
    written["labels"] = [*written["labels"][1:], {"label": "tesco", "threshold": 0.5}]
    path.write_text(json.dumps(written))
    answer = ok("thresholds", "apply", path)
    assert answer["unknown"] == ["tesco"]
    assert len(answer["kept"]) == 1
    assert caplog.messages[-2:] == answer["warnings"]  # the log goes to stderr
    assert ok("thresholds", "export", path, "--threshold-version", "0")["threshold_version_id"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["diff", "0"],
        ["diff", "0", "last"],
        ["diff", "0", "-1"],
        ["diff", "0", "99"],
        ["diff", "0", "9" * 30],
        ["apply"],
        ["apply", "99"],
        ["apply", "9" * 5000],
        ["apply", "-1"],
        ["apply", "0", "--note", "mine"],
        ["apply", "missing.json"],
        ["apply", "."],
        ["apply", "broken.json"],
        ["export"],
        ["export", "out.json", "--threshold-version", "99"],
        ["export", "out.json", "--threshold-version", "last"],
        ["export", "no such folder/out.json"],
        ["history", "--run", "missing"],
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_a_version_or_file_that_is_not_there_is_a_mistake_that_a_person_can_mend(
    saved, ok, fails, tmp_path, monkeypatch, words
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text('{"format": "transaction-tagger-thresholds", "format_version": 1}')
    before = ok("thresholds", "history")
    error = fails("thresholds", *words)
    if words[1:2] == ["broken.json"]:
        assert (error["type"], "broken.json" in error["message"]) == ("ThresholdsFileError", True)
    assert ok("thresholds", "history") == before
    assert not (tmp_path / "out.json").exists()


def test_without_json_a_person_reads_tables(saved, said, tmp_path):
    history = said("thresholds", "history").splitlines()
    assert [line.split()[0] for line in history[2:5]] == [str(saved[1]), str(saved[0]), "0"]
    assert history[2].endswith("in use, no rent")
    assert "HELD-OUT MICRO F1" in history[1]
    assert history[4].split()[-4:] == ["0", "–", "as", "trained"]
    assert history[5].startswith("Held out: ")
    diff = said("thresholds", "diff", "0", str(saved[0]))
    assert "Labels that differ: 1\n  fuel  " in diff
    assert "both measured on the same 36 transactions" in diff
    figures = [line.split("  ") for line in diff.splitlines() if ", held out" in line or ", on these rows" in line]
    assert [line[1] for line in figures][:3] == ["micro f1, held out", "macro f1, held out", "micro f1, on these rows"]
    lines = {cells[1]: cells[2:] for cells in figures}
    for name in ("macro f1, held out", "macro f1, on these rows"):
        before, after, before_then, after_then = (cell.strip() for cell in lines[name] if cell.strip())
        assert before_then == "n/a"  # nothing was kept of what the run was trained with
        assert float(after) == float(after_then) < float(before)
    path = str(tmp_path / "mine.json")
    assert f"file: {path}" in said("thresholds", "export", path)
    assert "Nothing in mine.json differs" in said("thresholds", "apply", path)
    assert "threshold_version_id: 0" in said("thresholds", "apply", "0")


def test_a_goal_moves_the_draft_and_is_saved_with_the_version(after_training, ok):
    before = thresholds_of(ok)
    found = ok("thresholds", "goal", "Fuel", "Precision >= 0.9")
    assert set(found) == {"run_id", "label", "goal", "threshold", "reached", "nearest", "note", "saved"}
    assert (found["label"], found["goal"], found["reached"], found["nearest"], found["saved"]) == (
        "fuel",
        "precision>=0.9",
        True,
        None,
        False,
    )
    assert thresholds_of(ok) == before, "a draft is not in use"
    assert ok("thresholds", "goal", "rent", "fixed:0.125")["threshold"] == 0.125
    ok("thresholds", "save")
    assert thresholds_of(ok) == before | {"fuel": found["threshold"], "rent": 0.125}
    (version,) = ok("thresholds", "history")["versions"]
    assert sorted(version["goals"].values()) == ["fixed:0.125", "precision>=0.9"]
    assert ok("thresholds", "goal", "rent", "recommended")["threshold"] == before["rent"]


def test_without_json_a_person_reads_where_the_goal_is_reached_or_what_is_nearest(after_training, said, monkeypatch):
    assert said("thresholds", "goal", "FUEL", "fixed:0.25").splitlines() == [
        "fuel stands at 0.25 now, to reach fixed:0.25.",
        "Not in use yet: tagger thresholds save.",
    ]
    note = "It cannot be reached here; the nearest is 0.750"
    unreached = {"label": "fuel", "goal": "precision>=1", "threshold": 0.5, "note": note}
    monkeypatch.setattr(tuning, "set_goal", lambda *_: unreached)
    assert said("thresholds", "goal", "fuel", "precision>=1").splitlines()[1] == f"{note}."


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["fuel", "the best"], "no goal", "precision>=0.95"),
        (["fuel", "precision>=1.5"], "no goal", "fixed:0.5"),
        (["fuel", "fixed:nan"], "no goal", "fixed:0.5"),
        (["nothing like it", "f1"], "knows no label", "thresholds show"),
        (["fuel"], "required", "--help"),
        (["fuel", "f1", "--run", "other"], "nrecognized", "--help"),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_a_goal_that_makes_no_sense_is_a_mistake_that_a_person_can_mend(
    after_training, ok, fails, words, message, hint
):
    error = fails("thresholds", "goal", *words)
    assert message in error["message"]
    assert hint in error["hint"]
    assert ok("thresholds", "save")["changed"] == 0


def test_a_tag_with_too_few_descriptions_takes_what_is_recommended_and_says_so(after_training, bring, ok, said):
    rows = ("2024-06-01,THEATRE,-1.00,culture", "2024-06-02,ALDI groceries unheard,-1.00,groceries")
    bring("\n".join(["date,description,amount,tags", *rows, ""]))
    ok("train", "--promote")
    trained = thresholds_of(ok)["culture"]
    ok("thresholds", "set", "culture", "0.99")
    found = ok("thresholds", "goal", "culture", "f1")
    assert (found["threshold"], found["reached"], found["nearest"]) == (trained, False, None)
    assert found["note"].startswith("n = 1 different descriptions: too few to tune. Kept at the recommended ")
    assert f"\n{found['note']}.\n" in said("thresholds", "goal", "culture", "f1")
    assert ok("thresholds", "save")["changed"] == 0
