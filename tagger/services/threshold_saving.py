"""Saving thresholds that were moved as a new version, and using an earlier version again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tagger.errors import MovedMeanwhileError, SettingError
from tagger.services.board import RECOMMENDED, readable
from tagger.services.store import Store, now
from tagger.services.threshold_files import storable
from tagger.services.threshold_versions import (
    AS_TRAINED,
    Chosen,
    MeasuredRun,
    chosen,
    known_labels,
    n_different,
    standing,
)
from tagger.services.view import View
from tagger.storage import runs
from tagger.storage.database import Connection
from tagger.storage.runs import Bundle

MAX_NOTE = 500  # characters


@dataclass(frozen=True)
class Unsaved:
    """What somebody moved and did not save.

    Attributes
    ----------
    n_moved : labels whose slider stands elsewhere than what is in use.
    n_goals : of the others, those that were given another goal than they were saved with.
    """

    n_moved: int
    n_goals: int

    @property
    def n_labels(self) -> int:
        return self.n_moved + self.n_goals


@dataclass(frozen=True)
class Seen:
    """What a person saw when they asked to save.

    Attributes
    ----------
    version : the one in use.
    moved : by label id, the thresholds that differ from it; None where the label's goal was still to be solved.
    goals : by label id, those that differ from the version's.
    """

    version: int
    moved: Mapping[int, float | None]
    goals: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Used:
    """What came into use.

    Attributes
    ----------
    n_changed : labels whose threshold differs now.
    n_let_go : labels that were moved, or given a goal, and not saved.
    """

    version: int
    n_changed: int = 0
    n_let_go: int = 0

    @property
    def warnings(self) -> list[str]:
        """Sentences; none where nothing was let go."""
        if not self.n_let_go:
            return []
        return ["1 unsaved move was let go." if self.n_let_go == 1 else f"{self.n_let_go:,} unsaved moves were let go."]


def save_draft(
    store: Store,
    *,
    note: str = "",
    run_id: str | None = None,
    seen: Seen | None = None,
    step: str | None = None,
) -> dict[str, Any]:
    """Save what was moved, and the goals that were given, as a new version; the one in use where nothing differs.

    Parameters
    ----------
    seen : what is to be saved. Without it, whatever the draft holds.
    step : an id that the caller chose; a step that was taken before is not taken again.

    Raises
    ------
    MovedMeanwhileError
        If the draft is not what was seen, or another run is in use; nothing is saved then.
    """
    run, author = MeasuredRun.of(store, run_id), store.settings.author
    with store.db.write("runs") as connection:
        saved = standing(connection, run.bundle)
        draft = runs.draft(connection, run.bundle.run_id, author)
        given = runs.draft_goals(connection, run.bundle.run_id, author)
        stands = {column: float(draft[str(label.id)]) for label, column in run.known if str(label.id) in draft}
        moved = {column: value for column, value in stands.items() if value != saved.thresholds[column]}
        is_new = step is None or runs.take_step(connection, step, at=now())
        if is_new and seen is not None:
            _check_run(connection, run)
            # Where nothing is left to save, and what was seen is in use, another window has saved it.
            if saved.differs(moved, given) or not _in_use(connection, run, saved, seen):
                _check_seen(run, _as_seen(run, saved, moved, given), seen)
            elif note.strip():
                raise MovedMeanwhileError(
                    f"The same thresholds were saved in another window: version {saved.id} is in use.",
                    hint="Your note was not added to it.",
                )
        if is_new and saved.differs(moved, given):
            used = _add(connection, run, saved, moved, given, note=note)
        else:
            used = Used(saved.id)
    return {"run_id": run.bundle.run_id, "threshold_version_id": used.version, "changed": used.n_changed}


def save_given(run: MeasuredRun, moved: Mapping[int, float], given: Mapping[str, str], *, note: str) -> Used:
    """Save what does not come from the draft, which is let go, as a new version.

    Parameters
    ----------
    moved : thresholds by column of the run; the others keep what they have.
    given : goals by label id as text; the others keep theirs, RECOMMENDED takes a label's own away.
    """
    with run.store.db.write("runs") as connection:
        n_let_go = _unsaved(run.store, connection, run.bundle, run.view).n_labels
        saved = standing(connection, run.bundle)
        return _add(connection, run, saved, moved, given, note=note, n_let_go=n_let_go)


def unsaved(store: Store, run_id: str | None = None) -> Unsaved:
    """What the author moved and did not save: using another version lets it go."""
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    with store.db.read() as connection:
        return _unsaved(store, connection, bundle, view)


def go_back(store: Store, version_id: int, run_id: str | None = None) -> dict[str, Any]:
    """Use an earlier version again: one more choice, which can be taken back like any other; nothing is rewritten.

    Moved sliders that were not saved are let go.

    Returns
    -------
    `changed` counts the labels whose threshold differs now, `let_go` those that were moved and not saved; `warnings`
    are sentences.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    SettingError
        If the run is not the current one.
    """
    view, author = store.view(), store.settings.author
    bundle = store.bundle(run_id or view.tagging.run_id)
    with store.db.write("runs") as connection:
        version = chosen(connection, bundle, version_id)
        if bundle.run_id != runs.current(connection).run_id:
            raise SettingError(
                f"The run {bundle.run_id} is not in use, so its thresholds cannot be.",
                hint=f"Promote it first: tagger runs promote {bundle.run_id}.",
            )
        n_changed = n_different(standing(connection, bundle).thresholds, version.thresholds)
        used = Used(version.id, n_changed, _unsaved(store, connection, bundle, view).n_labels)
        saved_as = None if version.id == AS_TRAINED else version.id
        runs.set_current(connection, bundle.run_id, saved_as, author=author, at=now())
        runs.set_draft(connection, bundle.run_id, author, {})
    return {
        "run_id": bundle.run_id,
        "threshold_version_id": used.version,
        "changed": used.n_changed,
        "let_go": used.n_let_go,
        "warnings": used.warnings,
    }


def check(value: float) -> None:
    """Refuse what is no threshold.

    Raises
    ------
    SettingError
        If it is not between 0 and 1.
    """
    if not 0 <= value <= 1:
        raise SettingError(f"A threshold of {value} means nothing.", hint="Give a number from 0 to 1.")


def _check_run(connection: Connection, run: MeasuredRun) -> None:
    if runs.current(connection).run_id != run.bundle.run_id:
        raise MovedMeanwhileError("Another run is in use by now. Nothing was saved.")


def _check_seen(run: MeasuredRun, draft: Seen, seen: Seen) -> None:
    unsolved = {label_id for label_id, value in seen.moved.items() if value is None}
    solved, there = (
        {label_id: value for label_id, value in each.moved.items() if label_id not in unsolved}
        for each in (seen, draft)
    )
    if seen.version != draft.version or solved != there or seen.goals != draft.goals:
        names = {label.id: label.name for label, _ in run.known}
        others = [
            name
            for label_id, name in names.items()
            if solved.get(label_id) != there.get(label_id) or seen.goals.get(label_id) != draft.goals.get(label_id)
        ]
        which = f": {', '.join(others[:3])}{' …' if len(others) > 3 else ''}" if others else ""
        raise MovedMeanwhileError(f"Moved or saved in another window meanwhile{which}. No version was made.")


def _in_use(connection: Connection, run: MeasuredRun, saved: Chosen, seen: Seen) -> bool:
    """Whether every threshold and goal that a person saw is what is in use."""
    goals, goals_before = readable(saved.goals), readable(chosen(connection, run.bundle, seen.version).goals)

    def is_used(label_id: int, threshold: float) -> bool:
        key = str(label_id)
        goal = seen.goals.get(label_id, goals_before.get(key, RECOMMENDED))
        # Without a threshold its goal was still to be solved: the goal alone was seen.
        return seen.moved.get(label_id) in (None, threshold) and goal == goals.get(key, RECOMMENDED)

    touched = seen.moved.keys() | seen.goals.keys()
    return all(is_used(label.id, saved.thresholds[column]) for label, column in run.known if label.id in touched)


def _as_seen(run: MeasuredRun, saved: Chosen, moved: Mapping[int, float], given: Mapping[str, str]) -> Seen:
    """A draft, thresholds by column and goals by label id as text, as a person sees it."""
    goals_before = readable(saved.goals)
    thresholds, goals = {}, {}
    for label, column in run.known:
        if column in moved:
            thresholds[label.id] = moved[column]
        before = goals_before.get(str(label.id), RECOMMENDED)
        goal = given.get(str(label.id), before)
        if goal != before:
            goals[label.id] = goal
    return Seen(saved.id, thresholds, goals)


def _add(
    connection: Connection,
    run: MeasuredRun,
    saved: Chosen,
    moved: Mapping[int, float],
    given: Mapping[str, str],
    *,
    note: str,
    n_let_go: int = 0,
) -> Used:
    """Store the run's thresholds with these columns moved and these goals given.

    What is not moved is read within the same transaction, so that two people who save at once both keep their labels.
    """
    if len(note) > MAX_NOTE:
        raise SettingError(f"The note has {len(note):,} characters.", hint=f"Shorten it to {MAX_NOTE:,}.")
    run_id, author = run.bundle.run_id, run.store.settings.author
    values = [moved.get(column, value) for column, value in enumerate(saved.thresholds)]
    goals = saved.goals_with(given)
    version = runs.add_threshold_version(
        connection,
        run_id,
        values,
        author=author,
        note=storable(note),
        at=now(),
        metrics=run.measured(values, goals),
        goals=goals or None,
    )
    if run_id == runs.current(connection).run_id:
        runs.set_current(connection, run_id, version, author=author, at=now())
    runs.set_draft(connection, run_id, author, {})
    return Used(version, n_different(saved.thresholds, values), n_let_go)


def _unsaved(store: Store, connection: Connection, bundle: Bundle, view: View) -> Unsaved:
    author = store.settings.author
    draft, given = runs.draft(connection, bundle.run_id, author), runs.draft_goals(connection, bundle.run_id, author)
    saved = standing(connection, bundle)
    goals = readable(saved.goals)
    n_moved = n_goals = 0
    for label, column in known_labels(store, view, bundle):
        key, threshold = str(label.id), saved.thresholds[column]
        goal = goals.get(key, RECOMMENDED)
        has_moved = draft.get(key, threshold) != threshold
        n_moved += has_moved
        n_goals += not has_moved and given.get(key, goal) != goal
    return Unsaved(n_moved, n_goals)
