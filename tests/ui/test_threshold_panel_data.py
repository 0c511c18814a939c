from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from tagger.learning.calibration import Bin
from tagger.ui.components.threshold_panel import (
    Everywhere,
    LabelCurve,
    LabelState,
    PanelState,
    Ranges,
    Save,
    Step,
    pack_curves,
    read_step,
    state_data,
)

STEPS = np.arange(1001, 0, -1).astype(np.uint32)


def a_curve(number=7, *, scores=(0.25, 0.75, 0.5), truth=(True, True, False), **changes):
    fields = {
        "steps": STEPS,
        "alone": STEPS // 2,
        "edges": np.array([0.25, 0.5], dtype=np.float32),
        "low": np.zeros((3, 2), dtype=np.float32),
        "high": np.ones((3, 2), dtype=np.float32),
        "bins": [Bin(0.1, 0.2, 0.15, 0.5, (0.25, 0.75), 4)],
    }
    scores, truth = np.array(scores, dtype=np.float32), np.array(truth, dtype=bool)
    return LabelCurve(id=number, scores=scores, truth=truth, **(fields | changes))


def a_state(*labels):
    return PanelState(labels, "out of fold", 12, Everywhere(5, 3), Everywhere(4, 2))


def unpack(packed):
    (length,) = struct.unpack_from("<I", packed)
    return json.loads(packed[4 : 4 + length]), packed[4 + length :]


@pytest.mark.parametrize("key", ["a", "ab", "abc", "abcd", "東京"])
def test_the_arrays_begin_on_a_boundary_of_four_bytes(key):
    packed = pack_curves([a_curve()], key=key, digest="d")
    header, arrays = unpack(packed)
    assert header["key"] == key
    assert (len(packed) - len(arrays)) % 4 == 0


def test_everything_that_is_drawn_arrives_label_by_label_of_each_kind():
    curves = [a_curve(), a_curve(8, scores=np.linspace(0, 1, 9), truth=[*[False] * 8, True])]
    header, arrays = unpack(pack_curves(curves, key="panel", digest="d"))
    assert header["digest"] == "d"
    assert [(label["id"], label["judged"], label["edges"]) for label in header["labels"]] == [(7, 3, 2), (8, 9, 2)]
    assert header["labels"][0]["bins"][0]["interval"] == [0.25, 0.75]

    scores = np.frombuffer(arrays, dtype="<f4", count=12)
    assert scores[:3].tolist() == [0.75, 0.5, 0.25]
    assert scores[3:].tolist() == np.linspace(0, 1, 9, dtype=np.float32)[::-1].tolist()
    counts = np.frombuffer(arrays, dtype="<u4", offset=48, count=4004).reshape(4, 1001)
    assert np.array_equal(counts, [STEPS, STEPS, STEPS // 2, STEPS // 2])
    bands = np.frombuffer(arrays, dtype="<f4", offset=48 + 4 * 4004, count=28).reshape(2, 14)
    assert bands[1].tolist() == [0.25, 0.5, *[0] * 6, *[1] * 6]
    # One bit a row, the first row highest, each label from a byte of its own.
    assert list(arrays[48 + 4 * 4004 + 4 * 28 :]) == [0b10100000, 0b10000000, 0]


def test_scores_and_truth_are_checked_before_they_are_sent():
    nan = (np.nan, 0.5, 0.5)
    for wrong in (a_curve(truth=(True, False)), a_curve(scores=(0.5, 1.5, 0.5)), a_curve(scores=nan)):
        with pytest.raises(ValueError, match="label 7"):
            pack_curves([wrong], key="panel", digest="d")


def test_the_state_names_where_sliders_stand():
    label = LabelState(
        7, "café", "green", 0.5, 0.4, goal="f1", target=0.25, interval=Ranges(f1=(0.1, 0.2)), held_out=None
    )
    data = state_data(a_state(label), key="panel", digest="d", number=3, answered={"acknowledged": ["a"], "failed": {}})
    assert json.loads(json.dumps(data)) == data | {"labels": json.loads(json.dumps(data["labels"]))}
    assert (data["digest"], data["number"], data["acknowledged"], data["nRows"]) == ("d", 3, ["a"], 12)
    assert data["shown"] == {"tags": 5, "untagged": 3}
    (sent,) = data["labels"]
    assert (sent["name"], sent["threshold"], sent["saved"], sent["goal"], sent["target"]) == (
        "café",
        0.5,
        0.4,
        "f1",
        0.25,
    )
    assert sent["interval"] == {"precision": None, "recall": None, "f1": (0.1, 0.2)}


def test_a_threshold_that_means_nothing_and_a_label_twice_are_refused():
    with pytest.raises(ValueError, match="outside 0 to 1"):
        state_data(a_state(LabelState(7, "a", "red", 1.5, 0.5)), key="k", digest="d", number=1, answered={})
    twice = [LabelState(7, name, "red", 0.5, 0.5) for name in "ab"]
    with pytest.raises(ValueError, match="share an id"):
        state_data(a_state(*twice), key="k", digest="d", number=1, answered={})


def test_what_a_browser_sends_is_taken_apart_before_it_is_believed():
    sent = [
        {"operation": "a", "set": {"7": 0.5, "8": 1, "9": 1.5, "10": "0.5", "x": 0.5, "11": True, "12": None}},
        {"operation": "b", "goals": {"7": "f1", "8": 3, "y": "f1"}, "set": []},
        {"operation": "c", "save": {"note": "n" * 501, "version": 3, "set": {"7": 0.5, "8": 2, "9": None}}},
        {"operation": "d", "save": "a note", "set": {"9" * 5000: 0.5}},
        {"operation": "e", "save": {"note": "a note", "version": "3"}},
        {"operation": "f", "save": {"note": "", "version": 0, "goals": {"7": "f1", "8": None}}},
        {"operation": "g" * 65, "set": {"7": 0.5}},
    ]
    assert [read_step(each) for each in sent] == [
        Step("a", {7: 0.5, 8: 1.0}, {}),
        Step("b", {}, {7: "f1"}),
        Step("c", {}, {}, Save("n" * 500, 3, {7: 0.5, 9: None}, {})),
        None,
        None,
        Step("f", {}, {}, Save("", 0, {}, {7: "f1"})),
        None,
    ]
