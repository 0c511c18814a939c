"""How long training takes: heads beside scikit-learn's, and from the click on Train to the result.

Heads learn from made-up embeddings, no two of them equal, since equal rows are collapsed here and not there. From click
to result is everything that the button does, with the embeddings stored: folds, thresholds, intervals, a run on disk,
the comparison with the run before. It needs judged rows: a labelled file, else the lines that teach the starter.

    python -m benchmarks retrain --data FILE --labels-matching '^(group|merchant):'
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier

from benchmarks import alternate, medians, save
from data.sample.descriptors import descriptors
from tagger.config import Settings
from tagger.learning.inputs import Design
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.learning.training import fit_head
from tagger.services import importing, training
from tagger.services.importing import Upload
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.transactions.layout import ReadOptions
from tagger.transactions.readers import read_table

N_ROWS, N_LABELS, N_TEST = 10_000, 50, 2_000
EPOCHS = 20
L2 = 10.0
NEW = 50  # corrections
TARGETS = {2_000: 3.5, 10_000: 8.0}  # seconds from click to result
TARGET_AGAIN = 1.5  # seconds after NEW corrections, at the smaller size
Line = tuple[str, str, str, str]  # date, description, amount, tags


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks retrain")
    parser.add_argument("--data", type=Path, default=None, help="a labelled file (default: invented lines)")
    parser.add_argument("--labels-matching", default=None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("heads", "click"), default=None)
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {}
    if options.only != "click":
        result["heads"] = _heads(options.rounds)
    if options.only != "heads":
        lines = _invented() if options.data is None else _of_file(options.data, options.labels_matching)
        result["data"] = "invented lines" if options.data is None else options.data.name
        result["click"] = {n_rows: _click(lines, n_rows, options.rounds) for n_rows in TARGETS if n_rows < len(lines)}
    save("retrain", result)


def _heads(rounds: int) -> dict[str, Any]:
    X, y_true = _made_up(N_ROWS + N_TEST)
    X_test, y_test = X[N_ROWS:], y_true[N_ROWS:]
    X, y_true = X[:N_ROWS], y_true[:N_ROWS]
    judged, everything = np.ones_like(y_true), np.ones_like(y_test)
    probabilities: dict[str, np.ndarray] = {}

    def ours(kind: str) -> None:
        # The peer has no dropout, so neither has ours here.
        settings = HeadSettings(kind=kind, l2=L2, epochs=EPOCHS, dropout=0.0)
        head = fit_head(Design(X), y_true, judged, settings, seed=0)
        probabilities[kind] = head.logits(Design(X_test)) >= 0

    def one_vs_rest() -> None:
        model = OneVsRestClassifier(LogisticRegression(C=1 / L2, max_iter=1000)).fit(X, y_true)
        probabilities["scikit-learn's one-vs-rest lbfgs"] = model.predict(X_test) > 0

    def perceptron() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # as many epochs as ours, converged or not
            model = MLPClassifier((128, 64), alpha=0.0, max_iter=EPOCHS, random_state=0).fit(X, y_true)
        probabilities["scikit-learn's MLPClassifier"] = model.predict(X_test) > 0

    pairs = (("logistic", one_vs_rest), ("feedforward", perceptron))
    peers = {"logistic": "scikit-learn's one-vs-rest lbfgs", "feedforward": "scikit-learn's MLPClassifier"}
    found: dict[str, Any] = {}
    print(f"{N_ROWS:,} made-up embeddings of {X.shape[1]} dimensions, {N_LABELS} labels; medians of {rounds} rounds")
    print("| head | seconds | macro F1 | peer | seconds | macro F1 | ratio |\n|---|---|---|---|---|---|---|")
    for kind, peer in pairs:
        seconds = medians(alternate({kind: lambda kind=kind: ours(kind), peers[kind]: peer}, rounds))
        macros = {
            name: summarize(score_labels(y_test, probabilities[name], everything)).macro.f1
            for name in (kind, peers[kind])
        }
        ratio = seconds[peers[kind]] / seconds[kind]
        found[kind] = {"seconds": seconds, "macro_f1": macros, "ratio": ratio}
        print(
            f"| {kind} | {seconds[kind]:.2f} | {macros[kind]:.3f} | {peers[kind]} | {seconds[peers[kind]]:.2f} "
            f"| {macros[peers[kind]]:.3f} | {ratio:.1f} |",
            flush=True,
        )
    print("targets: logistic 25 times as fast and macro F1 within .005, feed-forward no slower")
    return found


def _made_up(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings whose variance falls off as a sentence encoder's does, and labels that lie along directions."""
    rng = np.random.default_rng(0)
    d = 768
    X = (rng.normal(size=(n_rows, d)) * np.arange(1, d + 1) ** -0.6).astype(np.float32)
    X /= np.sqrt(np.mean(np.square(X)))
    logits = X @ rng.normal(size=(d, N_LABELS)) / np.sqrt(d) * 3.0
    rare = np.quantile(logits, 1 - np.geomspace(0.005, 0.2, N_LABELS), axis=0).diagonal()
    return X, logits + rng.logistic(size=logits.shape) > rare


def _click(lines: Sequence[Line], n_rows: int, rounds: int) -> dict[str, float]:
    """Seconds of a training on `n_rows` judged rows, and of another after some more of them."""
    with tempfile.TemporaryDirectory() as home:
        settings = replace(Settings.from_environment(), home=Path(home), author="benchmark")
        store = Store(settings)
        _add(store, lines[:n_rows])
        training.train(store, Recipe(), Progress(), promote_it=True)  # encodes, once for all
        first, again = [], []
        for _ in range(rounds):
            # Opened anew: a training would begin where the one before ended, with nothing left to do.
            store.close()
            store = Store(settings)
            store.view()
            first.append(_train(store))
        for number in range(rounds):
            start = n_rows + number * NEW
            _add(store, lines[start : start + NEW])
            again.append(_train(store))
        store.close()
    print(
        f"{n_rows:,} judged rows: {median(first):.2f} s from click to result (target {TARGETS[n_rows]}), "
        f"{median(again):.2f} s after {NEW} more; medians of {rounds}",
        flush=True,
    )
    return {"first": median(first), "again": median(again)}


def _train(store: Store) -> float:
    started = time.perf_counter()
    training.train(store, Recipe(), Progress(), promote_it=True)
    return time.perf_counter() - started


def _add(store: Store, lines: Sequence[Line]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["date", "description", "amount", "tags"])
            writer.writerows(lines)
        upload = Upload(path.name, path.read_bytes(), ReadOptions(blank_means_none=True))
        importing.import_files(store, [upload], Progress(), tag=False)


def _invented() -> list[Line]:
    lines = [(line.description, str(line.amount), sorted(line.tags)) for line in descriptors()]
    return _shuffled([("2025-01-01", text, amount, tags) for text, amount, tags in lines])


def _of_file(path: Path, labels_matching: str | None) -> list[Line]:
    table = read_table(path, ReadOptions(labels_matching=labels_matching))
    lines = []
    for description, labels, fact in zip(table.descriptions, table.labels, table.facts, strict=True):
        day = "" if fact is None or fact.occurred_on is None else fact.occurred_on.isoformat()
        amount = "" if fact is None or fact.amount is None else str(fact.amount)
        lines.append((day, description, amount, labels or ()))
    return _shuffled(lines)


def _shuffled(lines: Sequence[tuple[str, str, str, Sequence[str]]]) -> list[Line]:
    """In an order drawn at random, with the fifty most frequent tags alone."""
    frequent = {name for name, _ in Counter(name for *_, tags in lines for name in tags).most_common(N_LABELS)}
    order = np.random.default_rng(0).permutation(len(lines))
    return [
        (*lines[place][:3], "|".join(tag for tag in lines[place][3] if tag in frequent)) for place in order.tolist()
    ]
