"""Tables that are not in the store: tagging one, its rows and columns kept; and reading a list of verdicts."""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tagger.errors import MissingColumnError, UnreadableFileError
from tagger.labels.labelset import fold_name
from tagger.learning.thresholds import apply_thresholds
from tagger.services.exporting import kind_of, write
from tagger.services.inputs import Facts, context_of, distinct, facts_of_table, gather_inputs
from tagger.services.progress import Progress
from tagger.services.store import Store, rejected_labels
from tagger.services.tagging import model_of
from tagger.services.threshold_versions import thresholds_of
from tagger.storage import labels
from tagger.storage.runs import STARTER, Bundle
from tagger.transactions.layout import ReadOptions
from tagger.transactions.readers import Table, read_table
from tagger.transactions.spreadsheet import escape_cell
from tagger.transactions.text import fold_description

logger = logging.getLogger(__name__)

TABLES = ("csv", "tsv", "tab", "txt", "parquet", "pq")
VERDICT_COLUMNS = ("transaction_id", "label", "verdict")
_VERDICTS = ReadOptions(
    description_column="label", date_column="", amount_column="", account_column="", labels_column="", first_line=1
)


def tag_table(
    store: Store,
    source: Path,
    target: Path,
    options: ReadOptions,
    progress: Progress,
    *,
    run_id: str | None = None,
    threshold_version: int | None = None,
    with_probabilities: bool = False,
) -> dict[str, Any]:
    """Read a table, add `tags` and `tag_source` (and `p:LABEL` columns), and write it.

    As in the app: a description that people judged is answered from memory, the run's head answers the rest, and the
    starter answers for labels that the run does not know.

    Raises
    ------
    NotFoundError
        If the run or the threshold version does not exist.
    UnreadableFileError
        If the target cannot be written, or its ending does not say how.
    """
    started = time.perf_counter()
    kind = kind_of(target, TABLES)
    progress.stage("Reading the table")
    table = read_table(source, options)
    bundle = store.bundle(run_id or store.view().tagging.run_id)
    thresholds = thresholds_of(store, bundle.run_id, threshold_version)
    facts = facts_of_table(table)
    y_prob, n_encoded = _predict(store, bundle, facts, progress)
    own, helped = _columns(store, bundle)
    if helped.size:
        starter = store.bundle(STARTER)
        by_starter, _ = _predict(store, starter, facts, progress)
        y_prob = np.concatenate([y_prob, by_starter[:, helped]], axis=1)
        thresholds += np.asarray(starter.thresholds)[helped].tolist()
    tagged = _with_memory(store, bundle, own, table, apply_thresholds(y_prob, thresholds))
    separator = options.labels_separator
    tags = [
        separator.join(name for name, present in zip(tagged.names, row, strict=True) if present)
        for row in tagged.y_pred.tolist()
    ]
    added: dict[str, list[Any]] = {
        "tags": tags,
        "tag_source": ["predicted" if by_model else "remembered" for by_model in tagged.predicted.tolist()],
    }
    if with_probabilities:
        for name, column in zip(tagged.names, tagged.own_columns, strict=True):
            if column >= 0:
                added[f"p:{name}"] = y_prob[:, column].tolist()  # unrounded: what stands at a threshold reaches it
    write(target, _written(table, _renamed(table, added), kind))
    return {
        "rows": table.n_rows,
        "unique_texts": len(set(facts.texts)),
        "encoded": n_encoded,
        "run_id": bundle.run_id,
        "seconds": time.perf_counter() - started,
    }


def read_verdicts(path: Path) -> list[tuple[str, str, str]]:
    """Read (transaction id, label, verdict) from a table with those columns.

    Raises
    ------
    UnreadableFileError
        If the file cannot be read or has not these columns.
    """
    try:
        table = read_table(path, _VERDICTS)
    except MissingColumnError:
        raise _no_verdicts(path) from None
    places = {fold_name(name): place for place, name in enumerate(table.columns)}
    if table.header is None or not places.keys() >= set(VERDICT_COLUMNS):
        raise _no_verdicts(path)
    at = [places[name] for name in VERDICT_COLUMNS]
    found = [tuple(row[place].strip() for place in at) for row in table.rows]
    return [(public_id, label, verdict.casefold()) for public_id, label, verdict in found]


def _predict(store: Store, bundle: Bundle, facts: Facts, progress: Progress) -> tuple[NDArray[np.float32], int]:
    """Probabilities of every row, and how many texts had to be encoded; equal inputs are predicted once."""
    features = bundle.recipe["features"]
    unique = distinct(facts, context_of(features))
    model = model_of(store.encoding, bundle)
    facts, tuned = facts.take(unique.first), store.tuned(bundle)
    inputs, n_encoded = gather_inputs(store.encoding, facts, features, progress, tuned=tuned)
    return model.probabilities(inputs)[unique.index], n_encoded


@dataclass(frozen=True)
class _Tagged:
    """What a table's rows get.

    `own_columns` says for each name which column of the run it is, -1 where only memory knows the label. `y_pred` is
    bool (n_rows, n_names); `predicted` is bool (n_rows,): the model gave at least one of the tags, or, where there is
    none, the description was never judged.
    """

    names: list[str]
    own_columns: list[int]
    y_pred: NDArray[np.bool_]
    predicted: NDArray[np.bool_]


def _columns(store: Store, bundle: Bundle) -> tuple[list[int], NDArray[np.intp]]:
    """For each label of the store its column in what is predicted, -1 without one; and the starter's columns in it.

    The starter's stand behind those of the run: as in the app, it answers for labels that the run does not know.
    """
    label_set = store.view().labels
    own = store.label_columns(bundle, label_set)
    helpers = [each for each in store.tagging_bundles(bundle.run_id)[1:] if each.encoder == bundle.encoder]
    helped: list[int] = []
    for starter in helpers:
        silent = set(rejected_labels(bundle, label_set))
        for place, column in enumerate(store.label_columns(starter, label_set)):
            if own[place] < 0 <= column and place not in silent:
                own[place] = len(bundle.labels) + len(helped)
                helped.append(column)
    return own, np.asarray(helped, dtype=np.intp)


def _with_memory(store: Store, bundle: Bundle, own: list[int], table: Table, y_pred: NDArray[np.bool_]) -> _Tagged:
    """Put remembered answers in place of predictions; the labels are those of the app, under their names of now.

    A run's labels that the store does not have, such as the starter's, come first and keep the run's names.
    """
    view = store.view()
    with store.db.read() as connection:
        known = labels.all_labels(connection)
    used = set(store.label_columns(bundle, tuple(known)))
    taken = {fold_name(label.name) for label in known}
    foreign = [
        column for column, (_, name) in enumerate(bundle.labels) if column not in used and fold_name(name) not in taken
    ]
    names = [bundle.labels[column][1] for column in foreign] + [label.name for label in view.labels]
    own_columns = foreign + own

    folds = {fold: place for place, fold in enumerate(view.columns.folds)}
    at = np.fromiter((folds.get(fold_description(text), -1) for text in table.descriptions), dtype=np.intp)
    remembered = np.zeros(len(at), dtype=bool)
    remembered[at >= 0] = view.remembered.judged[at[at >= 0]].any(axis=1)
    rows = np.flatnonzero(remembered)
    result = np.zeros((len(at), len(names)), dtype=bool)
    predicted = [place for place, column in enumerate(own_columns) if column >= 0]
    result[:, predicted] = y_pred[:, [own_columns[place] for place in predicted]]
    by_model = result.copy()
    for column in range(len(view.labels)):
        cells = view.remembered.judged[at[rows], column]
        result[rows[cells], len(foreign) + column] = view.remembered.y_true[at[rows[cells]], column]
        by_model[rows[cells], len(foreign) + column] = False
    return _Tagged(names, own_columns, result, by_model.any(axis=1) | ~remembered & ~result.any(axis=1))


def _renamed(table: Table, added: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Give the new columns names that the table does not have: what came in is never overwritten.

    All of them are renamed alike, so that `tags` of the table never stands beside a `tag_source` of ours.
    """
    taken = {fold_name(column) for column in table.columns}
    number, prefix = 1, ""
    while any(fold_name(prefix + name) in taken for name in added):
        prefix = "predicted_" if number == 1 else f"predicted_{number}_"
        number += 1
    if prefix:
        logger.warning(
            "%s has columns of these names, so the new ones begin with %r: %s",
            table.file_name,
            prefix,
            ", ".join(prefix + name for name in added),
        )
    return {prefix + name: values for name, values in added.items()}


def _no_verdicts(path: Path) -> UnreadableFileError:
    columns = ", ".join(VERDICT_COLUMNS)
    return UnreadableFileError(f"{path.name} is no list of verdicts.", hint=f"It needs the columns {columns}.")


def _written(table: Table, added: Mapping[str, Sequence[Any]], kind: str) -> bytes:
    if kind in {"parquet", "pq"}:
        whole = table.source if table.source is not None else _as_text(table)
        for name, values in added.items():
            whole = whole.append_column(name, pa.array(values))
        sink = io.BytesIO()
        pq.write_table(whole, sink)
        return sink.getvalue()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", delimiter="\t" if kind in {"tsv", "tab"} else ",")
    writer.writerow([*(table.header or table.columns), *added])
    # Only what is new is made safe for spreadsheets: what came in goes out as it stood.
    safe = [[escape_cell(value) if isinstance(value, str) else value for value in each] for each in added.values()]
    for cells, *more in zip(table.rows, *safe, strict=True):
        writer.writerow([*cells, *more])
    return text.getvalue().encode()


def _as_text(table: Table) -> pa.Table:
    return pa.table({name: pa.array([row[at] for row in table.rows]) for at, name in enumerate(table.columns)})
