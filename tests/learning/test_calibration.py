from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from tagger.learning.calibration import MAX_BINS, MIN_ROWS, Calibration, calibration


def of_single_rows(scores, truth):
    """Each row with a description of its own."""
    y_prob = np.asarray(scores, dtype=np.float32)
    return calibration(np.asarray(truth, dtype=bool), y_prob, np.arange(y_prob.size))


def made_up(seed, n):
    """Scores without ties, and truth that has the label a little less often than they say."""
    rng = np.random.default_rng(seed)
    scores = rng.permutation(np.linspace(0.001, 0.999, n)).astype(np.float32)
    return scores, rng.random(n) < scores**1.3


@pytest.mark.parametrize(("n", "n_bins"), [(20, 1), (60, 3), (200, 10), (2000, 10)])
def test_bins_are_those_of_scikit_learn_with_equally_many_rows_each(n, n_bins):
    scores, truth = made_up(0, n)
    found = of_single_rows(scores, truth)
    shares, means = calibration_curve(truth, scores.astype(np.float64), n_bins=n_bins, strategy="quantile")
    assert [each.share for each in found.bins] == pytest.approx(shares)
    assert [each.mean for each in found.bins] == pytest.approx(means)
    assert {each.n_rows for each in found.bins} == {n // n_bins}


@pytest.mark.parametrize("n", [1, 7, 333])
def test_the_brier_score_is_that_of_scikit_learn(n):
    scores, truth = made_up(1, n)
    expected = brier_score_loss(truth, scores.astype(np.float64), pos_label=True)
    assert of_single_rows(scores, truth).brier == pytest.approx(expected)


def test_the_gap_is_the_mean_distance_of_bins_by_rows():
    found = of_single_rows([0.2] * 30 + [0.9] * 10, [True] * 12 + [False] * 18 + [True] * 9 + [False])
    assert [each.share for each in found.bins] == pytest.approx([0.4, 0.9])
    assert found.gap == pytest.approx((30 * 0.2 + 10 * 0.0) / 40)


@pytest.mark.parametrize("n_low", [1, 10, 30, 39])
def test_many_equal_scores_do_not_swallow_the_others(n_low):
    found = of_single_rows([0.2] * n_low + [0.9] * (40 - n_low), [False] * 40)
    assert [(each.low, each.high) for each in found.bins] == [(np.float32(0.2),) * 2, (np.float32(0.9),) * 2]


def test_probabilities_that_are_drawn_from_have_next_to_no_gap_and_those_pushed_outwards_have_one():
    rng = np.random.default_rng(0)
    scores = rng.beta(0.5, 2, 50_000)
    truth = rng.random(scores.size) < scores
    surer = scores**2 / (scores**2 + (1 - scores) ** 2)
    assert of_single_rows(scores, truth).gap < 0.006
    assert of_single_rows(surer, truth).gap > 0.05


@pytest.mark.parametrize(("hits", "n"), [(0, 20), (3, 20), (20, 20), (150, 400)])
def test_shares_have_the_interval_of_jeffreys_which_reaches_0_and_1_where_the_share_does(hits, n):
    found = of_single_rows([0.5] * n, [True] * hits + [False] * (n - hits))
    (one,) = found.bins
    low, high = beta.ppf([0.025, 0.975], hits + 0.5, n - hits + 0.5)
    assert one.interval == pytest.approx((low if hits else 0.0, high if hits < n else 1.0))
    assert one.interval[0] <= one.share <= one.interval[1]


few_scores = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=1, max_size=300
)


@settings(max_examples=200, deadline=None)
@given(few_scores)
def test_every_row_is_in_one_bin_and_equal_scores_share_it(cells):
    scores, truth = np.array([score for score, _ in cells], dtype=np.float32), np.array([yes for _, yes in cells])
    found = of_single_rows(scores, truth)
    assert 1 <= len(found.bins) <= max(1, min(MAX_BINS, len(cells) // MIN_ROWS))
    for lower, upper in zip(found.bins, found.bins[1:], strict=False):
        assert lower.high < upper.low
    for each in found.bins:
        inside = (scores >= each.low) & (scores <= each.high)
        assert each.n_rows == np.count_nonzero(inside)
        assert each.share == pytest.approx(truth[inside].mean())
        assert each.mean == pytest.approx(scores[inside].mean(dtype=np.float64))
    assert sum(each.n_rows for each in found.bins) == len(cells)
    assert 0 <= found.gap <= 1


def test_without_a_row_nothing_is_known():
    assert of_single_rows([], []) == Calibration((), None, None)


def test_few_rows_are_one_bin():
    (one,) = of_single_rows([0.2, 0.9, 0.4], [False, True, True]).bins
    assert (one.low, one.high, one.n_rows) == pytest.approx((0.2, 0.9, 3))
    assert (one.mean, one.share) == pytest.approx((0.5, 2 / 3))


def test_repeats_of_a_description_make_no_share_surer():
    once = of_single_rows([0.5] * 40, [True] * 10 + [False] * 30)
    groups = np.repeat(np.arange(40), 5)
    often = calibration(groups < 10, np.full(200, 0.5, dtype=np.float32), groups)
    assert often.bins[0].interval == pytest.approx(once.bins[0].interval)
    assert often.bins[0].n_rows == 200


def test_a_description_that_holds_most_rows_makes_a_share_unsure():
    groups = np.concatenate([np.zeros(160), np.arange(1, 41)]).astype(np.int64)
    found = calibration(np.arange(200) < 100, np.full(200, 0.5, dtype=np.float32), groups)
    low, high = found.bins[0].interval
    assert high - low > 0.6
