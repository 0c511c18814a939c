"""Files that carry thresholds to another run or store: writing a version, and saving what a file says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tagger.errors import ThresholdsFileError
from tagger.labels.labelset import fold_name
from tagger.services.board import RECOMMENDED, readable
from tagger.services.exporting import write
from tagger.services.store import Store
from tagger.services.threshold_files import FORMAT, FORMAT_VERSION, Document, FileLabel, as_json
from tagger.services.threshold_saving import Used, save_given
from tagger.services.threshold_versions import MeasuredRun, chosen, label_ids, listed, stamp, standing

NAMES_SHOWN = 20  # of labels, in one sentence


def export(store: Store, version_id: int | None = None, run_id: str | None = None) -> dict[str, Any]:
    """A version as plain values that `apply` takes, by default the one in use.

    Raises
    ------
    NotFoundError
        If the run has no such version.
    """
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    with store.db.read() as connection:
        its = chosen(connection, bundle, version_id)
    version = next(each for each in listed(store, bundle) if each.id == its.id)
    goals, ids = readable(its.goals), label_ids(store, view, bundle)
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
    run = MeasuredRun.of(store)
    named, unknown = _met(run, document)
    warnings = _about_file(run, document, unknown)
    ids = label_ids(store, run.view, run.bundle)
    moved = {column: each.threshold for column, each in named.items()}
    given = {
        str(ids[column]): RECOMMENDED if each.goal is None else each.goal
        for column, each in named.items()
        if ids[column] is not None
    }
    with store.db.read() as connection:
        saved = standing(connection, run.bundle)
    if saved.differs(moved, given):
        used = save_given(run, moved, given, note=note or f"from {document.name}")
        warnings += used.warnings
    else:
        used = Used(saved.id)
        warnings.append(f"Nothing in {document.name} differs from what is in use.")
    return {
        "run_id": run.bundle.run_id,
        "threshold_version_id": used.version,
        "changed": used.n_changed,
        "unknown": unknown,
        "kept": [name for column, name in enumerate(run.names) if column not in named],
        "let_go": used.n_let_go,
        "warnings": warnings,
    }


def _met(run: MeasuredRun, document: Document) -> tuple[dict[int, FileLabel], list[str]]:
    """The file's labels by column of the run, and the names of those that it does not know."""
    own = {fold_name(name): column for column, (_, name) in enumerate(run.bundle.labels)}
    of_now = {fold_name(label.name): column for label, column in run.known}
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


def _about_file(run: MeasuredRun, document: Document, unknown: Sequence[str]) -> list[str]:
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
