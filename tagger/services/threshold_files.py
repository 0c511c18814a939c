"""Thresholds files: JSON that `tagger thresholds export` writes, a person may change, and `apply` reads."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagger.errors import ThresholdsFileError
from tagger.labels.labelset import fold_name
from tagger.learning.goals import GOALS_HINT
from tagger.services.board import readable

FORMAT, FORMAT_VERSION = "transaction-tagger-thresholds", 1
MAX_BYTES = 4 * 2**20  # of a file, unpacked; 10,000 labels take one


@dataclass(frozen=True)
class FileLabel:
    """One label of a thresholds file."""

    name: str
    threshold: float
    goal: str | None


@dataclass(frozen=True)
class Document:
    """A thresholds file that was read and checked; `name` is the file's."""

    name: str
    run_id: str
    labels: tuple[FileLabel, ...]


def as_json(document: Mapping[str, Any]) -> bytes:
    """A document that a person can read and change."""
    return f"{json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)}\n".encode()


def read_document(path: Path) -> Document:
    """Read and check a file that `export_file` or a person wrote.

    Raises
    ------
    ThresholdsFileError
        If it cannot be read, or anything in it is not what it should be; the message names the file and the place.
    """
    name = storable(path.name)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if content.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
                content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        raise ThresholdsFileError(f"{storable(str(path))} cannot be read: {why}.", hint="Check the path.") from error
    if len(content) > MAX_BYTES:
        raise ThresholdsFileError(f"{name} is too large to be a thresholds file.")
    return _checked(name, content)


def storable(text: str) -> str:
    """The text without what no database can hold, such as half a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def _checked(name: str, content: bytes) -> Document:
    try:
        found = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ThresholdsFileError(f"{name} is no JSON: {error}.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ThresholdsFileError(f"{name} holds no thresholds of Transaction Tagger.")
    version = found.get("format_version")
    if type(version) is not int or version != FORMAT_VERSION:
        raise ThresholdsFileError(
            f"{name} has format {version!r:.20}, this is {FORMAT_VERSION}.",
            hint="Update Transaction Tagger, or export the thresholds again.",
        )
    run_id, entries = found.get("run_id"), found.get("labels")
    if not isinstance(run_id, str):
        raise ThresholdsFileError(f"{name} does not say of which run its thresholds are.")
    if not isinstance(entries, list) or not entries:
        raise ThresholdsFileError(f"{name} has no list of labels.")
    labels = tuple(_checked_label(name, number, entry) for number, entry in enumerate(entries, start=1))
    times = Counter(fold_name(each.name) for each in labels)
    twice = next((each.name for each in labels if times[fold_name(each.name)] > 1), None)
    if twice is not None:
        raise ThresholdsFileError(f"{name} names the label {twice!r:.80} more than once.")
    return Document(name, storable(run_id), labels)


def _checked_label(name: str, number: int, entry: object) -> FileLabel:
    label = entry.get("label") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(label, str) or not label.strip():
        raise ThresholdsFileError(f"{name}: entry {number} of its labels has no name.")
    threshold, goal = entry.get("threshold"), entry.get("goal")
    if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise ThresholdsFileError(
            f"{name}: the threshold of {label!r:.80} is {threshold!r:.40}.", hint="Give a number from 0 to 1."
        )
    return FileLabel(storable(label), float(threshold), _checked_goal(name, label, goal))


def _checked_goal(name: str, label: str, goal: object) -> str | None:
    text = "".join(goal.casefold().split()) if isinstance(goal, str) else goal
    if text is None or (isinstance(text, str) and readable({label: text})):
        return text
    raise ThresholdsFileError(
        f"{name}: the goal of {label!r:.80} is {goal!r:.40}.", hint=f"{GOALS_HINT} Or recommended, or null."
    )


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number")
