"""Versions of a run's thresholds: what each is, which there are, what they score, and how two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from tagger.errors import NotFoundError
from tagger.labels.labelset import Label
from tagger.learning.goals import Solution
from tagger.learning.metrics import score_labels
from tagger.learning.thresholds import apply_thresholds
from tagger.services.board import RECOMMENDED, Board, board, reach, readable
from tagger.services.evidence import measured_on
from tagger.services.reach import Reach
from tagger.services.scores import summary
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage import runs
from tagger.storage.database import Connection
from tagger.storage.runs import Bundle, ThresholdVersion

AS_TRAINED = 0  # the thresholds that a run was trained with; saved versions are numbered from 1


@dataclass(frozen=True)
class Version:
    """Thresholds that a run has or had.

    Attributes
    ----------
    id : AS_TRAINED for those that the run was trained with.
    created_at : UTC.
    author : "" for the starter as it came.
    thresholds : in the order of the run's labels.
    metrics : what they scored when they were saved, and those of the training now; None where that was not kept, and
        without `held_out` where only that was not.
    goals : by label id as text, what each was chosen for.
    in_use : they decide now which tags transactions have.
    n_changed : labels whose threshold differs from the version before; None for the first.
    """

    id: int
    run_id: str
    created_at: datetime
    author: str
    note: str
    thresholds: tuple[float, ...]
    metrics: dict[str, Any] | None
    goals: dict[str, str] | None
    in_use: bool
    n_changed: int | None


@dataclass(frozen=True)
class Chosen:
    """Thresholds of one version and what they were chosen for: what saving and measuring need of it.

    Attributes
    ----------
    id : AS_TRAINED for those that the run was trained with.
    thresholds : in the order of the run's labels.
    goals : by label id as text, those that are a label's own.
    metrics : what they scored when they were saved; None where that was not kept.
    """

    id: int
    thresholds: tuple[float, ...]
    goals: dict[str, str]
    metrics: dict[str, Any] | None

    @classmethod
    def of(cls, bundle: Bundle, version: ThresholdVersion | None) -> Chosen:
        """A saved version; without one, what the run was trained with."""
        if version is None:
            return cls(AS_TRAINED, bundle.thresholds, {}, None)
        return cls(version.id, version.thresholds, _own_goals(version.goals), version.metrics)

    def goals_with(self, given: Mapping[str, str]) -> dict[str, str]:
        """The goals once others are given, by label id as text; RECOMMENDED takes a label's own away."""
        return _own_goals(self.goals | dict(given))

    def differs(self, moved: Mapping[int, float], given: Mapping[str, str]) -> bool:
        """Whether thresholds by column of the run, or goals, are others than these."""
        has_moved = any(value != self.thresholds[column] for column, value in moved.items())
        return has_moved or self.goals_with(given) != self.goals


def standing(connection: Connection, bundle: Bundle) -> Chosen:
    """What a run has in use, or would have if it were promoted."""
    return Chosen.of(bundle, runs.standing(connection, bundle.run_id))


def chosen(connection: Connection, bundle: Bundle, version_id: int | None) -> Chosen:
    """One version of a run; without a number what is standing.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    """
    if version_id is None:
        return standing(connection, bundle)
    if version_id == AS_TRAINED:
        return Chosen.of(bundle, None)
    for version in runs.threshold_versions(connection, bundle.run_id):
        if version.id == version_id:
            return Chosen.of(bundle, version)
    raise NotFoundError(
        f"The run {bundle.run_id!r} has no threshold version {version_id}.",
        hint="List them: tagger thresholds history.",
    )


@dataclass(frozen=True, eq=False)
class MeasuredRun:
    """A run and what it can be measured on; `known` are the labels of now that it knows, each with its column in it."""

    store: Store
    view: View
    bundle: Bundle
    board: Board
    known: list[tuple[Label, int]]

    @classmethod
    def of(cls, store: Store, run_id: str | None = None) -> MeasuredRun:
        """A run; without its id, the current one."""
        view = store.view()
        bundle = store.bundle(run_id or view.tagging.run_id)
        return cls(store, view, bundle, board(store, view, bundle), known_labels(store, view, bundle))

    @property
    def names(self) -> list[str]:
        """Of the run's labels as they are called now."""
        names = [name for _, name in self.bundle.labels]
        for label, column in self.known:
            names[column] = label.name
        return names

    def solve(self, place: int, goal: str) -> Solution | None:
        """Where a label of the board reaches its goal."""
        return self.board.solve(place, goal, lambda: self._reach)

    @cached_property
    def _reach(self) -> Reach | None:
        """Only of the run in use: nobody knows what transactions would show under another."""
        return reach(self.store, self.view) if self.bundle.run_id == self.view.tagging.run_id else None

    def measured(self, thresholds: Sequence[float], goals: Mapping[str, str]) -> dict[str, Any]:
        """What thresholds, in the order of the run's labels, score on its evidence as it is now."""
        evidence = self.board.evidence
        values = [thresholds[column] for column in evidence.own_columns.tolist()]
        y_pred = apply_thresholds(evidence.y_prob, values)
        return {
            **summary(score_labels(evidence.y_true, y_pred, evidence.judged)),
            "held_out": self._held_out(values, readable(goals)),
            "n_transactions": int(evidence.rows.size),
            "tags_given": int(np.count_nonzero(y_pred)),
            "measured_on": measured_on(self.bundle.run_id),
        }

    def _held_out(self, thresholds: Sequence[float], goals: Mapping[str, str]) -> dict[str, Any]:
        """What they score where each row is cut at thresholds that the labels' goals chose without it.

        Parameters
        ----------
        thresholds : in the order of the board's labels
        """
        its_goals = [goals.get(str(label.id), RECOMMENDED) for label in self.board.labels]
        solutions = [self.solve(place, goal) for place, goal in enumerate(its_goals)]
        found = self.board.held_out(thresholds, its_goals, solutions)
        return {"micro_f1": found.scores.micro.f1, "macro_f1": found.scores.macro.f1, "by_hand": found.n_by_hand}


def known_labels(store: Store, view: View, bundle: Bundle) -> list[tuple[Label, int]]:
    """The labels of now that a run knows, each with its column in the run."""
    labels = zip(view.labels, store.label_columns(bundle, view.labels), strict=True)
    return [(label, column) for label, column in labels if column >= 0]


def label_ids(store: Store, view: View, bundle: Bundle) -> list[int | None]:
    """For each column of a run the label's id in the store; None for labels that only another store has."""
    is_own = bundle.store_id == store.db.store_id
    ids: list[int | None] = [label_id if is_own else None for label_id, _ in bundle.labels]
    for label, column in known_labels(store, view, bundle):
        ids[column] = label.id
    return ids


def thresholds_of(store: Store, run_id: str, version_id: int | None = None) -> list[float]:
    """One version's thresholds, in the order of the run's labels.

    Without a number those that the run has in use, or would have if it were promoted.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    """
    bundle = store.bundle(run_id)
    with store.db.read() as connection:
        return list(chosen(connection, bundle, version_id).thresholds)


def history(store: Store, run_id: str | None = None) -> list[Version]:
    """Every version of a run's thresholds, newest first; the last one is what the run was trained with.

    Nobody saved that one, so it has the scores of now.
    """
    run = MeasuredRun.of(store, run_id)
    *saved, as_trained = listed(store, run.bundle)
    return [*saved, replace(as_trained, metrics=run.measured(as_trained.thresholds, {}))]


def listed(store: Store, bundle: Bundle) -> list[Version]:
    """Every version as it is kept, in the order of `history`: what the run was trained with has no scores here."""
    with store.db.read() as connection:
        current = runs.current(connection)
        saved = runs.threshold_versions(connection, bundle.run_id)
        trained = next((run for run in runs.runs(connection) if run.id == bundle.run_id), None)
    used = current.threshold_version_id or AS_TRAINED if current.run_id == bundle.run_id else None
    values = [version.thresholds for version in saved] + [bundle.thresholds]
    versions = [
        Version(
            id=version.id,
            run_id=version.run_id,
            created_at=version.created_at,
            author=version.author,
            note=version.note,
            thresholds=version.thresholds,
            metrics=version.metrics,
            goals=version.goals,
            in_use=version.id == used,
            n_changed=n_different(before, after),
        )
        for version, (after, before) in zip(saved, pairwise(values), strict=True)
    ]
    as_trained = Version(
        id=AS_TRAINED,
        run_id=bundle.run_id,
        created_at=trained.created_at if trained else datetime.fromisoformat(bundle.created_at).replace(tzinfo=None),
        author=trained.author if trained else "",
        note="",
        thresholds=bundle.thresholds,
        metrics=None,
        goals=None,
        in_use=used == AS_TRAINED,
        n_changed=None,
    )
    return [*versions, as_trained]


def diff(store: Store, before: int, after: int, run_id: str | None = None) -> dict[str, Any]:
    """Where two versions differ, and what each scores.

    Returns
    -------
    `labels` with their thresholds before and after; for each version `saved`, what it scored when it was saved (None
    where that was not kept), and `now`: both on the same transactions, which alone compares them. Of these `held_out`
    says what to expect of others.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    """
    bundle = store.bundle(run_id or store.view().tagging.run_id)
    with store.db.read() as connection:
        first, second = (chosen(connection, bundle, version_id) for version_id in (before, after))
    run = MeasuredRun.of(store, bundle.run_id)
    return {
        "run_id": bundle.run_id,
        "labels": [
            {"label": name, "before": low, "after": high}
            for name, low, high in zip(run.names, first.thresholds, second.thresholds, strict=True)
            if low != high
        ],
        **{
            side: {"id": each.id, "saved": each.metrics, "now": run.measured(each.thresholds, each.goals)}
            for side, each in (("before", first), ("after", second))
        },
    }


def held_out(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    """The held-out scores of a version's metrics; None where none were kept, as of old versions."""
    kept: dict[str, Any] | None = (metrics or {}).get("held_out")
    return {"micro_f1": None, "macro_f1": None, "by_hand": None} if kept is None else kept


def stamp(at: datetime) -> str:
    """A time (UTC) as the command line and files give it."""
    return at.isoformat(timespec="seconds") + "Z"


def n_different(before: Sequence[float], after: Sequence[float]) -> int:
    """How many of two versions' thresholds differ."""
    return sum(was != is_now for was, is_now in zip(before, after, strict=True))


def _own_goals(goals: Mapping[str, str] | None) -> dict[str, str]:
    """Goals but for those that are none of the label's own."""
    return {label_id: goal for label_id, goal in (goals or {}).items() if goal != RECOMMENDED}
