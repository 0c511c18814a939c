"""Which verdicts are likely slips, where equal descriptions disagree, and which labels nearly say the same."""

from __future__ import annotations

import numpy as np
import pytest

from tagger.learning import quality
from tagger.learning.quality import FLOOR


def made_up(n: int = 60, n_labels: int = 4, seed: int = 0) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    judged = rng.random((n, n_labels)) < 0.8
    y_true = judged & (rng.random((n, n_labels)) < 0.4)
    y_prob = rng.random((n, n_labels)).astype(np.float32)
    y_prob[rng.random((n, n_labels)) < 0.2] = np.nan
    return y_true, judged, y_prob, rng.integers(0, 25, n)


def brute_others(y_true: np.ndarray, judged: np.ndarray, groups: np.ndarray, row: int, column: int) -> tuple[int, int]:
    rows = [r for r in range(len(groups)) if r != row and groups[r] == groups[row] and judged[r, column]]
    return sum(bool(y_true[r, column]) for r in rows), len(rows)


def test_confidence_counts_the_model_as_one_verdict_among_those_of_equal_rows():
    y_true, judged, y_prob, groups = made_up()
    found = quality.confidence(y_true, judged, y_prob, quality.others(y_true, judged, groups))
    for row, column in np.ndindex(*y_true.shape):
        n_yes, n_judged = brute_others(y_true, judged, groups, row, column)
        known = not np.isnan(y_prob[row, column])
        if not judged[row, column] or (not known and n_judged == 0):
            assert np.isnan(found[row, column])
            continue
        said = ((float(y_prob[row, column]) if known else 0.5) + n_yes) / (1 + n_judged)
        assert found[row, column] == pytest.approx(said if y_true[row, column] else 1 - said)


def test_without_equal_rows_confidence_is_the_probability_of_the_verdict():
    y_true, y_prob = np.array([[True, False]]), np.array([[0.2, 0.9]], dtype=np.float32)
    judged, groups = np.ones_like(y_true), np.zeros(1, dtype=np.int64)
    found = quality.confidence(y_true, judged, y_prob, quality.others(y_true, judged, groups))
    assert found[0] == pytest.approx([0.2, 0.1])


def test_the_verdicts_of_a_row_are_not_counted_among_those_of_equal_rows():
    y_true, judged, _, groups = made_up(seed=1)
    equal = quality.others(y_true, judged, groups)
    for row, column in np.ndindex(*y_true.shape):
        assert (equal.n_yes[row, column], equal.n_judged[row, column]) == brute_others(
            y_true, judged, groups, row, column
        )


def test_a_row_is_as_suspicious_as_its_least_likely_yes_and_no_together():
    confident = np.array([[0.9, 0.8, 1.0], [0.1, 0.3, 0.2], [np.nan, np.nan, np.nan], [0.1, 1.0, 1.0]])
    y_true = np.array([[True, False, False], [True, True, False], [False, True, False], [True, False, False]])

    def against(value: float) -> float:
        return -np.log((value + FLOOR) / (1 + FLOOR))

    expected = [against(0.9) + against(0.8), against(0.1) + against(0.2), 0.0, against(0.1)]
    assert quality.suspicion(confident, y_true) == pytest.approx(expected)


def test_one_tag_in_the_place_of_another_is_more_suspicious_than_one_impossible_verdict():
    confident, y_true = np.array([[0.1, 0.1], [0.0, 0.9]]), np.array([[True, False], [True, False]])
    swapped, impossible = quality.suspicion(confident, y_true)
    assert swapped > impossible


def test_no_rows_and_no_labels_are_no_trouble():
    for shape in ((0, 3), (2, 0), (0, 0)):
        nothing = np.zeros(shape, dtype=bool)
        equal = quality.others(nothing, nothing, np.zeros(shape[0], dtype=np.int64))
        confident = quality.confidence(nothing, nothing, np.zeros(shape, dtype=np.float32), equal)
        assert quality.suspicion(confident, nothing).shape == (shape[0],)
        assert quality.outvoted(nothing, nothing, equal).shape == shape
        assert quality.alike(nothing, nothing, np.zeros(shape, dtype=np.float32), ["a", "b", "c"][: shape[1]]) == []


def test_the_minority_of_equal_rows_is_outvoted_and_both_sides_where_it_is_even():
    y_true, judged, _, groups = made_up(seed=2)
    found = quality.outvoted(y_true, judged, quality.others(y_true, judged, groups))
    for row, column in np.ndindex(*y_true.shape):
        n_yes, n_judged = brute_others(y_true, judged, groups, row, column)
        n_same = n_yes if y_true[row, column] else n_judged - n_yes
        disagrees = n_same < n_judged
        assert found[row, column] == (judged[row, column] and disagrees and 2 * (n_same + 1) <= n_judged + 1)


@pytest.mark.parametrize(
    ("one", "other", "nearly"),
    [
        ("groceries", "Grocery", True),
        ("eating out", "Eating-Out", True),
        ("food shopping", "shopping, food", True),
        ("restaurant", "restaurants", True),
        ("home", "home and garden", False),
        ("rent", "train", False),
        ("fuel", "fees", False),
        ("gas", "glass", False),
    ],
)
def test_names_are_nearly_equal_but_for_plurals_punctuation_and_typing_slips(one, other, nearly):
    y_true = np.zeros((1, 2), dtype=bool)
    found = quality.alike(y_true, y_true, np.full((1, 2), np.nan, dtype=np.float32), [one, other])
    assert bool(found) == nearly


def columns(n: int, *rows: range) -> np.ndarray:
    return np.array([[row in each for each in rows] for row in range(n)])


def test_labels_on_nearly_the_same_rows_are_alike_and_counted_only_where_both_are_judged():
    y_true = columns(30, range(10), range(1, 10), range(20, 30))
    judged = np.ones_like(y_true)
    judged[0, 1] = False
    (pair,) = quality.alike(y_true, judged, np.full(y_true.shape, np.nan, dtype=np.float32), ["cat", "dog", "eel"])
    assert (pair.first, pair.second, pair.n_both, pair.n_either) == (0, 1, 9, 9)
    assert (pair.by_name, pair.probabilities) == (False, None)


def test_a_few_rows_that_have_both_labels_say_nothing():
    y_true = columns(30, range(4), range(4))
    assert quality.alike(y_true, np.ones_like(y_true), np.full((30, 2), np.nan, dtype=np.float32), ["cat", "dog"]) == []


def test_two_labels_for_one_thing_are_alike_by_their_probabilities_though_no_row_has_both():
    y_true = columns(30, range(5), range(5, 10), range(10, 20))
    y_prob = np.full((30, 3), 0.01, dtype=np.float32)
    y_prob[:10, :2], y_prob[10:20, 2] = [0.5, 0.45], 0.95
    (pair,) = quality.alike(y_true, np.ones_like(y_true), y_prob, ["cat", "dog", "eel"])
    assert (pair.first, pair.second, pair.n_both) == (0, 1, 0)
    low, high = np.minimum(y_prob[:, 0], y_prob[:, 1]).sum(), np.maximum(y_prob[:, 0], y_prob[:, 1]).sum()
    assert pair.probabilities == pytest.approx(low / high, rel=1e-6)
