"""Fixtures of several files."""

from __future__ import annotations

import pytest
from noisy_run import fill

from tagger.services.store import Store


@pytest.fixture
def noisy(prepared) -> Store:
    return prepared(fill)
