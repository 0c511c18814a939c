"""Intervals: known formulas where there are some, simulated coverage where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta

from tagger.learning.bootstrap import Difference, PRFIntervals, f1_differences, score_intervals
from tagger.learning.metrics import score_labels, summarize


def cells(*columns):
    """One string per label, one mark per row: # hit, ! false alarm, o miss, . rightly absent, ? not judged."""
    marks = np.array([list(column) for column in columns]).T
    return np.isin(marks, ["#", "o"]), np.isin(marks, ["#", "!"]), marks != "?"


def intervals_of(*columns, groups=None, **how):
    y_true, y_pred, judged = cells(*columns)
    numbers = np.arange(len(y_true)) if groups is None else np.asarray(groups)
    return score_intervals(y_true, y_pred, judged, numbers, **{"seed": 0, **how})


@pytest.mark.parametrize(("hits", "alarms", "misses"), [(3, 0, 0), (0, 2, 4), (7, 3, 1), (40, 9, 25), (200, 1, 0)])
def test_precision_and_recall_of_single_rows_have_the_interval_of_jeffreys(hits, alarms, misses):
    marks = "#" * hits + "!" * alarms + "o" * misses + "." * 10
    (label,) = intervals_of(marks, n_replicates=40_000).labels
    for interval, wrong in ((label.precision, alarms), (label.recall, misses)):
        low, high = beta.ppf([0.025, 0.975], hits + 0.5, wrong + 0.5)
        # Brown, Cai & DasGupta: an interval reaches 0 and 1 where the share does.
        assert interval == pytest.approx((low if hits else 0.0, high if wrong else 1.0), abs=0.01)


def random_rows(seed, n=150, n_labels=4):
    rng = np.random.default_rng(seed)
    y_true = rng.random((n, n_labels)) < [0.4, 0.2, 0.1, 0.03]
    y_pred = y_true ^ (rng.random((n, n_labels)) < 0.08)
    return y_true, y_pred, rng.random((n, n_labels)) < 0.8, rng.integers(0, n // 2, n)


@pytest.mark.parametrize("seed", range(5))
def test_an_interval_never_leaves_out_the_score_itself(seed):
    y_true, y_pred, judged, groups = random_rows(seed)
    found = score_intervals(y_true, y_pred, judged, groups, seed=seed)
    scores = score_labels(y_true, y_pred, judged)
    summed = summarize(scores)
    for score, interval in zip([*scores, summed.micro, summed.macro], [*found.labels, found.micro, found.macro]):
        for name in ("precision", "recall", "f1"):
            value, between = getattr(score, name), getattr(interval, name)
            if between is not None:
                assert 0 <= between[0] <= value <= between[1] <= 1
                assert between[0] < between[1]


def test_hiding_a_row_equals_deleting_it():
    y_true, y_pred, judged, groups = random_rows(1)
    hidden = judged.copy()
    hidden[10:40] = False
    kept = np.r_[0:10, 40:150]
    assert score_intervals(y_true, y_pred, hidden, groups, seed=3) == score_intervals(
        y_true[kept], y_pred[kept], judged[kept], groups[kept], seed=3
    )
    after = y_pred ^ (np.random.default_rng(2).random(y_pred.shape) < 0.05)
    assert f1_differences(y_true, y_pred, after, hidden, groups, seed=3) == f1_differences(
        y_true[kept], y_pred[kept], after[kept], judged[kept], groups[kept], seed=3
    )


def test_repeats_of_a_description_make_no_score_surer():
    marks = "######!!oo......"
    once = intervals_of(marks).labels
    (again,) = intervals_of(marks * 50, groups=list(range(len(marks))) * 50).labels
    for name in ("precision", "recall", "f1"):
        assert getattr(again, name) == pytest.approx(getattr(once[0], name), abs=1e-5)
    apart = intervals_of(marks * 50).labels[0]
    assert apart.f1[1] - apart.f1[0] < 0.3 * (again.f1[1] - again.f1[0])


def test_a_description_that_holds_most_rows_makes_scores_unsure():
    marks, groups = "#" * 60 + "o" * 3, [*range(60), 60, 61, 62]
    even = intervals_of(marks, groups=groups).labels[0]
    uneven = intervals_of(marks, groups=[0] * 50 + groups[50:]).labels[0]
    assert uneven.recall[0] < even.recall[0] - 0.1


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ("....", (False, False, False)),
        ("????", (False, False, False)),
        ("!!..", (True, False, False)),
        ("oo..", (False, True, True)),
        ("#...", (True, True, True)),
        ("##oo", (False, True, False)),
        ("##o.", (True, True, True)),
    ],
)
def test_without_a_positive_recall_and_f1_are_unknown_and_without_a_negative_precision_and_f1(marks, expected):
    (label,) = intervals_of(marks).labels
    assert tuple(each is not None for each in (label.precision, label.recall, label.f1)) == expected


@pytest.mark.parametrize("marks", ["##o!..", "#########o!.....", "o!..", "#o??"])
def test_of_one_label_alone_all_three_intervals_are_the_same(marks):
    found = intervals_of(marks)
    (label,) = found.labels
    assert found.micro == found.macro == label
    found = differences_of(marks.translate(str.maketrans("!", "v")))
    assert found.micro == found.macro == found.labels[0]
    found = differences_of("##+-ov.^x.")
    assert found.micro == found.macro == found.labels[0]
    assert found.micro.interval[0] < found.micro.interval[1]


def test_a_label_that_nobody_said_no_to_is_in_no_mean_but_that_of_recall():
    found = intervals_of("####!!o...", "#####oo???")
    fair, without_no = found.labels
    assert without_no.precision is without_no.f1 is None
    assert (found.macro.precision, found.macro.f1) == (fair.precision, fair.f1)
    assert found.macro.recall not in (fair.recall, without_no.recall)
    assert intervals_of("##oo", "??##").micro.precision is None
    assert intervals_of("##oo", "...?").micro.f1 is not None
    found = differences_of("##+-ov.^x.", "##+-oo+###")
    assert found.labels[1] == Difference(None, None)
    assert found.macro == found.labels[0]
    assert differences_of("##+-oo+###").micro == Difference(None, None)
    assert differences_of("##+-oo+###", "..........").micro.change == pytest.approx(2 * 7 / 17 - 2 * 6 / 16)


def test_without_a_judged_row_there_is_no_interval():
    nothing = PRFIntervals(None, None, None)
    found = intervals_of("???", "???")
    assert (found.labels, found.micro, found.macro) == ([nothing] * 2, nothing, nothing)
    y_true, y_pred, judged = cells("???", "???")
    differences = f1_differences(y_true, y_pred, ~y_pred, judged, np.arange(3), seed=0)
    assert differences.labels == [Difference(None, None)] * 2
    assert (differences.micro, differences.macro) == (Difference(None, None), Difference(None, None))


def test_the_seed_alone_decides():
    y_true, y_pred, judged, groups = random_rows(0)
    again = [score_intervals(y_true, y_pred, judged, groups, seed=seed) for seed in (5, 5, 6)]
    assert again[0] == again[1] != again[2]


def test_shapes_that_differ_are_refused():
    y_true, y_pred, judged, groups = random_rows(0)
    with pytest.raises(ValueError, match="Shapes"):
        score_intervals(y_true, y_pred[:, 1:], judged, groups, seed=0)
    with pytest.raises(ValueError, match="Shapes"):
        f1_differences(y_true, y_pred, y_pred, judged, groups[1:], seed=0)


# Differences ----------------------------------------------------------------------------------------------------------


def differences_of(*columns, groups=None):
    """One string per label, one mark per row; of a judged row that has the label: # both found it, + after alone,
    - before alone, o neither; of one that has it not: . neither gave it, x both, ^ after alone, v before alone."""
    marks = np.array([list(column) for column in columns]).T
    y_true = np.isin(marks, list("#+-o"))
    before, after = np.isin(marks, list("#-xv")), np.isin(marks, list("#+x^"))
    numbers = np.arange(len(marks)) if groups is None else np.asarray(groups)
    return f1_differences(y_true, before, after, np.ones_like(y_true), numbers, seed=0, n_replicates=4000)


@pytest.mark.parametrize("n_turned", range(1, 9))
@pytest.mark.parametrize(("right", "wrong"), ["+-", "v^"])
def test_a_difference_is_as_careful_as_the_sign_test(n_turned, right, wrong):
    """Of n decisions that turned, all right: the mid-p of the sign test is 2 ** -(n + 1)."""
    beyond_chance = 2 ** -(n_turned + 1) < 0.025
    for mark, side in ((right, 0), (wrong, 1)):
        (label,) = differences_of("#" * 30 + "o" * 10 + "x" * 10 + "." * 30 + mark * n_turned).labels
        assert (label.interval[0] > 0 if side == 0 else label.interval[1] < 0) == beyond_chance
        assert label.certain == beyond_chance


def test_changes_are_those_of_the_scores():
    y_true, before, judged, groups = random_rows(4)
    after = before ^ (np.random.default_rng(9).random(before.shape) < 0.1)
    found = f1_differences(y_true, before, after, judged, groups, seed=0)
    one, two = score_labels(y_true, before, judged), score_labels(y_true, after, judged)
    told = 0
    for label, (difference, was, now) in enumerate(zip(found.labels, one, two, strict=True)):
        assert difference.change == pytest.approx(now.f1 - was.f1)
        if np.unique(groups[y_true[:, label] & judged[:, label]]).size < 5:
            assert difference.interval is None
        else:
            told += 1
            assert difference.interval[0] <= difference.change <= difference.interval[1]
    assert 0 < told < len(one)
    assert found.micro.change == pytest.approx(summarize(two).micro.f1 - summarize(one).micro.f1)
    assert found.macro.change == pytest.approx(summarize(two).macro.f1 - summarize(one).macro.f1)


@pytest.mark.parametrize(("n_examples", "told"), [(1, False), (4, False), (5, True)])
def test_below_five_examples_a_change_is_told_without_where_it_lies(n_examples, told):
    found = differences_of("+" * n_examples + "." * 40)
    for difference in (*found.labels, found.micro, found.macro):
        assert difference.change == 1.0
        assert (difference.interval is not None) == told
        assert told or not difference.certain


def test_the_way_back_is_the_same_difference_with_the_other_sign():
    y_true, before, judged, groups = random_rows(4)
    after = before ^ (np.random.default_rng(9).random(before.shape) < 0.1)
    there = f1_differences(y_true, before, after, judged, groups, seed=0, n_replicates=20_000)
    back = f1_differences(y_true, after, before, judged, groups, seed=0, n_replicates=20_000)
    for one, other in zip([*there.labels, there.micro, there.macro], [*back.labels, back.micro, back.macro]):
        assert one.change == pytest.approx(-other.change)
        turned = other.interval and (-other.interval[1], -other.interval[0])
        assert one.interval == (turned and pytest.approx(turned, abs=0.02))


def test_the_same_decisions_changed_nothing_and_a_label_without_a_positive_is_not_compared():
    found = differences_of("###oo..x.", ".......^^")
    assert found.labels == [Difference(0.0, (0.0, 0.0)), Difference(None, None)]
    assert found.macro == Difference(0.0, (0.0, 0.0))
    assert found.micro.change < 0  # false alarms of a label without a positive count where all are pooled


def test_pairing_makes_a_difference_surer_than_either_score():
    marks = "#" * 60 + "o" * 60 + "+" * 8 + "."
    (label,) = differences_of(marks).labels
    (alone,) = intervals_of(marks.replace("+", "#")).labels
    assert label.interval[1] - label.interval[0] < 0.75 * (alone.f1[1] - alone.f1[0])
    assert label.certain


def test_the_largest_of_many_changes_needs_more_than_its_own_interval():
    one = "#" * 30 + "o" * 10 + "+" * 6 + "#" * 159 + "."
    (alone,) = differences_of(one).labels
    # Nineteen more labels, each of which turned once right and once wrong, in rows of their own.
    others = ["#" * 46 + "." * 4 * k + "#+-o" + "." * (156 - 4 * k) for k in range(19)]
    among = differences_of(one, *others).labels
    assert alone.certain
    assert among[0].interval[0] > 0
    assert not any(each.certain for each in among)


@pytest.mark.parametrize(("n_turned", "beyond_chance"), [(1, False), (2, False), (3, False), (6, True), (8, True)])
@pytest.mark.parametrize(("right", "wrong"), ["+-", "v^"])
def test_the_mean_over_labels_is_as_careful_where_only_one_of_them_changed(n_turned, beyond_chance, right, wrong):
    still = "." * 8 + "#" * 30 + "o" * 10 + "x" * 10 + "." * 22
    for mark, side in ((right, 0), (wrong, 1)):
        found = differences_of(mark * n_turned + "#" * (38 - n_turned) + "o" * 10 + "x" * 10 + "." * 22, still)
        interval = found.macro.interval
        assert (interval[0] > 0 if side == 0 else interval[1] < 0) == beyond_chance
        assert found.macro.certain == beyond_chance


# Coverage by simulation -----------------------------------------------------------------------------------------------

PREVALENCE = np.array([0.3, 0.1, 0.06, 0.04, 0.02, 0.01])
RECALL = np.array([0.9, 0.6, 0.8, 0.95, 0.5, 0.8])
ALARMS = np.array([0.03, 0.02, 0.02, 0.0005, 0.01, 0.002])
RECALL_AFTER = np.array([0.93, 0.7, 0.8, 0.9, 0.6, 0.7])
ALARMS_AFTER = np.array([0.02, 0.02, 0.015, 0.001, 0.015, 0.003])
REDRAWN = 0.3  # share of decisions that a retrained head takes anew


def f1_of(recall, alarms):
    hits = PREVALENCE * recall
    return 2 * hits / (hits + (1 - PREVALENCE) * alarms + PREVALENCE)


def coverage(n_rounds, n_groups, sizes, seed=0):
    """How often intervals hold the truth: of labels' F1, precision and recall, of micro, and of differences.

    Labels by their expected positive groups: rare (below 50) and not. Rows of a group share truth and prediction.
    """
    rng = np.random.default_rng(seed)
    recall, alarms = (
        (1 - REDRAWN) * old + REDRAWN * new for old, new in ((RECALL, RECALL_AFTER), (ALARMS, ALARMS_AFTER))
    )
    truth = {
        "f1": f1_of(RECALL, ALARMS),
        "precision": PREVALENCE * RECALL / (PREVALENCE * RECALL + (1 - PREVALENCE) * ALARMS),
        "recall": RECALL,
    }
    rise = f1_of(recall, alarms) - truth["f1"]
    pooled = 2 * (PREVALENCE * RECALL).sum() / (PREVALENCE * (RECALL + 1) + (1 - PREVALENCE) * ALARMS).sum()
    seen: dict[str, list[bool]] = {}

    def note(what, interval, value):
        if interval is not None:
            seen.setdefault(what, []).append(interval[0] <= value <= interval[1])

    for number in range(n_rounds):
        y_true = rng.random((n_groups, 6)) < PREVALENCE
        before = rng.random(y_true.shape) < np.where(y_true, RECALL, ALARMS)
        anew = rng.random(y_true.shape) < np.where(y_true, RECALL_AFTER, ALARMS_AFTER)
        after = np.where(rng.random(y_true.shape) < REDRAWN, anew, before)
        groups = np.repeat(np.arange(n_groups), sizes(rng, n_groups))
        y_true, before, after = y_true[groups], before[groups], after[groups]
        judged = np.ones_like(y_true)
        found = score_intervals(y_true, before, judged, groups, seed=number)
        turned = f1_differences(y_true, before, after, judged, groups, seed=number)
        note("micro", found.micro.f1, pooled)
        for label, expected in enumerate(PREVALENCE * n_groups):
            kind = "rare" if expected < 50 else "common"
            for name, values in truth.items():
                note(f"{kind} {name}", getattr(found.labels[label], name), values[label])
            note(f"{kind} difference", turned.labels[label].interval, rise[label])
    return {what: (float(np.mean(hits)), len(hits)) for what, hits in seen.items()}


def one_row_each(rng, n_groups):
    return np.ones(n_groups, dtype=np.int64)


def some_repeat(rng, n_groups):
    return rng.geometric(0.5, n_groups)


def a_few_hold_most(rng, n_groups):
    return np.minimum(np.ceil(rng.pareto(1.3, n_groups) + 1e-9), 200).astype(np.int64)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    found = coverage(40, 600, one_row_each)
    # 40 to 160 trials each. A rare label that both predict alike in every row is given 0 to 0, which is too sure.
    assert {what: share for what, (share, _) in found.items() if share < 0.87 and what != "rare difference"} == {}
    assert found["rare difference"][0] > 0.75


@pytest.mark.soak
@pytest.mark.parametrize(("n_groups", "sizes"), [(1000, one_row_each), (3000, one_row_each), (1000, some_repeat)])
def test_intervals_hold_the_truth_93_to_97_times_in_100(n_groups, sizes):
    found = coverage(1500, n_groups, sizes)
    common = {what: share for what, (share, _) in found.items() if "common" in what or what == "micro"}
    assert {what: share for what, share in common.items() if not 0.93 <= share <= 0.97} == {}
    rare = {what: share for what, (share, _) in found.items() if "rare" in what and "difference" not in what}
    assert {what: share for what, share in rare.items() if share < 0.92} == {}


@pytest.mark.soak
def test_intervals_are_a_little_too_narrow_where_a_few_descriptions_hold_most_rows():
    found = coverage(600, 1000, a_few_hold_most)
    assert {what: share for what, (share, _) in found.items() if share < 0.85 and "difference" not in what} == {}


N_RARE = 18


def rare_rows(rng, n_groups, found, alarms, kept):
    """Rows with one of 18 labels each: two or three of each among 40. `kept` is the share of decisions not redrawn."""
    y_true = np.zeros((n_groups, N_RARE), dtype=bool)
    y_true[np.arange(n_groups), rng.integers(0, N_RARE, n_groups)] = True
    one, two = rng.random((2, *y_true.shape))
    two = np.where(rng.random(y_true.shape) < kept, one, two)
    before, after = (
        luck < np.where(y_true, chance, alarm) for luck, chance, alarm in zip((one, two), found, alarms, strict=True)
    )
    return y_true, before, after


def coverage_of_differences(n_rounds, n_groups, found, alarms, kept=0.5, n_replicates=400):
    """How often intervals of micro and macro F1 differences hold the true one, and how often the value is an end."""
    # F1 of every label, and so of micro and macro.
    before, after = (2 * hits / (hits + 1 + (N_RARE - 1) * alarm) for hits, alarm in zip(found, alarms, strict=True))
    rng = np.random.default_rng(0)
    held: dict[str, list[bool]] = {"micro": [], "macro": [], "at an end": []}
    for number in range(n_rounds):
        y_true, one, two = rare_rows(rng, n_groups, found, alarms, kept)
        differences = f1_differences(
            y_true, one, two, np.ones_like(y_true), np.arange(n_groups), seed=number, n_replicates=n_replicates
        )
        for name in ("micro", "macro"):
            low, high = getattr(differences, name).interval
            held[name].append(low <= after - before <= high)
        held["at an end"].append(differences.macro.change in differences.macro.interval)
    return {what: float(np.mean(each)) for what, each in held.items()}


@pytest.mark.parametrize("n_groups", [40, 200])
@pytest.mark.parametrize(
    ("found", "alarms"), [((0.3, 0.6), (0.03, 0.02)), ((0.55, 0.25), (0.02, 0.03)), ((0.6, 0.6), (0.02, 0.02))]
)
def test_differences_of_many_rare_labels_are_held_as_often_as_they_say(n_groups, found, alarms):
    held = coverage_of_differences(100, n_groups, found, alarms)
    assert min(held["micro"], held["macro"]) >= 0.89
    assert held["at an end"] == 0


@pytest.mark.soak
@pytest.mark.parametrize(
    ("n_groups", "least", "most"), [(40, 0.9, 1), (80, 0.93, 1), (200, 0.93, 0.99), (400, 0.93, 0.97)]
)
@pytest.mark.parametrize(
    ("found", "alarms"), [((0.3, 0.6), (0.03, 0.02)), ((0.55, 0.25), (0.02, 0.03)), ((0.6, 0.6), (0.02, 0.02))]
)
def test_differences_of_many_rare_labels_are_held_90_to_99_times_in_100(n_groups, least, most, found, alarms):
    held = coverage_of_differences(1000, n_groups, found, alarms, n_replicates=1000)
    assert least <= held["macro"] <= most
    assert held["micro"] >= 0.91


@pytest.mark.soak
@pytest.mark.parametrize("n_groups", [80, 200, 400])
def test_where_few_decisions_turn_nothing_is_said_to_differ(n_groups):
    held = coverage_of_differences(1000, n_groups, (0.6, 0.6), (0.02, 0.02), kept=0.95)
    assert held["macro"] >= 0.95
