"""The threshold panel: one slider and one chart per label, drawn by the browser while it is dragged.

Python sends every label's scores and truth once, and the scripts beside this file count from them, so the numbers under
the pointer are the ones Python would compute. The server hears of a drag when it is released. What changes with each
commit (thresholds in use, goals, intervals) comes through a second, invisible component, so that the curves, megabytes
with many labels, stay where they are.
"""

from __future__ import annotations

import json
import math
import re
import struct
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from tagger.learning.calibration import Bin
from tagger.ui.components import BASE_STYLE, DEPARTURE, OUTBOX
from tagger.ui.components.operations import Operation, Outcome, answer, catch_up, receive

_HERE = Path(__file__).parent
# One module in several files: each uses what the ones before it define.
_NAMES = ("numbers", "dom", "goals", "chart", "card", "totals", "tools", "save_bar", "panel")
SCRIPTS = (DEPARTURE, OUTBOX, *(_HERE / f"{name}.js" for name in _NAMES))

_mount = st.components.v2.component(
    "transaction_tagger.threshold_panel",
    css="\n".join(path.read_text(encoding="utf-8") for path in (BASE_STYLE, _HERE / "threshold_panel.css")),
    js="\n".join(path.read_text(encoding="utf-8") for path in SCRIPTS),
)
_mount_news = st.components.v2.component(
    "transaction_tagger.threshold_news", js=(_HERE / "news.js").read_text(encoding="utf-8")
)

MAX_STEP_ID = 64  # characters
UNREADABLE = "This step cannot be read. Reload the page and try again."
_LABEL_ID = re.compile(r"[0-9]{1,18}")
NOTE_LENGTH = 500  # characters, as in the field

Ends = tuple[float, float]


@dataclass(frozen=True, eq=False)
class LabelCurve:
    """What one card draws.

    Attributes
    ----------
    scores, truth : float32 and bool (n_judged,), the judged rows' probabilities and verdicts, in any order.
    steps : uint32 (1001,), how many transactions the model gives the label at thresholds 0, 0.001, … 1.
    alone : uint32 (1001,), how many of them have no other tag.
    edges, low, high : float (n_edges,), (3, n_edges), (3, n_edges): where precision, recall and F1 lie; NaN undefined.
    best : between which thresholds the best F1 lies; None where there is none.
    bins, gap, brier : as in `learning.calibration`.
    """

    id: int
    scores: npt.NDArray[np.float32]
    truth: npt.NDArray[np.bool_]
    steps: npt.NDArray[np.uint32]
    alone: npt.NDArray[np.uint32]
    edges: npt.NDArray[np.float32]
    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    best: Ends | None = None
    bins: Sequence[Bin] = ()
    gap: float | None = None
    brier: float | None = None


@dataclass(frozen=True)
class Ranges:
    """95 % intervals of precision, recall and F1; None where undefined."""

    precision: Ends | None = None
    recall: Ends | None = None
    f1: Ends | None = None


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1; None where undefined."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class HeldOutTotals:
    """F1 of all labels with each row cut at thresholds chosen without it.

    `by_hand` counts the labels that stand elsewhere than their goals, and are cut where they stand.
    """

    micro: float | None
    macro: float | None
    by_hand: int


@dataclass(frozen=True)
class LabelState:
    """Where one slider stands, and what it is to reach.

    Attributes
    ----------
    color : one of Streamlit's names: red, orange, yellow, blue, green, violet, gray.
    threshold, saved : the working value, and the one in force.
    goal, saved_goal : what it is to reach, as written for `learning.goals`, and what it was saved with.
    target : where it reaches its goal; None where nothing can tell.
    best : the threshold with the best F1 on the curve; None where there is too little to tune on.
    note : why it is not tuned, or does not reach its goal.
    given, given_saved : how many transactions the model gives it at both thresholds; `answered` counts those that show
        it whatever the model says.
    interval : at the working value; held_out : where the goal chose without the rows that it is measured on.
    """

    id: int
    name: str
    color: str
    threshold: float
    saved: float
    goal: str = "recommended"
    saved_goal: str = "recommended"
    target: float | None = None
    best: float | None = None
    note: str = ""
    given: int = 0
    given_saved: int = 0
    answered: int = 0
    interval: Ranges = Ranges()
    held_out: Scores | None = None


@dataclass(frozen=True)
class Everywhere:
    """What all transactions show: tags, and rows without any."""

    tags: int
    untagged: int


@dataclass(frozen=True)
class PanelState:
    """What changes with each commit.

    Attributes
    ----------
    labels : in the order of the curves.
    measured_on : where the scores come from, such as "out-of-fold"; shown beside the totals.
    micro, macro : intervals of the totals at the working thresholds.
    held_out, shown : at the working thresholds, of `n_rows` transactions.
    micro_saved, macro_saved, held_out_saved, shown_saved : at those in use.
    version : the number of the thresholds in use; 0 as trained.
    n_changing : transactions that would show other tags if the working thresholds were saved.
    """

    labels: Sequence[LabelState]
    measured_on: str
    n_rows: int
    shown: Everywhere
    shown_saved: Everywhere
    micro: Ranges = Ranges()
    macro: Ranges = Ranges()
    micro_saved: Ranges = Ranges()
    macro_saved: Ranges = Ranges()
    held_out: HeldOutTotals | None = None
    held_out_saved: HeldOutTotals | None = None
    version: int = 0
    n_changing: int = 0


@dataclass(frozen=True)
class Save:
    """Save everything up to here, if it is what the person saw.

    Attributes
    ----------
    version : the one in use.
    thresholds : by label id, those that differ from it; None where Python was still to solve the label's goal.
    goals : by label id, those that differ from the version's.
    """

    note: str
    version: int
    thresholds: Mapping[int, float | None]
    goals: Mapping[int, str]


@dataclass(frozen=True)
class Step:
    """What a person did at once: sliders moved and goals given, by label id, or all of it saved.

    Labels with a goal and no threshold go where they reach it.
    """

    operation: str
    thresholds: Mapping[int, float]
    goals: Mapping[int, str]
    save: Save | None = None


@dataclass
class _Memory:
    """What a tab's browser was sent under one key."""

    made_from: tuple[object, ...]
    digest: str
    body: bytes
    number: int = 0


def threshold_panel(
    made_from: tuple[object, ...],
    curves: Callable[[], Sequence[LabelCurve]],
    state: Callable[[], PanelState],
    *,
    key: str,
    on_steps: Callable[[Sequence[Step]], Outcome],
) -> None:
    """Show the panel; numbers move while a slider is dragged, and release commits.

    Parameters
    ----------
    made_from : what the curves were made from. As long as these are the same objects, the browser keeps what it has.
    curves, state : asked for what to draw, after `on_steps` has run.
    key : the component's key; two panels on a page need two.
    on_steps : called with what a person did, before the page runs again. Steps taken before come again until the
        browser has seen their answer: take each once, acknowledge it every time.

    Raises
    ------
    ValueError
        If curves and states are not of the same labels, scores and truth of a label differ in shape, or a score or
        threshold is not a number from 0 to 1.
    """
    memory = _memory(made_from, curves, key)

    def take(sent: Sequence[Operation]) -> Outcome:
        steps = {str(each["operation"]): read_step(each) for each in sent}
        outcome = on_steps([step for step in steps.values() if step is not None])
        return Outcome(
            outcome.acknowledged, {**outcome.failed, **{id_: UNREADABLE for id_, step in steps.items() if step is None}}
        )

    result = _mount(key=key, data=memory.body, on_operations_change=lambda: receive(key, take))
    catch_up(result, key, take)
    memory.number += 1
    _mount_news(
        key=f"{key}:news",
        data=state_data(state(), key=key, digest=memory.digest, number=memory.number, answered=answer(key)),
    )


def read_step(sent: Operation) -> Step | None:
    """What of a step can be believed; None where not even what was asked for. It comes from a browser."""
    operation, save = str(sent["operation"]), _save(sent.get("save"))
    if len(operation) > MAX_STEP_ID or ("save" in sent and save is None):
        return None
    return Step(operation, _thresholds(sent), _goals(sent), save)


def _save(asked: object) -> Save | None:
    if (
        not isinstance(asked, Mapping)
        or type(asked.get("version")) is not int
        or not isinstance(asked.get("note"), str)
    ):
        return None
    unsolved = dict.fromkeys((label_id for label_id, value in _part(asked, "set") if value is None))
    return Save(asked["note"][:NOTE_LENGTH], asked["version"], _thresholds(asked) | unsolved, _goals(asked))


def _thresholds(entry: Mapping[str, Any]) -> dict[int, float]:
    return {label_id: float(value) for label_id, value in _part(entry, "set") if _is_share(value)}


def _goals(entry: Mapping[str, Any]) -> dict[int, str]:
    return {label_id: value for label_id, value in _part(entry, "goals") if isinstance(value, str)}


def _part(entry: Mapping[str, Any], name: str) -> list[tuple[int, Any]]:
    part = entry.get(name)
    return (
        [(int(key), value) for key, value in part.items() if _LABEL_ID.fullmatch(str(key))]
        if isinstance(part, Mapping)
        else []
    )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _memory(made_from: tuple[object, ...], curves: Callable[[], Sequence[LabelCurve]], key: str) -> _Memory:
    memory: _Memory | None = st.session_state.get(f"{key}:memory")
    if memory is None:
        memory = st.session_state[f"{key}:memory"] = _Memory((), "", b"")
    if not memory.digest or any(one is not other for one, other in zip(memory.made_from, made_from, strict=False)):
        memory.made_from, memory.digest = made_from, uuid.uuid4().hex
        memory.body = pack_curves(curves(), key=key, digest=memory.digest)
    return memory


def pack_curves(labels: Sequence[LabelCurve], *, key: str, digest: str) -> bytes:
    """Pack what is drawn: the length of a header as uint32, the header as JSON padded to 4 bytes, then arrays.

    These are, each for all labels: scores, descending; steps; alone; edges, low and high; and one bit of truth per
    score.

    Raises
    ------
    ValueError
        If scores and truth of a label differ in shape, or a score is not a number from 0 to 1.
    """
    header = {
        "key": key,
        "digest": digest,
        "labels": [
            {
                "id": label.id,
                "judged": int(label.truth.size),
                "edges": int(label.edges.size),
                "best": label.best,
                "bins": [asdict(each) for each in label.bins],
                "gap": label.gap,
                "brier": label.brier,
            }
            for label in labels
        ],
    }
    scores, truths = [], []
    for label in labels:
        if label.scores.ndim != 1 or label.scores.shape != label.truth.shape:
            raise ValueError(f"scores {label.scores.shape} and truth {label.truth.shape} of label {label.id} differ")
        if not bool(np.all((label.scores >= 0) & (label.scores <= 1))):
            raise ValueError(f"label {label.id} has scores outside 0 to 1")
        order = np.argsort(-label.scores, kind="stable")
        scores.append(label.scores[order].astype("<f4").tobytes())
        truths.append(np.packbits(label.truth[order].astype(np.bool_)).tobytes())
    text = json.dumps(header, ensure_ascii=False, allow_nan=False).encode()
    padded = text.ljust(4 * math.ceil(len(text) / 4))
    counts = [
        each.astype("<u4").tobytes() for name in ("steps", "alone") for each in (getattr(x, name) for x in labels)
    ]
    bands = [each.astype("<f4").tobytes() for label in labels for each in (label.edges, label.low, label.high)]
    return b"".join([struct.pack("<I", len(padded)), padded, *scores, *counts, *bands, *truths])


def state_data(state: PanelState, *, key: str, digest: str, number: int, answered: Mapping[str, Any]) -> dict[str, Any]:
    """The state in the shape that the component reads (plain JSON types), with what became of the last steps.

    Raises
    ------
    ValueError
        If two labels share an id, or a threshold is not a number from 0 to 1.
    """
    if len({label.id for label in state.labels}) != len(state.labels):
        raise ValueError("two labels share an id")
    for label in state.labels:
        values = (label.threshold, label.saved, label.target, label.best)
        if not all(_is_share(value) for value in values if value is not None):
            raise ValueError(f"label {label.id} has a threshold outside 0 to 1")
    return {
        "key": key,
        "digest": digest,
        "number": number,
        **answered,
        "measuredOn": state.measured_on,
        "nRows": state.n_rows,
        "shown": asdict(state.shown),
        "shownSaved": asdict(state.shown_saved),
        "intervals": {"micro": asdict(state.micro), "macro": asdict(state.macro)},
        "intervalsSaved": {"micro": asdict(state.micro_saved), "macro": asdict(state.macro_saved)},
        "heldOut": state.held_out and asdict(state.held_out),
        "heldOutSaved": state.held_out_saved and asdict(state.held_out_saved),
        "version": state.version,
        "nChanging": state.n_changing,
        "labels": [
            {
                "id": label.id,
                "name": label.name,
                "color": label.color,
                "threshold": float(label.threshold),
                "saved": float(label.saved),
                "goal": label.goal,
                "savedGoal": label.saved_goal,
                "target": label.target,
                "best": label.best,
                "note": label.note,
                "given": label.given,
                "givenSaved": label.given_saved,
                "interval": asdict(label.interval),
                "answered": label.answered,
                "heldOut": label.held_out and asdict(label.held_out),
            }
            for label in state.labels
        ],
    }
