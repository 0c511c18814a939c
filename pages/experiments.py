"""Experiments: which settings help on one's own data, each tried on the same folds."""

from __future__ import annotations

import streamlit as st

from tagger.services import experiments
from tagger.ui import experiments as pieces
from tagger.ui import messages, session, widgets

state = session.open_page("Experiments")
job = widgets.job_status(state, ("experiments", "train", "import", "remove", "tag", "curve"))
busy = job is not None and job.running
st.write("Which settings help on your own data? Each is scored as a training with it would be, and nothing is changed.")
with messages.user_errors():
    kind, axes = pieces.choose(disabled=busy)
    plan, report = experiments.overview(state.store, kind, axes=axes)
    pieces.nothing_yet(plan)
    complete = report is not None and report["is_complete"]
    row = st.container(horizontal=True, vertical_alignment="center")
    if row.button("Run the tries", type="primary", disabled=busy or complete):
        state.jobs.start(experiments.KIND, lambda progress: experiments.measure(state.store, kind, progress, axes=axes))
        st.rerun()
    if not busy:
        row.write(pieces.how_long(plan, complete=complete))
    if report is not None:
        pieces.result(report)
        pieces.use(state, report)
