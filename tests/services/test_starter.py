"""What a run of one's own takes from the starter: where labels meet, what is kept, what is told out of fold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from steps import confirm, import_csv, make_labels, statement, three_kinds

from tagger.config import Settings
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.services import curve, training, why
from tagger.services.inputs import gather_inputs, group_hashes
from tagger.services.progress import Progress
from tagger.services.starter import installed, starter_for
from tagger.services.store import Store
from tagger.services.tagging import model_of, tag_all
from tagger.storage.runs import STARTER, Bundle, write_bundle
from tagger.transactions.merchant import group_key

pytestmark = pytest.mark.usefixtures("one_thread")

FEATURES = "both+starter"
RECIPE = Recipe(features=FEATURES, n_folds=2)
TOWNS = ("leeds", "york", "bath", "hull", "ripon", "truro")
TAUGHT = [f"{brand} {town},{tag}" for brand, tag in (("tesco", "groceries"), ("shell", "fuel")) for town in TOWNS]
TOLD = np.array([[-3.5, 2.0]], dtype=np.float16)  # of "tesco leeds": fuel, which nobody would say who knew it


def plant(store: Store, tmp_path: Path, **evidence: np.ndarray) -> Bundle:
    """Teach a run elsewhere and make it the store's starter."""
    other = Store(Settings(home=tmp_path / "elsewhere", author="sample"))
    other.encoding.use(store.encoding.encoder)
    rows = [f"2024-01-{day:02d},{line.split(',')[0]},-1.00,{line.split(',')[1]}" for day, line in enumerate(TAUGHT, 1)]
    import_csv(other, statement(*rows))
    recipe = Recipe(features="both", n_folds=2, head=HeadSettings(l2=1.0))
    learned = other.bundle(training.train(other, recipe, Progress())["run_id"])
    other.close()
    order = [name for _, name in learned.labels]
    assert sorted(order) == ["fuel", "groceries"]
    told = TOLD[:, [1 if name == "fuel" else 0 for name in order]]
    known = {"told_keys": group_hashes([group_key("tesco leeds")]), "told": told}
    starter = replace(learned, run_id=STARTER, store_id=STARTER, evidence=known | evidence)
    write_bundle(store.settings.starter_path, starter)
    return starter


@pytest.fixture
def few(store: Store, tmp_path: Path) -> Store:
    """A starter, and a store in which one shop and one station are reviewed, and more of them are not."""
    plant(store, tmp_path)
    lines = ["tesco york", "shell york", "tesco bath", "tesco hull", "shell bath", "shell hull", "tesco leeds"]
    import_csv(store, statement(*(f"2025-01-{day:02d},{text},-1.00,-" for day, text in enumerate(lines, 1))))
    by_name = dict(zip(("Groceries", "fuel"), make_labels(store, "Groceries", "fuel"), strict=True))
    for text, name in (("tesco york", "Groceries"), ("shell york", "fuel")):
        columns = store.view().columns
        confirm(store, columns.ids[columns.descriptions.index(text)], [by_name[name]])
    return store


def predicted(store: Store, label: str) -> dict[str, float]:
    tag_all(store, Progress())
    view = store.view()
    column = next(place for place, each in enumerate(view.labels) if each.name == label)
    probabilities = view.tagging.probabilities[view.tagging.index, column]
    return dict(zip(view.columns.descriptions, probabilities.tolist(), strict=True))


@pytest.mark.parametrize("is_sample", [True, False])
def test_a_learning_curve_says_whether_its_starter_learned_from_its_rows(store, tmp_path, is_sample):
    plant(store, tmp_path)
    import_csv(store, three_kinds(20), is_sample=is_sample)
    assert curve.measure(store, Progress())["starter_knows"] is is_sample


def test_a_first_run_begins_at_the_starter_and_keeps_what_it_needs_of_it(few):
    report = training.train(few, RECIPE, Progress(), promote_it=True)
    bundle = few.bundle(report["run_id"])
    model = model_of(few.encoding, bundle)
    assert model.starter is not None
    assert sorted(bundle.labels[column][1] for column in model.starter.columns.tolist()) == ["Groceries", "fuel"]
    assert predicted(few, "Groceries")["tesco bath"] > 0.5 > predicted(few, "Groceries")["shell bath"]
    before = predicted(few, "fuel")
    few.settings.starter_path.rename(few.settings.starter_path.with_name("gone"))
    facts = few.view().columns.facts
    again = model_of(few.encoding, few.bundle(report["run_id"])).probabilities(
        gather_inputs(few.encoding, facts, FEATURES, Progress())[0]
    )
    column = [name for _, name in bundle.labels].index("fuel")
    assert dict(zip(few.view().columns.descriptions, again[:, column].tolist(), strict=True)) == pytest.approx(before)


def test_what_the_starter_learned_from_it_tells_out_of_fold(few):
    training.train(few, RECIPE, Progress(), promote_it=True)
    assert predicted(few, "fuel")["tesco leeds"] > predicted(few, "fuel")["tesco bath"] + 0.3


def test_the_words_that_carried_a_prediction_are_weighed_beside_the_same_word_of_the_starter(few):
    training.train(few, RECIPE, Progress(), promote_it=True)
    tag_all(few, Progress())
    view = few.view()
    (because,) = why.explain(few, view, view.columns.ids[view.columns.descriptions.index("tesco leeds")], "fuel").tags
    # Without the brand the starter would say something else; that it does not know the parts must not show.
    assert all(abs(word.weight) < 2 for word in because.words)
    for word in because.words:
        assert np.log(because.probability / (1 - because.probability)) - word.weight == pytest.approx(
            np.log(word.without / (1 - word.without)), abs=0.01
        )


def test_a_run_without_the_feature_keeps_nothing_of_the_starter(few):
    report = training.train(few, replace(RECIPE, features="both"), Progress())
    assert not any(name.startswith("starter.") for name in few.bundle(report["run_id"]).head)


@pytest.mark.parametrize("names", [["rent"], [], ["groceries2"]])
def test_labels_that_the_starter_does_not_know_begin_nowhere(store, tmp_path, names):
    assert starter_for(plant(store, tmp_path), store.encoding, names, FEATURES) is None


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["rent", "FUEL"], {1: "fuel"}),
        (["type:fuel", "cat: Groceries"], {0: "fuel", 1: "groceries"}),
        (["fuel", "type:fuel"], {0: "fuel"}),
    ],
)
def test_labels_meet_by_name_whatever_their_case_and_kind(store, tmp_path, names, columns):
    bundle = plant(store, tmp_path)
    starter = starter_for(bundle, store.encoding, names, FEATURES)
    order = [name for _, name in bundle.labels if name in columns.values()]
    assert {column: order[place] for place, column in enumerate(starter.columns.tolist())} == columns


def test_a_starter_of_another_encoder_or_without_what_it_told_is_not_begun_at(store, tmp_path):
    bundle = plant(store, tmp_path)
    assert starter_for(replace(bundle, encoder="another"), store.encoding, ["fuel"], FEATURES) is None
    assert starter_for(replace(bundle, evidence={}), store.encoding, ["fuel"], FEATURES) is None
    assert starter_for(None, store.encoding, ["fuel"], FEATURES) is None


def test_the_installed_starter_is_read_without_a_store(store, tmp_path):
    assert installed(store.settings) is None
    bundle = plant(store, tmp_path)
    found = installed(store.settings)
    assert found is not None
    assert found.labels == bundle.labels
