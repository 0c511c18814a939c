"""Scores over judged cells. What is undefined is None, never 0 or 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BoolMatrix = npt.NDArray[np.bool_]
FloatMatrix = npt.NDArray[np.float32]
IntVector = npt.NDArray[np.int64]

_CELLS_AT_ONCE = 65_536  # positives that are ranked at once: a few MB for each label


@dataclass(frozen=True)
class LabelScore:
    """One label's counts over its judged rows, and what follows from them.

    Precision and F1 are None where nobody said no: without a judged negative there is no false alarm to be found, so
    every prediction would look right.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    n_judged: int
    true_positives: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True)
class PRF:
    """Precision, recall and F1 of pooled counts."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Macro:
    """Means over the labels with a positive and a negative in the scored rows; the others are left out and counted.

    Recall needs no negative: its mean holds every label with a positive.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    labels_scored: int
    labels_left_out: int


@dataclass(frozen=True)
class Summary:
    """Both ways to sum up labels: `micro` pools counts, `macro` gives every label the same weight."""

    micro: PRF
    macro: Macro


@dataclass(frozen=True)
class RowScores:
    """How well whole rows are served.

    Attributes
    ----------
    exact_match : float or None
        Share of the rows with every label judged whose labels are all right; None without such a row.
    lrap : float or None
        Label-ranking average precision (Tsoumakas, Katakis & Vlahavas 2010, doi:10.1007/978-0-387-09823-4_34): for each
        label that a row has, the share of right ones among the labels that score at least as high, averaged over rows.
    coverage : float or None
        How many labels, from the highest score down, one has to go through on average to meet all that a row has
        (the coverage error; 1 is best where every row has one label).
    untagged : float or None
        Share of the judged rows for which no judged label is predicted.
    n_judged, n_fully_judged, n_ranked : int
        Rows with a judged label; with all labels judged; with a judged positive, which `lrap` and `coverage` need.
    """

    exact_match: float | None
    lrap: float | None
    coverage: float | None
    untagged: float | None
    n_judged: int
    n_fully_judged: int
    n_ranked: int


def label_score(true_positives: int, false_positives: int, false_negatives: int, n_judged: int) -> LabelScore:
    """A label's score from its counts; a ratio is None where its denominator is 0, and where nobody said no.

    With a positive but no prediction, F1 is 0: 2 tp / (2 tp + fp + fn) is defined although precision is not.
    """
    support = true_positives + false_negatives
    knows_no = n_judged > support
    return LabelScore(
        precision=_ratio(true_positives, true_positives + false_positives) if knows_no else None,
        recall=_ratio(true_positives, support),
        f1=_ratio(2 * true_positives, support + true_positives + false_positives) if knows_no else None,
        support=support,
        n_judged=n_judged,
        true_positives=true_positives,
        false_positives=false_positives,
        false_negatives=false_negatives,
    )


def score_labels(y_true: BoolMatrix, y_pred: BoolMatrix, judged: BoolMatrix) -> list[LabelScore]:
    """Score every label separately.

    Parameters
    ----------
    y_true, y_pred, judged : bool arrays, shape (n_transactions, n_labels)
        Columns in label-set order. Cells where `judged` is False are left out, not counted as absent.

    Returns
    -------
    One score per label; precision, recall and F1 are None where their denominator is 0, precision and F1 also where the
    label has no judged negative.

    Raises
    ------
    ValueError
        If the three shapes differ.
    """
    if not y_true.shape == y_pred.shape == judged.shape or y_true.ndim != 2:
        raise ValueError(f"Shapes differ: {y_true.shape}, {y_pred.shape}, {judged.shape}.")
    positive = y_true & judged
    predicted = y_pred & judged
    true_positives = np.count_nonzero(positive & predicted, axis=0)
    false_positives = np.count_nonzero(predicted, axis=0) - true_positives
    false_negatives = np.count_nonzero(positive, axis=0) - true_positives
    n_judged = np.count_nonzero(judged, axis=0)
    return [
        label_score(*(int(count) for count in counts))
        for counts in zip(true_positives, false_positives, false_negatives, n_judged, strict=True)
    ]


def summarize(scores: Sequence[LabelScore]) -> Summary:
    """Sum up labels' scores.

    Macro recall averages all labels with support, F1 those of them that have a judged negative, precision those of the
    latter that have a prediction: the precision of no prediction is undefined. Micro scores the pooled decisions as if
    they were of one label, so a no to any of them is enough.
    """
    with_support = [score for score in scores if score.support > 0]
    n_scored = sum(score.n_judged > score.support for score in with_support)
    pooled = label_score(
        sum(score.true_positives for score in scores),
        sum(score.false_positives for score in scores),
        sum(score.false_negatives for score in scores),
        sum(score.n_judged for score in scores),
    )
    return Summary(
        micro=PRF(pooled.precision, pooled.recall, pooled.f1),
        macro=Macro(
            precision=_mean([score.precision for score in with_support]),
            recall=_mean([score.recall for score in with_support]),
            f1=_mean([score.f1 for score in with_support]),
            labels_scored=n_scored,
            labels_left_out=len(scores) - n_scored,
        ),
    )


def score_rows(y_true: BoolMatrix, y_prob: FloatMatrix, y_pred: BoolMatrix, judged: BoolMatrix) -> RowScores:
    """Score rows instead of labels.

    Parameters
    ----------
    y_true, y_pred, judged : bool arrays, shape (n_transactions, n_labels)
        Cells where `judged` is False are neither right nor wrong, and do not take part in the ranking.
    y_prob : float32 array of the same shape

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if not y_true.shape == y_prob.shape == y_pred.shape == judged.shape or y_true.ndim != 2:
        raise ValueError(f"Shapes differ: {y_true.shape}, {y_prob.shape}, {y_pred.shape}, {judged.shape}.")
    some = judged.any(axis=1)
    every = judged.all(axis=1) & some  # without a label, a row has not been judged
    rows, labels = np.nonzero(y_true & judged)
    n_right, n_ranked_above = np.empty(rows.size), np.empty(rows.size)
    for start in range(0, rows.size, _CELLS_AT_ONCE):
        part = slice(start, start + _CELLS_AT_ONCE)
        above = (y_prob[rows[part]] >= y_prob[rows[part], labels[part], np.newaxis]) & judged[rows[part]]
        n_ranked_above[part] = np.count_nonzero(above, axis=1)
        n_right[part] = np.count_nonzero(above & y_true[rows[part]], axis=1)
    # Cells come row by row: one run of them for each row with a positive.
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    precision = np.add.reduceat(n_right / n_ranked_above, starts) if rows.size else np.empty(0)
    depth = np.maximum.reduceat(n_ranked_above, starts) if rows.size else np.empty(0)
    return RowScores(
        exact_match=_share(np.all(y_true[every] == y_pred[every], axis=1)),
        lrap=_share(precision / np.diff(np.append(starts, rows.size))),
        coverage=_share(depth),
        untagged=_share(~np.any(y_pred[some] & judged[some], axis=1)),
        n_judged=int(np.count_nonzero(some)),
        n_fully_judged=int(np.count_nonzero(every)),
        n_ranked=starts.size,
    )


def _share(values: npt.NDArray[np.bool_] | npt.NDArray[np.float64]) -> float | None:
    return float(values.mean()) if values.size else None


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


def _mean(values: Sequence[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None
