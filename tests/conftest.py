"""A store in a folder of its own, a toy encoder in place of the weights, and fits on one thread."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event
from toys import NO_STARTER, ToyEncoder
from toys import one_thread as on_one_thread

from tagger.config import Settings
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage import database
from tagger.transactions.layout import ReadOptions


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as the migrations make it."""
    path = tmp_path_factory.mktemp("empty") / "tagger.db"
    engine = create_engine(f"sqlite:///{path}")
    database.migrate(engine)
    engine.dispose()
    return path


@pytest.fixture(autouse=True)
def light_databases(empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases and bundles that are quick to make; what is about making them overrides this.

    A new database begins as a copy of a migrated one, and nothing waits for the disk: a test need not outlive a power
    cut, and on a busy disk one wait takes seconds.
    """
    migrate = database.migrate

    def begin(engine: Engine, revision: str = "head") -> None:
        @event.listens_for(engine, "connect")
        def _do_not_wait(connection, _record) -> None:
            connection.execute("PRAGMA synchronous=OFF")

        path = Path(engine.url.database)
        if revision == "head" and not path.exists():
            shutil.copy(empty_database, path)
        migrate(engine, revision)

    monkeypatch.setattr(database, "migrate", begin)
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture
def one_thread() -> Iterator[None]:
    with on_one_thread():
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", author="ada")


@pytest.fixture
def store(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store with the toy encoder and no starter."""
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    with _opened(settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def _prepared_homes() -> dict[Callable[[Store], object], Path]:
    return {}


@pytest.fixture
def prepared(
    settings: Settings,
    _prepared_homes: dict[Callable[[Store], object], Path],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[Callable[[Store], object]], Store]]:
    """`prepared(fill)`: this test's own copy of a store as `fill` leaves it, which is done once for all tests."""
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    with ExitStack() as stack:

        def copy(fill: Callable[[Store], object]) -> Store:
            if fill not in _prepared_homes:
                home = tmp_path_factory.mktemp("prepared") / "home"
                with _opened(replace(settings, home=home)) as store, on_one_thread():
                    fill(store)
                _prepared_homes[fill] = home
            shutil.copytree(_prepared_homes[fill], settings.home)
            return stack.enter_context(_opened(settings))

        yield copy


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    store = Store(settings)
    store.encoding.use(ToyEncoder())
    yield store
    store.close()


@pytest.fixture
def bring(store: Store) -> Callable[..., dict]:
    """`bring(csv_text)`: import a statement; the report of its one file."""

    def import_text(text: str, name: str = "bank.csv", account: str = "main", **options: object) -> dict:
        upload = Upload(name, text.encode(), ReadOptions(**options), account)
        return import_files(store, [upload], Progress())["files"][0]

    return import_text
