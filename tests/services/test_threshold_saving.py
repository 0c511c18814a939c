"""Saving thresholds, and using earlier ones again."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from noisy_run import FIRST, at_random, expected, ids, stored
from steps import add_scored_run, truth
from toys import save_thresholds

from tagger.errors import MovedMeanwhileError, NotFoundError, SettingError
from tagger.services import runs, threshold_exchange, threshold_saving, threshold_versions, tuning
from tagger.services.board import RECOMMENDED
from tagger.services.store import Store
from tagger.services.threshold_files import read_document
from tagger.services.threshold_saving import Seen
from tagger.services.threshold_versions import AS_TRAINED
from tagger.storage import runs as stored_runs

pytestmark = pytest.mark.usefixtures("one_thread")


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
def test_saving_that_fails_on_the_way_leaves_everything_as_it_was(noisy, tmp_path, monkeypatch, step):
    path = tmp_path / "mine.json"
    threshold_exchange.export_file(noisy, path)
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


def test_what_another_window_saved_alike_is_saved_whatever_goals_are_in_use(noisy):
    run_id = noisy.view().tagging.run_id
    first = save_thresholds(noisy, {1: 0.5}, goals={"1": "f1"})
    tuning.move(noisy, run_id, {1: 0.9})
    seen = Seen(first, {1: 0.9})
    saved = threshold_saving.save_draft(noisy, run_id=run_id, seen=seen)
    assert threshold_saving.save_draft(noisy, run_id=run_id, seen=seen) == saved | {"changed": 0}
    threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(first, {1: None}))  # its goal was still to be solved
    tuning.move(noisy, run_id, {}, {1: "recommended"})
    tuning.move(noisy, run_id, {1: 0.9})
    threshold_saving.save_draft(noisy, run_id=run_id)
    with pytest.raises(MovedMeanwhileError):  # its goal is another by now
        threshold_saving.save_draft(noisy, run_id=run_id, seen=seen)


def test_a_note_that_came_too_late_is_not_dropped_in_silence(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: 0.9})
    seen = Seen(AS_TRAINED, {1: 0.9})
    threshold_saving.save_draft(noisy, run_id=run_id, seen=seen)
    with pytest.raises(MovedMeanwhileError, match="saved in another window") as caught:
        threshold_saving.save_draft(noisy, run_id=run_id, seen=seen, note="mine")
    assert "note was not added" in caught.value.hint


def test_sliders_of_a_run_that_is_not_in_use_are_not_moved(noisy):
    run_id = noisy.view().tagging.run_id
    add_scored_run(noisy, np.zeros(noisy.view().truth.y_true.shape, dtype=bool), promote=True)
    before = stored(noisy)
    with pytest.raises(MovedMeanwhileError, match="Another run"):
        tuning.move(noisy, run_id, {1: 0.9}, step="a", in_use_only=True)
    assert stored(noisy) == before


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
    for seen in (Seen(AS_TRAINED, {1: 0.9}), Seen(AS_TRAINED, {1: 0.9, 2: 0.1}), Seen(AS_TRAINED, {})):
        with pytest.raises(MovedMeanwhileError, match="Another run"):
            threshold_saving.save_draft(noisy, run_id=run_id, seen=seen)
    assert [version.id for version in threshold_versions.history(noisy, run_id)] == [AS_TRAINED]


def test_what_is_saved_already_is_refused_too_once_another_run_is_in_use(noisy):
    run_id = noisy.view().tagging.run_id
    tuning.move(noisy, run_id, {1: 0.9})
    threshold_saving.save_draft(noisy, run_id=run_id)
    add_scored_run(noisy, np.zeros(noisy.view().truth.y_true.shape, dtype=bool), promote=True)
    with pytest.raises(MovedMeanwhileError, match="Another run"):
        threshold_saving.save_draft(noisy, run_id=run_id, seen=Seen(AS_TRAINED, {1: 0.9}))


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
