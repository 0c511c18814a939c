"""What carried a prediction: each word is left out in turn (occlusion; Zeiler & Fergus 2014, arXiv:1311.2901)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tagger.learning.metrics import FloatMatrix


def without_each(text: str) -> tuple[list[str], list[str]]:
    """The words of a text, and for each of them the text without it: "a b" gives "a", "b" and "b", "a"."""
    words = text.split()
    return words, [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]


def weights(logits: FloatMatrix) -> FloatMatrix:
    """How much each word adds to the logit of each label.

    Parameters
    ----------
    logits : float32 (1 + n_words, n_labels), of the whole text and then without each word.

    Returns
    -------
    float32 (n_words, n_labels), positive where a word speaks for the label.
    """
    return np.asarray(logits[0] - logits[1:], dtype=np.float32)


def nearest(query: FloatMatrix, rows: FloatMatrix, n_nearest: int) -> tuple[Sequence[int], Sequence[float]]:
    """The rows whose direction is nearest, and their cosines, the nearest first; rows of zeros are nothing's neighbors.

    Parameters
    ----------
    query : float32 (d,)
    rows : float32 (n, d)
    """
    lengths = np.linalg.norm(rows, axis=1) * np.linalg.norm(query)
    cosines = np.divide(rows @ query, lengths, out=np.full(len(rows), -1.0, dtype=np.float32), where=lengths > 0)
    order = np.argsort(-cosines, kind="stable")[:n_nearest]
    order = order[lengths[order] > 0]
    return order.tolist(), cosines[order].astype(float).tolist()
