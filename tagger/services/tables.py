"""Tagging a table that is not in the store: every row and column of it stays, tags are added."""

from __future__ import annotations

import csv
import gzip
import io
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tagger.errors import NotFoundError, UnreadableFileError
from tagger.labels.labelset import fold_name
from tagger.learning.thresholds import apply_thresholds
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.tagging import model_of
from tagger.services.tuning import in_use
from tagger.storage import runs
from tagger.storage.runs import Bundle
from tagger.transactions.detection import ReadOptions
from tagger.transactions.readers import Table, read_table
from tagger.transactions.spreadsheet import escape_cell
from tagger.transactions.text import fold_description, normalize_text

_NUMBER = re.compile(r"[-+]?[\d.,\s]*\d\s*%?")


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

    A description that people judged is answered from memory; the run's head answers the rest.

    Raises
    ------
    NotFoundError
        If the run or the threshold version does not exist.
    UnreadableFileError
        If the target cannot be written.
    """
    started = time.perf_counter()
    progress.stage("Reading the table")
    table = read_table(source, options)
    bundle = store.bundle(run_id or store.view().tagging.run_id)
    thresholds = _thresholds(store, bundle, threshold_version)
    texts = [normalize_text(description) for description in table.descriptions]
    unique = list(dict.fromkeys(texts))
    model = model_of(store.encoding, bundle)
    vectors, n_encoded = store.encoding.embed(unique, progress)
    places = {text: place for place, text in enumerate(unique)}
    index = np.fromiter((places[text] for text in texts), dtype=np.intp, count=len(texts))
    y_prob = model.probabilities(vectors)[index]
    y_pred = apply_thresholds(y_prob, thresholds)
    names, y_pred, remembered = _with_memory(store, bundle, table, y_pred)
    tags = ["|".join(name for name, present in zip(names, row, strict=True) if present) for row in y_pred.tolist()]
    sources = ["remembered" if known else "predicted" for known in remembered.tolist()]
    added: dict[str, list[Any]] = {_free(table, "tags"): tags, _free(table, "tag_source"): sources}
    if with_probabilities:
        for column, (_, name) in enumerate(bundle.labels):
            added[f"p:{name}"] = [round(float(value), 6) for value in y_prob[:, column]]
    _write(table, added, target)
    return {
        "rows": table.n_rows,
        "unique_texts": len(unique),
        "encoded": n_encoded,
        "run_id": bundle.run_id,
        "seconds": time.perf_counter() - started,
    }


def _thresholds(store: Store, bundle: Bundle, version_id: int | None) -> list[float]:
    if version_id is None:
        return list(in_use(store, bundle.run_id))
    with store.db.read() as connection:
        versions = {version.id: version for version in runs.threshold_versions(connection, bundle.run_id)}
    if version_id not in versions:
        raise NotFoundError(
            f"The run {bundle.run_id!r} has no threshold version {version_id}.",
            hint="List them: tagger thresholds history.",
        )
    return list(versions[version_id].thresholds)


def _with_memory(
    store: Store, bundle: Bundle, table: Table, y_pred: NDArray[np.bool_]
) -> tuple[list[str], NDArray[np.bool_], NDArray[np.bool_]]:
    """Put remembered answers in place of predictions, adding the labels that only memory knows."""
    view = store.view()
    own = store.label_columns(bundle, view.labels)
    known = {fold: place for place, fold in enumerate(view.columns.folds)}
    at = np.fromiter((known.get(fold_description(text), -1) for text in table.descriptions), dtype=np.intp)
    judged, answers = view.remembered.judged, view.remembered.y_true
    names = [name for _, name in bundle.labels]
    only_memory = [column for column in range(len(view.labels)) if own[column] < 0]
    names += [view.labels[column].name for column in only_memory]
    result = np.concatenate([y_pred, np.zeros((len(y_pred), len(only_memory)), dtype=bool)], axis=1)
    order = [
        own[column] if own[column] >= 0 else len(bundle.labels) + only_memory.index(column)
        for column in range(len(own))
    ]
    remembered = np.zeros(len(at), dtype=bool)
    remembered[at >= 0] = judged[at[at >= 0]].any(axis=1)
    rows = np.flatnonzero(remembered)
    for column, place in enumerate(order):
        cells = judged[at[rows], column]
        result[rows[cells], place] = answers[at[rows[cells]], column]
    return names, result, remembered


def _free(table: Table, name: str) -> str:
    """The name, or another one where the table has such a column: what came in is never overwritten."""
    taken = {fold_name(column) for column in table.columns}
    return name if fold_name(name) not in taken else f"predicted_{name}"


def _write(table: Table, added: dict[str, list[Any]], target: Path) -> None:
    try:
        if target.suffix.casefold() in {".parquet", ".pq"}:
            whole = table.source if table.source is not None else _as_text(table)
            for name, values in added.items():
                whole = whole.append_column(name, pa.array(values))
            pq.write_table(whole, target)
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*(table.header or table.columns), *added])
        extra = list(zip(*added.values(), strict=True))
        for cells, more in zip(table.rows, extra, strict=True):
            writer.writerow([*(_safe(cell) for cell in cells), *(_safe(cell) for cell in more)])
        content = text.getvalue().encode()
        target.write_bytes(gzip.compress(content, mtime=0) if target.suffix == ".gz" else content)
    except OSError as error:
        raise UnreadableFileError(f"{target} cannot be written: {error.strerror}.", hint="Check the folder.") from error


def _as_text(table: Table) -> pa.Table:
    return pa.table({name: pa.array([row[at] for row in table.rows]) for at, name in enumerate(table.columns)})


def _safe(cell: object) -> object:
    """Text that a spreadsheet would run is escaped; numbers, negative ones too, stay numbers."""
    return cell if not isinstance(cell, str) or _NUMBER.fullmatch(cell) else escape_cell(cell)
