"""Finding out how a delimited table is laid out: delimiter, preamble, header; its columns are told in `columns`."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from tagger.errors import OneColumnError, SettingError, UnreadableFileError
from tagger.transactions.columns import (
    DESCRIPTION,
    ROLES,
    assign_columns,
    column_names,
    is_amount,
    is_typed,
    name_score,
)
from tagger.transactions.dates import is_date
from tagger.transactions.layout import Layout, ReadOptions

MAX_COLUMNS = 2000  # beyond any statement; keeps a mistaken delimiter from making a million columns
_DELIMITERS = (",", ";", "\t", "|")
_HEADER_WITHIN = 40  # records; the longest preamble seen before a header has 18
_SAMPLE_CELLS = 20_000  # cells looked at for their kind, so that 300 columns cost no more than 10


def layout_of_lines(lines: list[str], encoding: str, options: ReadOptions) -> Layout:
    """Find out a delimited table's layout from its first lines.

    Parameters
    ----------
    lines : physical lines, from the file's first on
    encoding : how the file was decoded, for the explanations

    Raises
    ------
    MissingColumnError
        If no column could be the description, or a named column does not exist.
    UnreadableFileError
        If this is no table.
    SettingError
        If the delimiter cannot be one.
    """
    start = 0
    delimiter = options.delimiter
    if lines and (told := re.fullmatch(r'"?sep=(.)"?\s*', lines[0])):
        start = 1
        delimiter = delimiter or told[1]
    if options.first_line is not None:
        start = min(max(options.first_line - 1, start), len(lines))
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0 '):
        raise SettingError(f"The delimiter {delimiter!r} cannot be used.", hint="Give one character, such as ; or ,.")
    lines = lines[start : start + 2000]
    if not any(line.strip() for line in lines):
        raise UnreadableFileError("The file is empty.")
    delimiter = delimiter or max(_DELIMITERS, key=lambda candidate: _delimiter_score(lines, candidate))
    spaced = any(f'{delimiter} "' in line for line in lines[:50]) and not any(
        f'"{delimiter}"' in line for line in lines[:50]
    )
    records = _records(lines, delimiter, spaced=spaced, n=1000)
    if not records:
        raise UnreadableFileError("The file is empty.")
    widest = max(len(cells) for _, cells in records)
    if widest > MAX_COLUMNS:
        raise UnreadableFileError(f"A row has {widest:,} cells; {MAX_COLUMNS:,} are the most this reads.")
    width = _modal_width(records)
    header_at = None if options.no_header else _find_header(records, width, options)
    body = records if header_at is None else records[header_at + 1 :]
    if header_at is None and options.first_line is None:
        body = _drop_preamble(records, width)
    first_record = records[header_at] if header_at is not None else (body or records)[0]
    header = records[header_at][1] if header_at is not None else None
    widths = _widths(body, header, width)
    sample = [
        cells for _, cells in islice(body, min(500, max(20, _SAMPLE_CELLS // max(widths)))) if len(cells) in widths
    ]
    names = column_names(header, max(widths), sample)
    rows = [(cells + [""] * len(names))[: len(names)] for cells in sample]
    shown = {"\t": "tabs", " ": "spaces"}.get(delimiter, repr(delimiter))
    told_lines = [
        f"Text encoding: {encoding}." if encoding else "",
        f"Cells are separated by {shown}." if width > 1 else "",
    ]
    first_line = start + first_record[0]
    if first_line > 1 + (start if options.first_line is None else 0):
        told_lines.append(f"The table starts on line {first_line}; what stands above it was left out.")
    told_lines.append(f"Line {first_line} names the columns." if header is not None else "No line names the columns.")
    layout = Layout(
        columns=names,
        description_column="",
        delimiter=delimiter,
        has_header=header is not None,
        first_line=first_line,
        space_after_delimiter=spaced,
        widths=widths,
        explanations=tuple(line for line in told_lines if line),
    )
    if len(names) == 1 and options.description_column is None and name_score(DESCRIPTION, names[0]) < 2:
        raise OneColumnError(delimiter)
    return assign_columns(layout, rows, options)


def _records(lines: list[str], delimiter: str, *, spaced: bool = False, n: int) -> list[tuple[int, list[str]]]:
    """Parse the first records that are not blank, each with its 1-based line among `lines`."""
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=spaced)
    found: list[tuple[int, list[str]]] = []
    line = 1
    while len(found) < n:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error:  # a cell beyond the csv module's limit; reading names its line
            line = reader.line_num + 1
            continue
        if any(cell.strip() for cell in cells):
            found.append((line, cells))
        line = reader.line_num + 1
    return found


def _delimiter_score(lines: list[str], delimiter: str) -> tuple[float, int]:
    records = _records(lines, delimiter, n=100)
    width = _modal_width(records)
    if not records or width == 1:
        return (0.0, 0)
    usual = [cells for _, cells in records if len(cells) == width]
    share = len(usual) / len(records)
    dated = sum(any(is_date(cell) for cell in cells[:60]) for cells in usual) / len(usual)
    paid = sum(any(is_amount(cell) for cell in cells[:60]) for cells in usual) / len(usual)
    first = 0.25 if len(records[0][1]) == width else 0.0
    return (share + dated / 2 + paid / 2 + first, width)


def _modal_width(records: Sequence[tuple[int, list[str]]]) -> int:
    counts = Counter(len(cells) for _, cells in records)
    return max(counts, key=lambda width: (counts[width], width), default=1)


def _find_header(records: list[tuple[int, list[str]]], width: int, options: ReadOptions) -> int | None:
    """Give the position of the record that names the columns, or None."""
    wanted = {
        name.strip().casefold()
        for name in (
            options.description_column,
            options.date_column,
            options.amount_column,
            options.account_column,
            options.labels_column,
        )
        if name
    }
    best, best_score = None, 0.0
    for position, (_, cells) in enumerate(records[:_HEADER_WITHIN]):
        if wanted and wanted <= {cell.strip().casefold() for cell in cells}:
            return position
        filled = [cell for cell in cells if cell.strip()]
        if len(cells) * 2 < width or (len(filled) < 2 and width > 1) or any(is_typed(cell) for cell in filled):
            continue
        score = float(
            sum(max(name_score(role, cell) for role in ROLES) >= 2 for cell in set(filled) if len(cell) <= 60)
        )
        if score > best_score:
            best, best_score = position, score
    if best is not None and (best_score >= 2 or width <= 2 or best == 0):
        return best
    if options.first_line is not None:
        return 0 if not any(is_typed(cell) for cell in records[0][1]) else None
    for position, (_, cells) in enumerate(records[:_HEADER_WITHIN]):
        if len(cells) == width:
            return None if any(is_typed(cell) for cell in cells) else position
    return None


def _drop_preamble(records: list[tuple[int, list[str]]], width: int) -> list[tuple[int, list[str]]]:
    """Leave out what stands before the first row that is as wide as most."""
    for position, (_, cells) in enumerate(records[:_HEADER_WITHIN]):
        if len(cells) == width:
            return records[position:]
    return records


def _widths(body: list[tuple[int, list[str]]], header: list[str] | None, width: int) -> frozenset[int]:
    # Some banks end rows, but not the header, with a delimiter; some leave out empty cells at the end of most rows.
    counts = Counter(len(cells) for _, cells in body)
    usual = {n for n, times in counts.items() if times * 5 >= len(body) and times > 1}
    if header is None:
        return frozenset(usual | {width})
    accepted = usual | {len(header)}
    if len(body) <= 2:
        accepted |= {n for n in counts if len(header) < n <= len(header) + 2 and not any(_tail(body, n, len(header)))}
    # One cell is a remark, whatever its number; a table of one column has a header of one cell.
    return frozenset(n for n in accepted if n > 1 or len(header) == 1)


def _tail(body: list[tuple[int, list[str]]], n: int, start: int) -> list[str]:
    return [cell.strip() for _, cells in body if len(cells) == n for cell in cells[start:]]
