"""The phone-style list of transactions: what it shows, what it sends back, and the component that draws it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamlit.components.v2 import component

from tagger.ui.components import DEPARTURE
from tagger.ui.components.operations import Handler, answer, catch_up, receive

Color = Literal["red", "orange", "yellow", "green", "blue", "violet", "gray"]
Source = Literal["confirmed", "remembered", "predicted"]
RowState = Literal["open", "waiting", "confirmed"]

COLORS: tuple[Color, ...] = ("red", "orange", "yellow", "green", "blue", "violet", "gray")

WIDTH = 760  # pixels at most, as in the style sheet; wider, the eye loses the amount of a row

_FOLDER = Path(__file__).parent
_component = component(
    "tagger_transaction_list",
    css=(_FOLDER / "transaction_list.css").read_text(encoding="utf-8"),
    js="\n".join(path.read_text(encoding="utf-8") for path in (DEPARTURE, _FOLDER / "transaction_list.js")),
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


def transaction_list(
    page: ListPage,
    *,
    key: str,
    on_operations: Handler,
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

    result = _component(
        key=key,
        data={"key": key, **page_data(page), **answer(key)},
        on_operations_change=lambda: receive(key, on_operations),
        on_why_change=lambda: None,  # declares the trigger; the answer is drawn below, not in a callback
    )
    catch_up(result, key, on_operations)
    if isinstance(result.get("why"), str):
        on_why(result["why"])


def page_data(page: ListPage) -> dict[str, Any]:
    """The page in the shape that the component reads (plain JSON types)."""
    return {
        "listing": page.listing,
        "labels": [{"id": label.id, "name": label.name, "color": label.color} for label in page.labels],
        "days": [{"title": day.title, "rows": [_row_data(row) for row in day.rows]} for day in page.days if day.rows],
        "empty": {"title": page.empty.title, "body": page.empty.body},
    }


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
