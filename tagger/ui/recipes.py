"""The Train page's pieces: what there is to learn from, how to learn, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from tagger.learning.recipe import ACTIVATIONS, CLASS_WEIGHTS, NORMALIZATIONS, HeadSettings, Recipe
from tagger.storage.runs import RunRow
from tagger.ui import widgets

FEATURES = {"Both": "both", "Mean of all tokens": "mean", "[CLS] token": "cls"}
HEADS = {"Automatic": "auto", "Logistic": "logistic", "Feed-forward": "feedforward"}
CHOOSERS = {
    "Grid (17 points, best F1)": "grid",
    "Exact optimum": "exact",
    "Fixed at 0.5": "fixed:0.5",
}


def what_there_is(learned: Mapping[str, Any]) -> None:
    """How much was reviewed, and how much of it is new."""
    if not learned["judged"]:
        st.info("Nothing has been reviewed yet. Confirm some transactions on the Review page first.")
        return
    since = (
        f"{learned['new']:,} were judged or corrected since the last run."
        if learned["last_run_id"]
        else "No run of your own yet."
    )
    st.write(f"{learned['judged']:,} reviewed transactions with {learned['positives']:,} tags. {since}")


def choose(*, disabled: bool) -> Recipe:
    """How to learn. The defaults are right for most; every layer of the feed-forward head can be set."""
    columns = st.columns(3)
    features = columns[0].selectbox(
        "Features", list(FEATURES), disabled=disabled, help="Which summary of the encoder's output the head reads."
    )
    head = columns[1].selectbox(
        "Head", list(HEADS), disabled=disabled, help="Automatic: logistic below 5,000 different descriptions."
    )
    chooser = columns[2].selectbox("Thresholds", list(CHOOSERS), disabled=disabled)
    settings = HeadSettings(kind=HEADS[head])
    if head == "Feed-forward":
        with st.expander("Layers and training"):
            settings = _layers(disabled=disabled)
    return Recipe(features=FEATURES[features], head=settings, thresholds=CHOOSERS[chooser])


def _layers(*, disabled: bool) -> HeadSettings:
    default = HeadSettings()
    columns = st.columns(4)
    widths = columns[0].multiselect(
        "Widths",
        [512, 256, 128, 64, 32],
        default=list(default.widths),
        disabled=disabled,
        help="Hidden layers, in this order.",
    )
    return HeadSettings(
        kind="feedforward",
        widths=tuple(widths),
        activation=columns[1].selectbox("Activation", ACTIVATIONS, disabled=disabled),
        normalization=columns[2].selectbox("Normalisation", NORMALIZATIONS, disabled=disabled),
        class_weight=columns[3].selectbox("Class weights", CLASS_WEIGHTS, disabled=disabled),
        dropout=columns[0].number_input("Dropout", 0.0, 0.9, default.dropout, 0.05, disabled=disabled),
        learning_rate=columns[1].number_input(
            "Learning rate", 1e-5, 1e-1, default.learning_rate, 1e-4, format="%.5f", disabled=disabled
        ),
        weight_decay=columns[2].number_input(
            "Weight decay", 0.0, 1.0, default.weight_decay, 1e-3, format="%.4f", disabled=disabled
        ),
        epochs=columns[3].number_input("Epochs", 1, 500, default.epochs, disabled=disabled),
        residual=columns[0].toggle("Residual connections", disabled=disabled),
        early_stopping=columns[1].toggle("Early stopping", disabled=disabled),
    )


def result(run: RunRow, *, is_current: bool) -> None:
    """What the newest run scores, and on what that was measured."""
    summary = run.summary
    st.subheader(widgets.run_title(run.id, run.created_at) + (" · in use" if is_current else ""), anchor=False)
    never_seen, later = st.columns(2)
    with never_seen.container(border=True):
        _figures(summary)
        st.caption(
            f"On descriptions never seen in training: {summary['n_transactions']:,} transactions, "
            f"{summary['n_groups']:,} descriptions, out of fold, at thresholds chosen without them. "
            f"{_left_out(summary)}"
        )
    with later.container(border=True):
        _figures(summary["later_batch"])
        share = summary["later_batch"]["share_remembered"]
        st.caption(
            "On a random later batch"
            + ("" if share is None else f", {share:.0%} of which repeats a reviewed description and is remembered")
            + f". Training took {summary['seconds']['total']:.1f} s."
        )
    with st.expander("Per tag"):
        widgets.score_table(
            [
                {
                    "Tag": row["label"],
                    "Examples": row["support"],
                    "Threshold": row["threshold"],
                    "Precision": row["precision"],
                    "Recall": row["recall"],
                    "F1": row["f1"],
                }
                for row in summary["labels"]
            ],
            ["Threshold", "Precision", "Recall", "F1"],
            key="per_label",
        )


def comparison(compared: Mapping[str, Any]) -> None:
    """The new run beside the current one, on the same rows; no number where there is none to be had."""
    changed = compared["changed_transactions"]
    if changed is not None:
        st.markdown(f"**Promoting it changes the tags of {changed:,} transactions.**")
    if compared["reason"] is not None:
        st.caption(f"No fair comparison with the run in use: {compared['reason']}")
        return
    before, after = compared["before"]["macro"]["f1"], compared["after"]["macro"]["f1"]
    st.markdown(
        f"Macro F1 {widgets.number(before)} → **{widgets.number(after)}** on {compared['n_transactions']:,} "
        "transactions whose descriptions neither run learned from."
    )
    widgets.score_table(
        [
            {
                "Tag": row["label"],
                "Examples": row["support"],
                "Current F1": row["before"],
                "New F1": row["after"],
                "Change": _change(row),
            }
            for row in compared["labels"]
        ],
        ["Current F1", "New F1"],
        key="comparison",
    )


def _figures(summary: Mapping[str, Any]) -> None:
    widgets.tiles(
        {
            "Macro F1": widgets.number(summary["macro"]["f1"]),
            "Micro F1": widgets.number(summary["micro"]["f1"]),
            "Tags scored": str(summary["macro"]["labels_scored"]),
        }
    )


def _left_out(summary: Mapping[str, Any]) -> str:
    left_out = summary["macro"]["labels_left_out"]
    return f"{left_out} tags without an example are left out." if left_out else ""


def _change(row: Mapping[str, Any]) -> str:
    if row["before"] is None or row["after"] is None:
        return "n/a"
    change = row["after"] - row["before"]
    return f"{'+' if change >= 0 else '−'}{abs(change):.3f}"
