"""Strips a description down to whom the money went to or came from.

Banks wrap a merchant's name in how it was paid, when, with which card and where. For words and n-grams the wrapping is
noise that sets one merchant's lines apart; for the encoder it sometimes says something. So this is a choice of the
recipe (`plain`), not something that happens to every description. Splits take it further: `group_key`.
"""

from __future__ import annotations

import re

from tagger.transactions.text import fold_description

# A run keeps it beside its numbers: those of another version are not comparable.
GROUP_VERSION = 2

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?)"
)
# Two numbers alone are a date only with both their digits: 24/7 is a name.
_DATE = (
    rf"(?:\d{{1,2}}[/.-]\d{{1,2}}[/.-]\d{{2,4}}|\d{{4}}-\d\d-\d\d|\d\d[/.-]\d\d|"
    rf"\d{{1,2}}[ -]?{_MONTH}(?:[ -]?\d{{2,4}})?|{_MONTH}[ -]?\d{{1,2}}(?:,? \d{{4}})?)(?!\w)"
)
_ON_DATE = rf"on (?:{_DATE}|\d{{1,2}}/\d{{1,2}}(?!\w))"

# How it was paid, at the beginning; asked again after each, since banks stack them. Transfers, withdrawals and
# deposits are no wrapping: they are what happened.
_METHODS = (
    r"(?:(?:recurring|contactless|international|foreign|domestic|online|internet|mobile|digital|instant|real ?time|"
    r"visa|mastercard|maestro|debit|credit|cheque|check|pos|eftpos|atm|ach|acb|sepa|card|point of sale|non-?chase|ib|"
    r"fnb|ob|app|magtape|payshap|osko|payid|girocard)[ /-]+)*"
)
# What makes `payment`, `debit` and the like a name or an event instead.
_NOT_ALONE = (
    r"(?![\s-]+(?:thank|interest|protection|karma|union|suisse|fees?|charges?|received|returned|reversal|plan|card|"
    r"holiday|processing|adjustment|memo)\b(?! [x*]*\d))"
)
_PREFIX = re.compile(
    r"^(?:"
    rf"{_METHODS}"
    r"(?:card (?:payment|purchase|transaction)|direct debit(?: payment)?|direct credit|debit order|standing order|"
    r"bill payment|automatic payment|faster payments?|bank giro credit|bank credit|immediate payment|checkcard|"
    r"purchase return|purchase|payment|pmt|debit|credit|transaction|eftpos|pos|kartenzahlung|"
    r"(?:basis|folge|erst)?lastschrift|dauerauftrag|gutschrift)\b"
    rf"{_NOT_ALONE}(?: authorized| made| by authority)?(?: {_ON_DATE})?(?: (?:to|from|at)\b)?"
    r"|(?:sq|sqc|tst|sp(?: aff)?|py|pp|iz|zettle|sumup|paypal|pypl|stripe|ls|cko|mol|nyx|klarna|fs|dri|paddle\.net|in)"
    r" ?[*_]"
    r"|(?:dd|bgc|fpo|fpi|vis|cr|chq|ddr|obp|vsa|eft|dbt|d/d|s/o|crd|ach|bpay|sepa|vd[apc]|int'l)(?=[ -])"
    r"(?: (?:to|from)\b)?"
    rf"|\d{{4}} \d\d{_MONTH}\d\d(?: (?:c|cd|d)(?= ))?"
    rf"|{_METHODS}(?:card|crd|cd) (?:no\.? ?)?[x*]*\d{{4}}(?!\w)"
    r"|orig co name ?:"
    rf"|{_DATE}"
    r")[\s:*/,-]*",
    re.IGNORECASE,
)
# What comes after the name and says nothing about it.
_TAIL = re.compile(
    r"(?<!\w)(?:"
    r"(?:ppd|web|ccd|tel|arc|indn|orig|co|trace|auth(?:orization)?|conf|trn|txn|transaction|mandate|card|id|nr|"
    r"no)(?: (?:id|no|nr|number|code|entry))? ?[:#] ?\S.*"
    r"|(?:ref(?:erence)?|mandate|invoice|inv|auth|conf|txn|trn)(?: ?(?:no|nr|code|number))?[. :#] ?\w*\d.*"
    r"|\d+\.\d\d ?(?:gbp|eur|usd|zar|aud|nzd|cad)\b.*"
    rf"|{_ON_DATE}.*|value date.*|exch(?:ange)? rate.*|non-sterling.*|fx fee.*"
    r")$|(?<!:)//\S.*$",
    re.IGNORECASE,
)
# Words that banks, collectors and addresses write of themselves. Who is left with these alone has lost the name.
_BANKERS_WORDS = (
    "ach and app at atm auth authorised authorized back bacs bank bgc bill by card cash cd charge check cheque co "
    "com contactless counter crd credit dd debit deposit direct eft eftpos eur ext faster fee for fpi fpo from "
    "gbp giro id in interest international intl inv invoice issued iz made mandate money net no nr of on online "
    "order org paid payment payments paypal pmt point pos purchase purchases pypl received ref reference refund "
    "regular retail returned reversal sale sent sepa settlement sq standing sumup to transaction transfer "
    "transfers trn tst txn uk usd via vis visa wire with withdrawal www zar zettle "
)
_OF_BANKS = frozenset(_BANKERS_WORDS.split())
# Dates, times and cards wherever they stand.
_WITHIN = re.compile(
    rf"(?<![\w.]){_DATE}|(?<!\w)(?:card|crd|cd) (?:no\.? ?|number |ending (?:in )?)?[x*]*\d{{4}}(?!\w)"
    r"|(?<!\w)(?:(?:mon|tues?|wed|thu|fri|sat|sun) )?\d{1,2}(?::\d\d)? ?[ap]m(?!\w)",
    re.IGNORECASE,
)
_MARKS = re.compile(r"\*|(?<!\w)(?:des|name|ref(?:erence)?):", re.IGNORECASE)
# Its last part but the ending is the name: help.uber.com.
_DOMAIN = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)*?([\w-]+)\.(?:com|uk\.com|co\.uk|co\.za|co\.nz|com\.au|gov\.uk|org|net|io|ie|de)(?:/\S*)?",
    re.IGNORECASE,
)
_STATES = (
    "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY DC NSW VIC QLD TAS ACT"
)
_COUNTRIES = "GB GBR UK US USA IE IRL ZA ZAF NZ NZL AU AUS CA CAN DE DEU FR FRA ES ESP IT ITA NL NLD LU IND SG SGP"
_PLACES = frozenset(_STATES.split()) | frozenset(_COUNTRIES.split())
# Also words or abbreviations (DRIVE IN, TOYS R US, SMITH & CO): a place only where a number or a comma comes before.
_AMBIGUOUS = frozenset({"CO", "DE", "HI", "ID", "IN", "IT", "LA", "MD", "ME", "OK", "OR", "US", "ACT"})
_PLACE = re.compile(r"[ ,]([A-Z]{2,3})$")
_LONGEST_TOWN = 25
_LETTER = re.compile(r"[^\W\d_]")
_TWO_SIGNS = re.compile(r"[^\W_].*[^\W_]")
_RUNS = re.compile(r"[^\W_]+")
_GLUED = re.compile(r"([^\W\d_]{4,})\d+|\d{1,3}([^\W\d_]{5,})")
_DIGITS = re.compile(r"\d+")
_EDGES = " *#-_/.,:;'\"()[]|@"
_LONGEST = 500  # characters; what a bank writes of a payment is shorter
_MOST_ROUNDS = 10  # three are usual


def merchant_text(description: str) -> str:
    """Give what is left of a description without payment method, dates, references, numbers and place.

    A description that holds nothing else comes back as it was, and so does what has been stripped before, or is longer
    than `_LONGEST`.
    """
    plain = text = " ".join(description.split())
    if len(plain) > _LONGEST:
        return plain
    for _ in range(_MOST_ROUNDS):
        before, text = text, _stripped_once(text)
        if text == before:
            return text if _has_word(text) else plain
    return plain


def group_key(description: str) -> str:
    """Give the form that a merchant's rows share whatever the store, the receipt, the card or the way of paying.

    Its words in their order, each once: without numbers, codes and dates, without what banks write of themselves. It
    drops no more than that, for a statement in which every line looked like one merchant could not be learned from.
    Where no word is left it is the folded description with `#` for its digits. What differs in a town alone stays
    apart: it may be another merchant. Of longer descriptions the first `_LONGEST` characters count.
    """
    plain = " ".join(description[: 2 * _LONGEST].split())[:_LONGEST]
    folded = fold_description(_WITHIN.sub(" ", _without_places(plain))).replace("'", "").replace("’", "")
    words = list(dict.fromkeys(word for run in _RUNS.findall(folded) if (word := _without_number(run))))
    key = " ".join([word for word in words if word not in _OF_BANKS] or words)
    return key if len(key) > 1 and _LETTER.search(key) else _DIGITS.sub("#", fold_description(plain))


def _stripped_once(text: str) -> str:
    text = _without_prefixes(_without_places(text))
    shorter = _TAIL.sub(" ", text)
    # Behind a reference there may stand the name, and then nothing but words of the bank stands before it.
    if _has_word(shorter) and (_names_somebody(shorter) or not _names_somebody(text)):
        text = shorter
    for pattern in (_WITHIN, _MARKS):
        shorter = pattern.sub(" ", text)
        text = shorter if _has_word(shorter) else text
    kept: list[str] = []
    seen: set[str] = set()
    for token in text.split():
        name = _name_in(token, seen, is_first=not kept)
        if name:
            kept.append(name)
            seen.add(name.casefold())
    shorter = " ".join(kept).strip(_EDGES)
    return shorter if _has_word(shorter) else " ".join(text.split())


def _without_prefixes(text: str) -> str:
    stages = [text]
    while (shorter := _PREFIX.sub("", stages[-1], count=1)) != stages[-1]:
        stages.append(shorter)
    if len(stages) == 1:
        return text
    # A reference alone is no name; then how it was paid is all that there is to know.
    return next((stage for stage in reversed(stages) if _has_word(_TAIL.sub("", stage))), text)


def _without_places(text: str) -> str:
    """Drop states and countries in capitals at the end, and the town before where a comma says which that is."""
    while (found := _PLACE.search(text)) is not None and found[1] in _PLACES:
        rest = text[: found.start()].rstrip(" ,")
        told = text[len(rest) : found.start(1)].strip() or re.search(r"[\d,]", rest)
        comma = rest.rfind(",")
        if comma >= 0 and 2 < len(rest) - comma <= _LONGEST_TOWN:
            rest = rest[:comma]
        if not _has_word(rest) or (found[1] in _AMBIGUOUS and not told):
            break
        text = rest
    return text


def _name_in(token: str, seen: set[str], *, is_first: bool) -> str:
    """What of a token may be a name; empty for numbers of stores, terminals, telephones and receipts."""
    if token.isalpha() or not token.strip(_EDGES):
        return token.strip(_EDGES)
    domain = _DOMAIN.fullmatch(token) if "." in token else None
    if domain is not None:
        return "" if domain[1].casefold() in seen else domain[1]
    n_digits, n_letters = sum(map(str.isdigit, token)), sum(map(str.isalpha, token))
    if not n_letters:
        # FOREVER 21, 99 CENTS and 365 MARKET are names; a store's number has three digits or zeros before it.
        short = n_digits <= (3 if is_first else 2) and not token.startswith(("0", "#"))
        return token if short else ""
    if n_digits >= 2:
        glued = re.fullmatch(r"([^\W\d_]{4,})-?\d{2,}|\d{3,}-?([^\W\d_]{5,})", token)
        if glued is not None:
            return glued[1] or glued[2]
    # A digit or two within a name (7-ELEVEN, 3M, WH5) are part of it.
    is_code = n_digits >= 3 and (n_letters + n_digits >= 6 or n_letters <= 2)
    return "" if is_code or (n_digits and token.startswith("#")) else token


def _without_number(run: str) -> str:
    """Letters and digits in a row without the number they hold; empty where they are all number, or a code."""
    if run.isalpha():
        return "" if set(run) == {"x"} else run  # what masks a card
    glued = _GLUED.fullmatch(run)
    if glued is not None:
        return _without_number(glued[1] or glued[2])
    n_digits = sum(map(str.isdigit, run))
    is_code = n_digits == len(run) or n_digits >= 3 or len(run) >= 5
    return "" if is_code else _DIGITS.sub("#", run)


def _names_somebody(text: str) -> bool:
    """Whether a word is left that banks do not write of themselves."""
    return any(word.isalpha() and len(word) > 1 and word.casefold() not in _OF_BANKS for word in _RUNS.findall(text))


def _has_word(text: str) -> bool:
    """Whether something is left that could be a name."""
    return _LETTER.search(text) is not None and _TWO_SIGNS.search(text) is not None
