"""Labels: stable ids, unique names, colours that stay."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tagger.errors import LabelError

# Streamlit's palette: each name has a quiet background and a readable text colour, in light and in dark.
COLORS = ("blue", "green", "orange", "violet", "red", "yellow", "gray")
MAX_NAME_LENGTH = 80  # characters; a chip that is longer than a phone is wide helps nobody


@dataclass(frozen=True)
class Label:
    """One tag. Ids never change and are never used again; names may."""

    id: int
    name: str
    color: str
    definition: str = ""
    origin: str = "person"
    archived: bool = False
    merged_into: int | None = None


def fold_name(name: str) -> str:
    """The name without its case and spacing: two labels may not share it."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


# Spaces without width and marks that turn the writing round: two names that look the same would be two labels.
UNSEEN = frozenset("\u200b\u200e\u200f\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean_name(name: str) -> str:
    """The name as it is stored.

    Raises
    ------
    LabelError
        If it is empty, too long, or holds what separates labels in files.
    """
    visible = (c for c in name if c not in UNSEEN)
    cleaned = " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in visible).split())
    if not cleaned:
        raise LabelError("A label needs a name.", hint="Type a name, such as 'groceries'.")
    if len(cleaned) > MAX_NAME_LENGTH:
        raise LabelError(
            f"The label name {cleaned[:30]!r}… has {len(cleaned)} characters.",
            hint=f"Use at most {MAX_NAME_LENGTH} characters.",
        )
    if "|" in cleaned:
        raise LabelError(
            f"The label name {cleaned!r} holds '|', which separates labels in files.", hint="Leave it out."
        )
    return cleaned


def next_color(used: Sequence[str]) -> str:
    """The colour used least so far, so that neighbours differ."""
    return min(COLORS, key=lambda color: (used.count(color), COLORS.index(color)))


def find(labels: Iterable[Label], name: str) -> Label | None:
    """The label of that name, whatever its case and spacing."""
    folded = fold_name(name)
    return next((label for label in labels if fold_name(label.name) == folded), None)
