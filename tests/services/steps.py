"""What a person does, in one line each; for the tests of the services."""

from __future__ import annotations

import itertools
import random
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from toys import labelled_csv

from tagger.learning.recipe import Recipe
from tagger.services import review, runs, training
from tagger.services.importing import Upload, import_files
from tagger.services.inputs import group_hashes
from tagger.services.progress import Progress
from tagger.services.store import Store, now
from tagger.services.view import ABSENT, View
from tagger.storage import labels
from tagger.storage.runs import Bundle, RunRow, add_run, write_bundle
from tagger.transactions.layout import ReadOptions
from tagger.transactions.merchant import GROUP_VERSION

_numbers = itertools.count()
three_kinds = labelled_csv  # named for what is in it


def statement(*rows: str, header: str = "date,description,amount,tags") -> str:
    """`statement("2024-03-01,TESCO,-1.00,groceries")` as a file."""
    return "\n".join((header, *rows)) + "\n"


def a_b_and_c() -> str:
    """120 descriptions of two rows each, 100 of them judged: 30 are a, 20 are b (10 of them both), 5 are c."""
    rows = []
    for number in range(120):
        has = {"a": number < 30, "b": 20 <= number < 40, "c": 95 <= number < 100}
        tags = "|".join(name for name in has if has[name]) or "other"
        word = "".join(chr(97 + (number // 26**k) % 26) for k in range(3))
        rows += [
            f"2024-03-{1 + number % 28:02d},SHOP {word},-{number}.{copy}0,{tags if number < 100 else ''}"
            for copy in (1, 2)
        ]
    return statement(*rows)


def import_csv(
    store: Store, text: str, name: str = "bank.csv", *, account: str = "main", is_sample: bool = False
) -> dict[str, Any]:
    """Import a statement; the whole report."""
    upload = Upload(name, text.encode(), ReadOptions(), account)
    return import_files(store, [upload], Progress(), is_sample=is_sample)


def import_and_train(store: Store, *rows: str) -> None:
    """60 labelled descriptions and these rows besides, and a promoted run that learned from them."""
    import_csv(store, labelled_csv(20) + "".join(f"{row}\n" for row in rows), account="")
    training.train(store, Recipe(n_folds=3), Progress(), promote_it=True)


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


def truth(store: Store) -> np.ndarray:
    """Bool (n_transactions, n_labels)."""
    return store.view().truth.y_true


def flipped(store: Store, name: str, missed: int = 0, too_many: int = 0) -> np.ndarray:
    """The truth, but for one label: so many descriptions missed, and so many too many."""
    view = store.view()
    said = view.truth.y_true.copy()
    column = [label.name for label in view.labels].index(name)
    for has_it, n_flipped in ((True, missed), (False, too_many)):
        rows = np.flatnonzero((truth(store)[:, column] == has_it) & view.truth.judged[:, column])
        groups = np.unique(view.columns.group_index[rows])[:n_flipped]
        said[np.isin(view.columns.group_index, groups), column] ^= True
    return said


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
        recipe={"features": "both", "thresholds": "grid"},
        labels=tuple((label_id, view.labels[view.column_of[label_id]].name) for label_id in label_ids),
        thresholds=tuple(thresholds),
        summary={"micro": {"f1": None}, "macro": {"f1": None}},
        head={"nothing": np.zeros(1)},
        **parts,
    )
    write_bundle(store.settings.runs_path / bundle.run_id, bundle)
    with store.db.write("runs") as connection:
        add_run(connection, RunRow(bundle.run_id, now(), "ada", uses_sample=False, summary=bundle.summary))
    store.predictions(bundle).add(view.columns.inputs().keys, probabilities.astype(np.float32))
    runs.promote(store, bundle.run_id)
    return bundle


def out_of_fold(
    store: Store, y_prob: np.ndarray, *, rows: Sequence[int] | None = None, folds: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """What a run keeps of `rows` (default: all that are judged) that it learned from; `y_prob` is of every row.

    Each was cut at 0.5.
    """
    view = store.view()
    learned = sorted(view.judged_rows.tolist() if rows is None else rows)
    groups = view.columns.group_index[learned]
    seen = [view.columns.groups[group] for group in np.unique(groups).tolist()]
    return {
        "transaction_ids": np.array([list(bytes.fromhex(view.columns.ids[row])) for row in learned], dtype=np.uint8),
        "seen_groups": np.unique(group_hashes(seen)),
        "y_prob": y_prob[learned].astype(np.float32),
        "y_pred": (y_prob[learned] >= 0.5).astype(np.uint8),
        "folds": (groups % 5 if folds is None else folds).astype(np.int16),
    }


def scatter(store: Store) -> None:
    """120 rows of 40 descriptions, 6 without one, three labels, some verdicts.

    A made-up run says scores that often equal a threshold; they are 0.5, 0.3 and 0.7.
    """
    draw = random.Random(3)
    ids = make_labels(store, "groceries", "fuel", "rent")
    names = [f"SHOP {draw.randrange(40)}" for _ in range(120)] + [""] * 6
    rows = [f"2024-03-{1 + number % 28:02d},{name},-{number}.00" for number, name in enumerate(names)]
    import_csv(store, statement(*rows, header="date,description,amount"))
    view = store.view()
    scores = np.random.default_rng(0).choice(np.linspace(0, 1, 11), size=(len(view.columns.texts), 3))
    add_made_up_run(store, scores, [0.5, 0.3, 0.7], ids)
    for row in [*draw.sample(view.columns.ids, 15), view.columns.ids[-1]]:
        if draw.random() < 0.3:
            confirm(store, row, draw.sample(ids, 1))
        else:
            verdict(store, row, draw.choice(ids), draw.choice(["yes", "no"]))


def shows(view: View, thresholds: Mapping[int, float]) -> np.ndarray:
    """Which tags the whole view would show at other thresholds, by label id: the brute force."""
    values = np.array([thresholds[label.id] for label in view.labels])
    return replace(view, tagging=replace(view.tagging, thresholds=values)).sources != ABSENT


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


def add_scored_run(
    store: Store,
    y_pred: np.ndarray,
    *,
    rows: Sequence[int] | None = None,
    seen: Sequence[int] | None = None,
    says: np.ndarray | None = None,
    folds: np.ndarray | None = None,
    promote: bool = False,
    **parts: Any,
) -> Bundle:
    """Store a run that learned from `rows` of the view (default: all that are judged).

    `seen` are the rows whose descriptions it takes for seen (default: those that it learned from). `y_pred` is what it
    said of each row of the view out of fold, `says` what it predicts once promoted (default: the same). Its labels are
    those of the store.
    """
    view = store.view()
    learned = sorted(view.judged_rows.tolist() if rows is None else rows)
    fold_of = np.arange(len(learned)) % 5 if folds is None else folds
    seen_groups = view.columns.group_index[list(learned if seen is None else seen)].tolist()
    bundle = Bundle(
        run_id=f"20240302-120000-{uuid.uuid4().hex[:6]}",
        store_id=store.db.store_id,
        created_at="2024-03-02T12:00:00Z",
        encoder="of another day",  # so that nobody asks it for texts that come later
        recipe=parts.pop("recipe", {"features": "both", "thresholds": "grid"}),
        labels=tuple((label.id, label.name) for label in view.labels),
        thresholds=(0.5,) * len(view.labels),
        summary={"micro": {"f1": None}, "macro": {"f1": None}, "group_version": GROUP_VERSION, **parts},
        head={"nothing": np.zeros(1)},
        evidence={
            "transaction_ids": np.array(
                [list(bytes.fromhex(view.columns.ids[row])) for row in learned], dtype=np.uint8
            ),
            "seen_groups": np.unique(group_hashes([view.columns.groups[group] for group in seen_groups])),
            "y_prob": np.where(y_pred[learned], 0.9, 0.1).astype(np.float32),
            "y_pred": y_pred[learned].astype(np.uint8),
            "folds": fold_of.astype(np.int16),
        },
    )
    write_bundle(store.settings.runs_path / bundle.run_id, bundle)
    with store.db.write("runs") as connection:
        add_run(connection, RunRow(bundle.run_id, now(), "ada", uses_sample=False, summary=bundle.summary))
    of_text = np.full((len(view.columns.texts), len(view.labels)), 0.1, dtype=np.float32)
    of_text[view.columns.text_index] = np.where(y_pred if says is None else says, 0.9, 0.1)
    store.predictions(bundle).add(view.columns.inputs().keys, of_text)
    if promote:
        runs.promote(store, bundle.run_id)
    return bundle
