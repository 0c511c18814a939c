from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss

from tagger.errors import BundleError
from tagger.learning import neighbors
from tagger.learning.crossfit import fit_and_score, out_of_fold
from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.neighbors import Neighbors
from tagger.learning.recipe import HeadSettings, Recipe

pytestmark = pytest.mark.usefixtures("one_thread")

ALONE = Recipe(features="both", head=HeadSettings(l2=10.0))
ASKING = Recipe(features="both+neighbors", head=HeadSettings(l2=10.0))


def examples_of(means, y_true, judged=None, *, texts=None, groups=None):
    """Rows by their mean-pooled embeddings; the [CLS] half says nothing."""
    means = np.asarray(means, dtype=np.float32)
    texts = [str(row) for row in range(len(means))] if texts is None else texts
    y_true = np.asarray(y_true, dtype=bool).reshape(len(means), -1)
    return Examples(
        Inputs.of(np.concatenate([np.zeros_like(means), means], axis=1), texts),
        y_true,
        np.ones_like(y_true) if judged is None else judged,
        np.unique(texts, return_inverse=True)[1].astype(np.int64) if groups is None else groups,
    )


def random_examples(seed, *, n=60, d=8, n_labels=4, share_judged=0.7):
    """Texts that come up to three times, with verdicts that differ."""
    rng = np.random.default_rng(seed)
    of_text, text = rng.normal(size=(n, d)), rng.integers(0, n, 2 * n)
    y_true, judged = rng.random((2 * n, n_labels)) < 0.3, rng.random((2 * n, n_labels)) < share_judged
    return examples_of(of_text[text], y_true, judged, texts=[f"text {each}" for each in text])


def by_hand(examples, query):
    """The definition, row by row and label by label: probabilities that the votes alone would give."""
    means = examples.inputs.embeddings[:, examples.inputs.embeddings.shape[1] // 2 :].astype(float)
    texts = sorted(set(examples.inputs.texts))
    rows = {text: [at for at, other in enumerate(examples.inputs.texts) if other == text] for text in texts}
    center = np.mean([means[rows[text][0]] for text in texts], axis=0)
    out = np.empty((len(query), examples.n_labels))
    for label in range(examples.n_labels):
        share = {}
        for text in texts:
            said = [examples.y_true[row, label] for row in rows[text] if examples.judged[row, label]]
            if said:
                share[text] = np.mean(said)
        usual = (sum(share.values()) + 0.5) / (len(share) + 1)
        for place, vector in enumerate(np.asarray(query, dtype=float)):
            cosines = {}
            for text in texts:
                one, other = vector - center, means[rows[text][0]] - center
                cosines[text] = max(0.0, one @ other / np.linalg.norm(one) / np.linalg.norm(other))
            nearest = sorted(texts, key=cosines.get, reverse=True)[: neighbors.N_VOTES + 1]
            first, last = (cosines[nearest[at]] + neighbors.ALIKE * (at == 0) for at in (0, -1))
            votes = {
                text: cosines[text] ** 3 * (cosines[text] - last + neighbors.ALIKE) / (first - last) for text in nearest
            }
            yes = sum(vote * share[text] for text, vote in votes.items() if text in share)
            cast = sum(vote for text, vote in votes.items() if text in share)
            out[place, label] = (yes + neighbors.IMAGINED * usual) / (cast + neighbors.IMAGINED)
    return out


def votes_of(fitted, query):
    """What the votes alone would give, as probabilities."""
    query = np.asarray(query, dtype=np.float32)
    inputs = Inputs.of(
        np.concatenate([np.zeros_like(query), query], axis=1), [f"new {row}" for row in range(len(query))]
    )
    return 1 / (1 + np.exp(-fitted.votes(inputs).astype(float)))


@pytest.mark.parametrize("share_judged", [0.5, 1.0])
@pytest.mark.parametrize("n", [5, 12, 60])
def test_votes_are_those_of_the_definition(n, share_judged):
    examples = random_examples(n, n=n, share_judged=share_judged)
    query = np.random.default_rng(1).normal(size=(9, 8))
    assert votes_of(Neighbors.fit(examples, 0), query) == pytest.approx(by_hand(examples, query), abs=0.004)


def test_a_head_is_averaged_with_the_votes_label_by_label():
    examples = random_examples(3)
    without, model = Model.fit(examples, ALONE), Model.fit(examples, ASKING)
    others = random_examples(4).inputs
    share = model.neighbors.share
    own, votes = model.opinions(others)
    assert (share > 0).all()
    assert np.array_equal(own, without.logits(others))
    assert model.logits(others) == pytest.approx((1 - share) * own + share * votes, abs=1e-5)


def test_more_reviewed_descriptions_are_listened_to_more_and_repeats_are_not_more():
    def share(n, repeats=1):
        texts = [f"text {row}" for row in range(n)] * repeats
        y_true = [row % 3 == 0 for row in range(n)] * repeats
        means = np.tile(np.random.default_rng(0).normal(size=(n, 4)), (repeats, 1))
        (found,) = Neighbors.fit(examples_of(means, y_true, texts=texts), 0).share
        return found

    shares = [share(n) for n in (4, 40, 200, 2000)]
    assert shares == sorted(shares)
    assert shares[2] == pytest.approx(neighbors.AT_MOST / 2)
    assert shares[3] < neighbors.AT_MOST
    assert share(40, repeats=5) == shares[1]


def test_a_label_that_is_judged_on_few_rows_or_always_alike_is_left_to_the_head():
    n = 100
    means = np.random.default_rng(0).normal(size=(n, 4))
    y_true = np.column_stack([np.arange(n) % 2 == 0, np.arange(n) % 2 == 0, np.ones(n), np.zeros(n)])
    judged = np.ones((n, 4), dtype=bool)
    judged[10:, 1] = False
    share = Neighbors.fit(examples_of(means, y_true, judged), 0).share
    assert share[0] > 4 * share[1] > 0
    assert share[2:].tolist() == [0, 0]


def test_votes_find_what_no_straight_line_can():
    """A tag of two opposite corners: a logistic head alone is no better than a coin."""
    rng = np.random.default_rng(0)
    means = rng.uniform(-1, 1, size=(400, 2))
    examples = examples_of(means, means[:, 0] * means[:, 1] > 0)

    def f1(recipe):
        found = out_of_fold(examples, recipe).y_prob >= 0.5
        return summarize(score_labels(examples.y_true, found, examples.judged)).macro.f1

    assert f1(ASKING) > 0.9
    assert f1(ALONE) < 0.7


def clusters(*, sure):
    """Rows of one cluster have one verdict, as often as `sure` says."""
    rng = np.random.default_rng(0)
    centers, of_row = rng.normal(size=(40, 6)), rng.integers(0, 40, 400)
    y_true = (rng.random(40) < 0.4)[of_row] ^ (rng.random(400) > sure)
    return examples_of(centers[of_row] + 0.1 * rng.normal(size=(400, 6)), y_true)


@pytest.mark.parametrize(("sure", "expected"), [(0.98, {1.0}), (0.6, {0.0, 0.25, 0.5, 0.75, 1.0})])
def test_neighbors_get_the_share_that_has_the_least_log_loss_out_of_fold(sure, expected):
    examples = clusters(sure=sure)
    held_out = []
    found = out_of_fold(examples, ASKING, on_fold=lambda fold, model, held: held_out.append(held))
    losses = {}
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y_prob = np.empty(examples.y_true.shape)
        for held in held_out:
            model = Model.fit(examples.take(~held), ASKING).listening(share)
            y_prob[held] = model.probabilities(examples.inputs.take(held))
        losses[share] = log_loss(examples.y_true.ravel(), y_prob.ravel())
        if share == found.listened:
            assert found.y_prob == pytest.approx(y_prob, abs=1e-6)
    assert found.listened == min(losses, key=losses.get)
    assert found.listened in expected


def test_neighbors_that_mislead_are_let_go():
    """One direction alone decides, among others that say nothing of it: the head finds it, neighbors do not."""
    means = np.random.default_rng(3).normal(size=(300, 9))
    examples = examples_of(means, means[:, 0] > 0)
    model, oof = fit_and_score(examples, replace(ASKING, head=HeadSettings(l2=0.1)))
    alone = Model.fit(examples, replace(ALONE, head=HeadSettings(l2=0.1)))
    assert (oof.listened, model.neighbors) == (0.0, None)
    assert np.array_equal(model.probabilities(examples.inputs), alone.probabilities(examples.inputs))


def test_no_fold_asks_the_descriptions_that_it_holds_out():
    examples = random_examples(5)
    held_out = {}

    def on_fold(fold, model, held):
        held_out[fold] = set(examples.inputs.texts[held])
        rest = {
            text
            for text, out, known in zip(examples.inputs.texts, held, examples.judged.any(axis=1))
            if not out and known
        }
        assert len(model.neighbors.vectors) == len(rest)
        assert not rest & held_out[fold]

    out_of_fold(examples, ASKING, on_fold=on_fold)
    assert len(held_out) == ASKING.n_folds


def test_votes_fade_before_they_are_lost():
    """Along a walk through the descriptions nothing jumps, although others become the nearest ones on the way."""
    examples = random_examples(6, n=200, n_labels=1, share_judged=1.0)
    start, end = np.random.default_rng(2).normal(size=(2, 8))
    steps = {}
    for n_steps in (500, 5000):
        walk = start + np.linspace(0, 1, n_steps)[:, np.newaxis] * (end - start)
        steps[n_steps] = np.abs(np.diff(votes_of(Neighbors.fit(examples, 0), walk)[:, 0])).max()
    assert steps[5000] < 0.2 * steps[500]


def test_more_examples_that_agree_never_count_for_less():
    """Also where all that have a vote are equally near, as long descriptions are that differ at their end alone."""
    rng = np.random.default_rng(0)
    others, alike = rng.normal(size=(60, 8)), rng.normal(size=8)
    said = []
    for n_alike in (1, 5, 14, 15, 16, 20, 40):
        means = np.concatenate([others, np.tile(alike, (n_alike, 1))])
        fitted = Neighbors.fit(examples_of(means, np.arange(len(means)) >= len(others)), 0)
        said.append(votes_of(fitted, [alike])[0, 0])
    assert said == sorted(said)
    assert said[-1] > 0.95


def test_a_row_is_told_the_same_alone_as_among_others(monkeypatch):
    examples = random_examples(7)
    model, others = Model.fit(examples, ASKING), random_examples(8).inputs
    together = model.probabilities(others)
    monkeypatch.setattr(neighbors, "_ROWS_AT_ONCE", 7)
    assert model.probabilities(others) == pytest.approx(together, abs=1e-5)
    for row in (0, 17):
        assert model.probabilities(others.take([row]))[0] == pytest.approx(together[row], abs=1e-5)


def test_of_very_many_descriptions_some_vote_and_each_seed_draws_its_own(monkeypatch):
    monkeypatch.setattr(neighbors, "MOST", 20)
    examples = random_examples(9)
    drawn = [Neighbors.fit(examples, seed) for seed in (0, 0, 1)]
    assert [len(each.vectors) for each in drawn] == [20, 20, 20]
    assert np.array_equal(drawn[0].vectors, drawn[1].vectors)
    assert not np.array_equal(drawn[0].vectors, drawn[2].vectors)
    whole = random_examples(9, n=10)
    assert len(Neighbors.fit(whole, 0).vectors) <= 10


def test_one_reviewed_description_is_no_opinion():
    examples = examples_of([[1.0, 0.0]], [[True, False]])
    model = Model.fit(examples, ASKING)
    assert model.neighbors.share.tolist() == [0, 0]
    assert np.isfinite(model.probabilities(examples.inputs)).all()


@pytest.mark.parametrize("recipe", [ALONE, ASKING])
def test_a_model_from_its_tensors_is_equal(recipe):
    model = Model.fit(random_examples(10), recipe)
    again = Model.from_tensors(model.features, model.head.settings, model.tensors())
    others = random_examples(11).inputs
    assert (again.neighbors is None) == (recipe is ALONE)
    assert np.array_equal(again.probabilities(others), model.probabilities(others))


@pytest.mark.parametrize("name", ["center", "vectors", "yes", "judged", "usual", "share"])
def test_what_is_missing_or_does_not_fit_is_named(name):
    model = Model.fit(random_examples(12), ASKING)
    tensors, key = model.tensors(), f"neighbors.{name}"
    for broken, word in (
        ({**tensors, key: tensors[key][:-1]}, "fit"),
        ({**tensors, key: tensors[key].ravel()[:0]}, "fit"),
    ):
        with pytest.raises(BundleError, match=word):
            Model.from_tensors(model.features, model.head.settings, broken)
    if name != "judged":
        outside = {**tensors, key: np.full_like(tensors[key], 50 if name in {"yes", "share", "usual"} else np.nan)}
        with pytest.raises(BundleError, match="out of its range"):
            Model.from_tensors(model.features, model.head.settings, outside)
    with pytest.raises(BundleError, match="fit"):
        Model.from_tensors(model.features, model.head.settings, {**tensors, key: tensors[key].astype(np.int64)})
    with pytest.raises(BundleError, match=name):
        Model.from_tensors(model.features, model.head.settings, {k: v for k, v in tensors.items() if k != key})


def test_votes_of_another_head_are_refused():
    model, other = (Model.fit(random_examples(13, n_labels=n), ASKING) for n in (4, 3))
    foreign = {name: value for name, value in other.tensors().items() if name.startswith("neighbors.")}
    with pytest.raises(BundleError, match="fit the head"):
        Model.from_tensors(model.features, model.head.settings, model.tensors() | foreign)
