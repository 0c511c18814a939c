from __future__ import annotations

import json

from tagger.ui.components.transaction_list import (
    EmptyText,
    ListDay,
    ListLabel,
    ListPage,
    ListRow,
    ListTag,
    page_data,
)


def test_a_page_becomes_plain_json_and_leaves_out_days_without_rows():
    row = ListRow("a1", "TESCO", "−£12.50", -1, [ListTag(3, "predicted", 0.93)], rejected=(7,))
    page = ListPage(
        labels=[ListLabel(3, "groceries", "green")],
        days=[ListDay("Friday 1 March 2024", [row]), ListDay("No date", [])],
        listing="newest, page 2",
        empty=EmptyText("Nothing here", "Upload a statement."),
    )

    data = page_data(page)

    assert json.loads(json.dumps(data)) == {
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
        "empty": {"title": "Nothing here", "body": "Upload a statement."},
    }
