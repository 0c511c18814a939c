"""How a table is laid out, and what a person may say about that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

AmountSign = Literal["as written", "by direction", "inverted", "plus is in"]


@dataclass(frozen=True)
class ReadOptions:
    """What a person says about a table; None means "find out".

    Columns are named as in the file, or numbered from 1 where there is no header. An empty name means that the table
    has no such column. `first_line` is the physical line on which the table starts: its header's, if there is one.
    """

    description_column: str | None = None
    date_column: str | None = None
    amount_column: str | None = None
    account_column: str | None = None
    labels_column: str | None = None
    labels_separator: str = "|"
    labels_matching: str | None = None
    no_header: bool = False
    blank_means_none: bool = False
    debit_column: str | None = None
    credit_column: str | None = None
    currency_column: str | None = None
    direction_column: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    first_line: int | None = None
    date_format: str | None = None
    decimal_mark: str | None = None
    invert_amounts: bool = False  # for cards whose exports write spending as positive


@dataclass(frozen=True)
class Layout:
    """How a table is read. Columns are named; names that occur twice are told apart by a number.

    `widths` are the numbers of cells a row may have. `explanations` say in words what was found and why.
    """

    columns: tuple[str, ...]
    description_column: str
    delimiter: str = ""
    has_header: bool = True
    first_line: int = 1
    date_column: str | None = None
    amount_column: str | None = None
    debit_column: str | None = None
    credit_column: str | None = None
    account_column: str | None = None
    currency_column: str | None = None
    direction_column: str | None = None
    labels_column: str | None = None
    source_column: str | None = None
    id_column: str | None = None
    date_format: str = ""
    dates_ambiguous: bool = False
    decimal_mark: str = "."
    amount_sign: AmountSign = "as written"
    debit_sign: int = 0  # what a debit is multiplied by; 0: its size counts as money out, whatever its sign
    currency: str = ""
    is_own_export: bool = False
    space_after_delimiter: bool = False
    widths: frozenset[int] = field(default_factory=frozenset)
    explanations: tuple[str, ...] = ()

    def index(self, column: str | None) -> int | None:
        """Give a column's position, or None where it is not mapped."""
        return None if column is None else self.columns.index(column)
