"""What deserves a second look, on Review."""

from __future__ import annotations

import pytest
from steps import add_scored_run, do, flipped, ids_by_description, import_and_train, import_csv, statement, verdict

from tagger.services import labelset, quality
from tagger.services.store import Store

# Equal but for digits; the last one was taken for something else. "fuels" is a slip of the pen for "fuel".
SLIPS = [f"2024-05-{day:02d},MOBIL {day},-20.00,fuel" for day in range(1, 8)] + [
    "2024-05-09,MOBIL 9,-20.00,groceries",
    "2024-05-10,PETROL STATION,-20.00,fuels",
]
pytestmark = pytest.mark.usefixtures("one_thread")


def slips(store: Store) -> None:
    import_and_train(store, *SLIPS)


@pytest.fixture
def doubtful(prepared) -> Store:
    return prepared(slips)


def test_opening_review_works_nothing_out_and_offers_the_lists_beside_the_queue(review, doubtful, monkeypatch):
    monkeypatch.setattr(quality, "find", None)  # not there to be called
    for address in ({}, {"order": "queue"}):
        assert review(**address).selectbox(key="order").options == [
            "Newest first",
            "Largest amounts first",
            "Least certain first",
            "What to label next",
            "Likely errors",
            "Equal rows, different tags",
            "Tags nearly the same",
            "Tags that never win",
        ]


def test_the_lists_are_worked_out_once_when_one_is_opened(review, listed, doubtful, monkeypatch):
    looked = []
    whole = quality.find

    def find(store, view):
        looked.append(whole(store, view))
        return looked[-1]

    monkeypatch.setattr(quality, "find", find)
    page = review()
    page.selectbox(key="order").set_value("errors").run()
    (found,) = looked
    assert [row["id"] for row in listed(page)] == list(found.slips.ids)
    for order in ("alike", "newest", "conflicts"):
        page.selectbox(key="order").set_value(order).run()
        assert not page.exception
        assert page.selectbox(key="order").value == order
    assert [row["id"] for row in listed(page)] == list(found.conflicts.ids)
    assert len(looked) == 1


def test_a_new_store_is_offered_no_empty_list(review):
    assert review().selectbox(key="order").options == [
        "Newest first",
        "Largest amounts first",
        "Least certain first",
        "What to label next",
    ]


def test_a_likely_error_can_be_confirmed_again_and_offers_what_it_may_be_instead(review, listed, doubtful):
    page = review(order="errors")
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
    assert row["id"] not in [each["id"] for each in listed(review(order="errors"))]


def test_the_search_narrows_a_list(review, listed, doubtful):
    assert {row["description"] for row in listed(review(order="errors", q="mobil"))} == {"MOBIL 9"}


def test_a_list_that_ends_at_the_most_doubtful_rows_says_so(review, doubtful, monkeypatch):
    n_doubted = len(quality.find(doubtful, doubtful.view()).slips.picks)
    assert n_doubted >= 1
    assert "doubtful ·" not in "".join(each.value for each in review(order="errors").caption)
    monkeypatch.setattr(quality, "SIZE", n_doubted)
    page = review(order="errors")
    assert f"The {n_doubted} most doubtful · {n_doubted} to review" in [each.value for each in page.caption]
    page.text_input(key="q").set_value("no such row").run()
    assert f"0 of the {n_doubted} most doubtful · 0 to review" in [each.value for each in page.caption]


def test_when_all_are_checked_the_way_on_is_offered(review, listed, doubtful):
    page = review(order="conflicts")
    for row in listed(page):
        do(doubtful, kind="confirm", transaction=row["id"], present=[], reason="check")
    page.run()
    assert any("All of these are checked" in each.value for each in page.markdown)
    next(each for each in page.button if each.label == "Look again").click().run()
    assert not page.exception


def test_two_names_for_one_thing_are_offered_to_be_merged(review, doubtful):
    page = review(order="alike")
    assert "**fuels** (1 row) and **fuel**" in page.markdown[0].value
    page.button(key="merge_0").click().run()
    assert any("Every row with **fuels** gets **fuel** instead" in each.value for each in page.markdown)
    assert "Merge into fuel" in [each.label for each in page.button]


def keep_all_pairs(store: Store) -> int:
    pairs = quality.find(store, store.view()).pairs
    for pair in pairs:
        quality.keep_both(store, pair)
    return len(pairs)


def test_a_pair_that_is_kept_stays_where_it_is_until_review_is_opened_again_and_can_be_taken_back(review, doubtful):
    page = review(order="alike")
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


def test_kept_pairs_stand_apart_and_can_be_listed_again(review, doubtful):
    n_pairs = keep_all_pairs(doubtful)
    page = review(order="alike")
    assert [each.value for each in page.info] == ["Nothing left here."]
    (kept,) = page.expander
    assert kept.label == f"Kept ({n_pairs})"
    assert "**fuels** (1 row) and **fuel**" in kept.markdown[0].value
    kept.button(key="undo_0").click().run()
    assert not page.exception
    assert page.button(key="keep_0").label == "Keep both"
    again = review(order="alike")
    assert again.expander[0].label == f"Kept ({n_pairs - 1})"
    assert "**fuels** (1 row) and **fuel**" in again.markdown[0].value
    assert again.button(key="keep_0").label == "Keep both"


def test_the_rows_of_a_pair_can_be_looked_at(review, listed, doubtful):
    page = review(order="alike")
    page.button(key="rows_0").click().run()
    assert not page.exception
    assert page.selectbox(key="order").value == "newest"
    assert "PETROL STATION" in {row["description"] for row in listed(page)}


def test_a_tag_that_never_wins_leads_to_its_next_step(review, doubtful):
    add_scored_run(doubtful, flipped(doubtful, "fuels", missed=1), promote=True)
    page = review(order="silent")
    assert any("**fuels** (1 row)" in each.value for each in page.markdown)
    assert page.button(key="merge_0").label == "Merge"


def test_the_rows_of_a_tag_that_never_wins_are_the_reviewed_ones_that_were_counted(review, listed, prepared):
    def filled(store: Store) -> None:
        import_and_train(store, *SLIPS, "2024-05-11,FUEL STOP XY,-20.00,")
        fuel = next(label.id for label in store.view().labels if label.name == "fuel")
        verdict(store, ids_by_description(store)["FUEL STOP XY"], fuel)
        import_csv(store, statement("2024-05-12,MOBIL 7,-20.00", header="date,description,amount"), "june.csv")

    store = prepared(filled)
    add_scored_run(store, flipped(store, "fuel", missed=100), promote=True)
    page = review()
    page.text_input(key="q").set_value("petrol").run()
    page.button_group(key="show").set_value(["To review"]).run()
    page.selectbox(key="order").set_value("silent").run()
    assert "on merchants never seen in training" in page.caption[0].value
    (tag,) = quality.find(store, store.view()).silent
    assert tag.name == "fuel"
    page.button(key="rows_0").click().run()
    rows = listed(page)
    assert len(rows) == tag.n_rows
    assert "FUEL STOP XY" in {row["description"] for row in rows}, "judged by a single verdict"
    assert not [row for row in rows if row["description"] == "MOBIL 7" and row["state"] == "open"]


def test_a_tag_with_too_few_examples_leads_to_the_queue_for_it(review, doubtful):
    add_scored_run(doubtful, flipped(doubtful, "groceries", missed=100), promote=True)
    labelset.rename(doubtful, "fuels", "yacht")
    page = review(order="silent")
    assert any("**groceries**" in each.value for each in page.markdown)
    assert page.button(key="threshold_0").label == "Go to thresholds"
    add_scored_run(doubtful, flipped(doubtful, "yacht", missed=1), promote=True)
    page = review(order="silent")
    page.button(key="find_0").click().run()
    assert not page.exception
    assert (page.selectbox(key="order").value, page.selectbox(key="for").value) == ("queue", "yacht")
