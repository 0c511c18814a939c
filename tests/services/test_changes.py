"""The transactions whose tags differ between two runs: every one, and right or wrong where that is known."""

from __future__ import annotations

import numpy as np
import pytest
from steps import a_b_and_c, add_scored_run, flipped, import_csv, truth

from tagger.services import runs
from tagger.services.changes import changes
from tagger.services.pairs import pair
from tagger.services.store import Store
from tagger.services.view import ABSENT


@pytest.fixture
def judged(store: Store) -> Store:
    import_csv(store, a_b_and_c())
    return store


def test_reviewed_transactions_are_right_or_wrong_and_what_is_wrong_comes_first(judged):
    # b: misses nothing before and 3 descriptions after; a: misses 5 before and none after.
    before, after = flipped(judged, "a", missed=5), flipped(judged, "b", missed=3)
    add_scored_run(judged, before, promote=True)
    found = changes(pair(judged, add_scored_run(judged, after).run_id))
    assert found.counts == {"wrong": 6, "mixed": 0, "right": 10, "not reviewed": 0}
    assert [row.outcome for row in found.rows] == ["wrong"] * 3 + ["right"] * 5
    assert {row.count for row in found.rows} == {2}
    assert {(row.before, row.after) for row in found.rows if row.outcome == "right"} == {((), ("a",))}
    assert {(row.before, row.after) for row in found.rows if row.outcome == "wrong"} == {
        (("a", "b"), ("a",)),
    }


def test_a_transaction_with_a_right_and_a_wrong_turn_is_mixed(judged):
    names = [label.name for label in judged.view().labels]
    before, after = truth(judged).copy(), truth(judged).copy()
    row = judged.view().columns.descriptions.index("SHOP vaa")  # number 21: a and b
    before[row, names.index("a")] = after[row, names.index("b")] = False
    add_scored_run(judged, before, promote=True)
    found = changes(pair(judged, add_scored_run(judged, after).run_id))
    assert [(row.before, row.after, row.outcome, row.count) for row in found.rows] == [(("b",), ("a",), "mixed", 1)]
    assert found.rows[0].reviewed == ("a", "b")


def test_open_transactions_are_listed_as_promoting_changes_them(judged):
    rng = np.random.default_rng(0)
    n_rows, n_labels = truth(judged).shape
    groups = judged.view().columns.group_index
    said = [(rng.random((120, n_labels)) < 0.4)[groups] for _ in range(2)]
    add_scored_run(judged, truth(judged), says=said[0], promote=True)
    run_id = add_scored_run(judged, truth(judged), says=said[1]).run_id
    found = changes(pair(judged, run_id), size=1000)
    view = judged.view()
    was = view.sources != ABSENT
    runs.promote(judged, run_id)
    now = judged.view().sources != ABSENT
    names = np.array([label.name for label in view.labels])
    expected: dict[tuple, int] = {}
    for row in np.flatnonzero((was != now).any(axis=1)).tolist():
        key = (view.columns.descriptions[row], tuple(names[was[row]]), tuple(names[now[row]]))
        expected[key] = expected.get(key, 0) + 1
    assert {(row.description, row.before, row.after): row.count for row in found.rows} == expected
    assert {(row.outcome, row.reviewed) for row in found.rows} == {("not reviewed", None)}
    assert found.counts["not reviewed"] == sum(expected.values()) > 0
    assert n_rows == 240


def test_pages_follow_each_other_without_a_gap(judged):
    add_scored_run(judged, flipped(judged, "a", missed=7), promote=True)
    two = pair(judged, add_scored_run(judged, flipped(judged, "b", missed=4)).run_id)
    whole = changes(two)
    pages = [changes(two, start=start, size=4) for start in (0, 4, 8)]
    assert [row for page in pages for row in page.rows] == list(whole.rows)
    assert len(whole.rows) == 11
    assert {page.n_rows for page in pages} == {11}
    assert all(page.counts == whole.counts for page in pages)


def test_a_run_beside_itself_changes_nothing(judged):
    run = add_scored_run(judged, flipped(judged, "a", missed=7), promote=True)
    assert changes(pair(judged, run.run_id)).rows == ()
