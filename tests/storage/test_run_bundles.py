"""Run bundles: whole or not there, never overwritten, never pickled."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import textwrap
from dataclasses import fields, replace
from datetime import datetime

import numpy as np
import pytest

from tagger.errors import BundleError, NotFoundError, TaggerError
from tagger.storage import runs
from tagger.storage.database import Database
from tagger.storage.runs import Bundle, RunRow, read_bundle, remove_bundle, sweep, write_bundle

AT = datetime.fromisoformat("2024-03-01T12:00")  # UTC, without a zone: what SQLite gives back

BUNDLE = Bundle(
    run_id="20240301-120000-abcdef",
    store_id="5" * 32,
    created_at="2024-03-01T12:00:00Z",
    encoder="toy",
    recipe={"features": "both", "head": {"widths": [128, 64], "l2": 10.0}, "seed": 3},
    labels=((1, "groceries"), (4, "café & <b>'\"</b> 日本")),
    thresholds=(0.5, 0.1 + 0.2),  # 0.30000000000000004 must not become 0.3
    summary={"macro": {"f1": None}, "seconds": {"total": 1.25}},
    head={
        "centre": np.linspace(0, 1, 7, dtype=np.float32),
        "scale": np.array([1 / 3]),
        "head.weight": np.random.default_rng(0).normal(size=(2, 7)).astype(np.float32).T,  # not contiguous
    },
    evidence={
        "seen_groups": np.array([1, 2**63 + 5], dtype=np.uint64),
        "y_pred": np.array([[1, 0]], dtype=np.uint8),
        "folds": np.array([4], dtype=np.int16),
    },
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models" / BUNDLE.run_id


def same(one: Bundle, other: Bundle) -> bool:
    for each in fields(Bundle):
        mine, theirs = getattr(one, each.name), getattr(other, each.name)
        if each.name in {"head", "evidence"}:
            assert mine.keys() == theirs.keys()
            for name in mine:
                assert mine[name].dtype == theirs[name].dtype
                assert mine[name].shape == theirs[name].shape
                assert mine[name].tobytes() == theirs[name].tobytes()
        else:
            assert mine == theirs, each.name
    return True


@pytest.mark.parametrize("bundle", [BUNDLE, replace(BUNDLE, evidence={})], ids=["whole", "without evidence"])
def test_a_bundle_comes_back_exactly(folder, bundle):
    write_bundle(folder, bundle)
    assert same(read_bundle(folder), bundle)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_run_is_never_overwritten(folder):
    write_bundle(folder, BUNDLE)
    with pytest.raises(FileExistsError):
        write_bundle(folder, replace(BUNDLE, thresholds=(0.9, 0.9)))
    assert read_bundle(folder).thresholds == BUNDLE.thresholds


@pytest.mark.parametrize("unwritable", [{"f1": float("nan")}, {"f1": object()}])
def test_a_bundle_that_cannot_be_written_leaves_nothing(folder, unwritable):
    with pytest.raises((ValueError, TypeError)):
        write_bundle(folder, replace(BUNDLE, summary=unwritable))
    assert list(folder.parent.iterdir()) == []


def test_a_full_disk_leaves_nothing_of_a_run(folder):
    script = """
        import resource, sys
        from pathlib import Path
        import numpy as np
        from tagger.errors import TaggerError
        from tagger.storage.runs import Bundle, write_bundle
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        head = {"weight": np.zeros(100_000)}
        try:
            write_bundle(Path(sys.argv[1]), Bundle("r", "s", "", "toy", {}, (), (), {}, head))
        except TaggerError as error:
            print(f"{error} {error.hint}")
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "disk is full" in ended.stdout
    assert list(folder.parent.iterdir()) == []


KILLED = """
    import os, signal, sys
    from pathlib import Path
    import numpy as np
    from tagger.storage import runs
    def die(*args, **kwargs):
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(runs, sys.argv[2], die)
    runs.write_bundle(Path(sys.argv[1]), runs.Bundle("r", "s", "", "toy", {}, (), (), {}, {"weight": np.zeros(9)}))
"""


@pytest.mark.parametrize("killed_at", ["save", "_force_to_disk"])
def test_what_a_killed_process_wrote_aside_is_no_run_and_is_swept(folder, killed_at):
    arguments = [sys.executable, "-c", textwrap.dedent(KILLED), str(folder), killed_at]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert len(list(folder.parent.iterdir())) == 1
    with pytest.raises(NotFoundError):
        read_bundle(folder)
    sweep(folder.parent)
    assert list(folder.parent.iterdir()) == []
    write_bundle(folder, BUNDLE)
    assert same(read_bundle(folder), BUNDLE)


def test_sweeping_leaves_whole_runs_and_what_is_not_ours(folder):
    write_bundle(folder, BUNDLE)
    (folder.parent / "README.md").write_text("about runs")
    (folder.parent / ".git").mkdir()
    (folder.parent / f".{folder.name}.{'0' * 32}").mkdir()
    sweep(folder.parent)
    assert sorted(path.name for path in folder.parent.iterdir()) == sorted([folder.name, ".git", "README.md"])


def test_sweeping_deletes_a_discarded_run_whose_deletion_was_cut_off(folder):
    write_bundle(folder, BUNDLE)
    sweep(folder.parent, ["20240101-000000-gone00", folder.name])
    assert list(folder.parent.iterdir()) == []


def test_a_removed_run_is_gone_and_removing_it_again_does_no_harm(folder):
    write_bundle(folder, BUNDLE)
    remove_bundle(folder)
    remove_bundle(folder)
    with pytest.raises(NotFoundError, match=BUNDLE.run_id):
        read_bundle(folder)


def _json(**changes):
    def damage(folder):
        path = folder / "run.json"
        values = json.loads(path.read_text())
        for name, value in changes.items():
            if value is None:
                del values[name]
            else:
                values[name] = value
        path.write_text(json.dumps(values))

    return damage


def _file(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def _cut(name, keep):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


@pytest.mark.parametrize(
    "damage",
    [
        _file("run.json", b""),
        _file("run.json", b"[]"),
        _file("run.json", b"null"),
        _file("run.json", b'{"format_version": 1'),
        _file("run.json", b"\xff\xfe\x00"),
        _json(format_version=4),
        _json(format_version="new"),
        _json(format_version=None),
        _json(labels=None),
        _json(labels=[{"id": "x", "name": "y"}, {"id": 2, "name": "z"}]),
        _json(labels=[[1, "groceries"], [2, "fuel"]]),
        _json(labels=[{"id": 1, "name": "groceries"}]),
        _json(thresholds=[0.5]),
        _json(thresholds=["high", "low"]),
        _json(thresholds=0.5),
        _json(thresholds=[0.5, 1.5]),
        _json(thresholds=[0.5, float("nan")]),
        _json(thresholds=[0.5, 10**400]),
        _json(run_id="/tmp/there"),
        _json(run_id="../there"),
        _json(run_id="another"),
        _file("run.json", b"[" * 100_000),
        _json(recipe={}),
        _json(recipe={"features": "smell"}),
        _json(recipe={"features": "both", "of": "a later version"}),
        _json(recipe=7),
        _json(recipe={"features": 7}),
        _json(recipe={"features": "both", "thresholds": 5}),
        _json(recipe={"features": "both", "n_folds": 2.5}),
        _json(recipe={"features": "both", "head": {"widths": 64}}),
        _json(recipe={"features": "both", "head": 1}),
        _json(encoder=5),
        _json(created_at=2024),
        _json(summary=[]),
        _json(summary={"rejected_labels": 5}),
        _json(summary={"rejected_labels": [5]}),
        _json(summary={"micro": 3}),
        _json(summary={"macro": {"f1": "good"}}),
        _json(summary={"thresholds_tuned": True}),
        _json(summary={"thresholds_tuned": [1]}),
        _json(summary={"judged_until": None}),
        _json(summary={"n_groups": True}),
        _json(summary={"labels": [{"label": "fuel", "support": "many"}]}),
        _json(summary={"later_batch": {"remembered": 1}}),
        _json(summary={"bought": "much"}),
        _file("head.safetensors", b""),
        _file("head.safetensors", b"\x00" * 64),
        _file("head.safetensors", b"\xff" * 64),
        _file("head.safetensors", pickle.dumps({"weight": [1, 2, 3]})),
        _cut("head.safetensors", 40),
        _cut("head.safetensors", -1),
        _cut("evidence.safetensors", -1),
        lambda folder: (folder / "head.safetensors").unlink(),
    ],
)
def test_a_damaged_or_later_run_is_refused_in_words(folder, damage):
    write_bundle(folder, BUNDLE)
    damage(folder)
    with pytest.raises(BundleError, match=BUNDLE.run_id) as caught:
        read_bundle(folder)
    assert caught.value.hint
    assert isinstance(caught.value, TaggerError)


@pytest.mark.parametrize(
    "changed",
    [
        {"evidence": {"y_prob": np.zeros((3, 2)), "folds": np.zeros(2)}},
        {"evidence": {"y_prob": np.zeros((3, 1))}},
        {"evidence": {"y_prob": np.zeros((3, 2)), "folds": np.zeros(())}},
        {"evidence": {"y_pred": np.zeros((3, 3), dtype=np.uint8)}},
        {"head": {"head.output.bias": np.zeros(3, dtype=np.float32)}},
    ],
    ids=["folds of fewer rows", "fewer labels", "folds of no row", "more labels", "a head for more labels"],
)
def test_parts_of_a_run_that_do_not_fit_together_are_refused(folder, changed):
    write_bundle(folder, replace(BUNDLE, **changed))
    with pytest.raises(BundleError, match=BUNDLE.run_id):
        read_bundle(folder)


def test_no_pickle_is_written(folder):
    write_bundle(folder, BUNDLE)
    assert {path.suffix for path in folder.iterdir()} == {".json", ".safetensors"}
    for path in folder.iterdir():
        with pytest.raises(Exception):  # noqa: B017 - whatever pickle says, it must not load
            pickle.loads(path.read_bytes())


def run(connection, run_id, day):
    runs.add_run(
        connection, RunRow(run_id, datetime.fromisoformat(f"2024-03-{day:02d}"), "ada", uses_sample=False, summary={})
    )


def test_the_current_run_is_the_newest_choice_that_still_exists(tmp_path):
    db = Database(tmp_path / "tagger.db")

    def current():
        with db.read() as connection:
            return runs.current(connection).run_id

    assert current() == "starter"
    with db.write() as connection:
        for day, run_id in enumerate(("a", "b", "c"), start=1):
            run(connection, run_id, day)
            runs.set_current(connection, run_id, None, author="ada", at=AT)
    assert current() == "c"
    with db.write() as connection:
        runs.discard_run(connection, "c", AT)
    assert current() == "b"
    with db.write() as connection:
        runs.set_current(connection, "starter", None, author="ada", at=AT)
    assert current() == "starter"
    with db.write() as connection:
        runs.set_current(connection, "a", None, author="ada", at=AT)
        runs.discard_run(connection, "a", AT)
        runs.discard_run(connection, "b", AT)
    assert current() == "starter"
    with db.read() as connection:
        assert runs.runs(connection) == []
        assert sorted(runs.discarded_runs(connection)) == ["a", "b", "c"]


@pytest.fixture
def history(tmp_path):
    """`history("a b <")`: promote a, promote b, roll back; `a1` promotes a with thresholds 1, `x:a` discards a."""
    db = Database(tmp_path / "tagger.db")
    with db.write() as connection:
        for day, run_id in enumerate("abc", start=1):
            run(connection, run_id, day)
            runs.add_threshold_version(connection, run_id, [0.5], author="ada", note="", at=AT)

    def play(steps):
        for step in steps.split():
            with db.write() as connection:
                if step == "<":
                    runs.roll_back(connection, author="ada", at=AT)
                elif step.startswith("x:"):
                    runs.discard_run(connection, step[2:], AT)
                else:
                    run_id = "starter" if step[0] == "s" else step[0]
                    version = int(step[1:]) if step[1:] else None
                    runs.set_current(connection, run_id, version, author="ada", at=AT)
        with db.read() as connection:
            return tuple(
                each and ("s" if each.run_id == "starter" else each.run_id) + str(each.threshold_version_id or "")
                for each in (runs.current(connection), runs.previous(connection))
            )

    return play


@pytest.mark.parametrize(
    ("steps", "now", "before"),
    [
        ("", "s", None),
        ("a", "a", "s"),
        ("a <", "s", None),
        ("a b <", "a", "s"),
        ("a b < <", "s", None),
        ("a b c < <", "a", "s"),
        ("a a1 b2 <", "a1", "a"),  # weights and thresholds together
        ("a a1 b2 < < <", "s", None),
        ("a b < c <", "a", "s"),  # what was rolled back is not returned to
        ("a b a <", "b", "a"),
        ("a b b <", "a", "s"),  # promoting what is in use changes nothing that could be rolled back
        ("a b x:b", "a", "s"),
        ("a b c x:b <", "a", "s"),
        ("a b c < x:b", "a", "s"),  # not c, which was rolled back
        ("a b < x:b", "a", "s"),
        ("a b s <", "b", "a"),
        ("a x:a", "s", None),
    ],
)
def test_rolling_back_returns_to_what_was_in_use_before(history, steps, now, before):
    assert history(steps) == (now, before)


def test_where_nothing_was_in_use_before_rolling_back_is_refused(history):
    with pytest.raises(NotFoundError, match="nothing to roll back"):
        history("a < <")
    assert history("") == ("s", None)


def test_notes_stay_and_the_newest_comes_first(tmp_path):
    db = Database(tmp_path / "tagger.db")
    with db.write() as connection:
        for run_id, text in (("a", "first try"), ("b", "日本"), ("a", "better than it looks")):
            runs.add_note(connection, run_id, text, author="ada", at=AT)
    with db.read() as connection:
        found = runs.notes(connection)
    assert {run_id: [note.text for note in notes] for run_id, notes in found.items()} == {
        "a": ["better than it looks", "first try"],
        "b": ["日本"],
    }
    assert (found["b"][0].author, found["b"][0].at) == ("ada", AT)


def test_threshold_versions_are_kept_newest_first_and_to_the_last_bit(tmp_path):
    db = Database(tmp_path / "tagger.db")
    with db.write() as connection:
        run(connection, "a", 1)
        one = runs.add_threshold_version(connection, "a", [0.1 + 0.2, 0.5], author="ada", note="first", at=AT)
        two = runs.add_threshold_version(connection, "a", [1.0, 0.0], author="ada", note="", at=AT)
    with db.read() as connection:
        found = runs.threshold_versions(connection, "a")
    assert [each.id for each in found] == [two, one]
    assert found[1].thresholds == (0.1 + 0.2, 0.5)
    assert found[1].note == "first"
    assert (found[1].metrics, found[1].goals) == (None, None)


def test_a_version_keeps_what_it_scored_and_what_its_thresholds_were_chosen_for(tmp_path):
    metrics = {"micro": {"f1": 0.1 + 0.2}, "macro": {"f1": None, "labels_scored": 0}}
    goals = {"1": "precision>=0.95", "2": "by hand"}
    db = Database(tmp_path / "tagger.db")
    with db.write() as connection:
        run(connection, "a", 1)
        runs.add_threshold_version(connection, "a", [0.5], author="ada", note="", at=AT, metrics=metrics, goals=goals)
    with db.read() as connection:
        (found,) = runs.threshold_versions(connection, "a")
    assert (found.metrics, found.goals) == (metrics, goals)


@pytest.mark.parametrize(
    ("steps", "stands"),
    [
        ("", 1),
        ("a", None),
        ("a b", 1),  # 1 was saved and never used: promoting a brings it
        ("a a1 b2", 1),
        ("a a1 a b2", None),  # gone back to those of the training, and that lasts
        ("a a1 b2 a", None),
        ("a a1 < b2", None),
        ("b a1 <", 1),
        ("b2 a1 b2 a < <", 1),
        ("a a1 a b2 x:b", None),
    ],
)
def test_the_thresholds_that_stand_for_a_run_are_its_newest_until_another_was_chosen_again(
    history, tmp_path, steps, stands
):
    history(steps)
    with Database(tmp_path / "tagger.db").read() as connection:
        found = runs.standing(connection, "a")
    assert (found and found.id) == stands


def test_a_draft_belongs_to_one_person_and_one_run(tmp_path):
    db = Database(tmp_path / "tagger.db")
    with db.write() as connection:
        runs.set_draft(connection, "a", "ada", {"1": 0.25})
        runs.set_draft(connection, "a", "ada", {"1": 0.3})
        runs.set_draft(connection, "a", "bob", {"1": 0.9})
        runs.set_draft(connection, "b", "bob", {})
    with db.read() as connection:
        drafts = [runs.draft(connection, run_id, who) for run_id in "ab" for who in ("ada", "bob")]
    assert drafts == [{"1": 0.3}, {"1": 0.9}, {}, {}]
