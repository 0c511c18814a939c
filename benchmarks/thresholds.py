"""How long exact thresholds and their intervals take, beside scikit-learn.

The threshold with the best F1 of every label, found among all distinct scores, beside

- the original recipe's loop: 17 points, `f1_score` at each, label by label;
- `precision_recall_curve` label by label, and the best F1 on it.

And what the Thresholds page waits for: intervals of every label, of pooled counts and of means at thresholds in use
(`Uncertainty.at`), and bands along all curves (`Uncertainty.bands`), from judged rows to results.

    python -m benchmarks thresholds
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, precision_recall_curve

from benchmarks import alternate, medians, save
from tagger.learning.goals import GRID, BestF
from tagger.learning.step_curve import step_curves
from tagger.learning.uncertainty import N_BAND_REPLICATES, N_REPLICATES, Uncertainty

OURS, CURVES, LOOP = "step curves", "precision_recall_curve", "17 × f1_score"
SIZES = {(10_000, 50): {LOOP: 100.0, CURVES: 10.0}, (1_000_000, 10): {LOOP: 80.0, CURVES: 8.0}}  # and target ratios
MOST_CELLS_IN_LOOP = 2_000_000  # beyond, the loop takes so many labels only, once, and is scaled up
N_JUDGED, N_LABELS, TARGET = 20_000, 50, 0.3  # of intervals and bands together; seconds


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks thresholds")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args(arguments)
    best = [_best(n_rows, n_labels, options.rounds) for n_rows, n_labels in SIZES]
    save("thresholds", {"best_f1": best, "intervals": _intervals(options.rounds)})


def made_up(n_rows: int, n_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of 0.5 to 30 % of the rows, and scores that follow them."""
    rng = np.random.default_rng(0)
    y_true = rng.random((n_rows, n_labels)) < rng.uniform(0.005, 0.3, n_labels)
    y_prob = 1 / (1 + np.exp(-(rng.normal(-2, 1.5, y_true.shape) + 2.5 * y_true)))
    return y_true, y_prob.astype(np.float32)


def by_step_curves(y_true: np.ndarray, y_prob: np.ndarray) -> list[float]:
    """The best threshold of each label."""
    solutions = (BestF().solve(curve) for curve in step_curves(y_true, y_prob, np.ones_like(y_true)))
    return [np.nan if solution is None else solution.threshold for solution in solutions]


def by_precision_recall_curves(y_true: np.ndarray, y_prob: np.ndarray) -> list[float]:
    found = []
    for truth, scores in zip(y_true.T, y_prob.T, strict=True):
        precision, recall, thresholds = precision_recall_curve(truth, scores)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-30)
        found.append(float(thresholds[f1[:-1].argmax()]))
    return found


def by_loop(y_true: np.ndarray, y_prob: np.ndarray) -> list[float]:
    """As the original recipe had it, `>` included."""
    found = []
    for truth, scores in zip(y_true.T, y_prob.T, strict=True):
        f1 = [f1_score(truth, scores > point, zero_division=0) for point in GRID]
        found.append(GRID[int(np.argmax(f1))])
    return found


def _best(n_rows: int, n_labels: int, rounds: int) -> dict[str, Any]:
    y_true, y_prob = made_up(n_rows, n_labels)
    n_in_loop = min(n_labels, max(1, MOST_CELLS_IN_LOOP // n_rows))
    found: dict[str, list[float]] = {}

    def note(name: str, way: Callable[[np.ndarray, np.ndarray], list[float]], n: int) -> Callable[[], None]:
        def run() -> None:
            found[name] = way(y_true[:, :n], y_prob[:, :n])

        return run

    ours, curves = note(OURS, by_step_curves, n_labels), note(CURVES, by_precision_recall_curves, n_labels)
    loop = note(LOOP, by_loop, n_in_loop)
    ours()  # what is loaded on first use is loaded for all
    print(f"\nBest F1 of {n_labels} labels, {n_rows:,} rows each; medians of {rounds} rounds")
    if n_in_loop == n_labels:
        seconds = medians(alternate({OURS: ours, CURVES: curves, LOOP: loop}, rounds))
    else:
        print(f"({LOOP}: one round of {n_in_loop} labels, times {n_labels / n_in_loop:g})")
        seconds = medians(alternate({OURS: ours, CURVES: curves}, rounds))
        seconds[LOOP] = alternate({LOOP: loop}, 1)[LOOP][0] * n_labels / n_in_loop
    f1 = {name: _mean_f1(y_true[:, :n_in_loop], y_prob[:, :n_in_loop], cuts) for name, cuts in found.items()}
    ratios = {peer: seconds[peer] / seconds[OURS] for peer in (CURVES, LOOP)}
    targets = SIZES[n_rows, n_labels]
    print("| | ms | times as long | target | mean F1 |\n|---|---|---|---|---|")
    print(f"| {OURS} | {1000 * seconds[OURS]:.1f} | | | {f1[OURS]:.4f} |")
    for peer, ratio in ratios.items():
        print(
            f"| {peer} | {1000 * seconds[peer]:,.0f} | {ratio:.1f} | {targets[peer]:g} | {f1[peer]:.4f} |", flush=True
        )
    return {"n_rows": n_rows, "n_labels": n_labels, "seconds": seconds, "ratios": ratios, "labels_in_loop": n_in_loop}


def _mean_f1(y_true: np.ndarray, y_prob: np.ndarray, cuts: list[float]) -> float:
    """Where each way cuts, over the labels that all of them looked at."""
    columns = zip(y_true.T, y_prob.T, cuts, strict=False)
    return float(np.mean([f1_score(truth, scores.astype(np.float64) >= cut) for truth, scores, cut in columns]))


def _intervals(rounds: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    y_true, y_prob = made_up(N_JUDGED, N_LABELS)
    judged = np.ones_like(y_true)
    groups = rng.integers(0, N_JUDGED, N_JUDGED)
    thresholds = np.full(N_LABELS, 0.3)
    moved = np.where(np.arange(N_LABELS) == 3, 0.4, thresholds)
    parts: dict[str, list[float]] = {"first intervals": [], "bands": [], "all": [], "one threshold moved": []}
    for number in range(rounds + 1):
        made: list[Uncertainty] = []
        steps = {
            "first intervals": lambda made=made: made.append(_asked(y_true, y_prob, judged, groups, thresholds)),
            "bands": lambda made=made: made[0].bands(),
            "one threshold moved": lambda made=made: made[0].at(moved),
        }
        seconds = {name: times[0] for name, times in alternate(steps, 1).items()}
        seconds["all"] = seconds["first intervals"] + seconds["bands"]
        if number:  # the first loads what is loaded on first use
            for name, each in seconds.items():
                parts[name].append(each)
    found = {name: median(times) for name, times in parts.items()}
    print(f"\nIntervals ({N_REPLICATES} replicates) and bands ({N_BAND_REPLICATES}): {N_LABELS} labels,", end=" ")
    print(f"{N_JUDGED:,} judged rows, {np.unique(groups).size:,} descriptions; medians of {rounds} rounds")
    print("| | ms | target |\n|---|---|---|")
    for name, value in found.items():
        print(f"| {name} | {1000 * value:.0f} | {f'{1000 * TARGET:.0f}' if name == 'all' else ''} |")
    return {"seconds": found, "n_labels": N_LABELS, "n_judged": N_JUDGED}


def _asked(
    y_true: np.ndarray, y_prob: np.ndarray, judged: np.ndarray, groups: np.ndarray, thresholds: np.ndarray
) -> Uncertainty:
    uncertainty = Uncertainty(y_true, y_prob, judged, groups, seed=0)
    uncertainty.at(thresholds)
    return uncertainty


if __name__ == "__main__":
    main(sys.argv[1:])
