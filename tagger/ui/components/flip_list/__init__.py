"""The list of flips: transactions that gain or lose a tag, by description, each with a Yes and a No.

As in the list of transactions, the browser sends every step that the server has not answered yet, each with an id of
its own, so that a merged or lost rerun loses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from tagger.ui.components.transaction_list import Operation, Outcome, read_operations

_FOLDER = Path(__file__).parent
_component = component(
    "tagger_flip_list",
    css=(_FOLDER / "flip_list.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "flip_list.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class FlipRow:
    """Transactions of one description that gain or lose a tag.

    `kind` is open, right or wrong; `transactions` are the ids that a verdict given here is about, none where it cannot
    be given.
    """

    kind: str
    label_id: int
    label_name: str
    label_color: str
    gains: bool
    description: str
    count: int
    probability: float
    transactions: Sequence[str]


def flip_list(
    rows: Sequence[FlipRow],
    *,
    listing: str,
    totals: Mapping[str, int],
    key: str,
    on_operations: Callable[[list[Operation]], Outcome],
) -> None:
    """Draw the list and pass on what a person says.

    Parameters
    ----------
    listing : names what was asked for; while it stays, rows that were decided stay in their place.
    totals : rows in all, by kind.
    on_operations : called before the page is built, with steps as `services.review.apply` takes them. Ids handled
        before come again until the browser has seen their answer: handle each once, acknowledge it every time.
    """

    def receive() -> None:
        _deliver(st.session_state.get(key), key, on_operations)

    answer: Outcome = st.session_state.get(f"{key}:answer", Outcome())
    result = _component(
        key=key,
        data={
            "listing": listing,
            "totals": {kind: totals.get(kind, 0) for kind in ("open", "wrong", "right")},
            "acknowledged": sorted(answer.acknowledged),
            "failed": dict(answer.failed),
            "flips": [_row_data(row) for row in rows],
        },
        on_operations_change=receive,
    )
    # After a lost connection a new session starts with the browser's old state, and Streamlit calls no callback.
    if _ids(result) - st.session_state.get(f"{key}:handed", set()):
        _deliver(result, key, on_operations)
        st.rerun()


def _row_data(row: FlipRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "label": {"id": row.label_id, "name": row.label_name, "color": row.label_color},
        "gains": row.gains,
        "description": row.description,
        "count": row.count,
        "probability": row.probability,
        "transactions": list(row.transactions),
    }


def _operations(state: object) -> list[Operation]:
    return read_operations(state.get("operations")) if isinstance(state, Mapping) else []


def _ids(state: object) -> set[str]:
    return {operation["operation"] for operation in _operations(state)}


def _deliver(state: object, key: str, on_operations: Callable[[list[Operation]], Outcome]) -> None:
    operations = _operations(state)
    st.session_state[f"{key}:answer"] = on_operations(operations) if operations else Outcome()
    # Only after the callback returned: operations that it could not take are delivered again.
    st.session_state[f"{key}:handed"] = _ids(state)
