"""All runs: which is in use, notes on them, and going back or forth between them."""

from __future__ import annotations

import streamlit as st

from tagger.services import comparing, runs
from tagger.services.runs import Listed
from tagger.storage.runs import STARTER
from tagger.ui import messages, results, widgets
from tagger.ui.session import Session

SHOWN_AT_ONCE = 5
BEFORE, AFTER = "compare_before", "compare_after"


def overview(session: Session, *, disabled: bool) -> None:
    """The run in use, the others with what one can do with each, and any two of them side by side."""
    known = runs.listed(session.store)
    if all(run.id == STARTER for run in known):
        return
    st.subheader("Runs", anchor=False)
    st.caption("Their scores are out of fold, each on what was reviewed when it was trained.")
    names = results.titles(known)
    with messages.user_errors():
        _roll_back(session, names, disabled=disabled)
        in_order = sorted(known, key=lambda run: not run.is_current)  # the one in use, then the newest first
        n_shown = SHOWN_AT_ONCE if len(known) > SHOWN_AT_ONCE + 1 else len(known)
        for run in in_order[:n_shown]:
            _run(session, run, names, disabled=disabled)
        if n_shown < len(known):
            with st.expander(f"{len(known) - n_shown:,} earlier ones"):
                for run in in_order[n_shown:]:
                    _run(session, run, names, disabled=disabled)
        _any_two(session, names)


def _roll_back(session: Session, names: dict[str, str], *, disabled: bool) -> None:
    """One step back, and what it leads to."""
    before = runs.before_current(session.store)
    if before is None or before.run_id not in names:
        return
    thresholds = (
        ""
        if before.threshold_version_id is None
        else f", with its saved thresholds (version {before.threshold_version_id})"
    )
    row = st.container(horizontal=True, vertical_alignment="center")
    row.button(
        "Roll back",
        icon=":material/undo:",
        help="Returns to the run and the thresholds that were in use before.",
        on_click=_rolled_back,
        args=(session,),
        disabled=disabled,
    )
    row.caption(f"In use before: {messages.escape(names[before.run_id])}{thresholds}.", width="content")


@messages.callback
def _rolled_back(session: Session) -> None:
    runs.roll_back(session.store)
    st.toast("Run and thresholds of before are in use again.", icon=":material/undo:")


def _run(session: Session, run: Listed, names: dict[str, str], *, disabled: bool) -> None:
    row = st.container(border=True, horizontal=True, vertical_alignment="center", key=f"run:{run.id}")
    with row.container(gap="xsmall"):
        scores = (
            "not scored on its own training rows"
            if run.id == STARTER
            else f"macro F1 {widgets.number(run.macro_f1)} · micro F1 {widgets.number(run.micro_f1)}"
        )
        name = messages.escape(names[run.id])
        st.markdown(
            f"**{name[:1].upper()}{name[1:]}**" + (" :blue-badge[in use]" if run.is_current else "") + f" · {scores}"
        )
        told = [messages.escape(each) for each in (run.note, run.bought) if each]
        if told:
            st.caption("  \n".join(told))
    menu = row.popover("Actions", key=f"menu:{run.id}", on_change="rerun")
    if menu.open:
        with menu, messages.user_errors():
            _actions(session, run, names, disabled=disabled)


def _actions(session: Session, run: Listed, names: dict[str, str], *, disabled: bool) -> None:
    if not run.is_current:
        if st.button("Promote", key=f"promote:{run.id}", disabled=disabled):
            because = comparing.why_worse(session.store, run.id)
            if because is None:
                results.promote(session, run.id)
                st.rerun()
            results.ask_to_promote(session, run.id, because)
        st.button("Compare with the run in use", key=f"compare:{run.id}", on_click=_choose, args=(session, run.id))
    st.text_input(
        "Note",
        value=run.note,
        key=f"note:{run.id}:{run.note}",
        max_chars=runs.MAX_NOTE,
        placeholder="What this run is, or why it was kept",
        on_change=_noted,
        args=(session, run),
    )
    if run.id != STARTER and st.button("Discard", key=f"discard:{run.id}", disabled=disabled):
        widgets.confirm(
            "Discard this run?",
            f"Its weights are deleted. {results.tags_without(session, run.id, names, now='then')}",
            "Discard it",
            lambda: results.discard(session, run.id, names),
        )


@messages.callback
def _noted(session: Session, run: Listed) -> None:
    runs.note(session.store, run.id, st.session_state[f"note:{run.id}:{run.note}"])


def _choose(session: Session, run_id: str) -> None:
    st.session_state[BEFORE], st.session_state[AFTER] = runs.current_id(session.store), run_id


def _any_two(session: Session, names: dict[str, str]) -> None:
    if len(names) < 2:
        return
    st.subheader("Compare two runs", anchor=False)
    for key in (BEFORE, AFTER):
        if st.session_state.get(key) not in names:  # it was discarded, maybe in another tab
            st.session_state.pop(key, None)
    places = st.columns(2)
    chosen = [
        place.selectbox(
            text, list(names), index=None, key=key, format_func=names.__getitem__, placeholder="Choose a run"
        )
        for place, text, key in zip(places, ("Before", "After"), (BEFORE, AFTER), strict=True)
    ]
    before, after = chosen
    if before is None or after is None:
        return
    if before == after:
        st.caption("Choose two different runs.")
        return
    with st.container(border=True):
        results.compared_with(results.beside(session, after, before), other=names[before], key="any_two")
