"""Plotly figures. What Streamlit's theme does not colour has colours that show on light and dark alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

NOW, BEFORE = "#2A8FBD", "rgba(140, 150, 160, 0.55)"
CURVES = {"loss": "Training loss", "validation_f1": "Micro F1 of held-out descriptions, at 0.5"}


def training_curve(curve: Sequence[Mapping[str, Any]], what: str) -> go.Figure:
    """One line per fold, as they come in; the fold that is being trained stands out.

    Parameters
    ----------
    curve : reports of epochs, each with `epoch`, `fold` and the value of `what`.
    what : one of `CURVES`.
    """
    figure = go.Figure()
    folds = sorted({report["fold"] for report in curve})
    for fold in folds:
        own = [report for report in curve if report["fold"] == fold]
        latest = fold == folds[-1]
        figure.add_scatter(
            x=[report["epoch"] for report in own],
            y=[report[what] for report in own],
            mode="lines" if len(own) > 1 else "markers",
            name=f"fold {fold + 1}",
            line={"color": NOW if latest else BEFORE, "width": 2.5 if latest else 1},
            marker={"color": NOW if latest else BEFORE},
        )
    figure.update_xaxes(title_text="epoch")
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(height=220, margin={"l": 8, "r": 8, "t": 8, "b": 8}, showlegend=False)
    return figure


def learning_curve(curve: Mapping[str, Any]) -> go.Figure:
    """Macro-F1 by number of reviewed descriptions; dashed what as many again may bring."""
    points = [point for point in curve["points"] if point["macro_f1"] is not None]
    figure = go.Figure()
    figure.add_scatter(
        x=[point["n_labelled"] for point in points],
        y=[point["macro_f1"] for point in points],
        mode="lines+markers",
        name="measured",
        line={"color": NOW, "width": 2.5},
    )
    if curve["projected"] is not None and points:
        figure.add_scatter(
            x=[points[-1]["n_labelled"], curve["projected"]["n_labelled"]],
            y=[points[-1]["macro_f1"], curve["projected"]["macro_f1"]],
            mode="lines",
            name="projected",
            line={"color": NOW, "width": 1.5, "dash": "dot"},
        )
    figure.update_xaxes(title_text="reviewed descriptions", rangemode="tozero")
    figure.update_yaxes(title_text="macro F1", rangemode="tozero")
    figure.update_layout(height=260, margin={"l": 8, "r": 8, "t": 8, "b": 8}, showlegend=False)
    return figure
