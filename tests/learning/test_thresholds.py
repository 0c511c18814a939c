from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from tagger.errors import SettingError
from tagger.learning.goals import GRID, BestF, Fixed, Grid, LeastCost, PrecisionAtRecall, RecallAtPrecision
from tagger.learning.metrics import score_labels
from tagger.learning.step_curve import step_curves
from tagger.learning.thresholds import (
    SHRINKAGE,
    BlendedChooser,
    GoalChooser,
    ShrunkChooser,
    apply_thresholds,
    choose_thresholds,
    cut_by_others,
    parse_chooser,
)

# (score, is it a yes, is it judged): few distinct scores, so that ties are common.
rows = st.lists(
    st.tuples(
        st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1, width=32)), st.booleans(), st.booleans()
    ),
    max_size=25,
)

EXACT, GRID_CHOOSER = GoalChooser(BestF()), GoalChooser(Grid())
MANY = np.array([100])  # distinct descriptions that have the label


def columns(cells):
    y_prob = np.array([[score] for score, _, _ in cells], dtype=np.float32).reshape(-1, 1)
    y_true = np.array([[yes] for _, yes, _ in cells], dtype=bool).reshape(-1, 1)
    judged = np.array([[seen] for _, _, seen in cells], dtype=bool).reshape(-1, 1)
    return y_true, y_prob, judged


def f1_at(threshold, y_true, y_prob, judged):
    """Also where nobody said no, which no score tells: a chooser has to choose there too."""
    score = score_labels(y_true, apply_thresholds(y_prob, [threshold]), judged)[0]
    return 2 * score.true_positives / (2 * score.true_positives + score.false_positives + score.false_negatives)


@settings(max_examples=300, deadline=None)
@given(rows)
@example([])
@example([(0.5, True, True)] * 3)
@example([(0.0, True, True), (0.0, False, True)])
@example([(0.9, True, False), (0.2, False, True)])
def test_the_exact_threshold_is_as_good_as_the_best_of_every_distinct_score(cells):
    y_true, y_prob, judged = columns(cells)
    (chosen,) = EXACT.choose(y_true, y_prob, judged, MANY)
    if not (y_true & judged).any():
        assert np.isnan(chosen)
        return
    best = max(f1_at(float(score), y_true, y_prob, judged) for score in np.unique(y_prob[judged]))
    assert f1_at(chosen, y_true, y_prob, judged) == pytest.approx(best)


@settings(max_examples=100, deadline=None)
@given(rows)
def test_the_exact_threshold_lies_midway_between_two_neighbouring_scores(cells):
    y_true, y_prob, judged = columns(cells)
    (chosen,) = EXACT.choose(y_true, y_prob, judged, MANY)
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
    (chosen,) = GRID_CHOOSER.choose(y_true, y_prob, judged, MANY)
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
    assert GRID_CHOOSER.choose(y_true, y_prob, judged, MANY) == [chosen]


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
    (chosen,) = choose_thresholds(*evidence(n_groups), EXACT)
    assert (chosen.tuned, chosen.n_positive_groups) == (tuned, n_groups)
    assert chosen.value == pytest.approx(value)


def test_unjudged_rows_are_no_evidence():
    y_true, y_prob, judged, groups = evidence(10)
    judged[groups == 0] = False
    (chosen,) = choose_thresholds(y_true, y_prob, judged, groups, EXACT, default=0.4)
    assert (chosen.tuned, chosen.n_positive_groups, chosen.value) == (False, 9, 0.4)


def test_a_fixed_threshold_holds_for_rare_labels_too():
    (chosen,) = choose_thresholds(*evidence(2), GoalChooser(Fixed(0.3)))
    assert (chosen.value, chosen.tuned) == (0.3, False)


@pytest.mark.parametrize(
    ("text", "chooser"),
    [
        ("fixed:0.3", GoalChooser(Fixed(0.3))),
        ("grid", GRID_CHOOSER),
        (" Exact ", EXACT),
        ("f2", GoalChooser(BestF(2))),
        ("precision >= 0.95", GoalChooser(RecallAtPrecision(0.95))),
        ("recall>=.8", GoalChooser(PrecisionAtRecall(0.8))),
        ("cost:1:5", GoalChooser(LeastCost(1, 5))),
        ("shrunk", ShrunkChooser()),
        ("blended", BlendedChooser()),
        ("auto", BlendedChooser()),
    ],
)
def test_a_word_makes_its_chooser(text, chooser):
    assert parse_chooser(text) == chooser


def test_what_comes_in_a_month_is_no_way_to_train():
    with pytest.raises(SettingError, match="not known while training") as error:
        parse_chooser("permonth<=5")
    assert "thresholds goal" in error.value.hint


@pytest.mark.parametrize(
    "text", ["", "best", "fixed", "fixed:", "fixed:2", "fixed:nan", "grid:3", "shrunk:20", "f0", "precision>=2"]
)
def test_a_chooser_that_does_not_exist_is_refused_with_the_choices(text):
    with pytest.raises(SettingError) as error:
        parse_chooser(text)
    for choice in ("auto", "blended", "shrunk", "grid, exact", "fixed:0.5"):
        assert choice in error.value.hint


def test_many_labels_are_tuned_each_on_its_own():
    rng = np.random.default_rng(0)
    y_prob = rng.random((40, 4), dtype=np.float32)
    y_true = rng.random((40, 4)) < y_prob**2
    chosen = EXACT.choose(y_true, y_prob, np.ones_like(y_true), np.full(4, 100))
    for label in range(4):
        best = max(f1_score(y_true[:, label], y_prob[:, label] >= score) for score in y_prob[:, label])
        assert f1_score(y_true[:, label], y_prob[:, label] >= chosen[label]) == pytest.approx(best)


def test_a_label_with_too_few_examples_is_not_tuned_on_its_own():
    y_true, y_prob, judged = columns([(0.2, False, True), (0.3, True, True)] * 5)
    for chooser in (GRID_CHOOSER, EXACT):
        assert np.isnan(chooser.choose(y_true, y_prob, judged, np.array([0])))


# Drawn towards what labels share --------------------------------------------------------------------------------------


def logit(threshold):
    return np.log(threshold / (1 - threshold))


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def several_labels(seed=0, n=120, n_labels=5):
    """Labels from common to rare, one without a positive; scores that follow them, some cells not judged."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, n_labels)) < np.append(np.geomspace(0.5, 0.05, n_labels - 1), 0.0)
    y_prob = sigmoid(rng.normal(np.where(truth, 0.3, -2.0), 1.2)).astype(np.float32)
    return truth, y_prob, rng.random((n, n_labels)) < 0.8


def best_shared(y_true, y_prob, judged):
    """What labels share: half of each one's log-odds, and one of 81 numbers from -4 to 4, the middle of the best."""
    positive, n_judged = (y_true & judged).sum(axis=0), judged.sum(axis=0)
    scored = positive > 0
    falling = logit((positive + 0.5) / (n_judged + 1)) / 2
    falling = np.where(scored, falling, falling[scored].mean())

    def mean_f1(number):
        scores = score_labels(y_true, apply_thresholds(y_prob, sigmoid(number + falling)), judged)
        return np.mean([score.f1 or 0.0 for score, has in zip(scores, scored, strict=True) if has])

    numbers = np.linspace(-4, 4, 81)
    means = np.array([mean_f1(number) for number in numbers])
    best = numbers[means > means.max() - 1e-9]
    return sigmoid(best[len(best) // 2] + falling)


@pytest.mark.parametrize("seed", range(4))
def test_labels_with_too_few_examples_take_what_labels_share_lower_the_rarer_they_are(seed):
    y_true, y_prob, judged = several_labels(seed)
    chosen = ShrunkChooser().choose(y_true, y_prob, judged, np.zeros(5, dtype=np.int64))
    assert chosen == pytest.approx(best_shared(y_true, y_prob, judged))
    assert (np.diff(chosen[np.argsort(-(y_true & judged)[:, :4].mean(axis=0))]) < 0).all()


def test_many_examples_leave_a_label_nearly_at_its_own_best_threshold():
    y_true, y_prob, judged = several_labels()
    n_positive = np.array([1_000_000] * 4 + [0])
    shrunk, exact = (each.choose(y_true, y_prob, judged, n_positive) for each in (ShrunkChooser(), EXACT))
    assert shrunk[:4] == pytest.approx(exact[:4], abs=1e-4)
    assert np.isnan(exact[4])
    assert shrunk[4] == pytest.approx(best_shared(y_true, y_prob, judged)[4])


@pytest.mark.parametrize(("n_positive", "weight"), [(5, 0.2), (20, 0.5), (60, 0.75)])
def test_a_threshold_lies_between_its_own_and_the_shared_one_on_the_logit_scale(n_positive, weight):
    assert SHRINKAGE == 20
    # Alone, the first label cuts midway between .2 and .4.
    y_true = np.array([[True, False], [True, False], [True, True], [False, False]] + [[False, True]] * 3)
    y_prob = np.array([[0.4, 0.5], [0.4, 0.5], [0.9, 0.9], [0.2, 0.5]] + [[0.2, 0.9]] * 3, dtype=np.float32)
    judged = np.ones_like(y_true)
    shared = best_shared(y_true, y_prob, judged)
    chosen = ShrunkChooser().choose(y_true, y_prob, judged, np.array([n_positive, 0]))
    expected = sigmoid(weight * logit(0.3) + (1 - weight) * logit(shared[0]))
    assert chosen == pytest.approx([expected, shared[1]], rel=1e-6)


def test_without_any_positive_nothing_is_learned_from_verdicts():
    y_true, y_prob, judged = several_labels()
    chosen = ShrunkChooser().choose(np.zeros_like(y_true), y_prob, judged, np.zeros(5, dtype=np.int64))
    assert chosen == pytest.approx(np.full(5, 0.5))


def best_expected_f1(scores):
    """What the probabilities promise if every one of them is right: tag the likeliest k rows, for the best k."""
    ordered = sorted(map(float, scores), reverse=True)
    total = sum(ordered)
    return max(2 * hits / (k + total) for k, hits in enumerate(accumulate(ordered), 1))


def blend_without_cap(y_true, y_prob, judged, n_positive):
    """A label without a judged row takes what the verdicts on others say."""
    by_verdicts = ShrunkChooser().choose(y_true, y_prob, judged, n_positive)
    scores = [y_prob[seen, label] for label, seen in enumerate(judged.T)]
    halves = [best_expected_f1(own) / 2 if own.size else by_verdicts[label] for label, own in enumerate(scores)]
    return sigmoid(0.75 * logit(by_verdicts) + 0.25 * logit(np.clip(halves, 1e-4, 0.9)))


def n_tags(y_prob, thresholds, judged):
    return np.count_nonzero(apply_thresholds(y_prob, thresholds) & judged)


@pytest.mark.parametrize("seed", range(4))
def test_the_blend_lies_a_quarter_of_the_way_from_verdicts_to_half_of_the_best_expected_f1(seed):
    y_true, y_prob, judged = several_labels(seed)
    y_prob = np.where(y_true, y_prob, y_prob / 2)  # told apart well enough for the right number of tags
    n_positive = np.array([40, 25, 12, 0, 0])
    expected = blend_without_cap(y_true, y_prob, judged, n_positive)
    assert n_tags(y_prob, expected, judged & two_sided(y_true, judged)) <= 1.25 * np.count_nonzero(y_true & judged)
    assert BlendedChooser().choose(y_true, y_prob, judged, n_positive) == pytest.approx(expected, rel=1e-5)


def two_sided(y_true, judged):
    """The columns of labels that have judged rows of both kinds."""
    return (y_true & judged).any(axis=0) & (~y_true & judged).any(axis=0)


def contradictory(seed, n=200, n_labels=6):
    """Scores that know the labels' frequency and little else, as of a head that found the same row judged both ways."""
    rng = np.random.default_rng(seed)
    share = np.geomspace(0.3, 0.02, n_labels)
    y_true = rng.random((n, n_labels)) < share
    y_prob = sigmoid(logit(share) + 0.4 * y_true + rng.normal(0, 0.5, y_true.shape)).astype(np.float32)
    return y_true, y_prob, rng.random(y_true.shape) < 0.9


@pytest.mark.parametrize("seed", range(4))
def test_where_rows_would_get_too_many_tags_all_thresholds_rise_alike_and_no_further_than_they_have_to(seed):
    y_true, y_prob, judged = contradictory(seed)
    n_positive = np.count_nonzero(y_true & judged, axis=0)
    before = blend_without_cap(y_true, y_prob, judged, n_positive)
    most = 1.25 * np.count_nonzero(y_true & judged)
    assert n_tags(y_prob, before, judged) > most
    chosen = BlendedChooser().choose(y_true, y_prob, judged, n_positive)
    rise = logit(chosen) - logit(before)
    assert rise == pytest.approx(np.full(6, rise[0]), abs=1e-4)
    # Every rise that makes a difference, one after the other.
    above = logit(y_prob.astype(np.float64)) - logit(before)
    enough = [each for each in np.unique(above[judged & (above > 0)]) if np.count_nonzero(above[judged] > each) <= most]
    assert enough[0] < rise[0] < enough[1]
    assert n_tags(y_prob, chosen, judged) == np.count_nonzero(above[judged] > enough[0])


cells_of_labels = st.integers(1, 4).flatmap(
    lambda n_labels: st.lists(
        st.lists(
            st.tuples(
                st.one_of(st.sampled_from([0.0, 0.25, 0.5, 0.999, 1.0]), st.floats(0, 1, width=32)),
                st.booleans(),
                st.booleans(),
            ),
            min_size=n_labels,
            max_size=n_labels,
        ),
        min_size=1,
        max_size=25,
    )
)


@settings(max_examples=500, deadline=None)
@given(cells_of_labels, st.integers(0, 30))
@example([[(0.3, place < 2, True)] for place in range(10)], 2)
@example([[(1.0, place < 2, True)] for place in range(10)], 2)
@example([[(0.9999995, place < 2, True)] for place in range(10)], 2)
def test_rows_never_get_more_than_a_quarter_more_tags_than_their_verdicts_have_and_no_threshold_falls(cells, enough):
    y_prob, y_true, judged = (
        np.array([[cell[part] for cell in row] for row in cells], dtype=dtype)
        for part, dtype in enumerate((np.float32, bool, bool))
    )
    n_positive = np.full(y_true.shape[1], enough)
    chosen = BlendedChooser().choose(y_true, y_prob, judged, n_positive)
    assert ((chosen > 0) & (chosen < 1)).all()
    assert (chosen >= blend_without_cap(y_true, y_prob, judged, n_positive) - 1e-12).all()
    counted = judged & two_sided(y_true, judged)
    if not (y_prob[counted] > 1 - 2e-6).any():  # as certain as that, tags stay
        assert n_tags(y_prob, chosen, counted) <= 1.25 * np.count_nonzero(y_true & counted)


@pytest.mark.parametrize(("said_yes", "said_no"), [(True, False), (False, True), (False, False)])
def test_a_label_without_both_verdicts_neither_raises_thresholds_nor_allows_more_tags(said_yes, said_no):
    y_true, y_prob, judged = contradictory(0)
    n_positive = np.count_nonzero(y_true & judged, axis=0)
    alone = BlendedChooser().choose(y_true, y_prob, judged, n_positive)
    one_more = np.ones(len(y_true))
    chosen = BlendedChooser().choose(
        np.column_stack([y_true, one_more == said_yes]),
        np.column_stack([y_prob, one_more * 0.9]).astype(np.float32),
        np.column_stack([judged, one_more == (said_yes or said_no)]),
        np.append(n_positive, 0),
    )
    assert n_tags(y_prob, chosen[:-1], judged) == n_tags(y_prob, alone, judged)


def test_half_of_the_best_expected_f1_is_the_best_threshold_where_probabilities_can_be_believed():
    rng = np.random.default_rng(0)
    y_prob = rng.beta(0.4, 2.0, size=(100_000, 1)).astype(np.float32)
    y_true = rng.random(y_prob.shape) < y_prob
    (best,) = EXACT.choose(y_true, y_prob, np.ones_like(y_true), MANY)
    assert best_expected_f1(y_prob[:, 0]) / 2 == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_probabilities_without_doubt_give_a_threshold_between_0_and_1(probability):
    y_true, y_prob, judged = columns([(probability, probability == 1.0, True)] * 12)
    (chosen,) = BlendedChooser().choose(y_true, y_prob, judged, np.array([12 * int(probability)]))
    assert 0 < chosen < 1
    assert apply_thresholds(y_prob, [chosen]).all() == (probability == 1.0)


@settings(max_examples=100, deadline=None)
@given(rows, st.integers(0, 100))
@example([], 0)
def test_every_label_gets_a_threshold_from_a_chooser_that_shares(cells, n_positive):
    y_true, y_prob, judged = columns(cells)
    for chooser in (ShrunkChooser(), BlendedChooser()):
        (chosen,) = chooser.choose(y_true, y_prob, judged, np.array([n_positive]))
        assert 0 < chosen < 1


@pytest.mark.parametrize(("n_groups", "tuned"), [(9, False), (10, True)])
def test_a_rare_label_shares_and_says_that_it_was_not_tuned(n_groups, tuned):
    y_true, y_prob, judged, groups = evidence(n_groups)
    (chosen,) = choose_thresholds(y_true, y_prob, judged, groups, ShrunkChooser())
    (shared,) = best_shared(y_true, y_prob, judged)
    weight = n_groups / (n_groups + 20) * tuned
    assert (chosen.tuned, chosen.n_positive_groups) == (tuned, n_groups)
    assert chosen.value == pytest.approx(sigmoid(weight * logit(0.75) + (1 - weight) * logit(shared)), rel=1e-6)


def lone(*columns):
    """Probabilities and verdicts of 40 rows: a first label with both verdicts, and these (probability, verdicts)."""
    rng = np.random.default_rng(0)
    has_it = np.arange(40) < 12
    y_prob = [np.where(has_it, 0.95, 0.02) + rng.random(40) * 0.02]
    y_true, judged = [has_it], [np.ones(40, dtype=bool)]
    for probability, said_yes, said_no in columns:
        y_prob.append(np.full(40, probability))
        y_true.append(np.arange(40) < said_yes)
        judged.append((np.arange(40) < said_yes) | (np.arange(40) >= 40 - said_no))
    return [np.array(part).T for part in (y_true, np.array(y_prob, dtype=np.float32), judged)]


@pytest.mark.parametrize("chooser", ["blended", "shrunk", "grid", "exact"])
@pytest.mark.parametrize("probability", [0.02, 0.125, 0.334, 0.5])
def test_what_the_head_says_of_every_row_alike_puts_a_tag_without_verdicts_on_none(chooser, probability):
    y_true, y_prob, judged = lone((probability, 0, 0))
    chosen = choose_thresholds(y_true, y_prob, judged, np.arange(40), parse_chooser(chooser))
    odds = chosen[1].value / (1 - chosen[1].value)
    assert odds >= 2 * probability / (1 - probability) * 0.999
    assert chosen[0] == choose_thresholds(*(part[:, :1] for part in (y_true, y_prob, judged)), np.arange(40),
                                          parse_chooser(chooser))[0]  # fmt: skip


@pytest.mark.parametrize("chooser", ["blended", "shrunk"])
def test_a_tag_that_nobody_said_no_to_has_to_be_likelier_than_not(chooser):
    y_true, y_prob, judged = lone((0.334, 5, 0), (0.9, 40, 0))
    chosen = choose_thresholds(y_true, y_prob, judged, np.arange(40), parse_chooser(chooser))
    assert chosen[1].value >= 0.5
    assert chosen[2].value >= 0.5


@pytest.mark.parametrize("n_yes", [1, 9, 10, 40])
@pytest.mark.parametrize("chooser", ["blended", "shrunk", "grid", "exact"])
def test_what_the_head_says_of_every_row_alike_puts_a_tag_that_nobody_said_no_to_on_none(chooser, n_yes):
    """With ten yes and more the head finds it likelier than not, on every row."""
    alike = n_yes / (n_yes + 10)
    y_true, y_prob, judged = lone((alike, n_yes, 0))
    chosen = choose_thresholds(y_true, y_prob, judged, np.arange(40), parse_chooser(chooser))
    assert chosen[1].value > alike


# Cut by the other folds -----------------------------------------------------------------------------------------------

GOALS = [BestF(), BestF(2), Grid(), RecallAtPrecision(0.6), PrecisionAtRecall(0.7), LeastCost(1, 3), Fixed(0.3)]


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.title)
@pytest.mark.parametrize("seed", range(3))
def test_cutting_by_the_others_equals_a_plain_loop(goal, seed):
    y_true, y_prob, judged = several_labels(seed)
    folds = np.random.default_rng(seed).integers(0, 5, len(y_true))
    expected = np.zeros_like(y_true)
    for row, label in np.ndindex(y_true.shape):
        others = judged[:, label] & (folds != folds[row])
        (curve,) = step_curves(*(part[others][:, [label]] for part in (y_true, y_prob, judged)))
        solution = goal.solve(curve)
        expected[row, label] = float(y_prob[row, label]) >= (0.5 if solution is None else solution.threshold)
    assert np.array_equal(cut_by_others(goal, y_true, y_prob, judged, folds), expected)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.title)
def test_no_verdict_decides_about_its_own_fold(goal):
    y_true, y_prob, judged = several_labels(1)
    folds = np.random.default_rng(0).integers(0, 5, len(y_true))
    before = cut_by_others(goal, y_true, y_prob, judged, folds)
    for fold in range(5):
        own = folds == fold
        flipped, hidden = y_true ^ own[:, np.newaxis], judged & ~own[:, np.newaxis]
        for after in (
            cut_by_others(goal, flipped, y_prob, judged, folds),
            cut_by_others(goal, y_true, y_prob, hidden, folds),
        ):
            assert np.array_equal(after[own], before[own])


def test_where_the_other_folds_cannot_say_rows_are_cut_at_a_half():
    y_true, y_prob, judged = columns([(0.3, True, True), (0.6, True, True), (0.2, False, True), (0.4, False, True)])
    for folds in ([0, 0, 0, 0], [0, 0, 1, 0]):
        y_pred = cut_by_others(RecallAtPrecision(0.1), y_true, y_prob, judged, np.array(folds))
        assert y_pred[:2].ravel().tolist() == [False, True]
