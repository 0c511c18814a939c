"""What a person does, in one line each; for the tests of the services."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from toys import labelled_csv

from tagger.services import review, runs
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store, now
from tagger.storage import labels
from tagger.storage.runs import Bundle, RunRow, add_run, write_bundle
from tagger.transactions.layout import ReadOptions

_numbers = itertools.count()
three_kinds = labelled_csv  # named for what is in it


def statement(*rows: str, header: str = "date,description,amount,tags") -> str:
    """`statement("2024-03-01,TESCO,-1.00,groceries")` as a file."""
    return "\n".join((header, *rows)) + "\n"


def import_csv(
    store: Store, text: str, name: str = "bank.csv", *, account: str = "main", is_sample: bool = False
) -> dict[str, Any]:
    """Import a statement; the whole report."""
    upload = Upload(name, text.encode(), ReadOptions(), account)
    return import_files(store, [upload], Progress(), is_sample=is_sample)


def make_labels(store: Store, *names: str) -> list[int]:
    with store.db.write("labels") as connection:
        return list(labels.ensure_labels(connection, names, at=now(), origin="person").values())


def do(store: Store, **step: Any) -> str:
    """Send one step as the transaction list sends it; it must be stored. Its id."""
    step.setdefault("operation", f"step-{next(_numbers)}")
    done, failed = review.apply(store, [step])
    assert (done, failed) == ([step["operation"]], {})
    return str(step["operation"])


def verdict(store: Store, transaction: str, label: int, value: str = "yes") -> str:
    return do(store, kind="verdict", transaction=transaction, label=label, value=value)


def confirm(store: Store, transaction: str, present: Iterable[int] = (), new_labels: Sequence[str] = ()) -> str:
    return do(store, kind="confirm", transaction=transaction, present=tuple(present), new_labels=list(new_labels))


def undo(store: Store, target: str) -> str:
    return do(store, kind="undo", target=target)


def ids_by_description(store: Store) -> dict[str, str]:
    """The public id of the first row of each description."""
    columns = store.view().columns
    return dict(reversed(list(zip(columns.descriptions, columns.ids, strict=True))))


def add_made_up_run(
    store: Store, probabilities: np.ndarray, thresholds: Sequence[float], label_ids: Sequence[int], **parts: Any
) -> Bundle:
    """Promote a run that says what it is told: `probabilities` (n_texts, n_labels) for the texts of the store."""
    view = store.view()
    bundle = Bundle(
        run_id=f"20240301-120000-{uuid.uuid4().hex[:6]}",
        store_id=store.db.store_id,
        created_at="2024-03-01T12:00:00Z",
        encoder="toy",
        recipe={"thresholds": "grid"},
        labels=tuple((label_id, view.labels[view.column_of[label_id]].name) for label_id in label_ids),
        thresholds=tuple(thresholds),
        summary={"micro": {"f1": None}, "macro": {"f1": None}},
        head={"nothing": np.zeros(1)},
        **parts,
    )
    write_bundle(store.settings.runs_path / bundle.run_id, bundle)
    with store.db.write("runs") as connection:
        add_run(connection, RunRow(bundle.run_id, now(), "ada", uses_sample=False, summary=bundle.summary))
    store.predictions(bundle).add(view.columns.text_keys, probabilities.astype(np.float32))
    runs.promote(store, bundle.run_id)
    return bundle


class StopAt(Progress):
    """Stops where the work says that it is; `meanwhile` is what a person does at that moment."""

    def __init__(self, message: str, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.wanted, self.meanwhile = message, meanwhile

    def report(self, done: int, total: int, message: str | None = None) -> None:
        super().report(done, total, message)
        if message is not None and message.startswith(self.wanted) and not self.cancelled():
            self.meanwhile()
            self.stop()
