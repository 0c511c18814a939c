from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from tagger.ui.components.threshold_panel import PanelLabel, digest_of, pack_body, pack_header


def a_label(number=7, *, scores=(0.25, 0.75, 0.5), truth=(True, True, False), **changes):
    fields = {
        "name": "café",
        "color": "green",
        "threshold": 0.5,
        "saved": 0.4,
        "optimum": None,
        "tuned": False,
        "note": "too few",
        "scores": np.array(scores, dtype=np.float32),
        "truth": np.array(truth, dtype=bool),
    }
    return PanelLabel(id=number, **(fields | changes))


def header_of(labels):
    base = {label.id: label.threshold for label in labels}
    packed = pack_header(labels, measured_on="out-of-fold", sent_base=base, revision=3, digest="d")
    (length,) = struct.unpack_from("<I", packed)
    assert len(packed) == 4 + length
    return json.loads(packed[4:]), len(packed)


def test_support_and_judged_rows_are_counted_from_the_truth():
    labels = [a_label(7), a_label(8, scores=(), truth=()), a_label(9, scores=[0.1] * 9, truth=[False] * 9)]
    header, _ = header_of(labels)
    assert [(label["support"], label["judged"]) for label in header["labels"]] == [(2, 3), (0, 0), (0, 9)]


def test_the_header_names_what_the_browser_starts_from():
    header, _ = header_of([a_label(optimum=0.65, tuned=True, note="")])
    assert (header["revision"], header["digest"], header["measuredOn"]) == (3, "d", "out-of-fold")
    (label,) = header["labels"]
    assert {name: label[name] for name in ("id", "name", "threshold", "saved", "optimum", "tuned", "note")} == {
        "id": 7, "name": "café", "threshold": 0.5, "saved": 0.4, "optimum": 0.65, "tuned": True, "note": "",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["a", "ab", "abc", "abcd", "東京"])
def test_the_scores_begin_on_a_boundary_of_four_bytes(name):
    _, size = header_of([a_label(name=name)])
    assert size % 4 == 0


def test_the_body_holds_all_scores_descending_then_the_truth_in_that_order():
    labels = [a_label(), a_label(8, scores=np.linspace(0, 1, 9), truth=[*[False] * 8, True])]
    body = pack_body(labels)
    scores = np.frombuffer(body, dtype="<f4", count=12)
    assert scores[:3].tolist() == [0.75, 0.5, 0.25]
    assert scores[3:].tolist() == np.linspace(0, 1, 9, dtype=np.float32)[::-1].tolist()
    # One bit a row, the first row highest, each label from a byte of its own.
    assert list(body[48:]) == [0b10100000, 0b10000000, 0]


def test_the_digest_tells_scores_and_truth_apart_but_not_thresholds():
    label = a_label()
    assert digest_of([label]) == digest_of([a_label(threshold=0.9, saved=0.1, name="fuel")])
    others = [a_label(8), a_label(scores=(0.25, 0.75, 0.6)), a_label(truth=(True, False, False))]
    assert len({digest_of([each]) for each in [label, *others]}) == 4
