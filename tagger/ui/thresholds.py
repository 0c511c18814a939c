"""The Thresholds page: sliders, and the transactions that saving them would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeVar

import streamlit as st

from tagger.errors import TaggerError
from tagger.learning.bootstrap import PRFIntervals
from tagger.learning.metrics import LabelScore
from tagger.services import review, threshold_saving, tuning
from tagger.services.board import HeldOut
from tagger.services.flips import GROUPS, Flips
from tagger.services.threshold_saving import Seen
from tagger.services.threshold_versions import AS_TRAINED
from tagger.services.tuning import LabelTuning, Panel
from tagger.storage.runs import STARTER
from tagger.ui.components.flip_list import FlipRow, flip_list, wanted
from tagger.ui.components.operations import Operation, Outcome
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
from tagger.ui.messages import escape
from tagger.ui.session import Session
from tagger.ui.widgets import GET_STARTED, empty

T = TypeVar("T")


def sliders(session: Session, panel: Panel, flips: Flips) -> None:
    """The panel; what is done there is on disk before the page runs again."""
    threshold_panel(
        (panel.board, panel.reach),
        lambda: _curves(panel),
        lambda: _state(panel, flips),
        key="panel",
        on_steps=partial(_take, session, panel),
    )


def _take(session: Session, panel: Panel, steps: Sequence[Step]) -> Outcome:
    """Store what was done, each step for itself: one that is refused takes no other with it."""
    known = {each.label.id for each in panel.labels}

    def of_known(part: Mapping[int, T]) -> dict[int, T]:
        return {label_id: value for label_id, value in part.items() if label_id in known}

    done, failed = [], {}
    for step in steps:
        try:
            if step.save is None:
                tuning.move(
                    session.store,
                    panel.run_id,
                    of_known(step.thresholds),
                    of_known(step.goals),
                    step=step.operation,
                    in_use_only=True,
                )
            else:
                seen = Seen(step.save.version, of_known(step.save.thresholds), of_known(step.save.goals))
                threshold_saving.save_draft(
                    session.store, note=step.save.note, run_id=panel.run_id, seen=seen, step=step.operation
                )
            done.append(step.operation)
        except TaggerError as error:
            failed[step.operation] = f"{error} {error.hint}".strip()
    return Outcome(done, failed)


def _curves(panel: Panel) -> list[LabelCurve]:
    board, reach = panel.board, panel.reach
    if board is None or reach is None or panel.saved_everywhere is None:
        return []
    columns = board.evidence.columns
    alone = reach.alone_at_steps(panel.saved_everywhere)[columns]
    steps, bands = reach.at_steps[columns], board.bands
    return [
        LabelCurve(
            id=label.id,
            scores=curve.scores,
            truth=curve.truth,
            steps=steps[place],
            alone=alone[place],
            edges=bands.edges[place],
            low=bands.low[:, place],
            high=bands.high[:, place],
            best=None if each.best_f1 is None else tuple(bands.best[place].tolist()),
            bins=calibration.bins,
            gap=calibration.gap,
            brier=calibration.brier,
        )
        for place, (label, each, curve, calibration) in enumerate(
            zip(board.labels, panel.labels, board.curves, board.calibrations, strict=True)
        )
    ]


def _state(panel: Panel, flips: Flips) -> PanelState:
    intervals, intervals_saved = panel.intervals, panel.intervals_saved
    shown, saved = (
        Everywhere(0, 0) if each is None else Everywhere(each.n_tags, each.n_untagged)
        for each in (panel.shown, panel.shown_saved)
    )
    return PanelState(
        labels=[_label(panel, place, each) for place, each in enumerate(panel.labels)],
        measured_on=panel.measured_on,
        n_rows=0 if panel.reach is None else panel.reach.n_rows,
        shown=shown,
        shown_saved=saved,
        micro=Ranges() if intervals is None else _ranges(intervals.micro),
        macro=Ranges() if intervals is None else _ranges(intervals.macro),
        micro_saved=Ranges() if intervals_saved is None else _ranges(intervals_saved.micro),
        macro_saved=Ranges() if intervals_saved is None else _ranges(intervals_saved.macro),
        held_out=_held_out(panel.held_out),
        held_out_saved=_held_out(panel.held_out_saved),
        version=panel.version_id or AS_TRAINED,
        n_changing=flips.n_transactions,
    )


def _held_out(scores: HeldOut | None) -> HeldOutTotals | None:
    return None if scores is None else HeldOutTotals(scores.scores.micro.f1, scores.scores.macro.f1, scores.n_by_hand)


def _scores(score: LabelScore | None) -> Scores | None:
    return None if score is None else Scores(score.precision, score.recall, score.f1)


def _label(panel: Panel, place: int, each: LabelTuning) -> LabelState:
    return LabelState(
        id=each.label.id,
        name=each.label.name,
        color=each.label.color,
        threshold=each.draft,
        saved=each.saved,
        goal=each.goal,
        saved_goal=each.saved_goal,
        target=None if each.solution is None else each.solution.threshold,
        best=each.best_f1,
        note=each.note,
        given=each.given,
        given_saved=each.given_saved,
        interval=Ranges() if panel.intervals is None else _ranges(panel.intervals.labels[place]),
        answered=each.answered,
        held_out=_scores(each.held_out),
    )


def _ranges(intervals: PRFIntervals) -> Ranges:
    return Ranges(intervals.precision, intervals.recall, intervals.f1)


def nothing_to_tune(panel: Panel) -> None:
    """Why there is no number yet, where there is none."""
    if not panel.labels:
        if panel.reach is None:
            empty("Nothing to tune yet", "Thresholds decide which tags transactions show.", *GET_STARTED)
        unknown = "The run in use knows none of your tags. Review some transactions, then train a run of your own."
        empty("Nothing to tune yet", unknown, ("Review", "pages/review.py"), ("Train", "pages/train.py"))
    if not panel.n_transactions:
        st.info(
            "Nothing to measure on yet: the starter is not scored on what it learned from. "
            "Train a run of your own, or review transactions whose descriptions the starter never saw.",
            icon=":material/info:",
        )


def below_sliders(panel: Panel) -> None:
    """Why the numbers differ from those on Train, and the tags that the run in use has not learned yet."""
    if panel.n_transactions and panel.run_id != STARTER:
        st.caption(
            "These scores can differ from those on the Train page: there each row is scored at thresholds that it did "
            "not help to choose, and rows reviewed since the training are left out."
        )
    if panel.labels and panel.unknown:
        names = ", ".join(panel.unknown[:10]) + (" …" if len(panel.unknown) > 10 else "")
        st.caption(f"Not learned yet, so without a slider: {escape(names)}. Train a run that knows them.")


def find_flips(session: Session, panel: Panel) -> Flips:
    """What saving would change, with as many groups as people asked to see."""
    n_most = wanted("flips", _listing(panel), default=GROUPS)
    return tuning.flips(session.store, panel.saved, panel.drafts, n_most)


def changes(session: Session, panel: Panel, flips: Flips) -> None:
    """The transactions that move with the sliders, to look at and to judge.

    Judged here, a row moves the curves: what is drawn is always of the verdicts of now.
    """
    flip_list(
        [
            FlipRow(
                kind=flip.kind,
                label_id=flip.label.id,
                label_name=flip.label.name,
                label_color=flip.label.color,
                gains=flip.gains,
                description=flip.description,
                count=flip.count,
                probability=flip.probability,
                transactions=flip.transaction_ids,
            )
            for flip in flips.groups
        ],
        listing=_listing(panel),
        totals={"open": flips.n_gained + flips.n_lost, "right": flips.n_right, "wrong": flips.n_wrong},
        key="flips",
        on_operations=partial(_judge, session),
    )


def _listing(panel: Panel) -> str:
    """What the list is of: the same words while sliders stand."""
    spans = [(each.label.id, each.saved, each.draft) for each in panel.labels if each.draft != each.saved]
    return f"{panel.run_id} {spans}"


def _judge(session: Session, operations: Sequence[Operation]) -> Outcome:
    return Outcome(*review.apply(session.store, [{**each, "reason": review.FLIP} for each in operations]))
