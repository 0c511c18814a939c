"""The objective that is reached, against scikit-learn's and SciPy's on the same columns side by side."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import optimize, sparse
from sklearn.linear_model import LogisticRegression

from tagger.learning import lbfgs
from tagger.learning.features import FeatureSpace
from tagger.learning.inputs import Design, Inputs
from tagger.learning.recipe import HeadSettings
from tagger.learning.training import Validation, fit_head

pytestmark = pytest.mark.usefixtures("one_thread")


def case(seed=0, n=300, n_dense=12, n_sparse=900, n_labels=4, judged_share=1.0):
    """Dense columns of unlike size, more sparse ones than rows, labels from common to rare that need both."""
    rng = np.random.default_rng(seed)
    dense = (rng.normal(size=(n, n_dense)) * np.geomspace(2, 0.05, n_dense)).astype(np.float32)
    columns = sparse.random_array((n, n_sparse), density=0.02, rng=rng, dtype=np.float32, format="csr")
    columns = sparse.csr_matrix(columns * np.float32(4))
    logits = dense @ rng.normal(size=(n_dense, n_labels)) + columns @ rng.normal(size=(n_sparse, n_labels))
    y_true = rng.random((n, n_labels)) < 1 / (1 + np.exp(-(logits - np.linspace(0, 3, n_labels))))
    return Design(dense, columns), y_true, rng.random((n, n_labels)) < judged_share


def minimum(X, y_true, judged, *, l2, times=1.0):
    """What is reached for mass 1 in judged cells, each row counted `times`."""
    mass = (judged * np.broadcast_to(np.asarray(times), judged.shape[:1])[:, np.newaxis]).astype(np.float32)
    return lbfgs.minimize(
        torch.from_numpy(X.dense),
        X.sparse,
        torch.from_numpy(mass * y_true),
        torch.from_numpy(mass),
        l2=l2,
        on_iteration=lambda iteration, iterate: None,
        offset=None if X.offset is None else torch.from_numpy(X.offset),
    )


def side_by_side(X):
    parts = [X.dense] if X.sparse is None else [X.dense, X.sparse.toarray()]
    return np.hstack(parts).astype(np.float64)


def weights_of(end, label):
    weight = torch.cat([end.weight, end.sparse_weight])[:, label]
    return np.append(weight.numpy(), end.bias[label].item()).astype(np.float64)


def objective(weights, x, y, l2, offset=0.0, times=1.0):
    """The objective as a textbook writes it, in 64 bits; its gradient too. The last weight is the intercept."""
    z = x @ weights[:-1] + weights[-1] + offset
    slope = times * (1 / (1 + np.exp(-z)) - y)
    value = np.sum(times * (np.logaddexp(0, z) - y * z)) + l2 / 2 * np.sum(np.square(weights[:-1]))
    return value, np.append(x.T @ slope + l2 * weights[:-1], slope.sum())


def scikit_learn(x, y, l2, times=None):
    peer = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=10_000).fit(x, y, sample_weight=times)
    return np.append(peer.coef_[0], peer.intercept_[0])


def scipy_optimum(x, y, l2, offset):
    start = np.zeros(x.shape[1] + 1)
    found = optimize.minimize(
        objective, start, (x, y, l2, offset), jac=True, method="L-BFGS-B", options={"maxiter": 10_000, "gtol": 1e-9}
    )
    return found.x


def probabilities(weights, x, offset=0.0):
    return 1 / (1 + np.exp(-(x @ weights[:-1] + weights[-1] + offset)))


@pytest.mark.parametrize("l2", [0.1, 1.0, 10.0, 100.0])
@pytest.mark.parametrize("judged_share", [1.0, 0.6])
def test_sparse_columns_beside_dense_ones_reach_the_optimum_of_scikit_learn(l2, judged_share):
    X, y_true, judged = case(judged_share=judged_share)
    end, x = minimum(X, y_true, judged, l2=l2), side_by_side(X)
    for label in range(y_true.shape[1]):
        rows, weights = judged[:, label], weights_of(end, label)
        y = y_true[rows, label]
        expected = scikit_learn(x[rows], y, l2)
        assert objective(weights, x[rows], y, l2)[0] == pytest.approx(objective(expected, x[rows], y, l2)[0], rel=1e-4)
        assert probabilities(weights, x) == pytest.approx(probabilities(expected, x), abs=0.01)


def test_sparse_columns_alone_reach_the_optimum_of_scikit_learn():
    X, y_true, judged = case(n_dense=0)
    end, x = minimum(X, y_true, judged, l2=1.0), side_by_side(X)
    for label, y in enumerate(y_true.T):
        weights, expected = weights_of(end, label), scikit_learn(x, y, 1.0)
        assert objective(weights, x, y, 1.0)[0] == pytest.approx(objective(expected, x, y, 1.0)[0], rel=1e-4)


@pytest.mark.parametrize("l2", [1.0, 10.0, 100.0])
def test_texts_that_share_most_of_their_words_are_no_harder_than_others(l2):
    """The first step was hundreds of times too long, the line search gave up, and the label kept its start."""
    rng = np.random.default_rng(0)
    brands = ["TESCO", "ALDI", "SHELL", "ESSO", "LANDLORD", "GREGGS"]
    texts = [
        f"CARD PAYMENT TO {brands[int(brand)]} {rng.integers(100, 9999)} LONDON GB" for brand in rng.zipf(1.6, 600) % 6
    ]
    y_true = np.array([[brand in text for brand in brands[:3]] for text in texts]) ^ (rng.random((600, 3)) < 0.02)
    inputs = Inputs.of(np.zeros((600, 2), dtype=np.float32), texts)
    X = FeatureSpace.fit(inputs, "lexical", reduce=False).transform(inputs)
    end, x = minimum(X, y_true, np.ones_like(y_true), l2=l2), side_by_side(X)
    for label, y in enumerate(y_true.T):
        weights, expected = weights_of(end, label), scikit_learn(sparse.csr_matrix(x), y, l2)
        assert objective(weights, x, y, l2)[0] == pytest.approx(objective(expected, x, y, l2)[0], rel=1e-4)


def test_a_row_with_more_mass_counts_as_often():
    X, y_true, judged = case(n=150)
    times = np.random.default_rng(1).integers(1, 7, 150)
    end, x = minimum(X, y_true, judged, l2=1.0, times=times), side_by_side(X)
    for label, y in enumerate(y_true.T):
        weights, expected = weights_of(end, label), scikit_learn(x, y, 1.0, times)
        best = objective(expected, x, y, 1.0, times=times)[0]
        assert objective(weights, x, y, 1.0, times=times)[0] == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("l2", [1.0, 100.0])
def test_descriptions_that_fill_a_statement_stop_nobody(l2):
    """Rows of large mass make the first step far too long; a search that gives up would leave the start."""
    X, y_true, judged = case()
    X = Design(X.dense, sparse.csr_matrix(X.sparse * np.float32(5)))
    times = np.ones(judged.shape[0])
    times[:100] = np.geomspace(300, 10, 100)
    end = minimum(X, y_true, judged, l2=l2, times=times)
    x = side_by_side(X)
    for label in range(y_true.shape[1]):
        y = y_true[:, label].astype(np.float64)
        reached, _ = objective(weights_of(end, label), x, y, l2, times=times)
        best, _ = objective(scikit_learn(x, y, l2, times), x, y, l2, times=times)
        assert reached <= best * 1.01


@pytest.mark.parametrize("with_sparse", [True, False])
def test_an_offset_is_added_to_the_logits_and_not_fitted(with_sparse):
    X, y_true, judged = case(judged_share=0.8)
    offset = np.random.default_rng(2).exponential(1.5, size=y_true.shape).astype(np.float32)
    X = Design(X.dense, X.sparse if with_sparse else None, offset)
    end, x = minimum(X, y_true, judged, l2=1.0), side_by_side(X)
    for label in range(y_true.shape[1]):
        rows, weights = judged[:, label], weights_of(end, label)
        problem = x[rows], y_true[rows, label], 1.0, offset[rows, label].astype(np.float64)
        expected = scipy_optimum(*problem)
        assert objective(weights, *problem)[0] == pytest.approx(objective(expected, *problem)[0], rel=1e-4)
        near = pytest.approx(probabilities(expected, x, offset[:, label]), abs=0.01)
        assert probabilities(weights, x, offset[:, label]) == near


def test_a_constant_offset_only_moves_the_intercept():
    X, y_true, judged = case()
    plain = minimum(X, y_true, judged, l2=1.0)
    moved = minimum(Design(X.dense, X.sparse, np.full(y_true.shape, 2.0, dtype=np.float32)), y_true, judged, l2=1.0)
    for label in range(y_true.shape[1]):
        one, other = weights_of(plain, label), weights_of(moved, label)
        x = side_by_side(X)
        assert probabilities(other, x, 2.0) == pytest.approx(probabilities(one, x), abs=0.01)


def test_sparse_columns_of_zeros_leave_the_dense_solution_as_it_was():
    X, y_true, judged = case(judged_share=0.7)
    alone = minimum(Design(X.dense), y_true, judged, l2=1.0)
    empty = sparse.csr_matrix((X.n_rows, 50), dtype=np.float32)
    beside = minimum(Design(X.dense, empty), y_true, judged, l2=1.0)
    assert alone.sparse_weight.shape == (0, 4)
    assert not beside.sparse_weight.any()
    assert np.allclose(beside.weight, alone.weight, atol=1e-5)
    assert np.allclose(beside.bias, alone.bias, atol=1e-5)


def test_the_same_columns_count_the_same_dense_or_sparse():
    X, y_true, judged = case(n=120, n_sparse=60)
    dense = minimum(Design(side_by_side(X).astype(np.float32)), y_true, judged, l2=1.0)
    mixed = minimum(X, y_true, judged, l2=1.0)
    x = side_by_side(X)
    for label in range(y_true.shape[1]):
        assert probabilities(weights_of(mixed, label), x) == pytest.approx(
            probabilities(weights_of(dense, label), x), abs=0.01
        )


def test_a_label_without_both_verdicts_stays_at_zero_and_disturbs_no_other():
    X, y_true, judged = case()
    alone = minimum(X, y_true, judged, l2=1.0)
    y_true[:, 1], judged[:, 2] = True, False
    end = minimum(X, y_true, judged, l2=1.0)
    for label in (1, 2):
        assert not weights_of(end, label).any()
    for label in (0, 3):
        assert weights_of(end, label) == pytest.approx(weights_of(alone, label), abs=1e-4)


def test_the_loss_of_an_iterate_is_the_mean_over_judged_cells():
    X, y_true, judged = case(judged_share=0.5)
    end, x = minimum(X, y_true, judged, l2=1.0), side_by_side(X)
    losses = [
        objective(weights_of(end, label), x[rows], y_true[rows, label], 0.0)[0] for label, rows in enumerate(judged.T)
    ]
    assert end.loss == pytest.approx(sum(losses) / judged.sum(), rel=1e-4)


# As the logistic head uses it -----------------------------------------------------------------------------------------


def test_the_head_gives_the_probabilities_of_scikit_learn():
    X, y_true, judged = case(judged_share=0.7)
    logits, x = fit_head(X, y_true, judged, HeadSettings(l2=1.0), 0).logits(X), side_by_side(X)
    for label in range(y_true.shape[1]):
        rows = judged[:, label]
        expected = scikit_learn(x[rows], y_true[rows, label], 1.0)
        assert 1 / (1 + np.exp(-logits[:, label])) == pytest.approx(probabilities(expected, x), abs=0.01)


@pytest.mark.parametrize("with_offset", [False, True])
def test_repeated_rows_may_be_many_and_carry_different_answers(with_offset):
    X, y_true, _ = case(n=80)
    if with_offset:
        X = Design(X.dense, X.sparse, np.random.default_rng(3).exponential(size=y_true.shape).astype(np.float32))
    rng = np.random.default_rng(4)
    rows = rng.permutation(np.repeat(np.arange(80), rng.integers(1, 5, 80)))
    said, judged = y_true[rows] ^ (rng.random((rows.size, 4)) < 0.1), rng.random((rows.size, 4)) < 0.8
    repeated = X.take(rows)
    head = fit_head(repeated, said, judged, HeadSettings(l2=1.0), 0)
    x = side_by_side(repeated)
    for label in range(4):
        seen = judged[:, label]
        offset = np.zeros(rows.size) if X.offset is None else repeated.offset[:, label].astype(np.float64)
        expected = scipy_optimum(x[seen], said[seen, label], 1.0, offset[seen])
        got = 1 / (1 + np.exp(-head.logits(repeated)[:, label]))
        assert got == pytest.approx(probabilities(expected, x, offset), abs=0.01)


def test_rows_that_differ_in_the_offset_alone_are_not_taken_for_one():
    dense = np.ones((40, 1), dtype=np.float32)
    offset = np.repeat([0.0, 4.0], 20).astype(np.float32)[:, np.newaxis]
    y_true = (np.arange(40) % 20 < 10)[:, np.newaxis]
    head = fit_head(Design(dense, None, offset), y_true, np.ones_like(y_true), HeadSettings(l2=1.0), 0)
    # Half of each twenty: the best intercept lies midway between the two logits.
    logits = head.logits(Design(dense, None, offset))
    assert logits[0] == pytest.approx(-2.0, abs=0.01)
    assert logits[-1] == pytest.approx(2.0, abs=0.01)


def test_reports_of_a_head_with_sparse_columns_score_validation_rows():
    X, y_true, judged = case()
    reports = []
    validation = Validation(X.take(slice(50)), y_true[:50], judged[:50])
    fit_head(X, y_true, judged, HeadSettings(l2=0.1), 0, on_epoch=reports.append, validation=validation)
    assert reports[-1].epoch == reports[-1].n_epochs
    assert reports[-1].validation_f1 > 0.9


def test_designs_that_do_not_fit_the_head_are_refused():
    X, y_true, judged = case(n=30)
    head = fit_head(X, y_true, judged, HeadSettings(l2=1.0), 0)
    for other in (Design(X.dense), Design(X.dense[:, 1:], X.sparse), Design(X.dense, X.sparse[:, 1:])):
        with pytest.raises(ValueError, match="takes 12 \\+ 900 features"):
            head.logits(other)


def test_a_penalty_that_nobody_chose_is_a_programming_error():
    with pytest.raises(ValueError, match="not resolved"):
        fit_head(*case(n=30), HeadSettings(), 0)


def test_a_feedforward_head_refuses_sparse_columns():
    with pytest.raises(ValueError, match="dense"):
        fit_head(*case(n=30), HeadSettings(kind="feedforward"), 0)


# Beginning where an earlier fit ended ---------------------------------------------------------------------------------


def iterations_and_end(X, y_true, judged, start=None, l2=5.0):
    done = []
    mass = judged.astype(np.float32)
    end = lbfgs.minimize(
        torch.from_numpy(X.dense),
        X.sparse,
        torch.from_numpy(mass * y_true),
        torch.from_numpy(mass),
        l2=l2,
        on_iteration=lambda iteration, iterate: done.append(iteration),
        start=start,
    )
    return len(done), end


@pytest.mark.parametrize("n_sparse", [0, 900])
def test_a_fit_that_begins_where_it_ended_is_done_at_once(n_sparse):
    X, y_true, judged = case(n_sparse=max(n_sparse, 1))
    X = X if n_sparse else Design(X.dense)
    cold, first = iterations_and_end(X, y_true, judged)
    warm, again = iterations_and_end(X, y_true, judged, first.end)
    assert cold > 5
    assert warm <= 2
    for label in range(y_true.shape[1]):
        assert weights_of(again, label) == pytest.approx(weights_of(first, label), abs=2e-3)


def test_it_ends_at_the_minimum_wherever_it_begins():
    X, y_true, judged = case(n=200)
    end = iterations_and_end(X, y_true, judged)[1].end
    far = lbfgs.Start(-3 * end.of_texts, end.rest + 1.0, end.bias + 4.0)
    found = iterations_and_end(X, y_true, judged, far)[1]
    x = side_by_side(X)
    for label in range(y_true.shape[1]):
        lowest = optimize.minimize(
            objective, np.zeros(x.shape[1] + 1), (x, y_true[:, label], 5.0), jac=True, method="L-BFGS-B",
            options={"maxiter": 5000, "ftol": 1e-14, "gtol": 1e-9},
        )  # fmt: skip
        assert objective(weights_of(found, label), x, y_true[:, label], 5.0)[0] <= lowest.fun * (1 + 1e-4)


def test_labels_without_a_start_begin_anew_and_those_without_both_verdicts_stay_at_0():
    X, y_true, judged = case()
    y_true[:, 1] = False
    end = iterations_and_end(X, y_true, judged)[1].end
    holed = lbfgs.Start(*(part.clone() for part in (end.of_texts, end.rest, end.bias)))
    for part in (holed.of_texts, holed.rest, holed.bias):
        part[..., 0] = torch.nan
        part[..., 1] = 7.0
    again, fresh = (iterations_and_end(X, y_true, judged, start)[1] for start in (holed, None))
    assert weights_of(again, 0) == pytest.approx(weights_of(fresh, 0), abs=2e-3)
    assert not weights_of(again, 1).any()
