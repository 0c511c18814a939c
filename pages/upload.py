"""Upload: what the file is read as, before anything is stored; and the imports so far."""

from __future__ import annotations

import streamlit as st

from tagger.services import importing
from tagger.ui import messages, session, statements, widgets

state = session.open_page("Upload")
job = widgets.job_status(state, ("import", "remove", "tag", "train"))
busy = job is not None and job.running
batches = importing.batches(state.store)
done = statements.just_imported(job, batches)
state.forget_files(job)
outcome = st.container()
files = st.file_uploader(
    "Statements from your bank: CSV, TSV or Parquet, up to 200 MB each",
    type=["csv", "tsv", "txt", "tab", "gz", "parquet", "pq"],
    accept_multiple_files=True,
    key=f"files{state.n_uploads}",
)
if done is not None and not files:
    with outcome:
        statements.report(done)
        if st.button("Review them", type="primary"):
            st.switch_page("pages/review.py")
uploads = []
for file in files:
    with st.container(border=True), messages.user_errors():
        uploads.append(statements.mapping(state.store, file.name, file.getvalue(), key=file.file_id))
ready = [upload for upload in uploads if upload is not None]
if files:
    part = f"{len(ready)} of " if len(ready) < len(files) else ""
    label = "Import" if len(files) == 1 else f"Import {part}{len(files)} files"
    if st.button(label, type="primary", disabled=busy or not ready):
        with messages.user_errors():
            state.importing = state.jobs.start(
                "import", lambda progress: importing.import_and_file(state.store, ready, progress)
            )
            st.rerun()
if batches:
    st.subheader("Imports so far", anchor=False)
    chosen = statements.batch_list(batches, disabled=busy)
    if chosen is not None:
        widgets.confirm(
            "Take this import back?",
            f"This removes its {widgets.counted(chosen.n_added, 'transaction')} and what was decided about them.",
            "Take it back",
            lambda: state.jobs.run("remove", lambda _: importing.undo_import(state.store, chosen.id)),
        )
elif not files:
    st.info("Nothing has been imported yet. Choose a file above, or try the sample on the Home page.")
