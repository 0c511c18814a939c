"""Strips a description down to whom the money went to or came from.

Banks wrap a merchant's name in how it was paid, when, with which card and where. For words and n-grams the wrapping is
noise that sets one merchant's lines apart; for the encoder it sometimes says something. So this is a choice of the
recipe (`plain`), not something that happens to every description.
"""

from __future__ import annotations

import re

MERCHANT_VERSION = 1

_MONTHS = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*"
_DATE = rf"(?:\d{{1,2}}[/.-]\d{{1,2}}(?:[/.-]\d{{2,4}})?|\d{{4}}-\d\d-\d\d|\d{{1,2}} ?{_MONTHS}(?: ?\d{{2,4}})?)"

# How it was paid, at the beginning; asked again after each, since banks stack them.
_PREFIX = re.compile(
    r"^(?:"
    r"(?:(?:recurring|contactless|international|foreign|domestic|online|internet|mobile|visa|mastercard|maestro|debit|"
    r"credit|cheque|check|pos|eftpos|atm|ach|sepa|card|point of sale|non-?chase)[ /-]+)*"
    r"(?:card (?:payment|purchase|transaction)|purchase|payment|pmt|debit|credit|checkcard|"
    r"eftpos|pos|transaction|direct debit|bill payment|faster payment|bank giro credit|immediate payment|debit order)"
    rf"(?: (?:authorized|made|return|payment|purchase))?(?: on {_DATE})?(?: (?:to|from|at))?"
    r"|(?:sq|tst|sp|py|pp|iz|zettle|sumup|paypal|stripe|pypl|ls|ec|cko|mol|nyx|dd|bcs|ckf|fpo|fpi|bgc|so|vis|c|s2s|"
    r"google|apple\.com/bill|klarna|amzn|wix|bt)\s?[*_]"
    r"|(?:dd|bgc|fpo|fpi|vis|bp|cr|dr|so|chq|pos|ddr|obp|vsa|tfr|ift|eft|dbt|d/d|s/o|crd|ach)\b(?=[ -])"
    rf"|{_DATE}"
    r")[\s:*/,-]*",
    re.IGNORECASE,
)
# What comes after the name and says nothing about it.
_TAIL = re.compile(
    r"\b(?:"
    r"(?:ppd|web|ccd|tel|arc|indn|co|orig|trace|auth(?:orization)?|ref(?:erence)?|conf|trn|txn|transaction|invoice|inv|"
    r"mandate|card|id|nr|no|id no)\s*(?:id|no|nr|number|code)?\s*[:#.]\s*\S+.*"
    r"|(?:ref(?:erence)?|mandate)(?: no)?\s+\w*\d.*"
    r"|card (?:no )?(?:ending )?[x*\d]+"
    rf"|on {_DATE}.*|value date.*|exch(?:ange)? rate.*|(?:non-)?sterling.*|fx fee.*"
    r")$",
    re.IGNORECASE,
)
_DATES = re.compile(rf"(?<!\w){_DATE}(?!\w)", re.IGNORECASE)
_PHONES = re.compile(r"(?<!\w)\+?\d[\d-]{6,}\d(?!\w)")
_TIMES = re.compile(r"(?<!\d)\d{1,2}:\d\d(?::\d\d)?(?!\d)")
# Store, terminal and receipt numbers. A digit within a name (7-ELEVEN, 3M, WH5) is part of it.
_NUMBERS = re.compile(
    r"(?<![\w-])(?:#|no\.? ?|store ?|str ?)?\d{2,}(?![\w-])|(?<!\w)#\s*\w+|(?<=[a-z])0\d{2,}\b", re.IGNORECASE
)
_CODES = re.compile(r"(?<!\w)(?=\w*\d\w*\d\w*\d)(?=\w*[a-z])\w{6,}(?!\w)", re.IGNORECASE)  # letters and digits mixed
_WEB = re.compile(r"\b(?:www\.|https?://)|\.(?:com|co\.uk|co\.za|co\.nz|com\.au|net|org|io)\b(?:/\S*)?", re.IGNORECASE)
_STATES = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY DC"
)
_COUNTRIES = "GB GBR UK US USA IE IRL ZA ZAF NZ NZL AU AUS CA CAN DE DEU FR FRA ES ESP IT ITA NL NLD LU IN IND SG SGP"
# Two letters in capitals at the end: a state or country, with the town before it where a comma or wide gap says so.
_PLACE = re.compile(rf"(?:\s*,\s*[^,]{{2,25}}?)?\s+(?:{'|'.join([*_STATES.split(), *_COUNTRIES.split()])})$")
_TRAILING_TOWN = re.compile(r"\s*,\s*[^,\d]{2,25}$|\s{3,}\S.{1,25}$")
_EDGES = " *#-_/.,:;'\""


def merchant_text(description: str) -> str:
    """Give what is left of a description without payment method, dates, references, numbers and place.

    A description that holds nothing else comes back as it was.
    """
    text = _TRAILING_TOWN.sub("", description.strip()) or description
    text = " ".join(text.split())
    text = _PLACE.sub("", text) or text
    for _ in range(4):
        shorter = _PREFIX.sub("", text, count=1)
        if shorter == text or not _has_word(shorter):
            break
        text = shorter
    for pattern in (_TAIL, _PHONES, _DATES, _TIMES, _WEB, _CODES, _NUMBERS):
        shorter = pattern.sub(" ", text)
        if _has_word(shorter):
            text = shorter
    text = " ".join(part for part in text.split() if part.strip(_EDGES)).strip(_EDGES)
    return text if _has_word(text) else " ".join(description.split())


def _has_word(text: str) -> bool:
    """Whether something is left that could be a name."""
    return sum(map(str.isalpha, text)) >= 2
