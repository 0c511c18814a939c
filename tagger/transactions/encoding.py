"""From bytes to text and physical lines."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from tagger.errors import SettingError, UnreadableFileError


@dataclass(frozen=True)
class Decoded:
    """A file's text, its encoding, and the lines that did not fit it."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEGACY = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1257",
    "mac_roman",
    "gb18030",
    "big5",
    "shift_jis",
    "euc_kr",
]
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


_TAR_AT, _TAR = 257, b"ustar"  # a tar has its magic behind the first member's name


def refuse_foreign(head: bytes) -> None:
    """Refuse by name what is plainly another kind of file.

    Raises
    ------
    UnreadableFileError
        If the first bytes are those of a known other format.
    """
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        raise UnreadableFileError("This is an archive (tar), not a table of transactions. Unpack it first.")
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
        note = f"{_lines(numbers)}: not UTF-8 like the rest, so read as Windows-1252; check the letters there."
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


def whole_lines(head: bytes) -> bytes:
    """Cut a file's beginning after its last whole line, if it has one."""
    end = max(head.rfind(b"\n"), head.rfind(b"\r"))
    if end < 0:
        return head
    # In UTF-16 the byte after a line's end may belong to it.
    cut = end + 1
    return head[: cut + cut % 2] if b"\0" in head[:200] else head[:cut]
