"""Deciding which column is what: by its name, in several languages, and by its cells."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from tagger.errors import MissingColumnError, SettingError
from tagger.transactions.dates import guess_dates, is_date, order_of
from tagger.transactions.layout import AmountSign, Layout, ReadOptions
from tagger.transactions.money import CURRENCY_CODES, currency_of, guess_decimal_mark, parse_amount


@dataclass(frozen=True)
class _Role:
    """Names that tell a role: sure ones, likely ones, a pattern for the rest, and a pattern against."""

    sure: frozenset[str]
    likely: frozenset[str] = frozenset()
    contains: re.Pattern[str] | None = None
    against: re.Pattern[str] | None = None


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(","))


_DATE = _Role(
    sure=_names(
        "date, transaction date, booking date, posting date, posted date, date posted, date processed, trans date, "
        "datum, buchungstag, buchungsdatum, fecha, fecha operacion, data, data operazione, data operacji, "
        "date operation, date de l operation, dato, datum transactie, datum verrichting, datum provedeni, "
        "tranzakcio datuma, started date, bokforingsdag, date of payment, payment date, operation date, "
        "transaktionsdatum, occurred on"
    ),
    likely=_names("day, completed date, belegdatum, timestamp, date time, datetime, time"),
    contains=re.compile(r"\b(date|datum\w*|fecha|data|dato|datetime|timestamp)\b"),
    against=re.compile(
        r"\b(value|valuta|valeur|valor|settlement|initial|final|start|end|due|birth|statement|wertstellung)\b"
    ),
)
DESCRIPTION = _Role(
    sure=_names(
        "description, transaction description, details, transaction details, narrative, narration, beschreibung, "
        "verwendungszweck, transaktionsbeschreibung, omschrijving, naam omschrijving, descripcion, concepto, "
        "descrizione, libelle, descricao, beskrivelse, beskrivning, opis, opis operacji, paaiskinimai, kozlemeny, "
        "popis, text, texte, tekst"
    ),
    likely=_names(
        "memo, particulars, merchant, merchant name, payee, payee name, name, label, title, supplier, supplier name, "
        "vendor, counterparty, partner name, partner neve, empfanger, auftraggeber empfanger, handelaar, mededelingen, "
        "reference, buchungstext, causale, original description, zprava, poznamka, beneficiary, gavejas, "
        "specification, tytul, who"
    ),
    contains=re.compile(
        r"\b(description|details|narrative|merchant|payee|memo|omschrijving|verwendungszweck|libelle|supplier)\b"
    ),
    against=re.compile(
        r"\b(g l|gl|ledger|account|iban|category|type|code|currency|additional|zusatz|status|id|"
        r"number|no|date|datum|amount)\b"
    ),
)
_AMOUNT = _Role(
    sure=_names(
        "amount, transaction amount, betrag, bedrag, montant, importe, importo, belob, belopp, kwota, suma, castka, "
        "osszeg, umsatz, buchungsbetrag, zauctovana castka, tranzakcio osszege, valor, bedrag eur, amount eur, "
        "amount gbp, amount usd"
    ),
    likely=_names(
        "value, gross, net, sum, amt, transaction value, invoice line value, net amount, gross amount, spend, price"
    ),
    contains=re.compile(r"\b(amount|betrag|bedrag|montant|importe|importo|castka|kwota|umsatz|value)\b"),
    against=re.compile(
        r"\b(balance|saldo|solde|kontostand|egyenleg|likutis|rate|koers|kurs|fees?|vat|tax|original|originalbetrag|foreign|"
        r"converted|puvodni|currency|id|code|number|no|dates?|datum|limit|running)\b"
    ),
)
_DEBIT = _Role(
    _names(
        "debit, debits, debit amount, amount debit, debit value, withdrawal, withdrawals, withdrawal amount, paid out, "
        "money out, out, soll, debet, cargo, cargos, dare, addebiti, uscite, outflow, spent, debito, belastung"
    )
)
_CREDIT = _Role(
    _names(
        "credit, credits, credit amount, amount credit, credit value, deposit, deposits, deposit amount, paid in, "
        "money in, in, haben, abono, abonos, avere, accrediti, entrate, inflow, received, credito, gutschrift"
    )
)
_ACCOUNT = _Role(
    _names(
        "account, account number, account name, account no, account id, iban, kontonummer, konto, rekening, "
        "rekeningnummer, compte, cuenta, conto, card number, szamlaszam, cislo uctu, saskaitos nr"
    )
)
_CURRENCY = _Role(
    _names(
        "currency, currency code, ccy, wahrung, buchungswahrung, munt, valuta, devise, divisa, moneda, "
        "mena, mena uctu, devizanem"
    )
)
_LABELS = _Role(_names("tags, labels, tag, label, category, categories"))
ROLES = (_DATE, DESCRIPTION, _AMOUNT, _DEBIT, _CREDIT, _ACCOUNT, _CURRENCY, _LABELS)
_LABEL_NAMES = ("tags", "labels", "tag", "label", "category", "categories")

DEBIT_WORDS = _names("debit, debet, d, dr, db, af, uit, out, outflow, soll, s, withdrawal, expense, -, dbit")
CREDIT_WORDS = _names("credit, kredit, c, cr, k, bij, in, inflow, haben, h, deposit, income, +, crdt")

_DIGIT = re.compile(r"[0-9]|[^\x00-\x7f]")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^]]*\]")
_NO_WORD = re.compile(r"[^0-9a-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def fold_header(name: str) -> str:
    """Reduce a column's name to its words: no accents, case, punctuation or units in brackets."""
    name = name[:200]
    name = _CAMEL.sub(" ", _BRACKETS.sub(" ", name) or name)
    if name.isascii():
        return " ".join(_NO_WORD.sub(" ", name.lower()).split())
    plain = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c)).split())


def name_score(role: _Role, name: str) -> float:
    folded = fold_header(name)
    if folded in role.sure:
        return 4.0
    if role.against is not None and role.against.search(folded):
        return 0.5 if role.contains is not None and role.contains.search(folded) else 0.0
    if folded in role.likely:
        return 3.0
    return 2.0 if role.contains is not None and role.contains.search(folded) else 0.0


def is_amount(cell: str) -> bool:
    if not _DIGIT.search(cell):
        return False
    return parse_amount(cell, ".") is not None or parse_amount(cell, ",") is not None


def is_typed(cell: str) -> bool:
    return is_date(cell) or is_amount(cell)


@dataclass(frozen=True)
class _Column:
    """What the sampled cells of one column look like; shares are of its filled cells."""

    name: str
    cells: tuple[str, ...]  # as they stand, blanks included
    n_filled: int
    fill: float
    dates: float
    amounts: float
    texts: float

    @classmethod
    def of(cls, name: str, cells: Sequence[str]) -> _Column:
        filled = [cell.strip() for cell in cells if cell.strip()]
        n = len(filled) or 1
        kinds = Counter(map(_kind, filled))
        dates, amounts, texts = kinds["date"] / n, kinds["amount"] / n, kinds["text"] / n
        return cls(name, tuple(cells), len(filled), len(filled) / (len(cells) or 1), dates, amounts, texts)


def _kind(cell: str) -> str:
    if is_date(cell):
        return "date"
    if is_amount(cell):
        return "amount"
    return "text" if sum(map(str.isalpha, cell[:200])) >= 3 and cell not in CURRENCY_CODES else ""


def assign_columns(layout: Layout, rows: Sequence[Sequence[str]], options: ReadOptions) -> Layout:
    """Decide which column is what, from the columns' names and the cells of `rows`.

    Raises
    ------
    MissingColumnError
        If no column could be the description, or a named column does not exist.
    """
    columns = [_Column.of(name, [row[place] for row in rows]) for place, name in enumerate(layout.columns)]
    return _Assignment(layout, columns, options).finish()


class _Assignment:
    """The columns that are still free, and the roles given so far."""

    def __init__(self, layout: Layout, columns: list[_Column], options: ReadOptions) -> None:
        self.layout = layout
        self.columns = columns
        self.options = options
        self.taken: set[str] = set()
        self.why: list[str] = list(layout.explanations)

    def finish(self) -> Layout:
        options = self.options
        folded = {fold_header(name): name for name in reversed(self.layout.columns)} if self.layout.has_header else {}
        source = folded.get("tag source")
        known_id = folded.get("transaction id") if source else None
        named = {role: self._named(role, getattr(options, f"{role}_column")) for role in _NAMED_ROLES}
        self.taken |= {name for name in (*named.values(), source, known_id) if name}
        date = named["date"] if options.date_column is not None else self._date()
        labels = named["labels"] if options.labels_column is not None else self._sure_labels()
        amount, debit, credit = self._amounts(named)
        description = named["description"] or self._description()
        self.taken.add(description)
        if labels is None and options.labels_column is None:
            labels = self._likely_labels()
        currency = named["currency"] if options.currency_column is not None else self._currency()
        account = named["account"] if options.account_column is not None else self._by_name(_ACCOUNT)
        direction = named["direction"]
        if options.direction_column is None and amount is not None:
            direction = self._direction()
        layout = replace(
            self.layout,
            description_column=description,
            date_column=date,
            amount_column=amount,
            debit_column=debit,
            credit_column=credit,
            account_column=account,
            currency_column=currency,
            direction_column=direction,
            labels_column=labels,
            source_column=source if labels is not None and fold_header(labels) == "tags" else None,
            id_column=known_id,
            currency=self._currency_of_amounts([amount, debit, credit]) if currency is None else "",
            is_own_export=bool(source and known_id),
        )
        layout = replace(layout, explanations=(*self.why, *_told(layout)))
        return settle_values(
            layout,
            dates=self._cells(date),
            amounts=[*self._cells(amount), *self._cells(debit), *self._cells(credit)],
            debits=self._cells(debit),
            directions=list(zip(self._cells(amount), self._cells(direction), strict=False)),
            options=options,
        )

    def _named(self, role: str, name: str | None) -> str | None:
        if not name:
            return None
        names = self.layout.columns
        if name in names:
            return name
        alike = [found for found in names if found.strip().casefold() == name.strip().casefold()]
        if len(alike) == 1:
            return alike[0]
        raise MissingColumnError(
            f"No column {name!r} for the {role}.", list(names), hint="Write the name as it stands in the file."
        )

    def _cells(self, name: str | None) -> list[str]:
        return [] if name is None else list(self.columns[self.layout.columns.index(name)].cells)

    def _free(self) -> list[_Column]:
        return [column for column in self.columns if column.name not in self.taken]

    def _best(self, role: _Role, fits: Callable[[_Column], float], least: float) -> str | None:
        """Take the free column whose name and content fit best; a sure name is kept even where its content is bad."""
        if not self.layout.has_header:
            return None
        best, best_score = None, 0.0
        for column in self._free():
            by_name = name_score(role, column.name)
            content = fits(column) if column.n_filled else 0.5
            score = by_name * (0.3 + 0.7 * column.fill) + (2.0 if content >= least else -2.0)
            if by_name and (content >= least or by_name >= 4) and score > best_score:
                best, best_score = column.name, score
        if best is not None:
            self.taken.add(best)
        return best

    def _date(self) -> str | None:
        found = self._best(_DATE, lambda column: column.dates, 0.5)
        if found is None:
            for column in self._free():
                if column.dates >= 0.8 and column.fill >= 0.5:
                    self.taken.add(column.name)
                    return column.name
        return found

    def _by_name(self, role: _Role) -> str | None:
        if not self.layout.has_header:
            return None
        for column in self._free():
            distinct = {cell.strip() for cell in column.cells if cell.strip()}
            # "Account" heads the ledger's accounts in a firm's books: names, and many of them.
            if name_score(role, column.name) >= 4 and distinct and (len(distinct) <= 12 or column.texts < 0.5):
                self.taken.add(column.name)
                return column.name
        return None

    def _amounts(self, named: dict[str, str | None]) -> tuple[str | None, str | None, str | None]:
        options = self.options
        if options.amount_column or options.debit_column or options.credit_column or options.amount_column == "":
            amount = named["amount"]
            return (amount, None, None) if amount else (None, named["debit"], named["credit"])
        amount = self._best(_AMOUNT, lambda column: column.amounts, 0.5)
        if amount is not None and name_score(_AMOUNT, amount) >= 4:
            return amount, None, None
        debit = self._best(_DEBIT, lambda column: column.amounts, 0.5)
        credit = self._best(_CREDIT, lambda column: column.amounts, 0.5)
        if debit or credit:
            if amount is not None:
                self.taken.discard(amount)
            return None, debit, credit
        return (amount, None, None) if amount is not None else self._amounts_by_content()

    def _amounts_by_content(self) -> tuple[str | None, str | None, str | None]:
        numeric = [column for column in self._free() if column.amounts >= 0.8 and column.n_filled]
        numeric = [column for column in numeric if not _looks_like_number_of_something(column)]
        if self.layout.has_header:
            # Under a name that says nothing, whole numbers are as likely counts, years or ages.
            numeric = [column for column in numeric if _amount_likeness(column) >= 0.6]
            numeric = [c for c in numeric if not (_AMOUNT.against and _AMOUNT.against.search(fold_header(c.name)))]
        values = {column.name: [_value(cell) for cell in column.cells] for column in numeric}
        balances = {b for b in values for a in values if a != b and _is_balance(values[b], values[a])}
        for left, right in pairwise(numeric):
            if _exclusive(left, right):
                self.taken |= {left.name, right.name}
                debit, credit = left.name, right.name
                if _mostly_negative(values[right.name]) and not _mostly_negative(values[left.name]):
                    debit, credit = credit, debit
                self.why.append(f"Columns {debit!r} and {credit!r} are never both filled: money out and money in.")
                return None, debit, credit
        rest = [column for column in numeric if column.name not in balances and column.fill >= 0.5] or numeric
        if not rest:
            return None, None, None
        chosen = max(rest, key=lambda column: (round(_amount_likeness(column), 1), -numeric.index(column)))
        self.taken.add(chosen.name)
        return chosen.name, None, None

    def _description(self) -> str:
        best, best_score = None, 0.0
        for column in self._free():
            by_name = name_score(DESCRIPTION, column.name) if self.layout.has_header else 0.0
            if column.n_filled and not column.texts:
                by_name = 0.0 if by_name < 4 else 1.0
            score = by_name * (0.3 + 0.7 * column.fill)
            if column.texts >= 0.5 and column.fill:
                lengths = [len(cell) for cell in column.cells if cell.strip()]
                distinct = len({cell.strip() for cell in column.cells}) / len(column.cells)
                score += 0.9 * column.fill * min(sum(lengths) / len(lengths), 40) / 40 * (0.3 + 0.7 * distinct)
            if score > best_score:
                best, best_score = column.name, score
        if best is None:
            raise MissingColumnError("No column that could be the description.", list(self.layout.columns))
        return best

    def _sure_labels(self) -> str | None:
        """Take a column that is named for labels and cannot be the description."""
        return self._labels_named(("tags", "labels", "tag"))

    def _likely_labels(self) -> str | None:
        return self._labels_named(_LABEL_NAMES)

    def _labels_named(self, names: tuple[str, ...]) -> str | None:
        if not self.layout.has_header:
            return None
        found = [column for name in names for column in self._free() if fold_header(column.name) == name]
        found.sort(key=lambda column: not column.n_filled)
        if not found or (not found[0].n_filled and names != _LABEL_NAMES and self.columns[0].cells):
            return None
        self.taken.add(found[0].name)
        return found[0].name

    def _currency(self) -> str | None:
        for column in self._free():
            filled = [cell.strip() for cell in column.cells if cell.strip()]
            if filled and all(cell in CURRENCY_CODES for cell in filled):
                if self.layout.has_header and name_score(_CURRENCY, column.name) < 4:
                    continue
                if not self.layout.has_header and column.fill < 0.8:
                    continue
                self.taken.add(column.name)
                return column.name
        return None

    def _currency_of_amounts(self, names: list[str | None]) -> str:
        for name in names:
            if name is None:
                continue
            for code in re.findall(r"\b[A-Z]{3}\b", name.upper()):
                if code in CURRENCY_CODES:
                    return str(code)
            found = {currency_of(cell) for cell in self._cells(name) if cell.strip()}
            if len(found) == 1:
                return found.pop()
        return ""

    def _direction(self) -> str | None:
        for column in self._free():
            words = {cell.strip().casefold() for cell in column.cells if cell.strip()}
            if words and words <= DEBIT_WORDS | CREDIT_WORDS and column.fill >= 0.8:
                self.taken.add(column.name)
                self.why.append(f"Column {column.name!r} says debit or credit.")
                return column.name
        return None


_NAMED_ROLES = ("description", "date", "amount", "account", "labels", "debit", "credit", "currency", "direction")


def _told(layout: Layout) -> tuple[str, ...]:
    told = [f"Description: column {layout.description_column!r}."]
    told.append(f"Date: column {layout.date_column!r}." if layout.date_column else "No column of dates was found.")
    if layout.amount_column:
        told.append(f"Amount: column {layout.amount_column!r}.")
    for name, what in ((layout.debit_column, "Money out"), (layout.credit_column, "Money in")):
        if name:
            told.append(f"{what}: column {name!r}.")
    if not (layout.amount_column or layout.debit_column or layout.credit_column):
        told.append("No column of amounts was found.")
    if layout.labels_column:
        told.append(f"Tags: column {layout.labels_column!r}.")
    if layout.account_column:
        told.append(f"Account: column {layout.account_column!r}.")
    return tuple(told)


def settle_values(
    layout: Layout,
    *,
    dates: Sequence[str],
    amounts: Sequence[str],
    debits: Sequence[str],
    directions: Sequence[tuple[str, str]],
    options: ReadOptions,
) -> Layout:
    """Decide date order, decimal mark and signs from the cells given; called again with whole columns.

    Parameters
    ----------
    amounts : cells of the amount, debit and credit columns
    debits : those of the debit column alone
    directions : (amount, direction) pairs of cells
    """
    told = [
        line for line in layout.explanations if not line.startswith(("Dates: ", "No dates", "Decimal mark", "Signs: "))
    ]
    if options.decimal_mark is not None:
        if options.decimal_mark not in {".", ","}:
            raise SettingError(f"The decimal mark {options.decimal_mark!r} is neither . nor a comma.")
        mark = options.decimal_mark
    else:
        guess = guess_decimal_mark(amounts, default="," if layout.delimiter == ";" else ".")
        mark = guess.mark
        if layout.amount_column or layout.debit_column or layout.credit_column:
            told.append(guess.explanation)
    date_format, ambiguous = "", False
    if layout.date_column is not None:
        if options.date_format:
            order_of(options.date_format)
            date_format = options.date_format
        else:
            found = guess_dates(dates)
            date_format, ambiguous = found.format, found.ambiguous
            told.append(found.explanation)
    sign: AmountSign = "inverted" if options.invert_amounts else _sign(directions, mark)
    if sign == "as written" and layout.amount_column and not directions and _plus_is_in(amounts, mark):
        sign = "plus is in"
        told.append("Signs: money in is marked with +, so amounts without a sign are money out.")
    if sign == "by direction":
        told.append("Signs: the amounts have none; the column that says debit or credit gives them.")
    elif sign == "inverted":
        told.append("Signs: turned round, because the file writes money out as positive.")
    return replace(
        layout,
        date_format=date_format,
        dates_ambiguous=ambiguous,
        decimal_mark=mark,
        amount_sign=sign,
        debit_sign=_debit_sign(debits, mark),
        explanations=tuple(told),
    )


def _sign(directions: Sequence[tuple[str, str]], mark: str) -> AmountSign:
    opposed = negative = n = 0
    for amount_text, direction in directions:
        amount, word = parse_amount(amount_text, mark), direction.strip().casefold()
        if not amount or (word not in DEBIT_WORDS and word not in CREDIT_WORDS):
            continue
        n += 1
        negative += amount < 0
        opposed += (amount > 0) == (word in DEBIT_WORDS)
    if n and not negative:
        return "by direction"
    return "inverted" if n and opposed >= 0.9 * n else "as written"


def _plus_is_in(amounts: Sequence[str], mark: str) -> bool:
    """Tell whether no amount is negative and a few, not most, bear a plus: then the others went out."""
    values = [(cell, value) for cell in amounts if (value := parse_amount(cell, mark))]
    plus = sum("+" in cell for cell, _ in values)
    return 0 < plus * 2 <= len(values) and all(value > 0 for _, value in values)


def _debit_sign(debits: Sequence[str], mark: str) -> int:
    """Tell whether debits are written negative; the minority is then money that came back."""
    values = [value for cell in debits if (value := parse_amount(cell, mark))]
    negative = sum(value < 0 for value in values)
    if negative * 2 == len(values):
        return 0
    return 1 if negative * 2 > len(values) else -1


def _value(cell: str) -> float | None:
    points, commas = parse_amount(cell, "."), parse_amount(cell, ",")
    if points is not None and commas is not None and points != commas:
        # Either reading serves: balances are recognised by differences.
        return float(points)
    found = points if points is not None else commas
    return None if found is None else float(found)


def _is_balance(balance: list[float | None], amount: list[float | None]) -> bool:
    """Tell whether one column runs on by the other, forwards or backwards, before or after the row's own amount."""
    pairs = [
        (after - before, here, following)
        for before, after, here, following in zip(balance, balance[1:], amount, amount[1:], strict=False)
        if before is not None and after is not None and here is not None and following is not None
    ]
    if len(pairs) < 2 or all(abs(step) < 0.005 for step, _, _ in pairs):
        return False
    for this_row in (True, False):
        for sign in (1, -1):
            hits = sum(abs(step - sign * (here if this_row else following)) < 0.005 for step, here, following in pairs)
            if hits >= 0.6 * len(pairs):
                return True
    return False


def _exclusive(left: _Column, right: _Column) -> bool:
    """Tell whether of two columns exactly one is filled, both being needed."""
    pairs = [(bool(a.strip()), bool(b.strip())) for a, b in zip(left.cells, right.cells, strict=True)]
    filled = [pair for pair in pairs if any(pair)]
    return (
        len(filled) >= 2
        and len(filled) >= 0.9 * len(pairs)
        and sum(a != b for a, b in filled) >= 0.95 * len(filled)
        and any(a for a, _ in filled)
        and any(b for _, b in filled)
    )


def _mostly_negative(values: list[float | None]) -> bool:
    present = [value for value in values if value]
    return sum(value < 0 for value in present) * 2 > len(present)


def _looks_like_number_of_something(column: _Column) -> bool:
    """Tell whether all cells are long whole numbers, or zero-padded ones: accounts, receipts, cards."""
    filled = [cell.strip() for cell in column.cells if cell.strip()]
    return all(cell.isdigit() for cell in filled) and any(
        len(cell) >= 7 or (cell[0] == "0" and len(cell) > 1) for cell in filled
    )


def _amount_likeness(column: _Column) -> float:
    filled = [cell.strip() for cell in column.cells if cell.strip()]
    fractions = sum(bool(re.search(r"[.,][0-9]{2}\b", cell)) for cell in filled) / len(filled)
    signs = any(cell.startswith(("-", "+", "(")) or cell.endswith("-") for cell in filled)
    return fractions + (0.5 if signs else 0.0) + 0.3 * column.fill


def column_names(header: Sequence[str] | None, width: int, rows: Sequence[Sequence[str]] = ()) -> tuple[str, ...]:
    """Name every column so that no two names are equal; without a header they are numbered from 1."""
    if header is None:
        return tuple(str(number) for number in range(1, width + 1))
    header = list(header)
    while len(header) > width or (
        header and not header[-1].strip() and not any(len(row) >= len(header) for row in rows)
    ):
        if header[-1].strip():
            break
        header.pop()
    names: list[str] = []
    for number in range(1, max(width, len(header)) + 1):
        name = header[number - 1].strip() if number <= len(header) else ""
        name = name or f"column {number}"
        unique, times = name, 1
        while unique in names:
            times += 1
            unique = f"{name} ({times})"
        names.append(unique)
    return tuple(names)
