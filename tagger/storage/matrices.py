"""Rows of numbers kept by text: embeddings, and a run's probabilities. Derived, so they can be deleted at any time.

Two files lie in a folder: `rows.bin` (fixed width) and `keys.bin` (16 bytes a row). Rows are forced to disk before
their keys, and whatever is longer than the other is ignored: a crash in the middle loses at most what was being added.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from tagger.storage.faults import explained

KEY_BYTES = 16


def text_key(text: str) -> bytes:
    """The key of a text: 16 bytes of BLAKE2b."""
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()


class KeyedMatrix:
    """An append-only matrix whose rows are found by key.

    Parameters
    ----------
    folder : made when missing. Its name must hold all that the rows depend on.
    width : columns.
    dtype : of the stored numbers.
    """

    def __init__(self, folder: Path, width: int, dtype: type[np.floating]) -> None:
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._width = width
        self._dtype = np.dtype(dtype)
        self._row_bytes = width * self._dtype.itemsize
        self._index: dict[bytes, int] = {}
        self._thread_lock = threading.Lock()
        self._load()

    def __len__(self) -> int:
        return len(self._index)

    def missing(self, keys: Iterable[bytes]) -> list[bytes]:
        """Those keys, each once and in order, that have no row yet."""
        unique = list(dict.fromkeys(keys))
        absent = [key for key in unique if key not in self._index]
        if absent:
            with self._thread_lock:  # not amid an `add` of this process, which numbers the rows itself
                self._load()  # another process may have added them
            absent = [key for key in absent if key not in self._index]
        return absent

    def rows(self, keys: Sequence[bytes]) -> NDArray[np.float32]:
        """The rows of `keys`, float32 (len(keys), width).

        Raises
        ------
        KeyError
            If a key has no row; ask `missing` first.
        """
        if not keys:
            return np.empty((0, self._width), dtype=np.float32)
        positions = np.fromiter((self._index[key] for key in keys), dtype=np.int64, count=len(keys))
        shape = (len(self._index), self._width)
        stored = np.memmap(self._folder / "rows.bin", dtype=self._dtype, mode="r", shape=shape)
        return np.asarray(stored[positions], dtype=np.float32)

    def add(self, keys: Sequence[bytes], rows: NDArray[np.floating]) -> None:
        """Append rows; keys that are there already are left alone.

        Raises
        ------
        TaggerError
            If the disk is full or read-only; what was there before is whole.
        """
        with explained(self._folder), self._thread_lock, FileLock(self._folder / "lock"):
            self._load()
            places = {key: position for position, key in enumerate(keys)}  # a key given twice is one row
            fresh = [position for key, position in places.items() if key not in self._index]
            if not fresh:
                return
            n_rows = len(self._index)
            _append(
                self._folder / "rows.bin",
                n_rows * self._row_bytes,
                np.ascontiguousarray(rows[fresh], dtype=self._dtype).tobytes(),
            )
            _append(self._folder / "keys.bin", n_rows * KEY_BYTES, b"".join(keys[position] for position in fresh))
            for position in fresh:
                self._index[keys[position]] = len(self._index)

    def _load(self) -> None:
        keys_path, rows_path = self._folder / "keys.bin", self._folder / "rows.bin"
        if not keys_path.exists() or not rows_path.exists():
            self._index = {}
            return
        n_rows = min(keys_path.stat().st_size // KEY_BYTES, rows_path.stat().st_size // self._row_bytes)
        if n_rows == len(self._index):
            return
        keys = keys_path.read_bytes()[: n_rows * KEY_BYTES]
        self._index = {keys[start : start + KEY_BYTES]: row for row, start in enumerate(range(0, len(keys), KEY_BYTES))}


def _append(path: Path, size: int, content: bytes) -> None:
    """Cut `path` to `size`, add `content`, and force it to disk."""
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
