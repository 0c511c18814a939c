"""Thresholds: what the sliders stand on, what each label's threshold is to reach, and where sliders stand unsaved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import MovedMeanwhileError, SettingError
from tagger.labels.labelset import Label, find
from tagger.learning.bootstrap import ScoreIntervals
from tagger.learning.goals import Solution
from tagger.learning.metrics import LabelScore, score_labels
from tagger.learning.thresholds import apply_thresholds
from tagger.services import flips as flipping
from tagger.services.board import RECOMMENDED, Board, HeldOut, board, reach, read_goal, readable
from tagger.services.evidence import gather, measured_on
from tagger.services.flips import Flips
from tagger.services.reach import Reach, Shown
from tagger.services.scores import described
from tagger.services.store import Store, now
from tagger.services.threshold_saving import check
from tagger.services.threshold_versions import thresholds_of
from tagger.services.view import View
from tagger.storage import runs
from tagger.storage.runs import Bundle


@dataclass(frozen=True)
class LabelTuning:
    """One label's slider.

    Attributes
    ----------
    saved, draft : the threshold in use, and where the slider stands.
    goal, saved_goal : what it is to reach, as `parse_goal` reads it, or RECOMMENDED; and what it was saved with.
    solution, saved_solution : where it reaches these; None where nothing can say.
    best_f1 : the peak of the curve that is drawn; None where there is too little to tune on.
    held_out : where the goal chose the threshold without the rows that are cut at it; None where it chose none.
    given, given_saved : how many transactions the model gives it where the slider stands, and as saved; `answered`
        counts those that show it whatever the model says, since people or memory answer.
    note : why it is not tuned, or does not reach its goal; "" where it does.
    """

    label: Label
    saved: float
    draft: float
    goal: str
    saved_goal: str
    solution: Solution | None
    saved_solution: Solution | None
    best_f1: float | None
    held_out: LabelScore | None
    given: int
    given_saved: int
    answered: int
    note: str

    @property
    def at_goal(self) -> bool:
        return self.solution is not None and self.draft == self.solution.threshold


@dataclass(frozen=True, eq=False)
class Panel:
    """All sliders of the current run, and what is counted from where they stand once it is asked for.

    Attributes
    ----------
    board, reach : what curves and counts are drawn from; None where there is nothing to draw.
    saved_everywhere : float64, the thresholds in use of all labels of the store; NaN where no model knows one.
    shown_saved, intervals_saved : what all transactions show at these, and where the scores lie.
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
    saved_everywhere: NDArray[np.float64] | None = None
    shown_saved: Shown | None = None
    intervals_saved: ScoreIntervals | None = None

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

    @property
    def has_new_goals(self) -> bool:
        """A label was given another goal than it was saved with."""
        return any(each.goal != each.saved_goal for each in self.labels)

    @cached_property
    def intervals(self) -> ScoreIntervals | None:
        """Where the scores at the sliders lie."""
        if self.board is None or not self.labels:
            return None
        return self.board.uncertainty.at(np.array([each.draft for each in self.labels]))

    @cached_property
    def held_out(self) -> HeldOut | None:
        """What the sliders score with each row cut at thresholds that were chosen without it."""
        return self._held_out([(each.draft, each.goal, each.solution) for each in self.labels])

    @cached_property
    def held_out_saved(self) -> HeldOut | None:
        """The same for the saved thresholds."""
        return self._held_out([(each.saved, each.saved_goal, each.saved_solution) for each in self.labels])

    @cached_property
    def shown(self) -> Shown | None:
        """What all transactions show at the sliders."""
        if self.board is None or self.reach is None or self.saved_everywhere is None:
            return None
        everywhere = self.saved_everywhere.copy()
        everywhere[self.board.evidence.columns] = [each.draft for each in self.labels]
        return self.reach.shown(everywhere)

    def _held_out(self, labels: Sequence[tuple[float, str, Solution | None]]) -> HeldOut | None:
        if self.board is None:
            return None
        thresholds, goals, solutions = zip(*labels, strict=True) if labels else ((), (), ())
        return self.board.held_out(thresholds, goals, solutions)


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
    answered = its_reach.answered
    labels = []
    for place, (column, label) in enumerate(zip(evidence.columns.tolist(), its_board.labels, strict=True)):
        saved = float(view.tagging.thresholds[column])
        saved_goal = saved_goals.get(str(label.id), RECOMMENDED)
        goal = goals.get(str(label.id), RECOMMENDED)
        solution = its_board.solve(place, goal, lambda: its_reach)
        why_not = its_board.why_not_tuned(place)
        best = None if why_not else its_board.solve(place, "f1", lambda: its_reach)
        stands = float(draft.get(str(label.id), saved))
        labels.append(
            LabelTuning(
                label=label,
                saved=saved,
                draft=stands,
                goal=goal,
                saved_goal=saved_goal,
                solution=solution,
                saved_solution=its_board.solve(place, saved_goal, lambda: its_reach),
                best_f1=None if best is None else best.threshold,
                held_out=None if solution is None else its_board.cut(place, goal, solution.threshold)[1],
                given=its_reach.given(column, stands),
                given_saved=its_reach.given(column, saved),
                answered=int(answered[column]),
                note=_note(goal, solution, why_not),
            )
        )
    known, saved_everywhere = set(evidence.columns.tolist()), view.tagging.thresholds
    return Panel(
        run_id=bundle.run_id,
        version_id=view.tagging.threshold_version_id,
        labels=tuple(labels),
        n_transactions=int(evidence.rows.size),
        measured_on=measured_on(bundle.run_id),
        unknown=tuple(view.labels[column].name for column in sorted(set(range(len(view.labels))) - known)),
        board=its_board,
        reach=its_reach,
        saved_everywhere=saved_everywhere,
        shown_saved=store.derived(
            "shown as saved", (its_reach, saved_everywhere), lambda: its_reach.shown(saved_everywhere)
        ),
        intervals_saved=store.derived(
            "intervals as saved",
            (its_board, saved_everywhere),
            lambda: its_board.uncertainty.at(saved_everywhere[evidence.columns]) if labels else None,
        ),
    )


def flips(
    store: Store, before: Mapping[int, float], after: Mapping[int, float], n_most: int = flipping.GROUPS
) -> Flips:
    """Transactions that would gain or lose a tag between two sets of thresholds, by label id.

    The largest groups of equal descriptions come first, at most `n_most` of each kind.
    """
    view = store.view()
    return flipping.find(view, reach(store, view), board(store, view).evidence, before, after, n_most=n_most)


def move(
    store: Store,
    run_id: str,
    thresholds: Mapping[int, float],
    goals: Mapping[int, str] = MappingProxyType({}),
    *,
    step: str | None = None,
    in_use_only: bool = False,
) -> None:
    """Remember where moved sliders stand and what they are to reach, so that a reload or another page loses nothing.

    Labels that are given a goal and no threshold go where they reach it, as far as these rows can tell; others stay.

    Parameters
    ----------
    thresholds, goals : by label id
    step : an id that the caller chose; a step that was taken before is not taken again.
    in_use_only : refuse where another run is in use by now.

    Raises
    ------
    SettingError
        If a goal cannot be read or a threshold is none; nothing is kept then.
    MovedMeanwhileError
        If another run is in use and that was not to be.
    """
    for value in thresholds.values():
        check(value)
    for goal in goals.values():
        read_goal(goal)
    moved = dict(thresholds)
    unsolved = {label_id: goal for label_id, goal in goals.items() if label_id not in thresholds}
    view = store.view()
    if unsolved and view.tagging.run_id == run_id:
        its_board = board(store, view)
        place_of = {label.id: place for place, label in enumerate(its_board.labels)}
        for label_id, goal in unsolved.items():
            place = place_of.get(label_id)
            solution = None if place is None else its_board.solve(place, goal, lambda: reach(store, view))
            if solution is not None:
                moved[label_id] = solution.threshold
    author = store.settings.author
    with store.db.write() as connection:
        if step is not None and not runs.take_step(connection, step, at=now()):
            return
        if in_use_only and runs.current(connection).run_id != run_id:
            raise MovedMeanwhileError("Another run is in use by now. Nothing was moved.")
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
    saved = {} if standing is None else readable(standing.goals or {})
    return saved, saved | given


def show(store: Store, run_id: str | None = None) -> dict[str, Any]:
    """A run's thresholds with what they score on its evidence."""
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    evidence = gather(store, view, bundle)
    values = thresholds_of(store, bundle.run_id)
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
        If the run does not know the label, the goal cannot be read, or no transaction is left to suggest it for:
        nothing is kept then.
    """
    view = store.view()
    bundle = store.bundle(view.tagging.run_id)
    label = _known(store, view, bundle, name)
    goal = "".join(goal.casefold().split())
    its_board = board(store, view)
    place = its_board.labels.index(label)
    solution = its_board.solve(place, goal, lambda: reach(store, view))
    note = _note(goal, solution, its_board.why_not_tuned(place))
    if solution is None:
        raise SettingError(f"There is no threshold of {label.name!r} for this goal. {note}.", hint=_MORE)
    move(store, bundle.run_id, {}, {label.id: goal})
    return {
        "run_id": bundle.run_id,
        "label": label.name,
        "goal": goal,
        "threshold": solution.threshold,
        "reached": solution.reached,
        "nearest": solution.nearest,
        "note": note,
        "saved": False,
    }


_MORE = "Fix the threshold instead: fixed:0.5."


def _known(store: Store, view: View, bundle: Bundle, name: str) -> Label:
    label = find(view.labels, name)
    if label is None or store.label_columns(bundle, (label,)) == [-1]:
        raise SettingError(f"The run knows no label {name!r}.", hint="List its labels: tagger thresholds show.")
    return label


def _note(goal: str, solution: Solution | None, why_not: str) -> str:
    parsed = read_goal(goal)
    if solution is None:
        return "No dated transaction is left to suggest it for"
    if parsed is None or (parsed.tunes and why_not):
        return f"{why_not}. Kept at the recommended {solution.threshold:.3f}" if why_not else ""
    if solution.reached or solution.nearest is None:
        return ""
    return f"{parsed.title} cannot be reached here; the nearest is {parsed.written(solution.nearest)}"
