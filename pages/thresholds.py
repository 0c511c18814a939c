"""Thresholds: drag, watch precision, recall and F1 move, see what flips, save."""

from __future__ import annotations

import streamlit as st

from tagger.services import tuning
from tagger.ui import messages, session, threshold_versions, thresholds, widgets

state = session.open_page("Thresholds")
widgets.job_status(state, ("import", "tag", "train"))


with messages.user_errors():
    panel = tuning.panel(state.store)
    thresholds.nothing_to_tune(panel)
    flips = thresholds.find_flips(state, panel)
    with st.expander("What would change", key="changes"):
        thresholds.changes(state, panel, flips)
    thresholds.sliders(state, panel, flips)
    thresholds.below_sliders(panel)
    threshold_versions.versions(state, panel.run_id)
