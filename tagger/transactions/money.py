"""Amounts as banks write them, read into exact decimals."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DecimalMark = Literal[".", ","]

LIMIT = Decimal(10) ** 15  # beyond any account; keeps sums exact in 28 digits
_MAX_LENGTH = 64  # characters; a written amount with signs and currency needs 30

# ISO 4217, the codes in circulation.
CURRENCY_CODES = frozenset(
    re.findall(
        "[A-Z]+",
        """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD
    CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD
    GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD
    KZT LAK LBP LKR LRD LSL LTL LVL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN
    NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE
    SOS SRD SSP STN SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF
    XCD XOF XPF YER ZAR ZMW ZWL
    """,
    )
)
# "$" and "kr" belong to many currencies, so they name none.
_SIGNS = {"£": "GBP", "€": "EUR", "₹": "INR", "₽": "RUB", "₺": "TRY", "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "₴": "UAH"}

_CURRENCY = r"(?:[A-Z]{1,2}\$|R\$|[A-Z]{3}|[$£€¥₹₽₺₴₩₪฿₫₦₱¢]|kr\.?|Kr\.?|zł|Kč|Ft|Rs\.?|Fr\.?)"
_SHAPE = re.compile(
    rf"""
    (?P<open>\()?\s*
    (?P<sign>[-+])?\s*
    (?P<before>{_CURRENCY})?\s*
    (?P<inner>[-+])?\s*
    (?P<number>[0-9.,' ]*[0-9][0-9.,' ]*?)\s*
    (?P<after>{_CURRENCY})?\s*
    (?P<close>\))?\s*
    (?P<trailing>[-+]|(?:DR|CR|Dr|Cr|dr|cr|D|C|S|H)\.?)?\s*
    (?P<last>{_CURRENCY})?
    """,
    re.VERBOSE,
)
_PLAIN = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?")
_GROUPED = {
    ".": re.compile(
        r"(?:[0-9]{1,3}(?:([,' ])[0-9]{3})(?:\1[0-9]{3})*|[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}|[0-9]+)?(?:\.[0-9]*)?"
    ),
    ",": re.compile(r"(?:[0-9]{1,3}(?:([.' ])[0-9]{3})(?:\1[0-9]{3})*|[0-9]+)?(?:,[0-9]*)?"),
}
_NO_CENTS = re.compile(r"[.,](?:-{1,2})(?=$|\s)")  # "5,-" is five, not minus five
_TYPOGRAPHY = str.maketrans({"−": "-", "–": "-", "—": "-", "’": "'", "‘": "'", "`": "'", "\u02bc": "'"})


@dataclass(frozen=True)
class MarkGuess:
    """The decimal mark of a column, and how it was found."""

    mark: DecimalMark
    explanation: str


def parse_amount(text: str, decimal_mark: str = ".") -> Decimal | None:
    """Read one written amount.

    Currency signs, thousands marks, parentheses, a trailing minus, CR and DR are understood.

    Returns
    -------
    None where the text is not an amount, or one of more than 10**15. A thousands mark that does not part
    thousands ("12,50" where the decimal mark is a point) is refused rather than read as 1250.
    """
    if decimal_mark == "." and _PLAIN.fullmatch(text):
        return Decimal(text)
    shape = _shape(text)
    if shape is None:
        return None
    number = shape["number"]
    if not _GROUPED[decimal_mark].fullmatch(number):
        return None
    kept = "".join(character for character in number if character.isdigit() or character == decimal_mark)
    amount = Decimal(kept.replace(",", "."))
    if amount > LIMIT:
        return None
    return -amount if amount and _is_negative(shape) else amount


def currency_of(text: str) -> str:
    """Give the ISO code that an amount is written with, or an empty string."""
    if _PLAIN.fullmatch(text):
        return ""
    shape = _shape(text)
    if shape is None:
        return ""
    written = shape["before"] or shape["after"] or shape["last"] or ""
    return written if written in CURRENCY_CODES else _SIGNS.get(written, "")


def guess_decimal_mark(values: Iterable[str], *, default: DecimalMark = ".") -> MarkGuess:
    """Find a column's decimal mark from all its values.

    Parameters
    ----------
    values : the column's cells; what is no amount is passed over
    default : taken where no value decides ("1,234" may be either)
    """
    votes = {".": 0, ",": 0}
    undecided = ""
    for value in values:
        if _PLAIN.fullmatch(value):
            number = value.lstrip("-")
        else:
            shape = _shape(value)
            if shape is None:
                continue
            number = shape["number"]
        mark = _mark_of(number)
        if mark == "?":
            undecided = undecided or value.strip()
        elif mark:
            votes[mark] += 1
    if votes["."] != votes[","]:
        chosen: DecimalMark = "." if votes["."] > votes[","] else ","
        name = "point" if chosen == "." else "comma"
        return MarkGuess(chosen, f"Decimal mark: {name}.")
    name = "point" if default == "." else "comma"
    if undecided or votes["."]:
        why = f"Decimal mark: {name}, assumed; the amounts do not show it"
        why += f" ({undecided!r} could be read both ways)." if undecided else "."
        return MarkGuess(default, why)
    return MarkGuess(default, f"Decimal mark: {name} (no amount has decimals).")


def _shape(text: str) -> re.Match[str] | None:
    if len(text) > _MAX_LENGTH:
        return None
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY)
    text = " ".join(text.split()).strip("'").strip()
    shape = _SHAPE.fullmatch(_NO_CENTS.sub("", text))
    if shape is None or bool(shape["open"]) != bool(shape["close"]) or (shape["sign"] and shape["inner"]):
        return None
    codes = [shape[part] for part in ("before", "after", "last")]
    if any(
        code and len(code) == 3 and code.isalpha() and code.isupper() and code not in CURRENCY_CODES for code in codes
    ):
        return None
    return shape


def _is_negative(shape: re.Match[str]) -> bool:
    trailing = (shape["trailing"] or "").rstrip(".").upper()
    if trailing in {"DR", "D", "S"}:
        return True
    if trailing in {"CR", "C", "H"}:
        return False
    signs = [shape["sign"], shape["inner"], trailing]
    return bool(shape["open"]) or "-" in signs


def _mark_of(number: str) -> str:
    """Give the mark a written number shows: '.', ',', '?' for either, '' for none."""
    number = number.replace("'", "").replace(" ", "")
    points, commas = number.count("."), number.count(",")
    if points and commas:
        return "." if number.rfind(".") > number.rfind(",") else ","
    if not points and not commas:
        return ""
    mark, other = (".", ",") if points else (",", ".")
    if points + commas > 1:
        return other
    whole, _, fraction = number.partition(mark)
    if len(fraction) != 3 or len(whole) > 3 or whole in {"", "0"}:
        return mark
    return "?"


SIZE_STEPS = 8  # per decade; finer differences are rounded away, so that equal purchases look equal


def size_of(amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round sizes on a logarithmic scale: log10 of the absolute amounts, in eighths, finite for 0; NaN stays."""
    sizes: NDArray[np.float64] = np.round(np.log10(np.abs(amounts) + 0.01) * SIZE_STEPS) / SIZE_STEPS
    return sizes
