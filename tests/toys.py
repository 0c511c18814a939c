"""A toy encoder in place of the weights, statements that it can tell apart, and what else all tests of fits share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

from tagger.services.store import Store
from tagger.services.threshold_saving import save_draft
from tagger.storage import runs

# In place of `Settings.starter_path`: a starter that is not there, unless a test puts one there.
NO_STARTER = property(lambda settings: settings.home / "no starter")


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums in one order, and no threads that wait for each other: small products on a machine that may be busy."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class ToyEncoder:
    """Each word adds a fixed random direction: texts that share words are near each other."""

    fingerprint = "toy-fp32"
    family = "toy"
    dimension = 24

    def __init__(self) -> None:
        self.texts_encoded: list[str] = []
        self._word = cache(self._direction)

    def encode(
        self,
        texts: Sequence[str],
        *,
        cancelled: Callable[[], bool] | None = None,
    ) -> np.ndarray:
        self.texts_encoded += texts
        rows = [self._mean(text) for text in texts]
        width = 2 * self.dimension
        return np.array([np.concatenate([row[::-1], row]) for row in rows], dtype=np.float32).reshape(-1, width)

    def _mean(self, text: str) -> np.ndarray:
        words = text.casefold().split() or [""]
        return np.mean([self._word(word) for word in words], axis=0)

    def _direction(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        return np.random.default_rng(seed).normal(size=self.dimension)


KINDS = {
    "groceries": ("TESCO", "ALDI", "LIDL", "SPAR"),
    "fuel": ("SHELL", "ESSO", "BP", "TOTAL"),
    "rent|recurring": ("RENT", "LANDLORD"),
}
TOWNS = tuple(letter * 3 for letter in "abcdefghijklmnopqrstuvwxyz")


def labelled_csv(n_per_kind: int = 14, *, towns: Sequence[str] = TOWNS, judged: bool = True) -> str:
    """Three kinds of merchant that a toy encoder can tell apart, each under many names; the tags only if `judged`."""
    lines = ["date,description,amount" + ",tags" * judged]
    for tags, brands in KINDS.items():
        for number, town in enumerate(towns[:n_per_kind]):
            description = f"{brands[number % len(brands)]} {tags.split('|')[0]} {town}"
            lines.append(f"2024-03-{number + 1:02d},{description},-{number + 1}.50" + f",{tags}" * judged)
    return "\n".join(lines) + "\n"


def save_thresholds(
    store: Store,
    thresholds: Mapping[int, float],
    *,
    note: str = "",
    goals: Mapping[str, str] | None = None,
    run_id: str | None = None,
) -> int:
    """Save thresholds by label id and goals by label id as text, whatever else the draft holds; the version's number.

    Unlike sliders they need not mean anything: a goal may be one that this program cannot read.
    """
    run_id = run_id or store.view().tagging.run_id
    with store.db.write() as connection:
        by_text = {str(label_id): value for label_id, value in thresholds.items()}
        runs.set_draft(connection, run_id, store.settings.author, by_text, goals)
    return save_draft(store, note=note, run_id=run_id)["threshold_version_id"]


def bert_folder(path: Path, words: Sequence[str], *, width: int = 16, n_layers: int = 3) -> Path:
    """Write a small BERT with random weights that knows these words; they are looked up in lower case."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(word.lower() for word in words)]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=width,
        num_hidden_layers=n_layers,
        num_attention_heads=2,
        intermediate_size=2 * width,
        max_position_embeddings=16,
        initializer_range=0.5,  # so that texts differ
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(config, add_pooling_layer=False)
    path.mkdir(parents=True)
    (path / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    (path / "config.json").write_text(json.dumps(config.to_dict() | {"model_type": "bert"}), encoding="utf-8")
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
    return path
