"""The records that a statement is read into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tagger.transactions.layout import Layout


@dataclass(frozen=True, slots=True)
class Transaction:
    """One movement of money, as the bank wrote it.

    Parameters
    ----------
    occurred_on : date or None
        None where the row names no date.
    description : str
        The bank's text, untouched.
    amount : Decimal or None
        Signed, negative = money out; None where the file has no amount column.
    currency, account : str
        Empty where unknown.
    line : int
        1-based physical line on which the record starts (for tables without lines: the row number).
    labels : tuple of str, or None
        None: not judged. An empty tuple: judged, and no label applies.
    known_id : str or None
        The id that an export of this app wrote beside the row.
    """

    occurred_on: date | None
    description: str
    amount: Decimal | None
    currency: str
    account: str
    line: int
    labels: tuple[str, ...] | None
    known_id: str | None = None


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that could not be read. `column` is empty where the whole row is at fault."""

    line: int
    column: str
    value: str
    message: str


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row recognised as no transaction: a total, a balance, a heading."""

    line: int
    reason: str


@dataclass(frozen=True)
class Statement:
    """One file, read. `notes` say what was noticed about the file beyond single rows."""

    file_name: str
    file_hash: str
    format: str
    transactions: tuple[Transaction, ...]
    errors: tuple[RowError, ...]
    skipped: tuple[SkippedRow, ...]
    layout: Layout
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Every row that was not blank."""
        return len(self.transactions) + len(self.errors) + len(self.skipped)
