"""Thresholds: what the panel shows, what would flip, what is saved."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from steps import (
    a_b_and_c,
    add_made_up_run,
    import_csv,
    make_labels,
    out_of_fold,
    scatter,
    shows,
    statement,
    three_kinds,
    verdict,
)
from toys import save_thresholds

from tagger.errors import SettingError
from tagger.learning.goals import Solution, parse_goal
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.recipe import Recipe
from tagger.learning.step_curve import step_curves
from tagger.learning.thresholds import cut_by_others
from tagger.services import labelset, threshold_saving, threshold_versions, training, tuning
from tagger.services.board import RECOMMENDED, HeldOut
from tagger.services.progress import Progress
from tagger.services.reach import Shown
from tagger.services.store import Store
from tagger.services.threshold_versions import AS_TRAINED
from tagger.services.view import ABSENT, PREDICTED

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def scattered(prepared) -> Store:
    return prepared(scatter)


def fill(store: Store) -> None:
    import_csv(store, three_kinds())
    training.train(store, Recipe(), Progress(), promote_it=True)


@pytest.fixture
def trained(prepared) -> Store:
    return prepared(fill)


def test_saving_makes_a_version_that_is_used_and_clears_the_draft(scattered):
    run_id = scattered.view().tagging.run_id
    assert scattered.view().tagging.threshold_version_id is None
    tuning.move(scattered, run_id, {1: 0.9})
    version = threshold_saving.save_draft(scattered, note="stricter")["threshold_version_id"]
    panel = tuning.panel(scattered)
    assert scattered.view().tagging.threshold_version_id == version
    assert panel.saved == panel.drafts == {1: 0.9, 2: 0.3, 3: 0.7}
    view = scattered.view()
    assert np.array_equal(view.sources != ABSENT, shows(view, panel.saved))
    first, as_trained = threshold_versions.history(scattered)
    assert (first.id, first.note, first.thresholds) == (version, "stricter", (0.9, 0.3, 0.7))
    save_thresholds(scattered, {3: 0.25})
    assert [each.thresholds for each in threshold_versions.history(scattered)] == [
        (0.9, 0.3, 0.25),
        (0.9, 0.3, 0.7),
        as_trained.thresholds,
    ]
    assert scattered.bundle(run_id).thresholds == (0.5, 0.3, 0.7)


@pytest.mark.parametrize("value", [-0.001, 1.001, float("nan"), float("inf")])
def test_a_threshold_that_means_nothing_is_refused(scattered, value):
    before = tuning.panel(scattered)
    with pytest.raises(SettingError, match="means nothing"):
        tuning.move(scattered, before.run_id, {1: value, 3: 0.6})
    with pytest.raises(SettingError, match="means nothing"):
        tuning.set_draft(scattered, "groceries", value)
    assert tuning.panel(scattered).drafts == before.drafts
    assert threshold_saving.save_draft(scattered)["threshold_version_id"] == AS_TRAINED


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_ends_of_the_scale_may_be_chosen(scattered, value):
    tuning.move(scattered, scattered.view().tagging.run_id, {1: value})
    threshold_saving.save_draft(scattered)
    assert tuning.panel(scattered).saved[1] == value


def test_a_draft_survives_a_restart_and_belongs_to_its_author(scattered):
    tuning.move(scattered, scattered.view().tagging.run_id, {1: 0.1 + 0.2, 3: 0.0})
    for author, drafts in (("ada", {1: 0.1 + 0.2, 2: 0.3, 3: 0.0}), ("bob", {1: 0.5, 2: 0.3, 3: 0.7})):
        again = Store(replace(scattered.settings, author=author))
        assert tuning.panel(again).drafts == drafts
        assert tuning.panel(again).saved == {1: 0.5, 2: 0.3, 3: 0.7}
        again.close()


def test_two_tabs_keep_each_others_moves(scattered):
    one, other = scattered, Store(scattered.settings)
    first, second = tuning.panel(one), tuning.panel(other)
    tuning.move(one, first.run_id, {1: 0.9})
    tuning.move(other, second.run_id, {2: 0.1})
    assert tuning.panel(one).drafts == tuning.panel(other).drafts == {1: 0.9, 2: 0.1, 3: 0.7}
    other.close()


def test_a_slider_that_is_moved_back_before_the_page_is_drawn_again_is_back(scattered):
    before = tuning.panel(scattered)
    tuning.move(scattered, before.run_id, {1: 0.91})
    tuning.move(scattered, before.run_id, {1: before.drafts[1]})
    after = tuning.panel(scattered)
    assert after.drafts == before.drafts
    assert after.n_changed == 0


def test_only_what_differs_from_the_thresholds_in_use_counts_as_changed(scattered):
    panel = tuning.panel(scattered)
    tuning.move(scattered, panel.run_id, {1: 0.9})
    tuning.move(scattered, scattered.view().tagging.run_id, {1: panel.saved[1]})
    assert threshold_saving.save_draft(scattered)["changed"] == 0


GOALS = ["f1", "f2", "f0.5", "precision>=0.5", "recall>=0.7", "cost:1:5", "cost:9:1", "grid", "exact", "fixed:0.35"]


def measured(store: Store) -> None:
    """Labels a, b, other and c, a run whose out-of-fold scores do not tell them apart well; c is too rare to tune."""
    import_csv(store, a_b_and_c())
    view = store.view()
    draw = np.random.default_rng(2)
    said = view.truth.y_true
    made_up = np.clip(np.where(said, 0.6, 0.3) + draw.normal(0, 0.3, said.shape), 0, 1).round(2)
    says = draw.random((len(view.columns.texts), 4)).round(2)
    add_made_up_run(store, says, [0.5, 0.4, 0.6, 0.3], (1, 2, 3, 4), evidence=out_of_fold(store, made_up))


@pytest.fixture
def tunable(prepared) -> Store:
    return prepared(measured)


def label(panel: tuning.Panel, label_id: int) -> tuning.LabelTuning:
    return next(each for each in panel.labels if each.label.id == label_id)


@pytest.mark.parametrize("goal", GOALS)
def test_a_goal_moves_the_slider_where_it_is_reached_on_the_rows_that_the_panel_draws(tunable, goal):
    before = tuning.panel(tunable)
    tuning.move(tunable, before.run_id, {}, {1: goal, 2: goal})
    after = tuning.panel(tunable)
    for place, label_id in enumerate((1, 2)):
        own = label(after, label_id)
        evidence = after.board.evidence
        (curve,) = step_curves(*(part[:, [place]] for part in (evidence.y_true, evidence.y_prob, evidence.judged)))
        assert own.solution == parse_goal(goal).solve(curve)
        assert (own.draft, own.goal, own.at_goal, own.note) == (own.solution.threshold, goal, True, "")
        assert own.saved == label(before, label_id).saved
    assert {each.label.id: each.draft for each in after.labels[2:]} == {3: 0.6, 4: 0.3}
    assert (after.held_out.n_by_hand, after.has_new_goals) == (0, True)


def test_at_most_so_many_suggestions_a_month_are_counted_in_every_transaction(tunable):
    rows = (f"2024-{month:02d}-05,SHOP {word},-1.00" for month in (4, 5) for word in ("zzz", "zzy", "zzx", "zzw"))
    import_csv(tunable, statement(*rows, header="date,description,amount"), "april.csv")
    view = tunable.view()
    matrix = tunable.predictions(tunable.bundle(view.tagging.run_id))
    known = view.columns.inputs().keys
    waiting = matrix.missing(known)
    matrix.add(waiting, np.linspace(0.1, 0.95, 4 * len(waiting)).reshape(-1, 4).astype(np.float32))
    view = tunable.view()
    months = np.array([date.fromordinal(day).month for day in view.columns.days.tolist()])

    def given(threshold: float) -> np.ndarray:
        tagging = replace(view.tagging, thresholds=np.array([threshold, 1.0, 1.0, 1.0]))
        return replace(view, tagging=tagging).sources[:, 0] == PREDICTED

    def most(threshold: float) -> int:
        return int(np.bincount(months[given(threshold)], minlength=13).max())

    scores = view.tagging.probabilities[view.tagging.index[given(0.0)], 0].tolist()
    assert most(0.0) == 40
    for count in (0, 2, 3, 50):
        tuning.move(tunable, view.tagging.run_id, {}, {1: f"permonth<={count}"})
        panel = tuning.panel(tunable)
        own = label(panel, 1)

        assert own.at_goal
        assert most(own.draft) <= count
        lower = [score for score in scores if score < own.draft]
        assert not lower or most(max(lower)) > count
        # Verdicts did not choose it, so the rows that are cut at it are cut by others.
        evidence = panel.board.evidence
        (score,) = score_labels(
            evidence.y_true[:, :1], evidence.y_prob[:, :1].astype(float) >= own.draft, evidence.judged[:, :1]
        )
        assert own.held_out.f1 == score.f1


def test_a_goal_that_cannot_be_reached_says_so_and_gives_the_nearest(tunable):
    tuning.move(tunable, tuning.panel(tunable).run_id, {}, {1: "precision>=1"})
    own = label(tuning.panel(tunable), 1)
    curve = tuning.panel(tunable).board.curves[0]
    precision = max(
        (curve.truth & (curve.scores >= cut)).sum() / (curve.scores >= cut).sum() for cut in curve.scores[curve.truth]
    )
    assert (own.solution.reached, own.solution.nearest) == (precision == 1, pytest.approx(precision))
    assert own.note == f"Most recall with precision ≥ 1 cannot be reached here; the nearest is {precision:.3f}"
    assert own.draft == own.solution.threshold
    tuning.move(tunable, tuning.panel(tunable).run_id, {}, {1: "permonth<=0"})
    assert label(tuning.panel(tunable), 1).note == ""


def test_a_tag_with_too_few_descriptions_takes_what_is_recommended_and_says_so(tunable):
    tuning.move(tunable, tuning.panel(tunable).run_id, {4: 0.44})
    tuning.move(tunable, tuning.panel(tunable).run_id, {}, {4: "f1", 1: "f1"})
    panel = tuning.panel(tunable)
    own = label(panel, 4)
    assert (own.draft, own.goal, own.solution) == (0.3, "f1", Solution(0.3, reached=False))
    assert own.note == "n = 5 different descriptions: too few to tune. Kept at the recommended 0.300"
    assert own.held_out == panel.board.cut(3, RECOMMENDED, 0.3)[1]
    assert label(panel, 1).at_goal
    assert panel.held_out.n_by_hand == 0


def test_a_tag_with_too_few_descriptions_does_not_stay_where_another_goal_put_it(tunable):
    run_id = tuning.panel(tunable).run_id
    tuning.move(tunable, run_id, {}, {4: "permonth<=1"})
    assert label(tuning.panel(tunable), 4).draft != 0.3
    tuning.move(tunable, run_id, {}, {4: "f1"})
    assert (label(tuning.panel(tunable), 4).draft, label(tuning.panel(tunable), 4).at_goal) == (0.3, True)


def test_what_transactions_show_is_asked_for_a_limit_a_month_only(tunable):
    board, asked = tuning.panel(tunable).board, []
    for goal in (RECOMMENDED, *GOALS):
        assert board.solve(0, goal, lambda: asked.append(1)) is not None
    assert not asked
    assert board.solve(0, "permonth<=4", lambda: asked.append(1)) is None
    assert asked


@pytest.mark.parametrize("goal", ["fixed:0.25", "permonth<=4"])
def test_a_goal_that_asks_no_verdict_holds_for_rare_tags_as_well(tunable, goal):
    tuning.move(tunable, tuning.panel(tunable).run_id, {}, {4: goal})
    own = label(tuning.panel(tunable), 4)
    assert (own.at_goal, own.note) == (True, "")


def test_recommended_is_what_the_run_was_trained_with(tunable):
    run_id = tuning.panel(tunable).run_id
    save_thresholds(tunable, {1: 0.9, 2: 0.8})
    tuning.move(tunable, run_id, {}, {1: "f1", 2: "f1"})
    tuning.move(tunable, run_id, {}, {1: RECOMMENDED, 4: RECOMMENDED})
    panel = tuning.panel(tunable)
    assert (label(panel, 1).draft, label(panel, 1).saved, label(panel, 1).at_goal) == (0.5, 0.9, True)
    assert label(panel, 4).draft == 0.3
    assert (label(panel, 1).goal, label(panel, 2).goal) == (RECOMMENDED, "f1")


def test_a_goal_and_a_threshold_given_together_are_both_kept(tunable):
    tuning.move(tunable, tuning.panel(tunable).run_id, {1: 0.123}, {1: "f1"})
    own = label(tuning.panel(tunable), 1)
    assert (own.draft, own.goal, own.at_goal) == (0.123, "f1", False)
    assert tuning.panel(tunable).held_out.n_by_hand == 1


def test_an_unreadable_goal_or_threshold_keeps_nothing(tunable):
    run_id = tuning.panel(tunable).run_id
    before = tuning.panel(tunable).labels
    with pytest.raises(SettingError, match="no goal"):
        tuning.move(tunable, run_id, {1: 0.9}, {2: "f1", 3: "the best"})
    with pytest.raises(SettingError, match="means nothing"):
        tuning.move(tunable, run_id, {1: 0.9, 2: 1.1}, {3: "f1"})
    assert tuning.panel(tunable).labels == before


def test_goals_survive_a_restart_belong_to_their_author_and_are_saved_with_the_version(tunable):
    run_id = tuning.panel(tunable).run_id
    tuning.move(tunable, run_id, {}, {1: "f2"})
    for author, expected in (("ada", "f2"), ("bob", RECOMMENDED)):
        again = Store(replace(tunable.settings, author=author))
        assert label(tuning.panel(again), 1).goal == expected
        again.close()
    first = threshold_saving.save_draft(tunable)["threshold_version_id"]
    bob = Store(replace(tunable.settings, author="bob"))
    assert (label(tuning.panel(bob), 1).goal, label(tuning.panel(bob), 1).at_goal) == ("f2", True)
    tuning.move(bob, run_id, {}, {2: "recall>=0.9"})
    second = threshold_saving.save_draft(bob)["threshold_version_id"]
    goals = {version.id: version.goals for version in threshold_versions.history(tunable)}
    assert goals == {second: {"1": "f2", "2": "recall>=0.9"}, first: {"1": "f2"}, AS_TRAINED: None}
    threshold_saving.go_back(bob, first)
    assert [label(tuning.panel(tunable), label_id).goal for label_id in (1, 2)] == ["f2", RECOMMENDED]
    threshold_saving.go_back(bob, AS_TRAINED)
    assert label(tuning.panel(tunable), 1).goal == RECOMMENDED
    bob.close()


def test_a_saved_goal_that_this_program_cannot_read_is_as_good_as_none(tunable):
    save_thresholds(tunable, {1: 0.9}, goals={"1": "of a later version", "2": "f1"})
    panel = tuning.panel(tunable)
    assert (label(panel, 1).goal, label(panel, 2).goal) == (RECOMMENDED, "f1")
    assert not panel.has_new_goals


def test_saving_makes_nothing_anew_that_thresholds_have_no_part_in(tunable):
    before = tuning.panel(tunable)
    save_thresholds(tunable, {1: 0.9})
    after = tuning.panel(tunable)
    assert (after.board, after.reach) == (before.board, before.reach)
    assert tunable.view().tagging.thresholds[0] == 0.9


def test_all_tags_to_their_goal_and_saved_are_at_their_goal(tunable):
    run_id = tuning.panel(tunable).run_id
    tuning.move(tunable, run_id, {}, dict.fromkeys((1, 2, 3, 4), "f1"))
    assert tuning.panel(tunable).n_changed == 3
    threshold_saving.save_draft(tunable)
    panel = tuning.panel(tunable)
    assert [each.at_goal for each in panel.labels] == [True, True, True, True]
    assert (panel.n_changed, panel.has_new_goals) == (0, False)


@pytest.mark.parametrize("goal", ["f1", "recall>=0.7", "grid", "fixed:0.35"])
def test_what_is_held_out_is_cut_where_a_plain_loop_over_folds_puts_the_threshold(tunable, goal):
    tuning.move(tunable, tuning.panel(tunable).run_id, {}, {1: goal})
    panel = tuning.panel(tunable)
    evidence = panel.board.evidence
    expected = np.zeros(evidence.rows.size, dtype=bool)
    for fold in set(evidence.folds.tolist()):
        others = evidence.folds != fold
        (curve,) = step_curves(*(part[others, :1] for part in (evidence.y_true, evidence.y_prob, evidence.judged)))
        threshold = parse_goal(goal).solve(curve).threshold
        for row in np.flatnonzero(~others).tolist():
            expected[row] = float(evidence.y_prob[row, 0]) >= threshold
    y_pred, score = panel.board.cut(0, goal, label(panel, 1).solution.threshold)
    assert np.array_equal(y_pred, expected)
    (plain,) = score_labels(evidence.y_true[:, :1], expected[:, np.newaxis], evidence.judged[:, :1])
    assert score == plain
    assert label(panel, 1).held_out == plain


def test_the_held_out_summary_cuts_goals_without_the_row_and_what_was_moved_by_hand_where_it_stands(tunable):
    tuning.move(tunable, tuning.panel(tunable).run_id, {2: 0.37}, {1: "f1", 3: "permonth<=7"})
    panel = tuning.panel(tunable)
    evidence = panel.board.evidence
    y_pred = evidence.y_prob.astype(float) >= np.array([each.draft for each in panel.labels])
    y_pred[:, 0] = panel.board.cut(0, "f1", label(panel, 1).solution.threshold)[0]
    y_pred[:, 3] = evidence.y_pred[:, 3]  # stands where the run was trained
    assert panel.held_out.scores == summarize(score_labels(evidence.y_true, y_pred, evidence.judged))
    assert panel.held_out.n_by_hand == 1
    as_trained = summarize(score_labels(evidence.y_true, evidence.y_pred, evidence.judged))
    assert panel.held_out_saved == HeldOut(as_trained, 0)


def test_rows_that_the_run_never_saw_are_held_out_by_description(trained):
    towns = "abcdefghijkl"
    rows = [f"2024-05-01,ALDI groceries new{town},-{copy}.00,groceries" for town in towns for copy in (1, 2)]
    import_csv(trained, statement(*rows), "may.csv")
    tuning.move(trained, tuning.panel(trained).run_id, {}, {1: "f1"})
    panel = tuning.panel(trained)
    board, evidence = panel.board, panel.board.evidence
    unseen = evidence.folds < 0
    assert unseen.sum() == 24
    folds = np.where(unseen, 1000 + evidence.groups % 5, evidence.folds)
    expected = cut_by_others(
        parse_goal("f1"), evidence.y_true[:, :1], evidence.y_prob[:, :1], evidence.judged[:, :1], folds
    )
    assert np.array_equal(board.cut(0, "f1", label(panel, 1).solution.threshold)[0], expected[:, 0])


def test_counts_over_all_transactions_are_those_of_the_tags_that_would_be_shown(tunable):
    tuning.move(tunable, tuning.panel(tunable).run_id, {1: 0.21, 4: 0.9})
    panel, view = tuning.panel(tunable), tunable.view()
    for found, thresholds in ((panel.shown, panel.drafts), (panel.shown_saved, panel.saved)):
        shown = shows(view, thresholds)
        assert found == Shown(np.count_nonzero(shown), np.count_nonzero(~shown.any(axis=1)))
    for each in panel.labels:
        column = view.column_of[each.label.id]
        for given, thresholds in ((each.given, panel.drafts), (each.given_saved, panel.saved)):
            values = np.array([thresholds[known.id] for known in view.labels])
            cells = replace(view, tagging=replace(view.tagging, thresholds=values)).sources[:, column]
            assert given == np.count_nonzero(cells == PREDICTED)


def test_what_sliders_stand_on_is_made_once_and_again_after_a_verdict(tunable):
    before = tuning.panel(tunable)
    tuning.move(tunable, before.run_id, {1: 0.9})
    moved = tuning.panel(tunable)
    assert (moved.board is before.board, moved.reach is before.reach) == (True, True)
    verdict(tunable, tunable.view().columns.ids[0], 1, "no")
    after = tuning.panel(tunable)
    assert (after.board is before.board, after.reach is before.reach) == (False, False)
    assert after.board.curves[0].n_positive == before.board.curves[0].n_positive - 1


def test_a_goal_given_by_name_is_drafted_and_one_that_cannot_be_read_is_not_kept(tunable):
    said = tuning.set_goal(tunable, "A", " Precision >= 0.5 ")
    own = label(tuning.panel(tunable), 1)
    assert said == {
        "run_id": tuning.panel(tunable).run_id,
        "label": "a",
        "goal": "precision>=0.5",
        "threshold": own.draft,
        "reached": True,
        "nearest": None,
        "note": "",
        "saved": False,
    }
    assert (own.goal, own.at_goal) == ("precision>=0.5", True)
    rare = tuning.set_goal(tunable, "c", "f1")
    assert (rare["threshold"], rare["reached"], rare["note"]) == (0.3, False, label(tuning.panel(tunable), 4).note)
    for name, goal in (("unheard of", "f1"), ("a", "the best")):
        with pytest.raises(SettingError):
            tuning.set_goal(tunable, name, goal)
    assert tuning.set_goal(tunable, "a", "permonth<=0")["goal"] == "permonth<=0"


def test_a_draft_moved_by_name_is_saved_as_a_whole(scattered):
    tuning.set_draft(scattered, "Groceries", 0.8)
    tuning.set_draft(scattered, "rent", 0.2)
    with pytest.raises(SettingError, match="unheard of"):
        tuning.set_draft(scattered, "unheard of", 0.2)
    assert threshold_saving.save_draft(scattered)["changed"] == 2
    assert tuning.panel(scattered).saved == {1: 0.8, 2: 0.3, 3: 0.2}


def test_a_threshold_follows_its_label_through_a_rename_and_waits_through_an_archive(scattered):
    save_thresholds(scattered, {1: 0.8})
    labelset.rename(scattered, "groceries", "Food")
    labelset.archive(scattered, "fuel")
    assert {each.label.name: each.saved for each in tuning.panel(scattered).labels} == {"Food": 0.8, "rent": 0.7}
    save_thresholds(scattered, {3: 0.6})
    labelset.restore(scattered, "fuel")
    assert tuning.panel(scattered).saved == {1: 0.8, 2: 0.3, 3: 0.6}


def test_the_panel_draws_on_out_of_fold_probabilities(trained):
    panel = tuning.panel(trained)
    bundle = trained.bundle(panel.run_id)
    assert panel.n_transactions == 42
    for place, curve in enumerate(panel.board.curves):
        assert curve.scores.tolist() == sorted(bundle.evidence["y_prob"][:, place].tolist())
        assert curve.truth.sum() == 14
    # Those of the head itself, which has seen these rows, would be another and a better looking set.
    view = trained.view()
    own = view.tagging.probabilities[view.columns.text_index]
    assert not np.allclose(panel.board.curves[0].scores, np.sort(own[:, 0]), atol=1e-3)


def test_a_row_judged_after_the_training_is_measured_once_its_description_is_new(trained):
    rows = [
        "2024-05-01,ALDI groceries unheard,-1.00,groceries",
        f"2024-05-02,{three_kinds().splitlines()[1].split(',')[1]},-1.00,groceries",
    ]
    import_csv(trained, statement(*rows), "may.csv")
    panel = tuning.panel(trained)
    assert panel.n_transactions == 43
    view = trained.view()
    row = view.columns.descriptions.index("ALDI groceries unheard")
    assert panel.board.evidence.y_prob[-1, 0] == view.tagging.probabilities[view.columns.text_index[row], 0]


def test_the_optimum_is_the_peak_of_the_curve_and_needs_ten_descriptions(trained):
    rows = [f"2024-06-0{number},THEATRE {name},-1.00,culture" for number, name in enumerate("abcdefghi", 1)]
    rows.append("2024-06-10,ALDI groceries unheard,-1.00,groceries")
    import_csv(trained, statement(*rows), "june.csv")
    training.train(trained, Recipe(), Progress(), promote_it=True)
    panel = tuning.panel(trained)
    for each, curve in zip(panel.labels, panel.board.curves, strict=True):
        if each.label.name == "culture":
            assert each.best_f1 is None
            assert "n = 9" in each.note
            continue
        truth, scores = curve.truth, curve.scores
        best = max(2 * (truth & (scores >= t)).sum() / (truth.sum() + (scores >= t).sum()) for t in scores)
        present = scores >= each.best_f1
        assert 2 * (truth & present).sum() / (truth.sum() + present.sum()) == best
        assert each.note == ""


def test_a_label_that_nobody_said_no_to_has_neither_precision_nor_f1_nor_an_optimum(store):
    import_csv(store, three_kinds())
    (checked,) = make_labels(store, "checked")
    for row in store.view().columns.ids[:30]:
        verdict(store, row, checked)
    report = training.train(store, Recipe(), Progress(), promote_it=True)
    shown = next(each for each in report["labels"] if each["label"] == "checked")
    assert (shown["precision"], shown["recall"], shown["f1"], shown["support"]) == (None, 0.0, None, 30)
    assert (report["macro"]["labels_scored"], report["macro"]["labels_left_out"]) == (4, 1)
    panel = next(each for each in tuning.panel(store).labels if each.label.name == "checked")
    assert panel.best_f1 is None
    said = "Nobody said no to it, so its precision and F1 cannot be known"
    assert panel.note == f"{said}. Kept at the recommended {panel.saved:.3f}"


def test_labels_that_the_run_does_not_know_are_named(trained):
    make_labels(trained, "holiday")
    assert tuning.panel(trained).unknown == ("holiday",)
    assert "holiday" not in {each.label.name for each in tuning.panel(trained).labels}


def test_show_scores_the_thresholds_in_use_on_the_panels_evidence(trained):
    save_thresholds(trained, {1: 1.0})
    shown = tuning.show(trained)
    panel = tuning.panel(trained)
    assert shown["n_transactions"] == panel.n_transactions
    groceries = shown["labels"][0]
    assert (groceries["threshold"], groceries["precision"], groceries["recall"]) == (1.0, None, 0.0)
    for label, each, curve in zip(shown["labels"], panel.labels, panel.board.curves, strict=True):
        present = curve.scores >= each.saved
        assert label["recall"] == pytest.approx((curve.truth & present).sum() / curve.truth.sum())
