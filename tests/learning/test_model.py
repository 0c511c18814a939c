from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from tagger.errors import BundleError
from tagger.learning.model import Model
from tagger.learning.recipe import HeadSettings, Recipe

TAGGER = Path(__file__).parents[2] / "tagger"
SIGMOIDS = {"sigmoid", "sigmoid_", "logsigmoid", "expit", "Sigmoid", "LogSigmoid"}

pytestmark = pytest.mark.usefixtures("one_thread")


def case(n=300, d=8, n_labels=4):
    """Embeddings [cls | mean] far from 0, with one dead dimension; labels that follow the mean half."""
    rng = np.random.default_rng(0)
    embeddings = (5 + 0.2 * rng.normal(size=(n, 2 * d))).astype(np.float32)
    embeddings[:, 3] = 0.25 + 1e-9 * rng.normal(size=n)
    y_true = embeddings[:, d : d + n_labels] > 5.1
    return embeddings, y_true, np.ones_like(y_true)


def names_used(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.name.rpartition(".")[2]


def test_sigmoid_is_applied_in_one_place_only():
    uses = [path.name for path in TAGGER.rglob("*.py") for name in names_used(path) if name in SIGMOIDS]
    assert uses == ["model.py"]


@pytest.mark.parametrize("kind", ["logistic", "feedforward"])
@pytest.mark.parametrize("features", ["cls", "mean", "both"])
def test_a_model_made_of_stored_tensors_gives_equal_probabilities(kind, features):
    embeddings, y_true, judged = case()
    model = Model.fit(embeddings, y_true, judged, Recipe(features=features, head=HeadSettings(kind=kind, epochs=2)))
    again = Model.from_tensors(model.features, model.head.settings, model.tensors())
    assert np.array_equal(model.probabilities(embeddings), again.probabilities(embeddings))


def test_only_the_chosen_columns_matter():
    embeddings, y_true, judged = case()
    model = Model.fit(embeddings, y_true, judged, Recipe(features="mean"))
    other_cls = embeddings.copy()
    other_cls[:, :8] = 0.0
    assert np.array_equal(model.probabilities(embeddings), model.probabilities(other_cls))
    assert np.mean((model.probabilities(embeddings) >= 0.5) == y_true) > 0.9


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_probabilities_are_finite_and_from_0_to_1_however_far_an_input_lies(factor):
    embeddings, y_true, judged = case()
    model = Model.fit(embeddings, y_true, judged, Recipe(head=HeadSettings(l2=0.001)))
    y_prob = model.probabilities(embeddings * np.float32(factor))
    assert y_prob.dtype == np.float32
    assert y_prob.shape == y_true.shape
    assert np.all((y_prob >= 0) & (y_prob <= 1))


def test_the_size_and_place_of_embeddings_do_not_matter():
    embeddings, y_true, judged = case()
    moved = embeddings * np.float32(4) - np.float32(16)
    one, other = (Model.fit(part, y_true, judged, Recipe()).probabilities(part) for part in (embeddings, moved))
    assert one == pytest.approx(other, abs=1e-3)


def test_rounding_noise_in_a_dead_dimension_decides_nothing():
    embeddings, y_true, judged = case()
    model = Model.fit(embeddings, y_true, judged, Recipe())
    noisy = embeddings.copy()
    noisy[:, 3] += np.float32(1e-7)
    assert model.probabilities(noisy) == pytest.approx(model.probabilities(embeddings), abs=1e-5)


def test_a_single_row_can_be_fitted_and_no_row_is_fine_to_predict():
    embeddings, y_true, judged = case(n=1)
    model = Model.fit(embeddings, y_true, judged, Recipe())
    assert np.isfinite(model.probabilities(embeddings)).all()
    assert model.probabilities(embeddings[:0]).shape == (0, 4)


def test_early_stopping_holds_out_whole_groups():
    embeddings, y_true, judged = case()
    recipe = Recipe(head=HeadSettings(kind="feedforward", epochs=3, early_stopping=True))
    reports = []
    groups = np.arange(300, dtype=np.int64) // 3
    Model.fit(embeddings, y_true, judged, recipe, groups=groups, on_epoch=reports.append)
    assert reports[0].validation_f1 is not None


def test_an_embedding_that_is_not_finite_is_refused():
    embeddings, y_true, judged = case()
    model = Model.fit(embeddings, y_true, judged, Recipe())
    embeddings[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        model.probabilities(embeddings)


@pytest.mark.parametrize("missing", ["centre", "scale", "head.output.bias"])
def test_a_model_with_a_missing_tensor_is_refused(missing):
    model = Model.fit(*case(), Recipe())
    tensors = model.tensors()
    del tensors[missing]
    with pytest.raises(BundleError):
        Model.from_tensors("both", HeadSettings(), tensors)
