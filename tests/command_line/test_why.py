"""`why`: the grounds of a transaction's tags."""

from __future__ import annotations


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


def test_what_is_not_there_is_told(after_training, fails):
    assert fails("why", "nowhere")["message"] == "There is no transaction 'nowhere'."
    assert fails("why", "nowhere", "--label", "yacht")["type"] == "NotFoundError"
