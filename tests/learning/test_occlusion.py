"""What carried a prediction: each word left out in turn, and the nearest rows."""

from __future__ import annotations

import numpy as np
import pytest

from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.model import Model
from tagger.learning.occlusion import nearest, weights, without_each
from tagger.learning.recipe import Recipe

TEXTS = ["SHELL FUEL", "SHELL SHOP", "TESCO STORE", "TESCO FUEL", "CITY RENT", "RENT OFFICE"]


def embedded(texts: list[str]) -> Inputs:
    """Each letter counts, so that every word matters."""
    vectors = np.array([[text.count(chr(65 + k)) for k in range(26)] for text in texts], dtype=np.float32)
    return Inputs.of(np.concatenate([vectors, vectors], axis=1), texts)


@pytest.mark.parametrize("features", ["mean", "both+lexical"])
def test_a_words_weight_is_the_change_of_the_log_odds_when_it_is_left_out(features):
    y_true = np.array([["SHELL" in text, "RENT" in text] for text in TEXTS])
    model = Model.fit(
        Examples(embedded(TEXTS), y_true, np.ones_like(y_true), np.arange(len(y_true))), Recipe(features=features)
    )
    words, shortened = without_each("SHELL CITY FUEL")
    found = weights(model.logits(embedded(["SHELL CITY FUEL", *shortened])))
    assert words == ["SHELL", "CITY", "FUEL"]

    def log_odds(text: str) -> np.ndarray:
        said = model.probabilities(embedded([text]))[0].astype(np.float64)
        return np.log(said / (1 - said))

    for place, without in enumerate(["CITY FUEL", "SHELL FUEL", "SHELL CITY"]):
        assert found[place] == pytest.approx(log_odds("SHELL CITY FUEL") - log_odds(without), abs=1e-3)
    assert found[0, 0] > 0


def test_probabilities_are_the_sigmoid_of_the_logits():
    y_true = np.array([["SHELL" in text] for text in TEXTS])
    model = Model.fit(
        Examples(embedded(TEXTS), y_true, np.ones_like(y_true), np.arange(len(y_true))), Recipe(features="mean")
    )
    logits = model.logits(embedded(TEXTS)).astype(np.float64)
    assert model.probabilities(embedded(TEXTS)) == pytest.approx(1 / (1 + np.exp(-logits)), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"), [("", ([], [])), ("A", (["A"], [""])), ("A A", (["A", "A"], ["A", "A"]))]
)
def test_texts_of_few_words_and_of_equal_ones(text, expected):
    assert without_each(text) == expected


def test_the_nearest_rows_are_those_of_the_highest_cosine():
    rng = np.random.default_rng(0)
    query, rows = rng.normal(size=8).astype(np.float32), rng.normal(size=(50, 8)).astype(np.float32)
    rows[7] = 0
    brute = {
        row: float(np.dot(rows[row], query) / np.linalg.norm(rows[row]) / np.linalg.norm(query))
        for row in range(50)
        if row != 7
    }
    expected = sorted(brute, key=lambda row: -brute[row])
    places, cosines = nearest(query, rows, 5)
    assert places == expected[:5]
    assert cosines == pytest.approx([brute[row] for row in expected[:5]], abs=1e-6)
    assert nearest(query, rows, 60)[0] == expected
    assert nearest(np.zeros(8, dtype=np.float32), rows, 5) == ([], [])
    assert nearest(query, rows[:0], 5) == ([], [])
