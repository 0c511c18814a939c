"""What reports hold: memory scored apart from the head, and one set of intervals beside the scores."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tagger.learning.bootstrap import score_intervals
from tagger.learning.memory import LaterBatch
from tagger.learning.metrics import score_labels
from tagger.services.scores import described, later_batch, measured


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    y_true = rng.random((80, 3)) < 0.3
    y_prob = np.where(y_true, 0.7, 0.2).astype(np.float32) + rng.normal(0, 0.3, y_true.shape).astype(np.float32)
    return y_true, y_prob, y_prob >= 0.5, rng.random(y_true.shape) < 0.8


def test_what_is_measured_are_the_scores_with_their_intervals(scored):
    groups = np.arange(80) // 2
    found = measured(*scored, groups, names=list("abc"), thresholds=[0.5] * 3, seed=1)
    y_true, _, y_pred, judged = scored
    between = score_intervals(y_true, y_pred, judged, groups, seed=1)
    plain = described(score_labels(y_true, y_pred, judged), list("abc"), [0.5] * 3)
    assert (found["micro"], found["macro"]) == (plain["micro"], plain["macro"])
    for label, same, interval in zip(found["labels"], plain["labels"], between.labels, strict=True):
        assert label == same | {"interval": {name: list(getattr(interval, name)) for name in label["interval"]}}
    assert found["intervals"]["macro"]["f1"] == list(between.macro.f1)
    assert found["n_judged"] == np.count_nonzero(judged.any(axis=1))


def test_remembered_answers_and_predictions_are_scored_apart(scored):
    y_true, _, y_pred, judged = scored
    rng = np.random.default_rng(1)
    from_memory = np.repeat(rng.random((80, 1)) < 0.6, 3, axis=1)
    from_memory[:30, 2] = False  # judged descriptions that leave a label open
    conflict = from_memory.any(axis=1) & (rng.random(80) < 0.2)
    found = later_batch(LaterBatch(y_pred, from_memory, conflict, 0.6), y_true, judged)
    for name, cells in (("remembered", judged & from_memory), ("predicted", judged & ~from_memory)):
        assert found[name]["micro"]["f1"] == pytest.approx(f1_score(y_true[cells], y_pred[cells]))
        assert found[name]["n_transactions"] == np.count_nonzero(cells.any(axis=1))
    assert found["micro"]["f1"] == pytest.approx(f1_score(y_true[judged], y_pred[judged]))
    assert found["remembered"]["n_conflicting"] == np.count_nonzero(conflict & (judged & from_memory).any(axis=1))


def test_without_repeats_nothing_is_said_of_memory(scored):
    y_true, _, y_pred, judged = scored
    nothing = np.zeros_like(y_true)
    found = later_batch(LaterBatch(y_pred, nothing, nothing[:, 0], 0.0), y_true, judged)
    assert found["remembered"]["micro"]["f1"] is None
    assert found["remembered"]["n_transactions"] == 0
    assert found["predicted"]["micro"] == found["micro"]
