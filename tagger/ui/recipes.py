"""Before a training: what there is to learn from, and how to learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from tagger.learning.recipe import (
    ACTIVATIONS,
    CLASS_WEIGHTS,
    NORMALIZATIONS,
    HeadSettings,
    Recipe,
    parts_of,
    pooling_of,
)
from tagger.services import deep
from tagger.storage.jobs import JobRow
from tagger.ui import messages, widgets
from tagger.ui.session import Session

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
    "Starter": "starter",
    "Neighbors": "neighbors",
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
        f"{learned['new']:,} {'was' if learned['new'] == 1 else 'were'} judged or corrected since the last run."
        if learned["last_run_id"]
        else "No run of your own yet."
    )
    reviewed = widgets.counted(learned["judged"], "reviewed transaction")
    st.write(f"{reviewed} with examples of {widgets.counted(learned['positives'], 'tag')}. {since}")


def choose(session: Session, *, disabled: bool) -> Recipe:
    """How to learn. The defaults are right for most; every layer of the feed-forward head can be set.

    What Experiments handed over is filled in, and can be changed.
    """
    base = Recipe() if session.wanted is None else session.wanted[1]
    if session.wanted is not None:
        row = st.container(horizontal=True, vertical_alignment="center")
        row.write(f"Filled in from Experiments: **{messages.escape(session.wanted[0])}**.")
        row.button("Back to automatic", on_click=_forget, args=(session,), disabled=disabled)
    embedding = "auto" if base.features == "auto" else pooling_of(base.features) or ""
    columns = st.columns(3)
    features = columns[0].selectbox(
        "Features",
        list(EMBEDDINGS),
        index=list(EMBEDDINGS.values()).index(embedding),
        disabled=disabled,
        help="What the head reads of the encoder's output: the [CLS] token, the mean of all tokens, or both. "
        "Automatic: both, words, the amount, the tags' names, the starter and neighbors: best in most measurements.",
    )
    head = columns[1].selectbox(
        "Head",
        list(HEADS),
        index=0 if session.wanted is None else list(HEADS.values()).index(base.head.kind),
        disabled=disabled,
        help="The small model that learns your tags. Automatic: logistic, and for embeddings without words "
        "feed-forward from 5,000 different descriptions.",
    )
    ways = list(CHOOSERS.values())
    chooser = columns[2].selectbox(
        "Thresholds",
        list(CHOOSERS),
        index=ways.index(base.thresholds) if base.thresholds in ways else 0,
        disabled=disabled,
        help="How each tag's threshold is chosen from the scores of held-out rows. It can be moved later.",
    )
    parts = [EMBEDDINGS[features]]
    if parts != ["auto"]:
        parts += [BESIDES[name] for name in _besides(features, base, disabled=disabled)]
    settings = HeadSettings(kind=HEADS[head])
    if head == "Feed-forward":
        with st.expander("Layers and training"):
            settings = _layers(base.head, disabled=disabled)
    return replace(base, features="+".join(filter(None, parts)), head=settings, thresholds=CHOOSERS[chooser])


def what_deep_does(session: Session) -> str:
    """What the button is for, and how long it takes."""
    minutes = max(1, round(deep.seconds(session.store) / 60))
    return (
        "Trains the last layers of the encoder on your verdicts too, which helps where descriptions say things that "
        "words alone do not tell. Scored out of fold beside the same training without it: only if it is clearly "
        f"better, a run comes of it. Roughly {widgets.counted(minutes, 'minute')} on two cores; a GPU is used where "
        "there is one."
    )


def deep_outcome(session: Session, job: JobRow | None) -> None:
    """What came of a deep retrain that ended last; and that the run in use has its own encoder."""
    told = (job.result or {}).get("deep") if job is not None and job.kind == "train" else None
    if told is not None:
        show = st.success if told["kept"] else st.info
        show(messages.escape(deep.line(told)), icon=":material/neurology:")
    if deep.in_use(session.store):
        st.caption("The run in use has an encoder of its own. A new training begins at the installed one.")


@messages.callback
def _forget(session: Session) -> None:
    session.wanted = None


def _besides(features: str, base: Recipe, *, disabled: bool) -> list[str]:
    """What the head looks at besides embeddings; without them, words are all there is to tell descriptions apart."""
    required = ["Words"] if features == "None" else []
    options = [name for name in BESIDES if name not in required]
    chosen = st.multiselect(
        "Besides the embedding",
        options,
        default=[name for name in options if BESIDES[name] in parts_of(base.features)],
        disabled=disabled,
        help="Words: words and parts of words. Date: weekday and day of the month. Tag names: tags without an example "
        "are suggested where a description is near their name. Starter: tags that the starter knows begin with what it "
        "says, which fades as examples come. Neighbors: the nearest reviewed descriptions vote. Plain descriptions: "
        "payment method, dates, numbers and places are taken out first.",
    )
    return [*required, *chosen]


def _layers(default: HeadSettings, *, disabled: bool) -> HeadSettings:
    columns, more = st.columns(4), st.columns(4)
    widths = columns[0].multiselect(
        "Widths",
        sorted({512, 256, 128, 64, 32, *default.widths}, reverse=True),
        default=list(default.widths),
        disabled=disabled,
        help="Hidden layers, in this order.",
    )
    return HeadSettings(
        kind="feedforward",
        widths=tuple(widths),
        activation=_one_of("Activation", ACTIVATIONS, default.activation, columns[1], disabled=disabled),
        normalization=_one_of("Normalisation", NORMALIZATIONS, default.normalization, columns[2], disabled=disabled),
        class_weight=_one_of("Class weights", CLASS_WEIGHTS, default.class_weight, columns[3], disabled=disabled),
        dropout=more[0].number_input("Dropout", 0.0, 0.9, default.dropout, 0.05, disabled=disabled),
        learning_rate=more[1].number_input(
            "Learning rate", 1e-5, 1e-1, default.learning_rate, 1e-4, format="%.5f", disabled=disabled
        ),
        weight_decay=more[2].number_input(
            "Weight decay", 0.0, 1.0, default.weight_decay, 1e-3, format="%.4f", disabled=disabled
        ),
        epochs=more[3].number_input("Epochs", 1, 500, default.epochs, disabled=disabled),
        residual=more[0].toggle("Residual connections", default.residual, disabled=disabled),
        early_stopping=more[1].toggle("Early stopping", default.early_stopping, disabled=disabled),
    )


def _one_of(title: str, options: Sequence[str], default: str, place: DeltaGenerator, *, disabled: bool) -> str:
    return place.selectbox(title, options, index=options.index(default), disabled=disabled)
