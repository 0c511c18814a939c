"""kill -9 in the middle of a job: the next start shows the last good state, and doing it again works."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from crash_worker import ACTIONS, NEW_SHOPS, POINTS, open_store
from steps import confirm, ids_by_description, import_csv, statement, three_kinds, undo, verdict
from toys import one_thread

from tagger.config import Settings
from tagger.learning.recipe import Recipe
from tagger.services import doctor, runs, training
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.tagging import tag_all

WORKER = Path(__file__).with_name("crash_worker.py")
N_NEW = 2 * (NEW_SHOPS.count("\n") - 1)


@pytest.fixture(autouse=True)
def _starter(monkeypatch, one_thread):
    monkeypatch.setattr(Settings, "starter_path", Settings.starter_path)  # `open_store` replaces it; put it back


@one_thread()
def furnish(home: Path) -> None:
    """A store with a promoted run, open rows, and verdicts, confirmations and an undo by a person."""
    store = open_store(home)
    import_csv(store, three_kinds())
    rows = (f"2024-04-0{day},TESCO {town},-1.00" for day, town in enumerate("abcd", 1))
    import_csv(store, statement(*rows, header="date,description,amount"), "april.csv")
    training.train(store, Recipe(), Progress(), promote_it=True)
    ids = ids_by_description(store)
    verdict(store, ids["TESCO a"], 1, "yes")
    confirm(store, ids["TESCO b"], [1], ["treats"])
    undo(store, verdict(store, ids["TESCO c"], 2, "yes"))
    store.close()


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> dict[str, Path]:
    """For each point the home that a process left when it was killed there."""
    original = Settings.starter_path
    base = tmp_path_factory.mktemp("homes")
    furnish(base / "furnished")
    homes = {point: base / str(number) for number, point in enumerate(POINTS)}
    words = []
    for point, home in homes.items():
        shutil.copytree(base / "furnished", home)
        words += [str(home), point.split(":")[0], point]
    ended = subprocess.run([sys.executable, str(WORKER), *words], capture_output=True, text=True, check=False)
    Settings.starter_path = original
    assert ended.stdout.split() == [str(-signal.SIGKILL)] * len(homes), ended.stderr
    return homes


def memory_of(store: Store) -> dict[str, list[int]]:
    """What people and imports said, by transaction, for the labels that were there before."""
    view = store.view()
    columns = [column for column, label in enumerate(view.labels) if label.name != "fun"]
    return {
        row: view.truth.values[place, columns].tolist()
        for place, row in enumerate(view.columns.ids)
        if "new" not in view.columns.descriptions[place]
    }


def is_sound(store: Store) -> None:
    """Nothing half-written is listed or lies about."""
    assert doctor.examine(store)["problems"] == []
    for run in runs.overview(store):
        bundle = store.bundle(run["run_id"])
        assert bundle.evidence["y_prob"].shape == (len(bundle.evidence["transaction_ids"]), len(bundle.labels))
    assert not list(store.settings.runs_path.glob(".*"))
    listed = {run["run_id"] for run in runs.overview(store)}
    assert {path.name for path in store.settings.predictions_path.iterdir()} <= listed
    view = store.view()
    batches = np.array([name in {"may.csv", "june.csv"} for name in _files(store)])
    assert batches.sum() in {0, N_NEW}
    assert view.tagging.run_id in listed


def _files(store: Store) -> list[str]:
    with store.db.read() as connection:
        return [row[0] for row in connection.exec_driver_sql("select file_name from transactions order by pk")]


@pytest.mark.parametrize("point", POINTS)
def test_after_a_kill_the_last_good_state_is_there_and_doing_it_again_works(killed, point):
    action = point.split(":")[0]
    furnished = open_store(next(iter(killed.values())).parent / "furnished")
    before, run_before = memory_of(furnished), furnished.view().tagging.run_id
    furnished.close()

    store = open_store(killed[point])
    jobs = Jobs(store)
    if action == "train":
        jobs.tidy()
    job = jobs.latest()  # asking is enough to find out that it is dead
    jobs.tidy()
    assert (job.kind, job.state, job.running) == (action, "interrupted", False)
    assert memory_of(store) == before
    is_sound(store)
    assert store.view().tagging.run_id == run_before
    whole_run_is_stored = point == "train: before the promotion"
    assert len(runs.overview(store)) == 1 + whole_run_is_stored
    is_stored = "tagged" in point or "keys" in point
    assert len(store.view().columns) == len(before) + N_NEW * (action == "import" and is_stored)

    result = jobs.run(action, ACTIONS[action](store))
    assert jobs.latest().state == "done"
    assert memory_of(store) == before
    is_sound(store)
    view = store.view()
    assert view.tagging.n_waiting == 0
    # No probability was mixed up: each text's is what its embedding gives.
    fresh = open_store(killed[point])
    shutil.rmtree(fresh.settings.predictions_path / view.tagging.run_id)
    tag_all(fresh, Progress())
    np.testing.assert_allclose(fresh.view().tagging.probabilities, view.tagging.probabilities, atol=1e-6)
    fresh.close()
    if action == "import":
        added = sum(each["added"] for each in result["files"])
        assert added == (0 if is_stored else N_NEW)
    else:
        assert runs.current_id(store) == result["run_id"] != run_before
    store.close()


@pytest.fixture
def furnished(tmp_path) -> Iterator[Path]:
    furnish(tmp_path / "home")
    yield tmp_path / "home"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments_never_lose_a_verdict_or_leave_a_half(furnished, seed):
    draw = random.Random(seed)
    store = open_store(furnished)
    before = memory_of(store)
    first = next(iter(before))
    store.close()
    for _ in range(12):
        worker = subprocess.Popen([sys.executable, str(WORKER), str(furnished)], stdout=subprocess.PIPE, text=True)
        try:
            assert worker.stdout.readline() == "ready\n"
            time.sleep(draw.random() * 1.5)
        finally:
            os.kill(worker.pid, signal.SIGKILL)
            worker.wait()
            worker.stdout.close()
        store = open_store(furnished)
        Jobs(store).tidy()
        latest = Jobs(store).latest()
        assert latest is None or not latest.running
        after = memory_of(store)
        assert {row: values for row, values in after.items() if row != first} == {
            row: values for row, values in before.items() if row != first
        }
        is_sound(store)
        store.close()
    store = open_store(furnished)
    assert Jobs(store).run("train", ACTIONS["train"](store))["n_transactions"] >= 44
    store.close()
