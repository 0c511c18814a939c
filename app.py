"""Page config and navigation. A deep link runs its page alone, so no page depends on anything here."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

# A picture of our own: one named by an icon is fetched from a server elsewhere.
ICON = Path(__file__).parent / "tagger" / "ui" / "icon.png"
st.set_page_config(page_title="Transaction Tagger", page_icon=str(ICON), layout="wide")

st.navigation(
    [
        st.Page("pages/home.py", title="Home", icon=":material/home:", default=True),
        st.Page("pages/upload.py", title="Upload", icon=":material/upload_file:"),
        st.Page("pages/review.py", title="Review", icon=":material/checklist:"),
        st.Page("pages/train.py", title="Train", icon=":material/model_training:"),
        st.Page("pages/thresholds.py", title="Thresholds", icon=":material/tune:"),
        st.Page("pages/experiments.py", title="Experiments", icon=":material/science:"),
        st.Page("pages/export.py", title="Export", icon=":material/download:"),
    ],
    position="top",
).run()
