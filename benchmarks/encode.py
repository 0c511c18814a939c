"""How fast texts become embeddings, beside a naive transformers loop over the same texts.

The naive loop: texts in the order they arrive, 32 at a time, padded to the longest of the batch, float32,
the same maximum length, and both poolings, since the encoder too gives both.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import random
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer

from benchmarks import alternate, medians, save
from tagger.learning.encoder import find_folder, load_encoder
from tagger.learning.pooling import POOLINGS, pool, select

MAX_LENGTH = 64
NAIVE_BATCH = 32
BATCH = 128
TARGET_WITH_AMX = 4.5
TARGET_WITHOUT = 1.6
TARGET_COSINE = 0.9998

PREFIXES = ("POS PURCHASE", "CARD PURCHASE", "ACH DEBIT", "VISA DDA PUR", "DIRECT DEBIT", "SQ *", "TST*", "PAYPAL *")
FIRST = ("BLUE DOOR", "HARBOUR", "OAK & ASH", "MRS MILLER'S", "NORTHGATE", "SUNRISE", "KINGS CROSS", "LITTLE ITALY")
TRADE = ("COFFEE", "SERVICE STATION", "PHARMACY", "GROCERS", "HARDWARE", "BOOKS", "PARKING", "DENTAL CARE", "ENERGY")
PLACES = ("LEEDS GB", "PORTLAND OR", "HALIFAX", "SPRINGFIELD IL", "ST ALBANS", "AUSTIN TX US")
TRAILERS = ("REF", "CARD ENDING 4410 ON 12 MAR REF", "MANDATE NO", "INDN: A SAMPLE CO ID:")


def descriptors(count: int, seed: int) -> list[str]:
    """Return distinct texts that look like card and bank descriptors, about 13 tokens each.

    Their lengths spread as those of published card statements do: the standard deviation is a third to a half
    of the mean. It matters, for padding to the longest text of a batch is what the naive loop pays for.
    """
    chance = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        parts = [chance.choice(FIRST), chance.choice(TRADE)]
        if chance.random() < 0.6:
            parts.insert(0, chance.choice(PREFIXES))
        if chance.random() < 0.6:
            parts.append(str(chance.randrange(10 ** chance.randint(1, 4))))
        if chance.random() < 0.6:
            parts.append(chance.choice(PLACES))
        if chance.random() < 0.35:
            parts.append(f"{chance.choice(TRAILERS)} {chance.randrange(10**8)}")
        texts[" ".join(parts)] = None
    return list(texts)


def read_texts(path: Path, column: str) -> list[str]:
    """Return the distinct texts of a CSV column, in order of appearance."""
    open_text = gzip.open if path.suffix == ".gz" else open
    with open_text(path, "rt", encoding="utf-8", newline="") as file:
        return list(dict.fromkeys(row[column] for row in csv.DictReader(file)))


class Naive:
    """What one writes first with transformers."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        embeddings = []
        for start in range(0, len(texts), NAIVE_BATCH):
            batch = self.tokenizer(
                texts[start : start + NAIVE_BATCH],
                padding=True,
                truncation=True,
                max_length=MAX_LENGTH,
                return_tensors="pt",
            )
            with torch.no_grad():
                hidden = self.model(**batch).last_hidden_state
            embeddings.append(torch.cat(pool(hidden, batch["attention_mask"]), dim=1).numpy())
        return np.concatenate(embeddings)


def cosines(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float32]:
    return (left * right).sum(axis=1) / (np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1))


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks encode", description=__doc__)
    parser.add_argument("--texts", type=Path, help="CSV file, .gz too; default: generated descriptors")
    parser.add_argument("--column", default="description")
    parser.add_argument("--count", type=int, default=2048, help="texts at most")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    if options.texts:
        texts = read_texts(options.texts, options.column)
        random.Random(options.seed).shuffle(texts)
        texts = texts[: options.count]
    else:
        texts = descriptors(options.count, options.seed)

    # Ours comes first: it quiets transformers before the peer loads.
    encoder = load_encoder(None, max_length=MAX_LENGTH, batch_size=BATCH)
    naive = Naive(find_folder(None))
    n_tokens = [len(ids) for ids in naive.tokenizer(texts, truncation=True, max_length=MAX_LENGTH)["input_ids"]]
    precision = encoder.identity.precision
    spread = f"{np.mean(n_tokens):.1f} tokens on average (standard deviation {np.std(n_tokens):.1f})"
    print(f"{len(texts):,} distinct texts, {spread}; {options.rounds} rounds")

    exact, ours = naive.encode(texts), encoder.encode(texts)  # also warms both up
    seconds = alternate({"naive": lambda: naive.encode(texts), "ours": lambda: encoder.encode(texts)}, options.rounds)
    median = medians(seconds)
    ratio = median["naive"] / median["ours"]
    cosine = {pooling: cosines(select(ours, pooling), select(exact, pooling)) for pooling in POOLINGS}
    target = TARGET_WITH_AMX if precision == "bf16" else TARGET_WITHOUT
    lowest = min(float(values.min()) for values in cosine.values())

    print(f"\n{'':32}{'seconds':>9}{'texts/s':>9}{'ratio':>7}")
    for name, label in (("naive", "naive transformers, fp32"), ("ours", f"this encoder, {precision}")):
        print(f"{label:32}{median[name]:9.2f}{len(texts) / median[name]:9.0f}{median['naive'] / median[name]:7.2f}")
    print(f"\n{'cosine to fp32':32}{'mean':>9}{'min':>9}")
    for pooling, values in cosine.items():
        print(f"{pooling:32}{values.mean():9.5f}{values.min():9.5f}")
    by_round = [slow / fast for slow, fast in zip(seconds["naive"], seconds["ours"], strict=True)]
    print(f"\nratio by round: {', '.join(f'{value:.2f}' for value in by_round)}")
    print(f"ratio  {ratio:.2f}, target {target}: {'met' if ratio >= target else 'MISSED'}")
    print(f"cosine {lowest:.5f}, target {TARGET_COSINE}: {'met' if lowest >= TARGET_COSINE else 'MISSED'}")
    path = save(
        "encode",
        {
            "texts": {
                "count": len(texts),
                "generated": options.texts is None,
                "mean_tokens": float(np.mean(n_tokens)),
                "sd_tokens": float(np.std(n_tokens)),
            },
            "seconds": seconds,
            "median_seconds": median,
            "precision": precision,
            "ratio": ratio,
            "ratio_by_round": by_round,
            "target_ratio": target,
            "cosine": {
                pooling: {"mean": float(values.mean()), "min": float(values.min())}
                for pooling, values in cosine.items()
            },
        },
    )
    print(f"written to {path}")
