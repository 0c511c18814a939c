"""The label set: looking at it, changing it, and where a new store takes its first labels from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tagger.errors import LabelError, NotFoundError
from tagger.labels.labelset import Label, find, fold_name
from tagger.labels.truth import YES, Truth
from tagger.services.store import Store, now
from tagger.services.view import View
from tagger.storage import judgements, labels
from tagger.storage.database import Connection


def overview(store: Store) -> list[dict[str, Any]]:
    """Every label with how often it was judged and how often present."""
    view = store.view()
    with store.db.read() as connection:
        known = labels.all_labels(connection)
        truth = _truth(connection, view, known)
    judged = np.count_nonzero(truth.judged, axis=0)
    positives = np.count_nonzero(truth.values == YES, axis=0)
    counts = {label_id: (int(judged[c]), int(positives[c])) for c, label_id in enumerate(truth.label_ids)}
    return [
        {
            "id": label.id,
            "name": label.name,
            "judged": counts[label.id][0],
            "positives": counts[label.id][1],
            "archived": label.archived,
        }
        for label in known
        if label.merged_into is None
    ]


def add(store: Store, name: str) -> Label:
    """Create a label.

    Raises
    ------
    LabelError
        If the name cannot be used or is taken.
    """
    with store.db.write("labels") as connection:
        taken = find(labels.all_labels(connection), name)
        if taken is not None:
            raise LabelError(f"There is a label {taken.name!r} already.", hint="Use it, or choose another name.")
        created = labels.ensure_labels(connection, [name], at=now(), origin="person")
        return next(label for label in labels.all_labels(connection) if label.id == created[name])


def rename(store: Store, name: str, new_name: str) -> Label:
    """Rename a label; its verdicts stay. Runs follow by the label's id."""
    with store.db.write("labels") as connection:
        label = _named(labels.all_labels(connection), name)
        labels.rename_label(connection, label.id, new_name)
        return next(each for each in labels.all_labels(connection) if each.id == label.id)


def merge(store: Store, source: str, target: str) -> Label:
    """Let every verdict of `source` count for `target`.

    Raises
    ------
    LabelError
        If both are the same label, or the target is archived, where its verdicts would be out of sight.
    """
    with store.db.write("labels") as connection:
        known = labels.all_labels(connection)
        into = _named(known, target)
        if into.merged_into is not None:
            into = next(label for label in known if label.id == into.merged_into)
        if into.archived:
            raise LabelError(f"The label {into.name!r} is archived.", hint="Restore it first, or choose another one.")
        labels.merge_labels(connection, _named(known, source).id, into.id)
        return into


def archive(store: Store, name: str) -> Label:
    """Take a label out of use; its verdicts stay."""
    with store.db.write("labels") as connection:
        label = _unmerged(labels.all_labels(connection), name)
        labels.set_archived(connection, label.id, now())
        return label


def restore(store: Store, name: str) -> Label:
    """Bring an archived label back, with its verdicts."""
    with store.db.write("labels") as connection:
        label = _unmerged(labels.all_labels(connection), name)
        labels.set_archived(connection, label.id, None)
        return label


def adopt_starter(store: Store, connection: Connection) -> None:
    """Give a store without labels those that the starter knows, so that its first rows can show tags.

    Those that a person has archived stay so.
    """
    starter = store.starter()
    if starter is not None:
        archived = {fold_name(label.name) for label in labels.all_labels(connection) if label.archived}
        names = [name for _, name in starter.labels if fold_name(name) not in archived]
        labels.ensure_labels(connection, names, at=now(), origin="starter", looks=known_looks(store))


def known_looks(store: Store) -> dict[str, tuple[str, str]]:
    """Colour and definition of the sample's labels, by name; empty when the sample is not there."""
    path = store.settings.sample_path / "labels.json"
    known = json.loads(path.read_text()) if path.is_file() else []
    return {label["name"]: (label["color"], label["definition"]) for label in known}


def _truth(connection: Connection, view: View, known: Sequence[Label]) -> Truth:
    """The verdicts of every label, archived ones too; the view has those of the labels in use."""
    listed = [label.id for label in known if label.merged_into is None]
    if listed == [label.id for label in view.labels]:
        return view.truth
    merged = {label.id: label.merged_into for label in known if label.merged_into is not None}
    truth = Truth(len(view.columns), listed, merged)
    truth.apply(judgements.judgements(connection, view.columns.row_of))
    return truth


def _unmerged(known: Sequence[Label], name: str) -> Label:
    label = _named(known, name)
    if label.merged_into is not None:
        into = next(each.name for each in known if each.id == label.merged_into)
        raise LabelError(f"The label {label.name!r} was merged into {into!r}.", hint=f"Name {into!r} instead.")
    return label


def _named(known: Sequence[Label], name: str) -> Label:
    label = find(known, name)
    if label is None:
        raise NotFoundError(f"There is no label {name!r}.", hint="List the labels: tagger labels list.")
    return label
