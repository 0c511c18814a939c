"""`quality`: what deserves a second look."""

from __future__ import annotations

from tagger.config import Settings
from tagger.services import quality
from tagger.services.store import Store


def test_the_four_lists_are_printed_with_their_counts_and_first_rows(after_training, ok):
    answer = ok("quality", "3")
    assert set(answer) == {"likely_errors", "same_merchant", "near_duplicates", "never_win"}
    for name, entries in (("likely_errors", "rows"), ("same_merchant", "rows"), ("near_duplicates", "pairs")):
        assert set(answer[name]) - {"note"} == {"count", entries}
        assert len(answer[name][entries]) == min(3, answer[name]["count"])
    for row in answer["likely_errors"]["rows"]:
        assert set(row) == {"transaction_id", "description", "why"}


def test_a_pair_of_tags_that_was_kept_on_review_is_not_printed(bring, ok):
    bring("date,description,amount,tags\n2024-03-01,TESCO,-1,groceries\n2024-03-02,ALDI,-2,Grocery\n")
    (pair,) = ok("quality")["near_duplicates"]["pairs"]
    assert set(pair["labels"]) == {"groceries", "Grocery"}
    store = Store(Settings.from_environment())
    quality.keep_both(store, quality.find(store, store.view()).pairs[0])
    store.close()
    assert ok("quality")["near_duplicates"] == {"count": 0, "pairs": []}


def test_a_number_of_rows_that_is_none_is_refused(after_training, fails):
    assert "at least 1" in fails("quality", "0")["message"]
