"""What Review shows: search, state, tags, dates and page, kept in the address so that a reload shows the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from tagger.services.filtering import CONFIRMED_ONLY, EVERYTHING, LARGEST, NEWEST, OPEN, UNSURE, Filter
from tagger.services.review import PAGE_SIZE, Row
from tagger.services.view import View
from tagger.storage.transactions import Batch
from tagger.transactions.query import HELP, parse_query
from tagger.ui.components.transaction_list import ListDay
from tagger.ui.messages import escape
from tagger.ui.widgets import counted, list_days, list_ranked

_MORE = ("tags", "said", "untagged", "without", "unjudged", "disagrees", "since", "until", "account", "import")
STATES = {"All": EVERYTHING, "To review": OPEN, "Confirmed": CONFIRMED_ONLY}
QUEUE, SLIPS, CONFLICTS, PAIRS, SILENT = "queue", "errors", "conflicts", "alike", "silent"
SORTED = {LARGEST: "The largest amounts come first", UNSURE: "What the model is least sure of comes first"}
OF_TAGS = (PAIRS, SILENT)  # lists whose entries are tags, not rows
ORDERS = {
    NEWEST: "Newest first",
    LARGEST: "Largest amounts first",
    UNSURE: "Least certain first",
    QUEUE: "What to label next",
    SLIPS: "Likely errors",
    CONFLICTS: "Equal rows, different tags",
    PAIRS: "Tags nearly the same",
    SILENT: "Tags that never win",
}


@dataclass(frozen=True)
class Asked:
    """What Review is asked for: which rows, in which order or list, and for which label if the order is the queue."""

    rows: Filter = field(default_factory=Filter)
    order: str = NEWEST
    label_id: int | None = None


def asked_for(view: View, batches: Sequence[Batch]) -> Asked:
    """The filter row, and what it asks for."""
    text = ""
    if _asked_order() in OF_TAGS:
        st.empty()  # holds the place of the search, else the old row below shows twice while a list is worked out
    else:
        text = st.text_input(
            "Search",
            key="q",
            bind="query-params",
            placeholder='Search: words, "a phrase", -not, >50, date:2024-03',
            label_visibility="collapsed",
        )
        _say_what_was_not_read(text)
    row = st.container(horizontal=True, vertical_alignment="center")
    order = _order(row, view)
    label_id, state = None, None
    if order in OF_TAGS:
        return Asked(order=order)
    if order == QUEUE:
        label_id = _one_tag(row, view)  # what is confirmed is not asked again, so there is no state to choose
    elif order == NEWEST or order in SORTED:
        state = row.segmented_control(
            "State", list(STATES), default="All", key="show", bind="query-params", label_visibility="collapsed"
        )
    # Behind a button: a phone shows transactions first.
    n_more = sum(bool(st.session_state.get(name, st.query_params.get(name))) for name in _MORE)
    with row.popover(f"Filter ({n_more})" if n_more else "Filter", icon=":material/filter_list:"):
        rows = _more(view, batches)
    state = OPEN if order == QUEUE else STATES[state or "All"]
    return Asked(replace(rows, text=text, state=state), order, label_id)


def _more(view: View, batches: Sequence[Batch]) -> Filter:
    """What can be asked besides words and state."""
    tags = _tags(view, "tags", "Tags", chips=True)
    said = st.toggle("Only where a person or a file said so", key="said", bind="query-params")
    untagged = st.toggle("Without any tag", key="untagged", bind="query-params")
    places = st.columns(2)
    with places[0]:
        without = _tags(view, "without", "Without these tags")
    with places[1]:
        not_judged = _tags(view, "unjudged", "Not judged on")
    disagrees = st.toggle("The model alone says otherwise than a person", key="disagrees", bind="query-params")
    since, until = _dates()
    accounts = {name or "No account": name for name in sorted(view.columns.accounts.values)}
    imports = {f"{_batch_title(each)} · {each.id[:4]}": each.id for each in batches}
    chosen_accounts = _some("account", "Accounts", list(accounts)) if len(accounts) > 1 else []
    chosen_imports = _some("import", "Imports", list(imports)) if len(imports) > 1 else []
    with st.expander("What the search understands"):
        st.markdown(HELP)
    return Filter(
        tags=tags,
        said=said and bool(tags),
        untagged=untagged,
        without=without,
        not_judged=not_judged,
        disagrees=disagrees,
        since=since,
        until=until,
        accounts=tuple(accounts[name] for name in chosen_accounts),
        batches=tuple(imports[name] for name in chosen_imports),
    )


def page(n_rows: int, n_open: int, *, asked: Asked, n_left: int | None = None, most_doubtful: int | None = None) -> int:
    """Which page of that many rows, counted from 1; the first one again when something else is asked for.

    Parameters
    ----------
    n_left : how many transactions are to review in all, where the rows are but picks of them.
    most_doubtful : how many the list holds without a search, where it ends at its most doubtful rows.
    """
    n_pages = max(1, -(-n_rows // PAGE_SIZE))
    if st.session_state.get("asked") != asked:
        if "asked" in st.session_state:
            st.session_state["page"] = 1
        st.session_state["asked"] = asked
    if st.session_state.get("page", 1) > n_pages:
        st.session_state["page"] = n_pages
    line = st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute")
    if most_doubtful is not None:
        some = f"{n_rows:,} of the" if n_rows < most_doubtful else "The"
        told = f"{some} {most_doubtful:,} most doubtful · {n_open:,} to review"
    elif n_left is None:
        told = f"{counted(n_rows, 'transaction')} · {n_open:,} to review"
    else:
        told = f"{n_open:,} of {counted(n_rows, 'pick')} open · {n_left:,} to review in all"
    line.caption(told, width="content")
    return 1 if n_pages == 1 else line.pagination(n_pages, key="page", max_visible_pages=5)


def next_page(n_rows: int, number: int) -> None:
    """A way on at the end of the list, where the eye is."""
    if number * PAGE_SIZE < n_rows:
        st.button("Next page", on_click=_turn, args=(number + 1,), icon=":material/arrow_forward:", key="next")


def _turn(number: int) -> None:
    st.session_state["page"] = number


def on_page(ids: Sequence[str], number: int) -> Sequence[str]:
    """The rows of one page."""
    return ids[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]


def days(rows: Sequence[Row], order: str, *, tagging: bool) -> list[ListDay]:
    """The rows of a page under their days, or under what they are sorted by."""
    if order in SORTED:
        return list_ranked(rows, SORTED[order], tagging=tagging)
    return list_days(rows, tagging=tagging)


def empty_text(view: View, asked: Asked) -> tuple[str, str]:
    """What to say where no row is left."""
    if len(view.columns) == 0:
        return "Nothing to review yet", "Upload a statement, or try the sample data on the Home page."
    if asked.rows == Filter(state=OPEN):
        if asked.order == QUEUE and not view.truth.confirmed.all():
            known = "was reviewed once" if asked.label_id is None else "has a verdict on this tag"
            return "Nothing left to ask", f"Every description {known}. Equal ones are answered from memory."
        return "All confirmed", "Train on the Train page so that the next statement needs fewer corrections."
    if asked.order in (SLIPS, CONFLICTS) and asked.rows == Filter():
        return "Nothing left to check", "What the model and equal rows doubt comes up here after the next training."
    return "No transaction matches", "Take a filter away to see more."


def _say_what_was_not_read(text: str) -> None:
    """A slip in a date or an amount would look like a search that finds nothing."""
    unread = parse_query(text).unread
    if unread:
        parts = ", ".join(f"“{escape(part)}”" for part in unread)
        st.caption(
            f"Left out of the search, since it is no date or amount: {parts}. Write date:2024-03 or amount:10..20."
        )


def _asked_order() -> str:
    """What was chosen last, or stands in the address by a short name."""
    if "order" not in st.session_state:
        asked = st.query_params.get("order")
        st.session_state["order"] = asked if asked in ORDERS else NEWEST
    order: str = st.session_state["order"]
    return order


def _order(row: DeltaGenerator, view: View) -> str:
    """Which rows come first, or which list to work off.

    Without counts: they would cost a look through everything that was judged whenever Review opens.
    """
    now = _asked_order()
    offered = [name for name in ORDERS if name in (NEWEST, *SORTED, QUEUE, now) or view.judged_rows.size]
    order: str = row.selectbox(
        "Work through",
        offered,
        format_func=ORDERS.__getitem__,
        key="order",
        label_visibility="collapsed",
        width=165 if now in (NEWEST, UNSURE, QUEUE) else 240,
    )
    _in_address("order", None if order == NEWEST else order)
    return order


def _one_tag(row: DeltaGenerator, view: View) -> int | None:
    """The one tag that is asked about, for a rare one; kept in the address by name."""
    names = {label.name: label for label in sorted(view.labels, key=lambda label: label.name.casefold())}
    if "for" not in st.session_state:
        st.session_state["for"] = st.query_params.get("for")
    if st.session_state["for"] not in names:
        st.session_state["for"] = None
    name: str | None = row.selectbox(
        "For one tag",
        list(names),
        index=None,
        placeholder="For all tags",
        key="for",
        label_visibility="collapsed",
        width=165,
    )
    _in_address("for", name)
    return None if name is None else names[name].id


def _in_address(name: str, value: str | None) -> None:
    if value is None:
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = value


def _dates() -> tuple[date | None, date | None]:
    places = st.columns(2)
    oldest = date(1900, 1, 1)
    since = places[0].date_input("From", value=None, key="since", bind="query-params", min_value=oldest)
    until = places[1].date_input("To", value=None, key="until", bind="query-params", min_value=oldest)
    return since, until


def _tags(view: View, key: str, title: str, *, chips: bool = False) -> tuple[int, ...]:
    """Some of the tags in use."""
    names = {label.name: label for label in sorted(view.labels, key=lambda label: label.name.casefold())}
    return tuple(sorted(names[name].id for name in _some(key, title, list(names), chips=chips)))


def _some(key: str, title: str, names: list[str], *, chips: bool = False) -> list[str]:
    """Some of these names; kept in the address, as names stay when rows change."""
    asked = st.session_state[key] if key in st.session_state else st.query_params.get_all(key)
    st.session_state[key] = [name for name in asked if name in names]  # a tag may be renamed by now
    if chips:
        chosen = st.pills(title, names, selection_mode="multi", format_func=escape, key=key)
    else:
        chosen = st.multiselect(title, names, key=key, placeholder="Any")
    st.query_params[key] = chosen
    return chosen


def _batch_title(batch: Batch) -> str:
    """The day and the files of an import."""
    files = [str(each["file"]) for each in batch.report.get("files", ())]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"{batch.created_at:%Y-%m-%d} {files[0] if files else 'import'}{more}"
