from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toys import ToyEncoder

from tagger.errors import BundleError
from tagger.learning.crossfit import out_of_fold
from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.model import Model
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.learning.starter import HALF_AT, MOST, Starter

pytestmark = pytest.mark.usefixtures("one_thread")

TAUGHT = Recipe(features="both+lexical", head=HeadSettings(l2=10.0))
OWN = Recipe(features="both+starter", head=HeadSettings(l2=10.0))
ALONE = replace(OWN, features="both")
TOWNS = ("leeds", "york", "bath", "hull", "ripon", "truro")
SHOPS = [f"{brand} {town}" for brand in ("tesco", "aldi", "lidl") for town in TOWNS]
STATIONS = [f"{brand} {town}" for brand in ("shell", "esso", "texaco") for town in TOWNS]
NO_KEYS, NONE_TOLD = np.empty(0, dtype=np.uint64), np.empty((0, 2), dtype=np.float16)


def inputs_of(texts, keys=None):
    return Inputs.of(ToyEncoder().encode(texts), texts, keys=None if keys is None else np.array(keys, dtype=np.uint64))


@pytest.fixture(scope="module")
def taught() -> Model:
    """A model that knows shops and stations, as a starter does."""
    texts = SHOPS + STATIONS
    y_true = np.array([[text in SHOPS, text in STATIONS] for text in texts])
    return Model.fit(Examples(inputs_of(texts), y_true, np.ones_like(y_true), np.arange(len(y_true))), TAUGHT)


def starter(taught: Model, *, columns=(0, 1), thresholds=(0.5, 0.5), keys=NO_KEYS, told=NONE_TOLD) -> Starter:
    return Starter.of_run(
        taught.features, taught.tensors(), thresholds=thresholds, keys=keys, told=told, columns=columns
    )


def logit(p):
    return np.log(p / (1 - np.asarray(p, dtype=np.float64)))


def test_it_begins_with_the_logits_of_its_run_above_its_thresholds(taught):
    texts = ["tesco leeds", "esso hull", "aldi", "unknown"]
    expected = logit(taught.probabilities(inputs_of(texts))) - logit([0.3, 0.6])
    found = starter(taught, thresholds=(0.3, 0.6)).offset(inputs_of(texts), 2)
    assert found == pytest.approx(np.clip(expected, -MOST, MOST), abs=1e-3)
    assert np.abs(found).max() <= MOST


def test_labels_stand_where_the_label_set_has_them_and_others_get_nothing(taught):
    texts = ["tesco leeds", "esso hull"]
    both = starter(taught).offset(inputs_of(texts), 2)
    turned = starter(taught, columns=(3, 0)).offset(inputs_of(texts), 4)
    assert turned[:, [3, 0]] == pytest.approx(both)
    assert not turned[:, [1, 2]].any()
    alone = starter(taught, columns=(-1, 1)).offset(inputs_of(texts), 2)
    assert alone[:, 1] == pytest.approx(both[:, 1])
    assert not alone[:, 0].any()


def test_it_fades_as_examples_come(taught):
    texts = inputs_of(["tesco leeds"])
    whole = starter(taught).offset(texts, 2)
    faded = starter(taught).relied_on(np.array([0, int(HALF_AT)]), 0.5).offset(texts, 2)
    assert faded == pytest.approx(whole * [0.5, 0.25])


def test_what_it_learned_from_is_told_out_of_fold(taught):
    told = np.array([[-1.5, 0.25], [2.0, -3.0]], dtype=np.float16)
    knowing = starter(taught, keys=np.array([5, 9], dtype=np.uint64), told=told)
    found = knowing.offset(inputs_of(["tesco leeds", "esso hull", "aldi bath"], keys=[9, 7, 5]), 2)
    plain = starter(taught).offset(inputs_of(["tesco leeds", "esso hull", "aldi bath"]), 2)
    assert found[[0, 2]] == pytest.approx(told[[1, 0]].astype(np.float32))
    assert found[1] == pytest.approx(plain[1])


def test_with_few_examples_a_head_knows_more_with_it_and_learns_what_it_has_wrong(taught):
    few = ["tesco leeds", "shell leeds"]
    y_few = np.array([[True, False], [False, True]])
    others = [text for text in SHOPS + STATIONS if text not in few]
    y_others = np.array([[text in SHOPS, text in STATIONS] for text in others])

    def right(recipe, y, texts, y_texts):
        model = Model.fit(
            Examples(
                inputs_of(texts), y_texts, np.ones_like(y_texts), np.arange(len(y_texts)), starter=starter(taught)
            ),
            recipe,
        )
        return float(np.mean((model.probabilities(inputs_of(others)) >= 0.5) == y))

    assert right(OWN, y_others, few, y_few) == 1
    assert right(OWN, y_others, few, y_few) > right(ALONE, y_others, few, y_few)
    # Here stations are shops and shops stations: after many examples it is no hindrance.
    assert right(OWN, ~y_others, others, ~y_others) == 1


def test_without_the_feature_it_has_no_effect(taught):
    texts = SHOPS[:4] + STATIONS[:4]
    y_true = np.array([[text in SHOPS, text in STATIONS] for text in texts])
    models = [
        Model.fit(Examples(inputs_of(texts), y_true, np.ones_like(y_true), np.arange(len(y_true)), starter=each), ALONE)
        for each in (None, starter(taught))
    ]
    assert models[1].starter is None
    assert models[0].probabilities(inputs_of(texts)) == pytest.approx(models[1].probabilities(inputs_of(texts)))


def test_a_model_made_of_stored_tensors_predicts_the_same(taught):
    texts = SHOPS[:4] + STATIONS[:4]
    y_true = np.array([[text in SHOPS, text in STATIONS] for text in texts])
    knowing = starter(taught, keys=np.array([3], dtype=np.uint64), told=np.array([[1.0, -1.0]], dtype=np.float16))
    model = Model.fit(
        Examples(inputs_of(texts), y_true, np.ones_like(y_true), np.arange(len(y_true)), starter=knowing), OWN
    )
    again = Model.from_tensors(model.features, model.head.settings, model.tensors())
    others = inputs_of(["aldi bath", "texaco", "tesco leeds"], keys=[1, 2, 3])
    assert again.probabilities(others).tolist() == model.probabilities(others).tolist()


def test_it_is_asked_once_for_rows_and_all_that_are_taken_of_them(taught, monkeypatch):
    asked = []
    original = Starter._logits
    monkeypatch.setattr(Starter, "_logits", lambda self, rows: asked.append(len(rows)) or original(self, rows))
    texts = SHOPS + STATIONS
    y_true = np.array([[text in SHOPS, text in STATIONS] for text in texts])
    groups = np.arange(len(texts), dtype=np.int64)
    inputs = inputs_of(texts)
    oof = out_of_fold(Examples(inputs, y_true, np.ones_like(y_true), groups, starter=starter(taught)), OWN)
    assert asked == [len(texts)]
    rows = np.flatnonzero(oof.folds == 0)
    again = Model.fit(
        Examples(
            inputs_of(texts).take(oof.folds != 0),
            y_true[oof.folds != 0],
            np.ones_like(y_true)[oof.folds != 0],
            np.arange(len(y_true[oof.folds != 0])),
            starter=starter(taught),
        ),
        OWN,
    )
    assert oof.y_prob[rows] == pytest.approx(again.probabilities(inputs_of(texts).take(rows)), abs=1e-3)


@pytest.mark.parametrize("missing", ["features", "thresholds", "columns", "reliance", "keys", "told", "center"])
def test_a_missing_tensor_is_refused(taught, missing):
    tensors = starter(taught).tensors()
    del tensors[missing]
    with pytest.raises(BundleError):
        Starter.from_tensors(tensors)


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("thresholds", np.zeros(3, dtype=np.float32)),
        ("columns", np.zeros(1, dtype=np.int32)),
        ("told", np.zeros((2, 2), dtype=np.float16)),
        ("keys", np.zeros(4, dtype=np.uint64)),
    ],
)
def test_tensors_that_do_not_fit_are_refused(taught, name, broken):
    with pytest.raises(BundleError, match="fit"):
        Starter.from_tensors(starter(taught).tensors() | {name: broken})
