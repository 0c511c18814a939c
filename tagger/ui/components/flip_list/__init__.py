"""The list of flips: transactions that gain or lose a tag, by description, each with a Yes and a No."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from tagger.ui.components import BASE_STYLE, DEPARTURE, OUTBOX
from tagger.ui.components.operations import Handler, answer, catch_up, receive

_FOLDER = Path(__file__).parent
_component = component(
    "tagger_flip_list",
    css="\n".join(path.read_text(encoding="utf-8") for path in (BASE_STYLE, _FOLDER / "flip_list.css")),
    js="\n".join(path.read_text(encoding="utf-8") for path in (DEPARTURE, OUTBOX, _FOLDER / "flip_list.js")),
)


MOST_GROUPS = 5_000  # in the list: more than anybody reads


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
    on_operations: Handler,
) -> None:
    """Draw the list and pass on what a person says.

    Parameters
    ----------
    listing : names what was asked for; while it stays, rows that were decided stay in their place.
    totals : rows in all, by kind.
    on_operations : called before the page is built, with steps as `services.review.apply` takes them. Ids handled
        before come again until the browser has seen their answer: handle each once, acknowledge it every time.
    """

    result = _component(
        key=key,
        data={
            "key": key,
            "listing": listing,
            "totals": {kind: totals.get(kind, 0) for kind in ("open", "wrong", "right")},
            "flips": [_row_data(row) for row in rows],
            **answer(key),
        },
        on_operations_change=lambda: receive(key, on_operations),
        on_wanted_change=lambda: None,  # declares it: `wanted` reads it before the list is built again
    )
    catch_up(result, key, on_operations)


def wanted(key: str, listing: str, *, default: int) -> int:
    """How many groups of a kind people asked to see of this list."""
    state = st.session_state.get(key)
    asked = state.get("wanted") if isinstance(state, Mapping) else None
    if not isinstance(asked, Mapping) or asked.get("listing") != listing or type(asked.get("groups")) is not int:
        return default
    return int(min(max(asked["groups"], default), MOST_GROUPS))


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
