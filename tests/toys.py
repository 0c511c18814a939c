"""A toy encoder in place of the weights, and statements that it can tell apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np


class ToyEncoder:
    """Each word adds a fixed random direction: texts that share words are near each other."""

    fingerprint = "toy-fp32"
    family = "toy"
    dimension = 24

    def __init__(self) -> None:
        self.texts_encoded: list[str] = []

    def encode(
        self,
        texts: Sequence[str],
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> np.ndarray:
        self.texts_encoded += texts
        rows = [self._mean(text) for text in texts]
        return np.array([np.concatenate([row[::-1], row]) for row in rows], dtype=np.float32).reshape(-1, 48)

    def _mean(self, text: str) -> np.ndarray:
        words = text.casefold().split() or [""]
        return np.mean([self._word(word) for word in words], axis=0)

    def _word(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        return np.random.default_rng(seed).normal(size=self.dimension)


def labelled_csv(n_per_label: int = 14) -> str:
    """Three kinds of merchant that a toy encoder can tell apart, each under many names."""
    kinds = {
        "groceries": ("TESCO", "ALDI", "LIDL", "SPAR"),
        "fuel": ("SHELL", "ESSO", "BP", "TOTAL"),
        "rent|recurring": ("RENT", "LANDLORD"),
    }
    lines = ["date,description,amount,tags"]
    for tags, brands in kinds.items():
        for number in range(n_per_label):
            brand = brands[number % len(brands)]
            town = "abcdefghijklmnopqrstuvwxyz"[number] * 3
            lines.append(f"2024-03-{number % 28 + 1:02d},{brand} {tags.split('|')[0]} {town},-{number + 1}.50,{tags}")
    return "\n".join(lines) + "\n"
