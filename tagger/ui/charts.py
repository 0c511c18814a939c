"""Plotly figures. What Streamlit's theme does not colour has colours that show on light and dark alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

NOW, BEFORE = "#2A8FBD", "rgba(140, 150, 160, 0.55)"
WORSE, UNSURE = "#C8702A", "#8C96A0"
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
    """Macro-F1 by number of reviewed descriptions, each on its interval; dotted what as many again may bring."""
    points = [point for point in curve["points"] if point["macro_f1"] is not None]
    figure = go.Figure()
    figure.add_scatter(
        x=[point["n_labelled"] for point in points],
        y=[point["macro_f1"] for point in points],
        mode="lines+markers",
        name="measured",
        line={"color": NOW, "width": 2.5},
        error_y=_bars(points),
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


def _bars(points: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """From each point to the ends of its interval; None for curves that were measured before there were any."""
    if any(point.get("interval") is None for point in points):
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": [point["interval"][1] - point["macro_f1"] for point in points],
        "arrayminus": [point["macro_f1"] - point["interval"][0] for point in points],
        "color": UNSURE,
        "thickness": 1.5,
        "width": 4,
    }


def differences(tries: Sequence[Mapping[str, Any]]) -> go.Figure:
    """A row per setting, the first on top: its macro-F1 difference as a dot on its interval, beside a line at zero.

    Parameters
    ----------
    tries : each with `name` and `change`, whose `macro` has `change` and `interval`, None where it is undefined.
    """
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": UNSURE, "width": 1})
    for each in reversed(tries):
        change, interval = each["change"]["macro"]["change"], each["change"]["macro"]["interval"]
        if change is None or interval is None:
            continue
        low, high = interval
        is_sure = low > 0 or high < 0
        color = (NOW if change > 0 else WORSE) if is_sure else UNSURE
        figure.add_scatter(
            x=[change],
            y=[each["name"]],
            error_x={
                "array": [high - change],
                "arrayminus": [change - low],
                "color": color,
                "thickness": 2,
                "width": 0,
            },
            mode="markers",
            marker={
                "color": color,
                "size": 10,
                "symbol": "circle" if is_sure else "circle-open",
                "line": {"width": 2, "color": color},
            },
            name=each["name"],
            hovertemplate=f"{each['name']}<br>{change:+.3f} ({low:+.3f} to {high:+.3f})<extra></extra>",
        )
    figure.update_xaxes(title_text="macro F1, difference", tickformat=".2~f", zeroline=False, nticks=6)
    figure.update_yaxes(automargin=True, showgrid=False)
    figure.update_layout(
        height=90 + 26 * len(tries), margin={"l": 8, "r": 8, "t": 8, "b": 8}, showlegend=False, dragmode=False
    )
    return figure
