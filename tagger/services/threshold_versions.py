"""Versions of a run's thresholds: saving, history, differences, going back, and files that carry them elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tagger.errors import MovedMeanwhileError, NotFoundError, SettingError, ThresholdsFileError
from tagger.labels.labelset import fold_name
from tagger.learning.goals import AtMostPerMonth, Solution
from tagger.learning.metrics import score_labels
from tagger.learning.thresholds import apply_thresholds
from tagger.services.board import RECOMMENDED, Board, board, reach, read_goal, readable
from tagger.services.evidence import measured_on
from tagger.services.exporting import write
from tagger.services.reach import Reach
from tagger.services.scores import summary
from tagger.services.store import Store, now
from tagger.services.threshold_files import FORMAT, FORMAT_VERSION, Document, FileLabel, as_json, storable
from tagger.services.view import View
from tagger.storage import runs
from tagger.storage.database import Connection
from tagger.storage.runs import Bundle, ThresholdVersion

MAX_NOTE = 500  # characters
AS_TRAINED = 0  # the thresholds that a run was trained with; saved versions are numbered from 1
NAMES_SHOWN = 20  # of labels, in one sentence


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


@dataclass(frozen=True, eq=False)
class _Run:
    """A run and what it can be measured on; `columns` holds for each label of the view its column in the run, or -1."""

    store: Store
    view: View
    bundle: Bundle
    board: Board
    columns: list[int]

    def solve(self, place: int, goal: str) -> Solution | None:
        """Where a label of the board reaches its goal."""
        # What transactions show is counted only where it is asked for: of a million that takes a while.
        is_counted = isinstance(read_goal(goal), AtMostPerMonth)
        return self.board.solve(place, goal, self._reach if is_counted else None)

    @cached_property
    def _reach(self) -> Reach | None:
        """Only of the run in use: nobody knows what transactions would show under another."""
        return reach(self.store, self.view) if self.bundle.run_id == self.view.tagging.run_id else None


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
    run = _run(store, run_id)
    with store.db.write("runs") as connection:
        draft = runs.draft(connection, run.bundle.run_id, store.settings.author)
        standing = runs.standing(connection, run.bundle.run_id)
        before = _thresholds(run.bundle, standing)
        moved = _by_column(run, {int(label_id): value for label_id, value in draft.items()})
        moved = {column: value for column, value in moved.items() if value != before[column]}
        saved = _goals(standing)
        given = runs.draft_goals(connection, run.bundle.run_id, store.settings.author)
        goals = _chosen(saved | given)
        is_new = step is None or runs.take_step(connection, step, at=now())
        if is_new and seen is not None:
            _check_seen(connection, run, _as_seen(run, standing, moved, given), seen)
        if is_new and (moved or goals != saved):
            version, n_changed = _add(connection, run, standing, moved, note=note, goals=goals)
        else:
            version, n_changed = AS_TRAINED if standing is None else standing.id, 0
    return {"run_id": run.bundle.run_id, "threshold_version_id": version, "changed": n_changed}


def in_use(store: Store, run_id: str) -> Sequence[float]:
    """A run's thresholds now, in the order of its labels: those in use, or those that promoting it would bring."""
    return thresholds_of(store, run_id, None)


def thresholds_of(store: Store, run_id: str, version_id: int | None) -> list[float]:
    """One version's thresholds, or without a number those in use, in the order of the run's labels.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    """
    bundle = store.bundle(run_id)
    with store.db.read() as connection:
        if version_id is None:
            return list(_thresholds(bundle, runs.standing(connection, bundle.run_id)))
        return list(_version(connection, bundle, version_id)[1])


def history(store: Store, run_id: str | None = None) -> list[Version]:
    """Every version of a run's thresholds, newest first; the last one is what the run was trained with.

    Nobody saved that one, so it has the scores of now.
    """
    run = _run(store, run_id)
    *saved, as_trained = _listed(store, run.bundle)
    return [*saved, replace(as_trained, metrics=_measured(run, as_trained.thresholds, {}))]


def _listed(store: Store, bundle: Bundle) -> list[Version]:
    """Every version as it is kept."""
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
            n_changed=_n_different(before, after),
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
    bundle = _bundle(store, run_id)
    with store.db.read() as connection:
        versions = [_version(connection, bundle, version_id) for version_id in (before, after)]
    run = _run(store, bundle.run_id)
    (first, was), (second, is_now) = versions
    names = [name for _, name in _labels(run)]
    return {
        "run_id": bundle.run_id,
        "labels": [
            {"label": name, "before": low, "after": high}
            for name, low, high in zip(names, was, is_now, strict=True)
            if low != high
        ],
        "before": {"id": before, "saved": first and first.metrics, "now": _measured(run, was, _goals(first))},
        "after": {"id": after, "saved": second and second.metrics, "now": _measured(run, is_now, _goals(second))},
    }


def held_out(metrics: Mapping[str, Any] | None) -> dict[str, Any]:
    """The held-out scores of a version's metrics; None where none were kept, as of old versions."""
    kept: dict[str, Any] | None = (metrics or {}).get("held_out")
    return {"micro_f1": None, "macro_f1": None, "by_hand": None} if kept is None else kept


def unsaved(store: Store, run_id: str | None = None) -> Unsaved:
    """What the author moved and did not save: using another version lets it go."""
    bundle, view = _bundle(store, run_id), store.view()
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
    bundle, view = _bundle(store, run_id), store.view()
    author = store.settings.author
    with store.db.write("runs") as connection:
        version, values = _version(connection, bundle, version_id)
        if bundle.run_id != runs.current(connection).run_id:
            raise SettingError(
                f"The run {bundle.run_id} is not in use, so its thresholds cannot be.",
                hint=f"Promote it first: tagger runs promote {bundle.run_id}.",
            )
        before = _thresholds(bundle, runs.standing(connection, bundle.run_id))
        let_go = _unsaved(store, connection, bundle, view).n_labels
        runs.set_current(connection, bundle.run_id, None if version is None else version.id, author=author, at=now())
        runs.set_draft(connection, bundle.run_id, author, {})
    return {
        "run_id": bundle.run_id,
        "threshold_version_id": version_id,
        "changed": _n_different(before, values),
        "let_go": let_go,
        "warnings": _about_unsaved(let_go),
    }


def export(store: Store, version_id: int | None = None, run_id: str | None = None) -> dict[str, Any]:
    """A version as plain values that `apply` takes, by default the one in use.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    """
    bundle = _bundle(store, run_id)
    if version_id is None:
        with store.db.read() as connection:
            standing = runs.standing(connection, bundle.run_id)
        version_id = AS_TRAINED if standing is None else standing.id
    version = next((each for each in _listed(store, bundle) if each.id == version_id), None)
    if version is None:
        raise _no_version(bundle, version_id)
    view = store.view()
    goals = readable(_chosen(version.goals))
    ids = _label_ids(store, bundle, view, store.label_columns(bundle, view.labels))
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "run_id": bundle.run_id,
        "version": version.id,
        "created_at": stamp(version.created_at),
        "author": version.author,
        "note": version.note,
        "labels": [
            {"label": name, "threshold": threshold, "goal": goals.get(str(label_id))}
            for (_, name), threshold, label_id in zip(bundle.labels, version.thresholds, ids, strict=True)
        ],
        "metrics": version.metrics,
    }


def export_file(store: Store, path: Path, version_id: int | None = None, run_id: str | None = None) -> dict[str, Any]:
    """Write a version to a file, packed where its name ends in .gz.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    UnreadableFileError
        If the file cannot be written.
    """
    document = export(store, version_id, run_id)
    write(path, as_json(document))
    return {
        "run_id": document["run_id"],
        "threshold_version_id": document["version"],
        "labels": len(document["labels"]),
        "file": str(path),
    }


def apply(store: Store, document: Document, *, note: str = "") -> dict[str, Any]:
    """Make a new version of the current run's thresholds from a file, and use it; none where nothing differs.

    Labels are met by folded name: in a file of this run by the names that it knows them by, else by those of now.
    Labels that the file does not name keep what they have.

    Parameters
    ----------
    note : default: which file it came from.

    Returns
    -------
    `changed` counts the labels whose threshold differs now, `let_go` those that were moved and not saved; `unknown`
    names what the run does not know and `kept` what the file does not name; `warnings` are sentences.

    Raises
    ------
    ThresholdsFileError
        If the run knows none of the file's labels, or the file names one twice; nothing is stored then.
    """
    run = _run(store, None)
    given, unknown = _met(run, document)
    warnings = _about_file(run, document, unknown)
    with store.db.read() as connection:
        standing = runs.standing(connection, run.bundle.run_id)
    if _is_standing(run, standing, given):
        version, n_changed, let_go = AS_TRAINED if standing is None else standing.id, 0, 0
        warnings.append(f"Nothing in {document.name} differs from what is in use.")
    else:
        version, n_changed, let_go = _add_from(run, given, note=note or f"from {document.name}")
        warnings += _about_unsaved(let_go)
    return {
        "run_id": run.bundle.run_id,
        "threshold_version_id": version,
        "changed": n_changed,
        "unknown": unknown,
        "kept": [name for column, (_, name) in enumerate(_labels(run)) if column not in given],
        "let_go": let_go,
        "warnings": warnings,
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


def stamp(at: datetime) -> str:
    """A time (UTC) as the command line and files give it."""
    return at.isoformat(timespec="seconds") + "Z"


def _bundle(store: Store, run_id: str | None) -> Bundle:
    return store.bundle(run_id or store.view().tagging.run_id)


def _run(store: Store, run_id: str | None) -> _Run:
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    return _Run(store, view, bundle, board(store, view, bundle), store.label_columns(bundle, view.labels))


def _check_seen(connection: Connection, run: _Run, draft: Seen, seen: Seen) -> None:
    if runs.current(connection).run_id != run.bundle.run_id:
        raise MovedMeanwhileError("Another run is in use by now. Nothing was saved.")
    unsolved = {label_id for label_id, value in seen.moved.items() if value is None}
    solved, there = (
        {label_id: value for label_id, value in each.moved.items() if label_id not in unsolved}
        for each in (seen, draft)
    )
    if seen.version != draft.version or solved != there or seen.goals != draft.goals:
        raise MovedMeanwhileError("Sliders were moved or saved in another window meanwhile. Nothing was saved.")


def _as_seen(
    run: _Run, standing: ThresholdVersion | None, moved: Mapping[int, float], given: Mapping[str, str]
) -> Seen:
    """A draft, thresholds by column and goals by label id as text, as a person sees it."""
    saved = readable(_goals(standing))
    thresholds, goals = {}, {}
    for label, column in zip(run.view.labels, run.columns, strict=True):
        if column in moved:
            thresholds[label.id] = moved[column]
        before = saved.get(str(label.id), RECOMMENDED)
        goal = given.get(str(label.id), before)
        if column >= 0 and goal != before:
            goals[label.id] = goal
    return Seen(AS_TRAINED if standing is None else standing.id, thresholds, goals)


def _by_column(run: _Run, thresholds: Mapping[int, float]) -> dict[int, float]:
    """Thresholds by label id as thresholds by column of the run; labels that it does not know are left out."""
    return {
        column: float(thresholds[label.id])
        for label, column in zip(run.view.labels, run.columns, strict=True)
        if column >= 0 and label.id in thresholds
    }


def _add(
    connection: Connection,
    run: _Run,
    standing: ThresholdVersion | None,
    moved: Mapping[int, float],
    *,
    note: str,
    goals: Mapping[str, str],
) -> tuple[int, int]:
    """Store the run's thresholds with these columns moved; the version's number and how many of them changed.

    What is not moved is read within the same transaction, so that two people who save at once both keep their labels.
    """
    if len(note) > MAX_NOTE:
        raise SettingError(f"The note has {len(note):,} characters.", hint=f"Shorten it to {MAX_NOTE:,}.")
    run_id, author = run.bundle.run_id, run.store.settings.author
    before = _thresholds(run.bundle, standing)
    values = list(before)
    for column, value in moved.items():
        values[column] = value
    chosen = _chosen(goals)
    version = runs.add_threshold_version(
        connection,
        run_id,
        values,
        author=author,
        note=storable(note),
        at=now(),
        metrics=_measured(run, values, chosen),
        goals=chosen or None,
    )
    if run_id == runs.current(connection).run_id:
        runs.set_current(connection, run_id, version, author=author, at=now())
    runs.set_draft(connection, run_id, author, {})
    return version, _n_different(before, values)


def _add_from(run: _Run, given: Mapping[int, FileLabel], *, note: str) -> tuple[int, int, int]:
    """Store what a file says of the run's columns; the version, how many of them changed, and how many were let go."""
    moved = {column: each.threshold for column, each in given.items()}
    with run.store.db.write("runs") as connection:
        let_go = _unsaved(run.store, connection, run.bundle, run.view).n_labels
        standing = runs.standing(connection, run.bundle.run_id)
        return *_add(connection, run, standing, moved, note=note, goals=_goals_with(run, standing, given)), let_go


def _measured(run: _Run, thresholds: Sequence[float], goals: Mapping[str, str]) -> dict[str, Any]:
    """What thresholds, in the order of the run's labels, score on its evidence as it is now."""
    evidence = run.board.evidence
    values = [thresholds[column] for column in evidence.own_columns.tolist()]
    y_pred = apply_thresholds(evidence.y_prob, values)
    return {
        **summary(score_labels(evidence.y_true, y_pred, evidence.judged)),
        "held_out": _held_out(run, values, readable(goals)),
        "n_transactions": int(evidence.rows.size),
        "tags_given": int(np.count_nonzero(y_pred)),
        "measured_on": measured_on(run.bundle.run_id),
    }


def _held_out(run: _Run, thresholds: Sequence[float], goals: Mapping[str, str]) -> dict[str, Any]:
    """What they score where each row is cut at thresholds that the labels' goals chose without it.

    Parameters
    ----------
    thresholds : in the order of the board's labels
    """
    its_goals = [goals.get(str(label.id), RECOMMENDED) for label in run.board.labels]
    solutions = [run.solve(place, goal) for place, goal in enumerate(its_goals)]
    found = run.board.held_out(thresholds, its_goals, solutions)
    return {"micro_f1": found.scores.micro.f1, "macro_f1": found.scores.macro.f1, "by_hand": found.n_by_hand}


def _thresholds(bundle: Bundle, version: ThresholdVersion | None) -> tuple[float, ...]:
    return bundle.thresholds if version is None else version.thresholds


def _goals(version: ThresholdVersion | None) -> dict[str, str]:
    return {} if version is None else _chosen(version.goals)


def _chosen(goals: Mapping[str, str] | None) -> dict[str, str]:
    """Goals but for those that are none of the label's own."""
    return {label_id: goal for label_id, goal in (goals or {}).items() if goal != RECOMMENDED}


def _unsaved(store: Store, connection: Connection, bundle: Bundle, view: View) -> Unsaved:
    author = store.settings.author
    draft, given = (read(connection, bundle.run_id, author) for read in (runs.draft, runs.draft_goals))
    standing = runs.standing(connection, bundle.run_id)
    thresholds, goals = _thresholds(bundle, standing), readable(_goals(standing))
    n_moved = n_goals = 0
    for label, column in zip(view.labels, store.label_columns(bundle, view.labels), strict=True):
        if column < 0:
            continue
        key, threshold = str(label.id), thresholds[column]
        goal = goals.get(key, RECOMMENDED)
        has_moved = draft.get(key, threshold) != threshold
        n_moved += has_moved
        n_goals += not has_moved and given.get(key, goal) != goal
    return Unsaved(n_moved, n_goals)


def _about_unsaved(n_labels: int) -> list[str]:
    """Sentences that warn: none where nothing was let go."""
    if not n_labels:
        return []
    return ["1 unsaved move was let go." if n_labels == 1 else f"{n_labels:,} unsaved moves were let go."]


def _version(
    connection: Connection, bundle: Bundle, version_id: int
) -> tuple[ThresholdVersion | None, tuple[float, ...]]:
    """A version of the run, None for those that it was trained with, and its thresholds."""
    if version_id == AS_TRAINED:
        return None, bundle.thresholds
    for version in runs.threshold_versions(connection, bundle.run_id):
        if version.id == version_id:
            return version, version.thresholds
    raise _no_version(bundle, version_id)


def _no_version(bundle: Bundle, version_id: int) -> NotFoundError:
    return NotFoundError(
        f"The run {bundle.run_id!r} has no threshold version {version_id}.",
        hint="List them: tagger thresholds history.",
    )


def _n_different(before: Sequence[float], after: Sequence[float]) -> int:
    return sum(was != is_now for was, is_now in zip(before, after, strict=True))


def _labels(run: _Run) -> list[tuple[int | None, str]]:
    """For each column of the run the label's id and name in the store as it is now."""
    names = [name for _, name in run.bundle.labels]
    for label, column in zip(run.view.labels, run.columns, strict=True):
        if column >= 0:
            names[column] = label.name
    return list(zip(_label_ids(run.store, run.bundle, run.view, run.columns), names, strict=True))


def _label_ids(store: Store, bundle: Bundle, view: View, columns: Sequence[int]) -> list[int | None]:
    """For each column of the run the label's id in the store; None for labels that only another store has."""
    is_own = bundle.store_id == store.db.store_id
    ids: list[int | None] = [label_id if is_own else None for label_id, _ in bundle.labels]
    for label, column in zip(view.labels, columns, strict=True):
        if column >= 0:
            ids[column] = label.id
    return ids


def _met(run: _Run, document: Document) -> tuple[dict[int, FileLabel], list[str]]:
    """The file's labels by column of the run, and the names of those that it does not know."""
    own = {fold_name(name): column for column, (_, name) in enumerate(run.bundle.labels)}
    labels = zip(run.view.labels, run.columns, strict=True)
    of_now = {fold_name(label.name): column for label, column in labels if column >= 0}
    # After a renaming the two can disagree; what comes from this run means its own.
    places = of_now | own if document.run_id == run.bundle.run_id else own | of_now
    given: dict[int, FileLabel] = {}
    unknown = []
    for each in document.labels:
        column = places.get(fold_name(each.name))
        if column is None:
            unknown.append(each.name)
        elif column in given:
            raise ThresholdsFileError(f"{document.name} names one label twice: {given[column].name!r}, {each.name!r}.")
        else:
            given[column] = each
    if not given:
        raise ThresholdsFileError(
            f"The run {run.bundle.run_id} knows no label of {document.name}: {_some(unknown)}.",
            hint="List the run's labels: tagger thresholds show.",
        )
    return given, unknown


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (
        f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    )


def _about_file(run: _Run, document: Document, unknown: Sequence[str]) -> list[str]:
    """Sentences that warn of where a file comes from, and of what the run does not know."""
    warnings = []
    if document.run_id != run.bundle.run_id:
        warnings.append(
            f"{document.name} comes from the run {document.run_id}: its thresholds were chosen for other scores. "
            "Its labels were met by name."
        )
    if unknown:
        warnings.append(f"The run does not know these labels of {document.name}: {_some(unknown)}.")
    return warnings


def _is_standing(run: _Run, standing: ThresholdVersion | None, given: Mapping[int, FileLabel]) -> bool:
    """Whether a file says of every label that it names what is in use anyway."""
    thresholds = _thresholds(run.bundle, standing)
    has_moved = any(each.threshold != thresholds[column] for column, each in given.items())
    return not has_moved and _goals_with(run, standing, given) == _goals(standing)


def _goals_with(run: _Run, standing: ThresholdVersion | None, given: Mapping[int, FileLabel]) -> dict[str, str]:
    """The goals in use, with those of the file for the labels that it names."""
    ids = _label_ids(run.store, run.bundle, run.view, run.columns)
    goals = _goals(standing)
    for column, each in given.items():
        goals.pop(str(ids[column]), None)
        if each.goal is not None and ids[column] is not None:
            goals[str(ids[column])] = each.goal
    return _chosen(goals)
