"""Two runs side by side: on rows that neither learned from, with intervals, and honest about which is worse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support
from steps import (
    a_b_and_c,
    add_scored_run,
    flipped,
    ids_by_description,
    import_csv,
    statement,
    three_kinds,
    truth,
    verdict,
)
from toys import save_thresholds

from tagger.errors import BundleError, NotFoundError
from tagger.learning.bootstrap import f1_differences
from tagger.learning.recipe import Recipe
from tagger.services import comparing, importing, labelset, runs, training
from tagger.services.evidence import gather
from tagger.services.inputs import group_hashes
from tagger.services.pairs import Pair, pair
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.view import ABSENT
from tagger.transactions.merchant import GROUP_VERSION

RECIPE = Recipe()
pytestmark = pytest.mark.usefixtures("one_thread")


def train(store: Store, **how) -> dict:
    return training.train(store, how.pop("recipe", RECIPE), Progress(), **how)


@pytest.fixture
def taught(store: Store) -> Store:
    """Three kinds of judged transactions, and twelve that nobody judged."""
    import_csv(store, three_kinds())
    rows = (f"2024-04-{day:02d},{'TESCO' if day % 2 else 'BP'} {chr(96 + day)},-1.00" for day in range(1, 13))
    import_csv(store, statement(*rows, header="date,description,amount"), "april.csv")
    return store


@pytest.fixture
def judged(store: Store) -> Store:
    import_csv(store, a_b_and_c())
    return store


def test_two_runs_are_compared_on_the_rows_that_neither_learned_from(taught):
    first = train(taught, promote_it=True)["run_id"]
    import_csv(taught, statement("2024-05-01,ALDI groceries new,-1.00,groceries"), "may.csv")
    second = train(taught)["run_id"]
    compared = comparing.compare(taught, second)
    one, two = (gather(taught, taught.view(), taught.bundle(run_id)) for run_id in (first, second))
    shared = sorted(set(one.rows.tolist()) & set(two.rows.tolist()))
    # The new row: the second run scored it out of fold, the first never saw its description.
    assert (compared["n_transactions"], compared["reason"]) == (len(shared), None) == (43, None)
    for name, evidence in (("before", one), ("after", two)):
        at = [evidence.rows.tolist().index(row) for row in shared]
        judged = evidence.judged[at]
        expected = precision_recall_fscore_support(
            evidence.y_true[at][judged], evidence.y_pred[at][judged], average="binary"
        )
        assert compared[name]["micro"]["f1"] == pytest.approx(expected[2])
    assert compared["with"] == first


def test_runs_without_a_row_that_both_can_be_measured_on_are_not_compared(store):
    march = import_csv(store, three_kinds())["batch_id"]
    first = train(store, promote_it=True)["run_id"]
    importing.undo_import(store, march)
    # The same descriptions on other days: the first run has seen them all.
    import_csv(store, three_kinds().replace("2024-03", "2024-04"), "april.csv")
    second = train(store)
    compared = second["comparison"]
    assert (compared["with"], compared["reason"] is None, compared["n_transactions"]) == (first, False, 0)
    assert compared["before"]["micro"]["f1"] is None
    assert compared["after"]["macro"]["f1"] is None


def test_a_first_run_without_a_starter_is_compared_with_nothing(taught):
    compared = train(taught)["comparison"]
    assert compared["reason"] is not None
    assert compared["before"]["micro"]["f1"] is None


def test_how_many_transactions_a_run_would_change_is_what_promoting_changes(taught):
    train(taught, promote_it=True)
    before = taught.view()
    report = train(taught, recipe=replace(RECIPE, thresholds="fixed:0.9"))
    runs.promote(taught, report["run_id"])
    changed = ((before.sources != 0) != (taught.view().sources != 0)).any(axis=1).sum()
    assert report["comparison"]["changed_transactions"] == changed > 0


def test_no_row_of_a_comparison_was_learned_from_by_either_run(taught):
    first = taught.bundle(train(taught, promote_it=True)["run_id"])
    second_batch = "2024-05-01,ALDI groceries new,-1.00,groceries", "2024-05-02,TESCO groceries aaa,-2.00,groceries"
    import_csv(taught, statement(*second_batch), "may.csv")
    second = taught.bundle(train(taught)["run_id"])
    two = pair(taught, second.run_id)
    assert two.before == first
    view = two.view
    descriptions = {view.columns.descriptions[row] for row in two.common.rows.tolist()}
    assert "ALDI groceries new" in descriptions
    for bundle in (first, second):
        held_out = {bytes(each).hex() for each in bundle.evidence["transaction_ids"]}
        learned = set(bundle.evidence["seen_groups"].tolist())
        for row in two.common.rows.tolist():
            (digest,) = group_hashes([view.columns.groups[view.columns.group_index[row]]])
            assert view.columns.ids[row] in held_out or int(digest) not in learned
    # The first run learned from this description; of the new row it has no prediction made without it.
    repeated = [row for row in two.common.rows.tolist() if view.columns.days[row] == view.columns.days.max()]
    assert [view.columns.descriptions[row] for row in repeated] == []


def test_what_a_run_predicts_of_rows_that_it_learned_from_is_not_looked_at(judged):
    before = add_scored_run(judged, flipped(judged, "a", missed=10), promote=True)
    honest = add_scored_run(judged, flipped(judged, "a", missed=5))
    # The same out of fold, but after training it knows every answer by heart.
    by_heart = add_scored_run(judged, flipped(judged, "a", missed=5), says=truth(judged))
    one, other = (comparing.compare(judged, each.run_id, before.run_id) for each in (honest, by_heart))
    for name in ("before", "after", "change", "n_transactions"):
        assert one[name] == other[name]
    assert one["after"]["micro"]["f1"] < 1


def test_labels_stand_side_by_side_with_the_interval_of_their_difference(judged):
    was, now = flipped(judged, "a", missed=15, too_many=4), flipped(judged, "a", missed=2, too_many=4)
    before, after = add_scored_run(judged, was, promote=True), add_scored_run(judged, now)
    compared = comparing.compare(judged, after.run_id)
    assert compared["with"] == before.run_id
    view = judged.view()
    known = view.truth.judged
    expected = f1_differences(view.truth.y_true, was, now, known, view.columns.group_index.astype(np.int64), seed=0)
    for column, label in enumerate(compared["labels"]):
        rows = known[:, column]
        y_true = view.truth.y_true[rows, column]
        assert label["before"] == pytest.approx(f1_score(y_true, was[rows, column]))
        assert label["after"] == pytest.approx(f1_score(y_true, now[rows, column]))
        assert label["change"] == pytest.approx(label["after"] - label["before"])
        assert label["support"] == y_true.sum()
        assert label["interval"][0] <= label["change"] <= label["interval"][1]
        assert label["certain"] == expected.labels[column].certain == (label["label"] == "a")
    assert compared["change"]["macro"]["change"] == pytest.approx(
        compared["after"]["macro"]["f1"] - compared["before"]["macro"]["f1"]
    )
    assert compared["change"]["micro"]["interval"][0] > 0
    assert (compared["n_transactions"], compared["n_groups"], compared["same_folds"]) == (200, 100, True)


def test_runs_with_other_folds_are_compared_and_it_is_said(judged):
    y_pred = truth(judged)
    before = add_scored_run(judged, y_pred)
    renamed = add_scored_run(judged, y_pred, folds=4 - np.arange(200) % 5)
    shuffled = add_scored_run(judged, y_pred, folds=np.arange(200) % 4)
    assert comparing.compare(judged, renamed.run_id, before.run_id)["same_folds"]
    assert not comparing.compare(judged, shuffled.run_id, before.run_id)["same_folds"]


def test_a_training_keeps_the_folds_of_the_run_in_use_so_that_nothing_else_differs(taught):
    first = train(taught, promote_it=True)
    again = train(taught)["comparison"]
    assert (again["changed_transactions"], again["same_folds"]) == (0, True)
    assert {row["change"] for row in again["labels"]} == {0.0}
    import_csv(taught, statement("2024-05-01,ALDI groceries new,-1.00,groceries"), "may.csv")
    more = train(taught)
    assert more["comparison"]["same_folds"]
    old, new = (taught.bundle(report["run_id"]).evidence for report in (first, more))
    assert np.array_equal(new["folds"][: len(old["folds"])], old["folds"])
    other = train(taught, recipe=replace(RECIPE, seed=1))
    assert not other["comparison"]["same_folds"]


def test_any_two_runs_can_be_compared_and_the_order_turns_the_signs(judged):
    one = add_scored_run(judged, flipped(judged, "b", missed=8))
    two = add_scored_run(judged, flipped(judged, "b", missed=1))
    add_scored_run(judged, truth(judged), promote=True)
    there = comparing.compare(judged, two.run_id, one.run_id)
    back = comparing.compare(judged, one.run_id, two.run_id)
    assert there["before"] == back["after"]
    assert there["change"]["micro"]["change"] == -back["change"]["micro"]["change"] > 0
    assert [(row["gained"], row["lost"]) for row in there["labels"]] == [
        (row["lost"], row["gained"]) for row in back["labels"]
    ]
    assert there["changed_transactions"] == back["changed_transactions"]


def test_gained_and_lost_are_what_promoting_adds_and_takes_away(taught):
    train(taught, promote_it=True)
    before = taught.view().sources != ABSENT
    report = train(taught, recipe=replace(RECIPE, thresholds="fixed:0.2"))
    save_thresholds(taught, {1: 0.6}, run_id=report["run_id"])  # promoting brings the newest thresholds
    compared = comparing.compare(taught, report["run_id"])
    comparing.promote(taught, report["run_id"])
    after = taught.view().sources != ABSENT
    assert compared["changed_transactions"] == np.count_nonzero((before != after).any(axis=1)) > 0
    for column, row in enumerate(compared["labels"]):
        assert row["gained"] == np.count_nonzero(after[:, column] & ~before[:, column])
        assert row["lost"] == np.count_nonzero(before[:, column] & ~after[:, column])


def test_an_older_run_is_brought_up_to_date_with_texts_that_came_after_it(taught):
    first = train(taught)["run_id"]
    train(taught, promote_it=True)
    import_csv(taught, statement("2024-06-01,SHELL fuel new,-1.00", header="date,description,amount"), "june.csv")
    assert taught.predictions(taught.bundle(first)).missing(taught.view().columns.inputs().keys)
    assert comparing.compare(taught, first)["changed_transactions"] == 0


def test_a_label_that_only_one_run_knows_has_no_difference(taught):
    train(taught, promote_it=True)
    ids = ids_by_description(taught)
    labelset.add(taught, "holiday")
    verdict(taught, ids["TESCO a"], 5, "yes")
    verdict(taught, ids["BP b"], 5, "no")
    second = train(taught)["run_id"]
    row = next(row for row in comparing.compare(taught, second)["labels"] if row["label"] == "holiday")
    assert (row["before"], row["change"], row["interval"], row["certain"]) == (None, None, None, False)
    changed = {row["setting"]: (row["before"], row["after"]) for row in comparing.compare(taught, second)["settings"]}
    assert changed["tags that the other does not know"] == ("none", "holiday")


def test_a_verdict_that_was_taken_back_counts_no_more(judged):
    one, two = add_scored_run(judged, flipped(judged, "a", missed=3)), add_scored_run(judged, truth(judged))
    public_id = judged.view().columns.ids[0]
    for column in range(len(judged.view().labels)):
        verdict(judged, public_id, judged.view().labels[column].id, "clear")
    assert comparing.compare(judged, two.run_id, one.run_id)["n_transactions"] == 199


def beside_one_that_does_not_know_c(judged, **summary):
    """A run in use that puts c on every row, and one that never learned it; rows 21 and on, some of them c, are its."""
    view = judged.view()
    c = [label.name for label in view.labels].index("c")
    everywhere = truth(judged).copy()
    everywhere[:, c] = True
    before = add_scored_run(judged, everywhere, promote=True)
    after = add_scored_run(judged, truth(judged), **summary)
    assert c == len(after.labels) - 1
    two = Pair(judged, judged.view(), before.run_id, before, replace(after, labels=after.labels[:c]))
    return two, next((row for row in comparing.weigh(two)["labels"] if row["label"] == "c"), None)


def test_a_tag_that_a_run_gives_no_more_counts_as_its_no(judged):
    two, row = beside_one_that_does_not_know_c(judged, rejected_labels=["c"])
    assert (row["before"] > 0, row["after"]) == (True, 0.0)
    assert not two.common.after[:, two.common.columns.tolist().index(two.view.labels[-1].id - 1)].any()
    unknown, row = beside_one_that_does_not_know_c(judged)
    assert row is None or row["after"] is None
    assert two.differences.micro.change != unknown.differences.micro.change


def test_a_run_that_was_discarded_meanwhile_is_not_promoted(judged):
    before = add_scored_run(judged, truth(judged), promote=True)
    after = add_scored_run(judged, truth(judged))
    judged.bundle(after.run_id)
    runs.discard(Store(judged.settings), after.run_id)
    with pytest.raises(NotFoundError, match=after.run_id):
        runs.promote(judged, after.run_id)
    assert runs.current_id(judged) == before.run_id


# Worse ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "now", "worse"),
    [
        ({"missed": 3}, {"missed": 3}, None),
        ({"missed": 12}, {"missed": 3}, None),
        ({"missed": 3}, {"missed": 15}, "beyond chance"),
        ({"missed": 3}, {"missed": 6}, "perhaps by chance"),
        ({"too_many": 0}, {"too_many": 20}, "beyond chance"),
    ],
)
def test_a_run_that_is_worse_is_named_with_both_numbers(judged, was, now, worse):
    add_scored_run(judged, flipped(judged, "a", **was), promote=True)
    after = add_scored_run(judged, flipped(judged, "a", **now))
    compared = comparing.compare(judged, after.run_id)
    assert compared["worse"] == (worse is not None)
    because = compared["worse_because"]
    if worse is None:
        assert because is None
        return
    assert f"Macro F1 {compared['before']['macro']['f1']:.3f} → {compared['after']['macro']['f1']:.3f}, −" in because
    assert f"micro F1 {compared['before']['micro']['f1']:.3f} → {compared['after']['micro']['f1']:.3f}, −" in because
    assert ("perhaps by chance" in because) == (worse == "perhaps by chance")


def test_a_step_back_of_less_than_a_point_that_chance_explains_is_not_asked_about(judged):
    add_scored_run(judged, truth(judged), promote=True)
    # One description of a: micro F1 falls by .006, macro F1 by .004.
    after = add_scored_run(judged, flipped(judged, "a", missed=1))
    compared = comparing.compare(judged, after.run_id)
    assert -0.01 < compared["change"]["macro"]["change"] < 0
    assert not compared["worse"]


@pytest.mark.parametrize(("n_groups", "missed", "worse"), [(29, 2, False), (30, 2, True), (29, 7, True)])
def test_on_few_descriptions_only_a_loss_beyond_chance_is_asked_about(judged, n_groups, missed, worse):
    # Four of them are b and not a: of a label that nobody said no to, no F1 is known.
    few = {*range(36, 40), *range(n_groups - 4)}
    rows = [row for row, group in enumerate(judged.view().columns.group_index.tolist()) if group in few]
    learned = {"rows": rows, "seen": range(len(truth(judged)))}  # so that no other row counts as never seen
    add_scored_run(judged, truth(judged), promote=True, **learned)
    after = add_scored_run(judged, flipped(judged, "a", missed=missed), **learned)
    compared = comparing.compare(judged, after.run_id)
    assert compared["n_groups"] == n_groups
    assert compared["change"]["micro"]["change"] < -0.01
    assert compared["worse"] == worse


def test_promoting_a_worse_run_does_as_told_and_says_so(judged, caplog):
    add_scored_run(judged, truth(judged), promote=True)
    after = add_scored_run(judged, flipped(judged, "a", missed=15))
    done = comparing.promote(judged, after.run_id)
    assert runs.current_id(judged) == after.run_id
    assert (done["run_id"], done["current"], done["worse"]) == (after.run_id, True, True)
    assert "Macro F1 1.000 → " in done["reason"]
    assert done["reason"] in caplog.text
    caplog.clear()
    assert comparing.promote(judged, after.run_id)["reason"] is None
    assert caplog.text == ""


def test_a_current_run_that_cannot_be_read_stands_in_nobodys_way(judged):
    damaged = add_scored_run(judged, truth(judged), promote=True)
    after = add_scored_run(judged, flipped(judged, "a", missed=15))
    (judged.settings.runs_path / damaged.run_id / "run.json").write_text("{")
    fresh = Store(judged.settings)
    with pytest.raises(BundleError):
        comparing.compare(fresh, after.run_id)
    assert comparing.promote(fresh, after.run_id) == {
        "run_id": after.run_id,
        "current": True,
        "worse": False,
        "reason": None,
    }
    fresh.close()


@pytest.mark.parametrize(
    ("of_before", "of_after"), [(1, GROUP_VERSION), (None, GROUP_VERSION), (GROUP_VERSION, 1), (1, 1)]
)
def test_a_run_that_was_scored_with_another_grouping_of_merchants_is_not_compared(judged, caplog, of_before, of_after):
    before = add_scored_run(judged, truth(judged), promote=True, group_version=of_before)
    has_a = truth(judged) | [label.name == "a" for label in judged.view().labels]
    after = add_scored_run(judged, flipped(judged, "a", missed=15), says=has_a, group_version=of_after)
    compared = comparing.compare(judged, after.run_id)
    for bundle, version in ((before, of_before), (after, of_after)):
        assert (bundle.run_id in compared["reason"]) == (version != GROUP_VERSION)
    assert "scored with another grouping of merchants" in compared["reason"]
    assert "Train again" in compared["reason"]
    nothing = {"change": None, "interval": None, "certain": False}
    assert compared["change"] == {"micro": nothing, "macro": nothing}
    assert {(row["change"], row["before"], row["after"]) for row in compared["labels"]} == {(None, None, None)}
    assert (compared["n_transactions"], compared["worse"]) == (0, False)
    # What changes when it is promoted is known whatever it was scored with.
    assert compared["changed_transactions"] == 40
    assert {row["label"]: row["gained"] for row in compared["labels"]}["a"] == 40
    assert comparing.promote(judged, after.run_id)["worse"] is False
    assert caplog.text == ""


# Settings -------------------------------------------------------------------------------------------------------------


def test_settings_that_differ_are_named_in_words(judged):
    head = {"kind": "logistic", "l2": 10.0, "widths": [128, 64], "residual": False}
    before = add_scored_run(
        judged, truth(judged), n_transactions=1200, recipe={"features": "both", "head": head, "seed": 0}
    )
    changed = {"kind": "feedforward", "l2": 10.0, "widths": [], "residual": True}
    after = add_scored_run(
        judged, truth(judged), n_transactions=1212, recipe={"features": "cls", "head": changed, "n_folds": 3, "seed": 0}
    )
    version = save_thresholds(judged, {1: 0.7}, run_id=after.run_id)
    assert [tuple(row.values()) for row in comparing.settings_diff(judged, before, after)] == [
        ("features", "both", "cls"),
        ("head", "logistic", "feedforward"),
        ("widths", "128, 64", "none"),
        ("residual", "off", "on"),
        ("folds", "not set", "3"),
        ("reviewed transactions", "1,200", "1,212"),
        ("thresholds", "as trained", f"version {version}, saved by ada"),
    ]
    assert comparing.settings_diff(judged, before, before) == []


@pytest.mark.parametrize(
    ("change", "interval", "words"),
    [
        (0.0412, (0.0111, 0.0702), "+0.04 (0.01 to 0.07)"),
        (-0.0412, (-0.0702, -0.0111), "−0.04 (−0.07 to −0.01)"),
        (0.0412, (0.0044, 0.0702), "+0.041 (0.004 to 0.070)"),
        (0.0, (0.0, 0.0), "+0.000 (0.000 to 0.000)"),
    ],
)
def test_a_change_is_told_with_its_interval(change, interval, words):
    assert comparing.told(change, interval) == words
