"""The one database: opening, migrating, writing, and revisions that tell caches when they are stale."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, insert, inspect, select, text, update

from tagger.errors import TaggerError
from tagger.storage.faults import explained
from tagger.storage.schema import facts, revisions

__all__ = ["Connection", "Database", "inserted_id", "migrate"]

MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0007"  # the newest migration, so that a database that is there already needs no Alembic to open


class Database:
    """SQLite in WAL mode; every write is on disk before `write()` returns.

    Parameters
    ----------
    path : the database file; its folder is made when missing.

    Raises
    ------
    TaggerError
        If the disk or the file refuses, here and in `read` and `write`: full, read-only, damaged, of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        self._write_lock = threading.Lock()
        with explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that start together must not both migrate.
            with FileLock(path.with_suffix(".migrating")):
                migrate(self._engine)
        self.store_id = self._store_id()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the database."""
        with explained(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *changed: str) -> Iterator[Connection]:
        """One transaction: all or nothing. The revisions named in `changed` grow with it."""
        writer = self._engine.execution_options(begin="BEGIN IMMEDIATE")
        with explained(self.path), self._write_lock, writer.begin() as connection:
            yield connection
            for name in changed:
                _bump(connection, name)

    def revision(self, *names: str) -> tuple[int, ...]:
        """The current revisions, in the order of `names`; 0 for one never written."""
        with self.read() as connection:
            found: dict[str, int] = {row[0]: row[1] for row in connection.execute(select(revisions))}
        return tuple(found.get(name, 0) for name in names)

    def check(self) -> list[str]:
        """What SQLite itself finds wrong; empty when nothing is."""
        with self.read() as connection:
            integrity = [row[0] for row in connection.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
            orphans = [
                f"{row[0]} row {row[1]} refers to a missing {row[2]}"
                for row in connection.execute(text("PRAGMA foreign_key_check"))
            ]
        return integrity + orphans

    def close(self) -> None:
        self._engine.dispose()

    def _store_id(self) -> str:
        with self.write() as connection:
            known = connection.execute(select(facts.c.value).where(facts.c.name == "store_id")).scalar()
            if known is None:
                known = uuid.uuid4().hex
                connection.execute(insert(facts).values(name="store_id", value=known))
        return str(known)


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision` (Alembic), creating it when there is none. All of it, or nothing.

    Raises
    ------
    TaggerError
        If a later version of the program has changed the schema.
    """
    if revision == "head" and _version(engine) == HEAD:
        return
    # Alembic takes a third of a second to import.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise TaggerError(
                f"The database was written by a later version of Transaction Tagger ({error}).",
                hint="Update Transaction Tagger, or choose another folder with TAGGER_HOME.",
            ) from error


def _version(engine: Engine) -> str | None:
    """The migration that the database stands at; None for one without any."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def inserted_id(result: CursorResult[Any]) -> int:
    """The key of the one row an INSERT made."""
    key = result.inserted_primary_key
    if key is None:
        raise RuntimeError("the statement inserted no row")
    return int(key[0])


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        # We begin transactions ourselves: the driver's own habit is to begin only before a write.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a correction survives a power cut, not only a crash
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA cache_size=-65536")  # 64 MiB

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes the lock at once: upgrading from reader to writer half-way through can fail.
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def _bump(connection: Connection, name: str) -> None:
    bumped = connection.execute(update(revisions).where(revisions.c.name == name).values(value=revisions.c.value + 1))
    if bumped.rowcount == 0:
        connection.execute(insert(revisions).values(name=name, value=1))
