from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from toys import ToyEncoder

from tagger.errors import CancelledError, TrainingError
from tagger.learning.crossfit import OutOfFold, cross_fitted_predictions, fit_and_score, out_of_fold
from tagger.learning.examples import Examples
from tagger.learning.goals import BestF, Fixed
from tagger.learning.inputs import Inputs
from tagger.learning.lexical import Lexicon, hashed
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.learning.thresholds import GoalChooser, apply_thresholds, choose_thresholds

LOGISTIC = Recipe(features="both", head=HeadSettings(l2=0.1))
FEEDFORWARD = Recipe(
    features="both", head=HeadSettings(kind="feedforward", epochs=20, learning_rate=5e-3, batch_size=64)
)

pytestmark = pytest.mark.usefixtures("one_thread")


def tokens(n_groups=150, repeats=4, n_labels=3, seed=0):
    """Every group has a random vector of its own and random labels: all there is to learn is the group itself."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups, dtype=np.int64), repeats)
    embeddings = rng.normal(size=(n_groups, 200)).astype(np.float32)[groups]
    y_true = (rng.random((n_groups, n_labels)) < 0.5)[groups]
    return Inputs.of(embeddings), y_true, np.ones_like(y_true), groups


@pytest.mark.parametrize("recipe", [LOGISTIC, FEEDFORWARD], ids=["logistic", "feedforward"])
def test_a_head_that_knows_every_group_by_heart_is_no_better_than_chance_on_groups_it_never_saw(recipe):
    inputs, y_true, judged, groups = tokens()
    by_heart = Model.fit(Examples(inputs, y_true, judged, np.arange(len(y_true))), recipe).probabilities(inputs) >= 0.5
    unseen = out_of_fold(Examples(inputs, y_true, judged, groups), recipe).y_prob >= 0.5
    assert np.mean(by_heart == y_true) > 0.95
    # 450 coin tosses: three standard deviations are .07.
    assert np.mean(unseen == y_true) == pytest.approx(0.5, abs=0.07)


def test_rows_as_groups_would_flatter():
    inputs, y_true, judged, groups = tokens()
    leaking = out_of_fold(Examples(inputs, y_true, judged, np.arange(groups.size)), LOGISTIC).y_prob >= 0.5
    assert np.mean(leaking == y_true) > 0.95


def test_verdicts_of_a_group_have_no_part_in_its_own_probabilities():
    inputs, y_true, judged, groups = tokens()
    before = out_of_fold(Examples(inputs, y_true, judged, groups), LOGISTIC)
    fold = before.folds == 2
    model = Model.fit(
        Examples(inputs.take(~fold), y_true[~fold], judged[~fold], np.arange(len(y_true[~fold]))), LOGISTIC
    )
    assert np.array_equal(before.y_prob[fold], model.probabilities(inputs.take(fold)))
    assert not set(groups[fold]) & set(groups[~fold])


def test_verdicts_of_a_fold_have_no_part_in_its_own_thresholds():
    inputs, y_true, judged, groups = tokens()
    oof = out_of_fold(Examples(inputs, y_true, judged, groups), LOGISTIC)
    fold = oof.folds == 1
    flipped = y_true ^ fold[:, np.newaxis]
    one, other = (
        cross_fitted_predictions(oof, truth, judged, groups, GoalChooser(BestF())) for truth in (y_true, flipped)
    )
    assert np.array_equal(one[fold], other[fold])
    assert not np.array_equal(one[~fold], other[~fold])


def test_thresholds_chosen_on_noise_look_good_only_on_the_rows_that_chose_them():
    rng = np.random.default_rng(0)
    groups = np.arange(200)
    y_true = rng.random((200, 20)) < 0.1
    y_prob = rng.random((200, 20), dtype=np.float32)
    no_rows = np.empty(0, dtype=np.int64)  # every description occurs once
    oof, judged = OutOfFold(y_prob, groups % 5, no_rows, np.empty((5, 0, 20), dtype=np.float32)), np.ones_like(y_true)
    honest = cross_fitted_predictions(oof, y_true, judged, groups, GoalChooser(BestF()))
    chosen = choose_thresholds(y_true, y_prob, judged, groups, GoalChooser(BestF()))
    flattered = apply_thresholds(y_prob, [threshold.value for threshold in chosen])
    scores = [summarize(score_labels(y_true, y_pred, judged)).macro.f1 for y_pred in (honest, flattered)]
    assert scores[0] < scores[1] - 0.03


def test_a_fixed_threshold_cuts_every_fold_alike():
    inputs, y_true, judged, groups = tokens()
    oof = out_of_fold(Examples(inputs, y_true, judged, groups), LOGISTIC)
    y_pred = cross_fitted_predictions(oof, y_true, judged, groups, GoalChooser(Fixed(0.3)))
    assert np.array_equal(y_pred, oof.y_prob >= 0.3)


def test_labels_that_a_fold_cannot_teach_keep_finite_low_probabilities():
    inputs, y_true, judged, groups = tokens(n_groups=20)
    y_true[:] = False
    y_true[groups == 0, 0] = True  # one description in all
    judged[:, 1] = False
    oof = out_of_fold(Examples(inputs, y_true, judged, groups), LOGISTIC)
    y_prob = oof.y_prob
    assert np.isfinite(y_prob).all()
    assert np.all(y_prob[groups == 0, 0] < 0.01)
    for fold in range(5):
        # Nobody judged the second label: the mean of the two constants that the other folds give.
        seen = oof.folds != fold
        shares = (y_true[seen][:, [0, 2]].sum(axis=0) + 0.01) / (seen.sum() + 10)
        assert y_prob[~seen, 1] == pytest.approx(shares.mean(), rel=1e-4)


def test_progress_and_reports_name_their_fold():
    inputs, y_true, judged, groups = tokens(n_groups=30)
    steps, reports = [], []
    examples = Examples(inputs, y_true, judged, groups)
    out_of_fold(examples, LOGISTIC, progress=lambda *step: steps.append(step), on_epoch=reports.append)
    assert steps == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    assert sorted({report.fold for report in reports}) == [0, 1, 2, 3, 4]
    assert all(report.validation_f1 is not None for report in reports)


def test_watching_a_training_does_not_change_it():
    inputs, y_true, judged, groups = tokens(n_groups=30)
    recipe = Recipe(features="both", head=HeadSettings(kind="feedforward", epochs=2))
    alone = out_of_fold(Examples(inputs, y_true, judged, groups), recipe)
    watched = out_of_fold(Examples(inputs, y_true, judged, groups), recipe, on_epoch=lambda report: None)
    assert np.array_equal(alone.y_prob, watched.y_prob)


def test_a_stopped_job_says_so():
    with pytest.raises(CancelledError):
        out_of_fold(Examples(*tokens(n_groups=10)), LOGISTIC, cancelled=lambda: True)


def test_fits_side_by_side_are_those_that_come_one_after_the_other():
    inputs, y_true, judged, groups = tokens(n_groups=60)
    alone = out_of_fold(Examples(inputs, y_true, judged, groups), LOGISTIC)
    by_itself = Model.fit(Examples(inputs, y_true, judged, groups), LOGISTIC)
    torch.set_num_threads(4)  # the fixture sets it back
    model, beside = fit_and_score(Examples(inputs, y_true, judged, groups), LOGISTIC)
    assert torch.get_num_threads() == 4
    assert np.array_equal(beside.y_prob, alone.y_prob)
    assert np.array_equal(beside.y_seen, alone.y_seen)
    assert np.array_equal(model.probabilities(inputs), by_itself.probabilities(inputs))


@pytest.mark.parametrize("n_threads", [1, 4])
def test_a_fit_that_fails_stops_the_others_and_is_what_one_hears_of(n_threads):
    inputs, y_true, judged, groups = tokens()
    told = []

    def fail_in_the_second_fold(report):
        told.append(report.fold)
        if report.fold == 1:
            raise MemoryError("no more")

    torch.set_num_threads(n_threads)
    with pytest.raises(MemoryError, match="no more"):
        fit_and_score(Examples(inputs, y_true, judged, groups), LOGISTIC, on_epoch=fail_in_the_second_fold)
    assert not [each.name for each in threading.enumerate() if "Pool" in each.name]


def test_a_stop_asked_for_while_fits_run_side_by_side_is_heard_by_all():
    inputs, y_true, judged, groups = tokens()
    asked = threading.Event()
    torch.set_num_threads(4)
    with pytest.raises(CancelledError):
        fit_and_score(
            Examples(inputs, y_true, judged, groups),
            LOGISTIC,
            on_epoch=lambda report: asked.set(),
            cancelled=asked.is_set,
        )


def test_one_description_alone_cannot_be_scored():
    with pytest.raises(TrainingError, match="two different"):
        out_of_fold(Examples(*tokens(n_groups=1)), LOGISTIC)


# With everything that a head may look at ------------------------------------------------------------------------------

EVERYTHING = Recipe(features="both+lexical+amount+date+account+names+neighbors")
EVERYTHING_DENSE = Recipe(features=EVERYTHING.features, head=HeadSettings(kind="feedforward", epochs=2))
NAMES = ToyEncoder().encode(["groceries", "fuel", "book stores"])


def statement(n_groups=40, repeats=2):
    """Descriptions with a number of their own; amounts, dates and accounts that differ from row to row."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups, dtype=np.int64), repeats)
    texts = [f"{('TESCO', 'SHELL', 'BOOTS')[group % 3]} shop{group}" for group in groups]
    inputs = Inputs.of(
        ToyEncoder().encode(texts),
        texts,
        amounts=rng.normal(size=groups.size) * 100,
        days=rng.integers(738_000, 738_700, groups.size).astype(np.int32),
        accounts=rng.choice(["joint", "savings"], groups.size).tolist(),
    )
    y_true = groups[:, np.newaxis] % 3 == np.arange(3)
    y_true[:, 2] = False
    return inputs, y_true, np.ones_like(y_true), groups


def other_facts(inputs, rows):
    """The same, but for everything that is known of some rows."""
    texts, accounts = inputs.texts.copy(), inputs.accounts.copy()
    texts[rows], accounts[rows] = "QUUX GARPLY WALDO", "nowhere"
    return replace(
        inputs,
        embeddings=np.where(rows[:, np.newaxis], np.float32(7), inputs.embeddings),
        texts=texts,
        accounts=accounts,
        amounts=np.where(rows, 1e6, inputs.amounts),
        days=np.where(rows, 1, inputs.days).astype(np.int32),
    )


@pytest.mark.parametrize("recipe", [EVERYTHING, EVERYTHING_DENSE], ids=["logistic", "feedforward"])
def test_nothing_known_of_a_row_has_a_part_in_the_probabilities_of_its_own_fold(recipe):
    inputs, y_true, judged, groups = statement()
    before = out_of_fold(Examples(inputs, y_true, judged, groups, label_embeddings=NAMES), recipe)
    fold = before.folds == 2
    half = fold & (groups % 2 == 0)
    rest = fold & ~half
    assert half.any() and rest.any()
    after = out_of_fold(Examples(other_facts(inputs, half), y_true, judged, groups, label_embeddings=NAMES), recipe)
    assert np.array_equal(before.folds, after.folds)
    assert np.array_equal(before.y_prob[rest], after.y_prob[rest])
    assert not np.array_equal(before.y_prob[half], after.y_prob[half])
    assert not np.array_equal(before.y_prob[~fold], after.y_prob[~fold])


@pytest.mark.parametrize("recipe", [EVERYTHING, EVERYTHING_DENSE], ids=["logistic", "feedforward"])
def test_rows_held_out_are_predicted_as_if_they_had_never_been_there(recipe):
    inputs, y_true, judged, groups = statement()
    oof = out_of_fold(Examples(inputs, y_true, judged, groups, label_embeddings=NAMES), recipe)
    for fold in range(5):
        others = oof.folds != fold
        model = Model.fit(
            Examples(inputs.take(others), y_true[others], judged[others], groups[others], label_embeddings=NAMES),
            recipe,
        )
        model = model.listening(oof.listened)
        assert np.array_equal(oof.y_prob[~others], model.probabilities(inputs.take(~others)))


def test_an_n_gram_of_the_held_out_rows_alone_has_no_column(monkeypatch):
    inputs, y_true, judged, groups = statement()
    models = []
    fit = Model.fit
    monkeypatch.setattr(Model, "fit", lambda *args, **options: models.append(fit(*args, **options)) or models[-1])
    folds = out_of_fold(Examples(inputs, y_true, judged, groups, label_embeddings=NAMES), EVERYTHING).folds
    assert len(models) == 5
    for fold, model in enumerate(models):
        training = Lexicon.fit(hashed(sorted(set(inputs.texts[folds != fold]))))
        assert np.array_equal(model.space.lexicon.columns, training.columns)
        assert np.array_equal(model.space.lexicon.weights, training.weights)
        own = hashed([f"shop{group}" for group in set(groups[folds == fold])]).indices
        assert not np.isin(own, training.columns).all()


def test_words_are_counted_once_for_all_folds(monkeypatch):
    counted = []
    monkeypatch.setattr("tagger.learning.inputs.hashed", lambda texts: counted.append(len(texts)) or hashed(texts))
    inputs, y_true, judged, groups = statement()
    out_of_fold(Examples(inputs, y_true, judged, groups, label_embeddings=NAMES), EVERYTHING)
    assert counted == [40]


def test_watching_a_training_with_every_feature_does_not_change_it():
    inputs, y_true, judged, groups = statement()
    alone = out_of_fold(Examples(inputs, y_true, judged, groups, label_embeddings=NAMES), EVERYTHING)
    reports = []
    watched = out_of_fold(
        Examples(inputs, y_true, judged, groups, label_embeddings=NAMES), EVERYTHING, on_epoch=reports.append
    )
    assert np.array_equal(alone.y_prob, watched.y_prob)
    assert {report.fold for report in reports} == {0, 1, 2, 3, 4}
