"""Review: every transaction with its tags; tap what is wrong, confirm what is right."""

from __future__ import annotations

from tagger.services import review
from tagger.ui import filters, session, widgets
from tagger.ui.components.transaction_list import EmptyText, ListPage, transaction_list

state = session.open_page("Review")
widgets.job_status(state, ("import", "tag"))
view = state.store.view()
wanted = filters.review_filter(view)
found = review.find(view, wanted)
page = filters.page(found, asked=wanted)
ids = state.pin((wanted, page), filters.on_page(found, page))
transaction_list(
    ListPage(
        labels=widgets.list_labels(view.labels),
        days=widgets.list_days(review.rows(state.store.view(), ids)),
        empty=EmptyText(*filters.empty_text(view, wanted)),
    ),
    key="list",
    on_operations=lambda operations: widgets.store_operations(state, operations),
)
filters.next_page(found, page)
