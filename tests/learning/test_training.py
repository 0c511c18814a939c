from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from tagger.errors import BundleError, CancelledError, TrainingError
from tagger.learning.inputs import Design
from tagger.learning.recipe import HeadSettings
from tagger.learning.training import FittedHead, Validation, fit_head

LOGISTIC = HeadSettings(l2=10.0)
FEEDFORWARD = HeadSettings(kind="feedforward", epochs=3)

pytestmark = pytest.mark.usefixtures("one_thread")

VARIANTS = [
    LOGISTIC,
    HeadSettings(l2=10.0, class_weight="balanced"),
    FEEDFORWARD,
    HeadSettings(kind="feedforward", epochs=2, normalization="layer", activation="gelu", widths=(16,)),
    HeadSettings(kind="feedforward", epochs=2, normalization="batch", activation="tanh", residual=True, widths=(12, 8)),
    HeadSettings(kind="feedforward", epochs=2, residual=True, widths=(8, 8, 8), weight_decay=0.01),
    HeadSettings(kind="feedforward", epochs=2, widths=(), class_weight="balanced"),
]


def case(seed=0, n=400, n_features=24, n_labels=6, judged_share=1.0):
    """Inputs whose directions differ a hundredfold in size, labels from common to rare."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)) * np.geomspace(3, 0.03, n_features)
    logits = X @ rng.normal(size=(n_features, n_labels)) - np.linspace(0, 4, n_labels)
    y_true = rng.random((n, n_labels)) < 1 / (1 + np.exp(-logits))
    return Design(X.astype(np.float32)), y_true, rng.random((n, n_labels)) < judged_share


def objective(weight, bias, X, y, l2, row_weight=1.0):
    """The objective as a textbook writes it, in 64 bits."""
    z = X.astype(np.float64) @ weight + bias
    return np.sum(row_weight * (np.logaddexp(0, z) - y * z)) + l2 / 2 * np.sum(np.square(weight))


# Logistic -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("l2", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("judged_share", [1.0, 0.6])
@pytest.mark.parametrize("class_weight", ["none", "balanced"])
def test_the_logistic_head_reaches_the_objective_of_scikit_learn(l2, judged_share, class_weight):
    X, y_true, judged = case(judged_share=judged_share)
    head = fit_head(X, y_true, judged, HeadSettings(l2=l2, class_weight=class_weight), seed=0)
    weight, bias = (head.tensors()[f"output.{name}"].astype(np.float64) for name in ("weight", "bias"))
    for label in range(y_true.shape[1]):
        rows = judged[:, label]
        x, y = X.dense[rows], y_true[rows, label]
        peer = LogisticRegression(
            C=1 / l2, solver="newton-cholesky", class_weight=None if class_weight == "none" else "balanced"
        ).fit(x.astype(np.float64), y)
        row_weight = 1.0 if class_weight == "none" else np.where(y, y.size / (2 * y.sum()), y.size / (2 * (~y).sum()))
        expected = objective(peer.coef_[0], peer.intercept_[0], x, y, l2, row_weight)
        assert objective(weight[label], bias[label], x, y, l2, row_weight) == pytest.approx(expected, rel=1e-3)


def test_more_features_than_rows_and_dead_features_do_no_harm():
    X, y_true, judged = case(n=40, n_features=90)
    X.dense[:, 7:10] = 0.0
    head = fit_head(X, y_true, judged, HeadSettings(l2=0.1), seed=0)
    label = 0
    peer = LogisticRegression(C=10, solver="newton-cholesky").fit(X.dense, y_true[:, label])
    weight, bias = (head.tensors()[f"output.{name}"].astype(np.float64) for name in ("weight", "bias"))
    expected = objective(peer.coef_[0], peer.intercept_[0], X.dense, y_true[:, label], 0.1)
    assert objective(weight[label], bias[label], X.dense, y_true[:, label], 0.1) == pytest.approx(expected, rel=1e-3)


def test_a_row_counts_as_often_as_it_is_repeated():
    X, y_true, judged = case(n=100)
    times = np.random.default_rng(1).integers(1, 6, 100)
    rows = np.repeat(np.arange(100), times)
    head = fit_head(X.take(rows), y_true[rows], judged[rows], HeadSettings(l2=1.0), seed=0)
    weight, bias = (head.tensors()[f"output.{name}"].astype(np.float64) for name in ("weight", "bias"))
    for label, y in enumerate(y_true.T):
        peer = LogisticRegression(C=1.0, solver="newton-cholesky").fit(
            X.dense.astype(np.float64), y, sample_weight=times
        )
        expected = objective(peer.coef_[0], peer.intercept_[0], X.dense, y, 1.0, times)
        assert objective(weight[label], bias[label], X.dense, y, 1.0, times) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("settings", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
def test_transactions_that_share_a_row_count_as_if_each_had_its_own(settings):
    X, y_true, judged = case(n=240, judged_share=0.8)
    index = np.random.default_rng(0).integers(0, 60, 240)
    few = X.take(np.arange(60))
    shared = fit_head(few, y_true, judged, settings, 0, index=index)
    own = fit_head(few.take(index), y_true, judged, settings, 0)
    assert shared.logits(X) == pytest.approx(own.logits(X), abs=2e-3)


def test_equal_inputs_may_carry_different_answers():
    X = Design(np.zeros((10, 2), dtype=np.float32))
    y_true = np.array([[row < 3] for row in range(10)])
    head = fit_head(X, y_true, np.ones_like(y_true), LOGISTIC, seed=0)
    assert 1 / (1 + np.exp(-head.logits(X.take(slice(1))))) == pytest.approx(0.3, abs=1e-3)


def test_the_logistic_head_reports_a_falling_loss_and_a_last_block():
    X, y_true, judged = case(n_features=60)
    reports = []
    fit_head(
        X, y_true, judged, HeadSettings(l2=0.001), 0, on_epoch=reports.append, validation=Validation(X, y_true, judged)
    )
    assert len(reports) > 1
    assert reports[-1].loss < reports[0].loss
    assert reports[-1].epoch == reports[-1].n_epochs
    assert reports[-1].validation_f1 > 0.5


# Feed-forward ---------------------------------------------------------------------------------------------------------


def original_recipe(X, y_true, seed, epochs, batch_size):
    """The recipe as it was first written down, without masks or settings: the loss of every epoch, and the net."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(X.shape[1], 128), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(64, y_true.shape[1]),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    criterion = nn.BCEWithLogitsLoss()
    inputs, target = torch.from_numpy(X), torch.from_numpy(y_true.astype(np.float32))
    losses = []
    for _ in range(epochs):
        net.train()
        total = 0.0
        for rows in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            loss = criterion(net(inputs[rows]), target[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(X))
    return losses, net.eval()


def test_the_feedforward_head_is_the_original_recipe():
    X, y_true, judged = case(n=210)
    with torch.random.fork_rng():
        losses, net = original_recipe(X.dense, y_true, seed=3, epochs=4, batch_size=32)
    reports = []
    head = fit_head(X, y_true, judged, HeadSettings(kind="feedforward", epochs=4), 3, on_epoch=reports.append)
    assert [report.loss for report in reports] == pytest.approx(losses, rel=1e-4)
    with torch.no_grad():
        assert head.logits(X) == pytest.approx(net(torch.from_numpy(X.dense)).numpy(), abs=1e-3)


def test_the_number_of_threads_is_left_as_it_was():
    torch.set_num_threads(2)
    fit_head(*case(n=40), FEEDFORWARD, 0)
    assert torch.get_num_threads() == 2


def test_early_stopping_keeps_the_weights_of_the_lowest_validation_loss():
    X, y_true, judged = case(n=120)
    noise = np.random.default_rng(0).random(y_true.shape) < 0.5
    settings = HeadSettings(kind="feedforward", epochs=60, learning_rate=0.01, early_stopping=True)
    reports = []
    head = fit_head(X, noise, judged, settings, 0, on_epoch=reports.append, validation=Validation(X, ~noise, judged))
    assert len(reports) < 60
    assert reports[-1].epoch == reports[-1].n_epochs
    # Each step towards the noise is a step away from its opposite: the first epoch is the best.
    once = HeadSettings(kind="feedforward", epochs=1, learning_rate=0.01)
    assert np.array_equal(head.logits(X), fit_head(X, noise, judged, once, 0).logits(X))


def test_early_stopping_without_validation_rows_is_a_programming_error():
    with pytest.raises(ValueError, match="validation"):
        fit_head(*case(), HeadSettings(kind="feedforward", early_stopping=True), 0)


def test_batch_normalisation_copes_with_a_last_batch_of_one_but_not_with_one_row():
    settings = HeadSettings(kind="feedforward", normalization="batch", epochs=1, batch_size=32)
    fit_head(*case(n=33), settings, 0)
    with pytest.raises(TrainingError):
        fit_head(*case(n=1), settings, 0)


# Every head -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_what_was_said_in_unjudged_cells_changes_nothing(settings):
    X, y_true, judged = case(judged_share=0.5)
    flipped = y_true ^ ~judged
    assert np.array_equal(
        fit_head(X, y_true, judged, settings, 0).logits(X), fit_head(X, flipped, judged, settings, 0).logits(X)
    )


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_an_offset_is_added_to_what_the_head_says(settings):
    X, y_true, judged = case()
    offset = np.random.default_rng(0).normal(size=y_true.shape).astype(np.float32)
    head = fit_head(replace(X, offset=offset), y_true, judged, settings, 0)
    assert head.logits(replace(X, offset=offset)) == pytest.approx(head.logits(X) + offset, abs=1e-5)
    without = fit_head(replace(X, offset=np.zeros_like(offset)), y_true, judged, settings, 0)
    assert np.array_equal(without.logits(X), fit_head(X, y_true, judged, settings, 0).logits(X))


@pytest.mark.parametrize("settings", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
def test_what_the_offset_knows_is_not_learned_again(settings):
    X, y_true, judged = case()
    knows = replace(X, offset=np.where(y_true, 20, -20).astype(np.float32))
    reports = []
    fit_head(knows, y_true, judged, settings, 0, on_epoch=reports.append, validation=Validation(knows, y_true, judged))
    assert reports[0].loss < 1e-3
    assert reports[-1].validation_f1 == 1.0


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_one_seed_gives_one_head_and_leaves_the_generator_alone(settings):
    X, y_true, judged = case()
    before = torch.get_rng_state()
    first = fit_head(X, y_true, judged, settings, 5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(3)
    assert np.array_equal(first.logits(X), fit_head(X, y_true, judged, settings, 5).logits(X))


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_a_head_made_of_stored_tensors_gives_equal_logits(settings):
    X, y_true, judged = case()
    head = fit_head(X, y_true, judged, settings, 0)
    state = torch.get_rng_state()
    again = FittedHead.from_tensors(settings, head.tensors())
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(head.logits(X), again.logits(X))
    assert (again.n_features, again.n_labels) == (24, 6)


def test_tensors_that_do_not_fit_the_settings_are_refused():
    tensors = fit_head(*case(), LOGISTIC, 0).tensors()
    for settings, broken in ((FEEDFORWARD, tensors), (LOGISTIC, {"output.weight": tensors["output.weight"]})):
        with pytest.raises(BundleError):
            FittedHead.from_tensors(settings, broken)


@pytest.mark.parametrize("settings", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
@pytest.mark.parametrize(
    ("n_yes", "n_no", "probability"),
    [(0, 90, 0.0001), (3, 0, 0.23), (10, 0, 0.5), (1_000, 0, 0.99)],
)
def test_a_label_without_both_verdicts_gets_a_constant_and_disturbs_no_other(settings, n_yes, n_no, probability):
    X, y_true, judged = case(n=1_000)
    judged[:, 2] = np.arange(1_000) < n_yes + n_no
    y_true[:, 2] = n_yes > 0
    logits = fit_head(X, y_true, judged, settings, 0).logits(X)
    assert np.unique(logits[:, 2]).size == 1
    assert 1 / (1 + np.exp(-logits[0, 2])) == pytest.approx(probability, rel=0.05)
    others = np.arange(6) != 2
    assert np.all(logits[:, others].std(axis=0) > 0.1)


@pytest.mark.parametrize("settings", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
def test_a_label_without_any_verdict_gets_the_mean_share_of_the_others(settings):
    X, y_true, judged = case(judged_share=0.7)
    judged[:, 2] = False
    logits = fit_head(X, y_true, judged, settings, 0).logits(X)
    said_yes, said = (y_true & judged).sum(axis=0), judged.sum(axis=0)
    expected = np.delete((said_yes + 0.01) / (said + 10), 2).mean()
    assert np.unique(logits[:, 2]).size == 1
    assert 1 / (1 + np.exp(-logits[0, 2])) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("settings", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
def test_nothing_learnable_at_all_is_still_a_head(settings):
    X, y_true, judged = case(n=20)
    reports = []
    head = fit_head(X, np.zeros_like(y_true), judged, settings, 0, on_epoch=reports.append)
    assert np.all(head.logits(X) < -3)
    assert all(np.isfinite(report.loss) for report in reports)


@pytest.mark.parametrize("settings", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
def test_a_stopped_training_says_so_and_leaves_the_generator_alone(settings):
    before = torch.get_rng_state()
    with pytest.raises(CancelledError):
        fit_head(*case(), settings, 0, cancelled=lambda: True)
    assert torch.equal(torch.get_rng_state(), before)


def test_validation_f1_is_reported_after_every_epoch():
    X, y_true, judged = case()
    reports = []
    fit_head(X, y_true, judged, FEEDFORWARD, 0, on_epoch=reports.append, validation=Validation(X, y_true, judged))
    assert [(report.epoch, report.n_epochs) for report in reports] == [(1, 3), (2, 3), (3, 3)]
    assert all(0 <= report.validation_f1 <= 1 for report in reports)


def test_inputs_that_cannot_be_learned_from_are_refused():
    X, y_true, judged = case(n=5)
    with pytest.raises(TrainingError):
        fit_head(X.take(slice(0)), y_true[:0], judged[:0], LOGISTIC, 0)
    with pytest.raises(ValueError, match="finite"):
        fit_head(Design(np.where(X.dense > 0, np.nan, X.dense)), y_true, judged, LOGISTIC, 0)
    with pytest.raises(ValueError, match="auto"):
        fit_head(X, y_true, judged, HeadSettings(kind="auto"), 0)
    X.dense.flags.writeable = False  # as a memory map is
    fit_head(X, y_true, judged, LOGISTIC, 0)
