"""From a table's rows to transactions: the part of reading that all tables share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple, Protocol

from tagger.errors import CancelledError, SettingError
from tagger.transactions.columns import CREDIT_WORDS, DEBIT_WORDS, fold_header, settle_values
from tagger.transactions.dates import order_of, parse_date
from tagger.transactions.layout import Layout, ReadOptions
from tagger.transactions.money import CURRENCY_CODES, currency_of, parse_amount
from tagger.transactions.spreadsheet import restore_cell
from tagger.transactions.transaction import RowError, SkippedRow, Transaction

ProgressCallback = Callable[[int, int], None]
Cancelled = Callable[[], bool]

_STEP = 20_000  # rows between two signs of life; about a third of a second
_SHOWN = 120  # characters of a cell repeated in an error


class Record(NamedTuple):
    """One row as it stands: the line it starts on, its cells, and what is wrong with it as a whole."""

    line: int
    cells: list[str]
    fault: str = ""


class Rows(Protocol):
    """A source of rows that can be gone through more than once."""

    @property
    def n_lines(self) -> int: ...
    @property
    def has_nul(self) -> bool:
        """Tell whether a cell may hold a NUL character."""

    @property
    def escaped(self) -> bool:
        """Tell whether an export of ours in this format has its text cells made safe for spreadsheets."""

    def records(self, layout: Layout) -> Iterator[Record]: ...


@dataclass(frozen=True)
class Interpreted:
    """What the rows of a table mean."""

    layout: Layout
    transactions: tuple[Transaction, ...]
    errors: tuple[RowError, ...]
    skipped: tuple[SkippedRow, ...]


# Whole cells that only a statement's own lines have, dated or not.
_BALANCE = re.compile(
    r"(opening|closing|starting|ending|beginning|previous|new|final|initial|current|available|ledger|statement|account|"
    r"running) balance( as (of|at)| on)?|balance( (brought|carried))? (forward|fwd)|balance (b|c) ?f(wd)?|"
    r"(brought|carried) forward|(anfangs|end|schluss)saldo|(alter|neuer) (konto)?(stand|saldo)|kontostand( am)?|"
    r"saldovortrag|ubertrag|(ancien|nouveau) solde|solde (initial|final|precedent)|"
    r"saldo (inicial|final|anterior|iniziale|finale|actual|precedente|poczatkowe|koncowe)|(begin|eind) ?saldo|"
    r"(oud|nieuw) saldo|likutis (pradziai|pabaigai)|apyvarta|(total )?((debit|credit) )?turnover"
)
_BALANCE_BEGINS = frozenset(
    re.findall(
        r"\w+",
        """
        opening closing starting ending beginning previous new final initial current available ledger statement account
        running balance brought carried anfangssaldo endsaldo schlusssaldo alter neuer kontostand saldovortrag übertrag
        ubertrag ancien nouveau solde saldo beginsaldo begin eindsaldo eind oud nieuw likutis apyvarta total turnover
        """,
    )
)  # asked first, for folding every description would take longer than all the rest
# Words that a merchant may have too ("TOTAL" sells petrol), so they count only where no date stands beside them.
_TOTAL = re.compile(
    r"(grand |sub ?|statement |page )?totals?"
    r"( (debits?|credits?|amount|balance|withdrawals|deposits|transactions|in|out|paid (in|out)))?|"
    r"sums?|summe|gesamt(summe)?|totaal|totale|total general|somme|suma|razem|"
    r"end of (file|report|statement|transactions)"
)
_MAY_BE_TOTAL = re.compile(r"tota|sum|gesamt|somme|razem|end of", re.IGNORECASE)
_PENDING = frozenset(
    ["pending", "authorised", "authorized", "processing", "vorgemerkt", "en attente", "pendiente", "in behandeling"]
)
_NUMBERS = re.compile(r"[\d.,:/\-]+")


def interpret(
    table: Rows,
    layout: Layout,
    options: ReadOptions,
    *,
    default_account: str = "",
    progress: ProgressCallback | None = None,
    cancelled: Cancelled | None = None,
) -> Interpreted:
    """Read every row of a table into a transaction, an error or a skipped row.

    Raises
    ------
    CancelledError
        If `cancelled` says so.
    SettingError
        If an option has a value that means nothing.
    """
    layout = settle(table, layout, options, cancelled=cancelled)
    reading = RowReader(layout, options, escaped=table.escaped, has_nul=table.has_nul, default_account=default_account)
    transactions: list[Transaction] = []
    errors: list[RowError] = []
    skipped: list[SkippedRow] = []
    for number, record in enumerate(table.records(layout)):
        if number % _STEP == 0:
            _sign_of_life(record.line, table.n_lines, progress, cancelled)
        result = reading.read(record)
        if type(result) is Transaction:
            transactions.append(result)
        elif type(result) is RowError:
            errors.append(result)
        elif type(result) is SkippedRow:
            skipped.append(result)
    if progress is not None:
        progress(table.n_lines, table.n_lines)
    if layout.date_column is None and (total := _last_total(transactions)) is not None:
        skipped.append(SkippedRow(transactions.pop().line, total))
    return Interpreted(layout, tuple(transactions), tuple(errors), tuple(skipped))


def settle(table: Rows, layout: Layout, options: ReadOptions, *, cancelled: Cancelled | None = None) -> Layout:
    """Decide date order, decimal mark and signs from the whole columns instead of the beginning."""
    places = [layout.index(name) for name in (layout.amount_column, layout.debit_column, layout.credit_column)]
    at_money = [place for place in places if place is not None]
    at_date, at_direction = layout.index(layout.date_column), layout.index(layout.direction_column)
    if at_date is None and not at_money:
        return layout
    dates: dict[str, None] = {}
    amounts: dict[str, None] = {}
    debits: dict[str, None] = {}
    directions: dict[tuple[str, str], None] = {}
    at_debit, n_columns = layout.index(layout.debit_column), len(layout.columns)
    for number, record in enumerate(table.records(layout)):
        if number % _STEP == 0:
            _sign_of_life(0, 1, None, cancelled)
        cells = record.cells
        if record.fault or len(cells) not in layout.widths:
            continue
        if len(cells) < n_columns:
            cells = cells + [""] * (n_columns - len(cells))
        if at_date is not None:
            dates[cells[at_date]] = None
        for place in at_money:
            amounts[cells[place]] = None
        if at_debit is not None:
            debits[cells[at_debit]] = None
        if at_direction is not None and places[0] is not None:
            directions[(cells[places[0]], cells[at_direction])] = None
    return settle_values(
        layout,
        dates=list(dates),
        amounts=list(amounts),
        debits=list(debits),
        directions=list(directions),
        options=options,
    )


def labels_of_cell(cell: str, separator: str, matching: re.Pattern[str] | None) -> tuple[str, ...] | None:
    """Read a cell of labels: None where it is blank, else its names once each, without those not matching."""
    if not cell.strip():
        return None
    names = dict.fromkeys(name.strip() for name in cell.split(separator))
    return tuple(name for name in names if name and (matching is None or matching.search(name)))


class LabelReader:
    """Reads the labels of a row as the options say."""

    def __init__(self, layout: Layout, options: ReadOptions, *, escaped: bool) -> None:
        if layout.labels_column is not None and not options.labels_separator:
            raise SettingError("The separator between labels is empty.", hint="Leave it out to use |.")
        try:
            self._matching = re.compile(options.labels_matching) if options.labels_matching else None
        except re.error as error:
            raise SettingError(
                f"{options.labels_matching!r} is not a regular expression: {error}.",
                hint="To keep labels that begin with 'group:', write ^group:",
            ) from None
        self._separator = options.labels_separator
        self._blank: tuple[str, ...] | None = () if options.blank_means_none else None
        self._at = layout.index(layout.labels_column)
        # Tags that a model predicted or memory answered are no one's judgement, whatever file they come back in.
        self._at_source = layout.index(layout.source_column)
        self._restore = escaped and layout.is_own_export
        self._known: dict[str, tuple[str, ...] | None] = {}

    def read(self, cells: list[str]) -> tuple[str, ...] | None:
        """Give a row's labels; None = not judged."""
        if self._at is None:
            return None
        cell = cells[self._at]
        if self._at_source is not None:
            if cells[self._at_source].strip().casefold() != "confirmed":
                return None
            return self._labels(cell) or ()
        labels = self._labels(cell)
        return self._blank if labels is None else labels

    def _labels(self, cell: str) -> tuple[str, ...] | None:
        if cell in self._known:
            return self._known[cell]
        text = restore_cell(cell) if self._restore else cell
        labels = self._known[cell] = labels_of_cell(text, self._separator, self._matching)
        return labels


class RowReader:
    """Reads one record at a time; a record gives exactly one transaction, error or skipped row, or None if blank."""

    def __init__(
        self, layout: Layout, options: ReadOptions, *, escaped: bool, has_nul: bool, default_account: str = ""
    ) -> None:
        self._layout = layout
        self._names = layout.columns
        self._n = len(layout.columns)
        self._labels = LabelReader(layout, options, escaped=escaped)
        self._restore = escaped and layout.is_own_export
        self._has_nul = has_nul
        self._default_account = default_account
        self._at_description = layout.columns.index(layout.description_column)
        self._at_date = layout.index(layout.date_column)
        self._at_amount = layout.index(layout.amount_column)
        self._at_debit = layout.index(layout.debit_column)
        self._at_credit = layout.index(layout.credit_column)
        self._at_account = layout.index(layout.account_column)
        self._at_currency = layout.index(layout.currency_column)
        self._at_direction = layout.index(layout.direction_column)
        self._at_id = layout.index(layout.id_column)
        money = (self._at_amount, self._at_debit, self._at_credit)
        self._at_money = [place for place in money if place is not None]
        self._order = order_of(layout.date_format) if layout.date_format and _has_day(layout.date_format) else "dmy"
        self._mark = layout.decimal_mark
        self._dates: dict[str, date | None] = {"": None}
        self._amounts: dict[str, Decimal | None] = {}
        self._currencies: dict[str, str] = {}
        self._heading = [name.casefold() for name in layout.columns] if layout.has_header else []

    def read(self, record: Record) -> Transaction | RowError | SkippedRow | None:  # noqa: PLR0911, PLR0912  # one row, one walk
        cells, line = record.cells, record.line
        if record.fault:
            return RowError(line, "", _shown(cells), record.fault)
        n = len(cells)
        if n != self._n:
            if n > self._n and not any(cell.strip() for cell in cells[self._n :]):
                cells = cells[: self._n]
            elif n in self._layout.widths and n < self._n:
                cells = cells + [""] * (self._n - n)
            else:
                return self._ragged(line, cells)
        if self._has_nul:
            for place, cell in enumerate(cells):
                if "\0" in cell:
                    return RowError(
                        line, self._names[place], _shown([cell]), "holds a NUL character, which no text has"
                    )
        description = cells[self._at_description]
        date_text = cells[self._at_date].strip() if self._at_date is not None else ""
        occurred_on = self._date(date_text) if date_text else None
        bad_date = bool(date_text) and occurred_on is None and date_text.casefold() not in _PENDING
        if _is_balance(description):
            return SkippedRow(line, f"a balance: {_shown([description])}")
        if occurred_on is None and (reason := self._skip(cells, description, bad_date=bad_date)) is not None:
            return SkippedRow(line, reason) if reason else None
        if bad_date:
            column = self._layout.date_column or ""
            return RowError(line, column, _shown([date_text]), f"{_shown([date_text])!r} is not a date")
        amount: Decimal | None = None
        if self._at_money:
            found = self._amount(cells, line)
            if isinstance(found, RowError):
                return found
            amount = found
        account = cells[self._at_account].strip() if self._at_account is not None else ""
        if self._restore:
            description, account = restore_cell(description), restore_cell(account)
        return Transaction(
            occurred_on,
            description,
            amount,
            self._currency(cells),
            account or self._default_account,
            line,
            self._labels.read(cells),
            (cells[self._at_id].strip() or None) if self._at_id is not None else None,
        )

    def _ragged(self, line: int, cells: list[str]) -> RowError | SkippedRow | None:
        filled = [cell for cell in cells if cell.strip()]
        if not filled:
            return None
        if len(filled) == 1 and self._n > 2 and self._is_remark(filled[0]):
            return SkippedRow(line, f"a heading or remark: {_shown(filled)}")
        if any(_is_total(cell) for cell in filled):
            return SkippedRow(line, f"a total: {_shown(filled)}")
        expected = " or ".join(map(str, sorted(self._layout.widths)))
        return RowError(line, "", _shown(cells), f"has {len(cells)} cells where {expected} are expected")

    def _is_remark(self, cell: str) -> bool:
        return self._date(cell.strip()) is None and parse_amount(cell, self._mark) is None

    def _skip(self, cells: list[str], description: str, *, bad_date: bool) -> str | None:  # noqa: PLR0911  # a list of reasons
        """Say why a row without a date is no transaction; an empty reason: it is blank; None: it is one."""
        filled = [cell for cell in cells if cell.strip()]
        if not filled:
            return ""
        if self._heading and description.strip().casefold() == self._heading[self._at_description]:
            pairs = [
                (cell.strip().casefold(), name)
                for cell, name in zip(cells, self._heading, strict=False)
                if cell.strip()
            ]
            if all(cell == name for cell, name in pairs):
                return "the column names again"
        if self._at_date is None:
            return None
        if any(_is_total(cell) or _is_balance(cell) for cell in filled):
            return f"a total: {_shown(filled)}"
        has_money = any(cells[place].strip() for place in self._at_money)
        if self._at_money and not has_money and (len(filled) == 1 or not bad_date):
            return f"neither a date nor an amount: {_shown(filled)}" if self._labels.read(cells) is None else None
        if bad_date and len(filled) == 1 and not description.strip():
            return f"a heading or remark: {_shown(filled)}"
        return None

    def _date(self, text: str) -> date | None:
        try:
            return self._dates[text]
        except KeyError:
            found = self._dates[text] = parse_date(text, self._order)
            return found

    def _amount(self, cells: list[str], line: int) -> Decimal | RowError:
        return (
            self._signed(cells, line, self._at_amount) if self._at_amount is not None else self._balance_of(cells, line)
        )

    def _signed(self, cells: list[str], line: int, place: int) -> Decimal | RowError:
        """Read the amount column, with its sign as the layout says."""
        cell = cells[place]
        amount = self._parse(cell)
        if amount is None:
            return self._no_amount(line, place, cell)
        sign = self._layout.amount_sign
        negate = sign == "inverted" or (sign == "plus is in" and "+" not in cell)
        if sign == "by direction" and self._at_direction is not None:
            word = cells[self._at_direction].strip().casefold()
            negate = word in DEBIT_WORDS
            if not negate and word not in CREDIT_WORDS:
                column = self._names[self._at_direction]
                return RowError(line, column, _shown([word]), f"{_shown([word])!r} says neither debit nor credit")
        return -amount if negate and amount else amount

    def _balance_of(self, cells: list[str], line: int) -> Decimal | RowError:
        """Read money in less money out from two columns."""
        total, filled = Decimal(0), 0
        for place, is_debit in ((self._at_debit, True), (self._at_credit, False)):
            if place is None or not (cell := cells[place].strip()):
                continue
            value = self._parse(cell)
            if value is None:
                return self._no_amount(line, place, cell)
            filled += 1
            if is_debit:
                value = value * self._layout.debit_sign if self._layout.debit_sign else -abs(value)
            if value:  # adding a zero would change how the other is written
                total = value if not total else total + value
        if not filled:
            return RowError(line, self._names[self._at_money[0]], "", "neither money out nor money in is filled")
        return -total if self._layout.amount_sign == "inverted" and total else total

    def _parse(self, cell: str) -> Decimal | None:
        try:
            return self._amounts[cell]
        except KeyError:
            found = self._amounts[cell] = parse_amount(cell, self._mark)
            return found

    def _no_amount(self, line: int, place: int, cell: str) -> RowError:
        shown = _shown([cell])
        message = f"{shown!r} is not an amount" if cell.strip() else "the amount is empty"
        return RowError(line, self._names[place], shown, message)

    def _currency(self, cells: list[str]) -> str:
        if self._at_currency is not None:
            return cells[self._at_currency].strip().upper()
        if self._layout.currency:
            return self._layout.currency
        for place in self._at_money:
            cell = cells[place]
            code = self._currencies.get(cell)
            if code is None:
                code = self._currencies[cell] = currency_of(cell)
            if code:
                return code
        return ""


def _is_balance(text: str) -> bool:
    if not 6 < len(text) < 60:
        return False
    words = text.split(None, 1)
    return (
        bool(words) and words[0].rstrip(":.").lower() in _BALANCE_BEGINS and _BALANCE.fullmatch(_bare(text)) is not None
    )


def _is_total(text: str) -> bool:
    return 2 < len(text) < 60 and _MAY_BE_TOTAL.search(text) is not None and _TOTAL.fullmatch(_bare(text)) is not None


def _bare(text: str) -> str:
    """Fold a cell and leave out numbers, dates and currencies, as in "Closing balance 31/03/2024 EUR"."""
    words = fold_header(_NUMBERS.sub(" ", text)).split()
    return " ".join(word for word in words if word.upper() not in CURRENCY_CODES)


def _last_total(transactions: list[Transaction]) -> str | None:
    """Say so where the last row of a table without dates is the sum of the others."""
    if len(transactions) < 3 or not _is_total(transactions[-1].description):
        return None
    others = sum((row.amount for row in transactions[:-1] if row.amount is not None), Decimal(0))
    last = transactions[-1].amount
    return (
        f"a total: {_shown([transactions[-1].description])}" if last is not None and abs(last) == abs(others) else None
    )


def _has_day(date_format: str) -> bool:
    return "D" in date_format.upper() and "Y" in date_format.upper()


def _shown(cells: Iterable[str]) -> str:
    text = " ".join(" | ".join(cell.strip() for cell in cells if cell.strip()).replace("\0", "\ufffd").split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _sign_of_life(done: int, total: int, progress: ProgressCallback | None, cancelled: Cancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise CancelledError("Reading the file was stopped.")
    if progress is not None:
        progress(done, total)
