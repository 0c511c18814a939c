"""The manner of every command: one JSON object on stdout, exit codes, and mistakes that are named."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from command_line.common import THREE_ROWS, only_object
from toys import labelled_csv

from tagger.__main__ import main
from tagger.config import CHECKOUT, Settings
from tagger.services.jobs import Jobs
from tagger.services.store import Store


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "labels", "list"],
        ["labels", "--json", "list"],
        ["labels", "list", "--json"],
        ["--json", "doctor"],
        ["doctor", "--json"],
    ],
    ids=" ".join,
)
def test_json_may_stand_before_or_after_the_command(capfd, words):
    assert main(words) == 0
    only_object(capfd.readouterr().out)


def test_without_json_a_person_reads_lines(capfd, ok):
    ok("labels", "add", "rent")
    capfd.readouterr()
    assert main(["labels", "list"]) == 0
    captured = capfd.readouterr()
    assert "name=rent" in captured.out
    assert "{" not in captured.out
    assert main(["labels", "rename", "gone", "x"]) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "no label 'gone'" in captured.err


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["import"],
        ["import", "--undo", "abc", "bank.csv"],
        ["import", "bank.csv", "--no-such-option"],
        ["import", "bank.csv", "--acc", "main"],
        ["import", "bank.csv", "--labels-separator", ""],
        ["import", "bank.csv", "--undo"],
        ["train", "--seed", "one"],
        ["train", "--seed", "-1"],
        ["train", "--head", "forest"],
        ["train", "--features", "smell"],
        ["train", "--features", "lexical"],
        ["train", "--thresholds", "guess"],
        ["train", "--thresholds", "fixed:2"],
        ["evaluate", "--train", "bank.csv"],
        ["evaluate", "--train", "bank.csv", "--test", "bank.csv", "--train-rows", "0"],
        ["tag", "bank.csv"],
        ["tag", "bank.csv", "out.csv", "--threshold-version", "first"],
        ["export"],
        ["judge"],
        ["labels"],
        ["labels", "fly"],
        ["labels", "add"],
        ["runs", "promote"],
        ["runs", "note", "20240301"],
        ["thresholds", "set", "rent"],
        ["thresholds", "set", "rent", "high"],
        ["thresholds", "set", "rent", "1.01"],
        ["thresholds", "set", "rent", "-0.01"],
        ["thresholds", "set", "rent", "nan"],
    ],
    ids=lambda words: " ".join(words) or "nothing",
)
def test_wrong_usage_is_a_mistake_that_a_person_can_mend(fails, words):
    fails(*words)


@pytest.mark.parametrize(
    "words",
    [
        ["import", "missing.csv"],
        ["import", "missing.csv.gz"],
        ["import", "--undo", "missing"],
        ["import", "--undo", ""],
        ["evaluate", "--train", "missing.csv", "--test", "missing.csv"],
        ["tag", "missing.csv", "out.csv"],
        ["export", "out.xlsx"],
        ["export", "out"],
        ["export", "no such folder/out.csv"],
        ["judge", "missing.csv"],
        ["train"],
        ["labels", "add", "  "],
        ["labels", "add", "a|b"],
        ["labels", "add", "x" * 81],
        ["labels", "rename", "missing", "x"],
        ["labels", "merge", "missing", "x"],
        ["labels", "archive", "missing"],
        ["labels", "restore", "missing"],
        ["runs", "show", "missing"],
        ["runs", "compare", "missing"],
        ["runs", "promote", "missing"],
        ["runs", "discard", "missing"],
        ["runs", "note", "missing", "text"],
        ["runs", "rollback"],
        ["thresholds", "show", "--run", "missing"],
        ["thresholds", "set", "missing", "0.5"],
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_a_mistake_that_a_person_can_mend(fails, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fails(*words)


def test_a_bug_is_exit_1_with_the_trace_on_stderr(run, monkeypatch):
    monkeypatch.setattr("tagger.services.doctor.examine", lambda _: 1 / 0)
    answer = run("doctor")
    assert answer.code == 1
    assert answer.object["error"]["type"] == "ZeroDivisionError"
    assert "Traceback" in answer.stderr


def test_a_number_that_is_not_one_never_gets_out(run, monkeypatch):
    monkeypatch.setattr("tagger.services.doctor.examine", lambda _: {"share": float("nan")})
    assert run("doctor").code == 1


def test_what_a_library_prints_does_not_reach_stdout(ok, monkeypatch):
    monkeypatch.setattr("tagger.services.doctor.examine", lambda _: sys.stdout.write("noise") and {"ok": True})
    assert ok("doctor") == {"ok": True}


def test_help_is_for_stdout(capfd):
    with pytest.raises(SystemExit) as stopped:
        main(["import", "--help"])
    assert stopped.value.code == 0
    assert "--blank-means-none" in capfd.readouterr().out


@pytest.mark.parametrize("words", [["labels", "list"], ["evaluate", "--train", "bank.csv", "--test", "bank.csv"]])
def test_a_home_that_cannot_be_used_is_named(fails, write, tmp_path, monkeypatch, words):
    write("bank.csv", labelled_csv(2))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGGER_HOME", str(tmp_path / "bank.csv" / "below"))
    assert "TAGGER_HOME" in fails(*words)["hint"]


def test_a_file_that_is_no_database_is_named(fails, home):
    (home / "data").mkdir(parents=True)
    (home / "data" / "tagger.db").write_text("my diary, " * 1000)
    assert "tagger.db" in fails("doctor")["message"]


def test_two_jobs_do_not_run_at_once(fails, ok, write):
    store = Store(Settings.from_environment())
    let_go = threading.Event()
    jobs = Jobs(store)
    job_id = jobs.start("train", lambda _: {"waited": let_go.wait(30)})
    path = write("bank.csv", THREE_ROWS)
    assert fails("import", path)["type"] == "BusyError"
    assert fails("train")["type"] == "BusyError"
    let_go.set()
    jobs.wait(job_id)
    store.close()
    assert ok("import", path)["files"][0]["added"] == 3


def test_a_reader_that_has_read_enough_is_no_bug(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "tagger", "runs", "list", "--json"],
        cwd=CHECKOUT,
        env={**os.environ, "TAGGER_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 141
    assert said == b""
