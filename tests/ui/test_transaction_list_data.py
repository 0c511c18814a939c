from __future__ import annotations

import json

import pytest

from tagger.ui.components.transaction_list import (
    EmptyText,
    ListDay,
    ListLabel,
    ListPage,
    ListRow,
    ListTag,
    Outcome,
    page_data,
    read_operations,
)


def test_operations_are_passed_on_in_order_and_as_they_were_sent():
    sent = [{"operation": "o1", "kind": "confirm", "present": [1]}, {"operation": "o2", "kind": "no idea"}]
    assert read_operations(sent) == sent


@pytest.mark.parametrize("sent", [None, "o1", {"operation": "o1"}, [None, 1, {"kind": "undo"}, {"operation": 7}]])
def test_anything_but_a_list_of_operations_is_nothing(sent):
    assert read_operations(sent) == []


def test_a_page_becomes_plain_json_and_leaves_out_days_without_rows():
    row = ListRow("a1", "TESCO", "−£12.50", -1, [ListTag(3, "predicted", 0.93)], rejected=(7,))
    page = ListPage(
        labels=[ListLabel(3, "groceries", "green")],
        days=[ListDay("Friday 1 March 2024", [row]), ListDay("No date", [])],
        listing="newest, page 2",
        empty=EmptyText("Nothing here", "Upload a statement."),
    )

    data = page_data(page, key="review", answer=Outcome({"o2", "o1"}, {"o4": "gone"}))

    assert json.loads(json.dumps(data)) == {
        "key": "review",
        "listing": "newest, page 2",
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
                        "why": "",
                        "reason": "",
                    }
                ],
            }
        ],
        "acknowledged": ["o1", "o2"],
        "failed": {"o4": "gone"},
        "empty": {"title": "Nothing here", "body": "Upload a statement."},
    }
