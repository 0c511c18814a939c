"""`runs`: listed, shown, compared, promoted, rolled back, noted and discarded."""

from __future__ import annotations

from command_line.common import STARTER

from tagger.__main__ import main
from tagger.config import Settings

COMPARED = {"label", "support", "before", "after", "change", "interval", "certain"}
COMPARED |= {"precision", "recall", "gained", "lost"}


def test_runs_are_listed_shown_compared_promoted_and_discarded(after_training, ok, fails, home):
    first = after_training["run_id"]
    second = ok("train", "--features", "mean")["run_id"]
    listed = ok("runs", "list")["runs"]
    assert [set(run) for run in listed] == [{"run_id", "created_at", "current", "macro_f1", "micro_f1", "note"}] * 2
    assert [(run["run_id"], run["current"]) for run in listed] == [(second, False), (first, True)]
    assert listed[1]["macro_f1"] == after_training["macro"]["f1"]

    shown = ok("runs", "show", first)
    assert shown["run_id"] == first
    assert shown["recipe"] == after_training["recipe"]
    assert shown["macro"] == after_training["macro"]

    compared = ok("runs", "compare", second)
    assert (compared["run_id"], compared["with"]) == (second, first)
    assert compared["reason"] is None
    assert compared["n_transactions"] == 36
    assert [set(label) for label in compared["labels"]] == [COMPARED] * 4
    assert set(compared["changes"]) == {"counts", "n_rows", "rows"}
    assert {row["setting"] for row in compared["settings"]} == {"features", "penalty (l2)"}
    assert ok("runs", "compare", first, second)["with"] == second

    promoted = ok("runs", "promote", second)
    assert promoted == {"run_id": second, "current": True, "worse": compared["worse"], "reason": promoted["reason"]}
    assert ok("runs", "discard", second) == {"run_id": second, "discarded": True}
    assert [(run["run_id"], run["current"]) for run in ok("runs", "list")["runs"]] == [(first, True)]
    assert not (home / "models" / second).exists()
    assert fails("runs", "show", second)["type"] == "NotFoundError"
    assert fails("runs", "discard", "starter")["type"] == "NotFoundError"


def test_without_json_a_discard_says_which_run_gives_the_tags(after_training, ok, fails, capfd, monkeypatch):
    def said(run_id):
        capfd.readouterr()
        assert main(["runs", "discard", run_id]) == 0
        return capfd.readouterr().out

    first = after_training["run_id"]
    second = ok("train")["run_id"]
    assert said(second) == f"Run {second} discarded. Tags still come from run {first}.\n"
    third = ok("train", "--promote")["run_id"]
    assert said(third[:17]) == f"Run {third} discarded. Tags now come from run {first}.\n"
    assert said(first) == f"Run {first} discarded. No run gives tags now: train one, or promote another.\n"
    fourth = ok("train", "--promote")["run_id"]
    monkeypatch.setattr(Settings, "starter_path", STARTER)
    assert said(fourth) == f"Run {fourth} discarded. Tags now come from the starter.\n"


def test_rolling_back_brings_run_and_thresholds_of_before(after_training, ok, fails):
    first = after_training["run_id"]
    before = ok("thresholds", "show")["labels"]
    ok("thresholds", "set", "fuel", "0.7")
    version = ok("thresholds", "save")["threshold_version_id"]
    saved = ok("thresholds", "show")["labels"]
    assert saved != before
    second = ok("train", "--features", "mean", "--promote")["run_id"]
    assert ok("runs", "rollback") == {
        "run_id": first,
        "threshold_version_id": version,
        "current": True,
        "rolled_back": {"run_id": second, "threshold_version_id": None},
    }
    assert ok("thresholds", "show")["labels"] == saved
    assert ok("runs", "rollback")["threshold_version_id"] is None
    assert ok("thresholds", "show")["labels"] == before
    assert ok("runs", "rollback")["run_id"] == "starter"
    assert "roll back" in fails("runs", "rollback")["message"]
    assert len(ok("runs", "list")["runs"]) == 2


def test_a_note_is_shown_with_its_run(after_training, ok, fails):
    run_id = after_training["run_id"]
    assert ok("runs", "note", run_id, "  before the move to Leeds ") == {
        "run_id": run_id,
        "note": "before the move to Leeds",
    }
    assert ok("runs", "list")["runs"][0]["note"] == "before the move to Leeds"
    ok("runs", "note", run_id[:8], "")
    assert ok("runs", "list")["runs"][0]["note"] == ""
    assert [(note["text"], note["author"]) for note in ok("runs", "show", run_id)["notes"]] == [
        ("", "ada"),
        ("before the move to Leeds", "ada"),
    ]
    assert fails("runs", "note", run_id, "x" * 501)["type"] == "SettingError"
    assert fails("runs", "note", "missing", "x")["type"] == "NotFoundError"


def test_a_worse_run_is_promoted_when_told_to_and_not_silently(after_training, ok, caplog):
    first = after_training["run_id"]
    assert (after_training["worse"], after_training["reason"]) == (False, None)
    worse = ok("train", "--thresholds", "fixed:1", "--promote")
    assert worse["macro"]["f1"] < after_training["macro"]["f1"]
    assert worse["worse"] is True
    assert f"Macro F1 {after_training['macro']['f1']:.3f} → " in worse["reason"]
    assert worse["reason"] in caplog.text  # which a process without a handler writes to stderr
    assert ok("runs", "list")["runs"][0]["current"] is True
    ok("runs", "rollback")
    caplog.clear()
    assert ok("train", "--thresholds", "fixed:1")["worse"] is True
    assert caplog.text == ""
    loud = ok("runs", "promote", worse["run_id"])
    assert (loud["worse"], loud["reason"] in caplog.text) == (True, True)
    assert ok("runs", "promote", first)["worse"] is False


def test_training_says_what_it_bought(after_training, ok):
    bought = after_training["bought"]
    assert set(bought) == {
        *("with", "corrections", "imported", "settings_changed", "other_transactions"),
        *("label", "change", "interval", "line"),
    }
    assert (bought["with"], bought["corrections"], bought["imported"]) == ("starter", 0, 36)
    assert bought["line"].startswith("36 transactions that came with tags changed ")
    again = ok("train")
    told = "Training again {} no other transaction; no change in F1 beyond chance."
    assert again["bought"]["line"] == told.format("would change")
    assert ok("runs", "show", again["run_id"])["bought"] == again["bought"]
    ok("runs", "promote", again["run_id"])
    assert ok("runs", "show", again["run_id"])["bought"]["line"] == told.format("changed")
    assert ok("runs", "show", after_training["run_id"])["bought"] == bought
