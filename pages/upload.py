"""Upload: what the file is read as, before anything is stored; and the imports so far."""

from __future__ import annotations

import streamlit as st

from tagger.services import importing
from tagger.ui import messages, session, statements, widgets

state = session.open_page("Upload")
job = widgets.job_status(state, ("import", "tag", "train"))
busy = job is not None and job.running

files = st.file_uploader(
    "Statements from your bank: CSV, TSV or Parquet, up to 200 MB each",
    type=["csv", "tsv", "txt", "tab", "gz", "parquet", "pq"],
    accept_multiple_files=True,
    key="files",
)
uploads = []
for file in files:
    with st.container(border=True), messages.user_errors():
        uploads.append(statements.mapping(state.store, file.name, file.getvalue(), key=file.file_id))
ready = [upload for upload in uploads if upload is not None]
if files:
    label = "Import" if len(files) == 1 else f"Import {len(files)} files"
    if st.button(label, type="primary", disabled=busy or len(ready) < len(files)):
        with messages.user_errors():
            state.jobs.start("import", lambda progress: importing.import_and_file(state.store, ready, progress))
            st.rerun()
batches = importing.batches(state.store)
done = statements.just_imported(job, batches)
if done is not None:
    statements.report(done)
    if st.button("Review them", type="primary" if not files else "secondary"):
        st.switch_page("pages/review.py")
if batches:
    st.subheader("Imports so far")
    chosen = statements.batch_list(batches)
    if chosen is not None and st.button("Take this import back", disabled=busy):
        widgets.confirm(
            f"This removes the import's {chosen.n_added:,} transactions and what was decided about them.",
            "Take this import back",
            lambda: state.jobs.run("remove", lambda _: importing.undo_import(state.store, chosen.id)),
        )
elif not files:
    st.info("Nothing has been imported yet. Choose a file above, or try the sample on the Home page.")
