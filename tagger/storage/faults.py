"""What the disk refuses, said in words that a person can act on. Everything else stays the error it is."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from tagger.errors import StorageError

FULL = "Free some space, then try again. What was stored before is safe."
READ_ONLY = "Check who may write to the folder, or choose another one with TAGGER_HOME."
DAMAGED = "Put a copy of the file in its place, or choose another folder with TAGGER_HOME."

_OS_ERRORS = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), ("The disk is full", FULL)),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), ("The folder cannot be written to", READ_ONLY)),
    **dict.fromkeys((errno.EIO, errno.ENOTDIR, errno.EEXIST), ("The folder cannot be used", READ_ONLY)),
}
# By the name of SQLite's primary result code; its extended ones begin with it.
_SQLITE_ERRORS = {
    "SQLITE_FULL": ("The disk is full", FULL),
    "SQLITE_IOERR": ("The disk is full or failing", FULL),
    "SQLITE_READONLY": ("The database cannot be written to", READ_ONLY),
    "SQLITE_CANTOPEN": ("The database cannot be opened", READ_ONLY),
    "SQLITE_BUSY": ("Another program keeps the database busy", "Try again in a moment."),
    "SQLITE_NOTADB": ("The file is no database of Transaction Tagger", DAMAGED),
    "SQLITE_CORRUPT": ("The database is damaged", DAMAGED),
}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what the disk or the database file refuses into a StorageError that names `path`."""
    try:
        yield
    except OSError as error:
        known = _OS_ERRORS.get(error.errno or 0)
        if known is None:
            raise
        raise StorageError(f"{known[0]}: {path}.", hint=known[1]) from error
    except DBAPIError as error:
        name = str(getattr(error.orig, "sqlite_errorname", ""))
        known = next((words for prefix, words in _SQLITE_ERRORS.items() if name.startswith(prefix)), None)
        if known is None:
            raise
        raise StorageError(f"{known[0]}: {path}.", hint=known[1]) from error
