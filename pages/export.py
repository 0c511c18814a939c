"""Export: take the transactions with you, with tags, their source and the run that gave them."""

from __future__ import annotations

import streamlit as st

from tagger.services import exporting
from tagger.ui import exports, session

state = session.open_page("Export")
counts = exporting.counts(state.store)
if not counts["transactions"]:
    st.info("Nothing to export yet. Upload a statement, or try the sample data on the Home page.")
    st.stop()
exports.what_goes_out(counts)
kind = exports.choose_format()
st.download_button(
    f"Export {counts['transactions']:,} transactions",
    data=lambda: exporting.export_bytes(state.store, kind)[0],
    file_name=f"transactions.{kind}",
    mime=exports.MIME[kind],
    type="primary",
)
