"""Thresholds: what the sliders stand on, what each label's threshold is to reach, and where sliders stand unsaved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import SettingError
from tagger.labels.labelset import Label, find
from tagger.learning.bootstrap import ScoreIntervals
from tagger.learning.calibration import Calibration, calibration
from tagger.learning.goals import AtMostPerMonth, BestF, Goal, Solution, parse_goal
from tagger.learning.metrics import LabelScore, Summary, score_labels, summarize
from tagger.learning.step_curve import StepCurve, step_curves
from tagger.learning.thresholds import MIN_POSITIVE_GROUPS, apply_thresholds, cut_by_others, positive_groups
from tagger.learning.uncertainty import Bands, Uncertainty
from tagger.services import flips as flipping
from tagger.services.evidence import Evidence, gather, measured_on
from tagger.services.flips import Flips
from tagger.services.reach import Pairs, Reach, Shown
from tagger.services.scores import described
from tagger.services.store import Store
from tagger.services.threshold_versions import check, in_use
from tagger.services.view import View
from tagger.storage import runs
from tagger.storage.runs import Bundle

RECOMMENDED = "recommended"  # the goal of every label that was given no other: what the run was trained with
_UNSEEN_FOLDS = 5  # rows that the run never saw are divided into as many

_Matrix = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Board:
    """What sliders stand on; made once, and again when a verdict is given, or rows or the run change.

    Attributes
    ----------
    curves : one per label of the evidence.
    n_groups : int64 (n_labels,), different descriptions that have the label.
    """

    bundle: Bundle
    evidence: Evidence
    labels: tuple[Label, ...]
    curves: list[StepCurve]
    n_groups: NDArray[np.int64]
    uncertainty: Uncertainty

    @cached_property
    def bands(self) -> Bands:
        return self.uncertainty.bands()

    @cached_property
    def calibrations(self) -> list[Calibration]:
        evidence = self.evidence
        return [
            calibration(evidence.y_true[rows, place], evidence.y_prob[rows, place], evidence.groups[rows])
            for place, rows in enumerate(evidence.judged.T)
        ]

    @cached_property
    def _folds(self) -> NDArray[np.int64]:
        """Folds as they were in training; rows that the run never saw have folds of their own, by description."""
        unseen = self.evidence.folds.max(initial=-1) + 1 + self.evidence.groups % _UNSEEN_FOLDS
        return np.where(self.evidence.folds < 0, unseen, self.evidence.folds)

    @cached_property
    def _held_out(self) -> dict[tuple[int, str], tuple[_Matrix, LabelScore]]:
        return {}

    def held_out(self, place: int, goal: str, solution: Solution) -> tuple[_Matrix, LabelScore]:
        """What each row is given where the goal chose the threshold without it, bool (n_rows,); and how that scores.

        A goal that asks no verdict chose it without any row: `solution` is then what all are cut at.
        """
        parsed = _read(goal)
        if isinstance(parsed, AtMostPerMonth):
            return self._scored(place, apply_thresholds(self._column(place)[1], [solution.threshold]))
        if (place, goal) not in self._held_out:
            if parsed is None:
                y_pred = self.evidence.y_pred[:, place : place + 1]
            else:
                y_pred = cut_by_others(parsed, *self._column(place), self._folds)
            self._held_out[place, goal] = self._scored(place, y_pred)
        return self._held_out[place, goal]

    def _scored(self, place: int, y_pred: _Matrix) -> tuple[_Matrix, LabelScore]:
        y_true, _, judged = self._column(place)
        (score,) = score_labels(y_true, y_pred, judged)
        return y_pred[:, 0], score

    def _column(self, place: int) -> tuple[_Matrix, NDArray[np.float32], _Matrix]:
        """One label's truth, probabilities and which are judged, each of shape (n_rows, 1)."""
        column = slice(place, place + 1)
        return self.evidence.y_true[:, column], self.evidence.y_prob[:, column], self.evidence.judged[:, column]


@dataclass(frozen=True)
class LabelTuning:
    """One label's slider.

    Attributes
    ----------
    saved, draft : the threshold in use, and where the slider stands.
    goal, saved_goal : what it is to reach, as `parse_goal` reads it, or RECOMMENDED; and what it was saved with.
    solution : where it reaches that; None where these rows cannot say.
    best_f1 : the peak of the curve that is drawn; None where there is too little to tune on.
    held_out_f1 : where the goal chose the threshold without the rows that are cut at it; None where it chose none.
    given, given_saved : how many transactions the model gives it where the slider stands, and as saved.
    note : why it is not tuned, or does not reach its goal; "" where it does.
    """

    label: Label
    saved: float
    draft: float
    goal: str
    saved_goal: str
    solution: Solution | None
    best_f1: float | None
    held_out_f1: float | None
    given: int
    given_saved: int
    note: str

    @property
    def at_goal(self) -> bool:
        return self.solution is not None and self.draft == self.solution.threshold


@dataclass(frozen=True)
class Panel:
    """All sliders of the current run.

    Attributes
    ----------
    board, reach : what curves and counts are drawn from; None where there is nothing to draw.
    intervals : at the sliders.
    held_out : scores of the sliders with each row cut at thresholds that were chosen without it. Labels that were moved
        by hand are cut where they stand; `n_by_hand` counts them.
    has_new_goals : a label was given another goal than it was saved with.
    saved_everywhere : float64, the thresholds in use of all labels of the store; NaN where no model knows one.
    shown_saved, shown : what all transactions show at these, and at the sliders.
    unknown : the labels that the run does not know yet.
    """

    run_id: str
    version_id: int | None
    labels: tuple[LabelTuning, ...]
    n_transactions: int
    measured_on: str
    unknown: tuple[str, ...]
    board: Board | None = None
    reach: Reach | None = None
    intervals: ScoreIntervals | None = None
    held_out: Summary | None = None
    n_by_hand: int = 0
    has_new_goals: bool = False
    saved_everywhere: NDArray[np.float64] | None = None
    shown_saved: Shown | None = None
    shown: Shown | None = None

    @property
    def saved(self) -> dict[int, float]:
        return {each.label.id: each.saved for each in self.labels}

    @property
    def n_changed(self) -> int:
        """Sliders that stand elsewhere than what is saved."""
        return sum(each.draft != each.saved for each in self.labels)

    @property
    def drafts(self) -> dict[int, float]:
        return {each.label.id: each.draft for each in self.labels}


def board(store: Store, view: View) -> Board:
    """What the current run's sliders stand on."""

    def make() -> Board:
        bundle = store.bundle(view.tagging.run_id)
        evidence = gather(store, view, bundle)
        y_true, y_prob, judged, groups = evidence.y_true, evidence.y_prob, evidence.judged, evidence.groups
        return Board(
            bundle=bundle,
            evidence=evidence,
            labels=tuple(view.labels[column] for column in evidence.columns.tolist()),
            curves=step_curves(y_true, y_prob, judged),
            n_groups=positive_groups(y_true, judged, groups),
            uncertainty=Uncertainty(y_true, y_prob, judged, groups, seed=int(bundle.recipe.get("seed", 0))),
        )

    made_from = (view.columns, view.truth, view.labels, view.tagging.run_id, view.tagging.n_waiting)
    return store.derived("board", made_from, make)


def reach(store: Store, view: View) -> Reach:
    """Which transactions thresholds reach."""
    pairs = store.derived(
        "pairs", (view.columns, view.tagging.index), lambda: Pairs.of(view.columns, view.tagging.index)
    )
    probabilities = view.tagging.probabilities
    scores = store.derived("scores", (probabilities,), lambda: np.ascontiguousarray(probabilities.T))
    return store.derived("reach", (pairs, view.truth, view.labels, scores), lambda: Reach(view, pairs, scores))


def panel(store: Store) -> Panel:
    """The current run's sliders, with the rows that they are fairly measured on."""
    view = store.view()
    if not len(view.columns):
        return Panel(view.tagging.run_id, None, (), 0, "", ())
    its_board, its_reach = board(store, view), reach(store, view)
    bundle, evidence = its_board.bundle, its_board.evidence
    with store.db.read() as connection:
        draft = runs.draft(connection, bundle.run_id, store.settings.author)
    saved_goals, goals = goals_of(store, bundle)
    labels = []
    for place, (column, label) in enumerate(zip(evidence.columns.tolist(), its_board.labels, strict=True)):
        saved = float(view.tagging.thresholds[column])
        goal = goals.get(str(label.id), RECOMMENDED)
        solution = solve(its_board, its_reach, place, goal)
        why_not = _why_not_tuned(its_board, place)
        best = None if why_not else BestF().solve(its_board.curves[place])
        stands = float(draft.get(str(label.id), saved))
        labels.append(
            LabelTuning(
                label=label,
                saved=saved,
                draft=stands,
                goal=goal,
                saved_goal=saved_goals.get(str(label.id), RECOMMENDED),
                solution=solution,
                best_f1=None if best is None else best.threshold,
                held_out_f1=None if solution is None else its_board.held_out(place, goal, solution)[1].f1,
                given=its_reach.given(column, stands),
                given_saved=its_reach.given(column, saved),
                note=_note(goal, solution, why_not),
            )
        )
    drafts = np.array([each.draft for each in labels])
    known = set(evidence.columns.tolist())
    saved_everywhere = view.tagging.thresholds
    everywhere = saved_everywhere.copy()
    everywhere[evidence.columns] = drafts
    return Panel(
        run_id=bundle.run_id,
        version_id=view.tagging.threshold_version_id,
        labels=tuple(labels),
        n_transactions=int(evidence.rows.size),
        measured_on=measured_on(bundle.run_id),
        unknown=tuple(view.labels[column].name for column in sorted(set(range(len(view.labels))) - known)),
        board=its_board,
        reach=its_reach,
        intervals=its_board.uncertainty.at(drafts) if labels else None,
        held_out=_held_out(its_board, labels),
        n_by_hand=sum(each.solution is not None and not each.at_goal for each in labels),
        has_new_goals=any(each.goal != each.saved_goal for each in labels),
        saved_everywhere=saved_everywhere,
        shown_saved=store.derived(
            "shown as saved", (its_reach, saved_everywhere), lambda: its_reach.shown(saved_everywhere)
        ),
        shown=its_reach.shown(everywhere),
    )


def solve(its_board: Board, its_reach: Reach, place: int, goal: str) -> Solution | None:
    """Where a label reaches its goal; None where there is too little to tell."""
    parsed = _read(goal)
    if parsed is None:
        return Solution(its_board.bundle.thresholds[its_board.evidence.own_columns[place]])
    if isinstance(parsed, AtMostPerMonth):
        return its_reach.keep_to(int(its_board.evidence.columns[place]), parsed)
    if parsed.tunes and _why_not_tuned(its_board, place):
        return None
    return parsed.solve(its_board.curves[place])


def flips(store: Store, before: Mapping[int, float], after: Mapping[int, float]) -> Flips:
    """Transactions that would gain or lose a tag between two sets of thresholds, by label id."""
    view = store.view()
    return flipping.find(view, reach(store, view), board(store, view).evidence, before, after)


def move(
    store: Store, run_id: str, thresholds: Mapping[int, float], goals: Mapping[int, str] = MappingProxyType({})
) -> None:
    """Remember where moved sliders stand and what they are to reach, so that a reload or another page loses nothing.

    Labels that are given a goal and no threshold go where they reach it, as far as these rows can tell; others stay.

    Parameters
    ----------
    thresholds, goals : by label id

    Raises
    ------
    SettingError
        If a goal cannot be read or a threshold is none; nothing is kept then.
    """
    for value in thresholds.values():
        check(value)
    for goal in goals.values():
        _read(goal)
    moved = dict(thresholds)
    unsolved = {label_id: goal for label_id, goal in goals.items() if label_id not in thresholds}
    view = store.view()
    if unsolved and view.tagging.run_id == run_id:
        its_board, its_reach = board(store, view), reach(store, view)
        place_of = {label.id: place for place, label in enumerate(its_board.labels)}
        for label_id, goal in unsolved.items():
            solution = solve(its_board, its_reach, place_of[label_id], goal) if label_id in place_of else None
            if solution is not None:
                moved[label_id] = solution.threshold
    author = store.settings.author
    with store.db.write() as connection:
        draft = runs.draft(connection, run_id, author) | {str(key): value for key, value in moved.items()}
        given = runs.draft_goals(connection, run_id, author) | {str(key): goal for key, goal in goals.items()}
        runs.set_draft(connection, run_id, author, draft, given)


def goals_of(store: Store, bundle: Bundle) -> tuple[dict[str, str], dict[str, str]]:
    """What a run's thresholds are to reach, by label id as text: as saved, and with what was given since.

    Labels that are not there are to reach what is RECOMMENDED, and so are those whose saved goal cannot be read: it may
    come from a file.
    """
    with store.db.read() as connection:
        standing = runs.standing(connection, bundle.run_id)
        given = runs.draft_goals(connection, bundle.run_id, store.settings.author)
    saved = {} if standing is None else standing.goals or {}
    readable = {label_id: goal for label_id, goal in saved.items() if _is_goal(goal)}
    return readable, readable | given


def show(store: Store, run_id: str | None = None) -> dict[str, Any]:
    """A run's thresholds with what they score on its evidence."""
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    evidence = gather(store, view, bundle)
    values = in_use(store, bundle.run_id)
    thresholds = [values[column] for column in evidence.own_columns.tolist()]
    names = [view.labels[column].name for column in evidence.columns.tolist()]
    y_pred = apply_thresholds(evidence.y_prob, thresholds)
    return {
        "run_id": bundle.run_id,
        "measured_on": measured_on(bundle.run_id),
        "n_transactions": int(evidence.rows.size),
        **described(score_labels(evidence.y_true, y_pred, evidence.judged), names, thresholds),
    }


def set_draft(store: Store, name: str, value: float, run_id: str | None = None) -> dict[str, Any]:
    """Move one label's draft threshold, without using it yet.

    Raises
    ------
    SettingError
        If the label does not exist or the run does not know it, or the value is not between 0 and 1.
    """
    check(value)
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    label = _known(store, view, bundle, name)
    move(store, bundle.run_id, {label.id: value})
    return {"run_id": bundle.run_id, "label": label.name, "threshold": value, "saved": False}


def set_goal(store: Store, name: str, goal: str) -> dict[str, Any]:
    """Give a label of the current run a goal and move its draft threshold there, without using it yet.

    Raises
    ------
    SettingError
        If the run does not know the label, the goal cannot be read, or too little is judged to tell; nothing is kept
        then.
    """
    view = store.view()
    bundle = store.bundle(view.tagging.run_id)
    label = _known(store, view, bundle, name)
    goal = "".join(goal.casefold().split())
    its_board, its_reach = board(store, view), reach(store, view)
    place = its_board.labels.index(label)
    solution = solve(its_board, its_reach, place, goal)
    if solution is None:
        why = _note(goal, None, _why_not_tuned(its_board, place))
        raise SettingError(f"There is no threshold of {label.name!r} for this goal. {why}.", hint=_MORE)
    move(store, bundle.run_id, {}, {label.id: goal})
    return {
        "run_id": bundle.run_id,
        "label": label.name,
        "goal": goal,
        "threshold": solution.threshold,
        "reached": solution.reached,
        "nearest": solution.nearest,
        "saved": False,
    }


_MORE = "Review more transactions, or fix the threshold: fixed:0.5."


def _known(store: Store, view: View, bundle: Bundle, name: str) -> Label:
    label = find(view.labels, name)
    if label is None or store.label_columns(bundle, (label,)) == [-1]:
        raise SettingError(f"The run knows no label {name!r}.", hint="List its labels: tagger thresholds show.")
    return label


def _read(goal: str) -> Goal | AtMostPerMonth | None:
    """The goal as it is solved; None for RECOMMENDED."""
    return None if goal == RECOMMENDED else parse_goal(goal)


def _is_goal(text: str) -> bool:
    with suppress(SettingError):
        _read(text)
        return True
    return False


def _held_out(its_board: Board, labels: Sequence[LabelTuning]) -> Summary | None:
    if not labels:
        return None
    evidence = its_board.evidence
    y_pred = apply_thresholds(evidence.y_prob, [each.draft for each in labels])
    for place, each in enumerate(labels):
        if each.solution is not None and each.at_goal:
            y_pred[:, place] = its_board.held_out(place, each.goal, each.solution)[0]
    return summarize(score_labels(evidence.y_true, y_pred, evidence.judged))


def _why_not_tuned(its_board: Board, place: int) -> str:
    """Why verdicts cannot choose a threshold; "" where they can."""
    n_groups, curve = int(its_board.n_groups[place]), its_board.curves[place]
    if n_groups and not curve.is_two_sided:
        return "Nobody said no to it, so its precision and F1 cannot be known"
    if n_groups < MIN_POSITIVE_GROUPS:
        return f"n = {n_groups} different descriptions: too few to tune, kept as it is"
    return ""


def _note(goal: str, solution: Solution | None, why_not: str) -> str:
    parsed = _read(goal)
    if parsed is None or (not isinstance(parsed, AtMostPerMonth) and parsed.tunes and why_not):
        return why_not
    if solution is None:
        return "No transaction is left to suggest it for"
    if solution.reached or solution.nearest is None:
        return ""
    nearest = f"{solution.nearest:,.0f}" if isinstance(parsed, AtMostPerMonth) else f"{solution.nearest:.3f}"
    return f"{parsed.title} cannot be reached here; the nearest is {nearest}"
