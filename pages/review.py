"""Review: every transaction with its tags; tap what is wrong, confirm what is right."""

from __future__ import annotations

import streamlit as st

from tagger.services import filtering, importing, quality, queue, review, tagging
from tagger.ui import filters, grounds, picks, session, widgets
from tagger.ui import quality as second_look
from tagger.ui.components.transaction_list import WIDTH, EmptyText, ListPage, transaction_list

state = session.open_page("Review")
job = widgets.job_status(state, ("import", "tag"))
view = state.store.view()
n_left, most_doubtful = None, None
with st.container(width=WIDTH, gap="xsmall"):
    asked = filters.asked_for(view, importing.batches(state.store))
    if asked.order in filters.OF_TAGS:
        second_look.tags(view, asked.order, state)
        st.stop()
    doubted = second_look.rows_of(view, asked.order, state)
    done = None if doubted is None else quality.checked(state.store, view)
    if doubted is not None and done is not None:
        wanted = quality.within(view, doubted, asked.rows)
        ids, n_open = wanted.ids, sum(each not in done for each in wanted.ids)
        if asked.order == filters.SLIPS and len(doubted.picks) == quality.SIZE:
            most_doubtful = quality.SIZE
        second_look.header(view, asked.order, wanted, state, n_open=n_open)
    elif asked.order == filters.QUEUE:
        wanted = state.pin(
            (asked, view.rows_of), lambda: queue.ask(state.store, view, asked.rows, label_id=asked.label_id)
        )
        ids, n_open = wanted.ids, review.n_open(view, wanted.ids)
        n_left = filtering.n_left(view, asked.rows)
        picks.header(state.store, wanted, state, n_open=n_open)
    else:
        wanted, found = None, filtering.find(view, asked.rows, asked.order)
        ids, n_open = state.pin((asked, view.rows_of), lambda: found.ids), found.n_open
    page = filters.page(len(ids), n_open, asked=asked, n_left=n_left, most_doubtful=most_doubtful)
rows = review.rows(view, filters.on_page(ids, page))
transaction_list(
    ListPage(
        labels=widgets.list_labels(view.labels),
        days=filters.days(rows, asked.order, tagging=job is None or not tagging.gave_up(job))
        if wanted is None
        else picks.days(rows, wanted, order=asked.order, checked=done),
        listing=repr((asked, page)),
        empty=EmptyText(*filters.empty_text(view, asked)),
    ),
    key="list",
    on_operations=lambda operations: widgets.store_operations(state, operations),
    on_why=lambda transaction_id: grounds.show(state.store, transaction_id),
)
filters.next_page(len(ids), page)
