from __future__ import annotations

import numpy as np
import pytest
import torch

from tagger.learning import lbfgs, training
from tagger.learning.crossfit import fit_and_score
from tagger.learning.endings import Ending
from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.lbfgs import Start
from tagger.learning.recipe import HeadSettings, Recipe
from tests.toys import ToyEncoder

WORDS = ["tesco", "shell", "rent", "wage", "cafe", "bank", "gym", "boots", "train", "pizza"]
RECIPE = Recipe(features="both+lexical+amount", head=HeadSettings(kind="logistic", l2=20.0), thresholds="fixed:0.5")


def examples(n=240, n_labels=4, seed=0):
    rng = np.random.default_rng(seed)
    texts = [f"{WORDS[a]} {WORDS[b]} {c}" for a, b, c in rng.integers(10, size=(n, 3))]
    y_true = np.array([[WORDS[label] in text for label in range(n_labels)] for text in texts])
    inputs = Inputs.of(ToyEncoder().encode(texts), texts, amounts=rng.normal(size=n) * 50)
    groups = np.unique([text[:-2] for text in texts], return_inverse=True)[1].astype(np.int64)
    return Examples(inputs, y_true, np.ones_like(y_true), groups)


@pytest.fixture
def iterations(monkeypatch):
    """How many iterations each fit took."""
    counted, original = [], training.minimize

    def count(*arguments, **options):
        end = original(*arguments, **options)
        counted.append(end.iteration)
        return end

    monkeypatch.setattr(training, "minimize", count)
    return counted


def test_texts_are_found_by_what_they_say_and_new_ones_contribute_nothing():
    end = Start(torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[9.0]]), torch.tensor([5.0]))
    start = Ending(("a", "b", "c"), end).start(["c", "x", "a"])
    assert start.of_texts.tolist() == [[3.0], [0.0], [1.0]]
    assert (start.rest.tolist(), start.bias.tolist()) == ([[9.0]], [5.0])


def test_labels_move_and_a_new_one_has_no_start():
    end = Start(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]), torch.tensor([5.0, 6.0]))
    moved = Ending(("a",), end).of_labels([1, -1, 0]).end
    for part, (first, last) in zip((moved.of_texts, moved.rest, moved.bias), [(2, 1), (4, 3), (6, 5)], strict=True):
        assert part[..., [0, 2]].flatten().tolist() == [first, last]
        assert part[..., 1].isnan().all()


def test_a_training_after_some_more_verdicts_takes_fewer_iterations_and_says_the_same(iterations):
    everything = examples()
    before, recipe = everything.take(slice(0, 220)), RECIPE
    endings = {}
    fit_and_score(before, recipe, endings=endings)
    assert set(endings) == {None, 0, 1, 2, 3, 4}
    folds = np.full(240, -1)
    folds[:220] = fit_and_score(before, recipe)[1].folds
    iterations.clear()
    model, oof = fit_and_score(everything, recipe, kept=folds)
    cold = sum(iterations)
    iterations.clear()
    warm_model, warm_oof = fit_and_score(everything, recipe, kept=folds, endings=endings)
    assert sum(iterations) < 0.75 * cold
    assert warm_oof.y_prob == pytest.approx(oof.y_prob, abs=5e-3)
    inputs = everything.inputs
    assert warm_model.probabilities(inputs) == pytest.approx(model.probabilities(inputs), abs=5e-3)


def test_an_ending_of_other_features_or_labels_is_passed_over():
    endings = {}
    fit_and_score(examples(n_labels=3), RECIPE, endings=endings)
    others = examples(n_labels=4)
    assert np.array_equal(
        fit_and_score(others, RECIPE, endings=endings)[1].y_prob, fit_and_score(others, RECIPE)[1].y_prob
    )


def test_a_fit_that_was_broken_off_is_no_start(monkeypatch):
    """Whoever began there would get further: the same verdicts would give another head."""
    endings = {}
    for bound, n_starts in ((4, 0), (200, 6)):
        for module in (lbfgs, training):
            monkeypatch.setattr(module, "MAX_ITERATIONS", bound)
        fit_and_score(examples(), RECIPE, endings=endings)
        assert len(endings) == n_starts
