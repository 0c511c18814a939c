"""Finding out how a table is laid out: encoding, delimiter, header, and which column is what."""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

from tagger.errors import MissingColumnError, SettingError, UnreadableFileError
from tagger.transactions.dates import guess_dates, is_date, order_of
from tagger.transactions.money import CURRENCY_CODES, currency_of, guess_decimal_mark, parse_amount

AmountSign = Literal["as written", "by direction", "inverted", "plus is in"]

HEAD_BYTES = 256 * 1024  # what preview and import both look at, so that they map the columns alike
MAX_COLUMNS = 2000  # beyond any statement; keeps a mistaken delimiter from making a million columns
_DELIMITERS = (",", ";", "\t", "|")
_HEADER_WITHIN = 40  # records; the longest preamble seen before a header has 18
_SAMPLE_CELLS = 20_000  # cells looked at for their kind, so that 300 columns cost no more than 10


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
    encoding: str = ""
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
    labels_separator: str = "|"
    date_format: str = ""
    dates_ambiguous: bool = False
    decimal_mark: str = "."
    decimal_ambiguous: bool = False
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


@dataclass(frozen=True)
class Decoded:
    """A file's text, its encoding, and the lines that did not fit it."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


# --- encoding -------------------------------------------------------------------------------------------------------

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEGACY = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "mac_roman", "gb18030", "big5", "shift_jis", "euc_kr"]
_SIGNS = frozenset("€£¥§°–—’‘“”„«»´·…©®™½¼²³×¿¡ºª•\xa0\xad")
_ALPHABETS = (
    (
        "cp1252",
        (
            frozenset("äöüß"),
            frozenset("àâæçéèêëîïôœùûüÿ"),
            frozenset("áéíóúüñç"),
            frozenset("àèéìíòóùú"),
            frozenset("åäöæøéü"),
            frozenset("ãáâàçéêíóôõúü"),
            frozenset("áéëïíóöúüèê"),
        ),
    ),
    ("cp1254", (frozenset("çğıöşüâî\u0307"),)),
    ("cp1252", (frozenset("áéíóúýðþæö"),)),
    (
        "cp1250",
        (
            frozenset("áčďéěíňóřšťúůýž"),
            frozenset("ąćęłńóśźż"),
            frozenset("áéíóöőúüű"),
            frozenset("áäčďéíĺľňóôŕšťúýž"),
            frozenset("čćđšž"),
            frozenset("ăâîșțşţ"),
        ),
    ),
    ("cp1257", (frozenset("ąčęėįšųūž"), frozenset("āčēģīķļņšūž"), frozenset("äõöüšž"))),
)
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\x0c\x1a\x1b")
_FOREIGN = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"OFXHEADER", "an OFX statement"),
    (b"<OFX", "an OFX statement"),
    (b"!Type:", "a QIF statement"),
    (b":20:", "an MT940 statement"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b'{"', "a JSON file"),
)


def decode(content: bytes, encoding: str | None = None) -> Decoded:
    """Decode a text file: a byte order mark, then UTF-8, then a guess from the letters.

    Lines in another encoding than the rest of a UTF-8 file are read as Windows-1252 and named in a note.

    Raises
    ------
    UnreadableFileError
        If the content is not text.
    SettingError
        If `encoding` is unknown.
    """
    if encoding is not None:
        try:
            codecs.lookup(encoding)
            return _decode_as(content, encoding)
        except (LookupError, TypeError, ValueError):
            raise SettingError(f"The text encoding {encoding!r} is unknown.", hint="Try utf-8 or cp1252.") from None
    head = content[:65536]
    for bom, name in _BOMS:
        if content.startswith(bom):
            return _decode_as(content, name)
    refuse_foreign(head)
    if wide := _utf_16_without_mark(head):
        return _decode_as(content, wide)
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > max(8, len(head) // 100):
        raise UnreadableFileError("This is not a text file: it holds bytes that no text has.")
    try:
        return Decoded(_without_mark(content.decode("utf-8")), "utf-8")
    except UnicodeDecodeError:
        return _decode_legacy(content)


def refuse_foreign(head: bytes) -> None:
    """Refuse by name what is plainly another kind of file.

    Raises
    ------
    UnreadableFileError
        If the first bytes are those of a known other format.
    """
    start = head.lstrip()
    for magic, what in _FOREIGN:
        if start[: len(magic)].lower() == magic.lower():
            raise UnreadableFileError(f"This is {what}, not a table of transactions.")


def _decode_as(content: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(_without_mark(content.decode(encoding)), encoding)
    except UnicodeDecodeError:
        text = _without_mark(content.decode(encoding, "replace"))
        lines = [number for number, line in enumerate(split_lines(text), start=1) if "\ufffd" in line]
        return Decoded(text, encoding, (f"{_lines(lines)} held bytes that are not {encoding}; they show as \ufffd.",))


def _decode_legacy(content: bytes) -> Decoded:
    lines = content.splitlines(keepends=True)
    foreign = [index for index, line in enumerate(lines) if not line.isascii()]
    strange = [index for index in foreign if not _is_utf_8(lines[index])]
    if (len(foreign) - len(strange)) * 20 >= len(foreign):
        fixed: list[str] = []
        bad = set(strange)
        for index, line in enumerate(lines):
            fixed.append(line.decode("cp1252", "replace") if index in bad else line.decode("utf-8"))
        numbers = [index + 1 for index in strange]
        note = f"{_lines(numbers)} were not UTF-8 like the rest and were read as Windows-1252; check the letters there."
        return Decoded(_without_mark("".join(fixed)), "utf-8", (note,))
    return _decode_as(content, _legacy_encoding(lines[0] + b"".join(lines[index] for index in strange[:300])))


def _legacy_encoding(sample: bytes) -> str:
    """Guess a one-byte encoding: first by whole alphabets, for a few letters mislead statistics."""
    sample = sample[:32768]
    for encoding, alphabets in _ALPHABETS:
        try:
            text = sample.decode(encoding)
        except UnicodeDecodeError:
            continue
        letters = {character for character in text.lower() if character > "\x7f"} - _SIGNS
        if any(letters <= alphabet for alphabet in alphabets):
            return encoding
    from charset_normalizer import from_bytes  # noqa: PLC0415  # half the cost of importing this module, seldom needed

    best = from_bytes(sample, cp_isolation=_LEGACY, enable_fallback=False).best()
    return "cp1252" if best is None else str(best.encoding)


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _utf_16_without_mark(head: bytes) -> str:
    half = len(head) // 2
    if half < 8:
        return ""
    even, odd = head[0::2].count(0) / half, head[1::2].count(0) / half
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 and odd < 0.05 else ""


def _without_mark(text: str) -> str:
    # The second is a byte order mark that went through a Windows-1252 editor.
    return text.removeprefix("\ufeff").removeprefix("\u00ef\u00bb\u00bf")


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (f" and {len(numbers) - 10} more" if len(numbers) > 10 else "")
    return f"Line {shown}" if len(numbers) == 1 else f"Lines {shown}"


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_ODD_BREAKS = ("\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")


def split_lines(text: str) -> list[str]:
    """Split into physical lines with their ends; unlike `str.splitlines`, only at CR and LF."""
    if any(character in text for character in _ODD_BREAKS):
        return _LINE.findall(text)
    return text.splitlines(keepends=True)


# --- delimiter and header -------------------------------------------------------------------------------------------


def detect_layout(head: bytes, options: ReadOptions) -> Layout:
    """Find out a delimited table's layout from its beginning.

    Parameters
    ----------
    head : the file's first bytes; a line cut off at the end is left out

    Raises
    ------
    MissingColumnError
        If no column could be the description, or a named column does not exist.
    UnreadableFileError
        If this is no table.
    """
    if len(head) >= HEAD_BYTES:
        head = whole_lines(head)
    decoded = decode(head, options.encoding)
    return layout_of_lines(split_lines(decoded.text), decoded.encoding, options)


def whole_lines(head: bytes) -> bytes:
    """Cut a file's beginning after its last whole line, if it has one."""
    end = max(head.rfind(b"\n"), head.rfind(b"\r"))
    if end < 0:
        return head
    # In UTF-16 the byte after a line's end may belong to it.
    cut = end + 1
    return head[: cut + cut % 2] if b"\0" in head[:200] else head[:cut]


def layout_of_lines(lines: list[str], encoding: str, options: ReadOptions) -> Layout:
    """Find out the layout of a table given as physical lines; see `detect_layout`."""
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
    spaced = any(f'{delimiter} "' in line for line in lines[:50]) and not any(f'"{delimiter}"' in line for line in lines[:50])
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
    sample = [cells for _, cells in islice(body, min(500, max(20, _SAMPLE_CELLS // max(widths)))) if len(cells) in widths]
    names = column_names(header, max(widths), sample)
    rows = [(cells + [""] * len(names))[: len(names)] for cells in sample]
    shown = {"\t": "tabs", " ": "spaces"}.get(delimiter, repr(delimiter))
    told_lines = [f"Text encoding: {encoding}." if encoding else "", f"Cells are separated by {shown}." if width > 1 else ""]
    first_line = start + first_record[0]
    if first_line > 1 + (start if options.first_line is None else 0):
        told_lines.append(f"The table starts on line {first_line}; what stands above it was left out.")
    told_lines.append(f"Line {first_line} names the columns." if header is not None else "No line names the columns.")
    layout = Layout(
        columns=names,
        description_column="",
        encoding=encoding,
        delimiter=delimiter,
        has_header=header is not None,
        first_line=first_line,
        space_after_delimiter=spaced,
        widths=widths,
        explanations=tuple(line for line in told_lines if line),
    )
    if len(names) == 1 and options.description_column is None and _name_score(_DESCRIPTION, names[0]) < 2:
        raise UnreadableFileError(
            f"Only one column was found with the delimiter {delimiter!r}.",
            hint="Columns must be separated by a comma, semicolon, tab or pipe; choose the one your file uses.",
        )
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
    paid = sum(any(_is_amount(cell) for cell in cells[:60]) for cells in usual) / len(usual)
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
        if len(cells) * 2 < width or (len(filled) < 2 and width > 1) or any(_is_typed(cell) for cell in filled):
            continue
        score = float(sum(max(_name_score(role, cell) for role in _ROLES) >= 2 for cell in set(filled) if len(cell) <= 60))
        if score > best_score:
            best, best_score = position, score
    if best is not None and (best_score >= 2 or width <= 2 or best == 0):
        return best
    if options.first_line is not None:
        return 0 if not any(_is_typed(cell) for cell in records[0][1]) else None
    for position, (_, cells) in enumerate(records[:_HEADER_WITHIN]):
        if len(cells) == width:
            return None if any(_is_typed(cell) for cell in cells) else position
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


def column_names(header: Sequence[str] | None, width: int, rows: Sequence[Sequence[str]] = ()) -> tuple[str, ...]:
    """Name every column so that no two names are equal; without a header they are numbered from 1."""
    if header is None:
        return tuple(str(number) for number in range(1, width + 1))
    header = list(header)
    while len(header) > width or (header and not header[-1].strip() and not any(len(row) >= len(header) for row in rows)):
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


# --- which column is what -------------------------------------------------------------------------------------------


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
        "date, transaction date, booking date, posting date, posted date, date posted, date processed, trans date, datum, "
        "buchungstag, buchungsdatum, fecha, fecha operacion, data, data operazione, data operacji, date operation, "
        "date de l operation, dato, datum transactie, datum verrichting, datum provedeni, tranzakcio datuma, "
        "started date, bokforingsdag, date of payment, payment date, operation date, transaktionsdatum, occurred on"
    ),
    likely=_names("day, completed date, belegdatum, timestamp, date time, datetime, time"),
    contains=re.compile(r"\b(date|datum\w*|fecha|data|dato|datetime|timestamp)\b"),
    against=re.compile(r"\b(value|valuta|valeur|valor|settlement|initial|final|start|end|due|birth|statement|wertstellung)\b"),
)
_DESCRIPTION = _Role(
    sure=_names(
        "description, transaction description, details, transaction details, narrative, narration, beschreibung, "
        "verwendungszweck, transaktionsbeschreibung, omschrijving, naam omschrijving, descripcion, concepto, descrizione, "
        "libelle, descricao, beskrivelse, beskrivning, opis, opis operacji, paaiskinimai, kozlemeny, popis, text, texte, tekst"
    ),
    likely=_names(
        "memo, particulars, merchant, merchant name, payee, payee name, name, label, title, supplier, supplier name, vendor, "
        "counterparty, partner name, partner neve, empfanger, auftraggeber empfanger, handelaar, mededelingen, reference, "
        "buchungstext, causale, original description, zprava, poznamka, beneficiary, gavejas, specification, tytul, who"
    ),
    contains=re.compile(r"\b(description|details|narrative|merchant|payee|memo|omschrijving|verwendungszweck|libelle|supplier)\b"),
    against=re.compile(
        r"\b(g l|gl|ledger|account|iban|category|type|code|currency|additional|zusatz|status|id|number|no|date|datum|amount)\b"
    ),
)
_AMOUNT = _Role(
    sure=_names(
        "amount, transaction amount, betrag, bedrag, montant, importe, importo, belob, belopp, kwota, suma, castka, osszeg, "
        "umsatz, buchungsbetrag, zauctovana castka, tranzakcio osszege, valor, bedrag eur, amount eur, amount gbp, amount usd"
    ),
    likely=_names("value, gross, net, sum, amt, transaction value, invoice line value, net amount, gross amount, spend, price"),
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
        "account, account number, account name, account no, account id, iban, kontonummer, konto, rekening, rekeningnummer, "
        "compte, cuenta, conto, card number, szamlaszam, cislo uctu, saskaitos nr, sort code and account"
    )
)
_CURRENCY = _Role(
    _names("currency, currency code, ccy, wahrung, buchungswahrung, munt, valuta, devise, divisa, moneda, mena, mena uctu, devizanem")
)
_LABELS = _Role(_names("tags, labels, tag, label, category, categories"))
_ROLES = (_DATE, _DESCRIPTION, _AMOUNT, _DEBIT, _CREDIT, _ACCOUNT, _CURRENCY, _LABELS)
_LABEL_NAMES = ("tags", "labels", "tag", "label", "category", "categories")

DEBIT_WORDS = frozenset("debit debet d dr db af uit out outflow soll s withdrawal expense - dbit".split())
CREDIT_WORDS = frozenset("credit kredit c cr k bij in inflow haben h deposit income + crdt".split())

_DIGIT = re.compile(r"[0-9]|[^\x00-\x7f]")
_BRACKETS = re.compile(r"\([^)]*\)|\[[^]]*\]")
_NO_WORD = re.compile(r"[^0-9a-z]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def fold_header(name: str) -> str:
    """Reduce a column's name to its words: no accents, case, punctuation or units in brackets."""
    name = _CAMEL.sub(" ", _BRACKETS.sub(" ", name) or name)
    if name.isascii():
        return " ".join(_NO_WORD.sub(" ", name.lower()).split())
    plain = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c)).split())


def _name_score(role: _Role, name: str) -> float:
    folded = fold_header(name[:200])
    if folded in role.sure:
        return 4.0
    if role.against is not None and role.against.search(folded):
        return 0.5 if role.contains is not None and role.contains.search(folded) else 0.0
    if folded in role.likely:
        return 3.0
    return 2.0 if role.contains is not None and role.contains.search(folded) else 0.0


def _is_amount(cell: str) -> bool:
    if not _DIGIT.search(cell):
        return False
    return parse_amount(cell, ".") is not None or parse_amount(cell, ",") is not None


def _is_typed(cell: str) -> bool:
    return is_date(cell) or _is_amount(cell)


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
    if _is_amount(cell):
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
            source_column=source,
            id_column=known_id,
            labels_separator=options.labels_separator,
            currency=self._currency_of_amounts([amount, debit, credit]) if currency is None else "",
            is_own_export=bool(source and known_id),
            explanations=(*self.why, *_told(description, date, amount, debit, credit, labels, account)),
        )
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
        raise MissingColumnError(f"{role} under the name {name!r}", list(names))

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
            name_score = _name_score(role, column.name)
            content = fits(column) if column.n_filled else 0.5
            score = name_score * (0.3 + 0.7 * column.fill) + (2.0 if content >= least else -2.0)
            if name_score and (content >= least or name_score >= 4) and score > best_score:
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
            if _name_score(role, column.name) >= 4 and distinct and (len(distinct) <= 12 or column.texts < 0.5):
                self.taken.add(column.name)
                return column.name
        return None

    def _amounts(self, named: dict[str, str | None]) -> tuple[str | None, str | None, str | None]:
        options = self.options
        if options.amount_column:
            return named["amount"], None, None
        if options.debit_column or options.credit_column:
            return None, named["debit"], named["credit"]
        if options.amount_column == "":
            return None, None, None
        amount = self._best(_AMOUNT, lambda column: column.amounts, 0.5)
        if amount is not None and _name_score(_AMOUNT, amount) >= 4:
            return amount, None, None
        debit = self._best(_DEBIT, lambda column: column.amounts, 0.5)
        credit = self._best(_CREDIT, lambda column: column.amounts, 0.5)
        if debit or credit:
            if amount is not None:
                self.taken.discard(amount)
            return None, debit, credit
        if amount is not None:
            return amount, None, None
        return self._amounts_by_content()

    def _amounts_by_content(self) -> tuple[str | None, str | None, str | None]:
        numeric = [column for column in self._free() if column.amounts >= 0.8 and column.n_filled]
        numeric = [column for column in numeric if not _looks_like_number_of_something(column)]
        if self.layout.has_header:
            numeric = [column for column in numeric if _name_score(_AMOUNT, column.name) != 0.5]
            numeric = [c for c in numeric if not (_AMOUNT.against and _AMOUNT.against.search(fold_header(c.name)))]
        values = {column.name: [_value(cell) for cell in column.cells] for column in numeric}
        balances = {b for b in values for a in values if a != b and _is_balance(values[b], values[a])}
        for left, right in zip(numeric, numeric[1:], strict=False):
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
            name_score = _name_score(_DESCRIPTION, column.name) if self.layout.has_header else 0.0
            if column.n_filled and not column.texts:
                name_score = 0.0 if name_score < 4 else 1.0
            score = name_score * (0.3 + 0.7 * column.fill)
            if column.texts >= 0.5 and column.fill:
                lengths = [len(cell) for cell in column.cells if cell.strip()]
                distinct = len({cell.strip() for cell in column.cells}) / len(column.cells)
                score += 0.9 * column.fill * min(sum(lengths) / len(lengths), 40) / 40 * (0.3 + 0.7 * distinct)
            if score > best_score:
                best, best_score = column.name, score
        if best is None:
            raise MissingColumnError("description", list(self.layout.columns))
        return best

    def _sure_labels(self) -> str | None:
        """Take a column that is named for labels and cannot be the description."""
        return self._labels_named(("tags", "labels", "tag"))

    def _likely_labels(self) -> str | None:
        return self._labels_named(_LABEL_NAMES)

    def _labels_named(self, names: tuple[str, ...]) -> str | None:
        if not self.layout.has_header:
            return None
        found = [
            column for name in names for column in self._free() if fold_header(column.name) == name
        ]
        found.sort(key=lambda column: not column.n_filled)
        if not found or (not found[0].n_filled and names != _LABEL_NAMES and self.columns[0].cells):
            return None
        self.taken.add(found[0].name)
        return found[0].name

    def _currency(self) -> str | None:
        for column in self._free():
            filled = [cell.strip() for cell in column.cells if cell.strip()]
            if filled and all(cell in CURRENCY_CODES for cell in filled):
                if self.layout.has_header and _name_score(_CURRENCY, column.name) < 4:
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


def _told(
    description: str,
    date: str | None,
    amount: str | None,
    debit: str | None,
    credit: str | None,
    labels: str | None,
    account: str | None,
) -> list[str]:
    told = [f"Description: column {description!r}."]
    told.append(f"Date: column {date!r}." if date else "No column of dates was found.")
    if amount:
        told.append(f"Amount: column {amount!r}.")
    elif debit or credit:
        told.append(f"Money out: column {debit!r}; money in: column {credit!r}.")
    else:
        told.append("No column of amounts was found.")
    if labels:
        told.append(f"Tags: column {labels!r}.")
    if account:
        told.append(f"Account: column {account!r}.")
    return told


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
    told = [line for line in layout.explanations if not line.startswith(("Dates: ", "No dates", "Decimal mark", "Signs: "))]
    if options.decimal_mark is not None:
        if options.decimal_mark not in {".", ","}:
            raise SettingError(f"The decimal mark {options.decimal_mark!r} is neither . nor a comma.")
        mark, unsure = options.decimal_mark, False
    else:
        guess = guess_decimal_mark(amounts, default="," if layout.delimiter == ";" else ".")
        mark, unsure = guess.mark, guess.ambiguous
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
        decimal_ambiguous=unsure,
        amount_sign=sign,
        debit_sign=_debit_sign(debits, mark),
        explanations=tuple(told),
    )


def _sign(directions: Sequence[tuple[str, str]], mark: str) -> AmountSign:
    opposed = negative = n = 0
    for amount_text, word in directions:
        amount = parse_amount(amount_text, mark)
        word = word.strip().casefold()
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
    return all(cell.isdigit() for cell in filled) and any(len(cell) >= 7 or (cell[0] == "0" and len(cell) > 1) for cell in filled)


def _amount_likeness(column: _Column) -> float:
    filled = [cell.strip() for cell in column.cells if cell.strip()]
    fractions = sum(bool(re.search(r"[.,][0-9]{2}\b", cell)) for cell in filled) / len(filled)
    signs = any(cell.startswith(("-", "+", "(")) or cell.endswith("-") for cell in filled)
    return fractions + (0.5 if signs else 0.0) + 0.3 * column.fill
