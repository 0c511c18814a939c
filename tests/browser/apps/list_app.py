"""A small app around the transaction list: it stores operations in a file and acknowledges what it stored.

LIST_FOLDER names a folder; the address says the rest. `case` is the name of the file in it (one JSON object a line),
so that every test has its own. `delay` (seconds) makes storing and every rerun slow. `rows` sets the number of plain
rows, `labels` names further labels (with commas between). `show` is "plain", "showcase" (every state of a chip and a
row), "locked" (operations on its row fail), "waiting" (for its tags), "orders" (plain rows that can be turned round) or
"empty".
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import streamlit as st

from tagger.ui.components.operations import Operation, Outcome
from tagger.ui.components.transaction_list import (
    COLORS,
    EmptyText,
    ListDay,
    ListLabel,
    ListPage,
    ListRow,
    ListTag,
    transaction_list,
)

LOG = Path(os.environ["LIST_FOLDER"]) / f"{st.query_params['case']}.jsonl"
DELAY = float(st.query_params.get("delay", "0"))
N_ROWS = int(st.query_params.get("rows", "6"))
SHOW = st.query_params.get("show", "plain")
NAMES = [
    "groceries",
    "eating out",
    "fuel",
    "salary",
    "recurring",
    "subscription",
    "online",
    "rent",
    "office supplies and everything else that a small firm puts on its card",
    "Café",
]
MERCHANTS = ["TESCO STORES 3021", "PRET A MANGER", "SHELL 1123 LEEDS", "NETFLIX.COM", "AMZN MKTP UK", "GREGGS PLC"]


def stored() -> list[dict[str, object]]:
    return [json.loads(line) for line in LOG.read_text().splitlines()] if LOG.exists() else []


def plain_days() -> list[ListDay]:
    rows = [
        ListRow(
            id=f"{number:04x}",
            description=f"{MERCHANTS[number % 6]}",
            amount=f"−£{number * 7 + 4}.50",
            sign=-1,
            tags=[
                ListTag(number % 5 + 1, "predicted", probability=0.93),
                ListTag((number + 3) % 5 + 1, "predicted", probability=0.61),
            ],
        )
        for number in range(N_ROWS)
    ]
    days = [("Friday 1 March 2024", rows[: N_ROWS // 2]), ("Thursday 29 February 2024", rows[N_ROWS // 2 :])]
    return [ListDay(title, part) for title, part in days]


def showcase() -> list[ListDay]:
    return [
        ListDay(
            "Sunday 3 March 2024",
            [
                ListRow(
                    "a1",
                    "TESCO STORES 3021 LEEDS GB",
                    "−£147.04",
                    -1,
                    [ListTag(1, "predicted", 0.93), ListTag(7, "predicted", 0.58)],
                    account="Joint account",
                ),
                ListRow(
                    "a2",
                    "PRET A MANGER",
                    "−£8.92",
                    -1,
                    [ListTag(2, "remembered", count=4)],
                    rejected=[1],
                    account="Card ··1187",
                ),
                ListRow(
                    "a3",
                    "STAFF - PAYROLL",
                    "+£1,602.61",
                    1,
                    [ListTag(4, "confirmed"), ListTag(5, "confirmed")],
                    state="confirmed",
                    account="Joint account",
                ),
                ListRow(
                    "a4",
                    "NETFLIX.COM AMSTERDAM",
                    "−£10.99",
                    -1,
                    [ListTag(6, "confirmed"), ListTag(5, "predicted", 0.88), ListTag(7, "predicted", 0.52)],
                    account="Card ··1187",
                ),
            ],
        ),
        ListDay(
            "Friday 1 March 2024",
            [
                ListRow(
                    "a5",
                    "AMZN MKTP UK*2K4RT0 AMAZON.CO.UK LONDON MARKETPLACE ORDER 204-1198832",
                    "−£31.00",
                    -1,
                    [ListTag(9, "predicted", 0.71), ListTag(7, "remembered", count=12, conflict=True)],
                    account="Card ··1187",
                    note="two purchases",
                ),
                ListRow("a6", "Online Transfer to Deposit Account-9541", "−£2,895.00", -1, account="Joint account"),
                ListRow(
                    "a7", "مطعم الشام 4411 DUBAI", "−£54.20", -1, [ListTag(2, "predicted", 0.5)], account="Card ··1187"
                ),
                ListRow(
                    "a8",
                    '<img src=x onerror="window.broken=1"><b>BOLD</b> & CO',
                    "−£1.00",
                    -1,
                    [ListTag(3, "predicted", 0.996)],
                    account="Joint account",
                ),
            ],
        ),
        ListDay(
            "No date",
            [
                ListRow(
                    "a9",
                    "REF " + "LONG WORDS " * 900,
                    "£0.00",
                    0,
                    [ListTag(8, "predicted", 0.64)],
                    account="Joint account",
                )
            ],
        ),
    ]


def replay(days: list[ListDay], labels: dict[int, str], operations: list[dict[str, object]]) -> list[ListDay]:
    """What a server would show: the rows with every stored operation that was not taken back."""
    undone = {entry["target"] for entry in operations if entry["kind"] == "undo"}
    by_name = {name.casefold(): id_ for id_, name in labels.items()}
    shown = []
    for day in days:
        rows = []
        for row in day.rows:
            tags = {tag.label: tag for tag in row.tags}
            rejected, state = set(row.rejected), row.state
            for entry in operations:
                if entry["operation"] in undone or entry.get("transaction") != row.id:
                    continue
                if entry["kind"] == "confirm":
                    state = "confirmed"
                    present = [*entry["present"], *(by_name[name.casefold()] for name in entry.get("new_labels", []))]
                    tags = {label: ListTag(label, "confirmed") for label in present}
                    continue
                label = by_name[entry["new_label"].casefold()] if entry.get("new_label") else entry["label"]
                rejected.discard(label)
                if entry["value"] == "no":
                    tags.pop(label, None)
                    rejected.add(label)
                elif entry["value"] == "yes":
                    tags[label] = ListTag(label, "confirmed")
                else:
                    tags |= {tag.label: tag for tag in row.tags if tag.label == label}
            rows.append(replace(row, tags=list(tags.values()), rejected=sorted(rejected), state=state))
        shown.append(ListDay(day.title, rows))
    return shown


def store(operations: list[Operation]) -> Outcome:
    time.sleep(DELAY)
    known = {entry["operation"] for entry in stored()}
    locked = {row.id for day in base for row in day.rows if "LOCKED" in row.description}
    acknowledged, failed = [], {}
    with LOG.open("a") as log:
        for operation in operations:
            name = operation["operation"]
            if operation.get("transaction") in locked:
                failed[name] = "This month is locked."
                continue
            acknowledged.append(name)
            if name not in known:
                log.write(json.dumps(dict(operation)) + "\n")
    return Outcome(acknowledged, failed)


st.set_page_config(page_title="List", layout="wide")
st.html("<style>.stMainBlockContainer { padding: 3.75rem 1rem 1rem }</style>")
if SHOW == "showcase":
    base = showcase()
elif SHOW == "locked":
    base = [ListDay("No date", [ListRow("c1", "LOCKED SHOP", "−£2.00", -1, [ListTag(1, "predicted", 0.9)])])]
elif SHOW == "waiting":
    base = [ListDay("No date", [ListRow("d1", "NEW SHOP", "−£2.00", -1, state="waiting", note="Tagging…")])]
elif SHOW == "empty":
    base = []
else:
    base = plain_days()
backwards = SHOW == "orders" and st.toggle("Backwards")
if backwards:
    base = [ListDay("Oldest first", [row for day in base for row in day.rows][::-1])]

time.sleep(DELAY)
done = stored()
names = NAMES + [name for name in st.query_params.get("labels", "").split(",") if name]
for entry in done:
    if entry.get("new_label") and entry["new_label"].casefold() not in [name.casefold() for name in names]:
        names.append(entry["new_label"])
labels = dict(enumerate(names, start=1))
transaction_list(
    ListPage(
        labels=[ListLabel(id_, name, COLORS[id_ % len(COLORS)]) for id_, name in labels.items()],
        days=replay(base, labels, done),
        listing=str(backwards),
        empty=EmptyText("Nothing to review", "Upload a statement and its transactions appear here."),
    ),
    key="list",
    on_operations=store,
    on_why=lambda transaction: st.caption(f"asked why {transaction}"),
)
