"""Thresholds: drag, watch precision, recall and F1 move, see what flips, save."""

from __future__ import annotations

import streamlit as st

from tagger.services import tuning
from tagger.ui import messages, session, widgets
from tagger.ui.components.threshold_panel import threshold_panel

state = session.open_page("Thresholds")
widgets.job_status(state, ("import", "tag", "train"))


@st.fragment
def tune() -> None:
    with messages.user_errors():
        panel = tuning.panel(state.store)
        widgets.nothing_to_tune(panel)
        bar, changes = st.container(key="save"), st.expander("What would change")
        with st.container(key="panel_place"):
            threshold_panel(
                widgets.panel_labels(panel),
                measured_on=panel.measured_on,
                key="panel",
                on_commit=widgets.keeping_drafts(state, panel),
            )
        widgets.below_sliders(panel)
        flips = tuning.flips(state.store, panel.saved, panel.drafts)
        with bar:
            widgets.save_bar(state, panel, flips)
        with changes:
            widgets.flip_list(flips)


tune()
