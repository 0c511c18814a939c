"""Versions of thresholds: what is kept of each, and differences."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_run import FIRST, at_random, expected, ids
from sklearn.metrics import f1_score
from steps import add_scored_run, truth, verdict
from toys import save_thresholds

from tagger.learning.metrics import score_labels, summarize
from tagger.services import labelset, threshold_exchange, threshold_saving, threshold_versions, tuning
from tagger.services.board import RECOMMENDED, Board
from tagger.services.store import Store, now
from tagger.services.threshold_versions import AS_TRAINED
from tagger.storage import runs as stored_runs

pytestmark = pytest.mark.usefixtures("one_thread")


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


def test_a_store_without_transactions_has_versions_that_were_measured_on_nothing(noisy):
    with noisy.db.write("transactions", "judgements") as connection:
        for table in ("judgements", "operations", "transactions"):
            connection.exec_driver_sql(f"delete from {table}")
    fresh = Store(noisy.settings)
    save_thresholds(fresh, {1: 0.2})
    metrics = threshold_versions.history(fresh)[0].metrics
    assert (metrics["n_transactions"], metrics["micro"]["f1"], metrics["macro"]["f1"]) == (0, None, None)
    fresh.close()
