"""Databases as they are made and written in earnest."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def light_databases() -> None:
    """Nothing is lighter here: these tests are about how databases are made and written."""
