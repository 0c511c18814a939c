"""Versions of thresholds: what is kept of each, saving, going back, differences, and files."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score
from steps import add_made_up_run, add_scored_run, import_csv, make_labels, three_kinds, truth, verdict
from toys import save_thresholds

from tagger.errors import MovedMeanwhileError, NotFoundError, SettingError, ThresholdsFileError
from tagger.learning.goals import parse_goal
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.step_curve import step_curves
from tagger.services import labelset, runs, threshold_exchange, threshold_saving, threshold_versions, tuning
from tagger.services.board import RECOMMENDED, Board
from tagger.services.store import Store, now
from tagger.services.threshold_files import MAX_BYTES, as_json, read_document
from tagger.services.threshold_saving import Seen
from tagger.services.threshold_versions import AS_TRAINED
from tagger.storage import runs as stored_runs

pytestmark = pytest.mark.usefixtures("one_thread")
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


@pytest.fixture
def noisy(prepared) -> Store:
    return prepared(fill)


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


@pytest.mark.parametrize("seed", range(8))
def test_a_version_keeps_what_its_thresholds_scored_when_it_was_saved(noisy, seed):
    save_thresholds(noisy, at_random(noisy, seed))
    newest = threshold_versions.history(noisy)[0]
    assert newest.metrics == expected(noisy, newest.thresholds)
    assert newest.metrics["macro"]["labels_left_out"] == 1
    judged = noisy.view().truth.judged
    y_pred = noisy.bundle(newest.run_id).evidence["y_prob"] >= np.asarray(newest.thresholds)
    assert newest.metrics["micro"]["f1"] == pytest.approx(f1_score(truth(noisy)[judged], y_pred[judged]))


def to_goals(store: Store, goals: dict[int, str], by_hand: dict[int, float] | None = None) -> int:
    """Send labels to goals, move others, and save; the version's number."""
    run_id = store.view().tagging.run_id
    tuning.move(store, run_id, {}, goals)
    tuning.move(store, run_id, by_hand or {})
    return threshold_saving.save_draft(store)["threshold_version_id"]


@pytest.mark.parametrize(
    ("goals", "by_hand"),
    [
        (["f1", "f1", "f1", "f1"], {}),
        (["recall>=0.7", "precision>=0.8", "grid", "cost:1:5"], {}),
        (["f2", RECOMMENDED, "fixed:0.35"], {2: 0.41}),
        (["f1", "f1", "f1", "f1"], {1: 0.123, 4: 0.9}),
    ],
)
def test_a_version_keeps_what_it_scores_on_rows_that_did_not_choose_it(noisy, goals, by_hand):
    given = dict(zip(ids(noisy), goals))
    to_goals(noisy, given, by_hand)
    newest = threshold_versions.history(noisy)[0]
    own = {str(label_id): goal for label_id, goal in given.items() if goal != RECOMMENDED}
    assert newest.goals == own
    assert newest.metrics == expected(noisy, newest.thresholds, own)
    assert newest.metrics["held_out"]["by_hand"] == len(by_hand)


def test_goals_that_chose_on_the_rows_win_there_and_lose_held_out(noisy):
    to_goals(noisy, dict.fromkeys(ids(noisy), "f1"))
    on_all, as_trained = (version.metrics for version in threshold_versions.history(noisy))
    for average in ("micro", "macro"):
        assert on_all["held_out"][f"{average}_f1"] < on_all[average]["f1"]
        assert on_all[average]["f1"] > as_trained[average]["f1"]
        assert on_all["held_out"][f"{average}_f1"] < as_trained["held_out"][f"{average}_f1"]
    told = threshold_versions.diff(noisy, AS_TRAINED, 1)
    assert (told["before"]["now"], told["after"]["now"]) == (as_trained, on_all)


def test_a_limit_a_month_is_at_its_goal_while_the_run_is_in_use_and_cut_as_it_stands_otherwise(noisy):
    first = noisy.view().tagging.run_id
    one = to_goals(noisy, {ids(noisy)[0]: "permonth<=3"}, {ids(noisy)[1]: 0.77})
    saved = threshold_versions.history(noisy)[0]
    assert saved.metrics["held_out"]["by_hand"] == 1
    add_scored_run(noisy, truth(noisy), promote=True)
    assert threshold_versions.diff(noisy, one, one, first)["after"]["now"] == saved.metrics


def test_a_goal_that_cannot_be_read_counts_as_none(noisy):
    fuel = ids(noisy)[1]
    save_thresholds(noisy, {fuel: 0.77}, goals={str(fuel): "of a later version"})
    newest = threshold_versions.history(noisy)[0]
    assert newest.metrics == expected(noisy, newest.thresholds)
    assert newest.metrics["held_out"]["by_hand"] == 1


def test_of_versions_of_before_no_held_out_scores_are_made_up(noisy):
    run_id = noisy.view().tagging.run_id
    for metrics in (None, {"micro": {"f1": 0.9}, "macro": {"f1": 0.8}}):
        with noisy.db.write("runs") as connection:
            stored_runs.add_threshold_version(
                connection, run_id, FIRST, author="ada", note="", at=now(), metrics=metrics
            )
        newest = threshold_versions.history(noisy)[0]
        assert newest.metrics == metrics
        assert set(threshold_versions.held_out(newest.metrics).values()) == {None}


def test_what_the_run_was_trained_with_has_the_scores_of_now(noisy):
    assert threshold_versions.history(noisy)[-1].metrics == expected(noisy, FIRST)
    for row in noisy.view().columns.ids[:10]:
        verdict(noisy, row, ids(noisy)[4], "yes")
    as_trained = threshold_versions.history(noisy)[-1].metrics
    assert as_trained == expected(noisy, FIRST)
    summed = summarize(
        score_labels(
            truth(noisy),
            noisy.bundle(noisy.view().tagging.run_id).evidence["y_pred"].astype(bool),
            noisy.view().truth.judged,
        )
    )
    assert as_trained["held_out"] == {"micro_f1": summed.micro.f1, "macro_f1": summed.macro.f1, "by_hand": 0}


def test_a_history_that_is_looked_up_again_measures_on_the_same_board(noisy, monkeypatch):
    threshold_versions.history(noisy)
    monkeypatch.setattr(Board, "of", None)
    assert threshold_versions.history(noisy)


def test_what_is_undefined_is_kept_as_none(noisy):
    save_thresholds(noisy, dict.fromkeys(ids(noisy), 1.0))
    metrics = threshold_versions.history(noisy)[0].metrics
    assert (metrics["micro"]["precision"], metrics["micro"]["recall"], metrics["tags_given"]) == (None, 0.0, 0)


def test_what_was_kept_stays_when_more_is_judged(noisy):
    save_thresholds(noisy, at_random(noisy, 1))
    before = threshold_versions.history(noisy)[0]
    for row in noisy.view().columns.ids[:10]:
        verdict(noisy, row, ids(noisy)[4], "yes")
    assert threshold_versions.history(noisy)[0] == before
    assert expected(noisy, before.thresholds) != before.metrics


def test_goals_are_kept_as_they_are(noisy):
    goals = {str(ids(noisy)[0]): "precision>=0.95", "900": "by hand"}
    save_thresholds(noisy, {}, goals=goals)
    assert [each.goals for each in threshold_versions.history(noisy)] == [goals, None]


def test_labels_keep_their_goal_until_they_are_given_another(noisy):
    groceries, fuel, rent, *_ = ids(noisy)
    first = {str(groceries): "fixed:0.5", str(fuel): "fixed:0.4", str(rent): "f1"}
    save_thresholds(noisy, {rent: 0.9}, goals=first)
    for moved, given, after in (
        ({}, None, first),
        ({groceries: 0.5, fuel: 0.1}, None, first),
        ({groceries: 0.2, rent: 0.1}, {str(groceries): "f2"}, first | {str(groceries): "f2"}),
        ({}, dict.fromkeys(first, RECOMMENDED), None),
    ):
        save_thresholds(noisy, moved, goals=given)
        assert threshold_versions.history(noisy)[0].goals == after


def test_recommended_is_no_goal_of_a_label_and_leaves_a_file_without_one(noisy, tmp_path):
    groceries, fuel, *_ = ids(noisy)
    to_goals(noisy, {groceries: "f1", fuel: RECOMMENDED})
    to_goals(noisy, {groceries: RECOMMENDED})
    newest, older, _ = threshold_versions.history(noisy)
    assert (newest.goals, older.goals) == (None, {str(groceries): "f1"})
    assert {each["goal"] for each in threshold_exchange.export(noisy)["labels"]} == {None}
    with noisy.db.write("runs") as connection:  # as versions of before say it
        stored_runs.add_threshold_version(
            connection, newest.run_id, FIRST, author="ada", note="", at=now(), goals={str(fuel): RECOMMENDED}
        )
    assert {each["goal"] for each in threshold_exchange.export(noisy, newest.id + 1)["labels"]} == {None}


def test_the_history_ends_with_what_the_run_was_trained_with(noisy):
    (only,) = threshold_versions.history(noisy)
    assert (only.id, only.thresholds, only.author, only.in_use) == (AS_TRAINED, FIRST, "ada", True)
    assert (only.metrics, only.n_changed) == (expected(noisy, FIRST), None)
    groceries, fuel, *_ = ids(noisy)
    one = save_thresholds(noisy, {groceries: 0.7, fuel: 0.1}, note="first")
    two = save_thresholds(noisy, {groceries: 0.7, fuel: 0.2})
    found = threshold_versions.history(noisy)
    assert [(each.id, each.n_changed, each.in_use, each.note) for each in found] == [
        (two, 1, True, ""),
        (one, 2, False, "first"),
        (AS_TRAINED, None, False, ""),
    ]


def test_nothing_of_a_run_that_is_not_current_is_in_use(noisy):
    first = noisy.view().tagging.run_id
    save_thresholds(noisy, {ids(noisy)[0]: 0.7})
    add_scored_run(noisy, truth(noisy), promote=True)
    assert not any(each.in_use for each in threshold_versions.history(noisy, first))
    assert [each.in_use for each in threshold_versions.history(noisy)] == [True]


def test_going_back_is_as_if_nothing_had_been_saved_and_rewrites_nothing(noisy):
    label_id = ids(noisy)[0]
    before = noisy.view()
    one = save_thresholds(noisy, {label_id: 0.9})
    after_one = noisy.view()
    two = save_thresholds(noisy, dict.fromkeys(ids(noisy), 0.0))
    kept = threshold_versions.history(noisy)
    tuning.move(noisy, before.tagging.run_id, {label_id: 0.33})
    n_choices = len(stored(noisy)[1])
    for version, as_then, n_changed in ((AS_TRAINED, before, 5), (one, after_one, 1), (two, None, 5), (one, None, 5)):
        assert threshold_saving.go_back(noisy, version) == {
            "run_id": before.tagging.run_id,
            "threshold_version_id": version,
            "changed": n_changed,
            "let_go": 1 if version == AS_TRAINED else 0,
            "warnings": ["1 unsaved move was let go."] if version == AS_TRAINED else [],
        }
        n_choices += 1
        assert len(stored(noisy)[1]) == n_choices
        view, panel = noisy.view(), tuning.panel(noisy)
        if as_then is not None:
            assert np.array_equal(view.sources, as_then.sources)
            assert np.array_equal(view.tagging.thresholds, as_then.tagging.thresholds)
            assert view.tagging.threshold_version_id == as_then.tagging.threshold_version_id
        assert panel.drafts == panel.saved
        assert [each.id for each in threshold_versions.history(noisy) if each.in_use] == [version]
    now = threshold_versions.history(noisy)
    assert [(each.id, each.thresholds, each.metrics) for each in now] == [
        (each.id, each.thresholds, each.metrics) for each in kept
    ]
    assert runs.roll_back(noisy)["threshold_version_id"] == two


def test_saving_after_going_back_starts_from_what_is_in_use(noisy):
    groceries, fuel, *_ = ids(noisy)
    save_thresholds(noisy, {groceries: 0.9})
    threshold_saving.go_back(noisy, AS_TRAINED)
    save_thresholds(noisy, {fuel: 0.2})
    assert threshold_versions.history(noisy)[0].thresholds == (FIRST[0], 0.2, *FIRST[2:])


def test_going_back_outlasts_another_run(noisy):
    first = noisy.view().tagging.run_id
    one = save_thresholds(noisy, {ids(noisy)[0]: 0.9})
    save_thresholds(noisy, {ids(noisy)[0]: 0.1})
    threshold_saving.go_back(noisy, one)
    add_scored_run(noisy, truth(noisy), promote=True)
    assert threshold_versions.thresholds_of(noisy, first)[0] == 0.9
    runs.promote(noisy, first)
    assert noisy.view().tagging.threshold_version_id == one


def test_thresholds_of_a_run_that_is_not_in_use_cannot_be_used(noisy):
    first = noisy.view().tagging.run_id
    one = save_thresholds(noisy, {ids(noisy)[0]: 0.9})
    add_scored_run(noisy, truth(noisy), promote=True)
    before = stored(noisy)
    with pytest.raises(SettingError, match="not in use") as caught:
        threshold_saving.go_back(noisy, one, first)
    assert f"runs promote {first}" in caught.value.hint
    for work in (
        lambda: threshold_saving.go_back(noisy, one),
        lambda: threshold_versions.diff(noisy, AS_TRAINED, one),
        lambda: threshold_exchange.export(noisy, one),
        lambda: threshold_saving.go_back(noisy, -1, first),
    ):
        with pytest.raises(NotFoundError, match="no threshold version") as missing:
            work()
        assert "thresholds history" in missing.value.hint
    assert stored(noisy) == before


def test_a_difference_names_labels_and_measures_both_on_the_same_rows(noisy):
    groceries, fuel, *_ = ids(noisy)
    one = save_thresholds(noisy, {groceries: 0.8})
    saved_then = threshold_versions.history(noisy)[0].metrics
    for row in noisy.view().columns.ids[:12]:
        verdict(noisy, row, fuel, "yes")
    labelset.rename(noisy, "fuel", "petrol")
    two = save_thresholds(noisy, {groceries: 0.8, fuel: 0.15})
    found = threshold_versions.diff(noisy, one, two)
    newest, older, _ = threshold_versions.history(noisy)
    assert found["labels"] == [{"label": "petrol", "before": 0.4, "after": 0.15}]
    assert found["before"] == {"id": one, "saved": saved_then, "now": expected(noisy, older.thresholds)}
    assert found["after"] == {"id": two, "saved": newest.metrics, "now": expected(noisy, newest.thresholds)}
    assert found["before"]["saved"]["held_out"] != found["before"]["now"]["held_out"]
    assert found["after"]["saved"] == found["after"]["now"]
    back = threshold_versions.diff(noisy, two, AS_TRAINED)
    assert [each["label"] for each in back["labels"]] == ["groceries", "petrol"]
    assert back["after"]["saved"] is None
    assert back["after"]["now"] == expected(noisy, FIRST)
    assert threshold_versions.diff(noisy, one, one)["labels"] == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ending", ["json", "json.gz", "txt"])
def test_what_was_exported_and_is_applied_is_the_same_again(noisy, tmp_path, seed, ending):
    groceries, fuel, *_ = ids(noisy)
    goals = {str(groceries): "f1", str(fuel): "cost:1:2.5"}
    one = save_thresholds(noisy, at_random(noisy, seed), goals=goals)
    path = tmp_path / f"mine.{ending}"
    assert threshold_exchange.export_file(noisy, path)["threshold_version_id"] == one
    document = threshold_exchange.export(noisy, one)
    save_thresholds(noisy, at_random(noisy, seed + 100), goals=dict.fromkeys(goals, RECOMMENDED))
    assert threshold_versions.history(noisy)[0].goals is None
    result = threshold_exchange.apply(noisy, read_document(path))
    newest, _, first, _ = threshold_versions.history(noisy)
    assert result["threshold_version_id"] == newest.id == noisy.view().tagging.threshold_version_id
    assert (newest.thresholds, newest.goals, newest.metrics) == (first.thresholds, goals, first.metrics)
    assert newest.note == f"from mine.{ending}"
    assert (result["unknown"], result["kept"], result["warnings"]) == ([], [], [])
    again = threshold_exchange.export(noisy)
    assert {name for name in again if again[name] != document[name]} - {"created_at"} == {"version", "note"}


UNCHANGED = "Nothing in changed.json differs from what is in use."


def test_a_file_in_which_nothing_differs_makes_no_version_and_lets_nothing_go(noisy, file):
    groceries, fuel, *_ = ids(noisy)
    tuning.move(noisy, noisy.view().tagging.run_id, {groceries: 0.33})
    some = [{"label": "FUEL", "threshold": FIRST[1], "goal": RECOMMENDED}, {"label": "rent", "threshold": FIRST[2]}]
    for version, path in ((AS_TRAINED, file()), (AS_TRAINED, file(labels=some))):
        before = stored(noisy)
        result = threshold_exchange.apply(noisy, read_document(path), note="again")
        assert (result["threshold_version_id"], result["changed"], result["let_go"]) == (version, 0, 0)
        assert result["warnings"] == [UNCHANGED]
        assert stored(noisy) == before
    assert result["kept"] == ["groceries", "recurring", "unjudged"]
    one = save_thresholds(noisy, {groceries: 0.9}, goals={str(fuel): "f1"})
    result = threshold_exchange.apply(noisy, read_document(file(run_id="another")))
    assert (result["threshold_version_id"], result["changed"]) == (one, 0)
    assert len(result["warnings"]) == 2
    assert result["warnings"][-1] == UNCHANGED


def test_a_file_that_differs_in_a_goal_alone_makes_a_version(noisy, file):
    one = save_thresholds(noisy, {}, goals={str(ids(noisy)[1]): "f1"})
    for number, goal in enumerate(("f2", None), start=1):
        result = threshold_exchange.apply(
            noisy, read_document(file(labels=[{"label": "fuel", "threshold": FIRST[1], "goal": goal}]))
        )
        assert (result["threshold_version_id"], result["changed"], result["warnings"]) == (one + number, 0, [])
    assert [each.goals for each in threshold_versions.history(noisy)][:2] == [None, {str(ids(noisy)[1]): "f2"}]


def test_a_file_that_is_applied_says_how_many_unsaved_moves_it_lets_go(noisy, file):
    groceries, fuel, rent, *_ = ids(noisy)
    path = file(labels=entries(("fuel", 0.9)))
    tuning.move(noisy, noisy.view().tagging.run_id, {groceries: 0.33, rent: FIRST[2]}, {fuel: "f1"})
    assert threshold_saving.unsaved(noisy).n_labels == 2
    result = threshold_exchange.apply(noisy, read_document(path))
    assert (result["let_go"], result["warnings"]) == (2, ["2 unsaved moves were let go."])
    assert threshold_saving.unsaved(noisy).n_labels == 0


@pytest.mark.parametrize(
    ("thresholds", "goals", "found"),
    [
        ({}, {}, (0, 0)),
        ({0: 0.5}, {0: RECOMMENDED}, (0, 0)),
        ({0: 0.51, 1: 0.9}, {}, (2, 0)),
        ({0: 0.51, 1: 0.4}, {0: "f2", 1: "f2"}, (1, 1)),
        ({2: 0.6}, {2: "f1"}, (0, 0)),
        ({2: 0.6}, {2: RECOMMENDED}, (0, 1)),
    ],
)
def test_what_is_not_saved_is_what_differs_from_what_is_in_use(noisy, thresholds, goals, found):
    every = ids(noisy)
    save_thresholds(noisy, {}, goals={str(every[2]): "f1"})
    run_id = noisy.view().tagging.run_id
    moved = {every[place]: value for place, value in thresholds.items()}
    tuning.move(noisy, run_id, moved, {every[place]: goal for place, goal in goals.items()})
    unsaved = threshold_saving.unsaved(noisy)
    assert (unsaved.n_moved, unsaved.n_goals) == found
    bob = Store(replace(noisy.settings, author="bob"))
    assert threshold_saving.unsaved(bob).n_labels == 0
    bob.close()
    assert threshold_saving.go_back(noisy, AS_TRAINED)["let_go"] == sum(found)


def test_an_export_holds_the_runs_labels_in_order_and_what_is_known_of_the_version(noisy):
    version = save_thresholds(noisy, {ids(noisy)[1]: 0.25}, note="mine", goals={str(ids(noisy)[1]): "f1"})
    found = json.loads(as_json(threshold_exchange.export(noisy)))
    newest = threshold_versions.history(noisy)[0]
    assert found == {
        "format": "transaction-tagger-thresholds",
        "format_version": 1,
        "run_id": newest.run_id,
        "version": version,
        "created_at": found["created_at"],
        "author": "ada",
        "note": "mine",
        "labels": [
            {"label": "groceries", "threshold": 0.5, "goal": None},
            {"label": "fuel", "threshold": 0.25, "goal": "f1"},
            {"label": "rent", "threshold": 0.6, "goal": None},
            {"label": "recurring", "threshold": 0.5, "goal": None},
            {"label": "unjudged", "threshold": 0.5, "goal": None},
        ],
        "metrics": newest.metrics,
    }
    assert threshold_exchange.export(noisy, AS_TRAINED)["metrics"] is None


@pytest.fixture
def file(noisy, tmp_path):
    """`file(format_version=2)`: an export, changed; the path of the file."""

    def write(**changed: Any) -> Path:
        path = tmp_path / "changed.json"
        path.write_text(json.dumps(threshold_exchange.export(noisy) | changed))
        return path

    return write


def entries(*thresholds: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"label": name, "threshold": value} for name, value in thresholds]


BAD = {
    "format": [{"format": "something else"}, {"format": None}],
    "format_version": [{"format_version": each} for each in (2, 0, "1", None, True, 1.0, 10**400)],
    "run": [{"run_id": None}, {"run_id": 3}],
    "labels": [{"labels": each} for each in (None, [], {}, "all", [3], [[]], [{}], [{"label": 3, "threshold": 0.5}])],
    "name": [{"labels": [{"label": each, "threshold": 0.5}]} for each in ("", "  ", None)],
    "threshold": [
        {"labels": entries(("fuel", 0.5), ("rent", each))}
        for each in (-0.01, 1.01, float("nan"), float("inf"), "0.5", None, True, [], 10**40)
    ],
    "no threshold": [{"labels": [{"label": "fuel"}]}],
    "goal": [
        {"labels": [{"label": "fuel", "threshold": 0.5, "goal": each}]}
        for each in (1, ["f1"], True, "the best", "x" * 3000, "cost:" + "9" * 400 + ":1")
    ],
    "twice": [{"labels": entries(("fuel", 0.5), ("rent", 0.1), ("  FUEL ", 0.5))}],
    "unknown": [{"labels": entries(("tesco", 0.5), ("\ud800", 0.1))}],
}


@pytest.mark.parametrize("changed", [each for kind in BAD.values() for each in kind], ids=lambda each: f"{each!r:.60}")
def test_a_file_that_is_not_right_is_refused_by_name_and_nothing_is_stored(noisy, file, changed):
    before = stored(noisy)
    with pytest.raises(ThresholdsFileError) as caught:
        threshold_exchange.apply(noisy, read_document(file(**changed)))
    assert "changed.json" in str(caught.value)
    assert caught.value.hint
    assert len(str(caught.value)) < 500
    assert stored(noisy) == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        b"date,description\n",
        b"[" * 100_000,
        b"1" * 5000,
        gzip.compress(b"{}")[:10],
        b"\x1f\x8bnonsense",
        b" " * (MAX_BYTES + 1),
        gzip.compress(b" " * (MAX_BYTES + 1)),
    ],
    ids=lambda content: f"{content[:12]!r}",
)
def test_a_file_that_is_no_such_json_is_refused_by_name(tmp_path, content):
    path = tmp_path / "mine.json"
    path.write_bytes(content)
    with pytest.raises(ThresholdsFileError, match=r"mine\.json"):
        read_document(path)


def test_a_file_that_is_not_there_or_is_a_folder_is_refused_by_name(tmp_path):
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(ThresholdsFileError, match="cannot be read") as caught:
            read_document(path)
        assert str(path) in str(caught.value)


def test_a_file_may_name_some_labels_and_its_name_need_not_be_text(noisy, file, tmp_path):
    groceries, fuel, *_ = (str(each) for each in ids(noisy))
    save_thresholds(noisy, {}, goals={groceries: "f1", fuel: "f1"})
    odd = tmp_path / os.fsdecode(b"odd\xff.json")
    changed = [{"label": " Fuel", "threshold": 1, "goal": None}, {"label": "tesco", "threshold": 0.5}]
    file(labels=changed).rename(odd)
    result = threshold_exchange.apply(noisy, read_document(odd), note="")
    newest = threshold_versions.history(noisy)[0]
    assert newest.thresholds == (FIRST[0], 1.0, *FIRST[2:])
    assert newest.note == "from odd?.json"
    assert newest.goals == {groceries: "f1"}
    assert (result["changed"], result["unknown"]) == (1, ["tesco"])
    assert result["kept"] == ["groceries", "rent", "recurring", "unjudged"]
    assert [each for each in result["warnings"] if "tesco" in each]


def test_a_note_that_is_given_wins(noisy, file):
    threshold_exchange.apply(noisy, read_document(file(labels=entries(("fuel", 0.9)))), note="of the team")
    assert threshold_versions.history(noisy)[0].note == "of the team"


def test_a_file_of_another_run_is_met_by_folded_name_and_says_so(noisy, file):
    path = file(run_id="20200101-000000-abcdef", labels=entries(("FUEL", 0.11), ("petrol", 0.22)))
    assert threshold_exchange.apply(noisy, read_document(path))["unknown"] == ["petrol"]
    labelset.rename(noisy, "fuel", "petrol")
    path = file(run_id="20200101-000000-abcdef", labels=entries(("Petrol", 0.33)))
    result = threshold_exchange.apply(noisy, read_document(path))
    assert threshold_versions.history(noisy)[0].thresholds[1] == 0.33
    assert "20200101-000000-abcdef" in result["warnings"][0]


def test_a_file_of_this_run_means_the_labels_as_the_run_knows_them(noisy, file):
    path = file()
    save_thresholds(noisy, dict.fromkeys(ids(noisy), 0.99))
    labelset.rename(noisy, "fuel", "x")
    labelset.rename(noisy, "rent", "fuel")
    labelset.rename(noisy, "x", "rent")
    assert threshold_exchange.apply(noisy, read_document(path))["warnings"] == []
    assert threshold_versions.history(noisy)[0].thresholds == FIRST
    path = file(run_id="another", labels=entries(("rent", 0.2), ("fuel", 0.3)))
    threshold_exchange.apply(noisy, read_document(path))
    assert threshold_versions.history(noisy)[0].thresholds == (FIRST[0], 0.2, 0.3, *FIRST[3:])


def test_two_names_of_one_label_are_refused(noisy, file):
    labelset.rename(noisy, "fuel", "petrol")
    before = stored(noisy)
    with pytest.raises(ThresholdsFileError, match="one label twice"):
        threshold_exchange.apply(noisy, read_document(file(labels=entries(("fuel", 0.2), ("petrol", 0.3)))))
    assert stored(noisy) == before


def test_two_people_who_save_at_once_both_keep_their_labels(noisy, monkeypatch):
    groceries, fuel, *_ = ids(noisy)
    bob = Store(replace(noisy.settings, author="bob"))
    whole = threshold_versions.board

    def meanwhile(*args):
        monkeypatch.setattr(threshold_versions, "board", whole)
        save_thresholds(bob, {fuel: 0.2})
        return whole(*args)

    monkeypatch.setattr(threshold_versions, "board", meanwhile)
    save_thresholds(noisy, {groceries: 0.8})
    newest, older, _ = threshold_versions.history(noisy)
    assert [(each.author, each.thresholds) for each in (older, newest)] == [
        ("bob", (FIRST[0], 0.2, *FIRST[2:])),
        ("ada", (0.8, 0.2, *FIRST[2:])),
    ]
    assert newest.metrics == expected(noisy, newest.thresholds)
    bob.close()


@pytest.mark.parametrize("step", ["add_threshold_version", "set_current", "set_draft"])
def test_saving_that_fails_on_the_way_leaves_everything_as_it_was(noisy, file, monkeypatch, step):
    path = file()
    save_thresholds(noisy, at_random(noisy, 1))
    tuning.move(noisy, noisy.view().tagging.run_id, at_random(noisy, 2))
    before = stored(noisy)
    whole = getattr(stored_runs, step)

    def fail(*args, **kwargs):
        whole(*args, **kwargs)
        raise ZeroDivisionError

    monkeypatch.setattr(stored_runs, step, fail)
    for work in (
        lambda: threshold_saving.save_draft(noisy),
        lambda: threshold_exchange.apply(noisy, read_document(path)),
        *([] if step == "add_threshold_version" else [lambda: threshold_saving.go_back(noisy, AS_TRAINED)]),
    ):
        with pytest.raises(ZeroDivisionError):
            work()
        assert stored(noisy) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from tagger.config import Settings
from tagger.services import threshold_saving
from tagger.services.store import Store
from tagger.storage import runs

store = Store(Settings(home=Path(sys.argv[1]), author="ada"))
whole = runs.set_draft

def die(*args):
    whole(*args)
    os.kill(os.getpid(), signal.SIGKILL)

runs.set_draft = die
threshold_saving.save_draft(store)
"""


def test_a_kill_while_saving_leaves_what_was_in_use(noisy):
    save_thresholds(noisy, at_random(noisy, 1))
    tuning.move(noisy, noisy.view().tagging.run_id, {1: 0.123})
    before, view = stored(noisy), noisy.view()
    home = str(noisy.settings.home)
    killed = subprocess.run([sys.executable, "-c", KILLED, home], capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = Store(noisy.settings)
    assert stored(again) == before
    assert np.array_equal(again.view().tagging.thresholds, view.tagging.thresholds)
    assert threshold_saving.save_draft(again)["changed"] == 1
    assert again.view().tagging.thresholds[0] == 0.123
    again.close()


def test_a_store_without_transactions_has_versions_that_were_measured_on_nothing(noisy):
    with noisy.db.write("transactions", "judgements") as connection:
        for table in ("judgements", "operations", "transactions"):
            connection.exec_driver_sql(f"delete from {table}")
    fresh = Store(noisy.settings)
    save_thresholds(fresh, {1: 0.2})
    metrics = threshold_versions.history(fresh)[0].metrics
    assert (metrics["n_transactions"], metrics["micro"]["f1"], metrics["macro"]["f1"]) == (0, None, None)
    fresh.close()


def test_only_what_was_seen_is_saved(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: 0.9})
    tuning.move(noisy, run_id, {2: 0.1})  # in another window
    for seen in (Seen(AS_TRAINED, {1: 0.9}), Seen(AS_TRAINED, {1: 0.9, 2: 0.2}), Seen(7, {1: 0.9, 2: 0.1})):
        with pytest.raises(MovedMeanwhileError):
            threshold_saving.save_draft(noisy, run_id=run_id, seen=seen)
    assert [version.id for version in threshold_versions.history(noisy)] == [AS_TRAINED]
    assert tuning.panel(noisy).n_changed == 2, "nothing is let go"
    saved = threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: 0.9, 2: 0.1}))
    assert saved["changed"] == 2


def test_what_another_window_saved_alike_is_saved(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: 0.9}, {2: "fixed:0.3"})
    seen = Seen(AS_TRAINED, {1: 0.9, 2: 0.3}, {2: "fixed:0.3"})
    first = threshold_saving.save_draft(noisy, run_id=run_id, seen=seen)
    assert threshold_saving.save_draft(noisy, run_id=run_id, seen=seen) == first | {"changed": 0}
    for other in (Seen(AS_TRAINED, {1: 0.8}), Seen(AS_TRAINED, {1: 0.9}, {1: "f1"})):
        with pytest.raises(MovedMeanwhileError):
            threshold_saving.save_draft(noisy, run_id=run_id, seen=other)


def test_a_refusal_names_what_differs(noisy):
    run_id, names = noisy.view().tagging.run_id, [label.name for label in noisy.view().labels]
    tuning.move(noisy, run_id, {1: 0.9, 2: 0.1})
    with pytest.raises(MovedMeanwhileError, match=f"meanwhile: {names[1]}. No version"):
        threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: 0.9}))


def test_goals_that_were_not_seen_are_not_saved(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: 0.9}, {1: "f1"})
    for goals in ({}, {1: "f2"}, {1: "f1", 2: "f1"}):
        with pytest.raises(MovedMeanwhileError):
            threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: 0.9}, goals))
    assert threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: 0.9}, {1: "f1"}))["changed"] == 1


def test_what_a_goal_still_had_to_solve_is_saved_where_it_leads(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {2: 0.9}, {1: "fixed:0.75"})
    with pytest.raises(MovedMeanwhileError):  # another label's slider was moved unseen
        threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: None}, {1: "fixed:0.75"}))
    with pytest.raises(MovedMeanwhileError):  # its goal is another by now
        threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: None, 2: 0.9}, {1: "f1"}))
    seen = Seen(AS_TRAINED, {1: None, 2: 0.9}, {1: "fixed:0.75"})
    assert threshold_saving.save_draft(noisy, run_id=run_id, seen=seen)["changed"] == 2
    assert threshold_versions.history(noisy)[0].thresholds[:2] == (0.75, 0.9)


def test_a_step_that_was_taken_is_not_taken_again(noisy):
    run_id = noisy.view().tagging.run_id
    for _ in range(2):
        tuning.move(noisy, run_id, {1: 0.9}, step="a")
    seen = Seen(AS_TRAINED, {1: 0.9})
    first = threshold_saving.save_draft(noisy, run_id=run_id, seen=seen, step="b")
    tuning.move(noisy, run_id, {1: 0.1}, step="a")
    assert tuning.panel(noisy).n_changed == 0
    again = threshold_saving.save_draft(noisy, run_id=run_id, seen=seen, step="b")
    assert again == first | {"changed": 0}
    assert len(threshold_versions.history(noisy)) == 2


def test_a_step_that_was_refused_can_be_taken_later(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: 0.9})
    with pytest.raises(MovedMeanwhileError):
        threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {}), step="a")
    with pytest.raises(SettingError):
        tuning.move(noisy, run_id, {1: 2.0}, step="b")
    tuning.move(noisy, run_id, {2: 0.2}, step="b")
    seen = Seen(AS_TRAINED, {1: 0.9, 2: 0.2})
    assert threshold_saving.save_draft(noisy, run_id=run_id, seen=seen, step="a")["changed"] == 2


def test_what_was_seen_of_a_run_that_is_not_in_use_any_more_is_not_saved(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: 0.9})
    add_scored_run(noisy, np.zeros(noisy.view().truth.y_true.shape, dtype=bool), promote=True)
    assert noisy.view().tagging.run_id != run_id
    with pytest.raises(MovedMeanwhileError, match="Another run"):
        threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: 0.9}))
    assert [version.id for version in threshold_versions.history(noisy, run_id)] == [AS_TRAINED]


def test_saving_what_does_not_differ_makes_no_version(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: FIRST[0]})
    assert threshold_saving.save_draft(noisy) == {"run_id": run_id, "threshold_version_id": AS_TRAINED, "changed": 0}
    tuning.move(noisy, run_id, {1: 0.9})
    first = threshold_saving.save_draft(noisy)["threshold_version_id"]
    assert threshold_saving.save_draft(noisy, note="again") == {
        "run_id": run_id,
        "threshold_version_id": first,
        "changed": 0,
    }
    assert [version.id for version in threshold_versions.history(noisy)] == [first, AS_TRAINED]


def test_a_note_that_is_too_long_is_refused_and_the_draft_stays(noisy):
    tuning.move(noisy, noisy.view().tagging.run_id, {1: 0.9})
    with pytest.raises(SettingError, match="501 characters"):
        threshold_saving.save_draft(noisy, note="n" * 501)
    assert tuning.panel(noisy).n_changed == 1
    threshold_saving.save_draft(noisy, note="n" * 500)
