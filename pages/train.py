"""Train: learn from everything reviewed, see what it brings, keep it or not."""

from __future__ import annotations

import streamlit as st

from tagger.services import comparing, deep, runs, training
from tagger.ui import messages, past_runs, picks, recipes, results, session, widgets

state = session.open_page("Train")
learned = training.since_last_run(state.store)
job = widgets.job_status(state, ("train", "import", "remove", "tag", "curve", "experiments"), curve=True)
busy = job is not None and job.running
recipes.what_there_is(learned)
newest = runs.newest(state.store)
is_current = newest is not None and newest.id == runs.current_id(state.store)
promising = False
if newest is not None and not is_current and not busy:
    with st.container(border=True), messages.user_errors():
        two = results.beside(state, newest.id)
        compared = comparing.weigh(two)
        promising = not compared["worse"]
        results.result(newest, is_current=False)
        results.decide(state, newest, compared)
        results.compared_with(two, other="the run in use", key="newest")
        results.per_tag(newest)
recipe = recipes.choose(state, disabled=busy)
row = st.container(horizontal=True)
if row.button("Train", type="secondary" if promising else "primary", disabled=busy):
    with messages.user_errors():
        state.jobs.start("train", lambda progress: training.train(state.store, recipe, progress))
        st.rerun()
if row.button("Deep retrain", disabled=busy, help=recipes.what_deep_does(state)):
    with messages.user_errors():
        state.jobs.start("train", lambda progress: deep.retrain(state.store, deep.deeper(recipe), progress))
        st.rerun()
recipes.deep_outcome(state, job)
if newest is not None and is_current and not busy:
    results.result(newest, is_current=True)
    results.per_tag(newest)
picks.learning_curve(state, disabled=busy)
past_runs.overview(state, disabled=busy)
