"""A page with nothing but the threshold panel, on generated curves; the address says which.

`?labels=12&rows=310&name=…`: how many labels, their judged rows at most, and the second label's name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import streamlit as st

from tagger.learning.calibration import calibration
from tagger.learning.goals import AtMostPerMonth, BestF, Solution, parse_goal
from tagger.learning.step_curve import StepCurve, least_float32, step_curves
from tagger.learning.uncertainty import Uncertainty
from tagger.ui.components.operations import Outcome
from tagger.ui.components.threshold_panel import (
    Everywhere,
    HeldOutTotals,
    LabelCurve,
    LabelState,
    PanelState,
    Ranges,
    Scores,
    Step,
    threshold_panel,
)

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
N_CHANGING = 321  # transactions, as if Python had counted them
ALL_ROWS = 5  # times as many transactions as judged ones
MEASURED_ON = "out of fold: each transaction scored by a head that never saw its description"


@dataclass(frozen=True, eq=False)
class Made:
    """One label: its judged rows, and the probabilities of all transactions that the model decides."""

    id: int
    name: str
    color: str
    saved: float
    best: float | None
    note: str
    scores: np.ndarray
    truth: np.ndarray
    everywhere: np.ndarray

    @property
    def curve(self) -> StepCurve:
        (curve,) = step_curves(self.truth[:, None], self.scores[:, None], np.ones((self.truth.size, 1), dtype=bool))
        return curve

    def given(self, threshold: float) -> int:
        return int(np.count_nonzero(self.everywhere.astype(np.float64) >= threshold))

    def solve(self, goal: str) -> Solution | None:
        if goal == "recommended":
            return Solution(self.saved)
        parsed = parse_goal(goal)
        if isinstance(parsed, AtMostPerMonth):
            return parsed.solve([self.everywhere])
        return None if parsed.tunes and self.note else parsed.solve(self.curve)


def generated(n_labels: int, n_rows: int, name: str = "") -> list[Made]:
    """Labels from common to rare; scores have ties, as equal descriptions give equal probabilities."""
    labels = []
    for index in range(n_labels):
        rng = np.random.default_rng(index)
        judged = n_rows if index % 3 else n_rows - 10 * (index % 7)
        support = max(2, int(judged * 0.3 * 0.87**index)) if index != 5 else 0
        if index == 9:  # nobody said no
            support = judged
        truth = np.zeros(judged, dtype=bool)
        truth[:support] = True
        skill = 1.2 + (index * 7 % 11) / 5
        scores = 1 / (1 + np.exp(-(rng.normal(-1.6, 1, judged) + truth * rng.normal(skill, 1, judged))))
        scores = np.round(scores, 2 + index % 3).astype(np.float32)
        tuned = 10 <= support < judged
        saved = round(0.35 + 0.05 * (index % 5), 2) if tuned else DEFAULT
        made = Made(
            id=100 + index,
            name=name if name and index == 1 else _name(index),
            color=COLORS[index % len(COLORS)],
            saved=saved,
            best=None,
            note="" if tuned or support == judged else f"n = {support}: too few to tune, kept at {DEFAULT:.3f}",
            scores=scores,
            truth=truth,
            everywhere=rng.choice(scores, ALL_ROWS * n_rows),
        )
        best = BestF().solve(made.curve) if tuned else None
        labels.append(Made(**{**vars(made), "best": None if best is None else best.threshold}))
    return labels


def _name(index: int) -> str:
    return NAMES[index] if index < len(NAMES) else f"{NAMES[index % len(NAMES)]} {index // len(NAMES) + 1}"


def uncertainty(labels: list[Made]) -> Uncertainty:
    """All labels side by side; rows that a label does not have are not judged for it."""
    n_rows = max((label.truth.size for label in labels), default=0)
    y_true, judged = np.zeros((2, n_rows, len(labels)), dtype=bool)
    y_prob = np.zeros((n_rows, len(labels)), dtype=np.float32)
    for column, label in enumerate(labels):
        rows = slice(0, label.truth.size)
        y_true[rows, column], judged[rows, column], y_prob[rows, column] = label.truth, True, label.scores
    return Uncertainty(y_true, y_prob, judged, np.arange(n_rows), seed=0)


def untagged(labels: list[Made], thresholds: dict[int, float]) -> int:
    """Transactions that no label reaches, as if each row of all labels were one transaction."""
    if not labels:
        return 0
    reached = [label.everywhere.astype(np.float64) >= thresholds[label.id] for label in labels]
    return int(np.count_nonzero(~np.any(reached, axis=0)))


def curves(labels: list[Made], known: Uncertainty) -> list[LabelCurve]:
    if not labels:
        return []
    bands, found = known.bands(), []
    grid = least_float32(np.arange(1001) / 1000)
    has_it = [label.everywhere.astype(np.float64) >= label.saved for label in labels]
    n_tags = np.sum(has_it, axis=0)
    for place, label in enumerate(labels):
        alone = label.everywhere[n_tags - has_it[place] == 0]
        its = calibration(label.truth, label.scores, np.arange(label.truth.size))
        found.append(
            LabelCurve(
                id=label.id,
                scores=label.scores,
                truth=label.truth,
                steps=_reaching(label.everywhere, grid),
                alone=_reaching(alone, grid),
                edges=bands.edges[place],
                low=bands.low[:, place],
                high=bands.high[:, place],
                best=None if label.best is None else tuple(bands.best[place].tolist()),
                bins=its.bins,
                gap=its.gap,
                brier=its.brier,
            )
        )
    return found


def _reaching(scores: np.ndarray, grid: np.ndarray) -> np.ndarray:
    return (scores.size - np.searchsorted(np.sort(scores), grid)).astype(np.uint32)


def panel_state(
    labels: list[Made], known: Uncertainty, saved: dict, draft: dict, goals: dict, saved_goals: dict, version: int = 0
) -> PanelState:
    ends = known.at(np.array([draft[label.id] for label in labels])) if labels else None
    ranges = [] if ends is None else [Ranges(each.precision, each.recall, each.f1) for each in ends.labels]
    states = []
    for label, interval in zip(labels, ranges, strict=True):
        solution = label.solve(goals.get(label.id, "recommended"))
        states.append(
            LabelState(
                id=label.id,
                name=label.name,
                color=label.color,
                threshold=draft[label.id],
                saved=saved[label.id],
                goal=goals.get(label.id, "recommended"),
                saved_goal=saved_goals.get(label.id, "recommended"),
                target=None if solution is None else solution.threshold,
                best=label.best,
                note=label.note,
                given=label.given(draft[label.id]),
                given_saved=label.given(saved[label.id]),
                interval=interval,
                held_out=Scores(0.4, 0.6, 0.5),
            )
        )
    shown, before = (
        Everywhere(sum(label.given(at[label.id]) for label in labels), untagged(labels, at)) for at in (draft, saved)
    )
    return PanelState(
        labels=states,
        measured_on=MEASURED_ON,
        n_rows=labels[0].everywhere.size if labels else 0,
        shown=shown,
        shown_saved=before,
        micro=Ranges() if ends is None else Ranges(ends.micro.precision, ends.micro.recall, ends.micro.f1),
        macro=Ranges() if ends is None else Ranges(ends.macro.precision, ends.macro.recall, ends.macro.f1),
        held_out=HeldOutTotals(0.6, 0.5, 1),
        held_out_saved=HeldOutTotals(0.7, 0.4, 0),
        version=version,
        n_changing=N_CHANGING,
    )


def main() -> None:
    st.set_page_config(page_title="Thresholds", layout="wide")
    asked, state = st.query_params, st.session_state
    if "labels" not in state:
        state.labels = generated(int(asked.get("labels", "12")), int(asked.get("rows", "310")), asked.get("name", ""))
        state.known = uncertainty(state.labels)
        state.saved_thresholds = {label.id: label.saved for label in state.labels}
        state.draft, state.goals, state.saved_goals = dict(state.saved_thresholds), {}, {}
        state.runs = state.commits = 0
        state.notes, state.taken = [], set()
    state.runs += 1
    by_id = {label.id: label for label in state.labels}

    def take(steps: list[Step]) -> Outcome:
        for step in steps:
            if step.operation in state.taken:
                continue
            state.taken.add(step.operation)
            state.commits += 1
            thresholds = dict(step.thresholds)
            for number, goal in step.goals.items():
                state.goals[number] = goal
                solution = by_id[number].solve(goal)
                if solution is not None:
                    thresholds.setdefault(number, solution.threshold)
            state.draft |= thresholds
            if step.save is not None:
                state.saved_thresholds, state.saved_goals = dict(state.draft), dict(state.goals)
                state.notes.append(step.save.note)
        return Outcome([step.operation for step in steps])

    def discard() -> None:
        state.draft, state.goals = dict(state.saved_thresholds), dict(state.saved_goals)

    def move_elsewhere() -> None:
        state.draft[101] = 0.7

    st.title("Thresholds")
    threshold_panel(
        (state.labels,),
        lambda: curves(state.labels, state.known),
        lambda: panel_state(
            state.labels,
            state.known,
            state.saved_thresholds,
            state.draft,
            state.goals,
            state.saved_goals,
            len(state.notes),
        ),
        key="panel",
        on_steps=take,
    )
    st.button("Discard draft", on_click=discard)
    st.button("Another window moves tag 101", on_click=move_elsewhere)
    told = {name: state[name] for name in ("runs", "commits", "draft", "goals", "notes")}
    st.code(json.dumps(told | {"saved": state.saved_thresholds}))


if __name__ == "__main__":
    main()
