"""What Review shows: search, state, tags, dates and page, kept in the address so that a reload shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import streamlit as st

from tagger.services.review import CONFIRMED_ONLY, EVERYTHING, OPEN, PAGE_SIZE, Filter
from tagger.services.view import View
from tagger.ui.messages import escape
from tagger.ui.widgets import counted

STATES = {"All": EVERYTHING, "To review": OPEN, "Confirmed": CONFIRMED_ONLY}


def review_filter(view: View) -> Filter:
    """The filter row, and what it asks for."""
    text = st.text_input(
        "Search", key="q", bind="query-params", placeholder="Search descriptions", label_visibility="collapsed"
    )
    row = st.container(horizontal=True, vertical_alignment="center")
    state = row.segmented_control(
        "State", list(STATES), default="All", key="show", bind="query-params", label_visibility="collapsed"
    )
    # Behind a button: a phone shows transactions first.
    n_more = sum(bool(st.session_state.get(name)) for name in ("tags", "since", "until", "untagged"))
    with row.popover(f"Filter ({n_more})" if n_more else "Filter", icon=":material/filter_list:"):
        tags = _tags(view)
        untagged = st.toggle("Without any tag", key="untagged", bind="query-params")
        since, until = _dates()
    return Filter(text=text, tags=tags, state=STATES[state or "All"], since=since, until=until, untagged=untagged)


def page(n_rows: int, n_open: int, *, asked: Filter) -> int:
    """Which page of that many rows, counted from 1; the first one again when something else is asked for."""
    n_pages = max(1, -(-n_rows // PAGE_SIZE))
    if st.session_state.get("asked") != asked:
        if "asked" in st.session_state:
            st.session_state["page"] = 1
        st.session_state["asked"] = asked
    if st.session_state.get("page", 1) > n_pages:
        st.session_state["page"] = n_pages
    line = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    line.caption(f"{counted(n_rows, 'transaction')} · {n_open:,} to review", width="content")
    return 1 if n_pages == 1 else line.pagination(n_pages, key="page", max_visible_pages=5)


def next_page(n_rows: int, number: int) -> None:
    """A way on at the end of the list, where the eye is."""
    if number * PAGE_SIZE < n_rows:
        st.button("Next page", on_click=_turn, args=(number + 1,), icon=":material/arrow_forward:")


def _turn(number: int) -> None:
    st.session_state["page"] = number


def on_page(ids: Sequence[str], number: int) -> Sequence[str]:
    """The rows of one page."""
    return ids[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]


def empty_text(view: View, wanted: Filter) -> tuple[str, str]:
    """What to say where no row is left."""
    if len(view.columns) == 0:
        return "Nothing to review yet", "Upload a statement, or try the sample data on the Home page."
    if wanted.state == OPEN and wanted == Filter(state=OPEN):
        return "All confirmed", "Train on the Train page so that the next statement needs fewer corrections."
    return "No transaction matches", "Take a filter away to see more."


def _dates() -> tuple[date | None, date | None]:
    places = st.columns(2)
    oldest = date(1900, 1, 1)
    since = places[0].date_input("From", value=None, key="since", bind="query-params", min_value=oldest)
    until = places[1].date_input("To", value=None, key="until", bind="query-params", min_value=oldest)
    return since, until


def _tags(view: View) -> tuple[int, ...]:
    """Chips, any of the chosen ones; kept in the address by name, which stays when counts change."""
    names = {label.name: label for label in sorted(view.labels, key=lambda label: label.name.casefold())}
    if "tags" not in st.session_state:
        st.session_state["tags"] = [name for name in st.query_params.get_all("tags") if name in names]
    chosen = st.pills("Tags", list(names), selection_mode="multi", format_func=escape, key="tags")
    st.query_params["tags"] = chosen
    return tuple(sorted(names[name].id for name in chosen))
