"""Export: take the transactions with you, with tags, their source and the run that gave them."""

from __future__ import annotations

import streamlit as st

from tagger.services import exporting
from tagger.ui import exports, session, widgets

state = session.open_page("Export")
counts = exporting.counts(state.store)
if not counts["transactions"]:
    widgets.empty("Nothing to export yet", "Here transactions leave with their tags.", *widgets.GET_STARTED)
exports.what_goes_out(counts)
kind = exports.choose_format()
st.download_button(
    f"Export {counts['transactions']:,} transactions",
    data=lambda: exporting.export_bytes(state.store, kind)[0],
    file_name=f"transactions.{kind}",
    mime=exports.MIME[kind],
    type="primary",
)
