"""Plotly figures. Colours come from Streamlit's theme, so that light and dark both work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots


def training_curve(curve: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Loss of the training rows and F1 of the held-out ones, one line per fold, as they come in."""
    figure = make_subplots(
        rows=1, cols=2, subplot_titles=("Training loss", "Micro F1 of held-out descriptions, at 0.5")
    )
    folds = sorted({report.get("fold") or 0 for report in curve})
    for fold in folds:
        own = [report for report in curve if (report.get("fold") or 0) == fold]
        epochs = [report["epoch"] for report in own]
        latest = fold == folds[-1]
        look = {"mode": "lines+markers", "opacity": 1.0 if latest else 0.35, "name": f"fold {fold + 1}"}
        figure.add_scatter(x=epochs, y=[report["loss"] for report in own], row=1, col=1, **look)
        figure.add_scatter(
            x=epochs, y=[report.get("validation_f1") for report in own], row=1, col=2, showlegend=False, **look
        )
    figure.update_layout(height=280, margin={"l": 8, "r": 8, "t": 32, "b": 8}, showlegend=False)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(title_text="epoch")
    return figure
