"""Pages run without a browser, on a home of their own with the toy encoder and no starter."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from toys import NO_STARTER, ToyEncoder

from tagger.config import Settings
from tagger.services.encoding import Encoding
from tagger.ui import session

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TAGGER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    monkeypatch.setattr(Encoding, "encoder", property(lambda self: ToyEncoder()))
    monkeypatch.setattr(Encoding, "family", ToyEncoder.family)
    monkeypatch.setattr(session, "FIRST_SCREEN", 3600.0)  # nothing is loaded behind the tests' back
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def opened() -> Callable[[str], AppTest]:
    """`opened("home")`: the page, run once."""

    def run(name: str) -> AppTest:
        page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=30).run()
        assert not page.exception, page.exception
        return page

    return run


@pytest.fixture
def rows_of_list() -> Callable[[AppTest], list[str]]:
    """`rows_of_list(page)`: the descriptions that Review hands to its list."""

    def read(page: AppTest) -> list[str]:
        (component,) = [each for each in page.main if "BidiComponent" in type(each.proto).__name__]
        days = json.loads(component.proto.json)["days"]
        return [row["description"] for day in days for row in day["rows"]]

    return read
