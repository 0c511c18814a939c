"""A page with nothing but the list of flips; `?fail=1` refuses what is said."""

from __future__ import annotations

import json

import streamlit as st

from tagger.ui.components.flip_list import FlipRow, flip_list, wanted
from tagger.ui.components.operations import Outcome

N_SMALL = 5


def rows(decided: set[str], n_small: int) -> list[FlipRow]:
    """Open groups that nobody decided, as many of a single row as are asked for, and judged ones."""
    names = ["TESCO STORES", "<b>ALDI</b>", "LIDL", "A very long description " * 12, ""]
    found = [
        FlipRow("open", 7, "groceries", "green", True, name, 90 - 10 * place, 0.61, (f"row{place}",) if name else ())
        for place, name in enumerate(names)
        if f"row{place}" not in decided
    ]
    found += [
        FlipRow("open", 7, "groceries", "green", True, f"KIOSK {number}", 1, 0.6, (f"kiosk{number}",))
        for number in range(n_small)
    ]
    found.append(FlipRow("wrong", 7, "groceries", "green", True, "SHELL", 3, 0.55, ("w1", "w2", "w3")))
    found.append(
        FlipRow("right", 8, "a name that is much too long for a chip in a list", "red", False, "ESSO", 1, 0.4, ("r1",))
    )
    return found


def main() -> None:
    st.set_page_config(page_title="Flips", layout="wide")
    state = st.session_state
    state.setdefault("log", [])
    state.setdefault("listing", 1)

    def act(operations: list) -> Outcome:
        if st.query_params.get("fail"):
            return Outcome((), {each["operation"]: "The disk is full." for each in operations})
        known = {each["operation"] for each in state.log}
        state.log += [dict(each) for each in operations if each["operation"] not in known]
        return Outcome([each["operation"] for each in operations])

    def again() -> None:
        state.listing += 1

    # Only what was not taken back is decided.
    decided: dict[str, str] = {}
    st.title("Flips")
    undone = {each["target"] for each in state.log if each["kind"] == "undo"}
    for each in state.log:
        if each["kind"] == "verdict" and each["operation"] not in undone:
            decided |= dict.fromkeys(each["transactions"], each["value"])
    everything = rows(set(decided), N_SMALL)
    totals = {kind: sum(row.count for row in everything if row.kind == kind) for kind in ("open", "wrong", "right")}
    asked = wanted("flips", str(state.listing), default=5)
    flip_list(
        rows(set(decided), N_SMALL if asked > 5 else 0),
        listing=str(state.listing),
        totals=totals,
        key="flips",
        on_operations=act,
    )
    st.button("Move a slider", on_click=again)
    st.code(json.dumps({"log": state.log, "decided": decided, "listing": state.listing}))


if __name__ == "__main__":
    main()
