"""The schema: made from nothing, left alone when it is there, refused when it is of a later version."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import create_engine

from tagger.errors import TaggerError
from tagger.storage import labels, runs
from tagger.storage.database import MIGRATIONS, Database, migrate
from tagger.storage.runs import CurrentRun, ThresholdVersion
from tagger.storage.schema import metadata


def schema_of(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        found = connection.execute("select sql from sqlite_master where sql is not null order by name")
        return [row[0] for row in found]
    finally:
        connection.close()


def test_the_migrations_make_the_schema_that_the_code_uses(tmp_path):
    db = Database(tmp_path / "tagger.db")
    with db.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_label_ids_are_never_used_again_in_a_migrated_database_as_in_the_schema(tmp_path):
    Database(tmp_path / "tagger.db").close()
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    metadata.create_all(made)
    made.dispose()
    for name in ("tagger.db", "made.db"):
        assert [sql for sql in schema_of(tmp_path / name) if "AUTOINCREMENT" in sql and "TABLE labels" in sql], name


def test_opening_a_database_again_changes_nothing(tmp_path):
    path = tmp_path / "tagger.db"
    first = Database(path)
    with first.write("labels"):
        pass
    first.close()
    before = schema_of(path)
    again = Database(path)
    assert schema_of(path) == before
    assert again.revision("labels") == (1,)
    assert again.store_id == first.store_id


def test_a_database_of_a_later_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "tagger.db"
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute("update alembic_version set version_num = '9999'")
    connection.commit()
    connection.close()
    before = schema_of(path)
    with pytest.raises(TaggerError, match="later version") as caught:
        Database(path)
    assert "Update" in caught.value.hint
    assert schema_of(path) == before


def test_a_migration_that_fails_halfway_leaves_no_table_behind(tmp_path, monkeypatch):
    path = tmp_path / "tagger.db"
    whole = Operations.create_table

    def fail_at_runs(self, name, *columns, **options):
        if name == "runs":
            raise ZeroDivisionError
        return whole(self, name, *columns, **options)

    monkeypatch.setattr(Operations, "create_table", fail_at_runs)
    with pytest.raises(ZeroDivisionError):
        Database(path)
    assert schema_of(path) == []
    monkeypatch.undo()
    assert Database(path).check() == []


def test_going_back_removes_every_table(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'tagger.db'}")
    migrate(engine)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    engine.dispose()
    left = schema_of(tmp_path / "tagger.db")
    assert [sql for sql in left if "alembic_version" not in sql and "sqlite_sequence" not in sql] == []


def test_the_newest_migration_is_the_one_that_opening_looks_for():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    from tagger.storage.database import HEAD, MIGRATIONS

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_choices_of_a_run_from_before_one_could_roll_back_are_kept_and_can_be_rolled_back(tmp_path):
    path = tmp_path / "tagger.db"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, "0001")
    engine.dispose()
    connection = sqlite3.connect(path)
    at = "2024-03-01 12:00:00.000000"
    connection.executemany("insert into runs values (?, ?, 'ada', 0, '{}', null)", [("a", at), ("b", at)])
    connection.execute("insert into threshold_versions values (1, 'a', ?, 'ada', 'mine', '[0.7]')", [at])
    connection.executemany(
        "insert into current_runs (run_id, threshold_version_id, author, at) values (?, ?, 'ada', ?)",
        [("a", None, at), ("a", 1, at), ("b", None, at)],
    )
    connection.commit()
    connection.close()
    db = Database(path)
    with db.write() as connection:
        assert runs.current(connection) == CurrentRun("b", None)
        assert runs.roll_back(connection, author="ada", at=datetime.fromisoformat(at)) == CurrentRun("a", 1)
        assert runs.current(connection) == CurrentRun("a", 1)
        assert runs.previous(connection) == CurrentRun("a", None)
        assert runs.notes(connection) == {}
        runs.add_note(connection, "a", "kept", author="ada", at=datetime.fromisoformat(at))
    assert db.check() == []


def test_labels_from_before_a_pair_could_be_kept_stay_and_can_be_kept(tmp_path):
    path = tmp_path / "tagger.db"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, "0003")
    engine.dispose()
    connection = sqlite3.connect(path)
    at = "2024-03-01 12:00:00.000000"
    connection.executemany(
        "insert into labels values (?, ?, ?, 'green', '', 'person', null, ?, null, null)",
        [(1, "rent", "rent", at), (2, "Rents", "rents", at)],
    )
    connection.commit()
    connection.close()
    db = Database(path)
    with db.write() as connection:
        assert [label.name for label in labels.all_labels(connection)] == ["rent", "Rents"]
        assert labels.kept_pairs(connection) == set()
        for is_kept, expected in ((True, {(1, 2)}), (False, set()), (True, {(1, 2)})):
            labels.keep_pair(connection, (2, 1), is_kept=is_kept, author="ada", at=datetime.fromisoformat(at))
            assert labels.kept_pairs(connection) == expected
    assert db.check() == []


def test_thresholds_saved_before_their_scores_were_kept_stay_in_use_without_any(tmp_path):
    path = tmp_path / "tagger.db"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, "0004")
    engine.dispose()
    connection = sqlite3.connect(path)
    at = "2024-03-01 12:00:00.000000"
    connection.execute("insert into runs values ('a', ?, 'ada', 0, '{}', null)", [at])
    connection.execute(
        "insert into threshold_versions values (1, 'a', ?, 'ada', 'mine', '[0.7, 0.30000000000000004]')", [at]
    )
    connection.execute("insert into current_runs values (1, 'a', 1, 'ada', ?, null)", [at])
    connection.commit()
    connection.close()
    db = Database(path)
    moment = datetime.fromisoformat(at)
    with db.write() as connection:
        assert runs.current(connection) == CurrentRun("a", 1)
        assert runs.threshold_versions(connection, "a") == [
            ThresholdVersion(1, "a", moment, "ada", "mine", (0.7, 0.1 + 0.2), metrics=None, goals=None)
        ]
        newer = runs.add_threshold_version(
            connection, "a", [0.5, 0.5], author="ada", note="", at=moment, metrics={"micro": None}, goals={"1": "f1"}
        )
        first, second = runs.threshold_versions(connection, "a")
        assert (first.id, first.metrics, first.goals) == (newer, {"micro": None}, {"1": "f1"})
        assert (second.id, second.thresholds) == (1, (0.7, 0.1 + 0.2))
    assert db.check() == []


def test_sliders_that_were_moved_before_goals_were_kept_stay_where_they_are(tmp_path):
    path = tmp_path / "tagger.db"
    engine = create_engine(f"sqlite:///{path}")
    migrate(engine, "0005")
    engine.dispose()
    connection = sqlite3.connect(path)
    connection.execute("insert into drafts (run_id, author, thresholds) values ('a', 'ada', '{\"1\": 0.25}')")
    connection.commit()
    connection.close()
    db = Database(path)
    with db.write() as connection:
        assert runs.draft(connection, "a", "ada") == {"1": 0.25}
        assert runs.draft_goals(connection, "a", "ada") == runs.draft_goals(connection, "a", "bob") == {}
        runs.set_draft(connection, "a", "ada", {"1": 0.5}, {"1": "f1"})
        runs.set_draft(connection, "a", "bob", {}, {"2": "grid"})
        assert (runs.draft(connection, "a", "ada"), runs.draft_goals(connection, "a", "ada")) == (
            {"1": 0.5},
            {"1": "f1"},
        )
        assert (runs.draft(connection, "a", "bob"), runs.draft_goals(connection, "a", "bob")) == ({}, {"2": "grid"})
        runs.set_draft(connection, "a", "ada", {})
        assert runs.draft_goals(connection, "a", "ada") == {}
    assert db.check() == []
