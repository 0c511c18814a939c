"""Each screen in each state, run without a browser. What moves under the pointer is tested in Chromium."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from toys import labelled_csv

from tagger.errors import StorageError
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.services import filtering, importing, labelset, runs, training
from tagger.services import review as reviewing
from tagger.services.filtering import Filter
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.ui.filters import SORTED
from tagger.ui.widgets import counted

ROOT = Path(__file__).parents[2]
PAGES = ("home", "upload", "review", "train", "thresholds", "experiments", "export")


def texts(page: AppTest) -> str:
    return "\n".join(element.value for element in [*page.markdown, *page.info, *page.caption, *page.subheader])


def fill(store: Store) -> None:
    text = labelled_csv() + "2024-04-01,TESCO groceries zzz,-9.99,\n"
    import_files(store, [Upload("bank.csv", text.encode())], Progress())
    recipe = Recipe(head=HeadSettings(kind="logistic"), n_folds=3)
    training.train(store, recipe, Progress(), promote_it=True)


@pytest.fixture
def filled(prepared) -> Store:
    """A labelled statement and one unlabelled row, tagged by a promoted run."""
    return prepared(fill)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("home", "Drop in a bank statement"),
        ("upload", "Choose a file above"),
        ("train", "Confirm some transactions on the Review page first"),
        ("thresholds", "Nothing to tune yet"),
        ("experiments", "Too little to compare yet"),
        ("export", "Nothing to export yet"),
    ],
)
def test_a_page_without_any_data_says_what_to_do(opened, name, says):
    shown = texts(opened(name))
    assert says in shown
    assert "n/a" not in shown


@pytest.mark.parametrize("name", PAGES)
def test_a_page_with_data_runs(opened, name, filled):
    opened(name)


@pytest.mark.parametrize("name", PAGES)
def test_a_run_that_cannot_be_read_is_named_on_every_page_and_there_is_a_way_on(opened, name, filled):
    run_id = filled.view().tagging.run_id
    (filled.settings.runs_path / run_id / "run.json").write_text("{")
    page = opened(name)
    assert run_id in page.error[0].value.replace("\\", "")
    assert page.button[0].label == "Tag with the starter instead"


def test_a_damaged_run_can_be_discarded(filled):
    run_id = filled.view().tagging.run_id
    (filled.settings.runs_path / run_id / "run.json").write_text("{")
    fresh = Store(filled.settings)
    assert runs.discard(fresh, run_id) == {"run_id": run_id, "discarded": True}
    assert fresh.view().tagging.run_id == "starter"


def test_a_slider_that_could_not_be_stored_is_told_and_loses_no_page(opened, filled, monkeypatch):
    page = opened("thresholds")
    page.session_state["failed_in_callback"] = StorageError("The disk is full: here.", hint="Free some space.")
    page.run()
    assert "Free some space" in page.error[0].value.replace("\\", "")
    assert not page.run().error


def test_home_offers_the_sample_first(opened):
    page = opened("home")
    assert [button.label for button in page.button] == ["Try it with sample data", "Upload a statement"]


def test_home_names_the_one_next_step(opened, filled):
    page = opened("home")
    assert page.subheader[0].value == "1 transaction waits for your eye"
    assert page.button[0].label == "Review"


def test_train_cannot_start_without_anything_reviewed(opened):
    page = opened("train")
    assert [button.label for button in page.button] == ["Review"]
    assert "Nothing to learn from yet" in texts(page)


def test_train_says_what_its_numbers_were_measured_on(opened, filled):
    shown = texts(opened("train"))
    assert "On descriptions never seen in training" in shown
    assert "42 transactions, 42 descriptions, out of fold" in shown
    assert "On a random later batch" in shown


def test_thresholds_say_why_their_scores_need_not_be_those_of_train_without_saying_which_are_higher(opened, filled):
    shown = texts(opened("thresholds"))
    assert "These scores can differ from those on the Train page" in shown
    assert "higher than" not in shown


def test_export_counts_every_transaction(opened, filled):
    page = opened("export")
    assert {metric.label: metric.value for metric in page.metric} == {
        "Transactions": "43",
        "Confirmed": "42",
        "Remembered": "0",
        "Predicted": "1",
    }


def test_names_from_data_are_text_and_the_tag_filter_survives_in_the_address(opened, filled):
    name = "![i](http://example.org/leak.png) *x*"
    labelset.add(filled, name)
    page = opened("review")
    options = next(each for each in page.button_group if each.key == "tags").options
    assert [option.replace("\\", "") for option in options if "leak" in option] == [name]
    assert not any("![" in option or " *x" in option for option in options)
    again = AppTest.from_file(page._script_path, default_timeout=30)
    again.query_params["tags"] = ["fuel"]
    assert "14 transactions" in texts(again.run())
    assert again.query_params["tags"] in ("fuel", ["fuel"])


def second_import(store: Store) -> str:
    """Rows of another account, of which a person says otherwise than the model; the import as the filter names it."""
    text = "date,description,amount\n2024-05-01,TESCO groceries yyy,-75.00\n2024-05-02,Nothing like it,5.00\n"
    report = import_files(store, [Upload("joint.csv", text.encode(), account="joint")], Progress())
    view = store.view()
    row = next(row for row in range(len(view.columns)) if view.columns.descriptions[row] == "TESCO groceries yyy")
    groceries = next(label for label in view.labels if label.name == "groceries")
    step = {"operation": "no", "kind": "verdict", "transaction": view.columns.ids[row]}
    reviewing.apply(store, [{**step, "label": groceries.id, "value": "no"}])
    day = importing.batches(store)[0].created_at
    return f"{day:%Y-%m-%d} joint.csv · {report['batch_id'][:4]}"


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ({"q": "groceries -zzz"}, Filter(text="groceries -zzz")),
        ({"q": ">70 date:2024-05"}, Filter(text=">70 date:2024-05")),
        ({"show": "To review"}, Filter(state=filtering.OPEN)),
        ({"tags": ["fuel", "rent"]}, Filter(tags=(2, 3))),
        ({"tags": ["fuel"], "said": "true"}, Filter(tags=(2,), said=True)),
        ({"untagged": "true"}, Filter(untagged=True)),
        ({"without": ["groceries", "gone"]}, Filter(without=(1,))),
        ({"unjudged": ["groceries"]}, Filter(not_judged=(1,))),
        ({"disagrees": "true"}, Filter(disagrees=True)),
        ({"since": "2024-05-02"}, Filter(since=date(2024, 5, 2))),
        ({"until": "2024-05-01", "unjudged": ["fuel"]}, Filter(until=date(2024, 5, 1), not_judged=(2,))),
        ({"account": ["joint"]}, Filter(accounts=("joint",))),
        ({"account": ["No account"]}, Filter(accounts=("",))),
        ({"import": ["second"]}, Filter(accounts=("joint",))),
    ],
    ids=str,
)
def test_each_filter_lies_in_the_address(opened, filled, address, wanted):
    name = second_import(filled)
    page = AppTest.from_file(str(ROOT / "pages" / "review.py"), default_timeout=30)
    for key, value in address.items():
        page.query_params[key] = [name] if value == ["second"] else value
    page.run()
    assert not page.exception
    view = filled.view()
    assert [label.name for label in view.labels[:3]] == ["groceries", "fuel", "rent"]
    found = filtering.find(view, wanted)
    assert 0 < len(found.ids) < len(view.columns)
    assert f"{counted(len(found.ids), 'transaction')} · {found.n_open} to review" in texts(page)
    for key in address:
        assert key in page.query_params


@pytest.mark.parametrize("order", SORTED)
def test_rows_can_be_sorted_otherwise_and_then_say_their_dates(review, listed, filled, order):
    rows = listed(review(order=order))
    assert [row["id"] for row in rows] == list(filtering.find(filled.view(), Filter(), order).ids[:50])
    assert all(re.match(r"\d+ \w{3} 2024", row["account"]) for row in rows)


def test_a_slip_in_the_search_is_pointed_out(opened, filled):
    page = AppTest.from_file(str(ROOT / "pages" / "review.py"), default_timeout=30)
    page.query_params["q"] = "date:2024-13 tesco"
    shown = texts(page.run()).replace("\\", "")
    assert "Left out of the search, since it is no date or amount: “date:2024-13”" in shown
