"""What thresholds reach, counted by pairs of input and description, against counting every row."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tagger.labels.labelset import Label
from tagger.labels.truth import NO, NOT_JUDGED, YES, Judgement, Truth
from tagger.services.columns import Columns
from tagger.services.reach import STEPS, Pairs, Reach
from tagger.services.view import ABSENT, PREDICTED, Tagging, View
from tagger.storage.transactions import LoadedRow

# Missing; equal but for case; of one text, since long numbers are left out, and yet not equal.
DESCRIPTIONS = ["", "   ", "TESCO", "tesco", "SHELL 11111", "SHELL 22222", "Shell 22222", "RENT"]
AMOUNTS = [None, "-1.00", "-700.00"]  # of different size, so that inputs of one text differ
DAYS = [None, date(2024, 3, 1), date(2024, 3, 31), date(2024, 4, 1), date(2023, 3, 5)]
UNKNOWN = 3  # the label that no model knows
THIRDS = [np.float32(step / STEPS) for step in (0, 1, 300, 301, 500, 999, 1000)]
SCORES = sorted(
    {float(near) for score in THIRDS for near in (score, *np.nextafter(score, np.array([0, 1], dtype=np.float32)))}
    | {0.2, 0.3337, 0.77}
)
STEPS_ASKED = [0, 1, 2, 200, 299, 300, 301, 302, 499, 500, 501, 998, 999, 1000]

thresholds_of_a_label = st.one_of(
    st.sampled_from(SCORES),
    st.sampled_from(STEPS_ASKED).map(lambda step: step / STEPS),
    st.sampled_from([0.1 + 0.2, float(np.nextafter(0.3, 1)), float(np.nextafter(0.5, 0))]),
    st.floats(0, 1),
)
thresholds = st.tuples(*[thresholds_of_a_label] * 3).map(lambda values: np.array([*values, math.nan]))


@dataclass(frozen=True)
class Said:
    """One judgement in short: a confirmation of all labels but the unknown one, or one verdict."""

    row: int
    label: int
    value: int
    confirms: bool = False


def view_of(rows, probabilities, said) -> View:
    """A view of rows (description, amount, day); probabilities are given out to inputs in turn."""
    columns = Columns(
        [
            [
                LoadedRow(row + 1, f"{row:032x}", "bank", day and day.isoformat(), description, amount, "GBP", "main")
                for row, (description, amount, day) in enumerate(rows)
            ]
        ]
    )
    inputs = columns.inputs(frozenset({"amount"}))
    labels = tuple(Label(number + 1, f"label {number}", color="green") for number in range(4))
    truth = Truth(len(rows), [label.id for label in labels])
    for seq, each in enumerate(said, start=1):
        if each.confirms:
            judgement = Judgement(seq, each.row, covers=(1, 2, 3), present=(each.label + 1,))
        else:
            judgement = Judgement(seq, each.row, label_id=each.label + 1, value=each.value)
        truth.apply([judgement])
    table = np.array(probabilities, dtype=np.float32).reshape(-1, 4)[: len(inputs.keys)]
    table[:, UNKNOWN] = math.nan
    tagging = Tagging("run", None, table, inputs.index, np.array([0.5, 0.3, 0.7, math.nan]), np.zeros(4, dtype=bool), 0)
    return View(columns, labels, truth, tagging, frozenset())


scores_of_an_input = st.one_of(
    st.just([math.nan] * 4),  # waits for the encoder
    st.lists(st.sampled_from(SCORES), min_size=4, max_size=4),
)


@st.composite
def views(draw) -> View:
    rows = draw(
        st.lists(st.tuples(st.sampled_from(DESCRIPTIONS), st.sampled_from(AMOUNTS), st.sampled_from(DAYS)), max_size=14)
    )
    probabilities = draw(st.lists(scores_of_an_input, min_size=len(rows), max_size=len(rows)))
    said = st.builds(
        Said,
        row=st.integers(0, max(0, len(rows) - 1)),
        label=st.integers(0, 3),
        value=st.sampled_from([YES, NO, NO, NOT_JUDGED]),
        confirms=st.sampled_from([False, False, True]),
    )
    return view_of(rows, probabilities, draw(st.lists(said, max_size=6)) if rows else [])


def reach_of(view: View) -> Reach:
    return Reach(view, Pairs.of(view.columns, view.tagging.index), np.ascontiguousarray(view.tagging.probabilities.T))


def sources(view: View, values: np.ndarray) -> np.ndarray:
    """Every cell at other thresholds: the brute force."""
    return replace(view, tagging=replace(view.tagging, thresholds=np.asarray(values, dtype=float))).sources


def given_by_model(view: View, values) -> np.ndarray:
    return sources(view, values) == PREDICTED


@settings(max_examples=400, deadline=None)
@given(views(), st.lists(thresholds, min_size=1, max_size=5))
def test_tags_and_rows_without_any_are_those_of_every_row_in_whatever_order_thresholds_are_asked_for(view, asked):
    reach = reach_of(view)
    for values in [*asked, *reversed(asked), np.full(4, math.nan), asked[0]]:
        found, shown = reach.shown(values), sources(view, values) != ABSENT
        by_the_model = sources(view, values) == PREDICTED
        assert reach.answered.tolist() == (shown & ~by_the_model).sum(axis=0).tolist()
        assert found.n_tags == np.count_nonzero(shown)
        assert found.n_untagged == np.count_nonzero(~shown.any(axis=1))


@settings(max_examples=400, deadline=None)
@given(views(), thresholds)
def test_what_the_model_gives_at_each_step_and_at_any_threshold_is_what_every_row_gets(view, values):
    reach = reach_of(view)
    for column, value in enumerate(values.tolist()):
        assert reach.given(column, value) == np.count_nonzero(given_by_model(view, values)[:, column])
    assert reach.at_steps.shape == (4, STEPS + 1)
    for step in STEPS_ASKED:
        expected = np.count_nonzero(given_by_model(view, [step / STEPS] * 4), axis=0)
        assert reach.at_steps[:, step].tolist() == expected.tolist()
    assert not reach.at_steps[UNKNOWN].any()


@settings(max_examples=300, deadline=None)
@given(views(), st.lists(thresholds, min_size=1, max_size=2))
def test_rows_that_one_label_alone_would_tag_are_found_at_every_step(view, asked):
    reach = reach_of(view)
    for values in asked:
        found = reach.alone_at_steps(values)
        for column in range(4):
            for step in STEPS_ASKED:
                moved = values.copy()
                moved[column] = step / STEPS
                cells = sources(view, moved)
                alone = (cells[:, column] == PREDICTED) & (np.count_nonzero(cells != ABSENT, axis=1) == 1)
                assert found[column, step] == np.count_nonzero(alone), (column, step)


@settings(max_examples=300, deadline=None)
@given(views(), thresholds, thresholds)
def test_what_moves_is_what_changes_in_every_row_most_rows_first(view, before, after):
    reach = reach_of(view)
    was, will = given_by_model(view, before), given_by_model(view, after)
    columns, together = view.columns, []
    for column in range(3):
        for most in (100, 2):
            moved = reach.moved(column, before[column], after[column], most)
            rows = np.flatnonzero(was[:, column] != will[:, column])
            folds = columns.fold_index[rows].tolist()
            expected = [count for _, count in Counter(folds).most_common(most)]
            assert moved.counts.tolist() == expected
            assert Counter(folds) | dict(zip(columns.fold_index[moved.rows].tolist(), expected, strict=True)) == (
                Counter(folds)
            )
            assert all(row == rows[folds.index(columns.fold_index[row])] for row in moved.rows.tolist())
            probabilities = view.tagging.probabilities[view.tagging.index[moved.rows], column]
            assert (moved.n_rows, moved.probabilities.tolist()) == (rows.size, probabilities.tolist())
        together.append(moved)
    assert reach.n_rows_of(together) == np.count_nonzero((was != will)[:, :3].any(axis=1))


@settings(max_examples=200, deadline=None)
@given(views())
def test_a_month_holds_the_scores_of_its_rows_that_the_model_decides(view):
    reach = reach_of(view)
    open_cells = given_by_model(view, [0.0] * 4)  # what is judged, remembered or unknown is not given even at 0
    for column in range(4):
        expected: dict[tuple[int, int], list[float]] = {}
        for row in np.flatnonzero(open_cells[:, column] & (view.columns.days > 0)).tolist():
            day = date.fromordinal(int(view.columns.days[row]))
            score = float(view.tagging.probabilities[view.tagging.index[row], column])
            expected.setdefault((day.year, day.month), []).append(score)
        found = [sorted(month.tolist()) for month in reach.monthly(column) if month.size]
        assert found == [sorted(expected[month]) for month in sorted(expected)]


def test_a_verdict_on_a_row_without_description_says_nothing_about_the_others():
    rows = [("", None, None), ("", None, None), ("   ", None, None), ("TESCO", None, None), ("tesco", None, None)]
    view = view_of(rows, [[0.9, 0.1, 0.1, 0.1]] * 5, [Said(0, 0, NO), Said(3, 0, YES)])
    reach = reach_of(view)
    assert reach.given(0, 0.5) == 2  # the two others without a description; memory answers for tesco
    moved = reach.moved(0, 0.5, 1.0, 9)
    assert (moved.n_rows, moved.rows.tolist()) == (2, [1])


def test_the_first_row_of_a_description_stands_for_it_whatever_its_input():
    view = view_of([(name, None, None) for name in ("SHELL 11111", "Shell 22222", "SHELL 22222")], [[0.9] * 4] * 3, [])
    assert view.tagging.index.tolist() == [0, 1, 0]
    assert sorted(reach_of(view).moved(0, 0.95, 0.5, 9).rows.tolist()) == [0, 1]


def test_a_store_without_labels_reaches_nothing():
    view = view_of([("TESCO", None, None)], [[0.9] * 4], [])
    nothing = replace(
        view,
        labels=(),
        truth=Truth(1, []),
        tagging=replace(view.tagging, probabilities=np.empty((1, 0), dtype=np.float32), thresholds=np.empty(0)),
    )
    reach = reach_of(nothing)
    assert reach.at_steps.shape == reach.alone_at_steps(np.empty(0)).shape == (0, STEPS + 1)
    assert (reach.shown(np.empty(0)).n_tags, reach.shown(np.empty(0)).n_untagged) == (0, 1)


def test_an_empty_store_reaches_nothing():
    reach = reach_of(view_of([], [], []))
    values = np.full(4, 0.5)
    assert not reach.at_steps.any()
    assert not reach.alone_at_steps(values).any()
    assert (reach.shown(values).n_tags, reach.shown(values).n_untagged, reach.n_rows) == (0, 0, 0)
    assert [month.size for month in reach.monthly(0)] in ([], [0])
    assert reach.moved(0, 0.1, 0.9, 9).n_rows == 0
