from __future__ import annotations

import json

import pytest
import streamlit as st

from tagger.ui.components.operations import Outcome, answer, read_operations, receive

SENT = [{"operation": "o2", "kind": "confirm", "present": [1]}, {"operation": "o1", "kind": "no idea"}]


@pytest.fixture
def state(monkeypatch) -> dict[str, object]:
    """What a session keeps."""
    kept: dict[str, object] = {}
    monkeypatch.setattr(st, "session_state", kept)
    return kept


def test_operations_are_passed_on_in_order_and_as_they_were_sent():
    assert read_operations({"operations": SENT}) == SENT


@pytest.mark.parametrize("sent", [None, "o1", {"operation": "o1"}, [None, 1, {"kind": "undo"}, {"operation": 7}]])
def test_anything_but_a_list_of_operations_is_nothing(sent):
    assert read_operations({"operations": sent}) == []
    assert read_operations(sent) == []


def test_the_browser_is_told_what_became_of_what_it_sent(state):
    state["review"] = {"operations": SENT}
    receive("review", lambda operations: Outcome({each["operation"] for each in operations}, {"o4": "gone"}))
    assert answer("review") == {"acknowledged": ["o1", "o2"], "failed": {"o4": "gone"}}
    assert json.loads(json.dumps(answer("review"))) == answer("review")
    assert answer("another") == {"acknowledged": [], "failed": {}}


def test_what_could_not_be_taken_is_not_said_to_be_handed_on(state):
    state["review"] = {"operations": SENT}
    with pytest.raises(ZeroDivisionError):
        receive("review", lambda operations: 1 / 0)
    assert answer("review") == {"acknowledged": [], "failed": {}}
    assert "review:handed" not in state
