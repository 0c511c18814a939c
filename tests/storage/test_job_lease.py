"""The lease: one job at a time over all processes, and a dead holder is known to be dead."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime

import pytest

from tagger.storage import jobs
from tagger.storage.database import Database

AT = datetime.fromisoformat("2024-03-01T12:00")  # UTC, without a zone: what SQLite gives back
NOW = 1_000_000.0


@pytest.fixture
def db(tmp_path):
    return Database(tmp_path / "tagger.db")


def acquire(db, job_id, kind="train", clock=NOW):
    with db.write() as connection:
        return jobs.acquire(connection, job_id, kind, at=AT, clock=clock)


def release(db, job_id, state="done", **how):
    with db.write() as connection:
        jobs.release(connection, job_id, state, at=AT, **how)
    jobs.ended(job_id)


def latest(db):
    with db.read() as connection:
        return jobs.latest(connection)


def own(db, owner):
    """Let another process be the holder."""
    with db.write() as connection:
        connection.execute(jobs.schema.jobs.update().values(owner=owner))


def reap(db, clock=NOW):
    with db.write() as connection:
        jobs.reap(connection, at=AT, clock=clock)


def dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


HOST = jobs.this_process().rsplit(":", 2)[0]


def test_who_comes_second_is_told_who_holds_the_lease(db):
    assert acquire(db, "one", "import") is None
    holder = acquire(db, "two")
    assert (holder.id, holder.kind, holder.running) == ("one", "import", True)
    assert latest(db).id == "one"
    release(db, "one")
    assert acquire(db, "two") is None


@pytest.mark.parametrize("state", ["done", "failed", "cancelled", "interrupted"])
def test_a_job_that_ended_frees_the_lease_and_keeps_its_record(db, state):
    acquire(db, "one")
    release(db, "one", state, result={"rows": 3}, error=None)
    job = latest(db)
    assert (job.state, job.running, job.result, job.finished_at) == (state, False, {"rows": 3}, AT)
    with db.read() as connection:
        assert not jobs.held(connection)


@pytest.mark.parametrize(
    ("owner", "seconds", "alive"),
    [
        (f"{HOST}:{os.getpid()}:{jobs.TOKEN}", 10_000, True),  # this very process, however long it was silent
        (f"{HOST}:{os.getpid()}:another", 0, False),  # a process before this one had the same number
        (f"{HOST}:{os.getppid()}:another", 0, True),
        (f"{HOST}:{os.getppid()}:another", 599, True),
        (f"{HOST}:{os.getppid()}:another", 600, False),  # the number was given to something else
        (f"{HOST}:DEAD:another", 0, False),
        ("elsewhere:1:another", 29, True),
        ("elsewhere:1:another", 30, False),
    ],
    # Two processes that share the tests between them must call each by the same name.
    ids=["this", "before this", "parent", "parent 599 s", "parent 600 s", "dead", "elsewhere 29 s", "elsewhere 30 s"],
)
def test_a_dead_holder_is_marked_interrupted_and_a_living_one_left_alone(db, owner, seconds, alive):
    acquire(db, "one")
    own(db, owner.replace("DEAD", str(dead_pid())))
    reap(db, NOW + seconds)
    assert latest(db).state == ("running" if alive else "interrupted")
    assert (acquire(db, "two", clock=NOW + seconds) is None) is not alive


def test_a_job_of_this_process_that_ended_without_a_word_is_dead(db):
    acquire(db, "one")
    jobs.ended("one")  # the disk was too full to write its end down
    reap(db)
    assert latest(db).state == "interrupted"
    assert acquire(db, "two") is None


def test_progress_is_recorded_and_a_wish_to_stop_is_heard(db):
    acquire(db, "one")

    def beat(clock):
        with db.write() as connection:
            return jobs.beat(connection, "one", clock=clock, done=3, total=10, message="Tagging")

    assert beat(NOW + 1) is False
    job = latest(db)
    assert (job.done, job.total, job.message, job.cancel_requested) == (3, 10, "Tagging", False)
    with db.write() as connection:
        jobs.request_cancel(connection, "one")
    assert beat(NOW + 2) is True
    assert latest(db).cancel_requested


def test_the_latest_job_is_the_one_started_last(db):
    assert latest(db) is None
    for hour, (job_id, kind) in enumerate((("one", "import"), ("two", "train"))):
        with db.write() as connection:
            jobs.acquire(connection, job_id, kind, at=datetime.fromisoformat(f"2024-03-01T{hour:02d}:00"), clock=NOW)
        release(db, job_id)
        assert latest(db).id == job_id


def test_two_processes_that_ask_at_once_do_not_both_get_the_lease(db):
    script = """
import sys
from datetime import datetime
from pathlib import Path
from tagger.storage import jobs
from tagger.storage.database import Database
db = Database(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
with db.write() as connection:
    holder = jobs.acquire(connection, sys.argv[2], "train", at=datetime(2024, 3, 1), clock=0.0)
print("got" if holder is None else "busy", flush=True)
sys.stdin.readline()
"""
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(db.path), f"job-{number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    try:
        for process in asking:
            process.stdout.readline()
        for process in asking:
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = sorted(process.stdout.readline().strip() for process in asking)
    finally:
        for process in asking:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
    assert answers == ["busy", "busy", "got"]


def test_the_result_of_the_last_job_that_went_well_is_kept(db):
    def result(kind):
        with db.read() as connection:
            return jobs.latest_result(connection, kind)

    assert result("curve") is None
    for number, (kind, state) in enumerate(
        [("curve", "done"), ("curve", "done"), ("train", "done"), ("curve", "failed"), ("curve", "cancelled")]
    ):
        job_id = f"job {number}"
        with db.write() as connection:
            jobs.acquire(connection, job_id, kind, at=AT.replace(minute=number), clock=NOW)
        release(db, job_id, state, result={"number": number} if state == "done" else None)
    assert result("curve") == {"number": 1}
    assert result("train") == {"number": 2}
