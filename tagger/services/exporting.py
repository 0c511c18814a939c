"""Transactions out, with their tags, where each comes from, and the run that said so."""

from __future__ import annotations

import csv
import gzip
import io
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tagger.errors import UnreadableFileError
from tagger.services.store import Store
from tagger.services.view import ABSENT, CONFIRMED, PREDICTED, REMEMBERED, SOURCES, View
from tagger.storage.runs import STARTER
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
    """One record per transaction, oldest first; `date` is None where there is none, `amount` is a Decimal or None.

    `tag_source` is the row's: confirmed if people gave all its tags, or confirmed that it has none; predicted if any
    tag is; else remembered. `probability` is the lowest of the predicted tags: how sure the least sure one is.
    `run_id` names the run that predicted them, or both joined by | where the starter helped the current run out.
    """
    columns = view.columns
    row_source = row_sources(view)
    days = np.where(columns.days == 0, np.iinfo(np.int32).max, columns.days)
    for row in np.argsort(days, kind="stable").tolist():
        sources = view.sources[row]
        present = np.flatnonzero(sources != ABSENT)
        predicted = present[sources[present] == PREDICTED]
        probabilities = view.tagging.probabilities[view.tagging.index[row], predicted]
        yield {
            "date": date.fromordinal(int(columns.days[row])).isoformat() if columns.days[row] else None,
            "description": columns.descriptions[row],
            "amount": None if (amount := columns.amounts[row]) is None else Decimal(amount),
            "currency": columns.currencies[row],
            "account": columns.accounts[row],
            "tags": [view.labels[column].name for column in present.tolist()],
            "tag_source": SOURCES[row_source[row]],
            "probability": round(float(probabilities.min()), 6) if predicted.size else None,
            "transaction_id": columns.ids[row],
            "run_id": _run_ids(view, predicted),
        }


def _run_ids(view: View, predicted: NDArray[np.intp]) -> str:
    by_starter = view.tagging.by_starter[predicted]
    if not by_starter.any():
        return view.tagging.run_id
    return STARTER if by_starter.all() else f"{view.tagging.run_id}|{STARTER}"


def row_sources(view: View) -> NDArray[np.int8]:
    """Where each row's tags come from, int8 (n,): the weakest source among them.

    A confirmed row that has a predicted tag besides, of a label that it was not judged for, counts as predicted: read
    back as confirmed, it would make a person say what the model said.
    """
    untagged = np.where(view.remembered.found[view.columns.fold_index], np.int8(REMEMBERED), np.int8(PREDICTED))
    untagged[view.truth.confirmed] = CONFIRMED
    present = np.where(view.sources == ABSENT, np.iinfo(np.int8).max, view.sources)
    weakest = present.min(axis=1, initial=np.iinfo(np.int8).max)
    return np.where(weakest == np.iinfo(np.int8).max, untagged, weakest).astype(np.int8)


def counts(store: Store) -> dict[str, int]:
    """How many transactions there are, and how many have their tags from each source."""
    view = store.view()
    totals = np.bincount(row_sources(view), minlength=len(SOURCES)).tolist()
    return {
        "transactions": len(view.columns),
        **{source: totals[code] for code, source in enumerate(SOURCES) if source},
    }


def export_bytes(store: Store, kind: str) -> tuple[bytes, int]:
    """The whole store as CSV, Parquet or JSON Lines, and its number of rows.

    CSV text cells are safe to open in a spreadsheet and are restored when the file is imported again; amounts stay
    numbers.
    """
    rows = list(records(store.view()))
    if kind == "parquet":
        return _parquet(rows), len(rows)
    if kind == "jsonl":
        return _json_lines(rows), len(rows)
    return _csv(rows), len(rows)


def export_file(store: Store, path: Path) -> dict[str, Any]:
    """Write the store to a file; its ending says how.

    Raises
    ------
    UnreadableFileError
        If the ending is unknown or the file cannot be written.
    """
    kind = kind_of(path, FORMATS)
    content, n_rows = export_bytes(store, kind)
    write(path, content)
    return {"rows": n_rows, "file": str(path)}


def kind_of(path: Path, kinds: Sequence[str]) -> str:
    """How a file is to be written, by its ending before any .gz.

    Raises
    ------
    UnreadableFileError
        If the ending is none of `kinds`.
    """
    is_packed = path.suffix.casefold() == ".gz"
    kind = Path(path.stem if is_packed else path.name).suffix.removeprefix(".").casefold()
    if kind not in kinds:
        raise UnreadableFileError(
            f"{path.name} has no ending that says how to write it.",
            hint=f"End it in {', '.join('.' + each for each in kinds)}, with .gz behind it to pack it.",
        )
    return kind


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, packed where its name ends in .gz.

    Raises
    ------
    UnreadableFileError
        If it cannot be written.
    """
    packed = gzip.compress(content, mtime=0) if path.suffix.casefold() == ".gz" else content
    place = path.resolve()  # a link stays one
    aside = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
    try:
        if place.exists() and not (place.is_file() or place.is_dir()):
            place.write_bytes(packed)  # a pipe or a device, which nothing can take the place of
            return
        aside.write_bytes(packed)
        aside.replace(place)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise UnreadableFileError(f"{path} cannot be written: {error.strerror}.", hint="Check the folder.") from error


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            [
                row["date"] or "",
                escape_cell(row["description"]),
                "" if row["amount"] is None else format(row["amount"], "f"),
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


def _json_lines(rows: list[dict[str, Any]]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False, allow_nan=False, default=float) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    table = pa.table(
        {
            "date": pa.array([date.fromisoformat(row["date"]) if row["date"] else None for row in rows], pa.date32()),
            "description": pa.array([row["description"] for row in rows], pa.string()),
            "amount": _decimals([row["amount"] for row in rows]),
            **{name: pa.array([row[name] for row in rows], pa.string()) for name in ("currency", "account")},
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


def _decimals(amounts: list[Decimal | None]) -> pa.Array:
    """Exact numbers, all with as many places as the one with most."""
    places = max((-int(amount.as_tuple().exponent) for amount in amounts if amount is not None), default=0)
    places = max(places, 0)
    widest = max((len(amount.as_tuple().digits) for amount in amounts if amount is not None), default=1)
    precision = max(widest + places, 18)
    kind = pa.decimal128(precision, places) if precision <= 38 else pa.decimal256(min(precision, 76), places)
    return pa.array(amounts, kind)
