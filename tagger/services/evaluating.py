"""Train on one file, score on another: no database, so that anyone can check the numbers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import TrainingError
from tagger.labels.labelset import fold_name
from tagger.learning.memory import Memory
from tagger.learning.metrics import score_labels
from tagger.learning.recipe import Recipe, resolve
from tagger.learning.thresholds import apply_thresholds
from tagger.services.deep import fit_deep
from tagger.services.encoding import Encoding
from tagger.services.gathering import TrainingSet, examples_of
from tagger.services.inputs import Facts, facts_of_table, gather_inputs
from tagger.services.progress import Progress
from tagger.services.scores import measured, summary
from tagger.services.training import fit
from tagger.storage.runs import Bundle
from tagger.transactions.layout import ReadOptions
from tagger.transactions.merchant import group_key
from tagger.transactions.readers import read_table
from tagger.transactions.text import fold_description


@dataclass(frozen=True)
class LabeledRows:
    """The judged rows of a file, with its labels as columns."""

    descriptions: list[str]
    facts: Facts
    names: list[str]
    y_true: NDArray[np.bool_]

    def take(self, rows: NDArray[np.intp]) -> LabeledRows:
        descriptions = [self.descriptions[row] for row in rows.tolist()]
        return LabeledRows(descriptions, self.facts.take(rows), self.names, self.y_true[rows])


def evaluate(
    encoding: Encoding,
    *,
    train_path: Path,
    test_path: Path,
    recipe: Recipe,
    options: ReadOptions,
    progress: Progress,
    starter_run: Bundle | None = None,
    train_rows: int | None = None,
    remember: bool = False,
) -> dict[str, Any]:
    """Weights, features and thresholds come from the training file alone; the test file is only scored.

    Parameters
    ----------
    starter_run : where heads for labels that it knows begin; see `starter.starter_for`.
    recipe : where it tunes layers, these are used only if they are better out of fold on the training file; see `deep`.
    train_rows : take that many groups of equal descriptions, one row each; nested for growing numbers at one seed.
    remember : answer equal descriptions from memory, as the app does; else the head predicts every row.

    Raises
    ------
    TrainingError
        If a file has no labelled rows.
    """
    started = time.perf_counter()
    progress.stage("Reading files")
    train, test = _read(train_path, options), _read(test_path, options)
    if train_rows is not None:
        train = train.take(_one_row_each(train.descriptions, train_rows, recipe.seed))
    columns = np.flatnonzero(train.y_true.any(axis=0))
    names = [train.names[column] for column in columns.tolist()]
    folded = {fold_name(name): place for place, name in enumerate(names)}
    test_columns = [folded.get(fold_name(name), -1) for name in test.names]
    y_test = np.zeros((len(test.descriptions), len(names)), dtype=bool)
    for column, place in enumerate(test_columns):
        if place >= 0:
            y_test[:, place] = test.y_true[:, column]

    groups = _numbers([group_key(description) for description in train.descriptions])
    data = TrainingSet(
        rows=np.arange(len(train.descriptions), dtype=np.intp),
        columns=columns,
        y_true=train.y_true[:, columns],
        judged=np.ones((len(train.descriptions), len(names)), dtype=bool),
        groups=groups,
    )
    recipe = resolve(recipe, data.n_groups)
    labels = [(name, "") for name in names]
    examples = examples_of(
        encoding, data, recipe.features, progress, facts=train.facts, labels=labels, starter_run=starter_run
    )
    test_inputs, _ = gather_inputs(encoding, test.facts, recipe.features, progress)
    encoded = time.perf_counter()
    deep = None
    if recipe.tuned_layers:
        deep = fit_deep(encoding, examples, recipe, progress, also=test_inputs.texts.tolist())
    if deep is not None and deep.fitted is not None and deep.tuned is not None:
        fitted, y_prob = deep.fitted, deep.tuned.probabilities(test_inputs)
    else:
        fitted = fit(examples, recipe, progress)
        y_prob = fitted.model.probabilities(test_inputs)
    thresholds = [chosen.value for chosen in fitted.thresholds]
    fit_seconds = time.perf_counter() - encoded

    y_pred = apply_thresholds(y_prob, thresholds)
    at_half = apply_thresholds(y_prob, [0.5] * len(names))
    if remember:
        memory = Memory.from_judged([fold_description(text) for text in train.descriptions], data.y_true, data.judged)
        answers = memory.lookup([fold_description(text) for text in test.descriptions])
        y_pred, at_half = (np.where(answers.judged, answers.y_true, pred) for pred in (y_pred, at_half))
    # A file judges only labels that it contains.
    judged = np.zeros_like(y_test)
    judged[:, [place for place in test_columns if place >= 0]] = True
    test_groups = _numbers([group_key(description) for description in test.descriptions])
    seen_groups = {group_key(description) for description in train.descriptions}
    seen = np.fromiter((group_key(description) in seen_groups for description in test.descriptions), dtype=bool)
    total = time.perf_counter() - started
    return {
        "run_id": None,
        "n_transactions": len(train.descriptions),
        "n_groups": data.n_groups,
        "n_labels": len(names),
        "measured_on": "test",
        **measured(y_test, y_prob, y_pred, judged, test_groups, names=names, thresholds=thresholds, seed=recipe.seed),
        "recipe": recipe.to_dict(),
        "seconds": {
            "encode": encoded - started,
            "fit": fit_seconds,
            "tune": total - (encoded - started) - fit_seconds,
            "total": total,
        },
        "n_train": len(train.descriptions),
        "n_test": len(test.descriptions),
        "at_half": summary(score_labels(y_test, at_half, judged)),
        "unknown_labels": [name for name, place in zip(test.names, test_columns, strict=True) if place < 0],
        "tags_per_row": float(y_pred.sum(axis=1).mean()),
        "true_tags_per_row": float(y_test.sum(axis=1).mean()),
        "seen": summary(score_labels(y_test[seen], y_pred[seen], judged[seen])),
        "unseen": summary(score_labels(y_test[~seen], y_pred[~seen], judged[~seen])),
        "n_seen": int(np.count_nonzero(seen)),
        **({} if deep is None else {"deep": deep.told}),
    }


def _read(path: Path, options: ReadOptions) -> LabeledRows:
    table = read_table(path, options)
    kept = [row for row, found in enumerate(table.labels) if found is not None]
    labels = [table.labels[row] or () for row in kept]
    if not kept:
        raise TrainingError(
            f"{path.name} has no labelled rows.", hint="Name the column that holds the labels: --labels-column."
        )
    names: dict[str, str] = {}
    for found in labels:
        for name in found:
            names.setdefault(fold_name(name), name)
    places = {folded: place for place, folded in enumerate(names)}
    y_true = np.zeros((len(kept), len(names)), dtype=bool)
    for row, found in enumerate(labels):
        y_true[row, [places[fold_name(name)] for name in found]] = True
    if not names:
        raise TrainingError(f"No row of {path.name} has a label.", hint="Check --labels-column and --labels-matching.")
    facts = facts_of_table(table).take(np.asarray(kept, dtype=np.intp))
    return LabeledRows([table.descriptions[row] for row in kept], facts, list(names.values()), y_true)


def _one_row_each(descriptions: Sequence[str], n_groups: int, seed: int) -> NDArray[np.intp]:
    """The first row of each of `n_groups` groups; a larger number at the same seed takes these and more."""
    numbers = _numbers([group_key(description) for description in descriptions])
    _, first = np.unique(numbers, return_index=True)
    return np.random.default_rng(seed).permutation(first)[:n_groups].astype(np.intp)


def _numbers(keys: Sequence[str]) -> NDArray[np.int64]:
    places: dict[str, int] = {}
    return np.fromiter((places.setdefault(key, len(places)) for key in keys), dtype=np.int64, count=len(keys))
