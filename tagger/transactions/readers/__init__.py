"""Reading statements and tables: one module per family of formats, found by content and by ending.

A new format is a module with a table class and one line in `_FORMATS`.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from tagger.errors import UnreadableFileError
from tagger.transactions.interpretation import (
    Cancelled,
    LabelReader,
    ProgressCallback,
    RowReader,
    Rows,
    interpret,
    settle,
)
from tagger.transactions.layout import Layout, ReadOptions
from tagger.transactions.readers.delimited import DelimitedTable
from tagger.transactions.spreadsheet import restore_cell
from tagger.transactions.transaction import RowError, Statement, Transaction

SIZE_LIMIT = 200 * 1024 * 1024  # bytes as uploaded; also the uploader's limit
UNPACKED_LIMIT = 300 * 1024 * 1024  # bytes; reading takes about twelve times as much memory
HEAD_BYTES = 256 * 1024  # what a preview looks at: room for the thousand rows from which the columns are told

_WHOLE = False  # not only the head


class _Source(Rows, Protocol):
    @property
    def notes(self) -> tuple[str, ...]: ...
    def layout(self, options: ReadOptions) -> Layout: ...
    def header(self, layout: Layout) -> list[str] | None: ...


@dataclass(frozen=True)
class _Format:
    """How one format is told and opened; `open` takes the content, the options and whether it is only the head."""

    name: str
    endings: tuple[str, ...]
    magic: tuple[bytes, ...]
    open: Callable[[bytes, ReadOptions, bool], _Source]
    needs_all: bool = False


def _open_parquet(content: bytes, options: ReadOptions, is_head: bool) -> _Source:  # noqa: ARG001, FBT001
    # pyarrow takes a third of a second to import, which a CSV need not wait for.
    from tagger.transactions.readers.tables import TypedTable  # noqa: PLC0415

    return TypedTable.parse(content, options, limit=UNPACKED_LIMIT)


def _open_delimited(content: bytes, options: ReadOptions, is_head: bool) -> _Source:  # noqa: FBT001
    return DelimitedTable.parse(content, options, is_head=is_head)


_FORMATS = (
    _Format("parquet", (".parquet", ".pq"), (b"PAR1",), _open_parquet, needs_all=True),
    _Format("tsv", (".tsv", ".tab"), (), _open_delimited),
    _Format("csv", (".csv", ".txt", ""), (), _open_delimited),  # the last one takes what no other does
)


@dataclass(frozen=True)
class Preview:
    """The beginning of a file: what was found out, and what its first rows are read as."""

    layout: Layout
    transactions: tuple[Transaction, ...]
    errors: tuple[RowError, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """Every row of a table, none left out, in order.

    Parameters
    ----------
    columns : names, no two equal; `header` has them as they stand in the file (None: no header)
    rows : cells as text, all rows equally wide
    descriptions, labels : per row; `labels` None = not judged
    facts : per row its transaction as an import would read it; None where it would refuse the row
    source : pyarrow.Table or None
        The typed table, for formats that have types.
    """

    file_name: str
    format: str
    columns: tuple[str, ...]
    header: tuple[str, ...] | None
    rows: list[list[str]]
    descriptions: list[str]
    labels: list[tuple[str, ...] | None]
    facts: list[Transaction | None]
    errors: tuple[RowError, ...] = ()
    notes: tuple[str, ...] = ()
    source: Any = field(default=None, repr=False)

    @property
    def n_rows(self) -> int:
        return len(self.rows)


def read_statement(
    name: str,
    content: bytes,
    options: ReadOptions | None = None,
    *,
    default_account: str = "",
    size_limit: int = SIZE_LIMIT,
    unpacked_limit: int = UNPACKED_LIMIT,
    progress: ProgressCallback | None = None,
    cancelled: Cancelled | None = None,
) -> Statement:
    """Read a statement into transactions, row errors and skipped rows.

    Parameters
    ----------
    name : the file's name; its ending helps to tell the format
    content : the file's bytes; gzip is unpacked
    default_account : for rows that name no account
    size_limit, unpacked_limit : bytes
    progress : called with (lines done, lines in all)

    Raises
    ------
    UnreadableFileError, MissingColumnError, SettingError, CancelledError
    """
    options = options or ReadOptions()
    unpacked = _unpack(name, content, size_limit, unpacked_limit)
    file_hash = hashlib.sha256(unpacked).hexdigest()  # packed or not, an undated row is the same one
    found, source = _open(name, unpacked, options)
    del unpacked
    layout = source.layout(options)
    read = interpret(source, layout, options, default_account=default_account, progress=progress, cancelled=cancelled)
    notes = list(source.notes)
    if not read.transactions and not read.errors and not read.skipped:
        notes.append("The file has column names but no rows.")
    elif not read.transactions and not read.errors:
        notes.append("The file holds no transactions, only totals, balances or headings.")
    return Statement(
        name, file_hash, found.name, read.transactions, read.errors, read.skipped, read.layout, tuple(notes)
    )


def preview(name: str, content: bytes, options: ReadOptions | None = None, n: int = 8) -> Preview:
    """Read the first rows only, as quickly for a large file as for a small one.

    Date order and decimal mark are decided from the file's first 256 KB here, from all of it by `read_statement`.

    Parameters
    ----------
    n : how many rows, those that are no transactions included

    Raises
    ------
    UnreadableFileError, MissingColumnError, SettingError
    """
    options = options or ReadOptions()
    head = _unpack_head(name, content)
    found = _format_of(name, head)
    if found.needs_all:
        source = found.open(_unpack(name, content, SIZE_LIMIT, UNPACKED_LIMIT), options, _WHOLE)
    else:
        source = found.open(head, options, len(head) >= HEAD_BYTES)
    layout = settle(source, source.layout(options), options)
    reading = RowReader(layout, options, escaped=source.escaped, has_nul=source.has_nul)
    read = (reading.read(record) for record in source.records(layout))
    results = list(islice((result for result in read if result is not None), n))
    return Preview(
        layout,
        tuple(result for result in results if isinstance(result, Transaction)),
        tuple(result for result in results if isinstance(result, RowError)),
        tuple(source.notes),
    )


def read_table(
    path: Path,
    options: ReadOptions | None = None,
    *,
    size_limit: int = SIZE_LIMIT,
    unpacked_limit: int = UNPACKED_LIMIT,
) -> Table:
    """Read a table with all its rows and columns, for scoring and tagging it.

    Rows with bad dates or amounts are kept; a row broken by a quotation mark is split at the delimiter and listed in
    `errors` besides. Only blank lines are left out.

    Raises
    ------
    UnreadableFileError, MissingColumnError, SettingError
    """
    options = options or ReadOptions()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(
            f"{path} cannot be opened: {error.strerror or error}.", hint="Check the path and its permissions."
        ) from None
    found, source = _open(path.name, _unpack(path.name, content, size_limit, unpacked_limit), options)
    del content
    layout = source.layout(options)
    reader = LabelReader(layout, options, escaped=source.escaped)
    facts_of = RowReader(settle(source, layout, options), options, escaped=source.escaped, has_nul=source.has_nul)
    at, n_columns = layout.columns.index(layout.description_column), len(layout.columns)
    restore = source.escaped and layout.is_own_export
    heading = [name.casefold() for name in layout.columns] if layout.has_header else None
    rows: list[list[str]] = []
    descriptions: list[str] = []
    labels: list[tuple[str, ...] | None] = []
    facts: list[Transaction | None] = []
    errors: list[RowError] = []
    for record in source.records(layout):
        line, cells, fault = record.line, record.cells, record.fault
        if not any(cells) or not any(map(str.strip, cells)):
            continue
        padded = cells + [""] * (n_columns - len(cells)) if len(cells) < n_columns else cells
        if fault:
            errors.append(RowError(line, "", "", fault))
        is_heading = heading is not None and [cell.strip().casefold() for cell in padded] == heading
        rows.append(padded)
        descriptions.append(restore_cell(padded[at]) if restore else padded[at])
        labels.append(None if is_heading or fault else reader.read(padded))
        fact = facts_of.read(record)
        facts.append(fact if isinstance(fact, Transaction) else None)
    width = max((len(row) for row in rows), default=n_columns)
    header = source.header(layout)
    if width > n_columns:
        rows = [row + [""] * (width - len(row)) for row in rows]
    extra = tuple(f"column {number}" for number in range(n_columns + 1, width + 1))
    return Table(
        file_name=path.name,
        format=found.name,
        columns=layout.columns + extra,
        header=None if header is None else tuple((header + [""] * (width - len(header)))[:width]),
        rows=rows,
        descriptions=descriptions,
        labels=labels,
        facts=facts,
        errors=tuple(errors),
        notes=tuple(source.notes),
        source=getattr(source, "arrow", None),
    )


def _open(name: str, content: bytes, options: ReadOptions) -> tuple[_Format, _Source]:
    found = _format_of(name, content[:64])
    source = found.open(content, options, _WHOLE)
    return found, source


def _format_of(name: str, head: bytes) -> _Format:
    for candidate in _FORMATS:
        if any(head.startswith(magic) for magic in candidate.magic):
            return candidate
    ending = Path(name.lower().removesuffix(".gz")).suffix
    for candidate in _FORMATS:
        if ending in candidate.endings and (not candidate.magic or not head):
            return candidate
        if ending in candidate.endings:
            raise UnreadableFileError(f"{name} ends in {ending} but is not a {candidate.name} file.")
    return _FORMATS[-1]


def _unpack(name: str, content: bytes, size_limit: int, unpacked_limit: int) -> bytes:
    if len(content) > size_limit:
        raise UnreadableFileError(
            f"{name} has {_megabytes(len(content))}; {_megabytes(size_limit)} are the limit.",
            hint="Export fewer months at a time, or split the file.",
        )
    if not content:
        raise UnreadableFileError(f"{name} is empty.")
    if not content.startswith(b"\x1f\x8b"):
        return content
    parts, size = [], 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while part := file.read(1 << 20):
                size += len(part)
                if size > unpacked_limit:
                    raise UnreadableFileError(
                        f"{name} unpacks to more than {_megabytes(unpacked_limit)}.",
                        hint="Unpack it and import a part of it.",
                    )
                parts.append(part)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(
            f"{name} is a damaged gzip file: {error}.", hint="Download or pack the file again."
        ) from None
    if not size:
        raise UnreadableFileError(f"{name} is empty.")
    return b"".join(parts)


def _unpack_head(name: str, content: bytes) -> bytes:
    if not content:
        raise UnreadableFileError(f"{name} is empty.")
    if not content.startswith(b"\x1f\x8b"):
        return content[:HEAD_BYTES]
    try:
        return zlib.decompressobj(wbits=31).decompress(content, HEAD_BYTES)
    except zlib.error as error:
        raise UnreadableFileError(
            f"{name} is a damaged gzip file: {error}.", hint="Download or pack the file again."
        ) from None


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:,.0f} MB" if size >= 1024 * 1024 else f"{size:,} bytes"
