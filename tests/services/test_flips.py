"""Flips: what changes between two sets of thresholds, whether it is right, and rows to judge it on."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from steps import (
    a_b_and_c,
    add_made_up_run,
    do,
    import_csv,
    out_of_fold,
    scatter,
    shows,
    statement,
    undo,
)

from tagger.labels.truth import NO, NOT_JUDGED, YES
from tagger.services import flips, tuning
from tagger.services.review import FLIP
from tagger.services.store import Store
from tagger.services.view import ABSENT

LABELS = (1, 2, 3, 4)
BEFORE = {1: 0.5, 2: 0.3, 3: 0.7}
HALF = dict.fromkeys(LABELS, 0.5)
MOVES = [
    {1: 0.6},
    {1: 0.4},
    {1: float(np.nextafter(0.5, 1))},
    {1: 0.5},
    {2: 0.0, 3: 1.0},
    {1: 0.1, 2: 0.9, 3: 0.2},
    {},
]
JUDGED_MOVES = [{1: 0.2}, {1: 0.7}, {1: float(np.nextafter(0.6, 0)), 2: 0.4}, {1: 0.0, 2: 1.0, 3: 0.3, 4: 0.9}, {}]


def furnish(store: Store) -> None:
    """200 judged rows of 100 descriptions, 5 without one (2 of them judged), and a run with out-of-fold scores."""
    nameless = ("2024-05-01,,-1.00,a", "2024-05-02,,-2.00,a|b", "2024-05-03,,-3.00,", "2024-05-04,,-4.00,")
    import_csv(store, a_b_and_c() + statement(*nameless).split("\n", 1)[1])
    view = store.view()
    draw = np.random.default_rng(1)
    grid = np.linspace(0, 1, 11)
    made_up = draw.choice(grid, size=(len(view.columns), 4))
    says = draw.choice(grid, size=(len(view.columns.texts), 4))
    add_made_up_run(store, says, [0.5] * 4, LABELS, evidence=out_of_fold(store, made_up))


@pytest.fixture
def scattered(prepared) -> Store:
    return prepared(scatter)


@pytest.fixture
def furnished(prepared) -> Store:
    return prepared(furnish)


def of_kind(found: flips.Flips, *kinds: str) -> list[flips.Flip]:
    return [flip for flip in found.groups if flip.kind in kinds]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_flips_are_what_rebuilding_every_tag_at_both_thresholds_changes(scattered, move):
    view = scattered.view()
    after = {**BEFORE, **move}
    was, will = shows(view, BEFORE), shows(view, after)
    found = tuning.flips(scattered, BEFORE, after)
    assert found.n_gained == np.count_nonzero(will & ~was)
    assert found.n_lost == np.count_nonzero(was & ~will)
    assert found.n_transactions == np.count_nonzero((was != will).any(axis=1))
    expected = Counter(
        (view.columns.descriptions[row], view.labels[column].id, bool(will[row, column]))
        for row, column in zip(*np.nonzero(was != will), strict=True)
    )
    assert {(flip.description, flip.label.id, flip.gains): flip.count for flip in found.groups} == expected
    assert [flip.count for flip in found.groups] == sorted((flip.count for flip in found.groups), reverse=True)
    for flip in found.groups:
        assert (flip.probability >= after[flip.label.id]) == flip.gains
        assert (flip.probability >= BEFORE[flip.label.id]) != flip.gains


def test_flips_asked_for_again_after_other_thresholds_are_the_same(scattered):
    first = [tuning.flips(scattered, BEFORE, BEFORE | move) for move in MOVES]
    assert [tuning.flips(scattered, BEFORE, BEFORE | move) for move in MOVES] == first
    backwards = tuning.flips(scattered, BEFORE | MOVES[5], BEFORE)
    assert (backwards.n_gained, backwards.n_lost) == (first[5].n_lost, first[5].n_gained)


def test_what_people_or_memory_decided_does_not_flip(scattered):
    view = scattered.view()
    decided = view.truth.values != NOT_JUDGED
    decided |= view.remembered.judged[view.columns.fold_index]
    everything = tuning.flips(scattered, dict.fromkeys((1, 2, 3), 2.0), dict.fromkeys((1, 2, 3), 0.0))
    assert everything.n_gained == np.count_nonzero(~decided) < decided.size
    assert everything.n_lost == 0


@pytest.mark.parametrize("move", JUDGED_MOVES, ids=str)
def test_judged_flips_are_right_or_wrong_by_verdicts_and_out_of_fold_scores(furnished, move):
    view, after = furnished.view(), HALF | move
    scores = furnished.bundle(view.tagging.run_id).evidence["y_prob"]
    expected: Counter[tuple[str, int, str, bool]] = Counter()
    for row, own in zip(sorted(view.judged_rows.tolist()), scores.tolist(), strict=True):
        for column, label in enumerate(view.labels):
            was, will = own[column] >= HALF[label.id], own[column] >= after[label.id]
            said = view.truth.values[row, column]
            if was != will and said != NOT_JUDGED:
                kind = "right" if will == (said == YES) else "wrong"
                expected[view.columns.descriptions[row], label.id, kind, will] += 1
    found = tuning.flips(furnished, HALF, after, 1000)
    judged = of_kind(found, "right", "wrong")
    assert {(flip.description, flip.label.id, flip.kind, flip.gains): flip.count for flip in judged} == expected
    assert (found.n_right, found.n_wrong) == tuple(
        sum(count for key, count in expected.items() if key[2] == kind) for kind in ("right", "wrong")
    )
    for flip in judged:
        assert (flip.probability >= after[flip.label.id]) == flip.gains != (flip.probability >= HALF[flip.label.id])


def test_open_flips_come_before_wrong_and_right_ones_each_largest_first(furnished):
    found = tuning.flips(furnished, HALF, dict.fromkeys(LABELS, 0.2))
    assert list(dict.fromkeys(flip.kind for flip in found.groups)) == ["open", "wrong", "right"]
    for kind in ("open", "wrong", "right"):
        ordered = [(-flip.count, flip.description) for flip in of_kind(found, kind)]
        assert ordered == sorted(ordered)
        assert len(ordered) > 3


def test_only_the_largest_groups_of_each_kind_are_listed_and_all_are_counted(furnished):
    after = dict.fromkeys(LABELS, 0.2)
    everything = tuning.flips(furnished, HALF, after)
    found = tuning.flips(furnished, HALF, after, 3)
    for kind in ("open", "wrong", "right"):
        assert [flip.count for flip in of_kind(found, kind)] == [flip.count for flip in of_kind(everything, kind)][:3]
    assert asdict(found) | {"groups": ()} == asdict(everything) | {"groups": ()}


@pytest.mark.parametrize("value", ["yes", "no"])
def test_a_verdict_on_the_row_of_an_open_flip_answers_all_of_its_description(furnished, value):
    view, after = furnished.view(), dict.fromkeys(LABELS, 0.2)
    flip = next(flip for flip in of_kind(tuning.flips(furnished, HALF, after), "open") if flip.transaction_ids)
    column, fold = view.column_of[flip.label.id], view.columns.folds.index(flip.description.casefold())
    rows = np.flatnonzero(view.columns.fold_index == fold)
    assert rows.size == flip.count > len(flip.transaction_ids) == 1
    do(
        furnished,
        kind="verdict",
        transactions=list(flip.transaction_ids),
        label=flip.label.id,
        value=value,
        reason=FLIP,
    )
    assert ((furnished.view().sources[rows, column] != ABSENT) == (value == "yes")).all()
    left = of_kind(tuning.flips(furnished, HALF, after), "open")
    assert (flip.description, flip.label.id) not in {(other.description, other.label.id) for other in left}


def test_a_verdict_on_the_rows_of_a_judged_flip_changes_all_of_them_and_is_taken_back_at_once(furnished):
    view, after = furnished.view(), dict.fromkeys(LABELS, 0.2)
    wrong = next(flip for flip in of_kind(tuning.flips(furnished, HALF, after), "wrong") if flip.count > 1)
    rows = [view.columns.row_of_id[public_id] for public_id in wrong.transaction_ids]
    column = view.column_of[wrong.label.id]
    assert len(rows) == wrong.count
    assert {view.columns.descriptions[row] for row in rows} == {wrong.description}
    assert set(view.truth.values[rows, column].tolist()) == {NO}  # a gain that is wrong
    step = do(furnished, kind="verdict", transactions=list(wrong.transaction_ids), label=wrong.label.id, value="yes")
    assert set(furnished.view().truth.values[rows, column].tolist()) == {YES}
    again = tuning.flips(furnished, HALF, after)
    (turned,) = [flip for flip in again.groups if (flip.description, flip.label) == (wrong.description, wrong.label)]
    assert (turned.kind, turned.count) == ("right", wrong.count)
    undo(furnished, step)
    assert np.array_equal(furnished.view().truth.values, view.truth.values)


def test_rows_without_a_description_are_counted_but_no_verdict_speaks_for_them_together(furnished):
    found = tuning.flips(furnished, dict.fromkeys(LABELS, 1.0), dict.fromkeys(LABELS, 0.0), 1000)
    nameless = [flip for flip in found.groups if not flip.description]
    assert {flip.kind for flip in nameless} == {"open", "right", "wrong"}
    assert [flip.transaction_ids for flip in nameless] == [()] * len(nameless)
    assert all(flip.transaction_ids for flip in found.groups if flip.description)


def test_flips_can_be_sent_to_a_browser(furnished):
    after = {label: np.float64(0.2) for label in LABELS}
    found = tuning.flips(furnished, HALF, after)
    assert {flip.kind for flip in found.groups} == {"open", "right", "wrong"}
    assert json.loads(json.dumps(asdict(found)))["n_right"] == found.n_right


def test_nothing_moved_is_no_flip_and_a_label_that_is_not_there_any_more_neither(furnished):
    for after in (HALF, HALF | {99: 0.1}):
        found = tuning.flips(furnished, HALF | {99: 0.2}, after)
        assert asdict(found) == {
            "n_gained": 0,
            "n_lost": 0,
            "n_transactions": 0,
            "n_right": 0,
            "n_wrong": 0,
            "groups": (),
        }
