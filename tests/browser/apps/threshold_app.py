"""A page with nothing but the threshold panel, on generated curves; the address says which.

`?labels=12&rows=310&name=…`: how many labels, their judged rows at most, and the second label's name.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import streamlit as st

from tagger.ui.components.threshold_panel import PanelLabel, threshold_panel

NAMES = [
    "groceries",
    "eating out",
    "fuel",
    "rent",
    "payroll",
    "subscription",
    "recurring",
    "online",
    "transfer",
    "bank fee",
    "refund",
    "cash",
    "income",
    "tax-deductible",
    "business",
    "utilities",
    "insurance",
    "travel",
    "public transport",
    "pharmacy",
    "clothing",
    "household",
    "gifts",
    "charity",
    "interest",
    "mortgage",
    "parking",
    "hobbies",
    "pets",
    "software and other digital services",
]
COLORS = ("green", "orange", "blue", "violet", "red", "yellow", "gray")
DEFAULT = 0.5


def best_f1(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the threshold midway below the score that gives the best F1."""
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order].astype(float), np.cumsum(truth[order])
    given = np.arange(1, ranked.size + 1)
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    f1 = np.where(last_of_tie, 2 * right / (given + truth.sum()), -1)
    at = int(f1.argmax())
    below = ranked[at + 1] if at + 1 < ranked.size else 0.0
    return float((ranked[at] + below) / 2)


def generated(n_labels: int, n_rows: int, name: str = "") -> list[PanelLabel]:
    """Labels from common to rare; scores have ties, as equal descriptions give equal probabilities."""
    labels = []
    for index in range(n_labels):
        rng = np.random.default_rng(index)
        judged = n_rows if index % 3 else n_rows - 10 * (index % 7)
        support = max(2, int(judged * 0.3 * 0.87**index)) if index != 5 else 0
        truth = np.zeros(judged, dtype=bool)
        if index == 9:  # nobody said no
            support = judged
        truth[:support] = True
        skill = 1.2 + (index * 7 % 11) / 5
        scores = 1 / (1 + np.exp(-(rng.normal(-1.6, 1, judged) + truth * rng.normal(skill, 1, judged))))
        scores = np.round(scores, 2 + index % 3).astype(np.float32)
        tuned = 10 <= support < judged
        saved = round(0.35 + 0.05 * (index % 5), 2) if tuned else DEFAULT
        labels.append(
            PanelLabel(
                id=100 + index,
                name=name if name and index == 1 else _name(index),
                color=COLORS[index % len(COLORS)],
                threshold=saved,
                saved=saved,
                optimum=best_f1(scores, truth) if tuned else None,
                tuned=tuned,
                note="" if tuned or support == judged else f"n = {support}: too few to tune, kept at {DEFAULT:.3f}",
                scores=scores,
                truth=truth,
            )
        )
    return labels


def _name(index: int) -> str:
    return NAMES[index] if index < len(NAMES) else f"{NAMES[index % len(NAMES)]} {index // len(NAMES) + 1}"


def main() -> None:
    st.set_page_config(page_title="Thresholds", layout="wide")
    asked, state = st.query_params, st.session_state
    labels = generated(int(asked.get("labels", "12")), int(asked.get("rows", "310")), asked.get("name", ""))
    state.runs = state.get("runs", 0) + 1
    saved = state.setdefault("saved_thresholds", {label.id: label.saved for label in labels})
    draft = state.setdefault("draft", dict(saved))

    def keep(thresholds: dict[int, float]) -> None:
        state.commits = state.get("commits", 0) + 1
        state.draft = thresholds

    def save() -> None:
        state.saved_thresholds = dict(state.draft)

    def discard() -> None:
        state.draft = dict(state.saved_thresholds)

    st.title("Thresholds")
    chosen = threshold_panel(
        [replace(label, threshold=draft[label.id], saved=saved[label.id]) for label in labels],
        measured_on="out of fold: each transaction scored by a head that never saw its description",
        key="panel",
        on_commit=keep,
    )
    with st.container(horizontal=True):
        st.button("Save thresholds", on_click=save)
        st.button("Discard draft", on_click=discard)
    st.code(json.dumps({"runs": state.runs, "commits": state.get("commits", 0), "draft": draft, "chosen": chosen}))


if __name__ == "__main__":
    main()
