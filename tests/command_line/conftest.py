"""A home of its own for each test, a toy encoder in place of the weights, and the command line as a function."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from command_line.common import OPEN_CSV, encode_with, only_object
from toys import NO_STARTER, ToyEncoder, labelled_csv, one_thread

from tagger.__main__ import main, parser
from tagger.config import Settings

Words = str | Path
parser_once = cache(parser)  # a process builds it once; building it hundreds of times takes seconds


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for the command line, and a starter that is not there."""
    folder = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith("TAGGER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TAGGER_HOME", str(folder))
    monkeypatch.setenv("TAGGER_AUTHOR", "ada")
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    monkeypatch.setattr("tagger.__main__.parser", parser_once)
    return folder


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> ToyEncoder:
    return encode_with(ToyEncoder(), monkeypatch)


@dataclass(frozen=True)
class Answer:
    code: int
    object: dict[str, Any]
    stderr: str


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`run("labels", "list")`: the command with --json."""

    def run_command(*words: Words) -> Answer:
        capfd.readouterr()
        code = main([*map(str, words), "--json"])
        captured = capfd.readouterr()
        return Answer(code, only_object(captured.out), captured.err)

    return run_command


@pytest.fixture
def ok(run: Callable[..., Answer]) -> Callable[..., dict[str, Any]]:
    def run_well(*words: Words) -> dict[str, Any]:
        answer = run(*words)
        assert answer.code == 0, answer.object
        assert "error" not in answer.object
        return answer.object

    return run_well


@pytest.fixture
def fails(run: Callable[..., Answer]) -> Callable[..., dict[str, str]]:
    """A mistake that a person can mend: exit 2, what was found, and what to do."""

    def run_badly(*words: Words) -> dict[str, str]:
        answer = run(*words)
        assert answer.code == 2, answer.object
        assert set(answer.object) == {"error"}
        error = answer.object["error"]
        assert set(error) == {"type", "message", "hint"}
        assert all(isinstance(value, str) for value in error.values())
        assert error["message"]
        assert error["hint"]
        return error

    return run_badly


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        content = text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


@pytest.fixture
def bring(ok: Callable[..., dict], write: Callable[..., Path]) -> Callable[..., dict[str, Any]]:
    """`bring(csv_text, *options)`: import a statement; the report of its one file."""

    def import_text(text: str, *options: str, name: str = "bank.csv") -> dict[str, Any]:
        report = ok("import", write(name, text), *options)
        assert set(report) == {"batch_id", "files"}
        (file,) = report["files"]
        assert file["rows"] == file["added"] + file["duplicates"] + file["skipped"] + len(file["errors"])
        return file

    return import_text


@pytest.fixture(scope="package")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home with labelled and open rows and a promoted run, and what `train` said."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "bank.csv").write_text(labelled_csv(12))
    (folder / "open.csv").write_text(OPEN_CSV)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAGGER_HOME", str(folder / "home"))
        patch.setenv("TAGGER_AUTHOR", "ada")
        patch.setattr(Settings, "starter_path", NO_STARTER)
        encode_with(ToyEncoder(), patch)
        assert main(["import", str(folder / "bank.csv"), str(folder / "open.csv")]) == 0
        with pytest.MonkeyPatch.context() as capture:
            said: list[str] = []
            capture.setattr("tagger.__main__._print", lambda _stream, result, **_kw: said.append(json.dumps(result)))
            assert main(["train", "--promote", "--json"]) == 0
    return folder / "home", json.loads(said[0])


@pytest.fixture
def after_training(trained: tuple[Path, dict[str, Any]], home: Path) -> dict[str, Any]:
    """This test's own copy of the trained home; what `train` said."""
    shutil.copytree(trained[0], home)
    return trained[1]
