"""The Train page's pieces: what there is to learn from, how to learn, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from tagger.learning.recipe import ACTIVATIONS, CLASS_WEIGHTS, NORMALIZATIONS, HeadSettings, Recipe
from tagger.services import runs
from tagger.storage.runs import RunRow
from tagger.ui import messages, widgets
from tagger.ui.session import Session

FEATURES = {"Both": "both", "Mean of all tokens": "mean", "[CLS] token": "cls"}
HEADS = {"Automatic": "auto", "Logistic": "logistic", "Feed-forward": "feedforward"}
ENOUGH_TO_COMPARE = 30  # transactions; below, one row moves a tag's F1 by more than any training does
CHOOSERS = {
    "Grid (17 points, best F1)": "grid",
    "Exact optimum": "exact",
    "Fixed at 0.5": "fixed:0.5",
}


def what_there_is(learned: Mapping[str, Any]) -> None:
    """How much was reviewed, and how much of it is new."""
    if not learned["judged"]:
        widgets.empty(
            "Nothing to learn from yet",
            "A run learns from the transactions that you confirm. Confirm some transactions on the Review page first.",
            ("Review", "pages/review.py"),
        )
    since = (
        f"{learned['new']:,} were judged or corrected since the last run."
        if learned["last_run_id"]
        else "No run of your own yet."
    )
    reviewed = widgets.counted(learned["judged"], "reviewed transaction")
    st.write(f"{reviewed} with examples of {widgets.counted(learned['positives'], 'tag')}. {since}")


def choose(*, disabled: bool) -> Recipe:
    """How to learn. The defaults are right for most; every layer of the feed-forward head can be set."""
    columns = st.columns(3)
    features = columns[0].selectbox(
        "Features",
        list(FEATURES),
        disabled=disabled,
        help="What the head reads of the encoder's output: the [CLS] token, the mean of all tokens, or both.",
    )
    head = columns[1].selectbox(
        "Head",
        list(HEADS),
        disabled=disabled,
        help="The small model that learns your tags. Automatic: logistic below 5,000 different descriptions.",
    )
    chooser = columns[2].selectbox(
        "Thresholds",
        list(CHOOSERS),
        disabled=disabled,
        help="How each tag's threshold is chosen from the scores of held-out rows. It can be moved later.",
    )
    settings = HeadSettings(kind=HEADS[head])
    if head == "Feed-forward":
        with st.expander("Layers and training"):
            settings = _layers(disabled=disabled)
    return Recipe(features=FEATURES[features], head=settings, thresholds=CHOOSERS[chooser])


def _layers(*, disabled: bool) -> HeadSettings:
    default = HeadSettings()
    columns, more = st.columns(4), st.columns(4)
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
        dropout=more[0].number_input("Dropout", 0.0, 0.9, default.dropout, 0.05, disabled=disabled),
        learning_rate=more[1].number_input(
            "Learning rate", 1e-5, 1e-1, default.learning_rate, 1e-4, format="%.5f", disabled=disabled
        ),
        weight_decay=more[2].number_input(
            "Weight decay", 0.0, 1.0, default.weight_decay, 1e-3, format="%.4f", disabled=disabled
        ),
        epochs=more[3].number_input("Epochs", 1, 500, default.epochs, disabled=disabled),
        residual=more[0].toggle("Residual connections", disabled=disabled),
        early_stopping=more[1].toggle("Early stopping", disabled=disabled),
    )


@messages.callback
def promote(session: Session, run_id: str) -> None:
    """Use a run from now on. A callback: whoever clicks and leaves the page has clicked."""
    runs.promote(session.store, run_id)
    st.toast("The run is in use and tags from now on.", icon=":material/check:")


def result(run: RunRow, *, is_current: bool) -> None:
    """What the newest run scores, and on what that was measured."""
    summary = run.summary
    st.subheader(widgets.run_title(run.id, run.created_at) + (" · in use" if is_current else ""), anchor=False)
    never_seen, later = st.columns(2)
    share = summary["later_batch"]["share_remembered"]
    with never_seen.container(border=True, height="stretch"):
        st.markdown("**On descriptions never seen in training**")
        _figures(summary)
        st.caption(
            f"{summary['n_transactions']:,} transactions, {summary['n_groups']:,} descriptions, out of fold, at "
            f"thresholds chosen without them. {_scored(summary)}{_untuned(summary)}"
        )
    with later.container(border=True, height="stretch"):
        st.markdown("**On a random later batch**")
        _figures(summary["later_batch"])
        st.caption(
            ("" if share is None else f"{share:.0%} of it repeats a reviewed description and is remembered. ")
            + f"{_scored(summary['later_batch'])} Training took {summary['seconds']['total']:.1f} s."
        )


def per_tag(run: RunRow) -> None:
    """The scores of each tag, folded away."""
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
                for row in run.summary["labels"]
            ],
            ["Threshold", "Precision", "Recall", "F1"],
            key="per_label",
        )


def comparison(compared: Mapping[str, Any]) -> None:
    """The new run beside the current one, on the same rows; no number where there is none to be had."""
    changed = compared["changed_transactions"]
    if changed is not None:
        st.markdown(f"Promoting it changes the tags of **{widgets.counted(changed, 'transaction')}**.")
    if compared["reason"] is not None:
        st.caption(f"No fair comparison with the run in use: {compared['reason']}")
        return
    n_rows = compared["n_transactions"]
    before, after = compared["before"]["macro"]["f1"], compared["after"]["macro"]["f1"]
    where = f"{widgets.counted(n_rows, 'transaction')} whose descriptions neither run learned from"
    if n_rows < ENOUGH_TO_COMPARE:
        st.caption(f"Only {where}: too few to say which run is better.")
    else:
        st.markdown(f"Macro F1 {widgets.number(before)} → **{widgets.number(after)}** on {where}.")


def comparison_table(compared: Mapping[str, Any]) -> None:
    """Tag by tag, the largest change first; only tags that have an example among the rows."""
    rows = [row for row in compared["labels"] if row["support"]]
    if compared["reason"] is not None or not rows:
        return
    rows.sort(key=lambda row: (-abs((row["after"] or 0.0) - (row["before"] or 0.0)), row["label"]))
    with st.expander("Compared with the run in use, tag by tag"):
        widgets.score_table(
            [
                {
                    "Tag": row["label"],
                    "Examples": row["support"],
                    "In use, F1": row["before"],
                    "New, F1": row["after"],
                    "Change": _change(row),
                }
                for row in rows
            ],
            ["In use, F1", "New, F1"],
            key="comparison",
        )


def _figures(summary: Mapping[str, Any]) -> None:
    widgets.tiles(
        {"Macro F1": widgets.number(summary["macro"]["f1"]), "Micro F1": widgets.number(summary["micro"]["f1"])},
        helps={
            "Macro F1": "The mean of the tags' F1: every tag weighs the same.",
            "Micro F1": "F1 of all tags together: frequent tags weigh more.",
        },
    )


def _untuned(summary: Mapping[str, Any]) -> str:
    few = summary["thresholds_tuned"].count(False)
    return f" {widgets.counted(few, 'tag')} with fewer than ten different examples: threshold not tuned." if few else ""


def _scored(summary: Mapping[str, Any]) -> str:
    scored, left_out = summary["macro"]["labels_scored"], summary["macro"]["labels_left_out"]
    return f"{widgets.counted(scored, 'tag')} scored" + (
        f", {left_out:,} without an example left out." if left_out else "."
    )


def _change(row: Mapping[str, Any]) -> str:
    if row["before"] is None or row["after"] is None:
        return "n/a"
    change = row["after"] - row["before"]
    return f"{'+' if change >= 0 else '−'}{abs(change):.3f}"
