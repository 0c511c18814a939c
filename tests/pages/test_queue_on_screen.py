"""What to label next on Review, and the learning curve on Train."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

import pytest
from steps import confirm, do, import_and_train, import_csv, verdict
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block
from toys import labelled_csv

from tagger.errors import TrainingError
from tagger.learning.recipe import Recipe
from tagger.services import curve, queue, training
from tagger.services.filtering import Filter
from tagger.services.importing import Upload, import_files
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store

ROWS = [f"2024-04-{day:02d},{shop} {day * 'z'},-9.99," for day in range(1, 8) for shop in ("TESCO", "SHELL")]
pytestmark = pytest.mark.usefixtures("one_thread")


def open_rows(store: Store) -> None:
    import_and_train(store, *ROWS)


@pytest.fixture
def filled(prepared) -> Store:
    """60 labelled descriptions, 14 open ones, and a promoted run."""
    return prepared(open_rows)


def captions(page: AppTest) -> str:
    return "\n".join(each.value.replace("\\", "") for each in page.caption)


def address(page: AppTest, name: str) -> str | None:
    found = page.query_params.get(name)
    return found[0] if isinstance(found, list) else found


def test_review_starts_with_the_newest_rows_and_says_nothing_of_the_queue_in_the_address(review, listed, filled):
    page = review()
    assert page.selectbox(key="order").value == "newest"
    assert address(page, "order") is None
    assert all(row["why"] == "" and row["reason"] == "" for row in listed(page))


def test_the_queue_is_a_choice_that_stands_in_the_address(review, filled):
    page = review()
    page.selectbox(key="order").set_value("queue").run()
    assert address(page, "order") == "queue"
    page.selectbox(key="order").set_value("newest").run()
    assert address(page, "order") is None


def test_an_address_with_the_queue_shows_the_picks_in_their_order_each_with_its_reason(review, listed, filled):
    page = review(order="queue")
    picks = queue.ask(filled, filled.view()).picks
    rows = listed(page)
    assert [row["id"] for row in rows] == [pick.id for pick in picks]
    assert [(row["why"], row["reason"]) for row in rows] == [(pick.why, pick.reason) for pick in picks]
    assert {row["reason"] for row in rows} == {"queue", "audit"}
    assert rows[0]["account"].endswith("Apr 2024"), "the date is told, as no heading says it"
    assert "14 of 14 picks open · 14 to review in all" in captions(page)


def test_an_unknown_order_or_tag_in_the_address_is_passed_over(review, filled):
    assert review(order="best").selectbox(key="order").value == "newest"
    page = review(order="queue", **{"for": "no such tag"})
    assert page.selectbox(key="for").value is None
    assert address(page, "for") is None


def test_the_queue_can_ask_about_one_tag(review, listed, filled):
    page = review(order="queue", **{"for": "fuel"})
    rows = listed(page)
    assert rows[0]["description"].startswith("SHELL")
    assert all("fuel" in row["why"] and row["reason"] == "queue" for row in rows)
    assert address(page, "for") == "fuel"


def test_the_queue_asks_among_the_rows_that_a_search_leaves(review, listed, filled):
    rows = listed(review(order="queue", q="tesco"))
    assert len(rows) == 7
    assert all(row["description"].startswith("TESCO") for row in rows)


def test_the_queue_stands_still_while_it_is_worked_through_and_then_goes_on(review, listed, filled):
    page = review(order="queue", q="tesco")
    before = [row["id"] for row in listed(page)]
    confirm(filled, before[0])
    page.run()
    assert [row["id"] for row in listed(page)] == before
    assert listed(page)[0]["state"] == "confirmed"
    assert "6 to review" in captions(page)
    for row in before[1:]:
        confirm(filled, row)
    page.run()
    assert [row["id"] for row in listed(page)] == before
    next(button for button in page.button if button.label == "Ask for more").click().run()
    assert listed(page) == []


def test_a_queue_without_anything_left_says_so(review, filled):
    again = "date,description,amount\n2024-06-01,TESCO z,-1.00\n"
    import_files(filled, [Upload("june.csv", again.encode())], Progress())
    view = filled.view()
    for pick in queue.ask(filled, view, Filter(text="z")).picks:
        confirm(filled, pick.id)
    page = review(order="queue")
    (component,) = [each for each in page.main if "BidiComponent" in type(each.proto).__name__]
    assert json.loads(component.proto.json)["empty"]["title"] == "Nothing left to ask"


def test_a_queue_for_one_tag_without_anything_left_speaks_of_that_tag(review, filled):
    fuel = next(label.id for label in filled.view().labels if label.name == "fuel")
    for row in filled.view().columns.ids[-len(ROWS) :]:
        verdict(filled, row, fuel, "no")
    page = review(order="queue", **{"for": "fuel"})
    (component,) = [each for each in page.main if "BidiComponent" in type(each.proto).__name__]
    assert json.loads(component.proto.json)["empty"]["body"].startswith("Every description has a verdict on this tag.")


def test_the_score_of_random_picks_stands_above_the_queue(review, filled, monkeypatch):
    monkeypatch.setattr(queue, "MIN_AUDIT", 3)
    for row in [pick.id for pick in queue.ask(filled, filled.view()).picks][:3]:
        do(filled, kind="confirm", transaction=row, present=(), reason="audit")
    training.train(filled, Recipe(n_folds=3), Progress(), promote_it=True)
    assert "On 3 random picks, not chosen by the queue: micro F1" in captions(review(order="queue"))


def expander(page: AppTest) -> Block:
    return next(each for each in page.expander if each.label == "Learning curve")


def test_with_too_few_descriptions_the_curve_is_not_offered_and_the_rest_is_told(opened, prepared):
    def few(store: Store) -> None:
        import_csv(store, labelled_csv(14))

    prepared(few)
    shown = expander(opened("train"))
    (button,) = shown.button
    assert button.disabled
    assert "Review 8 more descriptions first." in [each.value for each in shown.caption]


def test_a_curve_that_is_being_measured_and_one_that_failed_stand_where_its_button_is(opened, filled):
    jobs, go_on = Jobs(filled), Event()

    def fail(progress: Progress) -> dict[str, Any]:
        go_on.wait(60)
        raise TrainingError("No curve today.", hint="Try tomorrow.")

    job = jobs.start(curve.KIND, fail)
    page = opened("train")
    assert [button.label for button in expander(page).button] == ["Stop"]
    assert next(button for button in page.button if button.label == "Train").disabled
    go_on.set()
    jobs.wait(job)
    page = opened("train")
    (said,) = page.error
    assert [each.value for each in expander(page).error] == [said.value]
    assert "No curve today" in said.value
    assert not expander(page).button[0].disabled


def test_a_curve_that_begins_at_a_starter_who_knows_its_rows_says_so(opened, filled):
    jobs = Jobs(filled)
    told = "Each point begins at the starter, which learned from the sample."
    for knows in (False, True):
        measured = curve.measure(filled, Progress()) | {"starter_knows": knows}
        jobs.wait(jobs.start(curve.KIND, lambda _, measured=measured: measured))
        assert (told in captions(opened("train"))) is knows


def test_train_measures_the_learning_curve_and_shows_it_with_a_hint(opened, review, filled):
    page = opened("train")
    assert "Measure the learning curve" in [button.label for button in page.button]
    jobs = Jobs(filled)
    jobs.wait(jobs.start(curve.KIND, lambda progress: curve.measure(filled, progress)))
    page = opened("train")
    assert "Measure again" in [button.label for button in page.button]
    said = curve.hint(curve.newest(filled))
    assert said
    assert said in [each.value.replace("\\", "") for each in page.markdown]
    assert "scored on all reviewed descriptions, out of fold" in captions(page)
    assert curve.why_no_projection(curve.newest(filled)) in captions(page)
    assert said in captions(review(order="queue"))
