"""Runs: immutable bundles on disk, and rows that say which one is current with which thresholds.

A bundle is a folder of JSON and safetensors; `models/README.md` describes it.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from sqlalchemy import Column, Connection, delete, insert, select, update

from tagger.errors import BundleError, NotFoundError, SettingError
from tagger.learning.recipe import Recipe
from tagger.storage import schema
from tagger.storage.database import inserted_id
from tagger.storage.faults import explained

FORMAT_VERSION = 3
ENCODER = "encoder"  # the folder in a bundle
STARTER = "starter"
STEPS_KEPT = timedelta(days=30)  # longer than a tab stays open and sends again what was not answered

# What a reader of a run relies on: a type or several, [what each entry is], or {key: what is there if it is there}.
_NUMBER, _SCORE = (int, float), (int, float, type(None))
_SCORES = dict.fromkeys(("precision", "recall", "f1"), _SCORE)
_RANGES = dict.fromkeys(("precision", "recall", "f1"), (list, type(None)))
_IN_ALL = {"micro": _SCORES, "macro": {**_SCORES, "labels_scored": int, "labels_left_out": int}}
_SHAPE: dict[str, Any] = {
    "run_id": str,
    "store_id": str,
    "created_at": str,
    "encoder": str,
    "recipe": {
        **dict.fromkeys(("features", "thresholds"), str),
        **dict.fromkeys(("seed", "n_folds", "tuned_layers", "tuned_epochs"), int),
        "head": {"widths": [int], "epochs": int},
    },
    "summary": {
        **_IN_ALL,
        **dict.fromkeys(("n_transactions", "n_groups", "n_labels", "judged_until"), int),
        **dict.fromkeys(("exact_match", "lrap", "coverage", "untagged"), _SCORE),
        "labels": [{**_SCORES, "label": str, "threshold": _NUMBER, "support": int, "interval": _RANGES}],
        "intervals": {"micro": _RANGES, "macro": _RANGES},
        "thresholds_tuned": [bool],
        "neighbors": _NUMBER,
        "rejected_labels": [str],
        "later_batch": {**_IN_ALL, "share_remembered": _SCORE, "remembered": _IN_ALL, "predicted": _IN_ALL},
        "bought": {"line": str},
        "seconds": dict.fromkeys(("encode", "fit", "tune", "total"), _NUMBER),
    },
}


@dataclass(frozen=True)
class Bundle:
    """All that a run needs to tag, and all that its scores were measured from.

    Attributes
    ----------
    labels : (label id in the store that trained it, name), in column order.
    thresholds : the first ones, one per label.
    head : the model's tensors.
    evidence : ids of the rows it learned from, their out-of-fold probabilities, predictions and folds, and which
        groups of descriptions it saw; the starter has the last only.
    tuned_encoder : the family of the encoder that lies in the bundle; "" where there is none.
    """

    run_id: str
    store_id: str
    created_at: str
    encoder: str
    recipe: dict[str, Any]
    labels: tuple[tuple[int, str], ...]
    thresholds: tuple[float, ...]
    summary: dict[str, Any]
    head: dict[str, NDArray[Any]]
    evidence: dict[str, NDArray[Any]] = field(default_factory=dict)
    tuned_encoder: str = ""


def beside(folder: Path) -> Path:
    """A place for what is to become part of a run; what is left there is swept."""
    return folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")


def write_bundle(folder: Path, bundle: Bundle, *, encoder: Path | None = None) -> None:
    """Write aside, force to disk, then rename: a bundle is whole or not there.

    Parameters
    ----------
    encoder : the folder of the run's own encoder, on the same disk; it is moved into the bundle.

    Raises
    ------
    FileExistsError
        If the run is there already; runs are never overwritten.
    TaggerError
        If the disk is full or read-only; nothing is left of the run then.
    """
    if folder.exists():
        raise FileExistsError(folder)
    aside = beside(folder)
    try:
        with explained(folder):
            _write(aside, bundle, encoder)
            aside.rename(folder)
            _force_to_disk(folder.parent)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def _write(aside: Path, bundle: Bundle, encoder: Path | None) -> None:
    aside.mkdir(parents=True)
    if encoder is not None:
        for path in (*encoder.iterdir(), encoder):
            _force_to_disk(path)
        encoder.rename(aside / ENCODER)
    description = {
        # What an earlier version of this program can read, it may.
        "format_version": FORMAT_VERSION if bundle.tuned_encoder else 2,
        "run_id": bundle.run_id,
        "store_id": bundle.store_id,
        "created_at": bundle.created_at,
        "encoder": bundle.encoder,
        "tuned_encoder": bundle.tuned_encoder,
        "recipe": bundle.recipe,
        "labels": [{"id": label_id, "name": name} for label_id, name in bundle.labels],
        "thresholds": list(bundle.thresholds),
        "summary": bundle.summary,
    }
    text = json.dumps(description, indent=1, ensure_ascii=False, allow_nan=False)
    (aside / "run.json").write_text(f"{text}\n", encoding="utf-8")
    # Written by us: safetensors' own writer hides what the disk says behind an error of its own.
    (aside / "head.safetensors").write_bytes(save(_plain(bundle.head)))
    if bundle.evidence:
        (aside / "evidence.safetensors").write_bytes(save(_plain(bundle.evidence)))
    for path in (*aside.iterdir(), aside):
        _force_to_disk(path)


def read_bundle(folder: Path) -> Bundle:
    """Read a run.

    Raises
    ------
    NotFoundError
        If there is none.
    BundleError
        If it is damaged, or written by a later version.
    """
    if not (folder / "run.json").is_file():
        raise NotFoundError(f"There is no run {folder.name!r}.", hint="List the runs: tagger runs list.")
    try:
        description = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if description["format_version"] > FORMAT_VERSION:
            raise BundleError(
                f"The run {folder.name!r} has format {description['format_version']}, this is {FORMAT_VERSION}."
            )
        evidence_path = folder / "evidence.safetensors"
        bundle = Bundle(
            run_id=description["run_id"],
            store_id=description["store_id"],
            created_at=description["created_at"],
            encoder=description["encoder"],
            recipe=description["recipe"],
            labels=tuple((int(label["id"]), str(label["name"])) for label in description["labels"]),
            thresholds=tuple(float(value) for value in description["thresholds"]),
            summary=description["summary"],
            head=load_file(folder / "head.safetensors"),
            evidence=load_file(evidence_path) if evidence_path.exists() else {},
            tuned_encoder=str(description.get("tuned_encoder", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, SafetensorError) as error:
        raise BundleError(f"The run {folder.name!r} is damaged: {error}.") from error
    if bundle.run_id not in {folder.name, STARTER}:  # predictions are written under it
        raise BundleError(f"The run {folder.name!r} is damaged: it says that it is {bundle.run_id!r:.60}.")
    if not all(0 <= threshold <= 1 for threshold in bundle.thresholds):
        raise BundleError(f"The run {folder.name!r} is damaged: a threshold is no number from 0 to 1.")
    _check(folder.name, bundle)
    return bundle


def _check(name: str, bundle: Bundle) -> None:
    """Refuse a run whose parts do not fit together, here, where one hears which run it is."""
    for part, shape in _SHAPE.items():
        wrong = _misfit(getattr(bundle, part), shape, part)
        if wrong is not None:
            raise BundleError(f"The run {name!r} is damaged: {wrong}.")
    n_labels, evidence = len(bundle.labels), bundle.evidence
    if n_labels != len(bundle.thresholds):
        raise BundleError(f"The run {name!r} is damaged: {n_labels} labels, {len(bundle.thresholds)} thresholds.")
    try:
        Recipe.from_dict(bundle.recipe | {"features": bundle.recipe["features"]})
    except (SettingError, KeyError, TypeError) as error:
        raise BundleError(f"The run {name!r} is damaged, or of a later version: its recipe says {error}.") from error
    bias = bundle.head.get("head.output.bias")
    if bias is not None and bias.shape != (n_labels,):
        raise BundleError(f"The run {name!r} is damaged: a head for {bias.size} labels, of which it names {n_labels}.")
    rows = {key: evidence[key] for key in ("transaction_ids", "y_prob", "y_pred", "folds") if key in evidence}
    if len({values.shape[:1] for values in rows.values()}) > 1:
        raise BundleError(f"The run {name!r} is damaged: its evidence speaks of different numbers of transactions.")
    if any(rows[key].shape[1:] != (n_labels,) for key in ("y_prob", "y_pred") if key in rows):
        raise BundleError(f"The run {name!r} is damaged: its evidence speaks of other labels.")


def _misfit(value: object, shape: Any, at: str) -> str | None:
    """Say where a value of `_SHAPE` has another one; None where it has not."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return f"{at} is {value!r:.60}"
        found = (_misfit(value[key], each, f"{at}.{key}") for key, each in shape.items() if key in value)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            return f"{at} is {value!r:.60}"
        found = (_misfit(each, shape[0], f"{at}[{place}]") for place, each in enumerate(value))
    else:
        # True is an int to Python alone.
        fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        return None if fits else f"{at} is {value!r:.60}"
    return next((wrong for wrong in found if wrong is not None), None)


def remove_bundle(folder: Path) -> None:
    """Delete a run's folder, renaming first so that a crash leaves no half."""
    if folder.exists():
        aside = beside(folder)
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)  # what cannot be deleted is swept later


def sweep(runs_path: Path, discarded: Iterable[str] = ()) -> None:
    """Remove what a killed process left aside, and the folders of discarded runs that it did not come to delete."""
    for aside in runs_path.glob(".*.????????????????????????????????"):
        shutil.rmtree(aside, ignore_errors=True)
    for run_id in discarded:
        remove_bundle(runs_path / run_id)


@dataclass(frozen=True)
class RunRow:
    """A run as the database knows it."""

    id: str
    created_at: datetime
    author: str
    uses_sample: bool
    summary: dict[str, Any]


@dataclass(frozen=True)
class ThresholdVersion:
    """Saved thresholds of a run, in the order of its labels.

    Attributes
    ----------
    metrics : what they scored when they were saved; None for versions of before that was kept.
    goals : by label id as text, what each was chosen for, such as "precision>=0.95"; None where nobody said.
    """

    id: int
    run_id: str
    created_at: datetime
    author: str
    note: str
    thresholds: tuple[float, ...]
    metrics: dict[str, Any] | None
    goals: dict[str, str] | None


@dataclass(frozen=True)
class Note:
    """What a person wrote about a run."""

    text: str
    author: str
    at: datetime


@dataclass(frozen=True)
class CurrentRun:
    """What tags transactions now: a run and one version of its thresholds (None: its first ones)."""

    run_id: str
    threshold_version_id: int | None


def add_run(connection: Connection, run: RunRow) -> None:
    connection.execute(
        insert(schema.runs).values(
            id=run.id,
            created_at=run.created_at,
            author=run.author,
            uses_sample=run.uses_sample,
            summary=run.summary,
        )
    )


def runs(connection: Connection) -> list[RunRow]:
    """Runs that were not discarded, newest first."""
    rows = connection.execute(
        select(schema.runs).where(schema.runs.c.discarded_at.is_(None)).order_by(schema.runs.c.created_at.desc())
    ).mappings()
    return [RunRow(row["id"], row["created_at"], row["author"], row["uses_sample"], row["summary"]) for row in rows]


def discarded_runs(connection: Connection) -> list[str]:
    """The ids of runs that were thrown away."""
    return [
        row[0] for row in connection.execute(select(schema.runs.c.id).where(schema.runs.c.discarded_at.is_not(None)))
    ]


def discard_run(connection: Connection, run_id: str, at: datetime) -> None:
    connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(discarded_at=at))


def add_threshold_version(
    connection: Connection,
    run_id: str,
    thresholds: Sequence[float],
    *,
    author: str,
    note: str,
    at: datetime,
    metrics: Mapping[str, Any] | None = None,
    goals: Mapping[str, str] | None = None,
) -> int:
    inserted = connection.execute(
        insert(schema.threshold_versions).values(
            run_id=run_id,
            created_at=at,
            author=author,
            note=note,
            thresholds=list(thresholds),
            metrics=None if metrics is None else dict(metrics),
            goals=None if goals is None else dict(goals),
        )
    )
    return inserted_id(inserted)


def threshold_versions(connection: Connection, run_id: str) -> list[ThresholdVersion]:
    """Saved thresholds of a run, newest first."""
    table = schema.threshold_versions
    rows = connection.execute(select(table).where(table.c.run_id == run_id).order_by(table.c.id.desc())).mappings()
    return [
        ThresholdVersion(
            id=row["id"],
            run_id=row["run_id"],
            created_at=row["created_at"],
            author=row["author"],
            note=row["note"],
            thresholds=tuple(row["thresholds"]),
            metrics=row["metrics"],
            goals=row["goals"],
        )
        for row in rows
    ]


def standing(connection: Connection, run_id: str) -> ThresholdVersion | None:
    """The thresholds that a run has in use, or would have if it were promoted; None: those it was trained with.

    That is the newest version, unless that one was in use already: then whatever the run was last used with, so that
    going back to an earlier version outlasts another run.
    """
    table = schema.current_runs
    versions = {version.id: version for version in threshold_versions(connection, run_id)}
    choices = [choice for _, choice in _choices(connection)]
    used = [choice.threshold_version_id for choice in choices if choice.run_id == run_id]
    newest = max(versions, default=None)
    ever_used = connection.execute(select(table.c.threshold_version_id).where(table.c.run_id == run_id)).scalars()
    if used and (choices[-1].run_id == run_id or newest in set(ever_used)):
        newest = used[-1]
    return None if newest is None else versions.get(newest)


def current(connection: Connection, *, without: str | None = None) -> CurrentRun:
    """The newest choice that was not rolled back and whose run still exists; the starter when there is none.

    Parameters
    ----------
    without : a run that is left out, as if it were discarded.
    """
    return [choice for _, choice in _choices(connection) if choice.run_id != without][-1]


def promoted(connection: Connection) -> set[str]:
    """The runs that are or were in use, without those that were rolled back."""
    return {choice.run_id for _, choice in _choices(connection)}


def previous(connection: Connection) -> CurrentRun | None:
    """What `roll_back` would return to: the choice before the current one; None where there is none."""
    before = _choice_before(connection)
    return None if before is None else before[1]


def roll_back(connection: Connection, *, author: str, at: datetime) -> CurrentRun:
    """Return to the choice before the current one, run and thresholds together. Again, to the one before that.

    Raises
    ------
    NotFoundError
        If nothing was chosen before.
    """
    before = _choice_before(connection)
    if before is None:
        raise NotFoundError(
            "There is nothing to roll back to.", hint="No other run and no other thresholds were in use before."
        )
    seq, choice = before
    connection.execute(
        insert(schema.current_runs).values(
            run_id=choice.run_id,
            threshold_version_id=choice.threshold_version_id,
            author=author,
            at=at,
            returns_to=seq,
        )
    )
    return choice


def _choice_before(connection: Connection) -> tuple[int, CurrentRun] | None:
    choices = _choices(connection)
    # Promoting a run that is in use already changed nothing, so going back over it would not either.
    others = [each for each in choices if each[1] != choices[-1][1]]
    return others[-1] if others else None


def _choices(connection: Connection) -> list[tuple[int, CurrentRun]]:
    """The choices that count, each with its number, oldest first; the starter is the first one."""
    kept = {
        STARTER,
        *connection.execute(select(schema.runs.c.id).where(schema.runs.c.discarded_at.is_(None))).scalars(),
    }
    table = schema.current_runs
    choices = [(0, CurrentRun(STARTER, None))]
    for seq, run_id, version, returns_to in connection.execute(
        select(table.c.seq, table.c.run_id, table.c.threshold_version_id, table.c.returns_to).order_by(table.c.seq)
    ):
        if returns_to is None:
            choices.append((seq, CurrentRun(run_id, version)))
        else:
            choices = [each for each in choices if each[0] <= returns_to]
    return [each for each in choices if each[1].run_id in kept]


def set_current(
    connection: Connection, run_id: str, threshold_version_id: int | None, *, author: str, at: datetime
) -> None:
    connection.execute(
        insert(schema.current_runs).values(
            run_id=run_id, threshold_version_id=threshold_version_id, author=author, at=at
        )
    )


def add_note(connection: Connection, run_id: str, text: str, *, author: str, at: datetime) -> None:
    connection.execute(insert(schema.run_notes).values(run_id=run_id, text=text, author=author, at=at))


def notes(connection: Connection) -> dict[str, list[Note]]:
    """The notes on each run that has any, newest first."""
    table = schema.run_notes
    found: dict[str, list[Note]] = {}
    for run_id, text, author, at in connection.execute(
        select(table.c.run_id, table.c.text, table.c.author, table.c.at).order_by(table.c.seq.desc())
    ):
        found.setdefault(run_id, []).append(Note(text, author, at))
    return found


def draft(connection: Connection, run_id: str, author: str) -> dict[str, float]:
    """Thresholds that were dragged but not saved, by label id."""
    return _draft(connection, run_id, author, schema.drafts.c.thresholds)


def draft_goals(connection: Connection, run_id: str, author: str) -> dict[str, str]:
    """Goals that were given but not saved, by label id."""
    return _draft(connection, run_id, author, schema.drafts.c.goals)


def _draft(connection: Connection, run_id: str, author: str, column: Column[Any]) -> dict[str, Any]:
    table = schema.drafts
    found = connection.execute(select(column).where((table.c.run_id == run_id) & (table.c.author == author))).scalar()
    return dict(found) if found else {}


def set_draft(
    connection: Connection,
    run_id: str,
    author: str,
    thresholds: Mapping[str, float],
    goals: Mapping[str, str] | None = None,
) -> None:
    """Keep what was dragged and given instead of what was kept before."""
    table = schema.drafts
    connection.execute(delete(table).where((table.c.run_id == run_id) & (table.c.author == author)))
    if thresholds or goals:
        connection.execute(
            insert(table).values(run_id=run_id, author=author, thresholds=dict(thresholds), goals=dict(goals or {}))
        )


def take_step(connection: Connection, step: str, *, at: datetime) -> bool:
    """Remember a step at the sliders; False where it was taken before. Those of long ago are forgotten."""
    # Asked under the write lock: another tab may be sending the same step.
    table = schema.threshold_steps
    if connection.execute(select(table.c.id).where(table.c.id == step)).first() is not None:
        return False
    connection.execute(delete(table).where(table.c.at < at - STEPS_KEPT))
    connection.execute(insert(table).values(id=step, at=at))
    return True


def _plain(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _force_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
