"""Thresholds: what the panel shows, what would flip, what is saved."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from steps import add_made_up_run, confirm, import_csv, make_labels, statement, three_kinds, verdict

from tagger.errors import SettingError
from tagger.labels.truth import NOT_JUDGED
from tagger.learning.recipe import Recipe
from tagger.services import labelset, training, tuning
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.view import ABSENT, View

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def scattered(store: Store) -> Store:
    """120 rows of 40 descriptions, three labels, a made-up run whose scores often equal a threshold, some verdicts."""
    draw = random.Random(3)
    ids = make_labels(store, "groceries", "fuel", "rent")
    rows = [f"2024-03-{1 + number % 28:02d},SHOP {draw.randrange(40)},-{number}.00" for number in range(120)]
    import_csv(store, statement(*rows, header="date,description,amount"))
    view = store.view()
    scores = np.random.default_rng(0).choice(np.linspace(0, 1, 11), size=(len(view.columns.texts), 3))
    add_made_up_run(store, scores, [0.5, 0.3, 0.7], ids)
    for row in draw.sample(view.columns.ids, 15):
        if draw.random() < 0.3:
            confirm(store, row, draw.sample(ids, 1))
        else:
            verdict(store, row, draw.choice(ids), draw.choice(["yes", "no"]))
    return store


def fill(store: Store) -> None:
    import_csv(store, three_kinds())
    training.train(store, Recipe(), Progress(), promote_it=True)


@pytest.fixture
def trained(prepared) -> Store:
    return prepared(fill)


def shows(view: View, thresholds: dict[int, float]) -> np.ndarray:
    """Which tags the whole view would show at other thresholds: the brute force."""
    values = np.array([thresholds[label.id] for label in view.labels])
    return replace(view, tagging=replace(view.tagging, thresholds=values)).sources != ABSENT


MOVES = [
    {1: 0.6},
    {1: 0.4},
    {1: np.nextafter(0.5, 1)},
    {1: 0.5},
    {2: 0.0, 3: 1.0},
    {1: 0.1, 2: 0.9, 3: 0.2},
    {},
]


@pytest.mark.parametrize("move", MOVES, ids=str)
def test_flips_are_what_rebuilding_every_tag_at_both_thresholds_changes(scattered, move):
    view = scattered.view()
    before = {1: 0.5, 2: 0.3, 3: 0.7}
    after = {**before, **move}
    was, will = shows(view, before), shows(view, after)
    found = tuning.flips(scattered, before, after)
    assert found.n_gained == np.count_nonzero(will & ~was)
    assert found.n_lost == np.count_nonzero(was & ~will)
    assert found.n_transactions == np.count_nonzero((was != will).any(axis=1))
    expected = {}
    for row, column in zip(*np.nonzero(was != will), strict=True):
        key = (view.columns.descriptions[row], view.labels[column].id, bool(will[row, column]))
        expected[key] = expected.get(key, 0) + 1
    assert {(flip.description, flip.label.id, flip.gains): flip.count for flip in found.groups} == expected
    assert [flip.count for flip in found.groups] == sorted((flip.count for flip in found.groups), reverse=True)
    for flip in found.groups:
        assert (flip.probability >= after[flip.label.id]) == flip.gains
        assert (flip.probability >= before[flip.label.id]) != flip.gains


def test_what_people_or_memory_decided_does_not_flip(scattered):
    view = scattered.view()
    decided = view.truth.values != NOT_JUDGED
    decided |= view.remembered.judged[view.columns.fold_index]
    everything = tuning.flips(scattered, dict.fromkeys((1, 2, 3), 2.0), dict.fromkeys((1, 2, 3), 0.0))
    assert everything.n_gained == np.count_nonzero(~decided) < decided.size
    assert everything.n_lost == 0


def test_saving_makes_a_version_that_is_used_and_clears_the_draft(scattered):
    run_id = scattered.view().tagging.run_id
    assert scattered.view().tagging.threshold_version_id is None
    tuning.keep_draft(scattered, scattered.view().tagging.run_id, {1: 0.9})
    version = tuning.save(scattered, {1: 0.9}, note="stricter")
    panel = tuning.panel(scattered)
    assert scattered.view().tagging.threshold_version_id == version
    assert panel.saved == panel.drafts == {1: 0.9, 2: 0.3, 3: 0.7}
    view = scattered.view()
    assert np.array_equal(view.sources != ABSENT, shows(view, panel.saved))
    (first,) = tuning.history(scattered)
    assert (first.id, first.note, first.thresholds) == (version, "stricter", (0.9, 0.3, 0.7))
    tuning.save(scattered, {3: 0.25})
    assert [each.thresholds for each in tuning.history(scattered)] == [(0.9, 0.3, 0.25), (0.9, 0.3, 0.7)]
    assert scattered.bundle(run_id).thresholds == (0.5, 0.3, 0.7)


@pytest.mark.parametrize("value", [-0.001, 1.001, float("nan"), float("inf")])
def test_a_threshold_that_means_nothing_is_refused(scattered, value):
    with pytest.raises(SettingError, match="means nothing"):
        tuning.save(scattered, {1: value})
    with pytest.raises(SettingError, match="means nothing"):
        tuning.set_draft(scattered, "groceries", value)
    assert tuning.history(scattered) == []


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_ends_of_the_scale_may_be_chosen(scattered, value):
    tuning.save(scattered, {1: value})
    assert tuning.panel(scattered).saved[1] == value


def test_a_draft_survives_a_restart_and_belongs_to_its_author(scattered):
    tuning.keep_draft(scattered, scattered.view().tagging.run_id, {1: 0.1 + 0.2, 3: 0.0})
    for author, drafts in (("ada", {1: 0.1 + 0.2, 2: 0.3, 3: 0.0}), ("bob", {1: 0.5, 2: 0.3, 3: 0.7})):
        again = Store(replace(scattered.settings, author=author))
        assert tuning.panel(again).drafts == drafts
        assert tuning.panel(again).saved == {1: 0.5, 2: 0.3, 3: 0.7}
        again.close()


def test_moved_sliders_join_the_draft(scattered):
    run_id = scattered.view().tagging.run_id
    tuning.keep_draft(scattered, run_id, {1: 0.9})
    tuning.keep_draft(scattered, run_id, {2: 0.1})
    assert tuning.panel(scattered).drafts == {1: 0.9, 2: 0.1, 3: 0.7}


def test_only_what_differs_from_the_thresholds_in_use_counts_as_changed(scattered):
    panel = tuning.panel(scattered)
    tuning.keep_draft(scattered, panel.run_id, {1: 0.9})
    tuning.keep_draft(scattered, scattered.view().tagging.run_id, {1: panel.saved[1]})
    assert tuning.save_draft(scattered)["changed"] == 0


def test_a_draft_moved_by_name_is_saved_as_a_whole(scattered):
    tuning.set_draft(scattered, "Groceries", 0.8)
    tuning.set_draft(scattered, "rent", 0.2)
    with pytest.raises(SettingError, match="unheard of"):
        tuning.set_draft(scattered, "unheard of", 0.2)
    assert tuning.save_draft(scattered)["changed"] == 2
    assert tuning.panel(scattered).saved == {1: 0.8, 2: 0.3, 3: 0.2}


def test_a_threshold_follows_its_label_through_a_rename_and_waits_through_an_archive(scattered):
    tuning.save(scattered, {1: 0.8})
    labelset.rename(scattered, "groceries", "Food")
    labelset.archive(scattered, "fuel")
    assert {each.label.name: each.saved for each in tuning.panel(scattered).labels} == {"Food": 0.8, "rent": 0.7}
    tuning.save(scattered, {3: 0.6})
    labelset.restore(scattered, "fuel")
    assert tuning.panel(scattered).saved == {1: 0.8, 2: 0.3, 3: 0.6}


def test_the_panel_draws_on_out_of_fold_probabilities(trained):
    panel = tuning.panel(trained)
    bundle = trained.bundle(panel.run_id)
    assert panel.n_transactions == 42
    for place, each in enumerate(panel.labels):
        assert each.scores.tolist() == bundle.evidence["y_prob"][:, place].tolist()
        assert each.truth.sum() == 14
    # Those of the head itself, which has seen these rows, would be another and a better looking set.
    view = trained.view()
    own = view.tagging.probabilities[view.columns.text_index]
    assert not np.allclose(np.sort(panel.labels[0].scores), np.sort(own[:, 0]), atol=1e-3)


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
    assert panel.labels[0].scores[-1] == view.tagging.probabilities[view.columns.text_index[row], 0]


def test_the_optimum_is_the_peak_of_the_curve_and_needs_ten_descriptions(trained):
    rows = [f"2024-06-0{number},THEATRE {name},-1.00,culture" for number, name in enumerate("abcdefghi", 1)]
    rows.append("2024-06-10,ALDI groceries unheard,-1.00,groceries")
    import_csv(trained, statement(*rows), "june.csv")
    training.train(trained, Recipe(), Progress(), promote_it=True)
    for each in tuning.panel(trained).labels:
        if each.label.name == "culture":
            assert (each.tuned, each.optimum) == (False, None)
            assert "n = 9" in each.note
            continue
        best = max(
            2 * (each.truth & (each.scores >= t)).sum() / (each.truth.sum() + (each.scores >= t).sum())
            for t in each.scores
        )
        present = each.scores >= each.optimum
        assert 2 * (each.truth & present).sum() / (each.truth.sum() + present.sum()) == best
        assert (each.tuned, each.note) == (True, "")


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
    assert (panel.optimum, panel.tuned) == (None, False)
    assert panel.note == "Nobody said no to it, so its precision and F1 cannot be known"


def test_labels_that_the_run_does_not_know_are_named(trained):
    make_labels(trained, "holiday")
    assert tuning.panel(trained).unknown == ("holiday",)
    assert "holiday" not in {each.label.name for each in tuning.panel(trained).labels}


def test_show_scores_the_thresholds_in_use_on_the_panels_evidence(trained):
    tuning.save(trained, {1: 1.0})
    shown = tuning.show(trained)
    panel = tuning.panel(trained)
    assert shown["n_transactions"] == panel.n_transactions
    groceries = shown["labels"][0]
    assert (groceries["threshold"], groceries["precision"], groceries["recall"]) == (1.0, None, 0.0)
    for label, each in zip(shown["labels"], panel.labels, strict=True):
        present = each.scores >= each.saved
        assert label["recall"] == pytest.approx((each.truth & present).sum() / each.truth.sum())
