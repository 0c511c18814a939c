"""What heads score on descriptions never seen in training, beside TF-IDF with logistic regression, on the same splits.

Rows are de-duplicated, one per description and tag set. Merchants (`merchant.group_key`) are split 80 / 20, so that no
store or receipt number makes a seen merchant count as unseen; `--apart description` sets only case and spacing aside.
Weights, features and thresholds come from the 80 % alone, or from `--train-rows` groups of it, one row each. Run it
with a file:

    python -m benchmarks unseen --data FILE --labels-matching '^(group|merchant):' --seeds 5 --features auto both

Without a file it takes the sample data, which is small. `--l2 10 30` runs logistic heads once per penalty.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from benchmarks import save
from tagger.config import CHECKOUT, Settings
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.learning.split import grouped_folds
from tagger.learning.thresholds import apply_thresholds, choose_thresholds, parse_chooser
from tagger.services import starter
from tagger.services.encoding import Encoding
from tagger.services.evaluating import evaluate
from tagger.services.progress import Progress
from tagger.transactions.layout import ReadOptions
from tagger.transactions.merchant import group_key
from tagger.transactions.readers import read_table
from tagger.transactions.text import fold_description

TEST_SHARE = 0.2
APART = {"merchant": group_key, "description": fold_description}
SAMPLE = CHECKOUT / "data" / "sample" / "statements" / "household-current.csv"


@dataclass(frozen=True)
class Row:
    """One description with its tags; date and amount as text, empty where unknown."""

    date: str
    description: str
    amount: str
    labels: tuple[str, ...]


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    rows = _rows(options.data, ReadOptions(labels_matching=options.labels_matching))
    recipes = _recipes(options)
    encoding = Encoding(Settings.from_environment())
    print(f"{options.data.name}: {len(rows):,} rows, one per description and tag set; {options.seeds} splits", end=" ")
    print(f"by {options.apart}")
    print(f"labels with at least {options.min_train} training and {options.min_test} test rows")
    table: dict[str, dict[str, float]] = {}
    for n_groups in options.train_rows:
        found = _scores(rows, recipes, encoding, options, n_groups)
        print(f"\n{'All training rows' if n_groups is None else f'{n_groups:,} training rows'}")
        print("| input and head | macro F1 | (range) | micro F1 | macro at 0.5 | micro at 0.5 | tags per row (true) |")
        print("|---|---|---|---|---|---|---|")
        for name, reports in found.items():
            line = table[f"{n_groups or 'all'}: {name}"] = _line(reports)
            print(
                f"| {name} | {line['macro']:.3f} | {line['macro_low']:.3f}–{line['macro_high']:.3f} "
                f"| {line['micro']:.3f} | {line['macro_at_half']:.3f} | {line['micro_at_half']:.3f} "
                f"| {line['tags_per_row']:.2f} ({line['true_tags_per_row']:.2f}) |",
                flush=True,
            )
    save(
        "unseen",
        {
            "data": options.data.name,
            "n_rows": len(rows),
            "seeds": options.seeds,
            "apart": options.apart,
            "table": table,
        },
    )


def _scores(
    rows: list[Row],
    recipes: dict[str, Recipe],
    encoding: Encoding,
    options: argparse.Namespace,
    n_groups: int | None,
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for seed in range(options.seeds):
        train, test = _frequent(*_split(rows, APART[options.apart], seed), options.min_train, options.min_test)
        if n_groups is not None:
            train = _one_row_each(train, APART[options.apart], n_groups, seed)
        found.setdefault("TF-IDF + logistic, grid", []).append(_reference(train, test, seed, "grid"))
        found.setdefault("TF-IDF + logistic, blended", []).append(_reference(train, test, seed, "blended"))
        with tempfile.TemporaryDirectory() as folder:
            paths = [_write(Path(folder) / name, part) for name, part in (("train.csv", train), ("test.csv", test))]
            for name, recipe in recipes.items():
                report = evaluate(
                    encoding,
                    train_path=paths[0],
                    test_path=paths[1],
                    recipe=Recipe(**{**vars(recipe), "seed": seed}),
                    options=ReadOptions(blank_means_none=True),
                    progress=Progress(),
                    starter_run=starter.installed(Settings.from_environment()),
                )
                found.setdefault(name, []).append(report)
    return found


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks unseen")
    parser.add_argument("--data", type=Path, default=SAMPLE)
    parser.add_argument("--labels-matching", default=None)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--apart", choices=sorted(APART), default="merchant", help="what no two parts share")
    parser.add_argument("--min-train", type=int, default=20, help="training rows that a label needs to be counted")
    parser.add_argument("--min-test", type=int, default=5, help="test rows that a label needs to be counted")
    parser.add_argument(
        "--train-rows", type=_count, nargs="+", default=[None], metavar="N", help="descriptions to learn from, or all"
    )
    parser.add_argument("--features", nargs="+", default=["auto"])
    parser.add_argument("--head", nargs="+", default=["auto"])
    parser.add_argument("--thresholds", nargs="+", default=["auto"])
    parser.add_argument(
        "--l2", type=float, nargs="+", default=[None], metavar="PENALTY", help="of logistic heads (default: chosen)"
    )
    return parser.parse_args(arguments)


def _count(text: str) -> int | None:
    return None if text == "all" else int(text)


def _recipes(options: argparse.Namespace) -> dict[str, Recipe]:
    """Every combination that was asked for, by the name of its row; what has one value only is not named."""
    recipes = {}
    for features, head, thresholds, l2 in product(options.features, options.head, options.thresholds, options.l2):
        parts = [features]
        parts += [head] if len(options.head) > 1 else []
        parts += [thresholds] if len(options.thresholds) > 1 else []
        parts += [f"penalty {l2:g}"] if l2 is not None else []
        recipes[", ".join(parts)] = Recipe(
            features=features, head=HeadSettings(kind=head, l2=l2), thresholds=thresholds
        )
    return recipes


def _rows(path: Path, options: ReadOptions) -> list[Row]:
    """One row per description and tag set; rows without a wanted tag are left out."""
    table = read_table(path, options)
    unique: dict[tuple[str, tuple[str, ...]], Row] = {}
    for description, labels, fact in zip(table.descriptions, table.labels, table.facts, strict=True):
        if labels:
            day = "" if fact is None or fact.occurred_on is None else fact.occurred_on.isoformat()
            amount = "" if fact is None or fact.amount is None else str(fact.amount)
            key = (fold_description(description), tuple(sorted(labels)))
            unique.setdefault(key, Row(day, description, amount, labels))
    return list(unique.values())


def _one_row_each(rows: list[Row], key: Callable[[str], str], n_groups: int, seed: int) -> list[Row]:
    """The first row of each of `n_groups` groups; a larger number at the same seed takes these and more."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(key(row.description), row)
    kept = list(first.values())
    return [kept[place] for place in np.random.default_rng(seed).permutation(len(kept))[:n_groups]]


def _split(rows: list[Row], key: Callable[[str], str], seed: int) -> tuple[list[Row], list[Row]]:
    of_row = [key(row.description) for row in rows]
    keys = sorted(set(of_row))
    order = np.random.default_rng(seed).permutation(len(keys))
    held_out = {keys[place] for place in order[: round(TEST_SHARE * len(keys))]}
    parts: tuple[list[Row], list[Row]] = ([], [])
    for row, name in zip(rows, of_row, strict=True):
        parts[name in held_out].append(row)
    return parts


def _frequent(train: list[Row], test: list[Row], min_train: int, min_test: int) -> tuple[list[Row], list[Row]]:
    """Only labels with enough rows on both sides; a row that is left without one has none."""
    counts = [Counter(name for row in part for name in row.labels) for part in (train, test)]
    kept = {name for name in counts[0] if counts[0][name] >= min_train and counts[1][name] >= min_test}
    return tuple(
        [Row(row.date, row.description, row.amount, tuple(name for name in row.labels if name in kept)) for row in part]
        for part in (train, test)
    )


def _write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "description", "amount", "tags"])
        writer.writerows([row.date, row.description, row.amount, "|".join(row.labels)] for row in rows)
    return path


def _reference(train: list[Row], test: list[Row], seed: int, chooser: str) -> dict[str, Any]:
    """Character 2–5-grams within words, one logistic regression per label, thresholds out of fold."""
    names = sorted({name for row in train for name in row.labels})
    y_train, y_test = (np.array([[name in row.labels for name in names] for row in part]) for part in (train, test))
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    X = vectorizer.fit_transform([fold_description(row.description) for row in train])
    X_test = vectorizer.transform([fold_description(row.description) for row in test])
    groups = np.unique([group_key(row.description) for row in train], return_inverse=True)[1].astype(np.int64)
    judged = np.ones_like(y_train)
    folds = grouped_folds(groups, y_train, judged, 3, seed)
    y_prob = np.zeros(y_train.shape, dtype=np.float32)
    for fold in range(3):
        y_prob[folds == fold] = _fit_predict(X[folds != fold], y_train[folds != fold], X[folds == fold])
    chosen = choose_thresholds(y_train, y_prob, judged, groups, parse_chooser(chooser))
    test_prob = _fit_predict(X, y_train, X_test)
    everything = np.ones_like(y_test)
    y_pred = apply_thresholds(test_prob, [each.value for each in chosen])
    at_half = summarize(score_labels(y_test, apply_thresholds(test_prob, [0.5] * len(names)), everything))
    tuned = summarize(score_labels(y_test, y_pred, everything))
    return {
        "macro": {"f1": tuned.macro.f1},
        "micro": {"f1": tuned.micro.f1},
        "at_half": {"macro": {"f1": at_half.macro.f1}, "micro": {"f1": at_half.micro.f1}},
        "tags_per_row": float(y_pred.sum(axis=1).mean()),
        "true_tags_per_row": float(y_test.sum(axis=1).mean()),
    }


def _fit_predict(X: Any, y_true: np.ndarray, X_new: Any) -> np.ndarray:
    columns = []
    for column in y_true.T:
        if column.all() or not column.any():
            columns.append(np.full(X_new.shape[0], float(column[0]) if len(column) else 0.0))
            continue
        model = LogisticRegression(C=5.0, solver="liblinear").fit(X, column)
        columns.append(model.predict_proba(X_new)[:, 1])
    return np.array(columns, dtype=np.float32).T


def _line(reports: list[dict[str, Any]]) -> dict[str, float]:
    macros = [report["macro"]["f1"] for report in reports]
    return {
        "macro": mean(macros),
        "macro_low": min(macros),
        "macro_high": max(macros),
        "micro": mean(report["micro"]["f1"] for report in reports),
        "macro_at_half": mean(report["at_half"]["macro"]["f1"] for report in reports),
        "micro_at_half": mean(report["at_half"]["micro"]["f1"] for report in reports),
        "tags_per_row": mean(report["tags_per_row"] for report in reports),
        "true_tags_per_row": mean(report["true_tags_per_row"] for report in reports),
    }
