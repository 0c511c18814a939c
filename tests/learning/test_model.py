from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toys import ToyEncoder

from tagger.errors import BundleError, TrainingError
from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.model import Model
from tagger.learning.recipe import HeadSettings, Recipe

TAGGER = Path(__file__).parents[2] / "tagger"
SIGMOIDS = {"sigmoid", "sigmoid_", "logsigmoid", "expit", "Sigmoid", "LogSigmoid"}

BOTH = Recipe(features="both")

pytestmark = pytest.mark.usefixtures("one_thread")


def case(n=300, d=8, n_labels=4):
    """Embeddings [cls | mean] far from 0, with one dead dimension; labels that follow the mean half."""
    rng = np.random.default_rng(0)
    embeddings = (5 + 0.2 * rng.normal(size=(n, 2 * d))).astype(np.float32)
    embeddings[:, 3] = 0.25 + 1e-9 * rng.normal(size=n)
    y_true = embeddings[:, d : d + n_labels] > 5.1
    return Inputs.of(embeddings), y_true, np.ones_like(y_true)


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
    inputs, y_true, judged = case()
    model = Model.fit(
        Examples(inputs, y_true, judged, np.arange(len(y_true))),
        Recipe(features=features, head=HeadSettings(kind=kind, epochs=2)),
    )
    again = Model.from_tensors(model.features, model.head.settings, model.tensors())
    assert np.array_equal(model.probabilities(inputs), again.probabilities(inputs))


def test_only_the_chosen_columns_matter():
    inputs, y_true, judged = case()
    model = Model.fit(Examples(inputs, y_true, judged, np.arange(len(y_true))), Recipe(features="mean"))
    other_cls = inputs.embeddings.copy()
    other_cls[:, :8] = 0.0
    assert np.array_equal(model.probabilities(inputs), model.probabilities(Inputs.of(other_cls)))
    assert np.mean((model.probabilities(inputs) >= 0.5) == y_true) > 0.9


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_probabilities_are_finite_and_from_0_to_1_however_far_an_input_lies(factor):
    inputs, y_true, judged = case()
    model = Model.fit(
        Examples(inputs, y_true, judged, np.arange(len(y_true))), Recipe(features="both", head=HeadSettings(l2=0.001))
    )
    y_prob = model.probabilities(Inputs.of(inputs.embeddings * np.float32(factor)))
    assert y_prob.dtype == np.float32
    assert y_prob.shape == y_true.shape
    assert np.all((y_prob >= 0) & (y_prob <= 1))


def test_the_size_and_place_of_embeddings_do_not_matter():
    inputs, y_true, judged = case()
    moved = Inputs.of(inputs.embeddings * np.float32(4) - np.float32(16))
    one, other = (
        Model.fit(Examples(part, y_true, judged, np.arange(len(y_true))), BOTH).probabilities(part)
        for part in (inputs, moved)
    )
    assert one == pytest.approx(other, abs=1e-3)


def test_rounding_noise_in_a_dead_dimension_decides_nothing():
    inputs, y_true, judged = case()
    model = Model.fit(Examples(inputs, y_true, judged, np.arange(len(y_true))), BOTH)
    noisy = inputs.embeddings.copy()
    noisy[:, 3] += np.float32(1e-7)
    assert model.probabilities(Inputs.of(noisy)) == pytest.approx(model.probabilities(inputs), abs=1e-5)


def test_a_single_row_can_be_fitted_and_no_row_is_fine_to_predict():
    inputs, y_true, judged = case(n=1)
    model = Model.fit(Examples(inputs, y_true, judged, np.arange(len(y_true))), BOTH)
    assert np.isfinite(model.probabilities(inputs)).all()
    assert model.probabilities(inputs.take(slice(0))).shape == (0, 4)


def test_early_stopping_holds_out_whole_groups():
    inputs, y_true, judged = case()
    recipe = Recipe(features="both", head=HeadSettings(kind="feedforward", epochs=3, early_stopping=True))
    reports = []
    groups = np.arange(300, dtype=np.int64) // 3
    Model.fit(Examples(inputs, y_true, judged, groups), recipe, on_epoch=reports.append)
    assert reports[0].validation_f1 is not None


def test_an_embedding_that_is_not_finite_is_refused():
    inputs, y_true, judged = case()
    model = Model.fit(Examples(inputs, y_true, judged, np.arange(len(y_true))), BOTH)
    inputs.embeddings[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        model.probabilities(inputs)


@pytest.mark.parametrize("missing", ["center", "scale", "head.output.bias"])
def test_a_model_with_a_missing_tensor_is_refused(missing):
    inputs, y_true, judged = case()
    model = Model.fit(Examples(inputs, y_true, judged, np.arange(len(inputs))), BOTH)
    tensors = model.tensors()
    del tensors[missing]
    with pytest.raises(BundleError):
        Model.from_tensors("both", HeadSettings(), tensors)


# With everything that a head may look at ------------------------------------------------------------------------------

EVERYTHING = "both+lexical+amount+date+account+names+neighbors"
LABELS = ["groceries", "large", "joint", "weekend", "book stores"]
HEADS = {
    "logistic": HeadSettings(),
    "feedforward": HeadSettings(kind="feedforward", epochs=3),
    "early stopping": HeadSettings(kind="feedforward", epochs=3, early_stopping=True),
}


def everything(n=160, seed=0):
    """A label for each fact that alone decides it: words, amount, account, date; of the last there is only the name."""
    rng = np.random.default_rng(seed)
    texts = [f"{rng.choice(['TESCO', 'ALDI', 'SHELL', 'ESSO'])} {rng.choice(['LEEDS', 'YORK'])} {n}" for n in range(n)]
    inputs = Inputs.of(
        ToyEncoder().encode(texts),
        texts,
        amounts=-np.round(rng.choice([3.0, 900.0], n) * rng.uniform(0.8, 1.2, n), 2),
        days=rng.integers(738_000, 738_700, n).astype(np.int32),
        accounts=rng.choice(["joint", "savings"], n).tolist(),
    )
    y_true = np.column_stack(
        [
            [text[0] in "TA" for text in texts],
            inputs.amounts < -100,
            inputs.accounts == "joint",
            (inputs.days + 6) % 7 >= 5,
            np.zeros(n, dtype=bool),
        ]
    )
    judged = np.ones_like(y_true)
    judged[:, 4] = False
    return inputs, y_true, judged


def fit_everything(inputs, y_true, judged, head="logistic", features=EVERYTHING, *, groups=None, **options):
    groups = np.arange(len(inputs)) if groups is None else groups
    examples = Examples(inputs, y_true, judged, groups, ToyEncoder().encode(LABELS))
    return Model.fit(examples, Recipe(features=features, head=HEADS[head]), **options)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("features", [EVERYTHING, "lexical", "lexical+names", "both+amount", "cls+lexical+account"])
def test_a_model_of_any_features_made_of_stored_tensors_gives_equal_probabilities(head, features):
    model = fit_everything(*everything(), head, features)
    again = Model.from_tensors(model.features, model.head.settings, model.tensors())
    others = everything(n=40, seed=5)[0]
    assert np.array_equal(model.probabilities(others), again.probabilities(others))


@pytest.mark.parametrize("head", HEADS)
def test_hiding_a_row_equals_deleting_it(head):
    inputs, y_true, judged = everything()
    hidden = np.arange(len(inputs)) % 4 == 0
    inputs.texts[hidden] += " WORDS OF THEIR OWN"
    groups = np.arange(len(inputs), dtype=np.int64) // 2
    others = everything(n=40, seed=5)[0]
    hiding = fit_everything(inputs, y_true, judged & ~hidden[:, np.newaxis], head, groups=groups)
    kept = inputs.take(~hidden)
    deleting = fit_everything(kept, y_true[~hidden], judged[~hidden], head, groups=groups[~hidden])
    assert np.array_equal(hiding.probabilities(others), deleting.probabilities(others))


@pytest.mark.parametrize("head", ["logistic", "feedforward"])
def test_what_was_said_in_unjudged_cells_changes_nothing(head):
    inputs, y_true, judged = everything()
    judged &= np.random.default_rng(1).random(judged.shape) < 0.7
    one, other = (fit_everything(inputs, truth, judged, head) for truth in (y_true, y_true ^ ~judged))
    assert np.array_equal(one.probabilities(inputs), other.probabilities(inputs))


@pytest.mark.parametrize(("label", "part"), [(0, "lexical"), (1, "amount"), (2, "account"), (3, "date")])
def test_what_one_fact_decides_is_learned_from_that_fact(label, part):
    inputs, y_true, judged = everything(n=600)
    inputs = replace(inputs, embeddings=np.zeros_like(inputs.embeddings))
    others, truth, _ = everything(n=400, seed=5)
    others = replace(others, embeddings=np.zeros((400, 48), dtype=np.float32))
    parts = {"lexical", "amount", "account", "date"}
    with_it, without = (
        fit_everything(inputs, y_true, judged, features="+".join(["both", *looked_at])).probabilities(others)
        for looked_at in (sorted(parts), sorted(parts - {part}))
    )
    assert roc_auc_score(truth[:, label], with_it[:, label]) > 0.98
    assert roc_auc_score(truth[:, label], without[:, label]) < 0.65


@pytest.mark.parametrize("head", ["logistic", "feedforward"])
def test_one_recipe_gives_one_model(head):
    inputs, y_true, judged = everything()
    one, other = (fit_everything(inputs, y_true, judged, head).tensors() for _ in range(2))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_many_rows_are_predicted_as_few_at_a_time_are(monkeypatch):
    model, others = fit_everything(*everything()), everything(n=40, seed=5)[0]
    at_once = model.probabilities(others)
    monkeypatch.setattr("tagger.learning.model._ROWS_AT_ONCE", 7)
    assert model.probabilities(others) == pytest.approx(at_once, abs=1e-6)


@pytest.mark.parametrize("head", ["logistic", "feedforward"])
def test_no_rows_are_fine_to_predict_with_every_feature(head):
    inputs, y_true, judged = everything()
    assert fit_everything(inputs, y_true, judged, head).probabilities(inputs.take(slice(0))).shape == (0, 5)


def test_nothing_judged_is_nothing_to_learn_from():
    inputs, y_true, judged = everything()
    for rows, seen in ((inputs, np.zeros_like(judged)), (inputs.take(slice(0)), judged[:0])):
        with pytest.raises(TrainingError, match="no judged transaction"):
            fit_everything(rows, y_true[: len(rows)], seen)


@pytest.mark.parametrize(
    ("head", "missing"),
    [
        ("logistic", "head.sparse.weight"),
        ("logistic", "lexicon.weights"),
        ("logistic", "accounts"),
        ("logistic", "names.mean"),
        ("feedforward", "reduction"),
        ("feedforward", "lexicon.columns"),
        ("feedforward", "accounts"),
    ],
)
def test_a_model_that_lacks_a_tensor_of_its_features_is_refused(head, missing):
    model = fit_everything(*everything(), head)
    tensors = model.tensors()
    del tensors[missing]
    with pytest.raises(BundleError):
        Model.from_tensors(model.features, model.head.settings, tensors)


def test_reports_count_on_validation_rows_with_every_feature():
    inputs, y_true, judged = everything()
    reports = []
    others = Examples(*everything(n=40, seed=5), np.arange(40))
    fit_everything(inputs, y_true, judged, on_epoch=reports.append, validation=others)
    assert reports[-1].validation_f1 > 0.8
