from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tagger.learning.metrics import score_labels
from tagger.learning.step_curve import step_curves
from tagger.learning.thresholds import apply_thresholds

# (score, is it a yes, is it judged): few distinct scores, so that ties are common.
SCORES = st.one_of(st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32))
rows = st.lists(st.tuples(SCORES, st.booleans(), st.booleans()), max_size=25)


def columns(cells):
    y_true = np.array([[yes] for _, yes, _ in cells], dtype=bool).reshape(-1, 1)
    y_prob = np.array([[score] for score, _, _ in cells], dtype=np.float32).reshape(-1, 1)
    judged = np.array([[seen] for _, _, seen in cells], dtype=bool).reshape(-1, 1)
    return y_true, y_prob, judged


@settings(max_examples=2000, deadline=None)
@given(rows, st.lists(st.floats(-0.5, 1.5), max_size=5))
@example([], [0.0, 0.5])
@example([(0.5, True, True)] * 3, [0.5])
@example([(0.7, True, False), (0.2, False, True)], [0.2])
def test_counts_are_those_of_scoring_every_row_at_every_threshold(cells, thresholds):
    y_true, y_prob, judged = columns(cells)
    (curve,) = step_curves(y_true, y_prob, judged)
    # Every distinct score, just above each of them, and wherever else.
    scores = np.unique(y_prob.astype(np.float64))
    asked = [*thresholds, *scores.tolist(), *np.nextafter(scores, 2).tolist(), 0.0, 1.0]
    hits, given_rows = curve.counts(asked)
    for place, threshold in enumerate(asked):
        (score,) = score_labels(y_true, apply_thresholds(y_prob, [threshold]), judged)
        assert hits[place] == score.true_positives
        assert given_rows[place] == score.true_positives + score.false_positives
    assert (curve.n_positive, curve.n_judged) == (int((y_true & judged).sum()), int(judged.sum()))


@settings(max_examples=500, deadline=None)
@given(rows)
def test_cuts_lie_at_every_distinct_score_of_a_positive_midway_to_the_next_lower_score(cells):
    y_true, y_prob, judged = columns(cells)
    (curve,) = step_curves(y_true, y_prob, judged)
    scores = np.unique(y_prob[judged].astype(np.float64))
    positive = np.unique(y_prob[judged & y_true].astype(np.float64))
    lower = [scores[scores < score].max(initial=0.0) for score in positive.tolist()]
    assert curve.cuts.thresholds == pytest.approx((positive + lower) / 2, abs=0)
    for threshold, hits, given_rows in zip(positive, curve.cuts.hits, curve.cuts.given, strict=True):
        assert hits == np.count_nonzero(y_prob[judged & y_true] >= threshold)
        assert given_rows == np.count_nonzero(y_prob[judged] >= threshold)


def test_scores_and_truth_come_sorted_together():
    y_true, y_prob, judged = columns([(0.5, True, True), (0.25, False, True), (0.75, True, False), (0.5, False, True)])
    (curve,) = step_curves(y_true, y_prob, judged)
    assert curve.scores.tolist() == [0.25, 0.5, 0.5]
    assert curve.truth.tolist() == [False, False, True]


@pytest.mark.parametrize("wrong", [-0.25, 1.5, np.nan, np.inf, -np.inf])
def test_a_judged_score_that_is_no_probability_is_refused(wrong):
    y_true, y_prob, judged = columns([(wrong, True, True), (0.5, False, True)])
    with pytest.raises(ValueError, match="from 0 to 1"):
        step_curves(y_true, y_prob, judged)
    judged[0] = False
    assert step_curves(y_true, y_prob, judged)[0].scores.tolist() == [0.5]


def test_shapes_that_differ_are_refused():
    y_true, y_prob, judged = columns([(0.5, True, True)])
    with pytest.raises(ValueError, match="Shapes differ"):
        step_curves(y_true, y_prob[:, :0], judged)
