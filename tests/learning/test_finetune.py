"""Fine-tuning the encoder's last layers: what moves, what stays, and that it learns what a frozen encoder cannot."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import bert_folder

from tagger.errors import CancelledError, TrainingError
from tagger.learning import finetune
from tagger.learning.encoder import Encoder, load_encoder
from tagger.learning.examples import Examples
from tagger.learning.finetune import (
    Trunk,
    Tuned,
    check,
    load_trainable,
    logits_of,
    out_of_fold_both_ways,
    save_encoder,
    tune,
)
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.recipe import HeadSettings, Recipe, resolve

FILLERS = [f"w{number}" for number in range(12)]
WORDS = ["red", "blue", *FILLERS]
# The label is "red or blue, but not both": of the sum of what its words say, nothing can be learned about it.
TEXTS = [
    f"{' '.join(colors)} {one} {two}".strip()
    for colors in ((), ("red",), ("blue",), ("red", "blue"))
    for one, two in product(FILLERS[:7], FILLERS[7:])
]
IS_ONE = np.array([("red" in text) != ("blue" in text) for text in TEXTS])
RECIPE = resolve(Recipe(features="mean", n_folds=2, tuned_layers=2, tuned_epochs=12), len(TEXTS))

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    folder = bert_folder(tmp_path_factory.mktemp("encoder") / "bert", WORDS)
    return load_encoder(str(folder), max_length=16, batch_size=8, dtype=torch.float32)


@pytest.fixture
def inputs(encoder: Encoder) -> Inputs:
    return Inputs.of(encoder.encode(TEXTS), TEXTS)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates for a toy, whose weights have a longer way to go."""
    monkeypatch.setattr(finetune, "LAYER_RATE", 3e-3)
    monkeypatch.setattr(finetune, "HEAD_RATE", 3e-2)
    monkeypatch.setattr(finetune, "L2", 1.0)


def examples(inputs, y_true, judged):
    return Examples(inputs, y_true, judged, np.arange(len(inputs)))


def fitted(inputs: Inputs, y_true: np.ndarray | None = None) -> tuple[Model, np.ndarray, np.ndarray]:
    y_true = IS_ONE[:, None] if y_true is None else y_true
    judged = np.ones_like(y_true)
    return Model.fit(Examples(inputs, y_true, judged, np.arange(len(y_true))), RECIPE), y_true, judged


def tuned_on(encoder: Encoder, inputs: Inputs, *, epochs: int = 2, seed: int = 0, **more) -> Tuned:
    model, y_true, judged = fitted(inputs)
    begin = model.logits(inputs)
    return tune(
        Trunk(encoder, TEXTS, 2), model, examples(inputs, y_true, judged), begin=begin, epochs=epochs, seed=seed, **more
    )


@pytest.mark.parametrize("kept_bytes", [1 << 30, 0])
def test_layers_that_have_not_moved_give_what_the_encoder_gives(encoder, inputs, monkeypatch, kept_bytes):
    monkeypatch.setattr(finetune, "KEPT_BYTES", kept_bytes)
    trunk = Trunk(encoder, TEXTS, 2)
    layers = trunk.new_layers().eval()
    rows = np.array([40, 3, 99, 3, 0])
    hidden, runs, order = trunk.states(rows)
    with torch.inference_mode():
        found = layers(hidden, runs).numpy()
    np.testing.assert_allclose(found, inputs.embeddings[rows[order]], atol=1e-5)


def test_it_learns_of_descriptions_never_seen_what_the_frozen_encoder_cannot_tell(encoder, inputs):
    groups = np.arange(len(TEXTS))
    y_true = IS_ONE[:, None]
    judged = np.ones_like(y_true)
    both = out_of_fold_both_ways(
        Examples(inputs, y_true, judged, groups), replace(RECIPE, tuned_epochs=60), trunk=Trunk(encoder, TEXTS, 3)
    )
    frozen, tuned = (
        summarize(score_labels(y_true, oof.y_prob >= 0.5, judged)).macro.f1 for oof in (both.frozen, both.tuned)
    )
    assert tuned > 0.9
    assert tuned > frozen + 0.1
    assert np.array_equal(both.frozen.folds, both.tuned.folds)


def test_what_is_held_out_decides_nothing(encoder, inputs):
    """Other verdicts on one fold change no probability of that fold's rows."""
    groups = np.arange(len(TEXTS))
    judged = np.ones((len(TEXTS), 1), dtype=bool)
    trunk = Trunk(encoder, TEXTS, 2)
    kept = np.arange(len(TEXTS)) % 2
    changed = IS_ONE.copy()
    changed[kept == 0] = np.random.default_rng(0).random(np.count_nonzero(kept == 0)) < 0.3
    first, second = (
        out_of_fold_both_ways(Examples(inputs, y[:, None], judged, groups), RECIPE, trunk=trunk, kept=kept)
        for y in (IS_ONE, changed)
    )
    held_out = first.tuned.folds == first.tuned.folds[0]
    assert np.array_equal(first.tuned.y_prob[held_out], second.tuned.y_prob[held_out])
    assert not np.array_equal(first.tuned.y_prob[~held_out], second.tuned.y_prob[~held_out])


def test_the_frozen_half_is_that_of_an_ordinary_training(encoder, inputs):
    from tagger.learning.crossfit import out_of_fold

    y_true = IS_ONE[:, None]
    alone = out_of_fold(Examples(inputs, y_true, np.ones_like(y_true), np.arange(len(TEXTS))), RECIPE)
    both = out_of_fold_both_ways(
        Examples(inputs, y_true, np.ones_like(y_true), np.arange(len(TEXTS))), RECIPE, trunk=Trunk(encoder, TEXTS, 1)
    )
    assert np.array_equal(alone.y_prob, both.frozen.y_prob)


def test_equal_seeds_give_equal_results_and_the_encoder_itself_stays(encoder, inputs):
    torch.manual_seed(5)
    first = tuned_on(encoder, inputs).probabilities(inputs)
    torch.manual_seed(6)
    again, other = tuned_on(encoder, inputs).probabilities(inputs), tuned_on(encoder, inputs, seed=1)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other.probabilities(inputs))
    assert np.array_equal(encoder.encode(TEXTS), inputs.embeddings)


def test_a_saved_encoder_differs_in_its_last_layers_alone_and_gives_the_tuned_embeddings(encoder, inputs, tmp_path):
    tuned = tuned_on(encoder, inputs)
    save_encoder(tuned, tmp_path / "own")
    before, after = (load_file(folder / "model.safetensors") for folder in (encoder.folder, tmp_path / "own"))
    assert before.keys() == after.keys()
    changed = {name.split(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"1", "2"}
    own = load_encoder(str(tmp_path / "own"), max_length=16, batch_size=8, dtype=torch.float32)
    assert own.family != encoder.family
    np.testing.assert_allclose(own.encode(TEXTS), tuned.embedded(inputs).tuned, atol=2e-3)


def test_a_model_with_a_tuned_encoder_comes_back_equal(encoder, inputs):
    tuned = tuned_on(encoder, inputs)
    again = Model.from_tensors(RECIPE.features, RECIPE.head, tuned.model.tensors())
    embedded = tuned.embedded(inputs)
    assert np.array_equal(again.logits(embedded), tuned.model.logits(embedded))
    with pytest.raises(ValueError, match="tuned encoder"):
        again.logits(inputs)


def test_labels_that_cannot_be_learned_stay_as_they_are(encoder, inputs):
    y_true = np.column_stack([IS_ONE, np.zeros_like(IS_ONE), np.ones_like(IS_ONE)])
    model, y_true, judged = fitted(inputs, y_true)
    before = model.logits(inputs)
    tuned = tune(Trunk(encoder, TEXTS, 1), model, examples(inputs, y_true, judged), begin=before, epochs=2, seed=0)
    after = tuned.model.logits(tuned.embedded(inputs))
    assert np.array_equal(before[:, 1:], after[:, 1:])
    assert not np.allclose(before[:, 0], after[:, 0])


def test_cells_that_were_not_judged_change_nothing(encoder, inputs):
    model, y_true, judged = fitted(inputs)
    judged = judged.copy()
    judged[::3] = False
    begin = model.logits(inputs)
    found = [
        tune(
            Trunk(encoder, TEXTS, 1), model, examples(inputs, said, judged), begin=begin, epochs=2, seed=0
        ).probabilities(inputs)
        for said in (y_true, y_true ^ ~judged)
    ]
    np.testing.assert_allclose(*found, atol=1e-6)


def test_the_order_of_rows_decides_nothing(encoder):
    texts = TEXTS + TEXTS[:5] * 2
    inputs = Inputs.of(encoder.encode(texts), texts)
    y_true = np.append(IS_ONE, np.tile(~IS_ONE[:5], 2))[:, None]
    trunk, model = Trunk(encoder, TEXTS, 1), fitted(inputs.take(slice(0, len(TEXTS))))[0]
    begin = model.logits(inputs)
    found = [
        tune(
            trunk, model, examples(inputs, y_true, np.ones_like(y_true)).take(rows), begin=begin[rows], epochs=1, seed=0
        )
        for rows in (np.arange(len(texts)), np.arange(len(texts))[::-1])
    ]
    np.testing.assert_allclose(found[0].model.correction.weight, found[1].model.correction.weight, atol=1e-5)


def test_stopping_is_heard_between_batches(encoder, inputs):
    asked = iter([False] * 3)
    with pytest.raises(CancelledError):
        tuned_on(encoder, inputs, cancelled=lambda: next(asked, True))


def test_what_cannot_be_tuned_is_refused_with_a_hint(encoder):
    with pytest.raises(TrainingError, match="has 3"):
        Trunk(encoder, TEXTS, 4)
    other = Encoder(
        folder=encoder.folder,
        forward=lambda batch: torch.zeros(len(batch), 2),
        tokenize=encoder.tokenize,
        identity=replace(encoder.identity, dimension=1),
        batch_size=1,
    )
    with pytest.raises(TrainingError, match="plain BERT"):
        Trunk(other, TEXTS, 1)
    with pytest.raises(TrainingError, match="logistic"):
        check(replace(RECIPE, head=HeadSettings(kind="feedforward")))
    with pytest.raises(TrainingError, match="no embedding"):
        check(replace(RECIPE, features="lexical"))


def test_logits_of_probabilities_are_finite_and_their_inverse():
    y_prob = np.array([[0.0, 0.25, 1.0]], dtype=np.float32)
    found = logits_of(y_prob)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), y_prob, atol=1e-5)


@pytest.mark.weights
def test_the_installed_encoder_can_be_tuned_saved_and_loaded(tmp_path):
    installed = load_trainable(None, max_length=64, batch_size=32)
    texts = [f"TESCO STORES {number}" for number in range(12)]
    inputs = Inputs.of(installed.encode(texts), texts)
    y_true = (np.arange(12) % 2 == 0)[:, None]
    judged = np.ones_like(y_true)
    model = Model.fit(Examples(inputs, y_true, judged, np.arange(len(y_true))), RECIPE)
    trunk = Trunk(installed, texts, 2)
    tuned = tune(trunk, model, examples(inputs, y_true, judged), begin=model.logits(inputs), epochs=20, seed=0)
    np.testing.assert_allclose(
        Tuned(model, trunk.new_layers(), trunk).embedded(inputs).tuned, inputs.embeddings, atol=2e-3
    )
    save_encoder(tuned, tmp_path / "own")
    own = load_trainable(str(tmp_path / "own"), max_length=64, batch_size=32)
    np.testing.assert_allclose(own.encode(texts), tuned.embedded(inputs).tuned, atol=2e-3)
    assert not np.allclose(own.encode(texts), inputs.embeddings, atol=2e-3)
