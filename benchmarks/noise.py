"""How many slips the queue of likely errors finds: verdicts of a labelled file are flipped, then looked for.

A head of the shipped default recipe learns from the flipped verdicts and says out of fold what it thinks of each row;
equal descriptions are never on both sides. Then verdicts, and rows, are put in order of suspicion, and what share of
the flips lies in the first tenth is counted. Three ways to flip:

- "swapped": in 5 % of the rows one tag is taken for another, as a person errs: the other one is drawn from the tags of
  the ten nearest other descriptions, in proportion to how often they have it.
- "plausible": 5 % of the verdicts on tags that a row or one of those ten has, yes or no alike. Far more than 5 % of
  the rows are then wrong, so that the first tenth of the rows cannot hold them all; the best possible is printed.
- "anything": 5 % of all verdicts. Most turn a "no" about an outlandish tag into a "yes", which is easy to see.

The file's own slips are not known and count as right, so precision reads too low and the order competes with them.

    python -m benchmarks noise --data FILE --labels-matching '^(group|merchant):' --rows 3000 --seeds 3

cleanlab is a peer if it is installed; it is no requirement.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from benchmarks import save
from benchmarks.queue import SAMPLE, Rows, read
from tagger.learning import quality
from tagger.learning.crossfit import out_of_fold
from tagger.learning.examples import Examples
from tagger.learning.recipe import Recipe
from tagger.services.quality import DOUBTFUL, SIZE
from tagger.transactions.layout import ReadOptions

SHARE = 0.05
FIRST = 0.1
NEAREST = 10
MIN_ROWS = 10  # of a tag
SHIPPED = "the queue: model and equal rows"


@dataclass(frozen=True)
class Case:
    """Verdicts with flips among them, and what the model says out of fold; all but `group` are (n, n_labels)."""

    y_true: np.ndarray
    flipped: np.ndarray
    plausible: np.ndarray
    y_prob: np.ndarray
    group: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        return np.ones(self.y_true.shape, dtype=bool)

    @property
    def equal(self) -> quality.Others:
        return quality.others(self.y_true, self.judged, self.group)

    def confident(self, *, equal: bool) -> np.ndarray:
        others = self.equal if equal else quality.Others(*(np.zeros(self.y_true.shape, dtype=np.int64),) * 2)
        return quality.confidence(self.y_true, self.judged, self.y_prob, others)


Rank = Callable[[Case], tuple[np.ndarray, np.ndarray]]  # suspicion of each verdict, and of each row


def random_order(case: Case) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.random(case.y_true.shape), rng.random(len(case.y_true))


def self_confidence(case: Case) -> tuple[np.ndarray, np.ndarray]:
    cells = 1 - case.confident(equal=False)
    return cells, cells.max(axis=1)


def equal_rows(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The share of equal rows that say otherwise, without a model."""
    equal = case.equal
    against = np.where(case.y_true, equal.n_judged - equal.n_yes, equal.n_yes)
    cells = np.divide(against, equal.n_judged, out=np.zeros(against.shape), where=equal.n_judged > 0)
    return cells, cells.max(axis=1)


def shipped(case: Case) -> tuple[np.ndarray, np.ndarray]:
    confident = case.confident(equal=True)
    return 1 - confident, quality.suspicion(confident, case.y_true)


def model_alone(case: Case) -> tuple[np.ndarray, np.ndarray]:
    confident = case.confident(equal=False)
    return 1 - confident, quality.suspicion(confident, case.y_true)


def cleanlab(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Per tag: confident learning's flags first, then normalized margin; rows by cleanlab's multi-label score."""
    issues = import_module("cleanlab.filter").find_label_issues
    score = import_module("cleanlab.rank").get_label_quality_scores
    rows = import_module("cleanlab.multilabel_classification").get_label_quality_scores
    cells = np.zeros(case.y_true.shape)
    for column in range(case.y_true.shape[1]):
        given = case.y_true[:, column].astype(int)
        said = np.clip(case.y_prob[:, column].astype(float), 1e-6, 1 - 1e-6)
        pair = np.column_stack([1 - said, said])
        flagged = issues(given, pair, n_jobs=1)
        cells[:, column] = 1 - score(given, pair, method="normalized_margin") + flagged
    said = np.clip(case.y_prob.astype(float), 1e-6, 1 - 1e-6)
    return cells, 1 - rows([np.flatnonzero(row).tolist() for row in case.y_true], said)


WAYS: dict[str, Rank] = {
    "random order": random_order,
    "lowest self-confidence": self_confidence,
    "equal rows alone": equal_rows,
    "the queue without equal rows": model_alone,
    SHIPPED: shipped,
}


def swapped(y_true: np.ndarray, near: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Bool (n, n_labels): two flips in each of 5 % of the rows.

    Parameters
    ----------
    near : float (n, n_labels), the share of the nearest other descriptions that have a label.
    """
    flips = np.zeros(y_true.shape, dtype=bool)
    common = y_true.mean(axis=0)
    for row in rng.permutation(len(y_true))[: round(SHARE * len(y_true))]:
        weight = np.where(y_true[row], 0.0, near[row])
        weight = weight if weight.any() else np.where(y_true[row], 0.0, common)
        flips[row, rng.choice(np.flatnonzero(y_true[row]))] = True
        flips[row, rng.choice(weight.size, p=weight / weight.sum())] = True
    return flips


def among(cells: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """5 % of these cells, drawn uniformly."""
    flips = np.zeros(cells.shape, dtype=bool)
    places = np.flatnonzero(cells)
    flips.flat[rng.permutation(places)[: round(SHARE * places.size)]] = True
    return flips


FLIPS: dict[str, Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]] = {
    "swapped": swapped,
    "plausible": lambda y_true, near, rng: among(y_true | (near > 0), rng),
    "anything": lambda y_true, _near, rng: among(np.ones_like(y_true), rng),
}


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    rows, near = _prepared(options)
    ways = dict(WAYS)
    if find_spec("cleanlab") is not None:
        ways["cleanlab"] = cleanlab
    n_rows, n_labels = rows.y_true.shape
    print(f"{options.data.name}: {n_rows:,} rows, {rows.group.max() + 1:,} descriptions, {n_labels} tags")
    result: dict[str, Any] = {"data": options.data.name, "rows": n_rows, "seeds": options.seeds, "flips": {}}
    for name, flip in FLIPS.items():
        cases = [_case(rows, near, flip, seed) for seed in range(options.seeds)]
        found = {way: [_shares(case, *rank(case)) for case in cases] for way, rank in ways.items()}
        means = {way: {key: mean(each[key] for each in shares) for key in shares[0]} for way, shares in found.items()}
        listed = [_listed(case) for case in cases]
        facts = {key: mean(each[key] for each in listed) for key in listed[0]}
        _print(name, means, facts)
        result["flips"][name] = {"ways": means, "queue": facts}
    save("noise", result)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks noise")
    parser.add_argument("--data", type=Path, default=SAMPLE)
    parser.add_argument("--labels-matching", default=None)
    parser.add_argument("--rows", type=int, default=3000, help="at most so many rows, drawn at random")
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args(arguments)


def _prepared(options: argparse.Namespace) -> tuple[Rows, np.ndarray]:
    """The rows with the tags that at least ten of them have; and what share of the nearest descriptions has a tag."""
    rows = read(options.data, ReadOptions(labels_matching=options.labels_matching))
    kept = np.sort(np.random.default_rng(0).permutation(len(rows.y_true))[: options.rows])
    columns = rows.y_true[kept].sum(axis=0) >= MIN_ROWS
    kept = kept[rows.y_true[np.ix_(kept, columns)].any(axis=1)]
    _, first, group = np.unique(rows.group[kept], return_index=True, return_inverse=True)
    y_true = rows.y_true[np.ix_(kept, columns)]
    rows = Rows(y_true, rows.inputs.take(kept), group.astype(np.int64), rows.label_embeddings[columns])
    vectors = rows.inputs.embeddings
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors[first] @ vectors[first].T
    np.fill_diagonal(likeness, -1.0)
    nearest = np.argsort(-likeness, axis=1)[:, :NEAREST]
    share = np.stack([y_true[group == each].mean(axis=0) for each in range(first.size)])
    return rows, share[nearest].mean(axis=1)[group]


def _case(rows: Rows, near: np.ndarray, flip: Callable[..., np.ndarray], seed: int) -> Case:
    flipped = flip(rows.y_true, near, np.random.default_rng(seed))
    given = rows.y_true ^ flipped
    judged = np.ones_like(given)
    examples = Examples(rows.inputs, given, judged, rows.group, rows.label_embeddings)
    said = out_of_fold(examples, Recipe(seed=seed))
    return Case(given, flipped, rows.y_true | (near > 0), said.y_prob, rows.group)


def _shares(case: Case, cells: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    plausible = case.plausible | case.flipped
    return {
        "verdicts": _in_first(cells.ravel(), case.flipped.ravel()),
        "plausible_verdicts": _in_first(cells[plausible], case.flipped[plausible]),
        "rows": _in_first(rows, case.flipped.any(axis=1)),
    }


def _in_first(suspicion: np.ndarray, wrong: np.ndarray) -> float:
    """Which share of what is wrong lies in the first tenth."""
    first = np.argsort(-suspicion, kind="stable")[: round(FIRST * suspicion.size)]
    return float(np.count_nonzero(wrong[first]) / np.count_nonzero(wrong))


def _listed(case: Case) -> dict[str, float]:
    """What the app lists: how many rows are doubtful, and how many of the first ones are wrong."""
    confident, wrong = case.confident(equal=True), case.flipped.any(axis=1)
    doubtful = (confident <= DOUBTFUL).any(axis=1)
    order = np.argsort(-quality.suspicion(confident, case.y_true), kind="stable")
    listed = order[doubtful[order]][:SIZE]
    return {
        "wrong_rows": float(wrong.mean()),
        "doubtful_rows": float(doubtful.mean()),
        "wrong_rows_among_doubtful": float(wrong[doubtful].sum() / wrong.sum()),
        "listed": listed.size,
        "precision_of_listed": float(wrong[listed].mean()) if listed.size else 0.0,
        "best_share_of_rows": min(1.0, FIRST / float(wrong.mean())),
    }


def _print(name: str, means: dict[str, dict[str, float]], facts: dict[str, float]) -> None:
    print(f"\nflips: {name}; {facts['wrong_rows']:.1%} of the rows are wrong")
    print("| share of the flips in the first tenth | of all verdicts | of plausible ones | of the rows |")
    print("|---" * 4 + "|")
    for way, shares in means.items():
        print(f"| {way} | " + " | ".join(f"{share:.3f}" for share in shares.values()) + " |")
    print(f"| the best possible | | | {facts['best_share_of_rows']:.3f} |")
    print(
        f"listed: {facts['listed']:.0f} rows, {facts['precision_of_listed']:.0%} of them flipped; doubtful are "
        f"{facts['doubtful_rows']:.0%} of the rows with {facts['wrong_rows_among_doubtful']:.0%} of the flipped ones",
        flush=True,
    )
