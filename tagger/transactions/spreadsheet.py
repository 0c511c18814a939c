"""Text cells that a spreadsheet would run as a formula, made safe and restored."""

from __future__ import annotations

import re

# The full-width signs are signs too where a spreadsheet's language is Chinese or Japanese.
_FIRST = r"[=+\-@\t\r＝＋－＠]"
# What already looks escaped is escaped once more, or it could not be told apart on the way back.
_RISKY = re.compile(rf"'*{_FIRST}")
_ESCAPED = re.compile(rf"'+{_FIRST}")


def escape_cell(text: str) -> str:
    """Put a single quote before text that a spreadsheet would take for a formula.

    The characters are those of the OWASP page on CSV injection. For text cells only: a negative amount is a number.
    """
    return f"'{text}" if _RISKY.match(text) else text


def restore_cell(text: str) -> str:
    """Undo `escape_cell`, exactly, for every string."""
    return text[1:] if _ESCAPED.match(text) else text
