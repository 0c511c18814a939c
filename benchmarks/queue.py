"""How many labels the queue saves: a labelled file is replayed, and every way to choose what to label next is scored.

A fifth of the rows is held out: at random, as a later batch in which most descriptions repeat ("later"), or by
description, so that none of them is in the rest ("unseen"). From the rest rows are "labelled" in the order that a way
to choose gives, each with its own labels; a head learns from them alone and is scored on the held-out rows. Labels with
at least 50 rows in the rest and 5 held out count, also while no row with them is labelled. Run it with a file:

    python -m benchmarks queue --data FILE --labels-matching '^(group|merchant):' --seeds 5

Without a file it takes the sample data, which is small.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks import save
from tagger.config import CHECKOUT, Settings
from tagger.learning import queue
from tagger.learning.examples import Examples
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.recipe import DEFAULT_FEATURES, Recipe
from tagger.learning.thresholds import apply_thresholds
from tagger.services.encoding import Encoding
from tagger.services.inputs import facts_of_table, gather_inputs, name_embeddings
from tagger.services.progress import Progress
from tagger.transactions.layout import ReadOptions
from tagger.transactions.merchant import group_key
from tagger.transactions.readers import read_table

SAMPLE = CHECKOUT / "data" / "sample" / "statements" / "household-current.csv"
TEST_SHARE = 0.2
MIN_POOL_ROWS, MIN_TEST_ROWS = 50, 5
SIZES = (50, 100, 150, 200, 250, 300, 400, 500)
GOAL = 500  # random rows; how many labels of the other ways reach their score is what one wants to know
RANDOM_ROWS, SHIPPED = "random rows", "the queue, one pick in ten random"


@dataclass(frozen=True)
class Rows:
    """A labelled file: every row's labels, inputs of a head and group; and the embeddings of the labels' names."""

    y_true: np.ndarray
    inputs: Inputs
    group: np.ndarray
    label_embeddings: np.ndarray


@dataclass
class Replay:
    """One split in the middle of being labelled.

    `one` holds one row of each description of the pool, drawn at random; `n_rows` how many it has. The ways to choose
    give places in it, or rows.
    """

    rows: Rows
    pool: np.ndarray
    one: np.ndarray
    n_rows: np.ndarray
    seed: int
    labelled: list[int]
    y_prob: np.ndarray | None = None

    @property
    def open(self) -> np.ndarray:
        """Places of descriptions without a labelled row."""
        return np.flatnonzero(~np.isin(self.rows.group[self.one], self.rows.group[self.labelled]))

    def doubt(self) -> np.ndarray:
        if self.y_prob is None:
            return np.ones(self.one.size)
        return queue.uncertainty(self.y_prob, np.ones(self.y_prob.shape, dtype=bool))

    def embedded(self, rows: Sequence[int] | np.ndarray) -> np.ndarray:
        return self.rows.inputs.embeddings[rows]


Choose = Callable[[Replay, int], list[int]]


def random_rows(state: Replay, n_picks: int) -> list[int]:
    order = np.random.default_rng(state.seed).permutation(state.pool)
    return order[len(state.labelled) :][:n_picks].tolist()


def _best(state: Replay, value: np.ndarray, n_picks: int) -> list[int]:
    places = state.open
    return state.one[places[np.argsort(-value[places], kind="stable")[:n_picks]]].tolist()


def _shipped(state: Replay, n_picks: int) -> list[int]:
    places = state.open
    found = queue.spread(
        queue.weights(np.sqrt(state.doubt()), state.n_rows)[places],
        lambda compared: state.embedded(state.one[places[compared]]),
        n_picks,
        known=state.embedded(state.labelled),
        seed=state.seed,
    )
    return state.one[places[[each.place for each in found]]].tolist()


def _with_audit(state: Replay, n_picks: int) -> list[int]:
    order = state.pool[queue.random_order(state.pool, state.seed)]
    audit = order[~np.isin(order, state.labelled)][:n_picks].tolist()
    return [row for row, _ in queue.mix(_shipped(state, n_picks), audit, n_picks, group=state.rows.group)]


WAYS: dict[str, Choose] = {
    RANDOM_ROWS: random_rows,
    "random descriptions": lambda state, n: _best(state, np.random.default_rng(state.seed).random(state.one.size), n),
    "uncertainty alone": lambda state, n: _best(state, state.doubt(), n),
    "most frequent description": lambda state, n: _best(state, state.n_rows, n),
    "uncertainty × √rows": lambda state, n: _best(state, state.doubt() * np.sqrt(state.n_rows), n),
    "the queue": _shipped,
    SHIPPED: _with_audit,
}


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    rows = read(options.data, ReadOptions(labels_matching=options.labels_matching))
    print(f"{options.data.name}: {rows.y_true.shape[0]:,} rows, {rows.group.max() + 1:,} descriptions")
    result: dict[str, Any] = {"data": options.data.name, "seeds": options.seeds, "batch": options.batch, "tables": {}}
    for held_out in options.held_out:
        scores: dict[str, dict[int, list[float]]] = {name: {} for name in WAYS}
        for seed in range(options.seeds):
            for name, choose in WAYS.items():
                for size, macro in _replay(rows, held_out, seed, choose, options.batch).items():
                    scores[name].setdefault(size, []).append(macro)
        curves = {name: {size: mean(macros) for size, macros in found.items()} for name, found in scores.items()}
        _print(held_out, curves)
        result["tables"][held_out] = {
            name: {"macro": curve, "labels_for_goal": labels_for(curve, curves[RANDOM_ROWS][GOAL])}
            for name, curve in curves.items()
        }
    save("queue", result)


def labels_for(curve: dict[int, float], goal: float) -> int | None:
    """The number of labels at which the curve first reaches the goal, between two sizes by a straight line."""
    before, low = 0, 0.0
    for size, macro in curve.items():
        if macro >= goal:
            return round(before + (size - before) * (goal - low) / (macro - low))
        before, low = size, macro
    return None


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks queue")
    parser.add_argument("--data", type=Path, default=SAMPLE)
    parser.add_argument("--labels-matching", default=None)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--batch", type=int, default=25, help="labels between two trainings")
    parser.add_argument("--held-out", nargs="+", choices=("later", "unseen"), default=("later", "unseen"))
    return parser.parse_args(arguments)


def read(path: Path, options: ReadOptions) -> Rows:
    table = read_table(path, options)
    kept = [row for row, found in enumerate(table.labels) if found]
    names = sorted({name for row in kept for name in table.labels[row]})
    _, group = np.unique([group_key(table.descriptions[row]) for row in kept], return_inverse=True)
    y_true = np.array([[name in table.labels[row] for name in names] for row in kept])
    encoding, facts = Encoding(Settings.from_environment()), facts_of_table(table).take(np.array(kept))
    inputs, _ = gather_inputs(encoding, facts, DEFAULT_FEATURES, Progress())
    _ = inputs.ngrams  # once for all trainings
    label_embeddings = name_embeddings(encoding, [(name, "") for name in names], DEFAULT_FEATURES, Progress())
    assert label_embeddings is not None
    return Rows(y_true, inputs, group, label_embeddings)


def _replay(rows: Rows, held_out: str, seed: int, choose: Choose, batch: int) -> dict[int, float]:
    """Macro-F1 on the held-out rows by number of labelled rows."""
    rng = np.random.default_rng(seed)
    if held_out == "later":
        is_test = rng.random(rows.group.size) < TEST_SHARE
    else:
        is_test = (rng.random(rows.group.max() + 1) < TEST_SHARE)[rows.group]
    pool, test = rng.permutation(np.flatnonzero(~is_test)), np.flatnonzero(is_test)
    y_true = rows.y_true
    scored = (y_true[pool].sum(axis=0) >= MIN_POOL_ROWS) & (y_true[test].sum(axis=0) >= MIN_TEST_ROWS)
    y_true = y_true[:, scored]
    groups, first, counts = np.unique(rows.group[pool], return_index=True, return_counts=True)
    order = rng.permutation(groups.size)  # or equal values would go by the alphabet
    state = Replay(rows, pool, pool[first[order]], counts[order], seed, [])
    found: dict[int, float] = {}
    while len(state.labelled) < min(SIZES[-1], groups.size):
        size = next(size for size in SIZES if size > len(state.labelled))
        state.labelled += choose(state, min(batch, size - len(state.labelled)))
        learned = np.array(state.labelled)
        model = Model.fit(
            Examples(
                rows.inputs.take(learned),
                y_true[learned],
                np.ones((learned.size, y_true.shape[1]), dtype=bool),
                rows.group[learned].astype(np.int64),
                rows.label_embeddings[scored],
            ),
            Recipe(seed=seed),
        )
        state.y_prob = model.probabilities(rows.inputs.take(state.one))
        if learned.size in SIZES:
            found[learned.size] = _score(model, rows, test, y_true)
    return found


def _score(model: Model, rows: Rows, test: np.ndarray, y_true: np.ndarray) -> float:
    """Macro-F1 at a threshold of 0.5: with this few labels most keep it anyway."""
    y_pred = apply_thresholds(model.probabilities(rows.inputs.take(test)), [0.5] * y_true.shape[1])
    return float(summarize(score_labels(y_true[test], y_pred, np.ones_like(y_pred))).macro.f1 or 0.0)


def _print(held_out: str, curves: dict[str, dict[int, float]]) -> None:
    goal = curves[RANDOM_ROWS].get(GOAL)
    print(f"\nmacro F1 on {held_out} rows, by labelled rows" + (f"; {GOAL} random rows: {goal:.3f}" if goal else ""))
    print("| | " + " | ".join(map(str, SIZES)) + f" | labels for what {GOAL} random rows give |")
    print("|---" * (len(SIZES) + 2) + "|")
    for name, curve in curves.items():
        cells = [f"{curve[size]:.3f}" if size in curve else "" for size in SIZES]
        needed = labels_for(curve, goal) if goal else None
        print(f"| {name} | {' | '.join(cells)} | {needed or f'more than {SIZES[-1]}'} |", flush=True)
