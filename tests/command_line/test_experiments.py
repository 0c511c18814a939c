"""`experiments`: a set of tries beside each other, kept for the next time."""

from __future__ import annotations

import pytest


def test_combinations_are_printed_best_first_and_kept(after_training, ok):
    answer = ok("experiments", "--set", "combinations", "--axes", "thresholds")
    assert (answer["set"], answer["measured_on"], answer["n_left"]) == ("combinations", "out-of-fold", 0)
    assert answer["reference"]["name"] == "Current setting"
    changes = [each["change"]["macro"]["change"] for each in answer["tries"]]
    assert len(changes) == answer["n_tries"] - 1 > 2
    assert changes == sorted(changes, reverse=True)
    again = ok("experiments", "--set", "combinations", "--axes", "thresholds")
    assert [each["seconds"] for each in again["tries"]] == [each["seconds"] for each in answer["tries"]]


def test_a_set_or_an_axis_that_is_not_there_is_refused(after_training, fails):
    assert "invalid choice" in fails("experiments", "--set", "luck")["message"]
    answer = fails("experiments", "--set", "combinations", "--axes", "colors")
    assert answer["message"] == "There is no axis 'colors'."
    assert "pooling" in answer["hint"]


@pytest.mark.parametrize("chosen", [(), ("--set", "grid")])
def test_axes_of_a_set_that_combines_nothing_are_refused(after_training, fails, chosen):
    answer = fails("experiments", *chosen, "--axes", "thresholds")
    assert answer["message"] == "--axes is for --set combinations."
    assert "--set combinations" in answer["hint"]


def test_an_empty_store_has_nothing_to_try(home, fails):
    assert fails("experiments")["message"] == "Nothing has been reviewed yet."
