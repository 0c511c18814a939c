"""How what people do in a list reaches the server: nothing is lost, and nothing is done twice.

The browser shows every action at once and sends the actions that the server has not yet answered, all of them and in
order, each with an id of its own. A merged or lost rerun therefore loses nothing, and whoever stores the operations
handles each id once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

Operation = Mapping[str, Any]  # `services.review.apply` says what is in it


@dataclass(frozen=True)
class Outcome:
    """What became of operations: ids that are stored, and messages for those that cannot be."""

    acknowledged: Collection[str] = ()
    failed: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[list[Operation]], Outcome]


def receive(key: str, handle: Handler) -> None:
    """The callback of a component's `operations`: hand them on before the page is built."""
    _deliver(st.session_state.get(key), key, handle)


def answer(key: str) -> dict[str, Any]:
    """What became of the last operations, as the browser reads it."""
    outcome: Outcome = st.session_state.get(_answer_key(key), Outcome())
    return {"acknowledged": sorted(outcome.acknowledged), "failed": dict(outcome.failed)}


def catch_up(result: object, key: str, handle: Handler) -> None:
    """Hand on what no callback was called for, and run the page again.

    After a lost connection a new session starts with the browser's old state, and Streamlit calls no callback.
    """
    if _ids(result) - st.session_state.get(_handed_key(key), set()):
        _deliver(result, key, handle)
        st.rerun()


def read_operations(state: object) -> list[Operation]:
    """What the browser sent, in the order of the actions, without what has no id to answer it by."""
    entries = state.get("operations") if isinstance(state, Mapping) else None
    if not isinstance(entries, list):
        return []
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("operation"), str)]


def _answer_key(key: str) -> str:
    return f"{key}:answer"


def _handed_key(key: str) -> str:
    return f"{key}:handed"


def _ids(state: object) -> set[str]:
    return {operation["operation"] for operation in read_operations(state)}


def _deliver(state: object, key: str, handle: Handler) -> None:
    operations = read_operations(state)
    st.session_state[_answer_key(key)] = handle(operations) if operations else Outcome()
    # Only after the callback returned: operations that it could not take are delivered again.
    st.session_state[_handed_key(key)] = _ids(state)
