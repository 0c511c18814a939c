"""What deserves a second look, as Review shows it: rows to check again, and tags to merge or to teach."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from tagger.services import labelset, quality
from tagger.services.filtering import NEWEST
from tagger.services.quality import ALIKE, FEW, Findings, SilentTag, TagPair
from tagger.services.queue import Queue
from tagger.services.store import Store
from tagger.services.view import View
from tagger.ui import messages
from tagger.ui.filters import CONFLICTS, PAIRS, QUEUE, SLIPS
from tagger.ui.session import Session
from tagger.ui.widgets import counted


def _findings(view: View, session: Session) -> Findings:
    """All lists: worked out when one of them is opened first, and kept as long as Review is open."""
    with st.spinner("Looking through what was reviewed …"):
        return session.pin(view.rows_of, lambda: quality.find(session.store, view), place="findings")


def rows_of(view: View, order: str, session: Session) -> Queue | None:
    """The rows of a list that consists of rows."""
    if order not in (SLIPS, CONFLICTS):
        return None
    findings = _findings(view, session)
    return findings.slips if order == SLIPS else findings.conflicts


def header(view: View, order: str, found: Queue, session: Session, *, n_open: int) -> None:
    """What to do here, in a line; why there is little where that is so; and a way on when all rows are done."""
    note = _findings(view, session).slips_note if order == SLIPS else ""
    st.caption(f"Correct a row, or confirm it as it is: then it is not doubted again. {note}")
    if found.picks and not n_open:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.write("All of these are checked. Train on them, or look again.")
        row.button("Look again", on_click=session.unpin)


def tags(view: View, order: str, session: Session) -> None:
    """A list that consists of tags."""
    findings = _findings(view, session)
    if order == PAIRS:
        _pairs(findings, session)
    else:
        _silent(findings.silent, session)


def _pairs(findings: Findings, session: Session) -> None:
    """Pairs to decide on, and beneath them those that were kept; a pair stays where it is while it is decided on."""
    st.caption(
        "Merging lets every row with the first tag have the second one instead; no verdict is lost. If both are "
        "meant, keep both: the pair is not listed again."
    )
    pairs = [*findings.pairs, *findings.kept]
    entries = list(enumerate(zip(pairs, quality.is_kept(session.store, pairs), strict=True)))
    for number, (pair, is_kept) in entries[: len(findings.pairs)]:
        _pair(number, pair, session, is_kept=is_kept)
    _nothing_left(findings.pairs)
    if findings.kept:
        with st.expander(f"Kept ({len(findings.kept):,})"):
            for number, (pair, is_kept) in entries[len(findings.pairs) :]:
                _pair(number, pair, session, is_kept=is_kept)


def _pair(number: int, pair: TagPair, session: Session, *, is_kept: bool) -> None:
    rarer, other = map(messages.escape, pair.names)
    row = _row(
        f"**{rarer}** ({counted(pair.n_rows[0], 'row')}) and **{other}** ({counted(pair.n_rows[1], 'row')})",
        f"{pair.why}; {counted(pair.n_both, 'row') if pair.n_both else 'no row'} with both.",
    )
    if is_kept:
        row.markdown(":material/check: Both are kept.", width="content")
        if row.button("Undo", key=f"undo_{number}"):
            _decide(quality.list_again, session.store, pair)
        return
    row.button("Show rows", key=f"rows_{number}", on_click=_show, args=(pair.names,))
    if row.button("Merge", key=f"merge_{number}"):
        _merge(session, *pair.names)
    if row.button("Keep both", key=f"keep_{number}"):
        _decide(quality.keep_both, session.store, pair)


def _decide(decision: Callable[[Store, TagPair], None], store: Store, pair: TagPair) -> None:
    with messages.user_errors():
        decision(store, pair)
        st.rerun()


def _silent(silent: Sequence[SilentTag], session: Session) -> None:
    st.caption(
        "Out of fold, so on merchants never seen in training, the model suggests these to none of the reviewed rows "
        "that have them. Rows of merchants that it learned may well get them."
    )
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
    """List the reviewed rows that have one of these tags: those that were counted, whatever was searched before."""
    st.session_state["order"] = NEWEST
    st.session_state["tags"] = list(names)
    others = {"q": "", "show": "All", "untagged": False, "since": None, "until": None}
    for name, value in {"said": True, **others}.items():
        st.session_state[name] = value


def _find(name: str, session: Session) -> None:
    """Ask for rows that may have this tag."""
    st.session_state["order"] = QUEUE
    st.session_state["for"] = name
    session.unpin()
