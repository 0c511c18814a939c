"""`labels`: verdicts are counted, and they outlive a rename, a merge and an archive."""

from __future__ import annotations

from command_line.common import THREE_ROWS, by_name, verdicts_of


def test_labels_list_counts_verdicts(bring, ok):
    bring(THREE_ROWS)
    ok("labels", "add", "new one")
    listed = ok("labels", "list")["labels"]
    assert [set(label) for label in listed] == [{"id", "name", "judged", "positives", "archived"}] * 4
    assert len({label["id"] for label in listed}) == 4
    assert listed[-1] == {"id": listed[-1]["id"], "name": "new one", "judged": 0, "positives": 0, "archived": False}


def test_a_label_keeps_its_verdicts_and_id_when_renamed(bring, ok, fails):
    bring(THREE_ROWS)
    before = by_name(ok("labels", "list"))["fuel"]
    assert ok("labels", "rename", "FUEL", "petrol") == {"id": before["id"], "name": "petrol"}
    assert by_name(ok("labels", "list"))["petrol"] == before | {"name": "petrol"}
    assert fails("labels", "rename", "petrol", "Food")["type"] == "LabelError"
    assert fails("labels", "add", "petrol")["type"] == "LabelError"


def test_verdicts_of_a_merged_label_count_for_the_other(bring, ok, fails):
    bring(THREE_ROWS)
    into = by_name(ok("labels", "list"))["food"]
    assert ok("labels", "merge", "car", "food") == {"id": into["id"], "name": "food"}
    assert set(by_name(ok("labels", "list"))) == {"food", "fuel"}
    assert verdicts_of(ok, "food") == (2, 2)
    assert fails("labels", "merge", "food", "food")["type"] == "LabelError"
    assert fails("labels", "merge", "food", "car")["type"] == "LabelError", "it leads back to itself"
    assert "merged into 'food'" in fails("labels", "archive", "car")["message"]


def test_an_archived_label_keeps_its_verdicts_and_comes_back(bring, ok, fails):
    bring(THREE_ROWS)
    before = by_name(ok("labels", "list"))["fuel"]
    ok("labels", "archive", "fuel")
    assert by_name(ok("labels", "list"))["fuel"] == before | {"archived": True}
    assert fails("labels", "merge", "car", "fuel")["type"] == "LabelError"
    assert {label["label"] for label in ok("train")["labels"]} == {"food", "car"}
    ok("labels", "restore", "fuel")
    assert by_name(ok("labels", "list"))["fuel"] == before
