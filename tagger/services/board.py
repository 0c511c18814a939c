"""What sliders stand on: a run's curves, where each label reaches its goal, and what that scores on rows held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tagger.errors import SettingError
from tagger.labels.labelset import Label
from tagger.learning.calibration import Calibration, calibration
from tagger.learning.goals import AtMostPerMonth, Goal, Solution, parse_goal
from tagger.learning.metrics import LabelScore, Summary, score_labels, summarize
from tagger.learning.step_curve import StepCurve, step_curves
from tagger.learning.thresholds import MIN_POSITIVE_GROUPS, apply_thresholds, cut_by_others, positive_groups
from tagger.learning.uncertainty import Bands, Uncertainty
from tagger.services.evidence import Evidence, gather
from tagger.services.reach import Pairs, Reach
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage.runs import Bundle

RECOMMENDED = "recommended"  # the goal of every label that was given no other: what the run was trained with
_UNSEEN_FOLDS = 5  # rows that the run never saw are divided into as many

_Matrix = NDArray[np.bool_]


@dataclass(frozen=True)
class HeldOut:
    """Scores with each row cut at thresholds that were chosen without it.

    Labels that stand elsewhere than where their goals are reached are cut where they stand; `n_by_hand` counts them.
    """

    scores: Summary
    n_by_hand: int


@dataclass(frozen=True, eq=False)
class Board:
    """What the sliders of one run stand on; made once, and again when a verdict is given, or rows or the run change.

    Attributes
    ----------
    labels : of the evidence, as they are named now.
    curves : one per label of the evidence.
    n_groups : int64 (n_labels,), different descriptions that have the label.
    """

    bundle: Bundle
    evidence: Evidence
    labels: tuple[Label, ...]
    curves: list[StepCurve]
    n_groups: NDArray[np.int64]
    uncertainty: Uncertainty

    @classmethod
    def of(cls, store: Store, view: View, bundle: Bundle) -> Board:
        """What a run, in use or not, can be measured on."""
        evidence = gather(store, view, bundle)
        y_true, y_prob, judged, groups = evidence.y_true, evidence.y_prob, evidence.judged, evidence.groups
        return cls(
            bundle=bundle,
            evidence=evidence,
            labels=tuple(view.labels[column] for column in evidence.columns.tolist()),
            curves=step_curves(y_true, y_prob, judged),
            n_groups=positive_groups(y_true, judged, groups),
            uncertainty=Uncertainty(y_true, y_prob, judged, groups, seed=int(bundle.recipe.get("seed", 0))),
        )

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

    def trained(self, place: int) -> float:
        """The threshold that a label was trained with."""
        return self.bundle.thresholds[int(self.evidence.own_columns[place])]

    def why_not_tuned(self, place: int) -> str:
        """Why verdicts cannot choose a threshold; "" where they can."""
        n_groups = int(self.n_groups[place])
        if n_groups and not self.curves[place].is_two_sided:
            return "Nobody said no to it, so its precision and F1 cannot be known"
        if n_groups < MIN_POSITIVE_GROUPS:
            return f"n = {n_groups} different descriptions: too few to tune"
        return ""

    def solve(self, place: int, goal: str, reach: Callable[[], Reach | None]) -> Solution | None:
        """Where a label reaches its goal; where too little is judged to tell, what the run was trained with.

        Parameters
        ----------
        reach : gives what a limit a month is counted on; where it gives None, no label reaches one. It is asked for a
            limit only: what a million transactions show takes a while.

        Returns
        -------
        None where nothing can tell: no transaction is left to suggest the label for.
        """
        parsed = read_goal(goal)
        if isinstance(parsed, AtMostPerMonth):
            counted = reach()
            return None if counted is None else counted.keep_to(int(self.evidence.columns[place]), parsed)
        if (place, goal) not in self._solutions:
            self._solutions[place, goal] = self._solve(place, parsed)
        return self._solutions[place, goal]

    def _solve(self, place: int, goal: Goal | None) -> Solution | None:
        if goal is None:
            return Solution(self.trained(place))
        if goal.tunes and self.why_not_tuned(place):
            return Solution(self.trained(place), reached=False)
        return goal.solve(self.curves[place])

    def held_out(
        self, thresholds: Sequence[float], goals: Sequence[str], solutions: Sequence[Solution | None]
    ) -> HeldOut:
        """What all labels score together, each row cut at thresholds that were chosen without it.

        Parameters
        ----------
        thresholds, goals, solutions : (n_labels,), in the order of `labels`
        """
        evidence = self.evidence
        y_pred = np.zeros(evidence.y_true.shape, dtype=bool)
        n_by_hand = 0
        for place, (threshold, goal, solution) in enumerate(zip(thresholds, goals, solutions, strict=True)):
            at_goal = solution is not None and solution.threshold == threshold
            y_pred[:, place] = self.cut(place, goal if at_goal else None, threshold)[0]
            n_by_hand += solution is not None and not at_goal
        return HeldOut(summarize(score_labels(evidence.y_true, y_pred, evidence.judged)), n_by_hand)

    def cut(self, place: int, goal: str | None, threshold: float) -> tuple[_Matrix, LabelScore]:
        """What each row is given where the goal chose without it, bool (n_rows,), and how that scores.

        Without a goal all are cut at the threshold; so they are by a limit a month, which asks no verdict: no row had a
        part in the threshold that it chose.
        """
        parsed = None if goal is None else read_goal(goal)
        if goal is None or isinstance(parsed, AtMostPerMonth):
            return self._scored(place, apply_thresholds(self._column(place)[1], [threshold]))
        if (place, goal) not in self._cuts:
            if parsed is None or (parsed.tunes and self.why_not_tuned(place)):
                y_pred = self.evidence.y_pred[:, place : place + 1]
            else:
                y_pred = cut_by_others(parsed, *self._column(place), self._folds)
            self._cuts[place, goal] = self._scored(place, y_pred)
        return self._cuts[place, goal]

    def _scored(self, place: int, y_pred: _Matrix) -> tuple[_Matrix, LabelScore]:
        y_true, _, judged = self._column(place)
        (score,) = score_labels(y_true, y_pred, judged)
        return y_pred[:, 0], score

    def _column(self, place: int) -> tuple[_Matrix, NDArray[np.float32], _Matrix]:
        """One label's truth, probabilities and which are judged, each of shape (n_rows, 1)."""
        column = slice(place, place + 1)
        return self.evidence.y_true[:, column], self.evidence.y_prob[:, column], self.evidence.judged[:, column]

    @cached_property
    def _folds(self) -> NDArray[np.int64]:
        """Folds as they were in training; rows that the run never saw have folds of their own, by description."""
        unseen = self.evidence.folds.max(initial=-1) + 1 + self.evidence.groups % _UNSEEN_FOLDS
        return np.where(self.evidence.folds < 0, unseen, self.evidence.folds)

    @cached_property
    def _solutions(self) -> dict[tuple[int, str], Solution | None]:
        return {}

    @cached_property
    def _cuts(self) -> dict[tuple[int, str], tuple[_Matrix, LabelScore]]:
        return {}


def board(store: Store, view: View, bundle: Bundle | None = None) -> Board:
    """What a run's sliders stand on; without one, the current run's."""
    of = store.bundle(view.tagging.run_id) if bundle is None else bundle
    made_from = (view.columns, view.truth, view.labels, of.run_id, view.tagging.n_waiting)
    name = "board" if of.run_id == view.tagging.run_id else "board of another run"
    return store.derived(name, made_from, lambda: Board.of(store, view, of))


def reach(store: Store, view: View) -> Reach:
    """Which transactions the current run's thresholds reach."""
    pairs = store.derived(
        "pairs", (view.columns, view.tagging.index), lambda: Pairs.of(view.columns, view.tagging.index)
    )
    probabilities = view.tagging.probabilities
    scores = store.derived("scores", (probabilities,), lambda: np.ascontiguousarray(probabilities.T))
    return store.derived("reach", (pairs, view.truth, view.labels, scores), lambda: Reach(view, pairs, scores))


def read_goal(goal: str) -> Goal | AtMostPerMonth | None:
    """The goal as it is solved; None for RECOMMENDED.

    Raises
    ------
    SettingError
        If it is none.
    """
    return None if goal == RECOMMENDED else parse_goal(goal)


def readable(goals: Mapping[str, str]) -> dict[str, str]:
    """Those that are goals: the others came from a file."""
    return {label_id: goal for label_id, goal in goals.items() if _is_goal(goal)}


def _is_goal(text: str) -> bool:
    with suppress(SettingError):
        read_goal(text)
        return True
    return False
