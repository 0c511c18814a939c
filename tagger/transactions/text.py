"""Two readings of a description: for the encoder, and for equality.

The first has a version, which a run keeps beside its numbers: those of another are not comparable. The third reading,
which keeps one merchant together, is `merchant.group_key`.
"""

from __future__ import annotations

import re
import unicodedata

TEXT_VERSION = 1

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060\ufeff\ufffe\uffff]+")
# A masked card or account number: XX1234, ****1234, xxxx-xxxx-1234.
# What must not stand before it is asked after its first character: a pattern that begins with a set is found faster.
_MASKED = re.compile(r"[xX*](?:(?<![^\W_].)(?<!\*.)[xX*]+(?:[-\s][xX*]{2,}){0,7}[-\s]?\d+|(?<=\*)\*+)")
_LONG_NUMBER = re.compile(r"\d{5,}")


def normalize_text(description: str) -> str:
    """Give the text that the encoder sees.

    Compatibility characters are made plain, control characters and runs of space become one space; masked card
    numbers and digit runs of five and more go, for they name a payment and not a merchant. Casing is kept: the
    encoder's tokenizer has its own rule. A description of nothing but such numbers keeps them.
    """
    plain = _plain(description)
    shortened = " ".join(_LONG_NUMBER.sub(" ", _MASKED.sub(" ", plain)).split())
    return shortened if any(map(str.isalnum, shortened)) else plain


def fold_description(description: str) -> str:
    """Give the form under which two descriptions count as equal: no case, no difference of spacing."""
    plain = _plain(description)
    if plain.isascii():
        return plain.lower()
    folded = unicodedata.normalize("NFKC", plain.casefold())
    return " ".join(folded.split())


def _plain(description: str) -> str:
    if not description.isascii():
        description = unicodedata.normalize("NFKC", description)
    if not description.isprintable():
        description = _CONTROL.sub(" ", description)
    return " ".join(description.split())
