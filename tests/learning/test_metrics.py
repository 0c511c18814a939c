from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    coverage_error,
    label_ranking_average_precision_score,
    precision_recall_fscore_support,
)

from tagger.learning.metrics import RowScores, score_labels, score_rows, summarize


def random_case(seed, n=60, n_labels=7, judged_share=0.7):
    rng = np.random.default_rng(seed)
    base = rng.random(n_labels) ** 2
    y_true, y_pred = rng.random((n, n_labels)) < base, rng.random((n, n_labels)) < base
    return y_true, y_pred, rng.random((n, n_labels)) < judged_share


@pytest.mark.parametrize("seed", range(5))
def test_every_label_scores_as_in_scikit_learn_on_its_judged_rows(seed):
    y_true, y_pred, judged = random_case(seed)
    for label, score in enumerate(score_labels(y_true, y_pred, judged)):
        rows = judged[:, label]
        expected = precision_recall_fscore_support(
            y_true[rows, label], y_pred[rows, label], average="binary", zero_division=np.nan
        )
        for value, reference in zip((score.precision, score.recall, score.f1), expected[:3], strict=True):
            assert (np.isnan(reference) and value is None) or value == pytest.approx(reference)
        assert score.support == y_true[rows, label].sum()
        assert score.n_judged == rows.sum()


@pytest.mark.parametrize("seed", range(5))
def test_micro_and_macro_are_those_of_scikit_learn(seed):
    y_true, y_pred, _ = random_case(seed)
    y_true[:, 3] = False
    summary = summarize(score_labels(y_true, y_pred, np.ones_like(y_true)))
    micro = precision_recall_fscore_support(y_true, y_pred, average="micro")
    with_support = y_true.any(axis=0)
    macro = precision_recall_fscore_support(
        y_true[:, with_support], y_pred[:, with_support], average="macro", zero_division=np.nan
    )
    assert (summary.micro.precision, summary.micro.recall, summary.micro.f1) == pytest.approx(micro[:3])
    assert (summary.macro.precision, summary.macro.recall, summary.macro.f1) == pytest.approx(macro[:3])
    assert summary.macro.labels_scored == with_support.sum()
    assert summary.macro.labels_left_out == 7 - with_support.sum()


def test_hiding_a_row_equals_deleting_it():
    y_true, y_pred, judged = random_case(1)
    hidden = judged.copy()
    hidden[10:20] = False
    kept = np.r_[0:10, 20:60]
    assert score_labels(y_true, y_pred, hidden) == score_labels(y_true[kept], y_pred[kept], judged[kept])


@pytest.mark.parametrize(
    ("truth", "prediction", "precision", "recall", "f1"),
    [
        ("..", "..", None, None, None),
        ("#.", "..", None, 0.0, 0.0),
        ("..", "#.", 0.0, None, 0.0),
        ("##.", "#..", 1.0, 0.5, 2 / 3),
        ("##.", "##.", 1.0, 1.0, 1.0),
        ("##", "#.", None, 0.5, None),
        ("##", "##", None, 1.0, None),
    ],
)
def test_what_is_undefined_is_none(truth, prediction, precision, recall, f1):
    y_true, y_pred = (np.array([[mark == "#"] for mark in marks]) for marks in (truth, prediction))
    (score,) = score_labels(y_true, y_pred, np.ones_like(y_true))
    assert (score.precision, score.recall, score.f1) == (precision, recall, pytest.approx(f1))


def test_a_label_that_nobody_said_no_to_lifts_no_mean_of_precision():
    y_true = np.array([[1, 1], [1, 1], [0, 1], [0, 1]], dtype=bool)
    y_pred = np.array([[1, 1], [0, 1], [1, 1], [0, 0]], dtype=bool)
    fair, without_no = score_labels(y_true, y_pred, np.ones_like(y_true))
    found = summarize([fair, without_no])
    assert (without_no.precision, without_no.recall, without_no.f1, without_no.support) == (None, 0.75, None, 4)
    assert (found.macro.precision, found.macro.recall, found.macro.f1) == (0.5, (0.5 + 0.75) / 2, 0.5)
    assert (found.macro.labels_scored, found.macro.labels_left_out) == (1, 1)
    assert (found.micro.precision, found.micro.recall) == (4 / 5, 4 / 6)
    alone = summarize([without_no])
    assert (alone.micro.precision, alone.micro.recall, alone.micro.f1) == (None, 0.75, None)


def test_nothing_judged_gives_no_figure_at_all():
    y_true = np.ones((3, 2), dtype=bool)
    summary = summarize(score_labels(y_true, y_true, np.zeros_like(y_true)))
    assert (summary.micro.f1, summary.macro.f1, summary.macro.labels_left_out) == (None, None, 2)


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="Shapes"):
        score_labels(np.ones((3, 2), bool), np.ones((3, 3), bool), np.ones((3, 2), bool))


def ranked_case(seed, n=200, n_labels=9):
    """Random truth with scores that tie often; some rows without a positive, some that are all positive."""
    rng = np.random.default_rng(seed)
    y_true = rng.random((n, n_labels)) < rng.random((n, 1)) ** 2
    y_prob = (rng.integers(0, 6, (n, n_labels)) / 5).astype(np.float32)
    return y_true, y_prob, y_prob >= 0.6


@pytest.mark.parametrize("seed", range(4))
def test_ranking_scores_are_those_of_scikit_learn_on_rows_with_a_positive(seed):
    y_true, y_prob, y_pred = ranked_case(seed)
    scores = score_rows(y_true, y_prob, y_pred, np.ones_like(y_true))
    rows = y_true.any(axis=1)
    assert scores.lrap == pytest.approx(label_ranking_average_precision_score(y_true[rows], y_prob[rows]))
    assert scores.coverage == pytest.approx(coverage_error(y_true[rows], y_prob[rows]))
    assert scores.exact_match == pytest.approx(accuracy_score(y_true, y_pred))
    assert scores.untagged == pytest.approx(1 - y_pred.any(axis=1).mean())
    assert (scores.n_judged, scores.n_fully_judged, scores.n_ranked) == (200, 200, rows.sum())


@pytest.mark.parametrize("seed", range(4))
def test_what_nobody_judged_takes_no_part_in_the_scores_of_rows(seed):
    y_true, y_prob, y_pred = ranked_case(seed)
    judged = np.random.default_rng(seed).random(y_true.shape) < 0.6
    judged[:20] = True
    scores = score_rows(y_true, y_prob, y_pred, judged)
    lraps, depths = [], []
    for truth, prob, mask in zip(y_true, y_prob, judged, strict=True):
        if (truth & mask).any():
            lraps.append(label_ranking_average_precision_score(truth[None, mask], prob[None, mask]))
            depths.append(coverage_error(truth[None, mask], prob[None, mask]))
    assert scores.lrap == pytest.approx(np.mean(lraps))
    assert scores.coverage == pytest.approx(np.mean(depths))
    every = judged.all(axis=1)
    assert scores.exact_match == pytest.approx(accuracy_score(y_true[every], y_pred[every]))
    assert scores.n_ranked == len(lraps) < scores.n_judged
    assert scores.n_fully_judged == every.sum() < 200
    # Whatever stands in cells that nobody judged.
    assert score_rows(y_true ^ ~judged, np.where(judged, y_prob, 9), y_pred ^ ~judged, judged) == scores


@pytest.mark.parametrize("n_labels", [0, 2])
def test_scores_of_rows_that_nobody_judged_are_none(n_labels):
    nothing = np.zeros((3, n_labels), dtype=bool)
    assert score_rows(nothing, nothing.astype(np.float32), nothing, nothing) == RowScores(
        None, None, None, None, n_judged=0, n_fully_judged=0, n_ranked=0
    )


def test_a_row_that_is_rightly_without_a_label_is_an_exact_match_and_is_not_ranked():
    y_true = np.array([[False, False], [True, False]])
    scores = score_rows(y_true, np.array([[0.9, 0.1], [0.2, 0.8]], np.float32), y_true, np.ones_like(y_true))
    assert (scores.exact_match, scores.untagged, scores.lrap, scores.coverage, scores.n_ranked) == (1, 0.5, 0.5, 2, 1)
