"""The phone-style list of transactions: what it shows, what it sends back, and the component that draws it.

The list runs in the browser. It applies every action at once and sends the actions that the server has not yet
answered, all of them and in order, each with an id of its own. A merged or lost rerun therefore loses nothing,
and whoever stores the operations handles each id once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import streamlit as st
from streamlit.components.v2 import component

Color = Literal["red", "orange", "yellow", "green", "blue", "violet", "gray"]
Source = Literal["confirmed", "remembered", "predicted"]
RowState = Literal["open", "waiting", "confirmed"]
Operation = Mapping[str, Any]  # `services.review.apply` says what is in it

COLORS: tuple[Color, ...] = ("red", "orange", "yellow", "green", "blue", "violet", "gray")

WIDTH = 760  # pixels at most, as in the style sheet; wider, the eye loses the amount of a row

_FOLDER = Path(__file__).parent
_component = component(
    "tagger_transaction_list",
    css=(_FOLDER / "transaction_list.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "transaction_list.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class ListLabel:
    """One label that the type-ahead offers."""

    id: int
    name: str
    color: Color = "gray"


@dataclass(frozen=True)
class ListTag:
    """A label shown on a row, and why it is there.

    `probability` (0 to 1) belongs to a prediction, `count` (of equal judged descriptions) to a memory; `conflict`
    says that those judgements disagree.
    """

    label: int
    source: Source
    probability: float | None = None
    count: int | None = None
    conflict: bool = False


@dataclass(frozen=True)
class ListRow:
    """One transaction. `amount` is ready to read; `sign` is -1, 0 or 1; `rejected` holds label ids judged "no".

    `why` says why a person is asked about it; `reason`, a word for the same, comes back with what they say.
    """

    id: str
    description: str
    amount: str
    sign: Literal[-1, 0, 1]
    tags: Sequence[ListTag] = ()
    rejected: Sequence[int] = ()
    state: RowState = "open"
    account: str = ""
    note: str = ""
    why: str = ""
    reason: str = ""


@dataclass(frozen=True)
class ListDay:
    """The rows under one heading, such as "Friday 1 March 2024" or "No date"."""

    title: str
    rows: Sequence[ListRow]


@dataclass(frozen=True)
class EmptyText:
    """What stands in place of the rows when there are none."""

    title: str
    body: str = ""


@dataclass(frozen=True)
class ListPage:
    """Everything that one page of the list shows.

    `listing` names what was asked for (order, filters, page): while it stays, so does the row that has the focus.
    """

    labels: Sequence[ListLabel]
    days: Sequence[ListDay]
    listing: str = ""
    empty: EmptyText = EmptyText("Nothing here")


@dataclass(frozen=True)
class Outcome:
    """What became of operations: ids that are stored, and messages for those that cannot be."""

    acknowledged: Collection[str] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


def transaction_list(
    page: ListPage,
    *,
    key: str,
    on_operations: Callable[[list[Operation]], Outcome],
    on_why: Callable[[str], None],
) -> None:
    """Draw one page of transactions and pass on what a person does with them.

    Parameters
    ----------
    page : ListPage
        What to show. It is read after `on_operations` has run, so build it fresh on every run.
    key : str
        Constant over pages and filters: operations under way are kept under it, also over a reload of the tab.
    on_operations : callable
        Called before the page is built with all operations not yet acknowledged, in order. Ids handled before come
        again until the browser has seen their answer: handle each once, acknowledge it every time. What it
        acknowledges must be visible in the page that is built next.
    on_why : callable
        Called with a transaction's id when a person asks why it has its tags.
    """

    def receive() -> None:
        _deliver(_state_of(key), key, on_operations)

    answer: Outcome = st.session_state.get(_answer_key(key), Outcome())
    result = _component(
        key=key,
        data=page_data(page, key=key, answer=answer),
        on_operations_change=receive,
        on_why_change=lambda: None,  # declares the trigger; the answer is drawn below, not in a callback
    )
    # After a lost connection a new session starts with the browser's old state, and Streamlit calls no callback.
    if _ids(result) - st.session_state.get(_handed_key(key), set()):
        _deliver(result, key, on_operations)
        st.rerun()
    if isinstance(result.get("why"), str):
        on_why(result["why"])


def page_data(page: ListPage, *, key: str, answer: Outcome | None = None) -> dict[str, Any]:
    """Return the page in the shape that the component reads (plain JSON types)."""
    answer = answer or Outcome()
    return {
        "key": key,
        "listing": page.listing,
        "labels": [{"id": label.id, "name": label.name, "color": label.color} for label in page.labels],
        "days": [{"title": day.title, "rows": [_row_data(row) for row in day.rows]} for day in page.days if day.rows],
        "acknowledged": sorted(answer.acknowledged),
        "failed": dict(answer.failed),
        "empty": {"title": page.empty.title, "body": page.empty.body},
    }


def read_operations(value: object) -> list[Operation]:
    """What the browser sent, in the order of the actions, without what has no id to answer it by."""
    entries = value if isinstance(value, list) else []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("operation"), str)]


def _row_data(row: ListRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "description": row.description,
        "amount": row.amount,
        "sign": row.sign,
        "account": row.account,
        "state": row.state,
        "tags": [
            {
                "label": tag.label,
                "probability": tag.probability,
                "source": tag.source,
                "count": tag.count,
                "conflict": tag.conflict,
            }
            for tag in row.tags
        ],
        "rejected": list(row.rejected),
        "note": row.note,
        "why": row.why,
        "reason": row.reason,
    }


def _answer_key(key: str) -> str:
    return f"{key}:answer"


def _handed_key(key: str) -> str:
    return f"{key}:handed"


def _state_of(key: str) -> Mapping[str, object]:
    state = st.session_state.get(key)
    return state if isinstance(state, Mapping) else {}


def _ids(state: Mapping[str, object]) -> set[str]:
    return {operation["operation"] for operation in read_operations(state.get("operations"))}


def _deliver(state: Mapping[str, object], key: str, on_operations: Callable[[list[Operation]], Outcome]) -> None:
    operations = read_operations(state.get("operations"))
    st.session_state[_answer_key(key)] = on_operations(operations) if operations else Outcome()
    # Only after the callback returned: operations that it could not take are delivered again.
    st.session_state[_handed_key(key)] = _ids(state)
