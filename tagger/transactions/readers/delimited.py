"""Tables as delimited text: CSV, TSV and their kin."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from tagger.errors import UnreadableFileError
from tagger.transactions.dates import is_date
from tagger.transactions.detection import layout_of_lines
from tagger.transactions.encoding import decode, split_lines, whole_lines
from tagger.transactions.interpretation import Record
from tagger.transactions.layout import Layout, ReadOptions
from tagger.transactions.money import parse_amount

_MAX_SPAN = 200  # physical lines in one record; a quote open for longer was never closed
_MAX_LINE = 2_000_000  # characters; one line of 200 MB could be as many cells
_UNCLOSED = "a quotation mark opens here and is not closed"
_TOO_LONG = "a cell is longer than 131,072 characters"
_HEAD_LINES = 3000  # lines; what the layout is found from, for preview and import alike


@dataclass(frozen=True)
class DelimitedTable:
    """The physical lines of a delimited file. Going through it never fails: broken rows come with their fault."""

    lines: list[str]
    encoding: str
    notes: tuple[str, ...]
    has_nul: bool
    escaped: bool = True

    @property
    def n_lines(self) -> int:
        return len(self.lines)

    @classmethod
    def parse(cls, content: bytes, options: ReadOptions, *, is_head: bool = False) -> DelimitedTable:
        """Decode a file; with `is_head`, only its beginning is given and the last line may be cut off.

        Raises
        ------
        UnreadableFileError
            If the content is not text or is empty.
        """
        decoded = decode(whole_lines(content) if is_head else content, options.encoding)
        if not decoded.text.strip("\ufeff \t\r\n\0"):
            raise UnreadableFileError("The file is empty.")
        lines = split_lines(decoded.text)
        longest = max(map(len, lines))
        if longest > _MAX_LINE:
            raise UnreadableFileError(
                f"A line of this file has {longest:,} characters, so it is no table of transactions."
            )
        return cls(lines, decoded.encoding, decoded.notes, "\0" in decoded.text)

    def layout(self, options: ReadOptions) -> Layout:
        """Find out the layout from the first lines."""
        start = (options.first_line or 1) - 1
        return layout_of_lines(self.lines[: max(start, 0) + _HEAD_LINES], self.encoding, options)

    def header(self, layout: Layout) -> list[str] | None:
        """Give the names of the columns as they stand in the file."""
        if not layout.has_header:
            return None
        cells, _, _ = self._one(layout.first_line - 1, layout)
        return cells

    def records(self, layout: Layout) -> Iterator[Record]:
        """Go through the rows below the header, blank ones left out.

        A record's line is that on which it starts, also after quoted line breaks.
        """
        start = layout.first_line - 1
        if layout.has_header:
            start += self._one(start, layout)[1]
        n = len(self.lines)
        # The line after the last tells an unclosed quote at the end: it is swallowed by the record before.
        reader = csv.reader(
            chain(islice(self.lines, start, None), ("",)),
            delimiter=layout.delimiter,
            skipinitialspace=layout.space_after_delimiter,
        )
        here = start
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:
                break
            after = start + reader.line_num
            if after > n:
                if here >= n:
                    return
                break
            if after - here > 1 and self._is_runaway(here, after, cells, layout):
                break
            if cells:
                yield Record(here + 1, cells)
            here = after
        yield from self._carefully(here, layout)

    def _carefully(self, here: int, layout: Layout) -> Iterator[Record]:
        """Go on record by record, so that a broken one costs no more than its own line."""
        while here < len(self.lines):
            cells, span, fault = self._one(here, layout)
            if cells:
                yield Record(here + 1, cells, fault)
            here += span

    def _one(self, here: int, layout: Layout) -> tuple[list[str], int, str]:
        """Parse the record that starts at a line: its cells, how many lines it takes, its fault."""
        first = self.lines[here]
        chunk = self.lines[here : here + _MAX_SPAN] if '"' in first else [first]
        reader = csv.reader(
            chain(chunk, ("",)), delimiter=layout.delimiter, skipinitialspace=layout.space_after_delimiter
        )
        try:
            cells = next(reader)
        except csv.Error:
            return first.rstrip("\r\n").split(layout.delimiter), 1, _TOO_LONG if len(first) > 131_072 else _UNCLOSED
        span = reader.line_num
        if span > len(chunk) or (span > 1 and self._is_runaway(here, here + span, cells, layout)):
            return first.rstrip("\r\n").split(layout.delimiter), 1, _UNCLOSED
        return cells, span, ""

    def _is_runaway(self, here: int, after: int, cells: list[str], layout: Layout) -> bool:
        """Tell whether a record of several lines has swallowed rows that stand on their own."""
        if after - here > _MAX_SPAN:
            return True
        if not layout.columns:
            return False
        fits = len(cells) in layout.widths
        for line in self.lines[here + 1 : after]:
            try:
                alone = next(csv.reader([line], delimiter=layout.delimiter), [])
            except csv.Error:
                return True
            # A line that opens a quote of its own would be parsed past its end, so it is also split plainly.
            for cells_alone in (alone, line.rstrip("\r\n").split(layout.delimiter)):
                if len(cells_alone) in layout.widths and (not fits or _is_row(cells_alone, layout)):
                    return True
        return False


def _is_row(cells: list[str], layout: Layout) -> bool:
    """Tell whether cells hold a date and an amount where the layout has them."""
    at_date = layout.index(layout.date_column)
    money = (layout.amount_column, layout.debit_column, layout.credit_column)
    at_money = [place for name in money if (place := layout.index(name)) is not None and place < len(cells)]
    if at_date is None and not at_money:
        return False
    dated = at_date is None or (at_date < len(cells) and is_date(cells[at_date]))
    paid = not at_money or any(parse_amount(cells[place], layout.decimal_mark) is not None for place in at_money)
    return dated and paid
