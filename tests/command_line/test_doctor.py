"""`doctor`: what is healthy, and what is damaged."""

from __future__ import annotations

import pytest


def test_a_healthy_store_has_no_problems(after_training, ok):
    found = ok("doctor")
    assert (found["ok"], found["problems"]) == (True, [])
    assert (found["transactions"], found["judged"], found["labels"], found["runs"]) == (39, 36, 4, 1)
    assert found["texts_without_tags"] == 0


@pytest.mark.parametrize("damage", ["head.safetensors", "run.json"])
def test_a_damaged_current_run_is_told(after_training, ok, home, damage):
    path = home / "models" / after_training["run_id"] / damage
    path.write_bytes(path.read_bytes()[:20])
    found = ok("doctor")
    assert found["ok"] is False
    assert after_training["run_id"] in found["problems"][0]
    assert found["transactions"] == 39
