"""The label set: looking at it, changing it, and where a new store takes its first labels from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from tagger.errors import LabelError, NotFoundError
from tagger.labels.labelset import Label, find
from tagger.labels.truth import YES
from tagger.services.store import Store, now
from tagger.storage import labels
from tagger.storage.database import Connection


def overview(store: Store) -> list[dict[str, Any]]:
    """Every label with how often it was judged and how often present."""
    view = store.view()
    judged = np.count_nonzero(view.truth.judged, axis=0)
    positives = np.count_nonzero(view.truth.values == YES, axis=0)
    counts = {label.id: (int(judged[c]), int(positives[c])) for c, label in enumerate(view.labels)}
    with store.db.read() as connection:
        known = labels.all_labels(connection)
    return [
        {
            "id": label.id,
            "name": label.name,
            "judged": counts.get(label.id, (0, 0))[0],
            "positives": counts.get(label.id, (0, 0))[1],
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
    """Let every verdict of `source` count for `target`."""
    with store.db.write("labels") as connection:
        known = labels.all_labels(connection)
        into = _named(known, target)
        if into.merged_into is not None:
            into = next(label for label in known if label.id == into.merged_into)
        labels.merge_labels(connection, _named(known, source).id, into.id)
        return into


def archive(store: Store, name: str) -> Label:
    """Take a label out of use; its verdicts stay."""
    with store.db.write("labels") as connection:
        label = _named(labels.all_labels(connection), name)
        labels.set_archived(connection, label.id, now())
        return label


def restore(store: Store, name: str) -> Label:
    """Bring an archived label back, with its verdicts."""
    with store.db.write("labels") as connection:
        label = _named(labels.all_labels(connection), name)
        labels.set_archived(connection, label.id, None)
        return label


def adopt_starter(store: Store, connection: Connection) -> None:
    """Give a store without labels those that the starter knows, so that its first rows can show tags."""
    starter = store.starter()
    if starter is not None:
        names = [name for _, name in starter.labels]
        labels.ensure_labels(connection, names, at=now(), origin="starter", looks=known_looks(store))


def known_looks(store: Store) -> dict[str, tuple[str, str]]:
    """Colour and definition of the sample's labels, by name; empty when the sample is not there."""
    path = store.settings.sample_path / "labels.json"
    known = json.loads(path.read_text()) if path.is_file() else []
    return {label["name"]: (label["color"], label["definition"]) for label in known}


def _named(known: Sequence[Label], name: str) -> Label:
    label = find(known, name)
    if label is None:
        raise NotFoundError(f"There is no label {name!r}.", hint="List the labels: tagger labels list.")
    return label
