"""`doctor`: what is healthy, and what is damaged."""

from __future__ import annotations

import json

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


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("recipe", "features", 7),
        ("summary", "rejected_labels", 5),
        ("summary", "micro", 3),
        ("summary", "thresholds_tuned", 1),
    ],
)
def test_a_value_of_the_wrong_kind_is_damage_and_no_bug(after_training, ok, fails, home, part, name, value):
    path = home / "models" / after_training["run_id"] / "run.json"
    described = json.loads(path.read_text())
    described[part][name] = value
    path.write_text(json.dumps(described))
    found = ok("doctor")
    assert found["ok"] is False
    assert f"{after_training['run_id']}' is damaged: {part}.{name} is {value}." in found["problems"][0]
    answer = fails("runs", "show", after_training["run_id"])
    assert answer["type"] == "BundleError"
    assert answer["hint"]
