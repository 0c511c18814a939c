"""Who may import whom, read from the imports themselves."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("tagger/**/*.py"), *ROOT.glob("pages/*.py"), ROOT / "app.py"])

# A room may use those to the right of it, and itself.
MAY_USE = {
    "pages": {"ui", "services", "errors", "config"},
    "app": set(),
    "ui": {"services", "storage", "learning", "labels", "transactions", "errors", "config"},
    "__main__": {"command_line", "services", "learning", "transactions", "errors", "config"},
    "command_line": {"services", "learning", "transactions", "errors", "config"},
    "services": {"storage", "learning", "labels", "transactions", "errors", "config"},
    "storage": {"learning", "labels", "transactions", "errors", "config"},
    "learning": {"labels", "transactions", "errors", "config"},
    "labels": {"errors", "config"},
    "transactions": {"errors", "config"},
    "errors": set(),
    "processor": set(),
    "config": {"errors"},
}
# A library, and the only places that may import it.
ONLY_IN = {
    "streamlit": ("app.py", "pages/", "tagger/ui/"),
    "plotly": ("tagger/ui/",),
    "transformers": ("tagger/learning/encoder.py",),
    "tokenizers": ("tagger/learning/encoder.py",),
    "torch": ("tagger/learning/",),
    "sqlalchemy": ("tagger/storage/",),
    "alembic": ("tagger/storage/",),
    "sqlite3": (),
    "pickle": (),
    "joblib": (),
    "requests": (),
}


# A line of the rooms below services that may touch the environment, and why.
ENVIRONMENT = {
    # The tokenizers library takes this setting from nowhere else.
    "tagger/learning/encoder.py": ['os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")'],
}


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] != "tagger" else parts[1]


def imports_of(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def environment_lines(path: Path) -> list[str]:
    """The lines that touch the environment, by whatever name of the os module."""
    text = path.read_text()
    lines, found = text.splitlines(), []
    for node in ast.walk(ast.parse(text)):
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute):
            names = [node.attr]
        if any(re.fullmatch(r"environb?|(get|put|unset)envb?", name) for name in names):
            found.append(lines[node.lineno - 1].strip())
    return found


def clocks(path: Path) -> list[str]:
    """The calls that ask a class for the present moment."""
    nodes = ast.walk(ast.parse(path.read_text()))
    asked = [node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    return [name for name in asked if name in {"now", "utcnow", "today"}]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards_only(path):
    room = room_of(path)
    if room == "__init__":
        return
    used = {name.split(".")[1] for name in imports_of(path) if name.startswith("tagger.")}
    assert used <= MAY_USE[room] | {room}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_libraries_stay_in_their_rooms(path):
    where = str(path.relative_to(ROOT))
    for name in imports_of(path):
        allowed = ONLY_IN.get(name.split(".")[0])
        assert allowed is None or where.startswith(tuple(allowed)), f"{where} imports {name}"


def test_the_check_sees_a_forbidden_import(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    import torch.nn\n    from sqlalchemy import select\n")
    assert imports_of(bad) == ["torch.nn", "sqlalchemy.select"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("pages/*.py")), ids=lambda path: path.name)
def test_a_page_reads_like_its_screen(path):
    text = path.read_text()
    assert len(text.splitlines()) < 80
    assert "session_state" not in text
    assert not re.search(r"^\s*try:", text, flags=re.MULTILINE)
    assert "import pandas" not in text


def test_nothing_renders_html_from_data():
    for path in SOURCES:
        text = path.read_text()
        assert "unsafe_allow_html" not in text, path
    for path in ROOT.glob("tagger/**/*.js"):
        assert not re.search(
            r"\.innerHTML\s*=\s*[^;]*\$\{|insertAdjacentHTML|document\.write|eval\(", path.read_text()
        ), path


def test_the_learning_room_asks_for_neither_time_nor_environment():
    for path in [
        *ROOT.glob("tagger/learning/*.py"),
        *ROOT.glob("tagger/labels/*.py"),
        *ROOT.glob("tagger/transactions/**/*.py"),
    ]:
        used = imports_of(path)
        assert not any(name.split(".")[0] in {"time", "random"} for name in used), path
        assert not clocks(path), path
        assert environment_lines(path) == ENVIRONMENT.get(str(path.relative_to(ROOT)), []), path


@pytest.mark.parametrize(
    "line",
    [
        'os.environ["HOME"]',
        'os.environ.get("HOME")',
        'os.getenv("HOME")',
        'system.getenv("HOME")',
        "from os import environ",
        "from os import path, getenv as ask",
    ],
)
def test_the_check_sees_a_look_at_the_environment(tmp_path, line):
    bad = tmp_path / "bad.py"
    bad.write_text(f"import os as system\n\n\ndef f():\n    {line}\n")
    assert environment_lines(bad) == [line]


@pytest.mark.parametrize("line", ["datetime.now(UTC)", "datetime.datetime.utcnow()", "date.today()"])
def test_the_check_sees_a_look_at_the_clock(tmp_path, line):
    bad = tmp_path / "bad.py"
    bad.write_text(line)
    assert len(clocks(bad)) == 1
