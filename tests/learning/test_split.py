from __future__ import annotations

import time

import numpy as np
import pytest

from tagger.learning.split import grouped_folds


def case(seed=0, n=2_000, n_groups=600, n_labels=12):
    """Descriptions that repeat unevenly; labels that belong to the description, from common to very rare."""
    rng = np.random.default_rng(seed)
    groups = (n_groups * rng.random(n) ** 2).astype(np.int64)
    of_group = rng.random((n_groups, n_labels)) < 0.4 * 0.7 ** np.arange(n_labels)
    y_true = of_group[groups]
    return groups, y_true, np.ones_like(y_true)


@pytest.mark.parametrize("seed", range(3))
def test_rows_of_one_group_stay_together(seed):
    groups, y_true, judged = case(seed)
    folds = grouped_folds(groups, y_true, judged, 5, seed)
    assert all(np.unique(folds[groups == group]).size == 1 for group in np.unique(groups))
    assert np.unique(folds).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(3))
def test_every_label_is_spread_over_the_folds(seed):
    groups, y_true, judged = case(seed)
    folds = grouped_folds(groups, y_true, judged, 5, seed)
    for label in y_true.T:
        per_fold = np.array([np.unique(groups[label & (folds == fold)]).size for fold in range(5)])
        even = per_fold.sum() / 5
        assert np.all(np.abs(per_fold - even) <= max(1.0, 0.15 * even)), per_fold


@pytest.mark.parametrize("seed", range(3))
def test_no_fold_is_a_quarter_too_large(seed):
    groups, y_true, judged = case(seed)
    sizes = np.bincount(grouped_folds(groups, y_true, judged, 5, seed))
    assert sizes.max() <= 1.25 * sizes.mean(), sizes


def test_a_group_with_most_rows_leaves_the_others_to_the_other_folds():
    groups = np.r_[np.zeros(500, dtype=np.int64), np.arange(1, 401)]
    y_true = np.ones((900, 1), dtype=bool)
    sizes = np.bincount(grouped_folds(groups, y_true, np.ones_like(y_true), 5, 0))
    assert sorted(sizes.tolist()) == [100, 100, 100, 100, 500]


def test_equal_seeds_give_equal_folds_and_other_seeds_others():
    first, again, other = (grouped_folds(*case(), 5, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("n_groups", "n_folds"), [(0, 0), (1, 1), (3, 3), (5, 5), (6, 5)])
def test_with_few_groups_there_are_as_many_folds_as_groups(n_groups, n_folds):
    groups = np.repeat(np.arange(n_groups), 4)
    y_true = np.zeros((groups.size, 2), dtype=bool)
    folds = grouped_folds(groups, y_true, np.ones_like(y_true), 5, 0)
    assert np.unique(folds).tolist() == list(range(n_folds))


def test_a_label_that_is_nearly_always_yes_is_spread_by_its_no():
    y_true = np.ones((100, 1), dtype=bool)
    y_true[:5] = False
    folds = grouped_folds(np.arange(100), y_true, np.ones_like(y_true), 5, 0)
    assert sorted(folds[:5].tolist()) == [0, 1, 2, 3, 4]


def test_what_is_not_judged_does_not_steer_the_folds():
    groups, y_true, judged = case()
    judged[:, 4] = False
    flipped = y_true.copy()
    flipped[:, 4] ^= True
    assert np.array_equal(grouped_folds(groups, y_true, judged, 5, 0), grouped_folds(groups, flipped, judged, 5, 0))


def test_fifty_thousand_rows_with_sixty_labels_take_seconds():
    rng = np.random.default_rng(0)
    y_true = rng.random((50_000, 60)) < 0.05
    start = time.process_time()
    grouped_folds(np.arange(50_000), y_true, np.ones_like(y_true), 5, 0)
    assert time.process_time() - start < 3


@pytest.mark.parametrize("seed", range(3))
def test_groups_stay_in_the_folds_of_before_and_new_ones_even_them_out(seed):
    groups, y_true, judged = case(seed)
    old = groups < 400
    kept = np.full(groups.size, -1)
    kept[old] = grouped_folds(groups[old], y_true[old], judged[old], 5, seed)
    kept[old & (kept == 4)] = 3  # as if the fifth fold had been undone
    folds = grouped_folds(groups, y_true, judged, 5, seed + 1, kept=kept)
    assert np.array_equal(folds[kept >= 0], kept[kept >= 0])
    assert all(np.unique(folds[groups == group]).size == 1 for group in np.unique(groups))
    new = folds[~old]
    assert np.count_nonzero(new == 4) > 2 * np.count_nonzero(new == 3)


def test_a_group_whose_rows_were_apart_stays_with_its_first_row_and_folds_that_are_none_are_forgotten():
    groups = np.repeat(np.arange(10), 2)
    y_true = np.ones((20, 1), dtype=bool)
    kept = np.full(20, -1)
    kept[[0, 1]] = 3, 1
    kept[2] = 7
    folds = grouped_folds(groups, y_true, np.ones_like(y_true), 5, 0, kept=kept)
    assert folds[0] == folds[1] == 3
    assert folds.max() == 4
    again = grouped_folds(groups, y_true, np.ones_like(y_true), 5, 0, kept=folds)
    assert np.array_equal(again, folds)
    with pytest.raises(ValueError, match="Shapes"):
        grouped_folds(groups, y_true, np.ones_like(y_true), 5, 0, kept=kept[1:])
