"""Jobs: one at a time over all processes, heard and stopped from anywhere, with a true record."""

from __future__ import annotations

import threading
import time

import pytest

from tagger.errors import BusyError, CancelledError, TaggerError, TrainingError
from tagger.services import jobs as jobs_module
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store


@pytest.fixture
def jobs(store: Store, monkeypatch) -> Jobs:
    monkeypatch.setattr(jobs_module, "BEAT_EVERY", 0.02)
    return Jobs(store)


def wait_until(holds, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it took too long"
        time.sleep(0.01)


class Held:
    """Work that goes on until it is let go or stopped."""

    def __init__(self) -> None:
        self.let_go = threading.Event()

    def __call__(self, progress: Progress) -> dict:
        progress.report(3, 10, "Tagging")
        while not self.let_go.wait(0.005):
            progress.check()
        return {"rows": 3}


def test_a_job_runs_in_the_background_and_leaves_its_result(store, jobs):
    held = Held()
    job_id = jobs.start("import", held)
    wait_until(lambda: jobs.latest().done == 3)
    job = jobs.latest()
    assert (job.id, job.kind, job.running, job.total, job.message) == (job_id, "import", True, 10, "Tagging")
    assert jobs.progress(job_id).done == 3
    held.let_go.set()
    jobs.wait(job_id)
    job = jobs.latest()
    assert (job.state, job.result, job.error) == ("done", {"rows": 3}, None)
    assert job.finished_at >= job.started_at
    assert jobs.progress(job_id) is None
    assert Jobs(Store(store.settings)).latest() == job


def test_a_second_job_is_refused_until_the_first_has_ended(store, jobs):
    held = Held()
    job_id = jobs.start("train", held)
    elsewhere = Jobs(Store(store.settings))
    for start in (jobs.start, jobs.run, elsewhere.start, elsewhere.run):
        with pytest.raises(BusyError, match="train") as caught:
            start("import", held)
        assert caught.value.hint
    held.let_go.set()
    jobs.wait(job_id)
    assert elsewhere.run("import", lambda progress: {"rows": 0}) == {"rows": 0}


def test_a_job_is_stopped_from_its_own_tab(jobs):
    job_id = jobs.start("train", Held())
    jobs.cancel(job_id)
    jobs.wait(job_id)
    job = jobs.latest()
    assert (job.state, job.error["type"], job.cancel_requested) == ("cancelled", "CancelledError", True)
    assert "Nothing was changed" in job.error["hint"]


def test_a_job_is_stopped_from_another_process(store, jobs):
    job_id = jobs.start("train", Held())
    elsewhere = Jobs(Store(store.settings))  # it shares nothing but the database
    assert elsewhere.latest().running
    elsewhere.cancel(job_id)
    jobs.wait(job_id, timeout=10)
    assert elsewhere.latest().state == "cancelled"


def test_a_mistake_that_a_person_can_mend_is_kept_with_its_hint(jobs):
    def work(progress):
        raise TrainingError("Nothing has been reviewed yet.")

    jobs.wait(jobs.start("train", work))
    job = jobs.latest()
    assert job.state == "failed"
    assert job.error == {
        "type": "TrainingError",
        "message": "Nothing has been reviewed yet.",
        "hint": "Review more transactions, then train again.",
    }
    with pytest.raises(TrainingError):
        jobs.run("train", work)


def test_a_bug_is_kept_as_a_bug_and_frees_the_lease(jobs, capfd):
    jobs.wait(jobs.start("train", lambda progress: 1 / 0))
    job = jobs.latest()
    assert (job.state, job.error["type"]) == ("failed", "ZeroDivisionError")
    assert "bug" in job.error["hint"]
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert jobs.run("train", lambda progress: {}) == {}


def test_a_keyboard_interrupt_frees_the_lease(jobs):
    def work(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jobs.run("import", work)
    assert jobs.latest().state == "interrupted"
    assert jobs.run("import", lambda progress: {}) == {}


def test_a_job_whose_end_could_not_be_written_down_does_not_hold_the_lease_for_ever(store, jobs, monkeypatch):
    write = store.db.write

    def work(progress):
        def full(*names):
            raise TaggerError("The disk is full: tagger.db.")

        monkeypatch.setattr(store.db, "write", full)
        return {}

    with pytest.raises(TaggerError, match="disk is full"):
        jobs.run("import", work)
    monkeypatch.setattr(store.db, "write", write)
    assert jobs.latest().state == "interrupted"
    assert jobs.run("import", lambda progress: {"rows": 1}) == {"rows": 1}


def test_a_heartbeat_that_fails_once_does_not_stop_the_others(store, jobs, monkeypatch):
    write, failures = store.db.write, []

    def busy_twice(*names):
        if threading.current_thread() is not threading.main_thread() and len(failures) < 2:
            failures.append(1)
            raise TaggerError("Another program keeps the database busy: tagger.db.")
        return write(*names)

    def work(progress):
        progress.report(5, 10, "Tagging")
        wait_until(lambda: jobs.latest().done == 5)
        return {}

    monkeypatch.setattr(store.db, "write", busy_twice)
    assert jobs.run("import", work) == {}
    assert len(failures) == 2


def test_the_command_line_hears_of_progress(jobs):
    heard = []

    def work(progress):
        progress.report(7, 10, "Tagging")
        wait_until(lambda: heard)
        return {}

    jobs.run("import", work, on_progress=lambda progress: heard.append((progress.done, progress.message)))
    assert heard[0] == (7, "Tagging")


def test_tidying_leaves_a_running_job_and_its_files_alone(store, jobs):
    held = Held()
    job_id = jobs.start("train", held)
    aside = store.settings.runs_path / f".20240301-120000-abcdef.{'0' * 32}"
    aside.mkdir()
    Jobs(Store(store.settings)).tidy()
    assert jobs.latest().running
    assert aside.exists()
    held.let_go.set()
    jobs.wait(job_id)
    jobs.tidy()
    assert not aside.exists()
    assert jobs.latest().state == "done"


def test_progress_is_checked_by_who_works():
    progress = Progress()
    progress.check()
    progress.stop()
    assert progress.cancelled()
    with pytest.raises(CancelledError):
        progress.check()
