"""A store in a folder of its own, a toy encoder in place of the weights, and fits on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from toys import NO_STARTER, ToyEncoder
from toys import one_thread as on_one_thread

from tagger.config import Settings
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.transactions.layout import ReadOptions


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
    opened = Store(settings)
    opened.encoding.use(ToyEncoder())
    yield opened
    opened.close()


@pytest.fixture
def bring(store: Store) -> Callable[..., dict]:
    """`bring(csv_text)`: import a statement; the report of its one file."""

    def import_text(text: str, name: str = "bank.csv", account: str = "main", **options: object) -> dict:
        upload = Upload(name, text.encode(), ReadOptions(**options), account)
        return import_files(store, [upload], Progress())["files"][0]

    return import_text
