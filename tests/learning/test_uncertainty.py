"""Intervals and bands: those of `bootstrap` where it has some, plain loops and simulated coverage elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from tagger.learning.bootstrap import PRFIntervals, score_intervals
from tagger.learning.goals import BestF
from tagger.learning.step_curve import step_curves
from tagger.learning.thresholds import apply_thresholds
from tagger.learning.uncertainty import N_BAND_REPLICATES, Uncertainty

METRICS = ("precision", "recall", "f1")


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def judged_rows(seed, n=400, n_labels=4):
    """Labels from common to rare; scores that follow them, with ties; descriptions with one to some rows."""
    rng = np.random.default_rng(seed)
    y_true = rng.random((n, n_labels)) < np.geomspace(0.4, 0.05, n_labels)
    y_prob = np.round(sigmoid(rng.normal(-2.5, 1.3, y_true.shape) + 2.6 * y_true), 3).astype(np.float32)
    return y_true, y_prob, rng.random(y_true.shape) < 0.85, rng.integers(0, n * 2 // 3, n).astype(np.int64)


def rows_of(*columns):
    """One list per label of (score, mark), # for a yes, . for a no, ? for not judged; each row has its description."""
    marks = np.array([[mark for _, mark in column] for column in columns]).T
    y_prob = np.array([[score for score, _ in column] for column in columns], dtype=np.float32).T
    return marks == "#", y_prob, marks != "?", np.arange(len(marks))


def intervals(found):
    """All that are known, by where they stand."""
    parts = {"micro": found.micro, "macro": found.macro, **dict(enumerate(found.labels))}
    return {(part, name): getattr(of, name) for part, of in parts.items() for name in METRICS if getattr(of, name)}


@pytest.mark.parametrize("seed", range(4))
def test_intervals_are_those_of_predictions_cut_at_the_thresholds(seed):
    y_true, y_prob, judged, groups = judged_rows(seed)
    thresholds = np.array([0.3, 0.25, 0.4, 0.2])
    found = intervals(Uncertainty(y_true, y_prob, judged, groups, seed=seed).at(thresholds))
    cut = apply_thresholds(y_prob, thresholds)
    # Other weights: 500 replicates, where there they are many enough to hardly matter.
    expected = intervals(score_intervals(y_true, cut, judged, groups, seed=seed + 100, n_replicates=10_000))
    assert found.keys() == expected.keys()
    for where, (low, high) in expected.items():
        assert found[where] == pytest.approx((low, high), abs=0.12 * (high - low)), where
    widths = [[high - low for low, high in each.values()] for each in (found, expected)]
    assert np.mean(np.divide(*widths)) == pytest.approx(1, abs=0.03)


def test_moving_one_threshold_gives_what_a_fresh_start_there_gives():
    data = judged_rows(0)
    moving = Uncertainty(*data, seed=3)
    thresholds = np.array([0.3, 0.25, 0.4, 0.2])
    first = moving.at(thresholds)
    for label, value in ((2, 0.1), (0, 0.95), (3, 0.0), (2, 0.4)):
        thresholds[label] = value
        assert moving.at(thresholds.copy()) == Uncertainty(*data, seed=3).at(thresholds)
    thresholds[:] = [0.3, 0.25, 0.4, 0.2]
    assert moving.at(thresholds) == first


def test_hiding_rows_equals_deleting_them():
    y_true, y_prob, judged, groups = judged_rows(1)
    hidden = judged.copy()
    hidden[100:220] = False
    kept = np.r_[0:100, 220:400]
    one = Uncertainty(y_true, np.where(hidden, y_prob, np.nan), hidden, groups, seed=5)
    other = Uncertainty(y_true[kept], y_prob[kept], judged[kept], groups[kept], seed=5)
    thresholds = np.full(4, 0.3)
    assert one.at(thresholds) == other.at(thresholds)
    for name in ("edges", "low", "high", "best"):
        assert np.array_equal(getattr(one.bands(), name), getattr(other.bands(), name))


@pytest.mark.parametrize(("threshold", "just_as_well"), [(0.25, 0.1), (0.5, 0.4), (1.0, 0.9)])
def test_scores_equal_to_the_threshold_are_tags(threshold, just_as_well):
    data = rows_of([(0.25, "."), (0.25, "#"), (0.5, "#"), (0.5, "."), (0.5, "#"), (0.75, "#"), (1.0, "."), (1.0, "#")])
    asked = Uncertainty(*data, seed=0)
    at, below, above = (
        asked.at(np.array([each])) for each in (threshold, just_as_well, np.nextafter(np.float64(threshold), 2))
    )
    assert at == below != above


def test_of_one_label_alone_all_three_intervals_are_the_same():
    data = [part[:, :1] if part.ndim == 2 else part for part in judged_rows(2)]
    found = Uncertainty(*data, seed=0).at(np.array([0.3]))
    assert found.micro == found.macro == found.labels[0]


def test_without_rows_without_labels_and_without_a_judged_row_nothing_is_known():
    nothing = PRFIntervals(None, None, None)
    y_true, y_prob, judged, groups = judged_rows(0)
    for rows in (slice(0, 0), slice(None)):
        found = Uncertainty(y_true[rows], y_prob[rows], judged[rows] & False, groups[rows], seed=0)
        at = found.at(np.full(4, 0.5))
        assert (at.labels, at.micro, at.macro) == ([nothing] * 4, nothing, nothing)
        bands = found.bands()
        assert np.isnan(bands.low).all() and np.isnan(bands.high).all() and np.isnan(bands.best).all()
        assert not np.isnan(bands.edges).any()
    of_no_label = Uncertainty(y_true[:, :0], y_prob[:, :0], judged[:, :0], groups, seed=0)
    assert of_no_label.at(np.empty(0)).labels == []
    assert of_no_label.bands().edges.shape[0] == 0


def test_without_a_positive_only_precision_is_known_and_without_a_negative_only_recall():
    no, yes = [(0.2, "."), (0.4, "."), (0.8, ".")], [(0.2, "#"), (0.4, "#"), (0.8, "#")]
    uncertainty = Uncertainty(*rows_of(no, yes), seed=0)
    found = uncertainty.at(np.array([0.3, 0.3])).labels
    for label, known in enumerate(("precision", "recall")):
        assert [name for name in METRICS if getattr(found[label], name)] == [known]
        of_bands = [not np.isnan(uncertainty.bands().low[metric, label]).any() for metric in range(3)]
        assert [name for name, has in zip(METRICS, of_bands, strict=True) if has] == [known]
    assert np.isnan(uncertainty.bands().best).all()


def test_the_seed_alone_decides():
    data = judged_rows(0)
    again = [Uncertainty(*data, seed=seed) for seed in (5, 5, 6)]
    at = [each.at(np.full(4, 0.3)) for each in again]
    assert at[0] == at[1] != at[2]
    low = [each.bands().low for each in again]
    assert np.array_equal(low[0], low[1])
    assert not np.array_equal(low[0], low[2])


def test_shapes_that_differ_are_refused():
    y_true, y_prob, judged, groups = judged_rows(0)
    with pytest.raises(ValueError, match="Shapes"):
        Uncertainty(y_true, y_prob[:, 1:], judged, groups, seed=0)
    with pytest.raises(ValueError, match="Shapes"):
        Uncertainty(y_true, y_prob, judged, groups[1:], seed=0)


# Bands ----------------------------------------------------------------------------------------------------------------


def scores_of(hits, alarms, misses):
    with np.errstate(invalid="ignore"):
        each = hits / (hits + alarms), hits / (hits + misses), 2 * hits / (2 * hits + alarms + misses)
    return np.nan_to_num(np.stack(each))


@pytest.mark.parametrize("seed", range(3))
def test_bands_are_those_of_scoring_every_row_anew_at_every_edge(seed):
    y_true, y_prob, judged, groups = judged_rows(seed)
    found = Uncertainty(y_true, y_prob, judged, groups, seed=seed)
    bands = found.bands()
    numbers = np.unique(groups[judged.any(axis=1)], return_inverse=True)[1]
    weights = np.zeros((len(groups), N_BAND_REPLICATES))
    weights[judged.any(axis=1)] = found._weights[numbers, :N_BAND_REPLICATES]
    imagined = np.random.default_rng([seed, 2]).standard_gamma(0.5, (3, 4, 1, N_BAND_REPLICATES))
    for label in range(4):
        yes, no = y_true[:, label] & judged[:, label], ~y_true[:, label] & judged[:, label]
        sizes = np.bincount(groups[yes])
        more = imagined[:, label, 0] * (sizes**2).sum() / sizes.sum()
        for place, edge in enumerate(bands.edges[label].tolist()):
            tagged = y_prob[:, label].astype(np.float64) >= edge
            kinds = [kind.astype(np.float64) for kind in (yes & tagged, no & tagged, yes & ~tagged)]
            drawn = np.sort(scores_of(*(kind @ weights + extra for kind, extra in zip(kinds, more, strict=True))))
            values = scores_of(*(kind.sum() for kind in kinds))
            low, high = np.minimum(drawn[:, 5], values), np.maximum(drawn[:, -6], values)
            assert bands.low[:, label, place] == pytest.approx(low, abs=1e-4)
            assert bands.high[:, label, place] == pytest.approx(high, abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_every_curve_lies_in_its_band_at_every_edge(seed):
    y_true, y_prob, judged, groups = judged_rows(seed)
    bands = Uncertainty(y_true, y_prob, judged, groups, seed=seed).bands()
    for label, curve in enumerate(step_curves(y_true, y_prob, judged)):
        hits, given = curve.counts(bands.edges[label])
        values = scores_of(hits.astype(float), given - hits, curve.n_positive - hits)
        assert (bands.low[:, label] <= values + 1e-6).all()
        assert (bands.high[:, label] >= values - 1e-6).all()


def test_edges_lie_over_the_whole_range_and_where_positives_are():
    y_true, y_prob, judged, groups = judged_rows(0)
    edges = Uncertainty(y_true, y_prob, judged, groups, seed=0).bands().edges
    assert (np.diff(edges, axis=1) >= 0).all()
    assert (edges[:, -1] == 1).all()
    assert (np.diff(edges, prepend=0, axis=1) <= 1 / 24 + 1e-12).all()
    for label in range(4):
        positive = np.sort(y_prob[y_true[:, label] & judged[:, label], label].astype(np.float64))
        own = edges[label][np.isin(edges[label], positive)]
        assert own.size >= 24
        assert positive[0] <= own[0] <= np.quantile(positive, 0.05)
        assert np.quantile(positive, 0.95) <= own[-1] <= positive[-1]


def test_the_best_threshold_of_a_clear_label_lies_where_it_is_said_to_lie():
    apart = [(0.03 * place, ".") for place in range(10)] + [(0.7 + 0.02 * place, "#") for place in range(10)]
    data = rows_of(apart)
    (best,) = Uncertainty(*data, seed=0).bands().best
    (curve,) = step_curves(*data[:3])
    assert best[0] <= 0.28  # anything above .27 is as good, up to .7
    assert 0.7 <= best[1] < 0.8
    assert best[0] <= BestF().solve(curve).threshold <= best[1]


@pytest.mark.parametrize("seed", range(10))
def test_the_peak_of_a_curve_lies_where_the_best_threshold_is_said_to_lie(seed):
    y_true, y_prob, judged, groups = judged_rows(seed)
    best = Uncertainty(y_true, y_prob, judged, groups, seed=seed).bands().best
    for (low, high), curve in zip(best, step_curves(y_true, y_prob, judged), strict=True):
        assert low <= BestF().solve(curve).threshold <= high


def test_the_more_rows_the_closer_the_best_threshold_is_known():
    few, many = judged_rows(0, n=200), judged_rows(0, n=6000)
    widths = [np.diff(Uncertainty(*data, seed=0).bands().best).mean() for data in (few, many)]
    assert widths[1] < 0.6 * widths[0]


# Coverage by simulation -----------------------------------------------------------------------------------------------

BELOW, SPREAD, HIGHER = -3.0, 1.3, 2.6  # logits of negatives, and how much higher those of positives are


def made_up(rng, n, prevalence):
    y_true = rng.random((n, 1)) < prevalence
    return y_true, sigmoid(rng.normal(BELOW, SPREAD, y_true.shape) + HIGHER * y_true).astype(np.float32)


def population(rng):
    """Scores of very many positives and negatives."""
    return [np.sort(sigmoid(rng.normal(BELOW + shift, SPREAD, 400_000))) for shift in (HIGHER, 0.0)]


def truth(scores, prevalence, threshold):
    recall, alarms = (1 - np.searchsorted(each, threshold) / each.size for each in scores)
    hits, false = prevalence * recall, (1 - prevalence) * alarms
    return {"precision": hits / (hits + false), "recall": recall, "f1": 2 * hits / (hits + false + prevalence)}


def coverage(n_rounds, n_positive, n, *, chosen):
    """How often intervals hold the truth at .3, or at the threshold with the best F1 on the same rows."""
    rng = np.random.default_rng(1)
    scores = population(rng)
    held = {name: [] for name in METRICS}
    for number in range(n_rounds):
        y_true, y_prob = made_up(rng, n, n_positive / n)
        judged = np.ones_like(y_true)
        (curve,) = step_curves(y_true, y_prob, judged)
        threshold = BestF().solve(curve).threshold if chosen else 0.3
        found = Uncertainty(y_true, y_prob, judged, np.arange(n), seed=number).at(np.array([threshold])).labels[0]
        for name, value in truth(scores, n_positive / n, threshold).items():
            if (interval := getattr(found, name)) is not None:
                held[name].append(interval[0] <= value <= interval[1])
    return {name: float(np.mean(each)) for name, each in held.items()}


def test_at_a_threshold_fixed_in_advance_intervals_hold_the_truth_about_as_often_as_they_say():
    held = coverage(120, 60, 800, chosen=False)
    assert {name: share for name, share in held.items() if not 0.89 <= share <= 0.995} == {}


@pytest.mark.soak
@pytest.mark.parametrize(("n_positive", "n"), [(50, 800), (60, 1000), (150, 1500), (400, 4000)])
def test_at_a_threshold_fixed_in_advance_intervals_hold_the_truth_93_to_97_times_in_100(n_positive, n):
    held = coverage(3000, n_positive, n, chosen=False)
    assert {name: share for name, share in held.items() if not 0.93 <= share <= 0.97} == {}


@pytest.mark.soak
@pytest.mark.parametrize(("n_positive", "n"), [(12, 600), (25, 600), (60, 1000), (150, 1500)])
def test_at_the_best_threshold_of_the_same_rows_intervals_hold_the_truth_88_times_in_100_and_more(n_positive, n):
    held = coverage(2000, n_positive, n, chosen=True)
    assert {name: share for name, share in held.items() if not 0.88 <= share <= 0.97} == {}
