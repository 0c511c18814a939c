from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import fbeta_score

from tagger.errors import SettingError
from tagger.learning.goals import (
    GRID,
    AtMostPerMonth,
    BestF,
    Fixed,
    Grid,
    LeastCost,
    PrecisionAtRecall,
    RecallAtPrecision,
    parse_goal,
)
from tagger.learning.step_curve import step_curves

SCORES = st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32))
rows = st.lists(st.tuples(SCORES, st.booleans()), max_size=25)
shares = st.sampled_from([0.0, 0.25, 0.5, 2 / 3, 0.75, 0.95, 1.0])


def curve_of(cells):
    y_prob = np.array([[score] for score, _ in cells], dtype=np.float32).reshape(-1, 1)
    y_true = np.array([[yes] for _, yes in cells], dtype=bool).reshape(-1, 1)
    return step_curves(y_true, y_prob, np.ones_like(y_true))[0]


def counted(curve, threshold):
    """(Right, wrong, missed) by looking at every row."""
    given_rows = curve.scores.astype(np.float64) >= threshold
    right = int(np.count_nonzero(given_rows & curve.truth))
    return right, int(np.count_nonzero(given_rows)) - right, curve.n_positive - right


def every_threshold(curve):
    """One below, at and above each distinct score: nothing else can differ."""
    scores = np.unique(curve.scores.astype(np.float64))
    return [0.0, *scores.tolist(), *(float(each) for each in np.nextafter(scores, 2)), 1.0]


def f_beta(curve, threshold, beta):
    right, wrong, missed = counted(curve, threshold)
    return (1 + beta**2) * right / ((1 + beta**2) * right + beta**2 * missed + wrong)


@settings(max_examples=2000, deadline=None)
@given(rows, st.sampled_from([0.5, 1.0, 2.0]))
@example([(0.5, True)] * 3, 1.0)
@example([(0.0, True), (0.0, False)], 2.0)
def test_the_best_f_beta_is_that_of_trying_every_threshold(cells, beta):
    curve = curve_of(cells)
    solution = BestF(beta).solve(curve)
    if not curve.n_positive:
        assert solution is None
        return
    best = max(f_beta(curve, threshold, beta) for threshold in every_threshold(curve))
    assert f_beta(curve, solution.threshold, beta) == pytest.approx(best, abs=1e-12)
    tagged = curve.scores.astype(np.float64) >= solution.threshold
    assert best == pytest.approx(fbeta_score(curve.truth, tagged, beta=beta, zero_division=0.0))
    assert solution.reached


@settings(max_examples=2000, deadline=None)
@given(rows, shares)
@example([(0.5, True), (0.5, False)], 0.95)
def test_recall_at_a_precision_is_the_most_that_any_threshold_has(cells, bound):
    curve = curve_of(cells)
    solution = RecallAtPrecision(bound).solve(curve)
    if not 0 < curve.n_positive < curve.n_judged:
        assert solution is None
        return
    found = [counted(curve, threshold) for threshold in every_threshold(curve)]
    precisions = {(right, wrong): right / (right + wrong) for right, wrong, _ in found if right + wrong}
    right, wrong, _ = counted(curve, solution.threshold)
    reaching = [rights for (rights, _), precision in precisions.items() if precision >= bound]
    if bound > 0 and not reaching:
        assert not solution.reached
        assert solution.nearest == right / (right + wrong) == max(precisions.values())
        return
    assert solution.reached
    assert right / (right + wrong) >= bound
    assert right == max(reaching)
    assert wrong == min(wrongs for (rights, wrongs) in precisions if rights == right)


@settings(max_examples=2000, deadline=None)
@given(rows, shares)
def test_precision_at_a_recall_is_the_most_that_any_threshold_has(cells, bound):
    curve = curve_of(cells)
    solution = PrecisionAtRecall(bound).solve(curve)
    if not 0 < curve.n_positive < curve.n_judged:
        assert solution is None
        return
    found = [counted(curve, threshold) for threshold in every_threshold(curve)]
    best = max(
        right / (right + wrong) for right, wrong, missed in found if right + wrong and right / (right + missed) >= bound
    )
    right, wrong, missed = counted(curve, solution.threshold)
    assert solution.reached
    assert right / (right + missed) >= bound
    assert right / (right + wrong) == best


@settings(max_examples=2000, deadline=None)
@given(rows, st.sampled_from([0.0, 0.5, 1.0, 5.0]), st.sampled_from([0.5, 1.0, 5.0]))
def test_the_least_cost_is_that_of_trying_every_threshold(cells, false, missed):
    curve = curve_of(cells)
    solution = LeastCost(false, missed).solve(curve)
    if not 0 < curve.n_positive < curve.n_judged:
        assert solution is None
        return

    def cost(threshold):
        _, wrong, misses = counted(curve, threshold)
        return false * wrong + missed * misses

    assert 0 <= solution.threshold <= 1
    assert cost(solution.threshold) == min(cost(each) for each in every_threshold(curve) if each <= 1)


months = st.lists(st.lists(SCORES, max_size=6), max_size=4)


@settings(max_examples=2000, deadline=None)
@given(months, st.integers(0, 4))
@example([[1.0, 1.0]], 1)
@example([[0.0, 0.0]], 1)
def test_a_monthly_limit_is_kept_in_every_month_and_no_lower_threshold_keeps_it(scores, count):
    monthly = [np.array(month, dtype=np.float32) for month in scores]
    solution = AtMostPerMonth(count).solve(monthly)
    if not any(scores):
        assert solution is None
        return

    def busiest(threshold):
        return max(int(np.count_nonzero(month.astype(np.float64) >= threshold)) for month in monthly)

    def given_in_all(threshold):
        return sum(int(np.count_nonzero(month.astype(np.float64) >= threshold)) for month in monthly)

    tried = [0.0, *(float(score) for month in monthly for score in month), 1.0]
    tried += [float(np.nextafter(each, 2)) for each in tried if each < 1]
    keeping = [threshold for threshold in tried if busiest(threshold) <= count]
    if not keeping:
        assert not solution.reached
        assert solution.threshold == 1
        assert solution.nearest == busiest(1)
        return
    assert solution.reached
    assert busiest(solution.threshold) <= count
    assert given_in_all(solution.threshold) == max(given_in_all(threshold) for threshold in keeping)


def test_what_a_goal_that_is_not_reached_comes_to_reads_as_a_score_or_as_a_count():
    assert RecallAtPrecision(0.9).written(0.75) == "0.750"
    assert AtMostPerMonth(20).written(1234.0) == "1,234"


def test_the_grid_takes_the_best_of_its_points_and_fixed_the_value_itself():
    curve = curve_of([(0.12, True), (0.31, False), (0.42, True), (0.43, True), (0.9, True)])
    assert Grid().solve(curve).threshold in GRID
    best = max(f_beta(curve, point, 1) for point in GRID)
    assert f_beta(curve, Grid().solve(curve).threshold, 1) == best
    assert Fixed(0.37).solve(curve).threshold == 0.37
    assert Fixed(0.37).solve(curve_of([])).threshold == 0.37


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("f1", BestF()),
        (" Exact", BestF()),
        ("F0.5", BestF(0.5)),
        ("precision >= 0.95", RecallAtPrecision(0.95)),
        ("recall>=1", PrecisionAtRecall(1)),
        ("recall>=.8", PrecisionAtRecall(0.8)),
        ("cost:1:5", LeastCost(1, 5)),
        ("permonth<=20", AtMostPerMonth(20)),
        ("grid", Grid()),
        ("fixed:0.5", Fixed(0.5)),
    ],
)
def test_a_goal_is_read_as_it_is_written(text, goal):
    assert parse_goal(text) == goal
    assert goal.title


@pytest.mark.parametrize(
    "text",
    [
        *("", "f", "f0", "f1e3", "fnan", "precision>=1.5", "precision>0.9", "recall>=", "recall>=-1", "cost:1"),
        *("cost:0:0", "cost:-1:2", "permonth<=", "permonth<=1.5", "permonth<=-1", "fixed:2", "fixed:", "best"),
        *("cost:" + "9" * 400 + ":1", "cost:1:1000000001", "f" + "9" * 400, "permonth<=" + "9" * 10),
    ],
)
def test_what_is_no_goal_is_refused_with_the_ways_to_write_one(text):
    with pytest.raises(SettingError, match="no goal") as error:
        parse_goal(text)
    assert "precision>=0.95" in error.value.hint
