"""Page config and navigation. A deep link runs its page alone, so no page depends on anything here."""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="Transaction Tagger", page_icon=":material/sell:", layout="wide")

st.navigation(
    [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("pages/upload.py", title="Upload", icon=":material/upload_file:"),
        st.Page("pages/review.py", title="Review", icon=":material/checklist:"),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/thresholds.py", title="Thresholds", icon=":material/tune:"),
        st.Page("pages/export.py", title="Export", icon=":material/download:"),
    ],
    position="top",
).run()
