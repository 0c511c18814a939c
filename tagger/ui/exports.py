"""The Export page's pieces."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from tagger.ui import widgets

FORMATS = {"CSV": "csv", "Parquet": "parquet", "JSON Lines": "jsonl"}
MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonl"}


def what_goes_out(counts: Mapping[str, int]) -> None:
    """How many rows, and whose word their tags are."""
    widgets.tiles(
        {
            "Transactions": f"{counts['transactions']:,}",
            "Confirmed": f"{counts['confirmed']:,}",
            "Remembered": f"{counts['remembered']:,}",
            "Predicted": f"{counts['predicted']:,}",
        },
        helps={
            "Confirmed": "People gave all its tags, or confirmed that it has none.",
            "Remembered": "Equal descriptions were confirmed before.",
            "Predicted": "At least one tag comes from the model.",
        },
    )


def choose_format() -> str:
    """csv, parquet or jsonl."""
    picked = st.segmented_control("Format", list(FORMATS), default="CSV", key="format")
    st.caption(
        "Each row has its tags, where they come from, the probability of the least sure predicted tag, and the run. "
        "CSV cells are safe to open in a spreadsheet and come back unchanged when the file is imported again."
    )
    return FORMATS[picked or "CSV"]
