"""`why`: the grounds of a transaction's tags."""

from __future__ import annotations

from collections import Counter

from command_line.common import export_rows


def test_a_transaction_is_explained_for_all_its_tags_or_for_one(after_training, ok):
    transaction = ok("queue", "1")["picks"][0]["transaction_id"]
    answer = ok("why", transaction)
    assert set(answer) == {"transaction_id", "description", "tags", "nearest"}
    assert answer["tags"]
    (one,) = ok("why", transaction, "--label", "rent")["tags"]
    assert set(one) == {
        *("label", "present", "source", "probability", "threshold", "n_yes", "n_equal", "words", "amount"),
    }
    assert one["label"] == "rent"
    assert all(set(near) >= {"description", "similarity", "tags"} for near in answer["nearest"])


def test_the_beginning_of_an_id_is_enough_unless_several_begin_so(after_training, ok, fails, tmp_path):
    ids = [row["transaction_id"] for row in export_rows(ok, tmp_path)]
    wanted = ids[3]
    n_needed = next(n for n in range(1, len(wanted) + 1) if sum(each.startswith(wanted[:n]) for each in ids) == 1)
    assert ok("why", wanted[:n_needed])["transaction_id"] == wanted
    ((first, _),) = Counter(each[0] for each in ids).most_common(1)
    several = sorted(each for each in ids if each.startswith(first))
    answer = fails("why", first)
    assert answer["message"].startswith(f"{len(several)} transactions begin with '{first}': {several[0]}, ")
    assert answer["hint"] == "Give more of the id, up to all of it."
    assert fails("why", "")["message"] == "There is no transaction ''."


def test_what_is_not_there_is_told(after_training, fails):
    assert fails("why", "nowhere")["message"] == "There is no transaction 'nowhere'."
    assert fails("why", "nowhere", "--label", "yacht")["type"] == "NotFoundError"
