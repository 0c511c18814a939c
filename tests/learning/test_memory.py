from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tagger.learning.memory import Memory, later_batch_predictions


def verdicts(*rows):
    """One string per row, one mark per label: + yes, - no, ? not judged."""
    marks = np.array([list(row) for row in rows])
    return marks == "+", marks != "?"


def told(memory, key):
    answer = memory.lookup([key])
    marks = np.where(answer.judged, np.where(answer.y_true, "+", "-"), "?")
    return "".join(marks[0]), int(answer.counts[0]), bool(answer.conflict[0])


@pytest.mark.parametrize(
    ("rows", "answer", "conflict"),
    [
        (["+-?"], "+-?", False),
        (["+", "+", "-"], "+", True),
        (["+", "-", "-"], "-", True),
        (["+", "-"], "-", True),
        (["-", "+"], "+", True),
        (["-+", "+-", "+?", "??"], "+-", True),
        (["+?", "?-"], "+-", False),
    ],
)
def test_the_majority_answers_and_the_latest_row_where_it_is_even(rows, answer, conflict):
    y_true, judged = verdicts(*rows)
    memory = Memory.from_judged(["tesco"] * len(rows), y_true, judged)
    assert told(memory, "tesco") == (answer, judged.any(axis=1).sum(), conflict)


def test_keys_do_not_disturb_each_other():
    keys = ["tesco", "shell", "tesco", "shell", "rent"]
    memory = Memory.from_judged(keys, *verdicts("+-", "-+", "+-", "-+", "--"))
    assert [told(memory, key) for key in ("tesco", "shell", "rent", "boots")] == [
        ("+-", 2, False),
        ("-+", 2, False),
        ("--", 1, False),
        ("??", 0, False),
    ]
    assert memory.lookup(["boots", "rent"]).found.tolist() == [False, True]


def test_rows_that_nobody_judged_and_empty_keys_are_not_remembered():
    memory = Memory.from_judged(["tesco", ""], *verdicts("??", "+-"))
    assert len(memory) == 0
    assert not memory.lookup(["tesco", ""]).found.any()


def test_many_rows_agree_with_counting_one_by_one():
    rng = np.random.default_rng(0)
    keys = [f"shop {number}" for number in rng.integers(0, 40, 300)]
    y_true, judged = rng.random((300, 3)) < 0.5, rng.random((300, 3)) < 0.6
    memory = Memory.from_judged(keys, y_true, judged)
    for key in set(keys):
        rows = [row for row in range(300) if keys[row] == key]
        answer = memory.lookup([key])
        for label in range(3):
            said = [bool(y_true[row, label]) for row in rows if judged[row, label]]
            count = Counter(said)
            expected = said[-1] if said and count[True] == count[False] else count[True] > count[False]
            assert answer.judged[0, label] == bool(said)
            assert answer.y_true[0, label] == expected
        assert answer.counts[0] == sum(judged[row].any() for row in rows)


def test_a_later_batch_is_answered_from_memory_where_its_description_is_known():
    keys = ["tesco"] * 50 + [f"once {number}" for number in range(50)]
    y_true = np.array([[key == "tesco"] for key in keys])
    batch = later_batch_predictions(keys, y_true, np.ones_like(y_true), ~y_true, n_folds=5, seed=0)
    assert batch.share_remembered == 0.5
    assert batch.y_pred[:50].all()  # right, from memory
    assert batch.y_pred[50:].all()  # wrong, from the predictions
    assert batch.from_memory[:50].all()
    assert not batch.from_memory[50:].any()
    assert not batch.conflict.any()


def test_a_row_never_answers_itself():
    keys = [f"once {number}" for number in range(20)]
    y_true = np.ones((20, 1), dtype=bool)
    batch = later_batch_predictions(keys, y_true, np.ones_like(y_true), np.zeros_like(y_true), n_folds=5, seed=0)
    assert not batch.y_pred.any()
    assert batch.share_remembered == 0.0


def test_labels_that_memory_leaves_open_are_predicted():
    y_true, judged = verdicts(*["+?"] * 10)
    y_pred = np.tile([False, True], (10, 1))
    batch = later_batch_predictions(["tesco"] * 10, y_true, judged, y_pred, n_folds=2, seed=0)
    assert batch.y_pred.all()
    assert (batch.from_memory == [True, False]).all()


def test_answers_from_verdicts_that_disagree_are_marked():
    keys = ["tesco"] * 6 + ["aldi"] * 6
    y_true = np.array([[number in {0, 1}] for number in range(12)])
    batch = later_batch_predictions(keys, y_true, np.ones_like(y_true), ~y_true, n_folds=12, seed=0)
    # Each of tesco's rows is answered by the other five, of which at least one says yes.
    assert batch.conflict.tolist() == [True] * 6 + [False] * 6
    assert not batch.y_pred.any()


def test_without_judged_rows_there_is_no_share():
    nothing = np.zeros((4, 2), dtype=bool)
    assert later_batch_predictions(list("abcd"), nothing, nothing, nothing, n_folds=2, seed=0).share_remembered is None
