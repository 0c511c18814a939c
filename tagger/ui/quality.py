"""What deserves a second look, as Review shows it: rows to check again, and tags to merge or to teach."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from tagger.services import labelset
from tagger.services.quality import ALIKE, FEW, Findings, SilentTag, TagPair
from tagger.services.queue import Queue
from tagger.ui import messages
from tagger.ui.filters import CONFLICTS, NEWEST, PAIRS, QUEUE, SLIPS
from tagger.ui.session import Session
from tagger.ui.widgets import counted


def rows_of(findings: Findings, order: str) -> Queue | None:
    """The rows of a list that consists of rows."""
    return {SLIPS: findings.slips, CONFLICTS: findings.conflicts}.get(order)


def header(found: Queue, session: Session, *, n_open: int) -> None:
    """What to do here, in a line; and a way on when all rows are done."""
    st.caption("Correct a row, or confirm it as it is: then it is not doubted again.")
    if found.picks and not n_open:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.write("All of these are checked. Train on them, or look again.")
        row.button("Look again", on_click=session.unpin)


def tags(findings: Findings, order: str, session: Session) -> None:
    """A list that consists of tags."""
    if order == PAIRS:
        _pairs(findings.pairs, session)
    else:
        _silent(findings.silent, session)


def _pairs(pairs: Sequence[TagPair], session: Session) -> None:
    st.caption("Merging lets every row with the first tag have the second one instead; no verdict is lost.")
    for number, pair in enumerate(pairs):
        rarer, other = map(messages.escape, pair.names)
        row = _row(
            f"**{rarer}** ({counted(pair.n_rows[0], 'row')}) and **{other}** ({counted(pair.n_rows[1], 'row')})",
            f"{pair.why}; {counted(pair.n_both, 'row') if pair.n_both else 'no row'} with both.",
        )
        row.button("Show rows", key=f"rows_{number}", on_click=_show, args=(pair.names,))
        if row.button("Merge", key=f"merge_{number}"):
            _merge(session, *pair.names)
    _nothing_left(pairs)


def _silent(silent: Sequence[SilentTag], session: Session) -> None:
    st.caption("The model never suggests these to a row that has them, unless it knows the description.")
    for number, tag in enumerate(silent):
        row = _row(
            f"**{messages.escape(tag.name)}** ({counted(tag.n_rows, 'row')})",
            messages.escape(f"{tag.why}; suggested from {tag.threshold:.2f} on."),
        )
        row.button("Show rows", key=f"rows_{number}", on_click=_show, args=((tag.name,),))
        if tag.cause == ALIKE and tag.like is not None:
            if row.button("Merge", key=f"merge_{number}"):
                _merge(session, tag.name, tag.like)
        elif tag.cause == FEW:
            row.button("Find more like it", key=f"find_{number}", on_click=_find, args=(tag.name, session))
        elif row.button("Go to thresholds", key=f"threshold_{number}"):
            st.switch_page("pages/thresholds.py")
    _nothing_left(silent)


def _row(title: str, why: str) -> st.delta_generator.DeltaGenerator:
    """One entry: what it is, why it is here, and a place for its buttons."""
    with st.container(border=True, gap="xsmall"):
        st.markdown(title)
        st.caption(why)
        return st.container(horizontal=True, gap="small", vertical_alignment="center")


def _nothing_left(entries: Sequence[object]) -> None:
    if not entries:
        st.info("Nothing left here.")


@st.dialog("Merge two tags")
def _merge(session: Session, source: str, target: str) -> None:
    st.markdown(
        f"Every row with **{messages.escape(source)}** gets **{messages.escape(target)}** instead, and "
        f"**{messages.escape(source)}** is gone from the list of tags."
    )
    row = st.container(horizontal=True, horizontal_alignment="right")
    if row.button("Cancel"):
        st.rerun()
    if row.button(f"Merge into {messages.escape(target)}", type="primary"):
        with messages.user_errors():
            labelset.merge(session.store, source, target)
            session.unpin()
            st.rerun()


def _show(names: Sequence[str]) -> None:
    """List the rows that have one of these tags."""
    st.session_state["order"] = NEWEST
    st.session_state["tags"] = list(names)


def _find(name: str, session: Session) -> None:
    """Ask for rows that may have this tag."""
    st.session_state["order"] = QUEUE
    st.session_state["for"] = name
    session.unpin()
