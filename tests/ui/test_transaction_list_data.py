from __future__ import annotations

import json

import pytest

from tagger.ui.components.transaction_list import (
    ConfirmOperation,
    EmptyText,
    ListDay,
    ListLabel,
    ListPage,
    ListRow,
    ListTag,
    Outcome,
    UndoOperation,
    VerdictOperation,
    page_data,
    read_operations,
)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (
            {"operation": "o1", "kind": "verdict", "transaction": "a1", "label": 3, "value": "no"},
            VerdictOperation("o1", "a1", "no", label=3),
        ),
        (
            {"operation": "o1", "kind": "verdict", "transaction": "a1", "new_label": "coffee", "value": "yes"},
            VerdictOperation("o1", "a1", "yes", new_label="coffee"),
        ),
        (
            {"operation": "o1", "kind": "confirm", "transaction": "a1", "present": [1, 2], "new_labels": ["coffee"]},
            ConfirmOperation("o1", "a1", (1, 2), ("coffee",)),
        ),
        (
            {"operation": "o1", "kind": "confirm", "transaction": "a1", "present": []},
            ConfirmOperation("o1", "a1", ()),
        ),
        ({"operation": "o2", "kind": "undo", "target": "o1", "attempt": 2}, UndoOperation("o2", "o1")),
    ],
)
def test_an_operation_is_read_as_it_was_sent(sent, read):
    assert read_operations([sent]) == ([read], {})


@pytest.mark.parametrize(
    "sent",
    [
        {"operation": "o1"},
        {"operation": "o1", "kind": "delete"},
        {"operation": "o1", "kind": "verdict", "transaction": "a1", "label": 3, "value": "maybe"},
        {"operation": "o1", "kind": "verdict", "transaction": "a1", "label": "3", "value": "no"},
        {"operation": "o1", "kind": "verdict", "transaction": "a1", "label": True, "value": "no"},
        {"operation": "o1", "kind": "verdict", "transaction": "", "label": 3, "value": "no"},
        {"operation": "o1", "kind": "verdict", "transaction": "a1", "new_label": "", "value": "yes"},
        {"operation": "o1", "kind": "confirm", "transaction": "a1", "present": "12"},
        {"operation": "o1", "kind": "undo", "target": None},
    ],
)
def test_an_operation_without_meaning_fails_and_the_ones_beside_it_are_read(sent):
    good = {"operation": "o2", "kind": "undo", "target": "o1"}
    operations, failed = read_operations([sent, good])
    assert operations == [UndoOperation("o2", "o1")]
    assert list(failed) == ["o1"]


@pytest.mark.parametrize("sent", [None, "o1", {"operation": "o1"}, [None, 1, {"kind": "undo"}, {"operation": 7}]])
def test_anything_but_a_list_of_operations_is_nothing(sent):
    assert read_operations(sent) == ([], {})


def test_a_page_becomes_plain_json_and_leaves_out_days_without_rows():
    row = ListRow("a1", "TESCO", "−£12.50", -1, [ListTag(3, "predicted", 0.93)], rejected=(7,))
    page = ListPage(
        labels=[ListLabel(3, "groceries", "green")],
        days=[ListDay("Friday 1 March 2024", [row]), ListDay("No date", [])],
        acknowledged={"o1"},
        failed={"o3": "locked"},
        revision=4,
        empty=EmptyText("Nothing here", "Upload a statement."),
    )

    data = page_data(page, key="review", answer=Outcome({"o2", "o1"}, {"o4": "gone"}))

    assert json.loads(json.dumps(data)) == {
        "key": "review",
        "revision": 4,
        "labels": [{"id": 3, "name": "groceries", "color": "green"}],
        "days": [
            {
                "title": "Friday 1 March 2024",
                "rows": [
                    {
                        "id": "a1",
                        "description": "TESCO",
                        "amount": "−£12.50",
                        "sign": -1,
                        "account": "",
                        "state": "open",
                        "tags": [
                            {"label": 3, "probability": 0.93, "source": "predicted", "count": None, "conflict": False}
                        ],
                        "rejected": [7],
                        "note": "",
                    }
                ],
            }
        ],
        "acknowledged": ["o1", "o2"],
        "failed": {"o4": "gone", "o3": "locked"},
        "empty": {"title": "Nothing here", "body": "Upload a statement."},
    }
