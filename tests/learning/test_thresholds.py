from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tagger.errors import SettingError
from tagger.learning.metrics import score_labels
from tagger.learning.thresholds import (
    GRID,
    ExactChooser,
    FixedChooser,
    GridChooser,
    apply_thresholds,
    choose_thresholds,
    parse_chooser,
)

# (score, is it a yes, is it judged): few distinct scores, so that ties are common.
rows = st.lists(
    st.tuples(
        st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32)), st.booleans(), st.booleans()
    ),
    max_size=25,
)


def columns(cells):
    y_prob = np.array([[score] for score, _, _ in cells], dtype=np.float32).reshape(-1, 1)
    y_true = np.array([[yes] for _, yes, _ in cells], dtype=bool).reshape(-1, 1)
    judged = np.array([[seen] for _, _, seen in cells], dtype=bool).reshape(-1, 1)
    return y_true, y_prob, judged


def f1_at(threshold, y_true, y_prob, judged):
    return score_labels(y_true, apply_thresholds(y_prob, [threshold]), judged)[0].f1


@settings(max_examples=300, deadline=None)
@given(rows)
@example([])
@example([(0.5, True, True)] * 3)
@example([(0.0, True, True), (0.0, False, True)])
@example([(0.9, True, False), (0.2, False, True)])
def test_the_exact_threshold_is_as_good_as_the_best_of_every_distinct_score(cells):
    y_true, y_prob, judged = columns(cells)
    (chosen,) = ExactChooser().choose(y_true, y_prob, judged)
    if not (y_true & judged).any():
        assert np.isnan(chosen)
        return
    best = max(f1_at(float(score), y_true, y_prob, judged) for score in np.unique(y_prob[judged]))
    assert f1_at(chosen, y_true, y_prob, judged) == pytest.approx(best)


@settings(max_examples=100, deadline=None)
@given(rows)
def test_the_exact_threshold_lies_midway_between_two_neighbouring_scores(cells):
    y_true, y_prob, judged = columns(cells)
    (chosen,) = ExactChooser().choose(y_true, y_prob, judged)
    if np.isnan(chosen):
        return
    scores = y_prob[judged].astype(np.float64)
    above = scores[scores >= chosen].min()
    below = scores[scores < chosen].max(initial=0.0)
    assert chosen == pytest.approx((above + below) / 2)


@settings(max_examples=100, deadline=None)
@given(rows)
def test_the_grid_is_as_good_as_its_best_point(cells):
    y_true, y_prob, judged = columns(cells)
    (chosen,) = GridChooser().choose(y_true, y_prob, judged)
    if np.isnan(chosen):
        return
    assert chosen in GRID
    assert f1_at(chosen, y_true, y_prob, judged) == max(f1_at(point, y_true, y_prob, judged) for point in GRID)


def test_the_grid_has_the_seventeen_points_of_the_original_recipe():
    assert len(GRID) == 17
    assert np.allclose(GRID, np.arange(0.1, 0.91, 0.05))


@pytest.mark.parametrize(
    ("no", "yes", "chosen"), [(0.05, 0.95, 0.5), (0.61, 0.95, 0.65), (0.05, 0.31, 0.3), (0.36, 0.66, 0.5)]
)
def test_of_equally_good_grid_points_the_one_nearest_to_a_half_is_taken(no, yes, chosen):
    y_true, y_prob, judged = columns([(no, False, True), (yes, True, True)])
    assert GridChooser().choose(y_true, y_prob, judged) == [chosen]


@pytest.mark.parametrize(("probability", "present"), [(0.49, False), (0.50, True), (0.51, True)])
def test_a_probability_equal_to_the_threshold_counts_as_present(probability, present):
    y_prob = np.array([[probability]], dtype=np.float32)
    assert apply_thresholds(y_prob, [0.5]).item() is present


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1), st.integers(-2, 2))
def test_a_threshold_is_compared_as_a_64_bit_number(threshold, steps):
    score = np.float32(threshold)
    for _ in range(abs(steps)):
        score = np.nextafter(score, np.float32(np.sign(steps)))
    y_prob = np.array([[score]], dtype=np.float32)
    assert apply_thresholds(y_prob, [threshold]).item() is (float(score) >= threshold)


def evidence(n_groups, *, repeats=3):
    """One label: so many descriptions that have it at .8, as many that lack it at .7, each repeated."""
    groups = np.repeat(np.arange(2 * n_groups), repeats)
    y_true = (groups < n_groups)[:, np.newaxis]
    y_prob = np.where(y_true, 0.8, 0.7).astype(np.float32)
    return y_true, y_prob, np.ones_like(y_true), groups.astype(np.int64)


@pytest.mark.parametrize(("n_groups", "tuned", "value"), [(9, False, 0.5), (10, True, 0.75), (11, True, 0.75)])
def test_a_label_is_tuned_from_ten_distinct_descriptions_on_however_often_they_repeat(n_groups, tuned, value):
    (chosen,) = choose_thresholds(*evidence(n_groups), ExactChooser())
    assert (chosen.tuned, chosen.n_positive_groups) == (tuned, n_groups)
    assert chosen.value == pytest.approx(value)


def test_unjudged_rows_are_no_evidence():
    y_true, y_prob, judged, groups = evidence(10)
    judged[groups == 0] = False
    (chosen,) = choose_thresholds(y_true, y_prob, judged, groups, ExactChooser(), default=0.4)
    assert (chosen.tuned, chosen.n_positive_groups, chosen.value) == (False, 9, 0.4)


def test_a_fixed_threshold_holds_for_rare_labels_too():
    (chosen,) = choose_thresholds(*evidence(2), FixedChooser(0.3))
    assert (chosen.value, chosen.tuned) == (0.3, False)


@pytest.mark.parametrize(
    ("text", "chooser"),
    [
        ("fixed:0.3", FixedChooser(0.3)),
        ("grid", GridChooser()),
        (" Exact ", ExactChooser()),
        ("auto", GridChooser()),
    ],
)
def test_a_word_makes_its_chooser(text, chooser):
    assert parse_chooser(text) == chooser


@pytest.mark.parametrize("text", ["", "best", "fixed", "fixed:", "fixed:2", "fixed:nan", "grid:3", "shrunk"])
def test_a_chooser_that_does_not_exist_is_refused_with_the_choices(text):
    with pytest.raises(SettingError) as error:
        parse_chooser(text)
    assert "grid, exact" in error.value.hint


def test_many_labels_are_tuned_each_on_its_own():
    rng = np.random.default_rng(0)
    y_prob = rng.random((40, 4), dtype=np.float32)
    y_true = rng.random((40, 4)) < y_prob**2
    chosen = ExactChooser().choose(y_true, y_prob, np.ones_like(y_true))
    for label in range(4):
        best = max(f1_score(y_true[:, label], y_prob[:, label] >= score) for score in y_prob[:, label])
        assert f1_score(y_true[:, label], y_prob[:, label] >= chosen[label]) == pytest.approx(best)
