"""The Export page's pieces."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

FORMATS = {"CSV": "csv", "Parquet": "parquet", "JSON Lines": "jsonl"}
MIME = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet", "jsonl": "application/jsonl"}


def what_goes_out(counts: Mapping[str, int]) -> None:
    """How many rows, and whose word their tags are."""
    tiles = st.columns(4)
    tiles[0].metric("Transactions", f"{counts['transactions']:,}")
    tiles[1].metric("Confirmed", f"{counts['confirmed']:,}")
    tiles[2].metric("Remembered", f"{counts['remembered']:,}", help="Equal descriptions were confirmed before.")
    tiles[3].metric("Predicted", f"{counts['predicted']:,}")


def choose_format() -> str:
    """csv, parquet or jsonl."""
    picked = st.segmented_control("Format", list(FORMATS), default="CSV", key="format")
    st.caption(
        "Each row has its tags, where they come from, the probability of the least sure predicted tag, and the run. "
        "CSV cells are safe to open in a spreadsheet and come back unchanged when the file is imported again."
    )
    return FORMATS[picked or "CSV"]
