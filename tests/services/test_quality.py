"""The four lists of what deserves a second look, and how a row leaves them for good."""

from __future__ import annotations

import numpy as np
import pytest
from steps import add_scored_run, confirm, do, flipped, import_csv, statement, truth, undo

from tagger.services import importing, labelset, quality
from tagger.services.quality import ALIKE, FEW, LOW, Findings
from tagger.services.store import Store
from tagger.storage.runs import STARTER


def spelled(number: int) -> str:
    """A word for a number: what differs in digits alone counts as equal."""
    return "".join(chr(97 + (number // 26**k) % 26) for k in range(3))


def bring(store: Store, *rows: tuple[str, str]) -> None:
    """Rows of (description, tags), the first one the newest."""
    lines = [
        f"2024-{12 - number // 28:02d}-{28 - number % 28:02d},{description},-{number}.00,{tags}"
        for number, (description, tags) in enumerate(rows)
    ]
    import_csv(store, statement(*lines))


def fuel_and_food(store: Store, n: int = 12) -> None:
    """So many descriptions of fuel and of food, each its own."""
    bring(store, *((f"{tag} {spelled(number)}", tag) for tag in ("fuel", "food") for number in range(n)))


def look(store: Store) -> Findings:
    return quality.find(store, store.view())


def shown(store: Store, asked: quality.Queue) -> list[tuple[str, str]]:
    columns = store.view().columns
    return [(columns.descriptions[columns.row_of_id[pick.id]], pick.why) for pick in asked.picks]


def row_of(store: Store, description: str) -> str:
    columns = store.view().columns
    return columns.ids[columns.descriptions.index(description)]


def label_id(store: Store, name: str) -> int:
    return next(label.id for label in store.view().labels if label.name == name)


def says(store: Store, **changed: tuple[str, ...]) -> np.ndarray:
    """The truth, but these descriptions (an underscore for the blank) have these tags."""
    view = store.view()
    said = truth(store).copy()
    for description, names in changed.items():
        row = view.columns.descriptions.index(description.replace("_", " "))
        said[row] = [label.name in names for label in view.labels]
    return said


def test_an_empty_store_has_nothing_to_find(store):
    assert look(store) == Findings(quality.Queue((), None), "", quality.Queue((), None), (), (), ())


def test_a_verdict_that_the_model_contradicts_out_of_fold_is_listed_with_the_reason_in_words(store):
    fuel_and_food(store)
    add_scored_run(store, says(store, fuel_baa=("food",)), promote=True)
    ((description, why),) = shown(store, look(store).slips)
    assert description == "fuel baa"
    assert why == ("The file said fuel, not food; the model, which did not see this row, says fuel 0.10, food 0.90")


def test_what_a_person_said_is_told_from_what_a_file_said(store):
    fuel_and_food(store)
    confirm(store, row_of(store, "fuel baa"), [])
    add_scored_run(store, says(store, fuel_baa=("fuel",)), promote=True)
    ((_, why),) = shown(store, look(store).slips)
    assert why == "You said not fuel; the model, which did not see this row, says 0.90"


@pytest.mark.parametrize(("n_fuel", "is_listed"), [(9, False), (10, True)])
def test_the_model_is_asked_about_tags_with_ten_descriptions_only_and_the_list_says_so(store, n_fuel, is_listed):
    bring(
        store,
        *((f"fuel {spelled(number)}", "fuel") for number in range(n_fuel)),
        *((f"food {spelled(number)}", "food") for number in range(12)),
    )
    add_scored_run(store, says(store, fuel_baa=(), food_baa=("food", "fuel")), promote=True)
    found = look(store)
    assert [description for description, _ in shown(store, found.slips)] == ["fuel baa", "food baa"] * is_listed
    assert (found.slips_note == "") == is_listed
    if not is_listed:
        assert found.slips_note == (
            "The model is asked only about tags with 10 or more different reviewed descriptions: 1 of 2 so far. "
            "For the others only equal rows count."
        )
        assert quality.listed(store, 5)["likely_errors"] == {"count": 0, "rows": [], "note": found.slips_note}


def test_a_verdict_that_was_not_given_is_no_slip(store):
    fuel_and_food(store)
    add_scored_run(store, says(store, fuel_baa=()), promote=True)
    assert len(look(store).slips.picks) == 1
    do(store, kind="verdict", transaction=row_of(store, "fuel baa"), label=label_id(store, "fuel"), value="clear")
    assert look(store).slips.picks == ()


def test_one_tag_in_the_place_of_another_comes_before_a_single_doubtful_verdict(store):
    fuel_and_food(store)
    add_scored_run(store, says(store, fuel_baa=(), food_baa=("fuel",)), promote=True)
    assert [description for description, _ in shown(store, look(store).slips)] == ["food baa", "fuel baa"]


def test_equal_rows_vote_beside_the_model_and_are_told(store):
    bring(store, *((f"SHOP {number}", "fuel" if number else "food") for number in range(9)))
    add_scored_run(store, says(store), promote=True)
    ((description, why),) = shown(store, look(store).slips)
    assert description == "SHOP 0"
    assert why.endswith("; 8 of 8 other rows like it disagree")


def test_a_run_that_learned_from_a_description_is_not_asked_about_it(store):
    bring(store, ("fuel baa 1", "fuel"), ("fuel baa 2", "fuel"), ("else", "food"))
    add_scored_run(store, truth(store), promote=True)
    import_csv(store, statement("2023-01-01,fuel baa 3,-1.00,food"), "later.csv")
    ((description, why),) = shown(store, look(store).slips)
    assert description == "fuel baa 3"
    assert "model" not in why


def test_with_the_starter_alone_equal_rows_still_show_slips(store):
    bring(store, *((f"SHOP {number}", "fuel" if number else "food") for number in range(9)))
    assert store.view().tagging.run_id == STARTER
    ((description, _),) = shown(store, look(store).slips)
    assert description == "SHOP 0"


def test_a_row_that_is_confirmed_again_leaves_both_lists_and_does_not_come_back(store):
    bring(store, *((f"SHOP {number}", "fuel" if number else "food") for number in range(9)))
    add_scored_run(store, says(store), promote=True)
    before = look(store)
    assert [len(before.slips.picks), len(before.conflicts.picks)] == [1, 1]
    pick = before.slips.picks[0]
    step = do(store, kind="confirm", transaction=pick.id, present=[label_id(store, "food")], reason=pick.reason)
    add_scored_run(store, ~truth(store), promote=True)
    after = look(store)
    assert pick.id not in after.slips.ids
    assert pick.id not in after.conflicts.ids
    undo(store, step)
    assert pick.id in look(store).slips.ids


def test_a_row_confirmed_for_another_reason_stays_in_doubt(store):
    fuel_and_food(store)
    add_scored_run(store, says(store, fuel_baa=("food",)), promote=True)
    confirm(store, row_of(store, "fuel baa"), [label_id(store, "fuel")])
    assert len(look(store).slips.picks) == 1


def test_a_corrected_row_is_in_doubt_no_longer(store):
    fuel_and_food(store)
    add_scored_run(store, says(store, fuel_baa=("food",)), promote=True)
    confirm(store, row_of(store, "fuel baa"), [label_id(store, "food")])
    assert look(store).slips.picks == ()


def test_equal_descriptions_with_different_tags_show_the_minority_those_with_most_rows_first(store):
    bring(
        store,
        *((f"KIOSK {number}", "fuel" if number else "food") for number in range(3)),
        *((f"SHOP {number}", "fuel" if number else "food") for number in range(5)),
        ("EVEN 1", "fuel"),
        ("EVEN 2", "food"),
        ("AGREED 1", "fuel"),
        ("AGREED 2", "fuel"),
    )
    found = shown(store, look(store).conflicts)
    assert [description for description, _ in found] == ["SHOP 0", "KIOSK 0", "EVEN 1", "EVEN 2"]
    assert found[0][1] in {
        "4 of 5 rows like it have fuel; this one has not",
        "1 of 5 rows like it has food; this one has",
    }


def test_two_names_for_one_thing_are_a_pair_the_rarer_one_first(store):
    bring(store, ("one", "groceries"), ("two", "groceries"), ("three", "Grocery"), ("four", "rent"))
    (pair,) = look(store).pairs
    assert (pair.names, pair.n_rows, pair.n_both) == (("Grocery", "groceries"), (1, 2), 0)
    assert pair.why == "Nearly the same name"
    labelset.merge(store, *pair.names)
    assert look(store).pairs == ()


def test_a_pair_that_is_kept_is_listed_no_more_until_that_is_taken_back(store):
    bring(store, ("one", "groceries"), ("two", "groceries"), ("three", "Grocery"), ("four", "rent"), ("five", "rents"))
    kept, other = sorted(look(store).pairs, key=lambda pair: pair.names)
    quality.keep_both(store, kept)
    assert (look(store).pairs, look(store).kept) == ((other,), (kept,))
    assert [pair["labels"] for pair in quality.listed(store, 5)["near_duplicates"]["pairs"]] == [list(other.names)]
    assert quality.is_kept(store, [other, kept]) == [False, True]
    quality.list_again(store, kept)
    assert (set(look(store).pairs), look(store).kept) == ({kept, other}, ())


def test_a_kept_pair_stays_kept_in_whichever_order_it_stands_after_a_restart_and_under_other_names(store):
    bring(store, ("one", "groceries"), ("two", "groceries"), ("three", "Grocery"), ("four", "rent"))
    quality.keep_both(store, look(store).pairs[0])
    for description in ("five", "six", "seven"):
        import_csv(store, statement(f"2023-01-01,{description},-1.00,Grocery"), f"{description}.csv")
    labelset.rename(store, "Grocery", "Groceries!")
    store.close()
    again = Store(store.settings)
    found = look(again)
    again.close()
    assert found.pairs == ()
    assert [pair.names for pair in found.kept] == [("groceries", "Groceries!")]


def test_a_kept_pair_does_not_hold_its_tags_when_their_import_is_taken_back(store):
    import_csv(store, statement("2024-03-01,one,-1.00,rent"), "first.csv")
    report = import_csv(store, statement("2024-03-02,two,-1.00,rents"), "second.csv")
    quality.keep_both(store, look(store).pairs[0])
    importing.undo_import(store, report["batch_id"])
    assert [label.name for label in store.view().labels] == ["rent"]
    assert store.db.check() == []


def test_tags_on_the_same_rows_are_a_pair(store):
    bring(store, *((spelled(number), "fuel|car") for number in range(6)), ("other", "rent"))
    (pair,) = look(store).pairs
    assert (set(pair.names), pair.n_both, pair.why) == ({"fuel", "car"}, 6, "Nearly the same rows")


@pytest.mark.parametrize(("n", "cause"), [(9, FEW), (10, LOW)])
def test_a_tag_that_never_wins_says_what_it_lacks(store, n, cause):
    bring(
        store,
        *((f"fuel {spelled(number)}", "fuel") for number in range(n)),
        *((f"food {spelled(number)}", "food") for number in range(20)),
    )
    add_scored_run(store, flipped(store, "fuel", missed=n), promote=True)
    (tag,) = look(store).silent
    assert (tag.name, tag.n_rows, tag.n_descriptions, tag.cause) == ("fuel", n, n, cause)
    assert (tag.highest, tag.threshold) == (pytest.approx(0.1), 0.5)
    assert tag.why.startswith("Never above 0.10 on its own rows")


def test_a_tag_that_wins_once_is_not_listed_and_neither_is_one_that_no_run_knows(store):
    fuel_and_food(store)
    add_scored_run(store, flipped(store, "fuel", missed=11), promote=True)
    confirm(store, row_of(store, "fuel baa"), [], new_labels=["yacht"])
    assert look(store).silent == ()


def test_a_tag_that_a_twin_beats_is_to_be_merged(store):
    bring(store, ("one", "groceries"), ("two", "groceries"), ("three", "Grocery"), ("four", "rent"))
    add_scored_run(store, flipped(store, "Grocery", missed=1), promote=True)
    (tag,) = look(store).silent
    assert (tag.cause, tag.like, tag.why) == (
        ALIKE,
        "groceries",
        "Never above 0.10 on its own rows; groceries takes its rows",
    )


def test_a_tag_that_never_wins_is_not_to_be_merged_with_one_that_is_kept_beside_it(store):
    bring(store, ("one", "groceries"), ("two", "groceries"), ("three", "Grocery"), ("four", "rent"))
    quality.keep_both(store, look(store).pairs[0])
    add_scored_run(store, flipped(store, "Grocery", missed=1), promote=True)
    (tag,) = look(store).silent
    assert (tag.cause, tag.like) == (FEW, None)


def test_the_command_lists_counts_and_first_rows(store):
    fuel_and_food(store)
    add_scored_run(store, says(store, fuel_baa=("food",), fuel_caa=()), promote=True)
    found = quality.listed(store, 1)
    assert found["likely_errors"]["count"] == 2
    (row,) = found["likely_errors"]["rows"]
    assert row["transaction_id"] == row_of(store, "fuel baa")
    assert found["same_merchant"] == {"count": 0, "rows": []}
    assert found["near_duplicates"] == {"count": 0, "pairs": []}
    assert found["never_win"] == {"count": 0, "labels": []}
