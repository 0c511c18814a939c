from __future__ import annotations

import pytest

from tagger.errors import LabelError
from tagger.labels.labelset import Label, clean_name, find, fold_name, next_color
from tagger.labels.truth import NO, NOT_JUDGED, YES, Judgement, Truth

GROCERIES, FUEL, RENT = 1, 2, 3


def values(truth: Truth) -> list[list[int]]:
    return truth.values.tolist()


def test_nothing_is_judged_at_first():
    truth = Truth(2, [GROCERIES, FUEL])
    assert values(truth) == [[NOT_JUDGED, NOT_JUDGED]] * 2
    assert not truth.judged.any()


def test_a_confirmation_judges_every_label_it_covers():
    truth = Truth(2, [GROCERIES, FUEL])
    truth.apply([Judgement(1, 0, covers=(GROCERIES, FUEL), present=(FUEL,))])
    assert values(truth) == [[NO, YES], [NOT_JUDGED, NOT_JUDGED]]
    assert truth.confirmed.tolist() == [True, False]


def test_a_label_born_later_is_not_judged_by_an_earlier_confirmation():
    truth = Truth(1, [GROCERIES, FUEL, RENT])
    truth.apply([Judgement(1, 0, covers=(GROCERIES, FUEL), present=())])
    assert values(truth) == [[NO, NO, NOT_JUDGED]]


def test_seen_and_no_tag_applies_is_a_fact():
    truth = Truth(1, [GROCERIES])
    truth.apply([Judgement(1, 0, covers=(GROCERIES,), present=())])
    assert truth.confirmed.all()
    assert values(truth) == [[NO]]


def test_the_later_judgement_wins_and_a_verdict_can_be_taken_back():
    truth = Truth(1, [GROCERIES, FUEL])
    truth.apply(
        [
            Judgement(1, 0, label_id=GROCERIES, value=YES),
            Judgement(2, 0, covers=(GROCERIES, FUEL), present=()),
            Judgement(3, 0, label_id=FUEL, value=YES),
            Judgement(4, 0, label_id=GROCERIES, value=NOT_JUDGED),
        ]
    )
    assert values(truth) == [[NOT_JUDGED, YES]]
    assert truth.judged_at.tolist() == [4]


@pytest.mark.parametrize(
    ("present", "expected"), [((GROCERIES,), YES), ((FUEL,), YES), ((), NO), ((GROCERIES, FUEL), YES)]
)
def test_a_merged_label_counts_for_its_target(present, expected):
    truth = Truth(1, [FUEL], merged={GROCERIES: FUEL})
    truth.apply([Judgement(1, 0, covers=(GROCERIES, FUEL), present=present)])
    assert values(truth) == [[expected]]


def test_a_copy_is_independent():
    truth = Truth(1, [GROCERIES])
    twin = truth.copy()
    twin.apply([Judgement(1, 0, label_id=GROCERIES, value=YES)])
    assert values(truth) == [[NOT_JUDGED]]
    twin.reset([0])
    assert values(twin) == [[NOT_JUDGED]]


@pytest.mark.parametrize(("one", "other"), [("Eating Out", " eating  out "), ("CAFÉ", "café"), ("ﬁtness", "Fitness")])
def test_names_are_equal_whatever_case_and_spacing(one, other):
    assert fold_name(one) == fold_name(other)
    assert find([Label(1, one, "blue")], other) is not None


@pytest.mark.parametrize("name", ["", "   ", "a|b", "x" * 81, "\x00"])
def test_a_name_that_cannot_be_used_is_refused(name):
    with pytest.raises(LabelError) as caught:
        clean_name(name)
    assert caught.value.hint


def test_colours_are_spread_evenly():
    used: list[str] = []
    for _ in range(14):
        used.append(next_color(used))
    assert {used.count(color) for color in used} == {2}
