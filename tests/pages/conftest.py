"""Pages run without a browser, on a home of their own with the toy encoder and no starter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from toys import NO_STARTER, ToyEncoder

from tagger.config import Settings
from tagger.services.encoding import Encoding
from tagger.ui import session

ROOT = Path(__file__).parents[2]
# Streamlit looks through all installed packages for components whenever a test opens a page, which takes half a second.
scanned_once = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TAGGER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    for name in ("encoder", "identity"):
        monkeypatch.setattr(Encoding, name, property(lambda self: ToyEncoder()))
    monkeypatch.setattr(session, "FIRST_SCREEN", 3600.0)  # nothing is loaded behind the tests' back
    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", scanned_once)
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def settings(own_home: None) -> Settings:
    """Those that a page finds."""
    return Settings.from_environment()


@pytest.fixture
def opened() -> Callable[[str], AppTest]:
    """`opened("home")`: the page, run once."""

    def run(name: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=30).run()
        assert not page.exception, page.exception
        return page

    return run


@pytest.fixture
def review(opened: Callable[[str], AppTest]) -> Callable[..., AppTest]:
    """`review(order="queue")`: Review at an address."""

    def run(**address: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "pages" / "review.py"), default_timeout=30)
        for name, value in address.items():
            page.query_params[name] = value
        page.run()
        assert not page.exception, page.exception
        return page

    return run


@pytest.fixture
def listed() -> Callable[[AppTest], list[dict[str, Any]]]:
    """`listed(page)`: the rows that Review hands to its list."""

    def read(page: AppTest) -> list[dict[str, Any]]:
        (component,) = [each for each in page.main if "BidiComponent" in type(each.proto).__name__]
        return [row for day in json.loads(component.proto.json)["days"] for row in day["rows"]]

    return read
