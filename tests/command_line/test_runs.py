"""`runs`: listed, shown, compared, promoted and discarded."""

from __future__ import annotations


def test_runs_are_listed_shown_compared_promoted_and_discarded(after_training, ok, fails, home):
    first = after_training["run_id"]
    second = ok("train", "--features", "mean")["run_id"]
    listed = ok("runs", "list")["runs"]
    assert [set(run) for run in listed] == [{"run_id", "created_at", "current", "macro_f1", "micro_f1"}] * 2
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
    assert ok("runs", "compare", first, second)["with"] == second

    assert ok("runs", "promote", second) == {"run_id": second, "current": True}
    assert ok("runs", "discard", second) == {"run_id": second, "discarded": True}
    assert [(run["run_id"], run["current"]) for run in ok("runs", "list")["runs"]] == [(first, True)]
    assert not (home / "models" / second).exists()
    assert fails("runs", "show", second)["type"] == "NotFoundError"
    assert fails("runs", "discard", "starter")["type"] == "NotFoundError"
