"""What deserves a second look, on Review."""

from __future__ import annotations

import json

import pytest
from steps import add_scored_run, do, flipped
from streamlit.testing.v1 import AppTest
from toys import labelled_csv

from tagger.config import Settings
from tagger.learning.recipe import Recipe
from tagger.services import labelset, quality, training
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store

# Equal but for digits; the last one was taken for something else. "fuels" is a slip of the pen for "fuel".
SLIPS = [f"2024-05-{day:02d},MOBIL {day},-20.00,fuel" for day in range(1, 8)] + [
    "2024-05-09,MOBIL 9,-20.00,groceries",
    "2024-05-10,PETROL STATION,-20.00,fuels",
]
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def doubtful() -> Store:
    store = Store(Settings.from_environment())
    import_files(store, [Upload("bank.csv", (labelled_csv(20) + "\n".join(SLIPS) + "\n").encode())], Progress())
    training.train(store, Recipe(n_folds=3), Progress(), promote_it=True)
    return store


def review(opened, **address: str) -> AppTest:
    page = AppTest.from_file(opened("review")._script_path, default_timeout=30)
    for name, value in address.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception, page.exception
    return page


def listed(page: AppTest) -> list[dict]:
    (component,) = [each for each in page.main if "BidiComponent" in type(each.proto).__name__]
    return [row for day in json.loads(component.proto.json)["days"] for row in day["rows"]]


def test_opening_review_works_nothing_out_and_offers_the_lists_beside_the_queue(opened, doubtful, monkeypatch):
    monkeypatch.setattr(quality, "find", None)  # not there to be called
    for address in ({}, {"order": "queue"}):
        assert review(opened, **address).selectbox(key="order").options == [
            "Newest first",
            "What to label next",
            "Likely errors",
            "Equal rows, different tags",
            "Tags nearly the same",
            "Tags that never win",
        ]


def test_the_lists_are_worked_out_once_when_one_is_opened(opened, doubtful, monkeypatch):
    looked = []
    whole = quality.find

    def find(store, view):
        looked.append(whole(store, view))
        return looked[-1]

    monkeypatch.setattr(quality, "find", find)
    page = review(opened)
    page.selectbox(key="order").set_value("errors").run()
    (found,) = looked
    assert [row["id"] for row in listed(page)] == list(found.slips.ids)
    for order in ("alike", "newest", "conflicts"):
        page.selectbox(key="order").set_value(order).run()
        assert not page.exception
        assert page.selectbox(key="order").value == order
    assert [row["id"] for row in listed(page)] == list(found.conflicts.ids)
    assert len(looked) == 1


def test_a_new_store_is_offered_no_empty_list(opened):
    assert review(opened).selectbox(key="order").options == ["Newest first", "What to label next"]


def test_a_likely_error_can_be_confirmed_again_and_offers_what_it_may_be_instead(opened, doubtful):
    page = review(opened, order="errors")
    (row,) = [row for row in listed(page) if row["description"] == "MOBIL 9"]
    names = {label.id: label.name for label in doubtful.view().labels}
    assert row["why"].startswith("The file said groceries, not fuel; ")
    assert (row["reason"], row["state"]) == ("check", "open")
    assert [names[each] for each in row["rejected"]] == ["fuel"]
    n_rows = len(listed(page))

    present = [tag["label"] for tag in row["tags"]]
    do(doubtful, kind="confirm", transaction=row["id"], present=present, reason=row["reason"])
    page.run()
    (after,) = [each for each in listed(page) if each["id"] == row["id"]]
    assert (after["state"], after["rejected"]) == ("confirmed", [])
    assert len(listed(page)) == n_rows  # it does not vanish under the pointer
    assert row["id"] not in [each["id"] for each in listed(review(opened, order="errors"))]


def test_the_search_narrows_a_list(opened, doubtful):
    assert {row["description"] for row in listed(review(opened, order="errors", q="mobil"))} == {"MOBIL 9"}


def test_when_all_are_checked_the_way_on_is_offered(opened, doubtful):
    page = review(opened, order="conflicts")
    for row in listed(page):
        do(doubtful, kind="confirm", transaction=row["id"], present=[], reason="check")
    page.run()
    assert any("All of these are checked" in each.value for each in page.markdown)
    next(each for each in page.button if each.label == "Look again").click().run()
    assert not page.exception


def test_two_names_for_one_thing_are_offered_to_be_merged(opened, doubtful):
    page = review(opened, order="alike")
    assert "**fuels** (1 row) and **fuel**" in page.markdown[0].value
    page.button(key="merge_0").click().run()
    assert any("Every row with **fuels** gets **fuel** instead" in each.value for each in page.markdown)
    assert "Merge into fuel" in [each.label for each in page.button]


def keep_all_pairs(store: Store) -> int:
    pairs = quality.find(store, store.view()).pairs
    for pair in pairs:
        quality.keep_both(store, pair)
    return len(pairs)


def test_a_pair_that_is_kept_stays_where_it_is_until_review_is_opened_again_and_can_be_taken_back(opened, doubtful):
    page = review(opened, order="alike")
    first, *others = quality.find(doubtful, doubtful.view()).pairs
    assert not page.expander
    page.button(key="keep_0").click().run()
    found = quality.find(doubtful, doubtful.view())
    assert (found.pairs, found.kept) == (tuple(others), (first,))
    assert "**fuels** (1 row) and **fuel**" in page.markdown[0].value
    assert [each.label for each in page.button if each.key.endswith("_0")] == ["Undo"]
    page.button(key="undo_0").click().run()
    assert [each.label for each in page.button if each.key.endswith("_0")] == ["Show rows", "Merge", "Keep both"]
    assert quality.find(doubtful, doubtful.view()).kept == ()


def test_kept_pairs_stand_apart_and_can_be_listed_again(opened, doubtful):
    n_pairs = keep_all_pairs(doubtful)
    page = review(opened, order="alike")
    assert [each.value for each in page.info] == ["Nothing left here."]
    (kept,) = page.expander
    assert kept.label == f"Kept ({n_pairs})"
    assert "**fuels** (1 row) and **fuel**" in kept.markdown[0].value
    kept.button(key="undo_0").click().run()
    assert not page.exception
    assert page.button(key="keep_0").label == "Keep both"
    again = review(opened, order="alike")
    assert again.expander[0].label == f"Kept ({n_pairs - 1})"
    assert "**fuels** (1 row) and **fuel**" in again.markdown[0].value
    assert again.button(key="keep_0").label == "Keep both"


def test_the_rows_of_a_pair_can_be_looked_at(opened, doubtful):
    page = review(opened, order="alike")
    page.button(key="rows_0").click().run()
    assert not page.exception
    assert page.selectbox(key="order").value == "newest"
    assert "PETROL STATION" in {row["description"] for row in listed(page)}


def test_a_tag_that_never_wins_leads_to_its_next_step(opened, doubtful):
    add_scored_run(doubtful, flipped(doubtful, "fuels", missed=1), promote=True)
    page = review(opened, order="silent")
    assert any("**fuels** (1 row)" in each.value for each in page.markdown)
    assert page.button(key="merge_0").label == "Merge"


def test_a_tag_with_too_few_examples_leads_to_the_queue_for_it(opened, doubtful):
    add_scored_run(doubtful, flipped(doubtful, "groceries", missed=100), promote=True)
    labelset.rename(doubtful, "fuels", "yacht")
    page = review(opened, order="silent")
    assert any("**groceries**" in each.value for each in page.markdown)
    assert page.button(key="threshold_0").label == "Go to thresholds"
    add_scored_run(doubtful, flipped(doubtful, "yacht", missed=1), promote=True)
    page = review(opened, order="silent")
    page.button(key="find_0").click().run()
    assert not page.exception
    assert (page.selectbox(key="order").value, page.selectbox(key="for").value) == ("queue", "yacht")
