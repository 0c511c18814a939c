"""Before a training: what there is to learn from, and how to learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from tagger.learning.recipe import ACTIVATIONS, CLASS_WEIGHTS, NORMALIZATIONS, HeadSettings, Recipe
from tagger.ui import widgets

EMBEDDINGS = {
    "Automatic": "auto",
    "Both": "both",
    "Mean of all tokens": "mean",
    "[CLS] token": "cls",
    "None": "",
}
BESIDES = {
    "Words": "lexical",
    "Amount": "amount",
    "Date": "date",
    "Account": "account",
    "Tag names": "names",
    "Plain descriptions": "plain",
}
HEADS = {"Automatic": "auto", "Logistic": "logistic", "Feed-forward": "feedforward"}
CHOOSERS = {
    "Automatic": "auto",
    "Grid (17 points, best F1)": "grid",
    "Shrunk optimum": "shrunk",
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
        list(EMBEDDINGS),
        disabled=disabled,
        help="What the head reads of the encoder's output: the [CLS] token, the mean of all tokens, or both. "
        "Automatic: both, words, the amount and the tags' names, which was best in most measurements.",
    )
    head = columns[1].selectbox(
        "Head",
        list(HEADS),
        disabled=disabled,
        help="The small model that learns your tags. Automatic: logistic, and for embeddings without words "
        "feed-forward from 5,000 different descriptions.",
    )
    chooser = columns[2].selectbox(
        "Thresholds",
        list(CHOOSERS),
        disabled=disabled,
        help="How each tag's threshold is chosen from the scores of held-out rows. It can be moved later.",
    )
    parts = [EMBEDDINGS[features]]
    if parts != ["auto"]:
        parts += [BESIDES[name] for name in _besides(features, disabled=disabled)]
    settings = HeadSettings(kind=HEADS[head])
    if head == "Feed-forward":
        with st.expander("Layers and training"):
            settings = _layers(disabled=disabled)
    return Recipe(features="+".join(filter(None, parts)), head=settings, thresholds=CHOOSERS[chooser])


def _besides(features: str, *, disabled: bool) -> list[str]:
    """What the head looks at besides embeddings; without them, words are all there is to tell descriptions apart."""
    required = ["Words"] if features == "None" else []
    chosen = st.multiselect(
        "Besides the embedding",
        [name for name in BESIDES if name not in required],
        disabled=disabled,
        help="Words: words and parts of words. Date: weekday and day of the month. Tag names: tags without an example "
        "are suggested where a description is near their name. Plain descriptions: payment method, dates, numbers "
        "and places are taken out first.",
    )
    return [*required, *chosen]


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
