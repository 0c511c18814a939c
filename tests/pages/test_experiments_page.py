"""Experiments: what is tried, what it showed and on what, and handing a setting to Train. Without a browser."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from steps import confirm
from streamlit.testing.v1 import AppTest
from toys import labelled_csv

from tagger.config import Settings
from tagger.learning.recipe import Recipe, canonical
from tagger.services import experiments, training, tries
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store

pytestmark = pytest.mark.usefixtures("one_thread")


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.info, *page.caption, *page.subheader, *page.warning]
    return "\n".join(element.value for element in elements).replace("\\", "")


def button(page: AppTest, label: str):
    return next(each for each in page.button if each.label == label)


def picker(page: AppTest):
    return next(each for each in page.selectbox if each.label == "Setting")


def filled(n_per_kind: int = 14) -> Store:
    store = Store(Settings.from_environment())
    fill(store, n_per_kind)
    return store


def fill(store: Store, n_per_kind: int = 14) -> None:
    text = labelled_csv(n_per_kind) + "2024-04-01,TESCO groceries zzz,-9.99,\n"
    import_files(store, [Upload("bank.csv", text.encode())], Progress())


def fill_and_measure(store: Store) -> None:
    fill(store)
    training.train(store, Recipe(features="mean+lexical", thresholds="grid", n_folds=3), Progress(), promote_it=True)
    experiments.measure(store, "grid", Progress())


@pytest.fixture
def measured(prepared) -> Store:
    """Everything in the set that the page opens with, measured."""
    return prepared(fill_and_measure)


def table(page: AppTest):
    return page.dataframe[0].value


@pytest.mark.parametrize(("n_per_kind", "so_far"), [(0, "Nothing is reviewed yet."), (5, "Reviewed so far: 15.")])
def test_with_too_little_reviewed_the_page_says_how_much_it_takes_and_where(opened, n_per_kind, so_far):
    filled(n_per_kind)
    page = opened("experiments")
    assert [each.value for each in page.subheader] == ["Too little to compare yet"]
    assert f"It takes 30 different descriptions to tell them apart. {so_far}" in texts(page)
    assert [each.label for each in page.button] == ["Review"]


def test_before_the_first_start_it_says_how_many_settings_and_roughly_how_long(opened):
    filled()
    page = opened("experiments")
    assert "16 settings in 12 fits, less than a minute." in texts(page)
    assert not button(page, "Run the tries").disabled
    assert not page.dataframe
    page.segmented_control(key="set").set_value("Layers").run()
    assert "one thing changed at a time: pooling" not in texts(page)
    assert "depth, width, dropout" in texts(page)


def test_the_results_say_on_what_they_were_measured_and_that_none_is_better(opened, measured):
    page = opened("experiments")
    shown = texts(page)
    assert "Out of fold on 42 transactions with 42 descriptions never seen in training; the same 3 folds" in shown
    assert "mean of all tokens, words; logistic head; grid thresholds" in shown
    assert "None is better than Current setting beyond chance." in shown
    assert "partly luck" not in shown
    assert "All 16 settings are measured." in shown
    assert button(page, "Run the tries").disabled
    rows = table(page)
    assert len(rows) == 16
    assert rows[rows["Setting"] == "Current setting"]["Difference"].tolist() == ["–"]
    own = [float(each.replace("−", "-")) for each in rows["Difference"] if each != "–"]
    assert own == sorted(own, reverse=True)


def test_what_was_reviewed_since_is_said_and_can_be_counted_in(opened, measured):
    view = measured.view()
    row = view.columns.descriptions.index("TESCO groceries zzz")
    confirm(measured, view.columns.ids[row], [view.labels[0].id])
    page = opened("experiments")
    assert "1 transaction reviewed or corrected since." in texts(page)
    assert "Out of fold on 42 transactions" in texts(page)
    assert not button(page, "Run the tries").disabled


def test_another_setting_in_use_is_pointed_out(opened, measured):
    training.train(measured, Recipe(features="cls+lexical", n_folds=3), Progress(), promote_it=True)
    assert "Your transactions, your tags or the setting in use changed since." in texts(opened("experiments"))


def test_a_setting_is_handed_to_train_which_trains_with_it(opened, measured):
    page = opened("experiments")
    assert len(picker(page).options) == 16
    picker(page).set_value("Feed-forward head")
    button(page, "Use this setting").click().run()
    wanted = page.session_state["session"].wanted
    assert wanted[0] == "Feed-forward head"

    train = AppTest.from_file(opened("train")._script_path, default_timeout=30)
    train.session_state["session"] = page.session_state["session"]
    train.run()
    assert not train.exception
    assert "Filled in from Experiments: **Feed-forward head**." in texts(train)
    shown = {each.label: each.value for each in train.selectbox}
    assert (shown["Features"], shown["Head"]) == ("Mean of all tokens", "Feed-forward")
    assert shown["Thresholds"] == "Grid (17 points, best F1)"
    besides = {each.label: each.value for each in train.multiselect}
    assert besides == {"Besides the embedding": ["Words"], "Widths": [128, 64]}

    button(train, "Back to automatic").click().run()
    assert {each.label: each.value for each in train.selectbox}["Features"] == "Automatic"
    assert "Filled in" not in texts(train)


@pytest.mark.parametrize(
    ("intervals", "offered"),
    [
        ([None, (-0.1, 0.3), (0.01, 0.2), (0.05, 0.1)], "setting 2"),
        ([(0.001, 0.3), (0.05, 0.2)], "setting 0"),
        ([(-0.1, 0.3), (0.0, 0.2), (-0.2, -0.1)], "Current setting"),
    ],
)
def test_a_setting_is_offered_beforehand_only_if_it_is_better_beyond_chance(
    opened, measured, monkeypatch, intervals, offered
):
    plan, report = experiments.overview(measured, "grid")
    some = [
        each | {"name": f"setting {at}", "change": {"macro": {"change": 0.1 - at / 100, "interval": interval}}}
        for at, (each, interval) in enumerate(zip(report["tries"], intervals, strict=False))
    ]
    monkeypatch.setattr(experiments, "overview", lambda *_, **__: (plan, report | {"tries": some}))
    page = opened("experiments")
    assert picker(page).value == offered
    # What is best by chance alone is not called the best.
    assert (f"The best of {len(some)} is partly luck." in texts(page)) == (offered != "Current setting")
    assert ("None is better than Current setting" in texts(page)) == (offered == "Current setting")
    picker(page).set_value("setting 1").run()
    assert picker(page).value == "setting 1"
    monkeypatch.undo()


def test_layers_are_compared_with_the_original_net_so_the_current_setting_is_offered(opened, measured, monkeypatch):
    plan, report = experiments.overview(measured, "grid")
    better = {"macro": {"change": 0.1, "interval": (0.05, 0.2)}}
    some = [{**each, "change": better} for each in report["tries"]]
    original, own = some[0], some[3]
    report |= {"set": "heads", "reference": original, "tries": some[1:], "current": own["name"]}
    monkeypatch.setattr(experiments, "overview", lambda *_, **__: (plan, report))
    assert picker(opened("experiments")).value == own["name"]
    report["current"] = None
    assert picker(opened("experiments")).value == some[1]["name"]


def form() -> None:
    """Train's form alone; what it says is put where the test finds it."""
    import streamlit as st

    from tagger.ui import recipes

    st.session_state["found"] = recipes.choose(st.session_state["session"], disabled=False)


@pytest.mark.parametrize("kind", ["grid", "heads"])
@pytest.mark.parametrize("features", ["auto", "cls+lexical+date"])
def test_every_setting_comes_out_of_the_form_as_it_went_in(kind, features):
    for each in tries.tries(kind, Recipe(features=features, seed=7, n_folds=4), 100):
        page = AppTest.from_function(form)
        page.session_state["session"] = SimpleNamespace(wanted=(each.name, each.recipe))
        page.run()
        assert not page.exception, each.name
        assert canonical(page.session_state["found"], 100) == each.recipe


def test_the_tries_run_in_the_background_and_the_page_shows_what_came_of_it(opened):
    store = filled()
    page = opened("experiments")
    page.segmented_control(key="set").set_value("Combinations").run()
    button(page, "Run the tries").click().run()
    runner = page.session_state["session"].jobs
    runner.wait(runner.latest().id, timeout=60)
    page.run()
    assert not page.exception
    assert "All 8 settings are measured." in texts(page)
    assert len(table(page)) == 8
    assert experiments.overview(store, "combinations")[1]["is_complete"]
