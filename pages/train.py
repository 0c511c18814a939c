"""Train: learn from everything reviewed, see what it brings, keep it or not."""

from __future__ import annotations

import streamlit as st

from tagger.services import runs, training
from tagger.ui import messages, recipes, session, widgets

state = session.open_page("Train")
learned = training.since_last_run(state.store)
recipes.what_there_is(learned)
job = widgets.job_status(state, ("train", "import", "tag"), curve=True)
busy = job is not None and job.running
recipe = recipes.choose(disabled=busy)
if st.button("Train", type="primary", disabled=busy or not learned["judged"]):
    with messages.user_errors():
        state.jobs.start("train", lambda progress: training.train(state.store, recipe, progress))
        st.rerun()

newest = runs.newest(state.store)
if newest is None or busy:
    st.stop()
is_current = newest.id == runs.current_id(state.store)
recipes.result(newest, is_current=is_current)
if not is_current:
    with messages.user_errors():
        recipes.comparison(training.compare(state.store, newest.id))
        actions = st.container(horizontal=True)
        if actions.button("Promote", type="primary"):
            runs.promote(state.store, newest.id)
            st.rerun()
        if actions.button("Discard"):
            runs.discard(state.store, newest.id)
            st.rerun()
