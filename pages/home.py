"""Home: what is here, and the one next step."""

from __future__ import annotations

import streamlit as st

from tagger.services import home, importing
from tagger.ui import messages, session, widgets

state = session.open_page("Transaction Tagger")
here = home.overview(state.store)
job = widgets.job_status(state, ("import", "remove", "tag", "train"))
busy = job is not None and job.running

if here.n_transactions == 0:
    st.write(
        "Drop in a bank statement, see every transaction tagged, correct what is wrong, and retrain in seconds. "
        "Everything stays on this computer."
    )
    row = st.container(horizontal=True)
    if row.button("Try it with sample data", type="primary", disabled=busy):
        with messages.user_errors():
            state.jobs.start("import", lambda progress: importing.import_sample(state.store, progress))
            st.rerun()
    if row.button("Upload a statement"):
        st.switch_page("pages/upload.py")
    st.caption("The sample is invented: 18 months of a household and a small firm. It can be removed again whole.")
else:
    widgets.tiles(
        {
            "Transactions": f"{here.n_transactions:,}",
            "Reviewed": f"{here.n_confirmed:,}",
            "Tags": f"{here.n_labels:,}",
        }
    )
    st.caption(f"Tagged by {widgets.run_title(here.run_id, here.run_created_at)}.")
    st.subheader(here.next_title, anchor=False)
    st.write(here.next_reason)
    if st.button(here.next_action, type="primary"):
        st.switch_page(here.next_page, query_params=here.next_query)
    if here.n_sample:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.write(f"{here.n_sample:,} of these transactions are sample data.")
            if st.button("Remove sample data", disabled=busy):
                widgets.confirm(
                    "Remove the sample data?",
                    "This removes the sample's transactions, your corrections on them, and the runs that learned from "
                    "them. Your own transactions and corrections stay.",
                    "Remove sample data",
                    lambda: state.jobs.run("remove", lambda _: importing.remove_sample(state.store)),
                )
