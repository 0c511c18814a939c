"""Tables with types: Parquet. Cells are given as text, as a CSV of the same table would have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tagger.errors import UnreadableFileError
from tagger.transactions.columns import assign_columns, column_names
from tagger.transactions.interpretation import Record
from tagger.transactions.layout import Layout, ReadOptions

_SAMPLE = 1000  # rows looked at to find out which column is what


@dataclass(frozen=True)
class TypedTable:
    """A table held in columns. `line` of a row is its number, from 1."""

    arrow: pa.Table
    columns: list[list[str]]
    notes: tuple[str, ...] = ()
    has_nul: bool = True
    escaped: bool = False

    @property
    def n_lines(self) -> int:
        return int(self.arrow.num_rows)

    @classmethod
    def parse(cls, content: bytes, options: ReadOptions, *, limit: int) -> TypedTable:
        """Read a Parquet file.

        Parameters
        ----------
        limit : the most bytes its columns may take when unpacked

        Raises
        ------
        UnreadableFileError
            If it is damaged or too large.
        """
        try:
            file = pq.ParquetFile(pa.BufferReader(content))
            groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
            size = sum(group.total_byte_size for group in groups)
            if size > limit:
                raise UnreadableFileError(f"Unpacked, this file takes {size:,} bytes; {limit:,} are the limit.")
            arrow = file.read()
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
            raise UnreadableFileError(f"This Parquet file cannot be read: {str(error).splitlines()[0][:200]}") from None
        if arrow.num_columns == 0:
            raise UnreadableFileError("The file has no columns.")
        texts = [_texts_of(name, arrow.column(place), options) for place, name in enumerate(arrow.column_names)]
        return cls(arrow, texts)

    def layout(self, options: ReadOptions) -> Layout:
        """Find out which column is what."""
        names = column_names(self.arrow.column_names, self.arrow.num_columns)
        rows = list(zip(*(column[:_SAMPLE] for column in self.columns), strict=True))
        layout = Layout(columns=names, description_column="", widths=frozenset({len(names)}))
        return assign_columns(layout, rows, options)

    def header(self, layout: Layout) -> list[str] | None:  # noqa: ARG002  # the same call as for delimited text
        """Give the names of the columns as they stand in the file."""
        return list(self.arrow.column_names)

    def records(self, layout: Layout) -> Iterator[Record]:  # noqa: ARG002
        """Go through the rows."""
        for number, cells in enumerate(zip(*self.columns, strict=True), start=1):
            yield Record(number, list(cells))


def _texts_of(name: str, column: pa.ChunkedArray, options: ReadOptions) -> list[str]:
    try:
        return _texts(column, options.labels_separator)
    except (pa.ArrowException, ValueError, OverflowError, LookupError) as error:
        # A date beyond the year 9999, an unknown time zone, text that is not UTF-8: Arrow stores what it cannot show.
        why = str(error).splitlines()[0][:200]
        raise UnreadableFileError(
            f"Column {name[:60]!r} ({column.type}) of this Parquet file cannot be read: {why}.",
            hint="Write the column as text, or leave it out, and try again.",
        ) from None


def _texts(column: pa.ChunkedArray, separator: str) -> list[str]:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return [value or "" for value in column.to_pylist()]
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    if pa.types.is_float16(column.type) or pa.types.is_float32(column.type):
        # The shortest number that a short float stands for: 12.34, not 12.34000015258789.
        return ["" if value is None or not isfinite(value) else _plain(str(value)) for value in _floats(column)]
    return [_text(value, separator) for value in column.to_pylist()]


def _floats(column: pa.ChunkedArray) -> Iterator[np.floating[Any] | None]:
    for chunk in column.chunks:
        kind = chunk.type.to_pandas_dtype()
        yield from (kind(value.as_py()) if value.is_valid else None for value in chunk)


def _plain(number: str) -> str:
    return format(Decimal(number), "f")


def _text(value: Any, separator: str) -> str:  # noqa: PLR0911  # whatever Parquet holds
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, float):
        return _plain(repr(value)) if isfinite(value) else ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.replace(tzinfo=None, microsecond=0).isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return separator.join(_text(item, separator) for item in value)
    return str(value)
