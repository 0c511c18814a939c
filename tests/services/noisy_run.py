"""A store whose run is often wrong, and what its thresholds score, worked out by plain loops."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

import numpy as np
from steps import add_made_up_run, import_csv, make_labels, three_kinds

from tagger.learning.goals import parse_goal
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.step_curve import step_curves
from tagger.services import tuning
from tagger.services.board import RECOMMENDED
from tagger.services.store import Store

FIRST = (0.5, 0.4, 0.6, 0.5, 0.5)  # groceries, fuel, rent, recurring, and "unjudged", which nobody judged


def fill(store: Store) -> None:
    """60 labelled rows and a run whose out-of-fold probabilities are often wrong; one of its tags was never judged.

    In training each fifth of the rows was cut at thresholds of its own.
    """
    import_csv(store, three_kinds(20))
    make_labels(store, "unjudged")
    view = store.view()
    draw = np.random.default_rng(5)
    y_prob = 0.35 * view.truth.y_true + draw.choice(np.linspace(0, 0.6, 13), view.truth.y_true.shape)
    folds = view.columns.group_index % 5
    add_made_up_run(
        store,
        np.zeros((len(view.columns.texts), len(view.labels))),
        FIRST,
        [label.id for label in view.labels],
        evidence={
            "transaction_ids": np.array([list(bytes.fromhex(each)) for each in view.columns.ids], dtype=np.uint8),
            "y_prob": y_prob.astype(np.float32),
            "y_pred": (y_prob >= np.array(FIRST) + 0.04 * (folds[:, np.newaxis] - 2)).astype(np.uint8),
            "folds": folds.astype(np.int16),
        },
    )


def ids(store: Store) -> list[int]:
    return [label.id for label in store.view().labels]


def at_random(store: Store, seed: int) -> dict[int, float]:
    draw = random.Random(seed)
    return {label_id: draw.choice([draw.random(), draw.randrange(14) * 0.05]) for label_id in ids(store)}


def expected_held_out(store: Store, thresholds: tuple[float, ...], goals: dict[str, str]) -> dict[str, Any]:
    """A plain loop over labels, and over the folds of those that stand where their goal puts them."""
    view = store.view()
    evidence = store.bundle(view.tagging.run_id).evidence
    y_prob, folds, by_hand = evidence["y_prob"].astype(float), evidence["folds"], 0
    y_pred = y_prob >= np.asarray(thresholds)
    for column, label_id in enumerate(ids(store)):
        goal = goals.get(str(label_id), RECOMMENDED)
        if goal == RECOMMENDED:
            at_goal = thresholds[column] == FIRST[column]
            cut = evidence["y_pred"][:, column].astype(bool)
        else:
            at_goal = thresholds[column] == chosen_on(store, np.full(len(folds), fill_value=True), column, goal)
            by_fold = [chosen_on(store, folds != fold, column, goal) for fold in range(5)]
            cut = y_prob[:, column] >= np.array(by_fold)[folds]
        if at_goal:
            y_pred[:, column] = cut
        by_hand += not at_goal
    summed = summarize(score_labels(view.truth.y_true, y_pred, view.truth.judged))
    return {"micro_f1": summed.micro.f1, "macro_f1": summed.macro.f1, "by_hand": by_hand}


def chosen_on(store: Store, rows: np.ndarray, column: int, goal: str) -> float:
    truth, y_prob = store.view().truth, store.bundle(store.view().tagging.run_id).evidence["y_prob"]
    (curve,) = step_curves(*(part[rows, column : column + 1] for part in (truth.y_true, y_prob, truth.judged)))
    return parse_goal(goal).solve(curve).threshold


def expected(store: Store, thresholds: tuple[float, ...], goals: dict[str, str] | None = None) -> dict[str, Any]:
    """What thresholds score, from the run's evidence itself."""
    view = store.view()
    y_pred = store.bundle(view.tagging.run_id).evidence["y_prob"] >= np.asarray(thresholds)
    summed = summarize(score_labels(view.truth.y_true, y_pred, view.truth.judged))
    return {
        "micro": asdict(summed.micro),
        "macro": asdict(summed.macro),
        "held_out": expected_held_out(store, thresholds, goals or {}),
        "n_transactions": len(view.columns),
        "tags_given": int(y_pred.sum()),
        "measured_on": tuning.panel(store).measured_on,
    }


def stored(store: Store) -> list[list[Any]]:
    """Every row of what saving may touch."""
    tables = ("threshold_versions", "current_runs", "drafts", "revisions")
    with store.db.read() as connection:
        return [[tuple(row) for row in connection.exec_driver_sql(f"select * from {table}")] for table in tables]
