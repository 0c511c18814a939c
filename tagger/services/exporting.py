"""Transactions out, with their tags, where each comes from, and the run that said so."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tagger.errors import UnreadableFileError
from tagger.services.store import Store
from tagger.services.view import ABSENT, CONFIRMED, PREDICTED, REMEMBERED, SOURCES, View
from tagger.transactions.spreadsheet import escape_cell

FORMATS = ("csv", "parquet", "jsonl")
COLUMNS = (
    "date",
    "description",
    "amount",
    "currency",
    "account",
    "tags",
    "tag_source",
    "probability",
    "transaction_id",
    "run_id",
)


def records(view: View) -> Iterator[dict[str, Any]]:
    """One record per transaction, oldest first.

    `tag_source` is the row's: confirmed if a person confirmed it or gave all its tags; predicted if any tag is;
    else remembered. `probability` is the lowest of the predicted tags: how sure the least sure one is.
    """
    columns = view.columns
    days = np.where(columns.days == 0, np.iinfo(np.int32).max, columns.days)
    for row in np.argsort(days, kind="stable").tolist():
        sources = view.sources[row]
        present = np.flatnonzero(sources != ABSENT)
        predicted = present[sources[present] == PREDICTED]
        probabilities = view.tagging.probabilities[columns.text_index[row], predicted]
        yield {
            "date": date.fromordinal(int(columns.days[row])).isoformat() if columns.days[row] else "",
            "description": columns.descriptions[row],
            "amount": columns.amounts[row],
            "currency": columns.currencies[row],
            "account": columns.accounts[row],
            "tags": [view.labels[column].name for column in present.tolist()],
            "tag_source": row_source(view, row),
            "probability": round(float(probabilities.min()), 6) if predicted.size else None,
            "transaction_id": columns.ids[row],
            "run_id": view.tagging.run_id,
        }


def row_source(view: View, row: int) -> str:
    """Where a row's tags come from: the weakest source among them."""
    if view.truth.confirmed[row]:
        return SOURCES[CONFIRMED]
    sources = view.sources[row]
    present = sources[sources != ABSENT]
    if present.size == 0:
        known = view.remembered.found[view.columns.fold_index[row]]
        return SOURCES[REMEMBERED] if known else SOURCES[PREDICTED]
    return SOURCES[int(present.min())]


def counts(store: Store) -> dict[str, int]:
    """How many transactions there are, and how many have their tags from each source."""
    view = store.view()
    sources = [row_source(view, row) for row in range(len(view.columns))]
    return {"transactions": len(sources), **{source: sources.count(source) for source in SOURCES if source}}


def export_bytes(store: Store, kind: str) -> tuple[bytes, int]:
    """The whole store as CSV, Parquet or JSON Lines, and its number of rows.

    CSV text cells are safe to open in a spreadsheet and are restored when the file is imported again; amounts stay
    numbers.
    """
    rows = list(records(store.view()))
    if kind == "parquet":
        return _parquet(rows), len(rows)
    if kind == "jsonl":
        lines = (json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
        return "".join(f"{line}\n" for line in lines).encode(), len(rows)
    return _csv(rows), len(rows)


def export_file(store: Store, path: Path) -> dict[str, Any]:
    """Write the store to a file; its ending says how.

    Raises
    ------
    UnreadableFileError
        If the ending is unknown or the file cannot be written.
    """
    kind = path.suffix.removeprefix(".").casefold()
    if kind not in FORMATS:
        raise UnreadableFileError(
            f"{path.name} has no ending that says how to write it.", hint="End it in .csv, .parquet or .jsonl."
        )
    content, n_rows = export_bytes(store, kind)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be written: {error.strerror}.", hint="Check the folder.") from error
    return {"rows": n_rows, "file": str(path)}


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            [
                row["date"],
                escape_cell(row["description"]),
                row["amount"] or "",
                escape_cell(row["currency"]),
                escape_cell(row["account"]),
                escape_cell("|".join(row["tags"])),
                row["tag_source"],
                "" if row["probability"] is None else row["probability"],
                row["transaction_id"],
                row["run_id"],
            ]
        )
    return text.getvalue().encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    table = pa.table(
        {
            "date": pa.array([date.fromisoformat(row["date"]) if row["date"] else None for row in rows], pa.date32()),
            **{
                name: pa.array([row[name] for row in rows], pa.string())
                for name in ("description", "amount", "currency", "account")
            },
            "tags": pa.array(["|".join(row["tags"]) for row in rows], pa.string()),
            "tag_source": pa.array([row["tag_source"] for row in rows], pa.string()),
            "probability": pa.array([row["probability"] for row in rows], pa.float64()),
            "transaction_id": pa.array([row["transaction_id"] for row in rows], pa.string()),
            "run_id": pa.array([row["run_id"] for row in rows], pa.string()),
        }
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()
