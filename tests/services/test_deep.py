"""Deep retrain: a run with its own encoder where that is better, nothing at all where it is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from services.steps import StopAt, import_csv, statement
from toys import NO_STARTER, bert_folder

from tagger.__main__ import main
from tagger.config import Settings
from tagger.errors import BundleError, CancelledError, TrainingError
from tagger.learning import finetune
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.services import comparing, curve, deep, doctor, experiments, runs, tables, tagging, training, why
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage.runs import ENCODER
from tagger.transactions.layout import ReadOptions

COLORS = ((), ("red",), ("blue",), ("red", "blue"))
FILLERS = ["oak", "elm", "ash", "fir", "yew", "bay", "fig", "box", "may", "ivy"]
RECIPE = deep.deeper(Recipe(features="mean", thresholds="fixed:0.5", n_folds=2), n_layers=3, epochs=40)
SAME = deep.deeper(Recipe(features="mean", thresholds="fixed:0.5", n_folds=2), n_layers=1, epochs=1)

pytestmark = pytest.mark.usefixtures("one_thread")


def one_color() -> str:
    """Tagged "one" where there is red or blue but not both; two rows at the end are not judged."""
    rows = [
        f"2024-03-{1 + number % 28:02d},{' '.join([*colors, first, second])},-{number + 1}.00,"
        f"{'one' if len(colors) == 1 else 'other'}"
        for number, (colors, first, second) in enumerate(product(COLORS, FILLERS[:5], FILLERS[5:]))
    ]
    return statement(*rows, "2024-04-01,red oak oak,-1.00,", "2024-04-02,red blue oak oak,-1.00,")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_folder(tmp_path_factory.mktemp("encoder") / "bert", ["red", "blue", *FILLERS])


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rates for a toy, whose weights have a longer way to go."""
    monkeypatch.setattr(finetune, "LAYER_RATE", 3e-3)
    monkeypatch.setattr(finetune, "HEAD_RATE", 3e-2)
    monkeypatch.setattr(finetune, "L2", 1.0)
    monkeypatch.setattr(finetune, "INNER_FOLDS", 2)


@pytest.fixture
def settings(tmp_path: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    return Settings(home=tmp_path / "home", author="ada", encoder=str(encoder), max_length=16)


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings)
    import_csv(opened, one_color())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def kept_home(tmp_path_factory: pytest.TempPathFactory, encoder: Path) -> tuple[Path, dict]:
    """A home with a deep run in use, and what its training reported."""
    home = tmp_path_factory.mktemp("kept") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"LAYER_RATE": 3e-3, "HEAD_RATE": 3e-2, "L2": 1.0, "INNER_FOLDS": 2}.items():
            patch.setattr(finetune, name, value)
        patch.setattr(Settings, "starter_path", NO_STARTER)
        store = Store(Settings(home=home, author="ada", encoder=str(encoder), max_length=16))
        import_csv(store, one_color())
        training.train(store, RECIPE.frozen, Progress(), promote_it=True)
        report = deep.retrain(store, RECIPE, Progress(), promote_it=True)
        store.close()
    return home, report


@pytest.fixture
def kept(kept_home: tuple[Path, dict], settings: Settings) -> Iterator[tuple[Store, dict]]:
    """That home, copied and opened anew: as after a restart."""
    shutil.copytree(kept_home[0], settings.home)
    opened = Store(settings)
    yield opened, kept_home[1]
    opened.close()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_run_comes_of_it_where_it_is_better_out_of_fold(kept):
    store, report = kept
    said = report["deep"]
    assert said["kept"]
    assert said["macro"]["interval"][0] > 0
    assert said["tuned"]["macro"]["f1"] == report["macro"]["f1"] > said["frozen"]["macro"]["f1"]
    assert (said["n_layers"], said["epochs"]) == (3, 40)
    assert report["recipe"]["tuned_layers"] == 3
    assert runs.current_id(store) == report["run_id"]
    assert deep.in_use(store)
    assert deep.line(said).startswith("Deep retrain helped: macro F1 0.")


def test_it_is_scored_on_the_folds_of_the_run_in_use_and_compared_with_it(kept):
    store, report = kept
    before = runs.listed(store)[1].id
    compared = comparing.compare(store, report["run_id"], before)
    assert compared["same_folds"]
    assert compared["after"]["macro"]["f1"] == pytest.approx(report["macro"]["f1"])
    assert {"setting": "encoder layers trained", "before": "not set", "after": "3"} in compared["settings"]


def test_after_a_restart_it_tags_as_it_did(kept):
    store, report = kept
    bundle = store.bundle(report["run_id"])
    view = store.view()
    before = view.tagging.probabilities.copy()
    shutil.rmtree(store.settings.predictions_path)
    shutil.rmtree(store.settings.embeddings_path)
    again = Store(store.settings)
    try:
        from tagger.services.tagging import tag_all

        tag_all(again, Progress())
        np.testing.assert_allclose(again.view().tagging.probabilities, before, atol=1e-4)
        assert bundle.tuned_encoder == again.tuned(bundle).family != again.encoding.family
    finally:
        again.close()


def test_what_it_says_of_new_rows_is_right_in_the_store_in_tables_and_in_why(kept, tmp_path):
    store, _ = kept
    view = store.view()
    one, both = (view.columns.descriptions.index(text) for text in ("red oak oak", "red blue oak oak"))
    column = [label.name for label in view.labels].index("one")
    said = view.tagging.probabilities[view.tagging.index, column]
    assert said[one] > 0.5 > said[both]
    (tmp_path / "in.csv").write_text("description\nred oak oak\nred blue oak oak\nblue ivy oak ivy\n")
    tables.tag_table(
        store, tmp_path / "in.csv", tmp_path / "out.csv", ReadOptions(), Progress(), with_probabilities=True
    )
    lines = [line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines()]
    at = lines[0].index("p:one")
    assert float(lines[1][at]) == pytest.approx(said[one], abs=1e-4)
    assert [line[1] for line in lines[1:3]] == ["one", "other"]
    because = why.explain(store, view, view.columns.ids[one], "one").tags[0]
    assert because.probability == pytest.approx(said[one])
    assert {word.text for word in because.words} >= {"red", "oak"}


def test_a_later_training_and_experiments_begin_at_the_installed_encoder(kept, monkeypatch):
    store, report = kept
    assert not experiments._current(store).tuned_layers
    assert not curve._recipe(store).tuned_layers
    plain = training.train(store, Recipe.from_dict(report["recipe"]).frozen, Progress())
    assert store.bundle(plain["run_id"]).tuned_encoder == ""
    assert plain["macro"]["f1"] == report["deep"]["frozen"]["macro"]["f1"]


def test_a_damaged_encoder_is_named_with_its_run(kept):
    store, report = kept
    path = store.settings.runs_path / report["run_id"] / ENCODER / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match=report["run_id"]):
        store.tuned(store.bundle(report["run_id"]))
    assert any(report["run_id"] in problem for problem in doctor.examine(store)["problems"])
    path.unlink()
    with pytest.raises(BundleError, match=report["run_id"]):
        store.tuned(store.bundle(report["run_id"]))


def test_without_its_encoder_an_import_is_stored_and_says_what_it_could_not_do(kept):
    store, report = kept
    shutil.rmtree(store.settings.runs_path / report["run_id"] / "encoder")
    found = import_csv(store, "date,description,amount\n2024-06-01,SOMETHING NEW,-1.00\n", "june.csv")
    assert found["batch_id"]
    assert found["files"][0]["added"] == 1
    assert any(report["run_id"] in line for line in tagging.tag_all(store, Progress())["refused"])


def test_discarding_it_removes_its_encoder_and_embeddings(kept):
    store, report = kept
    assert any(report["run_id"] in name for name in files(store.settings.embeddings_path))
    runs.discard(store, report["run_id"])
    assert not any(report["run_id"] in name for name in files(store.settings.home))
    assert store.view().tagging.n_waiting == 0
    assert not deep.in_use(store)


def test_embeddings_of_a_run_that_is_not_there_are_swept(store):
    left = store.settings.embeddings_path / "20240301-120000-abcdef-0123456789abcdef"
    left.mkdir(parents=True)
    (store.settings.embeddings_path / "0123456789abcdef").mkdir()
    store.sweep()
    assert files(store.settings.embeddings_path) == {"0123456789abcdef"}


def test_where_it_is_not_better_nothing_is_kept_and_it_says_so(store):
    training.train(store, SAME.frozen, Progress(), promote_it=True)
    before = files(store.settings.home)
    report = deep.retrain(store, SAME, Progress())
    assert report["run_id"] is None
    assert not report["deep"]["kept"]
    assert files(store.settings.home) == before
    assert len(runs.listed(store)) == 1
    assert deep.line(report["deep"]).startswith("Deep retrain did not help, so no run was kept: macro F1 0.")


@pytest.mark.parametrize("stage", ["Training fold 2", "Training on everything", "Saving the encoder"])
def test_stopped_it_leaves_nothing(store, stage, monkeypatch):
    monkeypatch.setattr(deep, "f1_differences", _always_better(deep.f1_differences))
    with pytest.raises(CancelledError):
        deep.retrain(store, SAME, StopAt(stage))
    assert not runs.listed(store)
    assert not list(store.settings.runs_path.iterdir())
    assert not [name for name in files(store.settings.embeddings_path) if "-" in name]


def _always_better(original):
    def scored(*arguments, **options):
        found = original(*arguments, **options)
        return replace(found, macro=replace(found.macro, change=0.1, interval=(0.05, 0.2)))

    return scored


@pytest.mark.parametrize(
    ("recipe", "named"),
    [
        (replace(SAME, features="lexical"), "no embedding"),
        (replace(SAME, head=HeadSettings(kind="feedforward")), "logistic"),
        (replace(SAME, tuned_layers=4), "has 3"),
    ],
)
def test_what_leaves_nothing_to_tune_is_refused(store, recipe, named):
    with pytest.raises(TrainingError, match=named):
        deep.retrain(store, recipe, Progress())


def test_too_few_descriptions_are_refused(settings):
    store = Store(settings)
    import_csv(store, statement(*(f"2024-03-01,red {filler},-1.00,one" for filler in FILLERS)))
    with pytest.raises(TrainingError, match="30 different descriptions; reviewed so far: 10"):
        deep.retrain(store, SAME, Progress())
    store.close()


def test_by_command_it_is_one_object_and_not_kept_is_no_mistake(store, encoder, monkeypatch, capsys):
    monkeypatch.setenv("TAGGER_HOME", str(store.settings.home))
    monkeypatch.setenv("TAGGER_ENCODER", str(encoder))
    monkeypatch.setenv("TAGGER_MAX_LENGTH", "16")
    words = ["--features", "mean", "--thresholds", "fixed:0.5", "--json"]
    assert main(["train", "--deep", "--layers", "1", "--epochs", "1", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"run_id", "deep"}
    assert found["run_id"] is None
    assert found["deep"].keys() == {"kept", "n_layers", "epochs", "frozen", "tuned", "macro", "micro"}
    assert main(["train", "--epochs", "3", *words]) == 2
    assert "--deep" in json.loads(capsys.readouterr().out)["error"]["hint"]


def test_evaluate_uses_the_tuned_layers_where_they_are_better(tmp_path, encoder, monkeypatch, capsys):
    monkeypatch.setenv("TAGGER_ENCODER", str(encoder))
    monkeypatch.setenv("TAGGER_MAX_LENGTH", "16")
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    header, *rows = one_color().splitlines()
    test = [row for row in rows if "elm fig" in row or "ash may" in row]
    for name, part in (("test.csv", test), ("train.csv", [row for row in rows if row not in test])):
        (tmp_path / name).write_text(statement(*part, header=header))
    words = ["--train", str(tmp_path / "train.csv"), "--test", str(tmp_path / "test.csv"), "--json"]
    words += ["--features", "mean", "--thresholds", "fixed:0.5"]
    assert main(["evaluate", "--deep", "--layers", "3", "--epochs", "30", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["deep"]["kept"]
    assert (found["measured_on"], found["macro"]["f1"]) == ("test", 1.0)
    assert main(["evaluate", "--deep", "--layers", "1", "--epochs", "1", *words]) == 0
    tried = json.loads(capsys.readouterr().out)
    assert main(["evaluate", *words]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert not tried["deep"]["kept"]
    assert "deep" not in plain
    assert tried["labels"] == plain["labels"]
