"""Scores as the command line prints them and runs store them: plain values, undefined is None."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tagger.learning.metrics import LabelScore, summarize


def described(scores: Sequence[LabelScore], names: Sequence[str], thresholds: Sequence[float]) -> dict[str, Any]:
    """Micro, macro and labels, as the command line prints them; undefined is None."""
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
