"""Train: learn from everything reviewed, see what it brings, keep it or not."""

from __future__ import annotations

import streamlit as st

from tagger.services import comparing, curve, deep, runs, training
from tagger.ui import messages, past_runs, picks, recipes, results, session, widgets

state = session.open_page("Train")
learned = training.since_last_run(state.store)
job = widgets.newest_job(state, ("train", "import", "remove", "tag", "curve", "experiments"))
busy = job is not None and job.running
if job is not None and not learned["judged"]:
    widgets.show_job(state, job)
recipes.what_there_is(learned)
# How the learning curve stands is shown beside its own button, further down.
measuring, job = (job, None) if job is not None and job.kind == curve.KIND else (None, job)
newest = runs.newest(state.store)
is_current = newest is not None and newest.id == runs.current_id(state.store)
promising = False
recipe = recipes.choose(state, disabled=busy)
start = st.container(key="start", gap="xsmall")  # filled below: what is found there decides how loud its button is
if newest is not None and not is_current:
    with st.container(border=True), messages.user_errors():
        two = results.beside(state, newest.id)
        compared = comparing.weigh(two)
        promising = not compared["worse"]
        results.result(newest, is_current=False)
        results.decide(state, newest, compared, disabled=busy)
        results.compared_with(two, other="the run in use", key="newest")
        results.per_tag(newest)
elif newest is not None:
    results.result(newest, is_current=True)
    results.per_tag(newest)
with start, messages.user_errors():
    if job is not None and job.running:
        widgets.show_job(state, job, curve=True)
    else:
        row = st.container(horizontal=True)
        if row.button("Train", type="secondary" if promising else "primary", disabled=busy):
            state.jobs.start("train", lambda progress: training.train(state.store, recipe, progress))
            st.rerun()
        if row.button("Deep retrain", help=recipes.what_deep_does(state), disabled=busy):
            state.jobs.start("train", lambda progress: deep.retrain(state.store, deep.deeper(recipe), progress))
            st.rerun()
        if job is not None:
            widgets.show_job(state, job)
    recipes.deep_outcome(state, job)
picks.learning_curve(state, measuring, disabled=busy)
past_runs.overview(state, disabled=busy)
