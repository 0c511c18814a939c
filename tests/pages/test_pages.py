"""Each screen in each state, run without a browser. What moves under the pointer is tested in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from toys import ToyEncoder, labelled_csv

from tagger.config import Settings
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.services import training
from tagger.services.encoding import Encoding
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store

ROOT = Path(__file__).parents[2]
PAGES = ("home", "upload", "review", "train", "thresholds", "export")


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("TAGGER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Settings, "starter_path", property(lambda self: self.home / "no starter"))
    monkeypatch.setattr(Encoding, "encoder", property(lambda self: ToyEncoder()))
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def opened(name: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=30).run()
    assert not page.exception, page.exception
    return page


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in [*page.markdown, *page.info, *page.caption, *page.subheader])


@pytest.fixture
def filled() -> Store:
    """A labelled statement and one unlabelled row, tagged by a promoted run."""
    store = Store(Settings.from_environment())
    text = labelled_csv() + "2024-04-01,TESCO groceries zzz,-9.99,\n"
    import_files(store, [Upload("bank.csv", text.encode())], Progress())
    recipe = Recipe(head=HeadSettings(kind="logistic"), n_folds=3)
    training.train(store, recipe, Progress(), promote_it=True)
    return store


@pytest.mark.parametrize("name", PAGES)
def test_a_page_without_any_data_says_what_to_do(name):
    page = opened(name)
    assert page.title[0].value
    assert "n/a" not in texts(page)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_data_runs(name, filled):
    opened(name)


def test_home_offers_the_sample_first():
    page = opened("home")
    assert [button.label for button in page.button] == ["Try it with sample data", "Upload a statement"]


def test_home_names_the_one_next_step(filled):
    page = opened("home")
    assert page.subheader[0].value == "1 transactions wait for your eye"
    assert page.button[0].label == "Review"


def test_train_cannot_start_without_anything_reviewed():
    page = opened("train")
    assert page.button[0].label == "Train"
    assert page.button[0].disabled
    assert "Nothing has been reviewed yet" in texts(page)


def test_train_says_what_its_numbers_were_measured_on(filled):
    shown = texts(opened("train"))
    assert "On descriptions never seen in training: 42 transactions" in shown
    assert "On a random later batch" in shown


def test_saving_is_off_until_a_threshold_moved(filled):
    save = next(button for button in opened("thresholds").button if button.label == "Save thresholds")
    assert save.disabled


def test_a_draft_survives_a_new_session_and_can_be_saved(filled):
    from tagger.services import tuning

    panel = tuning.panel(filled)
    label_id = panel.labels[0].label.id
    tuning.keep_draft(filled, panel.run_id, panel.saved | {label_id: 0.875})
    page = opened("thresholds")
    save = next(button for button in page.button if button.label == "Save thresholds")
    assert not save.disabled
    save.click().run()
    assert not page.exception
    assert tuning.panel(filled).saved[label_id] == 0.875


def test_export_counts_every_transaction(filled):
    page = opened("export")
    assert {metric.label: metric.value for metric in page.metric} == {
        "Transactions": "43",
        "Confirmed": "42",
        "Remembered": "0",
        "Predicted": "1",
    }
