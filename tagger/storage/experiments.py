"""What tries of settings left: their predictions, so that none is trained twice, and the report of each set.

Below the folder lie `<data>/<try>.safetensors`, predictions as bits with the seconds that they took, and
`<set>.json`. Derived, so all of it can be deleted at any time. A file is written aside and renamed: whole or not there.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tagger.storage.faults import explained


@dataclass(frozen=True)
class Finished:
    """A try that was scored: y_pred, bool (n_transactions, n_labels), and the seconds that it took."""

    y_pred: NDArray[np.bool_]
    seconds: float


class Experiments:
    """The folder of all tries."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, data: str, key: str, finished: Finished) -> None:
        """Remember a try on this data.

        Raises
        ------
        StorageError
            If the disk is full or read-only.
        """
        bits = {"y_pred": np.packbits(finished.y_pred, axis=None)}
        self._write(self._folder / data / f"{key}.safetensors", save(bits, {"seconds": repr(finished.seconds)}))

    def finished(self, data: str, key: str, shape: tuple[int, int]) -> Finished | None:
        """A try on this data; None if it was not made, or its file is damaged."""
        path = self._folder / data / f"{key}.safetensors"
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                bits, seconds = file.get_tensor("y_pred"), float(file.metadata()["seconds"])
            return Finished(np.unpackbits(bits, count=shape[0] * shape[1]).astype(np.bool_).reshape(shape), seconds)
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            return None

    def forget_others(self, data: str) -> None:
        """Remove the tries on any other data: nobody will ask for them again."""
        for folder in self._folder.glob("*/"):
            if folder.name != data:
                shutil.rmtree(folder, ignore_errors=True)

    def save_report(self, kind: str, report: Mapping[str, Any]) -> None:
        """Put a set's report in the place of its last one.

        Raises
        ------
        StorageError
            If the disk is full or read-only.
        """
        self._write(self._folder / f"{kind}.json", json.dumps(report, allow_nan=False).encode())

    def report(self, kind: str) -> dict[str, Any] | None:
        """The set's last report; None if there is none, or its file is damaged."""
        try:
            found = json.loads((self._folder / f"{kind}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, path: Path, content: bytes) -> None:
        with explained(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{uuid.uuid4().hex}")
            try:
                aside.write_bytes(content)
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
