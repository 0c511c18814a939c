"""Scores as the command line prints them and runs store them: plain values, undefined is None."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.learning.bootstrap import PRFIntervals, score_intervals
from tagger.learning.memory import LaterBatch
from tagger.learning.metrics import LabelScore, score_labels, score_rows, summarize


def measured(
    y_true: NDArray[np.bool_],
    y_prob: NDArray[np.float32],
    y_pred: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    groups: NDArray[np.int64],
    *,
    names: Sequence[str],
    thresholds: Sequence[float],
    seed: int,
) -> dict[str, Any]:
    """Everything that can be said of predictions: micro, macro and labels with their intervals, and rows.

    Parameters
    ----------
    y_true, y_prob, y_pred, judged : shape (n_transactions, n_labels)
        No row may have helped to make its own prediction.
    groups : int64 (n_transactions,), equal descriptions have equal numbers.
    """
    between = score_intervals(y_true, y_pred, judged, groups, seed=seed)
    found = described(score_labels(y_true, y_pred, judged), names, thresholds)
    for label, interval in zip(found["labels"], between.labels, strict=True):
        label["interval"] = _plain(interval)
    return {
        **found,
        "intervals": {"micro": _plain(between.micro), "macro": _plain(between.macro)},
        **asdict(score_rows(y_true, y_prob, y_pred, judged)),
    }


def later_batch(batch: LaterBatch, y_true: NDArray[np.bool_], judged: NDArray[np.bool_]) -> dict[str, Any]:
    """What to expect of a random later batch, in all and apart: from memory, and from the head where memory is silent.

    Parameters
    ----------
    y_true, judged : shape (n_transactions, n_labels)
    """
    remembered, predicted = judged & batch.from_memory, judged & ~batch.from_memory
    from_memory = remembered.any(axis=1)
    return {
        "measured_on": "a random later batch, repeats answered from memory",
        "share_remembered": batch.share_remembered,
        **summary(score_labels(y_true, batch.y_pred, judged)),
        "remembered": {
            "n_transactions": int(np.count_nonzero(from_memory)),
            "n_conflicting": int(np.count_nonzero(from_memory & batch.conflict)),
            **summary(score_labels(y_true, batch.y_pred, remembered)),
        },
        "predicted": {
            "n_transactions": int(np.count_nonzero(predicted.any(axis=1))),
            **summary(score_labels(y_true, batch.y_pred, predicted)),
        },
    }


def described(scores: Sequence[LabelScore], names: Sequence[str], thresholds: Sequence[float]) -> dict[str, Any]:
    """Micro, macro and labels, as the command line prints them."""
    return {
        **summary(scores),
        "labels": [
            {
                "label": name,
                "threshold": threshold,
                "precision": score.precision,
                "recall": score.recall,
                "f1": score.f1,
                "support": score.support,
            }
            for name, threshold, score in zip(names, thresholds, scores, strict=True)
        ],
    }


def summary(scores: Sequence[LabelScore]) -> dict[str, Any]:
    """Micro and macro as plain values."""
    summed = summarize(scores)
    return {"micro": asdict(summed.micro), "macro": asdict(summed.macro)}


def _plain(intervals: PRFIntervals) -> dict[str, list[float] | None]:
    return {name: None if each is None else list(each) for name, each in asdict(intervals).items()}
