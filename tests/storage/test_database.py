"""The database: all or nothing, revisions that tell when a cache is stale, clear words when the disk refuses."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
from datetime import datetime

import pytest
from sqlalchemy import insert, select, text

from tagger.errors import TaggerError
from tagger.storage import schema
from tagger.storage.database import Database
from tagger.storage.transactions import Batch, add_batch, batches

AT = datetime.fromisoformat("2024-03-01T12:00")  # UTC, without a zone: what SQLite gives back


@pytest.fixture
def db(tmp_path):
    opened = Database(tmp_path / "data" / "tagger.db")
    yield opened
    opened.close()


def batch(number: int) -> Batch:
    return Batch(f"batch-{number}", AT, "ada", is_sample=False, report={})


def ids(db: Database) -> list[str]:
    with db.read() as connection:
        return [each.id for each in batches(connection)]


def test_a_write_is_there_when_the_block_ends(db):
    with db.write() as connection:
        add_batch(connection, batch(1))
    assert ids(db) == ["batch-1"]
    assert ids(Database(db.path)) == ["batch-1"]


def test_a_write_that_fails_halfway_leaves_nothing_and_no_revision(db):
    with pytest.raises(ZeroDivisionError), db.write("transactions") as connection:
        add_batch(connection, batch(1))
        raise ZeroDivisionError
    assert ids(db) == []
    assert db.revision("transactions") == (0,)


def test_a_statement_that_the_database_refuses_takes_the_whole_write_with_it(db):
    with pytest.raises(Exception, match="UNIQUE"), db.write() as connection:
        for _ in range(2):
            add_batch(connection, batch(1))
    assert ids(db) == []


def test_revisions_grow_only_where_something_was_written(db):
    assert db.revision("labels", "runs") == (0, 0)
    for _ in range(3):
        with db.write("runs"):
            pass
    with db.write("labels", "runs"):
        pass
    assert db.revision("labels", "runs", "transactions") == (1, 4, 0)
    assert db.revision("runs", "labels") == (4, 1)


def test_another_process_sees_the_revisions_of_this_one(db):
    with db.write("judgements"):
        pass
    assert Database(db.path).revision("judgements") == (1,)


def test_a_reader_keeps_its_moment_while_another_writes(db):
    with db.read() as reading:
        assert batches(reading) == []
        with db.write() as writing:
            add_batch(writing, batch(1))
        assert batches(reading) == []
    assert ids(db) == ["batch-1"]


def test_threads_that_write_at_once_all_get_through(db):
    def write(number: int) -> None:
        with db.write("transactions") as connection:
            add_batch(connection, batch(number))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids(db)) == 12
    assert db.revision("transactions") == (12,)


def test_a_store_keeps_its_name_and_two_stores_have_two(tmp_path):
    one, other = Database(tmp_path / "one.db"), Database(tmp_path / "other.db")
    assert one.store_id == Database(tmp_path / "one.db").store_id != other.store_id


def test_a_reference_to_nothing_is_refused_and_would_be_found(db):
    with pytest.raises(Exception, match="FOREIGN KEY"), db.write() as connection:
        connection.execute(insert(schema.leases).values(name="work", job_id="nobody"))
    assert db.check() == []
    careless = sqlite3.connect(db.path)  # whose foreign keys are off
    careless.execute("insert into leases values ('work', 'nobody')")
    careless.commit()
    careless.close()
    assert db.check() == ["leases row 1 refers to a missing jobs"]


def test_a_write_is_on_disk_before_the_block_ends(db):
    with db.read() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path):
    path = tmp_path / "tagger.db"
    path.write_bytes(b"date,description,amount\n" * 100)
    with pytest.raises(TaggerError, match=r"no database.*tagger\.db") as caught:
        Database(path)
    assert caught.value.hint
    assert path.read_bytes().startswith(b"date,")


@pytest.mark.parametrize("blocker", ["home", "home/data"])
def test_a_home_that_cannot_be_made_is_named(tmp_path, blocker):
    (tmp_path / blocker).parent.mkdir(exist_ok=True)
    (tmp_path / blocker).write_text("a file where a folder should be")
    with pytest.raises(TaggerError, match="cannot be used") as caught:
        Database(tmp_path / "home" / "data" / "tagger.db")
    assert "TAGGER_HOME" in caught.value.hint


def test_a_read_only_database_says_so(db, monkeypatch):
    with db.read() as connection:
        connection.execute(text("PRAGMA query_only=ON"))  # as a read-only file answers; the suite may run as root
    with pytest.raises(TaggerError, match="cannot be written") as caught, db.write() as connection:
        add_batch(connection, batch(1))
    assert "TAGGER_HOME" in caught.value.hint


FILL = """
import resource, sys
from datetime import datetime
from pathlib import Path
from tagger.errors import TaggerError
from tagger.storage.database import Database
from tagger.storage.transactions import Batch, add_batch

db = Database(Path(sys.argv[1]))
for number in range(2):
    with db.write() as connection:
        add_batch(connection, Batch(f"before-{number}", datetime(2024, 3, 1), "ada", False, {}))
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
try:
    with db.write() as connection:
        add_batch(connection, Batch("small", datetime(2024, 3, 1), "ada", False, {}))
        add_batch(connection, Batch("large", datetime(2024, 3, 1), "ada", False, {"text": "x" * 3_000_000}))
except TaggerError as error:
    print(f"{error} {error.hint}")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with db.write() as connection:
    add_batch(connection, Batch("after", datetime(2024, 3, 2), "ada", False, {}))
"""


def test_a_full_disk_is_said_and_what_was_stored_before_is_safe(tmp_path):
    path = tmp_path / "tagger.db"
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILL), str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "disk is full" in ended.stdout
    assert "Free some space" in ended.stdout
    db = Database(path)
    assert sorted(ids(db)) == ["after", "before-0", "before-1"]
    assert db.check() == []


def test_the_last_word_of_a_killed_writer_is_the_last_whole_write(tmp_path):
    script = """
        import os, signal, sys
        from datetime import datetime
        from pathlib import Path
        from tagger.storage.database import Database
        from tagger.storage.transactions import Batch, add_batch
        db = Database(Path(sys.argv[1]))
        with db.write("transactions") as connection:
            add_batch(connection, Batch("whole", datetime(2024, 3, 1), "ada", False, {}))
        with db.write("transactions") as connection:
            add_batch(connection, Batch("half", datetime(2024, 3, 1), "ada", False, {}))
            os.kill(os.getpid(), signal.SIGKILL)
    """
    path = tmp_path / "tagger.db"
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(script), str(path)], check=False)
    assert ended.returncode == -9
    db = Database(path)
    assert ids(db) == ["whole"]
    assert db.revision("transactions") == (1,)
    assert db.check() == []


def test_a_removed_label_leaves_its_id_unused(db):
    with db.write() as connection:
        values = {"color": "blue", "definition": "", "origin": "person", "created_at": AT}
        for name in ("groceries", "fuel"):
            connection.execute(insert(schema.labels).values(name=name, folded_name=name, **values))
        connection.execute(schema.labels.delete().where(schema.labels.c.name == "fuel"))
        connection.execute(insert(schema.labels).values(name="rent", folded_name="rent", **values))
        found = connection.execute(select(schema.labels.c.name, schema.labels.c.id)).all()
    assert [tuple(row) for row in found] == [("groceries", 1), ("rent", 3)]
