"""Tagging in the background: started when rows wait, left alone when a person stopped it or it was refused."""

from __future__ import annotations

import shutil

import pytest
from steps import import_csv, statement, three_kinds

from tagger.errors import EncoderError
from tagger.learning.recipe import Recipe
from tagger.services import doctor, tagging, training
from tagger.services.encoding import Encoding
from tagger.services.importing import Upload, import_files
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store

pytestmark = pytest.mark.usefixtures("one_thread")
NEW = statement("2024-05-01,TESCO new,-1.00", header="date,description,amount")


def fill(store: Store) -> None:
    import_csv(store, three_kinds())
    training.train(store, Recipe(), Progress(), promote_it=True)
    import_files(store, [Upload("new.csv", NEW.encode())], Progress(), tag=False)
    assert store.view().tagging.n_waiting == 1


@pytest.fixture
def waiting(prepared) -> Store:
    """A store whose current run has not tagged the newest row yet."""
    return prepared(fill)


def ended(jobs: Jobs):
    job = jobs.latest()
    jobs.wait(job.id, timeout=30)
    return jobs.latest()


def test_rows_that_wait_are_tagged(waiting):
    jobs = Jobs(waiting)
    tagging.keep_tagged(waiting, jobs)
    assert (ended(jobs).kind, ended(jobs).state) == ("tag", "done")
    assert waiting.view().tagging.n_waiting == 0


def test_what_a_person_stopped_stays_stopped_until_they_ask_or_the_program_starts_again(waiting, monkeypatch):
    jobs = Jobs(waiting)

    def stopped(store: Store, progress: Progress):
        progress.stop()
        progress.check()

    with monkeypatch.context() as patched:
        patched.setattr(tagging, "tag_all", stopped)
        tagging.keep_tagged(waiting, jobs)
        job = ended(jobs)
    assert (job.state, job.error["hint"]) == ("cancelled", "What was tagged so far keeps its tags.")
    tagging.keep_tagged(waiting, jobs)
    assert jobs.latest().id == job.id
    with monkeypatch.context() as patched:
        patched.setattr(jobs, "is_own", lambda job: False)  # as after a restart
        tagging.keep_tagged(waiting, jobs)
    assert ended(jobs).state == "done"


def test_a_run_that_the_encoder_cannot_serve_is_said_and_not_tried_again_and_again(waiting, monkeypatch):
    jobs = Jobs(waiting)

    def refuse(*_of):
        raise EncoderError("Trained with another encoder.", hint="Set TAGGER_ENCODER.")

    monkeypatch.setattr(tagging, "predict_missing", refuse)
    tagging.keep_tagged(waiting, jobs)
    job = ended(jobs)
    assert job.result["refused"] == ["Trained with another encoder. Set TAGGER_ENCODER."]
    assert tagging.gave_up(job)
    tagging.keep_tagged(waiting, jobs)
    assert jobs.latest().id == job.id


def test_nothing_is_started_while_another_job_runs(waiting):
    jobs = Jobs(waiting)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Encoding, "embed", lambda *_of: pytest.fail("tagged beside another job"))
        jobs.run("train", lambda _: tagging.keep_tagged(waiting, jobs) or {})
    assert jobs.latest().kind == "train"


def test_the_doctor_names_a_current_run_that_this_encoder_cannot_serve_and_a_damaged_head(waiting):
    assert doctor.examine(waiting)["problems"] == []
    run_id = waiting.view().tagging.run_id
    waiting.encoding.encoder.family = "another"
    assert doctor.examine(waiting)["problems"] == [
        f"Run {run_id}: The run {run_id!r} was trained with another encoder."
    ]
    del waiting.encoding.encoder.family
    head = waiting.settings.runs_path / run_id / "head.safetensors"
    head.write_bytes(head.read_bytes()[:-8])
    assert run_id in doctor.examine(waiting)["problems"][0]


def test_the_doctor_notes_a_run_that_nobody_lists_and_stays_content(waiting):
    known = waiting.settings.runs_path / waiting.view().tagging.run_id
    shutil.copytree(known, known.with_name("20240101-000000-abcdef"))
    found = doctor.examine(waiting)
    assert found["ok"]
    assert "20240101-000000-abcdef" in found["notes"][0]
