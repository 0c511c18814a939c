"""Upload: what the file is read as, before anything is stored; and the imports so far."""

from __future__ import annotations

import streamlit as st

from tagger.services import importing
from tagger.ui import session, statements, widgets

state = session.open_page("Upload")
job = widgets.job_status(state, ("import", "tag", "train"))
widgets.job_ending(job)
busy = job is not None and job.running

files = st.file_uploader(
    "Statements from your bank: CSV, TSV or Parquet, up to 200 MB each",
    type=["csv", "tsv", "txt", "tab", "gz", "parquet", "pq"],
    accept_multiple_files=True,
    key="files",
)
uploads = []
for position, file in enumerate(files):
    with st.container(border=True), widgets.user_errors():
        uploads.append(statements.mapping(file.name, file.getvalue(), key=f"file{position}"))
if files:
    label = "Import" if len(files) == 1 else f"Import {len(files)} files"
    if st.button(label, type="primary", disabled=busy or len(uploads) < len(files)):
        with widgets.user_errors():
            state.jobs.start("import", lambda progress: importing.import_files(state.store, uploads, progress))
            st.rerun()
if job is not None and job.kind == "import" and job.state == "done":
    statements.report(job.result)
    if st.button("Review them", type="primary" if not files else "secondary"):
        st.switch_page("pages/review.py")

batches = importing.batches(state.store)
if batches:
    st.subheader("Imports so far")
    chosen = statements.batch_list(batches)
    if chosen is not None and st.button("Take this import back", disabled=busy):
        widgets.confirm(
            f"This removes the import's {chosen.n_added:,} transactions and what was decided about them.",
            "Take this import back",
            lambda: importing.undo_import(state.store, chosen.id),
        )
elif not files:
    st.info("Nothing has been imported yet. Choose a file above, or try the sample on the Home page.")
