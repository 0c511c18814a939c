"""Review: every transaction with its tags; tap what is wrong, confirm what is right."""

from __future__ import annotations

import streamlit as st

from tagger.services import review
from tagger.ui import filters, session, widgets
from tagger.ui.components.transaction_list import WIDTH, EmptyText, ListPage, transaction_list

state = session.open_page("Review")
widgets.job_status(state, ("import", "tag"))
view = state.store.view()
with st.container(width=WIDTH, gap="xsmall"):
    wanted = filters.review_filter(view)
    found = review.find(view, wanted)
    ids = state.pin((wanted, view.rows_of), found.ids)
    page = filters.page(len(ids), found.n_open, asked=wanted)
transaction_list(
    ListPage(
        labels=widgets.list_labels(view.labels),
        days=widgets.list_days(review.rows(view, filters.on_page(ids, page))),
        empty=EmptyText(*filters.empty_text(view, wanted)),
    ),
    key="list",
    on_operations=lambda operations: widgets.store_operations(state, operations),
)
filters.next_page(len(ids), page)
