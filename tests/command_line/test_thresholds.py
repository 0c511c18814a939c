"""`thresholds`: a draft is not in use until it is saved, and each run has its own."""

from __future__ import annotations

from command_line.common import LABEL, PRF


def test_thresholds_are_shown_set_saved_and_kept(after_training, ok):
    shown = ok("thresholds", "show")
    assert shown["run_id"] == after_training["run_id"]
    assert [set(label) for label in shown["labels"]] == [LABEL] * 4
    before = {label["label"]: label["threshold"] for label in shown["labels"]}
    assert before == {label["label"]: label["threshold"] for label in after_training["labels"]}
    assert set(shown["micro"]) == PRF
    assert ok("thresholds", "history") == {"versions": []}

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
    }


def test_thresholds_of_another_run_do_not_touch_the_current_one(after_training, ok):
    other = ok("train", "--thresholds", "fixed:0.4")["run_id"]
    current = ok("thresholds", "show")
    ok("thresholds", "set", "fuel", "0.9", "--run", other)
    ok("thresholds", "save", "--run", other)
    assert ok("thresholds", "show") == current
    assert {label["threshold"] for label in ok("thresholds", "show", "--run", other)["labels"]} == {0.4, 0.9}
