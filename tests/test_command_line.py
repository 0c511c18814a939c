"""The command line's contract: one JSON object on stdout, exit codes, and what every command says and does."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from tagger.__main__ import main, parser
from tagger.config import Settings
from tagger.services.encoding import Encoding
from tagger.services.importing import import_sample, remove_sample
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store

ROOT = Path(__file__).parents[1]
STARTER = ROOT / "models" / "starter"
SAMPLE_LABELS = {label["name"] for label in json.loads((ROOT / "data" / "sample" / "labels.json").read_text())}
Words = str | Path
parser_once = cache(parser)  # a process builds it once; building it hundreds of times takes seconds


class WordEncoder:
    """Each word adds a fixed random direction: texts that share words are near each other."""

    fingerprint = "words-fp32"

    def __init__(self, family: str = "words", dimension: int = 24) -> None:
        self.family = family
        self.dimension = dimension
        self.texts_encoded: list[str] = []
        self._word = cache(self._direction)

    def encode(self, texts: Sequence[str], **_watched: object) -> np.ndarray:
        self.texts_encoded += texts
        means = [np.mean([self._word(word) for word in text.casefold().split() or [""]], axis=0) for text in texts]
        return np.array([np.concatenate([mean[::-1], mean]) for mean in means], dtype=np.float32)

    def _direction(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8])
        return np.random.default_rng(seed).normal(size=self.dimension)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for the command line, and a starter that is not there."""
    folder = tmp_path / "home"
    for name in [name for name in os.environ if name.startswith("TAGGER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TAGGER_HOME", str(folder))
    monkeypatch.setenv("TAGGER_AUTHOR", "ada")
    monkeypatch.setattr(Settings, "starter_path", property(lambda self: self.home / "no starter"))
    monkeypatch.setattr("tagger.__main__.parser", parser_once)
    return folder


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> WordEncoder:
    toy = WordEncoder()
    monkeypatch.setattr(Encoding, "encoder", property(lambda _: toy))
    return toy


@dataclass(frozen=True)
class Answer:
    code: int
    object: dict[str, Any]
    stderr: str


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def only_object(stdout: str) -> dict[str, Any]:
    """The one JSON object that stdout is, strictly read."""
    found, end = json.JSONDecoder(parse_constant=_refuse).raw_decode(stdout)
    assert not stdout[end:].strip(), "more than one object on stdout"
    assert isinstance(found, dict)
    return found


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """`run("labels", "list")`: the command with --json."""

    def run_command(*words: Words) -> Answer:
        capfd.readouterr()
        code = main([*map(str, words), "--json"])
        captured = capfd.readouterr()
        return Answer(code, only_object(captured.out), captured.err)

    return run_command


@pytest.fixture
def ok(run: Callable[..., Answer]) -> Callable[..., dict[str, Any]]:
    def run_well(*words: Words) -> dict[str, Any]:
        answer = run(*words)
        assert answer.code == 0, answer.object
        assert "error" not in answer.object
        return answer.object

    return run_well


@pytest.fixture
def fails(run: Callable[..., Answer]) -> Callable[..., dict[str, str]]:
    """A mistake that a person can mend: exit 2, what was found, and what to do."""

    def run_badly(*words: Words) -> dict[str, str]:
        answer = run(*words)
        assert answer.code == 2, answer.object
        assert set(answer.object) == {"error"}
        error = answer.object["error"]
        assert set(error) == {"type", "message", "hint"}
        assert all(isinstance(value, str) for value in error.values())
        assert error["message"]
        assert error["hint"]
        return error

    return run_badly


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        content = text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write_file


@pytest.fixture
def bring(ok: Callable[..., dict], write: Callable[..., Path]) -> Callable[..., dict[str, Any]]:
    """`bring(csv_text, *options)`: import a statement; the report of its one file."""

    def import_text(text: str, *options: str, name: str = "bank.csv") -> dict[str, Any]:
        report = ok("import", write(name, text), *options)
        assert set(report) == {"batch_id", "files"}
        (file,) = report["files"]
        assert file["rows"] == file["added"] + file["duplicates"] + file["skipped"] + len(file["errors"])
        return file

    return import_text


KINDS = {
    "groceries": ("TESCO", "ALDI", "LIDL", "SPAR"),
    "fuel": ("SHELL", "ESSO", "BP", "GULF"),
    "rent|recurring": ("RENT", "LANDLORD"),
}
TOWNS = tuple(letter * 3 for letter in "abcdefghijklmnopqrstuvwxyz")


def labelled_csv(
    n_per_kind: int = 12, towns: Sequence[str] = TOWNS, header: str = "date,description,amount,tags"
) -> str:
    """Three kinds of merchant that the toy encoder can tell apart, each under many names."""
    lines = [header]
    for tags, brands in KINDS.items():
        for number, town in enumerate(towns[:n_per_kind]):
            brand = brands[number % len(brands)]
            lines.append(f"2024-03-{number + 1:02d},{brand} {tags.split('|')[0]} {town},-{number + 1}.50,{tags}")
    return "\n".join(lines) + "\n"


# Three rows that were never judged; the towns are new.
OPEN_CSV = """date,description,amount
2024-05-01,TESCO groceries zzz,-1
2024-05-02,SHELL fuel zzz,-2
2024-05-03,RENT rent zzz,-3
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home with labelled and open rows and a promoted run, and what `train` said."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "bank.csv").write_text(labelled_csv())
    (folder / "open.csv").write_text(OPEN_CSV)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAGGER_HOME", str(folder / "home"))
        patch.setenv("TAGGER_AUTHOR", "ada")
        patch.setattr(Settings, "starter_path", property(lambda self: self.home / "no starter"))
        toy = WordEncoder()
        patch.setattr(Encoding, "encoder", property(lambda _: toy))
        assert main(["import", str(folder / "bank.csv"), str(folder / "open.csv")]) == 0
        with pytest.MonkeyPatch.context() as capture:
            said: list[str] = []
            capture.setattr("tagger.__main__._print", lambda _stream, result, **_kw: said.append(json.dumps(result)))
            assert main(["train", "--promote", "--json"]) == 0
    return folder / "home", json.loads(said[0])


@pytest.fixture
def after_training(trained: tuple[Path, dict[str, Any]], home: Path) -> dict[str, Any]:
    """This test's own copy of the trained home; what `train` said."""
    shutil.copytree(trained[0], home)
    return trained[1]


def read_csv(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()
    return list(csv.DictReader(text.splitlines()))


def by_name(labels: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {label["name"]: label for label in labels["labels"]}


def export_rows(ok: Callable[..., dict], folder: Path, name: str = "out.csv") -> list[dict[str, str]]:
    report = ok("export", folder / name)
    rows = read_csv(folder / name)
    assert report == {"rows": len(rows), "file": str(folder / name)}
    return rows


def numbers_in(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for each in value.values() for number in numbers_in(each)]
    if isinstance(value, list):
        return [number for each in value for number in numbers_in(each)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def verdicts_of(ok: Callable[..., dict], name: str) -> tuple[int, int]:
    """How often a label was judged, and how often yes."""
    label = by_name(ok("labels", "list"))[name]
    return label["judged"], label["positives"]


# --- the manner of every command --------------------------------------------------------------------------------------


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


# --- import -----------------------------------------------------------------------------------------------------------


def test_import_reports_every_file_by_its_counts(ok, write, home):
    good = write("march.csv", "date,description,amount\n2024-03-01,TESCO STORES 3021,-12.50\n2024-03-02,SHELL,-40\n")
    bad = write(
        "april.csv.gz",
        "date,description,amount\n2024-04-01,ALDI,-1\n2024-04-02,LIDL,abc\nlong ago,SPAR,-3\n,Closing balance,99\n",
    )
    report = ok("import", good, bad)
    assert report["batch_id"]
    assert report["files"] == [
        {"file": "march.csv", "format": "csv", "rows": 2, "added": 2, "duplicates": 0, "skipped": 0}
        | {"judged": 0, "conflicts": 0, "errors": []},
        {"file": "april.csv.gz", "format": "csv", "rows": 4, "added": 1, "duplicates": 0, "skipped": 1}
        | {
            "judged": 0,
            "conflicts": 0,
            "errors": [
                {"line": 3, "column": "amount", "value": "abc", "message": "'abc' is not an amount"},
                {"line": 4, "column": "date", "value": "long ago", "message": "'long ago' is not a date"},
            ],
        },
    ]
    assert (home / "data" / "tagger.db").exists()


TWICE = "2024-03-01,COFFEE,-2.40"
TRICKY = [
    # name, files of rows, (added, duplicates) of each file
    ("one file twice", [[TWICE, "2024-03-02,TEA,-1"]] * 2, [(2, 0), (0, 2)]),
    ("equal purchases on one day stay two", [[TWICE, TWICE]], [(2, 0)]),
    ("and are known again", [[TWICE, TWICE], [TWICE, TWICE]], [(2, 0), (0, 2)]),
    ("a third equal one is new", [[TWICE, TWICE], [TWICE, TWICE, TWICE]], [(2, 0), (1, 2)]),
    ("overlapping exports", [["2024-03-01,A,-1", TWICE], [TWICE, "2024-03-03,B,-1"]], [(2, 0), (1, 1)]),
    ("an amount written otherwise", [["2024-03-01,COFFEE,-2.4"], [TWICE]], [(1, 0), (0, 1)]),
    ("another description", [[TWICE], ["2024-03-01,COFFEE 2,-2.40"]], [(1, 0), (1, 0)]),
    ("no date", [[",COFFEE,-2.40", ",COFFEE,-2.40", "2024-03-02,TEA,-1"]], [(3, 0)]),
]


@pytest.mark.parametrize(("files", "expected"), [case[1:] for case in TRICKY], ids=[case[0] for case in TRICKY])
@pytest.mark.parametrize("at_once", [True, False], ids=["one import", "several imports"])
def test_a_transaction_is_stored_once(ok, write, files, expected, at_once):
    paths = [
        write(f"{number}.csv", "\n".join(["date,description,amount", *rows]) + "\n")
        for number, rows in enumerate(files)
    ]
    reports = [ok("import", *paths)] if at_once else [ok("import", path) for path in paths]
    found = [file for report in reports for file in report["files"]]
    assert [(file["added"], file["duplicates"]) for file in found] == expected
    assert ok("doctor")["transactions"] == sum(added for added, _ in expected)


def test_the_same_row_on_two_accounts_stays_two(bring, ok):
    text = "date,description,amount\n2024-03-01,MONTHLY FEE,-5\n"
    assert bring(text, "--account", "current")["added"] == 1
    assert bring(text, "--account", "savings")["added"] == 1
    assert bring(text, "--account", "current")["duplicates"] == 1
    assert ok("doctor")["transactions"] == 2


def test_the_account_option_is_for_rows_that_name_none(bring, ok, tmp_path):
    bring("date,description,amount,account\n2024-03-01,FEE,-5,savings\n2024-03-01,TAX,-5,\n", "--account", "current")
    assert {row["description"]: row["account"] for row in export_rows(ok, tmp_path)} == {
        "FEE": "savings",
        "TAX": "current",
    }


def test_a_row_without_a_date_is_imported_and_exported_without_one(bring, ok, tmp_path):
    assert bring("date,description,amount\n,CHEQUE 12,-8\n2024-03-01,TEA,-1\n")["added"] == 2
    assert [(row["date"], row["description"]) for row in export_rows(ok, tmp_path)] == [
        ("2024-03-01", "TEA"),
        ("", "CHEQUE 12"),
    ]


def test_columns_are_named_or_numbered(bring, ok, tmp_path):
    text = "when,who,what,paid,mark,card\n2024-03-01,ACME,Widgets,-1,a;b,42\n"
    columns = ["--date-column", "when", "--description-column", "what", "--amount-column", "paid"]
    more = ["--labels-column", "mark", "--labels-separator", ";", "--account-column", "card"]
    assert bring(text, *columns, *more)["judged"] == 1
    bring(
        "x,TESCO,-2\ny,SHELL,-3\n", "--no-header", "--description-column", "2", "--amount-column", "3", name="plain.csv"
    )
    rows = export_rows(ok, tmp_path)
    assert [(row["description"], row["amount"], row["account"], row["tags"]) for row in rows] == [
        ("Widgets", "-1", "42", "a|b"),
        ("TESCO", "-2", "", ""),
        ("SHELL", "-3", "", ""),
    ]


def test_a_named_column_that_is_not_there_stores_nothing(fails, ok, write):
    path = write("bank.csv", "date,description,amount\n2024-03-01,TEA,-1\n")
    assert fails("import", path, "--amount-column", "price")["type"] == "MissingColumnError"
    assert ok("doctor")["transactions"] == 0


def test_one_unreadable_file_stores_nothing_of_the_others(fails, ok, write):
    good = write("good.csv", "date,description,amount\n2024-03-01,TEA,-1\n")
    assert fails("import", good, write("empty.csv", ""))["type"] == "UnreadableFileError"
    assert ok("doctor")["transactions"] == 0


def test_parquet_is_imported_by_its_ending(ok, tmp_path):
    table = pa.table({"date": ["2024-03-01"], "description": ["TEA"], "amount": pa.array([-1.5]), "tags": ["drinks"]})
    pq.write_table(table, tmp_path / "bank.parquet")
    (file,) = ok("import", tmp_path / "bank.parquet")["files"]
    assert (file["format"], file["added"], file["judged"]) == ("parquet", 1, 1)
    assert export_rows(ok, tmp_path)[0]["amount"] == "-1.5"


def test_an_import_is_undone_whole(ok, fails, write):
    kept = ok("import", write("kept.csv", "date,description,amount,tags\n2024-03-01,TEA,-1,drinks\n"))
    gone = ok(
        "import", write("gone.csv", "date,description,amount,tags\n2024-03-02,PIE,-2,food\n2024-03-01,TEA,-1,hot\n")
    )
    assert set(by_name(ok("labels", "list"))) == {"drinks", "food", "hot"}
    undone = ok("import", "--undo", gone["batch_id"])
    assert (undone["removed"], undone["judgements_removed"]) == (1, 2)
    assert set(by_name(ok("labels", "list"))) == {"drinks"}
    assert verdicts_of(ok, "drinks") == (1, 1)
    assert fails("import", "--undo", gone["batch_id"])["type"] == "NotFoundError"
    ok("import", "--undo", kept["batch_id"][:8])
    assert ok("doctor")["transactions"] == 0
    assert ok("labels", "list") == {"labels": []}


# --- the meaning of labels in a file ----------------------------------------------------------------------------------

THREE_ROWS = (
    "date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-2,fuel|car\n2024-03-03,ODD,-3,\n"
)


def test_a_filled_cell_judges_its_row_and_an_empty_one_does_not(bring, ok):
    assert bring(THREE_ROWS)["judged"] == 2
    for name in ("food", "fuel", "car"):
        assert verdicts_of(ok, name) == (2, 1)


def test_with_blank_means_none_an_empty_cell_says_that_no_label_applies(bring, ok, tmp_path):
    assert bring(THREE_ROWS, "--blank-means-none")["judged"] == 3
    for name in ("food", "fuel", "car"):
        assert verdicts_of(ok, name) == (3, 1)
    assert {row["description"]: row["tag_source"] for row in export_rows(ok, tmp_path)}["ODD"] == "confirmed"


def test_the_order_of_rows_does_not_matter(bring, ok):
    header, *rows = THREE_ROWS.splitlines()
    bring("\n".join([header, *reversed(rows)]) + "\n")
    # The first row is judged for labels that only later rows name.
    for name in ("food", "fuel", "car"):
        assert verdicts_of(ok, name) == (2, 1)


def test_labels_known_from_elsewhere_stay_not_judged(bring, ok):
    bring(THREE_ROWS)
    bring("date,description,amount,tags\n2024-04-01,RENT,-9,rent\n2024-04-02,ALDI,-9,food\n", name="april.csv")
    assert verdicts_of(ok, "rent") == (2, 1)
    assert verdicts_of(ok, "food") == (4, 2)
    assert verdicts_of(ok, "fuel") == (2, 1)


def test_each_file_of_one_import_judges_its_own_labels(ok, write):
    ok(
        "import",
        write("a.csv", "date,description,amount,tags\n2024-03-01,TESCO,-1,food\n"),
        write("b.csv", "date,description,amount,tags\n2024-03-02,SHELL,-1,fuel\n"),
    )
    assert verdicts_of(ok, "food") == (1, 1)
    assert verdicts_of(ok, "fuel") == (1, 1)


def test_labels_of_a_duplicate_are_recorded_unless_a_person_judged_it(bring, ok, write, tmp_path):
    plain = "date,description,amount\n2024-03-01,TESCO,-1\n2024-03-02,SHELL,-2\n"
    bring(plain)
    ids = {row["description"]: row["transaction_id"] for row in export_rows(ok, tmp_path)}
    ok("judge", write("verdicts.csv", f"transaction_id,label,verdict\n{ids['SHELL']},travel,yes\n"))

    found = bring(
        "date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-2,food\n", name="later.csv"
    )
    assert (found["added"], found["duplicates"], found["judged"], found["conflicts"]) == (0, 2, 1, 1)
    assert verdicts_of(ok, "food") == (1, 1)
    assert verdicts_of(ok, "travel") == (1, 1)

    # What an earlier import said gives way to a later one.
    found = bring("date,description,amount,tags\n2024-03-01,TESCO,-1,home\n2024-03-09,X,-2,food\n", name="last.csv")
    assert (found["judged"], found["conflicts"]) == (2, 0)
    assert {row["description"]: row["tags"] for row in export_rows(ok, tmp_path)} == {
        "TESCO": "home",
        "SHELL": "travel",
        "X": "food",
    }


def test_labels_matching_keeps_only_these(bring, ok):
    text = (
        "date,description,amount,tags\n2024-03-01,A ONE,-1,group:food|merchant:one\n2024-03-02,B TWO,-1,merchant:two\n"
    )
    assert bring(text, "--labels-matching", "^group:")["judged"] == 2
    assert set(by_name(ok("labels", "list"))) == {"group:food"}
    assert verdicts_of(ok, "group:food") == (2, 1)


def test_labels_matching_has_to_be_a_pattern(fails, write):
    assert "regular expression" in fails("import", write("bank.csv", THREE_ROWS), "--labels-matching", "(")["message"]


def test_the_separator_divides_a_cell_into_labels(bring, ok):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,food; drink ;food\n", "--labels-separator", ";")
    assert set(by_name(ok("labels", "list"))) == {"food", "drink"}


def test_labels_are_one_whatever_their_case_and_spacing(bring, ok):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,Eating  Out\n2024-03-02,SHELL,-1,eating out\n")
    assert verdicts_of(ok, "Eating Out") == (2, 2)


def test_a_label_that_cannot_be_a_name_is_an_error_of_its_row(bring, ok):
    found = bring(f"date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-1,{'x' * 81}|fuel\n")
    assert (found["added"], found["judged"]) == (1, 1)
    (error,) = found["errors"]
    assert (error["line"], error["column"], error["value"]) == (3, "tags", "x" * 81)
    assert "81 characters" in error["message"]
    assert set(by_name(ok("labels", "list"))) == {"food"}


# --- train ------------------------------------------------------------------------------------------------------------

PRF = {"precision", "recall", "f1"}
MACRO = PRF | {"labels_scored", "labels_left_out"}
LABEL = PRF | {"label", "threshold", "support"}


def test_train_reports_what_the_contract_names(after_training, ok):
    report = after_training
    assert report["measured_on"] == "out-of-fold"
    assert (report["n_transactions"], report["n_groups"], report["n_labels"]) == (36, 36, 4)
    assert set(report["micro"]) == PRF
    assert set(report["macro"]) == MACRO
    assert report["macro"]["labels_scored"] == 4
    assert report["macro"]["labels_left_out"] == 0
    assert [set(label) for label in report["labels"]] == [LABEL] * 4
    assert {label["label"]: label["support"] for label in report["labels"]} == dict.fromkeys(
        ("groceries", "fuel", "rent", "recurring"), 12
    )
    assert report["macro"]["f1"] == pytest.approx(np.mean([label["f1"] for label in report["labels"]]))
    assert report["recipe"]["features"] == "both"
    assert report["recipe"]["head"]["kind"] == "logistic"
    assert report["recipe"]["thresholds"] == "grid"
    assert set(report["seconds"]) == {"encode", "fit", "tune", "total"}
    listed = ok("runs", "list")["runs"]
    assert [(run["run_id"], run["current"]) for run in listed] == [(report["run_id"], True)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--features", "cls"], {"features": "cls"}),
        (["--features", "mean"], {"features": "mean"}),
        (["--features", "cls+mean"], {"features": "both"}),
        (["--thresholds", "fixed:0.3"], {"thresholds": "fixed:0.3"}),
        (["--thresholds", "exact", "--seed", "7"], {"thresholds": "exact", "seed": 7}),
        (["--thresholds", "grid", "--head", "feedforward"], {"thresholds": "grid", "kind": "feedforward"}),
        (["--head", "logistic"], {"kind": "logistic", "seed": 0}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_options_of_train_reach_the_run(ok, monkeypatch, words, expected):
    monkeypatch.setattr("tagger.services.training.train", lambda _store, recipe, *_, **__: recipe.to_dict())
    recipe = ok("train", *words)
    assert {name: recipe.get(name, recipe["head"].get(name)) for name in expected} == expected


def test_a_run_is_current_only_when_promoted(bring, ok):
    bring(labelled_csv(4))
    run_id = ok("train")["run_id"]
    assert ok("runs", "list")["runs"][0]["current"] is False
    ok("runs", "promote", run_id)
    assert ok("runs", "list")["runs"][0]["current"] is True


def test_figures_that_are_undefined_are_null(bring, ok):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,SHELL,-1,fuel\n")
    # Each of the two is predicted by a head that saw only the other, so nothing is ever predicted.
    report = ok("train", "--thresholds", "fixed:1")
    assert report["micro"] == {"precision": None, "recall": 0, "f1": 0}
    assert report["macro"]["precision"] is None


def test_one_description_is_too_little_to_learn_from(bring, fails):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,food\n2024-03-02,TESCO,-1,food\n")
    assert fails("train")["type"] == "TrainingError"


def test_not_judged_rows_and_labels_are_not_learned_from(bring, ok):
    bring(THREE_ROWS)
    ok("labels", "add", "never used")
    report = ok("train")
    assert report["n_transactions"] == 2
    assert {label["label"] for label in report["labels"]} == {"food", "fuel", "car"}


def test_a_run_knows_labels_again_that_come_back_with_their_import(ok, write, tmp_path):
    path = write("bank.csv", labelled_csv())
    first = ok("import", path)["batch_id"]
    trained = ok("train", "--promote")
    ok("import", "--undo", first)
    ok("import", path)
    ok("import", write("open.csv", OPEN_CSV))
    assert [row["tags"] for row in export_rows(ok, tmp_path)[-3:]] == ["groceries", "fuel", "rent|recurring"]
    shown = ok("thresholds", "show")
    assert shown["n_transactions"] == 36
    assert {label["label"]: label["threshold"] for label in shown["labels"]} == {
        label["label"]: label["threshold"] for label in trained["labels"]
    }


# --- evaluate ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def two_files(write: Callable[..., Path]) -> tuple[Path, Path]:
    """Training rows, and test rows: one seen description, new towns, a label that training has not."""
    train = write("train.csv", labelled_csv(12))
    test = write(
        "test.csv.gz",
        labelled_csv(3, TOWNS[20:])
        + "2024-06-01,TESCO groceries aaa,-1,groceries\n2024-06-02,ZOO,-1,Pets\n2024-06-03,NOT JUDGED,-1,\n",
    )
    return train, test


def test_evaluate_needs_no_database(ok, two_files, home):
    report = ok("evaluate", "--train", two_files[0], "--test", two_files[1])
    assert not list(home.rglob("*.db"))
    assert report["measured_on"] == "test"
    assert (report["n_train"], report["n_test"], report["n_labels"]) == (36, 11, 4)
    assert (report["n_transactions"], report["n_groups"]) == (36, 36)
    assert set(report["micro"]) == PRF
    assert set(report["macro"]) == MACRO
    assert [set(label) for label in report["labels"]] == [LABEL] * 4
    assert {label["label"]: label["support"] for label in report["labels"]} == {
        "groceries": 4,
        "fuel": 3,
        "rent": 3,
        "recurring": 3,
    }
    assert report["unknown_labels"] == ["Pets"]
    assert report["true_tags_per_row"] == pytest.approx(13 / 11)
    assert report["tags_per_row"] > 0
    for name in ("at_half", "seen", "unseen"):
        assert set(report[name]) == {"micro", "macro"}
        assert set(report[name]["macro"]) == MACRO
    assert set(report["seconds"]) == {"encode", "fit", "tune", "total"}
    assert report["run_id"] is None


def test_seen_and_unseen_are_told_apart_by_group_key(ok, two_files):
    report = ok("evaluate", "--train", two_files[0], "--test", two_files[1])
    assert report["seen"]["macro"]["labels_scored"] == 1
    assert report["unseen"]["macro"]["labels_scored"] == 4
    only_new = ok("evaluate", "--train", two_files[0], "--test", two_files[0])
    assert only_new["unseen"]["micro"] == {"precision": None, "recall": None, "f1": None}
    assert only_new["unseen"]["macro"]["f1"] is None
    assert only_new["unseen"]["macro"]["labels_left_out"] == 4


def test_at_half_is_the_score_at_thresholds_of_a_half(ok, two_files):
    tuned = ok("evaluate", "--train", two_files[0], "--test", two_files[1], "--thresholds", "fixed:0.2")
    half = ok("evaluate", "--train", two_files[0], "--test", two_files[1], "--thresholds", "fixed:0.5")
    assert tuned["at_half"] == {"micro": half["micro"], "macro": half["macro"]}
    assert half["at_half"] == {"micro": half["micro"], "macro": half["macro"]}


def test_the_test_file_changes_nothing_that_is_learned(ok, two_files, write):
    other = write("other.csv", "date,description,amount,tags\n2024-01-01,SHELL fuel xyz,-1,fuel\n")
    first = ok("evaluate", "--train", two_files[0], "--test", two_files[1])
    second = ok("evaluate", "--train", two_files[0], "--test", other)
    thresholds = [[label["threshold"] for label in report["labels"]] for report in (first, second)]
    assert thresholds[0] == thresholds[1]


def test_train_rows_are_groups_one_row_each_and_nested(ok, write, encoder, home):
    # Every description twice, with a store number that its group key does not see.
    rows = [line for line in labelled_csv(6).splitlines()[1:] for line in (line, line.replace(",-", " 17,-", 1))]
    train = write("train.csv", "\n".join(["date,description,amount,tags", *rows]) + "\n")
    test = write("test.csv", "date,description,amount,tags\n2024-01-01,SHELL fuel xyz,-1,fuel\n")
    taken = {}
    for n_rows in (4, 9, 99):
        shutil.rmtree(home, ignore_errors=True)
        encoder.texts_encoded.clear()
        report = ok("evaluate", "--train", train, "--test", test, "--train-rows", str(n_rows), "--seed", "3")
        assert report["n_train"] == report["n_groups"] == min(n_rows, 36)
        taken[n_rows] = set(encoder.texts_encoded)
    assert taken[4] < taken[9] < taken[99]
    shutil.rmtree(home)
    encoder.texts_encoded.clear()
    ok("evaluate", "--train", train, "--test", test, "--train-rows", "4", "--seed", "4")
    assert set(encoder.texts_encoded) != taken[4]


def test_remember_answers_equal_descriptions_from_memory(ok, write, two_files):
    # Memory contradicts the head: this description is what no word in it says.
    train = write("odd.csv", labelled_csv(12) + "2024-03-30,TESCO groceries odd,-1,rent\n")
    test = write("test.csv", "date,description,amount,tags\n2024-06-01,tesco  GROCERIES odd,-1,rent\n")
    by_head = ok("evaluate", "--train", train, "--test", test)
    by_memory = ok("evaluate", "--train", train, "--test", test, "--remember")
    assert by_head["micro"]["recall"] == 0
    assert by_memory["micro"] == {"precision": 1, "recall": 1, "f1": 1}
    assert by_memory["tags_per_row"] == 1


def test_evaluate_reads_labels_as_import_does(ok, write):
    train = write("train.csv", labelled_csv(8, header="date,description,amount,what").replace("|", ";"))
    test = write("test.csv", "date,description,amount,what\n2024-01-01,SHELL fuel xyz,-1,fuel\n2024-01-02,ZOO,-1,\n")
    options = ["--labels-column", "what", "--labels-separator", ";", "--labels-matching", "^(fuel|rent)$"]
    report = ok("evaluate", "--train", train, "--test", test, *options, "--blank-means-none")
    assert {label["label"] for label in report["labels"]} == {"fuel", "rent"}
    assert report["n_test"] == 2


@pytest.mark.parametrize(
    "text",
    ["date,description,amount\n2024-03-01,TEA,-1\n", "date,description,amount,tags\n2024-03-01,TEA,-1,\n"],
    ids=["no column", "no label"],
)
def test_a_file_without_labels_cannot_be_evaluated(fails, write, two_files, text):
    path = write("bare.csv", text)
    assert "--labels-column" in fails("evaluate", "--train", path, "--test", two_files[1])["hint"]
    fails("evaluate", "--train", two_files[0], "--test", path)
    assert "no labelled rows" in fails("evaluate", "--train", two_files[0], "--test", path)["message"]


# --- tag --------------------------------------------------------------------------------------------------------------

TO_TAG = (
    "Ref,description,note\n7,TESCO groceries yyy,=1+1\n8,SHELL fuel yyy,-- cash\n"
    "9,TESCO groceries aaa,+44 20\n8,SHELL fuel yyy,\n"
)


def test_tag_keeps_order_and_columns_and_adds_tags(after_training, ok, write, tmp_path):
    report = ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv")
    assert set(report) == {"rows", "unique_texts", "encoded", "run_id", "seconds"}
    assert (report["rows"], report["unique_texts"], report["encoded"]) == (4, 3, 2)
    assert report["run_id"] == after_training["run_id"]
    assert isinstance(report["seconds"], float)
    rows = read_csv(tmp_path / "out.csv")
    assert list(rows[0]) == ["Ref", "description", "note", "tags", "tag_source"]
    assert [(row["Ref"], row["note"]) for row in rows] == [("7", "=1+1"), ("8", "-- cash"), ("9", "+44 20"), ("8", "")]
    assert [(row["tags"], row["tag_source"]) for row in rows] == [
        ("groceries", "predicted"),
        ("fuel", "predicted"),
        ("groceries", "remembered"),
        ("fuel", "predicted"),
    ]
    assert ok("doctor")["transactions"] == 39, "tagging a table stores nothing of it"


def test_tags_are_joined_by_the_separator(after_training, ok, write, tmp_path):
    path = write("in.csv", "id,description\n1,RENT rent yyy\n")
    ok("tag", path, tmp_path / "out.csv", "--labels-separator", "; ")
    assert read_csv(tmp_path / "out.csv")[0]["tags"] in {"rent; recurring", "recurring; rent"}


def test_probabilities_add_one_column_per_label(after_training, ok, write, tmp_path):
    ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv", "--probabilities")
    rows = read_csv(tmp_path / "out.csv")
    names = {label["label"]: label["threshold"] for label in after_training["labels"]}
    assert {name for name in rows[0] if name.startswith("p:")} == {f"p:{name}" for name in names}
    for row in rows:
        if row["tag_source"] == "predicted":
            present = {name for name, threshold in names.items() if float(row[f"p:{name}"]) >= threshold}
            assert set(filter(None, row["tags"].split("|"))) == present


@pytest.mark.parametrize("name", ["out.csv.gz", "out.tsv", "out.parquet"])
def test_the_ending_says_how_the_tagged_table_is_written(after_training, ok, write, tmp_path, name):
    ok("tag", write("in.csv.gz", TO_TAG), tmp_path / name)
    if name == "out.parquet":
        rows = pq.read_table(tmp_path / name).to_pylist()
    elif name == "out.tsv":
        rows = list(csv.DictReader((tmp_path / name).read_text().splitlines(), delimiter="\t"))
    else:
        assert (tmp_path / name).read_bytes().startswith(b"\x1f\x8b")
        rows = read_csv(tmp_path / name)
    assert [row["tags"] for row in rows] == ["groceries", "fuel", "groceries", "fuel"]
    assert [row["note"] for row in rows] == ["=1+1", "-- cash", "+44 20", ""]


def test_a_parquet_table_keeps_its_types(after_training, ok, tmp_path):
    table = pa.table({"description": ["SHELL fuel yyy"], "n": pa.array([3], pa.int32()), "paid": pa.array([-2.5])})
    pq.write_table(table, tmp_path / "in.parquet")
    ok("tag", tmp_path / "in.parquet", tmp_path / "out.parquet", "--probabilities")
    found = pq.read_table(tmp_path / "out.parquet")
    assert found.select(table.column_names).equals(table)
    assert found["tags"].to_pylist() == ["fuel"]
    assert pa.types.is_floating(found["p:fuel"].type)


def test_columns_of_the_table_are_never_overwritten(after_training, ok, write, tmp_path, caplog):
    path = write("in.csv", "description,tags,predicted_tags\nSHELL fuel yyy,truth,older\n")
    ok("tag", path, tmp_path / "out.csv")
    assert "predicted_2_tags" in caplog.text
    assert read_csv(tmp_path / "out.csv") == [
        {"description": "SHELL fuel yyy", "tags": "truth", "predicted_tags": "older"}
        | {"predicted_2_tags": "fuel", "predicted_2_tag_source": "predicted"}
    ]
    # The table's own tags still count as given by people when the result is imported.
    assert ok("import", tmp_path / "out.csv")["files"][0]["judged"] == 1


def test_predicted_tags_are_not_truth_when_a_tagged_table_is_imported(after_training, ok, write, tmp_path):
    ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv")
    assert ok("import", tmp_path / "out.csv")["files"][0]["judged"] == 0


def test_tag_by_another_run_and_threshold_version(after_training, ok, fails, write, tmp_path):
    path = write("in.csv", TO_TAG)
    for label in ("groceries", "fuel"):
        ok("thresholds", "set", label, "1")
    version = ok("thresholds", "save", "--note", "strict")["threshold_version_id"]
    other = ok("train", "--seed", "1", "--thresholds", "fixed:0")["run_id"]

    def tags(*words: str) -> list[str]:
        ok("tag", path, tmp_path / "out.csv", *words)
        return [row["tags"] for row in read_csv(tmp_path / "out.csv")]

    assert tags() == ["", "", "groceries", ""], "the saved thresholds are in use; memory does not ask them"
    assert tags("--threshold-version", str(version)) == tags()
    assert tags("--run", other)[0].count("|") == 3
    assert tags("--run", after_training["run_id"]) == tags()
    assert fails("tag", path, tmp_path / "out.csv", "--threshold-version", "99")["type"] == "NotFoundError"
    assert fails("tag", path, tmp_path / "out.csv", "--run", other, "--threshold-version", str(version))
    assert fails("tag", path, tmp_path / "out.csv", "--run", "missing")["type"] == "NotFoundError"


def test_tags_have_the_names_of_now(after_training, ok, write, tmp_path):
    ok("labels", "rename", "fuel", "petrol")
    ok("labels", "archive", "groceries")
    ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv", "--probabilities")
    rows = read_csv(tmp_path / "out.csv")
    assert [row["tags"] for row in rows] == ["", "petrol", "", "petrol"]
    assert {name for name in rows[0] if name.startswith("p:")} == {"p:petrol", "p:rent", "p:recurring"}


def test_a_table_without_rows_comes_back_without_rows(after_training, ok, write, tmp_path):
    assert ok("tag", write("in.csv", "date,description,amount\n"), tmp_path / "out.csv")["rows"] == 0
    assert (tmp_path / "out.csv").read_text() == "date,description,amount,tags,tag_source\n"


def test_a_folder_that_is_not_there_cannot_be_written_to(after_training, fails, write, tmp_path):
    for name in ("out.csv", "out.parquet"):
        fails("tag", write("in.csv", TO_TAG), tmp_path / "missing" / name)


# --- export -----------------------------------------------------------------------------------------------------------

EXPORTED = ["date", "description", "amount", "currency", "account", "tags", "tag_source", "transaction_id", "run_id"]
RISKY = (
    "date,description,amount,currency,account,tags\n"
    '2024-03-01,"=HYPERLINK(""http://x"")",-12.50,GBP,main,@home\n'
    "2024-03-02,-- TRANSFER,-2895.00,GBP,+44,\n"
    "2024-03-03,'=quoted,0.5,GBP,main,\n"
    ",@UNDATED,-3,GBP,main,\n"
)


def test_export_writes_every_transaction_with_its_tags(after_training, ok, tmp_path):
    rows = export_rows(ok, tmp_path)
    assert set(EXPORTED) <= set(rows[0])
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
    assert {row["run_id"] for row in rows} == {after_training["run_id"]}
    assert len({row["transaction_id"] for row in rows}) == 39
    sources = [row["tag_source"] for row in rows]
    assert (sources.count("confirmed"), sources.count("predicted")) == (36, 3)
    assert {row["description"]: row["tags"] for row in rows}["SHELL fuel zzz"] == "fuel"


def test_equal_descriptions_of_judged_rows_are_remembered(after_training, bring, ok, tmp_path):
    bring("date,description,amount\n2024-07-01,tesco GROCERIES aaa,-7\n", name="july.csv")
    row = export_rows(ok, tmp_path)[-1]
    assert (row["tags"], row["tag_source"]) == ("groceries", "remembered")


def test_cells_are_safe_for_spreadsheets_and_amounts_stay_numbers(bring, ok, tmp_path):
    bring(RISKY)
    rows = export_rows(ok, tmp_path)
    assert [row["description"] for row in rows] == [
        '\'=HYPERLINK("http://x")',
        "'-- TRANSFER",
        "''=quoted",
        "'@UNDATED",
    ]
    assert [float(row["amount"]) for row in rows] == [-12.5, -2895, 0.5, -3]
    assert rows[0]["tags"] == "'@home"
    assert rows[1]["account"] == "'+44"


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_an_export_imported_again_is_the_same_transactions(bring, ok, tmp_path, home, name):
    bring(RISKY)
    ok("export", tmp_path / name)
    before = export_rows(ok, tmp_path, "before.csv")
    (again,) = ok("import", tmp_path / name)["files"]
    assert (again["rows"], again["added"], again["duplicates"], again["errors"]) == (4, 0, 4, [])
    assert export_rows(ok, tmp_path, "after.csv") == before

    shutil.rmtree(home)
    (elsewhere,) = ok("import", tmp_path / name)["files"]
    assert (elsewhere["added"], elsewhere["judged"]) == (4, 1)
    again = export_rows(ok, tmp_path, "elsewhere.csv")
    assert [Decimal(row.pop("amount")) for row in again] == [Decimal(row.pop("amount")) for row in before]
    assert again == before, "the same ids and texts"
    assert set(by_name(ok("labels", "list"))) == {"@home"}


def test_only_confirmed_rows_of_an_export_are_judged(after_training, ok, tmp_path, home):
    ok("export", tmp_path / "out.csv")
    shutil.rmtree(home)
    (file,) = ok("import", tmp_path / "out.csv")["files"]
    assert (file["added"], file["judged"]) == (39, 36)


def test_what_the_model_adds_to_a_confirmed_row_is_not_confirmed(after_training, bring, ok, tmp_path, home):
    # This file judges its row for "gift" alone; the run adds "fuel", which no person said.
    assert bring("date,description,amount,tags\n2024-08-01,SHELL fuel ttt,-1,gift\n", name="gift.csv")["judged"] == 1
    row = export_rows(ok, tmp_path)[-1]
    assert set(row["tags"].split("|")) == {"fuel", "gift"}
    assert row["tag_source"] == "predicted"
    shutil.rmtree(home)
    assert ok("import", tmp_path / "out.csv")["files"][0]["judged"] == 36


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_typed_exports_have_numbers_dates_and_plain_text(bring, ok, tmp_path, name):
    bring(RISKY)
    assert ok("export", tmp_path / name) == {"rows": 4, "file": str(tmp_path / name)}
    if name == "out.parquet":
        rows = pq.read_table(tmp_path / name).to_pylist()
        assert [row["amount"] for row in rows] == list(map(Decimal, ["-12.5", "-2895", "0.5", "-3"]))
        assert str(rows[0]["date"]) == "2024-03-01"
        assert rows[0]["tags"] == "@home"
    else:
        content = (tmp_path / name).read_bytes()
        lines = (gzip.decompress(content) if name.endswith(".gz") else content).decode().splitlines()
        rows = [only_object(line) for line in lines]
        assert [row["amount"] for row in rows] == [-12.5, -2895, 0.5, -3]
        assert rows[0]["tags"] == ["@home"]
    assert set(EXPORTED) <= set(rows[0])
    assert rows[0]["description"] == '=HYPERLINK("http://x")'
    assert rows[3]["date"] is None


def test_an_empty_store_exports_no_rows(ok, tmp_path):
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert ok("export", tmp_path / name)["rows"] == 0


# --- judge ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def ids(bring: Callable[..., dict], ok: Callable[..., dict], tmp_path: Path) -> dict[str, str]:
    """Three rows that nobody judged: transaction ids by description."""
    bring(OPEN_CSV)
    return {row["description"].split()[0]: row["transaction_id"] for row in export_rows(ok, tmp_path, "ids.csv")}


@pytest.mark.parametrize("name", ["verdicts.csv", "verdicts.csv.gz", "verdicts.parquet"])
def test_judge_records_verdicts_label_by_label(ids, ok, write, tmp_path, name):
    rows = [(ids["TESCO"], "food", "yes"), (ids["TESCO"], "fuel", "No"), (ids["SHELL"], "fuel", "YES")]
    if name.endswith(".parquet"):
        pq.write_table(
            pa.table(dict(zip(("transaction_id", "label", "verdict"), zip(*rows, strict=True), strict=True))),
            tmp_path / name,
        )
    else:
        write(name, "\n".join(["transaction_id,label,verdict", *map(",".join, rows)]) + "\n")
    assert ok("judge", tmp_path / name) == {"judged": 3}
    assert verdicts_of(ok, "food") == (1, 1), "the other rows are not judged for it"
    assert verdicts_of(ok, "fuel") == (2, 1)
    tags = {row["description"].split()[0]: (row["tags"], row["tag_source"]) for row in export_rows(ok, tmp_path)}
    assert tags["TESCO"] == ("food", "confirmed")
    assert tags["SHELL"] == ("fuel", "confirmed")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("{tesco},food,yes\n0123,food,yes", "no transaction '0123'"),
        ("{tesco},food,maybe", "'maybe' is no verdict"),
        ("{tesco},food,", "'' is no verdict"),
        ("{tesco},food", "'' is no verdict"),
        ("{tesco},,yes", "needs a name"),
        (",food,yes", "no transaction ''"),
    ],
)
def test_a_bad_verdict_is_named_and_none_is_stored(ids, fails, ok, write, rows, told):
    path = write("verdicts.csv", "transaction_id,label,verdict\n" + rows.format(tesco=ids["TESCO"]) + "\n")
    assert told in fails("judge", path)["message"]
    assert ok("doctor")["judged"] == 0
    assert ok("labels", "list") == {"labels": []}


@pytest.mark.parametrize(
    "text", ["", "transaction_id,label\nx,y\n", "a,b,c\n1,2,3\n", "\0\1\2"], ids=["empty", "two", "other", "binary"]
)
def test_a_file_that_is_no_list_of_verdicts_is_refused(fails, write, text):
    assert fails("judge", write("verdicts.csv", text))["type"] == "UnreadableFileError"


def test_an_empty_list_of_verdicts_changes_nothing(ids, ok, write):
    assert ok("judge", write("verdicts.csv", "verdict;label;Transaction_ID\n")) == {"judged": 0}
    path = write("verdicts.csv", f"verdict;label;Transaction_ID\nyes;fuel;{ids['SHELL']}\n")
    assert ok("judge", path) == {"judged": 1}


# --- labels -----------------------------------------------------------------------------------------------------------


def test_labels_list_counts_verdicts(bring, ok):
    bring(THREE_ROWS)
    ok("labels", "add", "new one")
    listed = ok("labels", "list")["labels"]
    assert [set(label) for label in listed] == [{"id", "name", "judged", "positives", "archived"}] * 4
    assert len({label["id"] for label in listed}) == 4
    assert listed[-1] == {"id": listed[-1]["id"], "name": "new one", "judged": 0, "positives": 0, "archived": False}


def test_a_label_keeps_its_verdicts_and_id_when_renamed(bring, ok, fails):
    bring(THREE_ROWS)
    before = by_name(ok("labels", "list"))["fuel"]
    assert ok("labels", "rename", "FUEL", "petrol") == {"id": before["id"], "name": "petrol"}
    assert by_name(ok("labels", "list"))["petrol"] == before | {"name": "petrol"}
    assert fails("labels", "rename", "petrol", "Food")["type"] == "LabelError"
    assert fails("labels", "add", "petrol")["type"] == "LabelError"


def test_verdicts_of_a_merged_label_count_for_the_other(bring, ok, fails):
    bring(THREE_ROWS)
    into = by_name(ok("labels", "list"))["food"]
    assert ok("labels", "merge", "car", "food") == {"id": into["id"], "name": "food"}
    assert set(by_name(ok("labels", "list"))) == {"food", "fuel"}
    assert verdicts_of(ok, "food") == (2, 2)
    assert fails("labels", "merge", "food", "food")["type"] == "LabelError"
    assert fails("labels", "merge", "food", "car")["type"] == "LabelError", "it leads back to itself"
    assert "merged into 'food'" in fails("labels", "archive", "car")["message"]


def test_an_archived_label_keeps_its_verdicts_and_comes_back(bring, ok, fails):
    bring(THREE_ROWS)
    before = by_name(ok("labels", "list"))["fuel"]
    ok("labels", "archive", "fuel")
    assert by_name(ok("labels", "list"))["fuel"] == before | {"archived": True}
    assert fails("labels", "merge", "car", "fuel")["type"] == "LabelError"
    assert {label["label"] for label in ok("train")["labels"]} == {"food", "car"}
    ok("labels", "restore", "fuel")
    assert by_name(ok("labels", "list"))["fuel"] == before


# --- runs -------------------------------------------------------------------------------------------------------------


def test_runs_are_listed_shown_compared_promoted_and_discarded(after_training, ok, fails, home):
    first = after_training["run_id"]
    second = ok("train", "--features", "mean")["run_id"]
    listed = ok("runs", "list")["runs"]
    assert [set(run) for run in listed] == [{"run_id", "created_at", "current", "macro_f1", "micro_f1"}] * 2
    assert [(run["run_id"], run["current"]) for run in listed] == [(second, False), (first, True)]
    assert listed[1]["macro_f1"] == after_training["macro"]["f1"]

    shown = ok("runs", "show", first)
    assert shown["run_id"] == first
    assert shown["recipe"] == after_training["recipe"]
    assert shown["macro"] == after_training["macro"]

    compared = ok("runs", "compare", second)
    assert (compared["run_id"], compared["with"]) == (second, first)
    assert compared["reason"] is None
    assert compared["n_transactions"] == 36
    assert ok("runs", "compare", first, second)["with"] == second

    assert ok("runs", "promote", second) == {"run_id": second, "current": True}
    assert ok("runs", "discard", second) == {"run_id": second, "discarded": True}
    assert [(run["run_id"], run["current"]) for run in ok("runs", "list")["runs"]] == [(first, True)]
    assert not (home / "models" / second).exists()
    assert fails("runs", "show", second)["type"] == "NotFoundError"
    assert fails("runs", "discard", "starter")["type"] == "NotFoundError"


# --- thresholds -------------------------------------------------------------------------------------------------------


def test_thresholds_are_shown_set_saved_and_kept(after_training, ok):
    shown = ok("thresholds", "show")
    assert shown["run_id"] == after_training["run_id"]
    assert [set(label) for label in shown["labels"]] == [LABEL] * 4
    before = {label["label"]: label["threshold"] for label in shown["labels"]}
    assert before == {label["label"]: label["threshold"] for label in after_training["labels"]}
    assert set(shown["micro"]) == PRF
    assert ok("thresholds", "history") == {"versions": []}

    assert ok("thresholds", "set", "Fuel", "1")["saved"] is False
    assert ok("thresholds", "show") == shown, "a draft is not in use"
    saved = ok("thresholds", "save", "--note", "no fuel")
    assert (saved["run_id"], saved["changed"]) == (after_training["run_id"], 1)
    after = {label["label"]: label for label in ok("thresholds", "show")["labels"]}
    assert {name: label["threshold"] for name, label in after.items()} == before | {"fuel": 1}
    assert after["fuel"]["recall"] == 0
    assert after["fuel"]["precision"] is None
    (version,) = ok("thresholds", "history")["versions"]
    assert version == {
        "id": saved["threshold_version_id"],
        "run_id": after_training["run_id"],
        "created_at": version["created_at"],
        "author": "ada",
        "note": "no fuel",
    }


def test_thresholds_of_another_run_do_not_touch_the_current_one(after_training, ok):
    other = ok("train", "--thresholds", "fixed:0.4")["run_id"]
    current = ok("thresholds", "show")
    ok("thresholds", "set", "fuel", "0.9", "--run", other)
    ok("thresholds", "save", "--run", other)
    assert ok("thresholds", "show") == current
    assert {label["threshold"] for label in ok("thresholds", "show", "--run", other)["labels"]} == {0.4, 0.9}


# --- doctor -----------------------------------------------------------------------------------------------------------


def test_a_healthy_store_has_no_problems(after_training, ok):
    found = ok("doctor")
    assert (found["ok"], found["problems"]) == (True, [])
    assert (found["transactions"], found["judged"], found["labels"], found["runs"]) == (39, 36, 4, 1)
    assert found["texts_without_tags"] == 0


@pytest.mark.parametrize("damage", ["head.safetensors", "run.json"])
def test_a_damaged_current_run_is_told(after_training, ok, home, damage):
    path = home / "models" / after_training["run_id"] / damage
    path.write_bytes(path.read_bytes()[:20])
    found = ok("doctor")
    assert found["ok"] is False
    assert after_training["run_id"] in found["problems"][0]
    assert found["transactions"] == 39


# --- the starter and the sample in a user's store ---------------------------------------------------------------------


@pytest.fixture
def with_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tracked starter, which takes the toy for its own encoder."""
    family = json.loads((STARTER / "run.json").read_text())["encoder"]
    toy = WordEncoder(family, 384)
    monkeypatch.setattr(Encoding, "encoder", property(lambda _: toy))
    monkeypatch.setattr(Settings, "starter_path", property(lambda _: STARTER))


OWN_LABELS = {"group:shop", "group:car", "group:home"}


def own_csv() -> str:
    text = labelled_csv(4)
    for old, new in (("rent|recurring", "group:home"), (",groceries\n", ",group:shop\n"), (",fuel\n", ",group:car\n")):
        text = text.replace(old, new)
    return text


@pytest.mark.usefixtures("with_starter")
@pytest.mark.parametrize("unlabelled_first", [False, True], ids=["labelled alone", "after an unlabelled file"])
def test_the_starter_appears_nowhere_beside_a_label_set_of_ones_own(bring, ok, tmp_path, unlabelled_first):
    if unlabelled_first:
        bring(OPEN_CSV, name="open.csv")
        assert set(by_name(ok("labels", "list"))) == SAMPLE_LABELS
    assert bring(own_csv())["judged"] == 12
    assert set(by_name(ok("labels", "list"))) == OWN_LABELS
    before = ok("thresholds", "show")
    assert (before["run_id"], before["labels"], before["n_transactions"]) == ("starter", [], 0)
    assert before["macro"] == {"precision": None, "recall": None, "f1": None, "labels_scored": 0, "labels_left_out": 0}

    report = ok("train", "--promote")
    assert (report["n_transactions"], report["n_labels"]) == (12, 3)
    assert {label["label"] for label in report["labels"]} == OWN_LABELS
    assert sum(label["support"] for label in report["labels"]) == 12
    assert report["comparison"]["reason"] is not None
    assert {label["label"] for label in report["comparison"]["labels"]} == OWN_LABELS
    shown = ok("thresholds", "show")
    assert {label["label"] for label in shown["labels"]} == OWN_LABELS
    assert shown["n_transactions"] == 12
    tags = {tag for row in export_rows(ok, tmp_path) for tag in row["tags"].split("|") if tag}
    assert tags <= OWN_LABELS
    assert [(run["run_id"], run["macro_f1"] is None) for run in ok("runs", "list")["runs"]] == [
        (report["run_id"], False),
        ("starter", True),
    ]


@pytest.mark.usefixtures("with_starter")
def test_an_unlabelled_file_adopts_the_starters_labels(bring, ok, tmp_path):
    assert bring(OPEN_CSV)["judged"] == 0
    listed = by_name(ok("labels", "list"))
    assert set(listed) == {label["name"] for label in json.loads((STARTER / "run.json").read_text())["labels"]}
    assert {(label["judged"], label["positives"]) for label in listed.values()} == {(0, 0)}
    rows = export_rows(ok, tmp_path)
    assert {(row["tag_source"], row["run_id"]) for row in rows} == {("predicted", "starter")}
    assert ok("doctor")["texts_without_tags"] == 0


@pytest.mark.usefixtures("with_starter")
def test_the_starter_tags_a_table_when_asked(ok, bring, write, tmp_path):
    bring(own_csv())
    report = ok("tag", write("in.csv", TO_TAG), tmp_path / "out.csv", "--run", "starter", "--probabilities")
    assert report["run_id"] == "starter"
    columns = set(read_csv(tmp_path / "out.csv")[0])
    assert {f"p:{name}" for name in SAMPLE_LABELS} <= columns
    assert not {f"p:{name}" for name in OWN_LABELS} & columns


def test_nothing_of_the_sample_is_left_when_it_is_removed(bring, ok, home):
    bring(own_csv())
    before = ok("labels", "list"), ok("doctor")
    store = Store(Settings.from_environment())
    import_sample(store, Progress())
    store.close()
    mixed = ok("train", "--promote", "--thresholds", "fixed:0.5", "--features", "mean")
    assert mixed["n_labels"] == len(SAMPLE_LABELS) + 3
    store = Store(Settings.from_environment())
    remove_sample(store)
    store.close()
    assert (ok("labels", "list"), ok("doctor")) == before
    assert ok("runs", "list") == {"runs": []}
    assert not (home / "models" / mixed["run_id"]).exists()
    report = ok("train")
    assert (report["n_transactions"], report["n_labels"]) == (12, 3)
    assert {label["label"] for label in report["labels"]} == OWN_LABELS


# --- with the real weights --------------------------------------------------------------------------------------------


@pytest.mark.weights
def test_a_fresh_process_tags_a_table_with_the_starter(write, tmp_path, home):
    path = write(
        "in.csv", "date,description,amount\n2024-03-01,TESCO STORES 3021,-12.50\n2024-03-02,SHELL PETROL,-40\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "tagger", "tag", str(path), str(tmp_path / "out.csv"), "--run", "starter", "--json"],
        cwd=ROOT,
        env=os.environ | {"TAGGER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = only_object(done.stdout)
    assert (report["rows"], report["unique_texts"], report["encoded"], report["run_id"]) == (2, 2, 2, "starter")
    rows = read_csv(tmp_path / "out.csv")
    assert "groceries" in rows[0]["tags"].split("|")
    assert "fuel" in rows[1]["tags"].split("|")
