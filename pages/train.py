"""Train: learn from everything reviewed, see what it brings, keep it or not."""

from __future__ import annotations

import streamlit as st

from tagger.services import runs, training
from tagger.ui import messages, picks, recipes, session, widgets

state = session.open_page("Train")
learned = training.since_last_run(state.store)
job = widgets.job_status(state, ("train", "import", "remove", "tag", "curve"), curve=True)
busy = job is not None and job.running
recipes.what_there_is(learned)
newest = runs.newest(state.store)
is_current = newest is not None and newest.id == runs.current_id(state.store)
undecided = newest is not None and not is_current and not busy
if newest is not None and undecided:
    with st.container(border=True), messages.user_errors():
        compared = training.compare(state.store, newest.id)
        recipes.result(newest, is_current=False)
        recipes.comparison(compared)
        actions = st.container(horizontal=True)
        actions.button(
            "Promote",
            type="primary",
            help="Tag with this run from now on.",
            on_click=recipes.promote,
            args=(state, newest.id),
        )
        actions.button("Discard", on_click=messages.callback(runs.discard), args=(state.store, newest.id))
        recipes.comparison_table(compared)
        recipes.per_tag(newest)
recipe = recipes.choose(disabled=busy)
if st.button("Train", type="secondary" if undecided else "primary", disabled=busy):
    with messages.user_errors():
        state.jobs.start("train", lambda progress: training.train(state.store, recipe, progress))
        st.rerun()
if newest is not None and is_current and not busy:
    recipes.result(newest, is_current=True)
    recipes.per_tag(newest)
picks.learning_curve(state, disabled=busy)
