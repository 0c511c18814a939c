from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from tagger.learning import queue

NAN = float("nan")
NOBODY = np.zeros((0, 6), dtype=np.float32)


def shops(n: int = 30, d: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random directions and weights."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)).astype(np.float32), rng.random(n) * 10


def spread(vectors: np.ndarray, weight: np.ndarray, n_picks: int, known: np.ndarray = NOBODY) -> list[queue.Chosen]:
    return queue.spread(weight, vectors.__getitem__, n_picks, known=known, seed=0)


def plain_greedy(vectors: np.ndarray, weight: np.ndarray, n_picks: int, known: np.ndarray) -> list[int]:
    """The definition: every gain computed anew for every pick."""
    centre = np.concatenate([vectors, known]).mean(axis=0)
    points, others = (
        (each - centre) / np.linalg.norm(each - centre, axis=1, keepdims=True) for each in (vectors, known)
    )
    alike = np.clip(points @ points.T, 0, None) ** 2
    covered = (np.clip(points @ others.T, 0, None) ** 2).max(axis=1) if len(others) else np.zeros(len(points))
    picks: list[int] = []
    for _ in range(n_picks):
        gains = [float(weight @ np.clip(row - covered, 0, None)) for row in alike]
        best = max(set(range(len(points))) - set(picks), key=lambda place: gains[place])
        picks.append(best)
        covered = np.maximum(covered, alike[best])
    return picks


def test_uncertainty_is_the_entropy_of_the_open_labels():
    y_prob = np.array([[0.5, 0.1], [0.0, 1.0], [0.5, 0.3]], dtype=np.float32)
    is_open = np.array([[True, True], [True, True], [False, True]])
    expected = [1 + scipy_entropy([0.1, 0.9], base=2), 0, scipy_entropy([0.3, 0.7], base=2)]
    assert queue.uncertainty(y_prob, is_open) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("y_prob", "expected"),
    [
        ([[0.5, NAN], [NAN, NAN]], [1, 1]),  # nothing said: as doubtful as the others are
        ([[0.5, 0.5], [0.0, 0.0], [NAN, NAN]], [2, 0, 1]),
        ([[NAN, NAN], [NAN, NAN]], [1, 1]),  # no model at all
        ([[], []], [1, 1]),  # no label either
    ],
)
def test_a_description_without_predictions_counts_as_the_others_do(y_prob, expected):
    y_prob = np.array(y_prob, dtype=np.float32)
    assert queue.uncertainty(y_prob, np.ones(y_prob.shape, dtype=bool)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_known", [0, 1, 8])
def test_picks_are_those_of_plain_greedy_search(seed, n_known):
    vectors, weight = shops(seed=seed)
    known = shops(n_known, seed=100 + seed)[0]
    found = [pick.place for pick in spread(vectors, weight, 12, known)]
    assert found == plain_greedy(vectors, weight, 12, known)


def test_of_many_near_copies_one_is_picked_before_all_that_differ():
    vectors, _ = shops(4)
    copies = vectors[0] + 0.01 * shops(5, seed=1)[0]
    everything = np.concatenate([vectors, copies])
    weight = np.array([10.0, 4, 3, 2, 9, 9, 9, 9, 9])
    first = {pick.place for pick in spread(everything, weight, 4)}
    assert first & {0, *range(4, 9)}
    assert {1, 2, 3} <= first


def test_what_resembles_a_judged_description_can_wait():
    vectors, _ = shops(3)
    found = spread(vectors, np.array([3.0, 2, 1]), 3, known=vectors[:1] * 1.001)
    assert [pick.place for pick in found] == [1, 2, 0]
    assert found[2].nearness == pytest.approx(1, abs=1e-3)


def test_descriptions_without_embeddings_come_by_weight():
    weight = np.array([1.0, 5, 3])
    found = spread(np.zeros((3, 6), dtype=np.float32), weight, 9)
    assert [pick.place for pick in found] == [1, 2, 0], "each once, and no more than there are"
    assert {pick.nearness for pick in found} == {None}


def test_nothing_to_pick_from_gives_nothing():
    assert spread(NOBODY, np.zeros(0), 5) == []


def test_of_many_descriptions_the_heaviest_and_some_of_the_rest_are_compared(monkeypatch):
    monkeypatch.setattr(queue, "HEAVIEST", 5)
    monkeypatch.setattr(queue, "DRAWN", 10)
    vectors, weight = shops(200, seed=3)
    asked: list[np.ndarray] = []

    def vectors_of(places: np.ndarray) -> np.ndarray:
        asked.append(places)
        return vectors[places]

    found = [pick.place for pick in queue.spread(weight, vectors_of, 15, known=NOBODY, seed=0)]
    again = [pick.place for pick in queue.spread(weight, vectors_of, 15, known=NOBODY, seed=0)]
    assert found == again
    assert len(set(found)) == 15
    assert set(asked[0].tolist()) == set(found)
    assert set(np.argsort(-weight)[:5].tolist()) <= set(found)


@pytest.mark.parametrize(
    ("y_prob", "thresholds", "expected"),
    [
        ([0.5, 0.9], [0.5, 0.5], [0]),
        ([0.74, 0.76], [0.5, 0.5], [0]),
        ([0.26, 0.24], [0.5, 0.5], [0]),
        ([0.6, 0.5], [0.5, 0.5], [1, 0]),
        ([0.1, 0.1], [0.1, 0.5], [0]),  # a threshold is where a decision turns
        ([0.9, 0.9], [0.9, 0.5], [0]),
        ([0.5, 0.5, 0.5], [0.5, 0.4, 0.5], [0, 2]),
        ([NAN, 0.5], [NAN, 0.5], [1]),
        ([0.01, 0.99], [0.5, 0.5], []),
    ],
)
def test_doubtful_labels_are_those_nearest_to_their_thresholds(y_prob, thresholds, expected):
    y_prob = np.array([y_prob], dtype=np.float32)
    found = queue.doubtful_labels(y_prob, np.array(thresholds), np.ones(y_prob.shape, dtype=bool))
    assert found == [expected]


@pytest.mark.parametrize(("probability", "named"), [(0.05, False), (0.074, False), (0.08, True), (0.14, True)])
def test_a_rare_label_is_in_doubt_only_where_it_is_given(probability, named):
    """With a threshold of .075 next to every description would lie near it."""
    found = queue.doubtful_labels(np.array([[probability]], dtype=np.float32), np.array([0.075]), np.array([[True]]))
    assert found == [[0] if named else []]


def test_a_label_that_was_judged_is_not_in_doubt():
    y_prob = np.array([[0.5, 0.45]], dtype=np.float32)
    assert queue.doubtful_labels(y_prob, np.full(2, 0.5), np.array([[False, True]])) == [[1]]


def test_a_random_order_stays_when_others_come_or_go():
    keys = np.arange(1000)
    order = keys[queue.random_order(keys, 7)]
    fewer = keys[keys % 3 != 0]
    assert fewer[queue.random_order(fewer, 7)].tolist() == [key for key in order.tolist() if key % 3]
    assert sorted(order.tolist()) == keys.tolist()
    assert order.tolist() != keys[queue.random_order(keys, 8)].tolist()


def test_every_key_is_as_likely_as_any_other_to_come_first():
    keys = np.arange(1, 11)
    first = [int(keys[queue.random_order(keys, seed)][0]) for seed in range(5000)]
    counts = np.bincount(first, minlength=11)[1:]
    # Five standard deviations of a binomial draw.
    assert np.all(np.abs(counts - 500) < 5 * np.sqrt(5000 * 0.1 * 0.9))


@pytest.mark.parametrize(
    ("chosen", "audit", "n_picks", "expected"),
    [
        (range(10), [90, 91, 92], 7, [0, 1, 2, 3, -90, 4, 5]),
        (range(30), [90, 91, 92], 16, [0, 1, 2, 3, -90, *range(4, 13), -91, 13]),
        (range(9), [3], 9, [0, 1, 2, 4, -3, 5, 6, 7, 8]),
        (range(3), [90], 9, [0, 1, 2]),
        (range(3), [1], 9, [0, 1, 2]),  # too short for a random pick, so nothing gives way to it
        (range(9), [93], 9, [0, 1, 2, 4, -93, 5, 6, 7, 8]),  # row 93 has the description of row 3
        (range(9), [], 9, list(range(9))),
    ],
)
def test_every_tenth_pick_is_a_random_one_and_no_description_comes_twice(chosen, audit, n_picks, expected):
    group = np.arange(100)
    group[93] = 3
    found = queue.mix(list(chosen), audit, n_picks, group=group)
    assert [-row if is_audit else row for row, is_audit in found] == expected


def test_likeness_is_one_for_the_same_direction_and_none_for_a_right_angle():
    vectors = np.array([[2, 0], [0, 3], [-1, 0], [1, 1]], dtype=np.float32)
    assert queue.likeness(vectors, np.array([[1, 0]], dtype=np.float32)) == pytest.approx([1, 0, 0, 0.25])
