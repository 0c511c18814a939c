"""`queue`: what to label next and why, for all labels or for one."""

from __future__ import annotations

from command_line.common import OPEN_CSV


def test_the_queue_lists_what_nobody_reviewed_with_the_reason(after_training, ok):
    answer = ok("queue")
    assert set(answer) == {"label", "picks", "audit", "learning_curve", "note"}
    assert (answer["label"], answer["audit"], answer["learning_curve"], answer["note"]) == (None, None, None, "")
    assert {pick["description"] for pick in answer["picks"]} == {
        line.split(",")[1] for line in OPEN_CSV.splitlines()[1:]
    }
    for pick in answer["picks"]:
        assert set(pick) == {"transaction_id", "description", "reason", "why", "rows"}
        assert pick["reason"] == "queue"
        assert pick["why"]


def test_as_many_as_wanted_are_listed_and_for_the_label_that_is_wanted(after_training, ok):
    (pick,) = ok("queue", "1", "--label", "Fuel")["picks"]
    assert pick["description"].startswith("SHELL")
    assert "fuel" in pick["why"]


def test_a_label_that_is_not_there_or_a_number_that_is_none_is_refused(after_training, fails):
    assert fails("queue", "--label", "yacht")["message"] == "There is no label 'yacht'."
    assert "invalid" in fails("queue", "many")["message"]
    assert "at least 1" in fails("queue", "0")["message"]


def test_an_empty_store_asks_for_nothing(home, ok):
    assert ok("queue", "5")["picks"] == []


def test_the_picks_are_listed_where_fewer_than_fifty_descriptions_make_no_learning_curve(after_training, ok):
    answer = ok("queue", "2", "--curve")
    assert len(answer["picks"]) == 2
    assert answer["learning_curve"] is None
    assert "needs 50 different reviewed descriptions" in answer["note"]


def test_the_learning_curve_is_measured_when_asked_for(bring, ok, home):
    lines = ["date,description,amount,tags"]
    for number in range(27):
        town = "abcdefghijklmnopqrstuvwxyzä"[number] + "ville"
        lines += [f"2024-03-01,TESCO groceries {town},-1,groceries", f"2024-03-01,SHELL fuel {town},-1,fuel"]
    bring("\n".join(lines) + "\n")
    measured = ok("queue", "3", "--curve")["learning_curve"]
    assert [point["n_labelled"] for point in measured["points"]] == [27, 54]
    assert measured["measured_on"] == "out-of-fold"
