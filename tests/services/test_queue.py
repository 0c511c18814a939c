"""What to label next, and why; and what is stored when it is answered."""

from __future__ import annotations

import time
from collections import Counter
from datetime import date

import numpy as np
import pytest
from steps import (
    add_made_up_run,
    confirm,
    do,
    ids_by_description,
    import_csv,
    make_labels,
    statement,
    three_kinds,
    undo,
    verdict,
)

from tagger.errors import EncoderError, NotFoundError
from tagger.learning.queue import AUDIT_EVERY, random_order
from tagger.learning.recipe import Recipe
from tagger.services import labelset, queue, training
from tagger.services.encoding import Encoding
from tagger.services.filtering import Filter
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage import judgements

PLAIN = "date,description,amount"
pytestmark = pytest.mark.usefixtures("one_thread")


def bring(store: Store, **counts: int) -> None:
    """`bring(store, TESCO=3)`: three rows of that description, as stored ones are: encoded."""
    rows = [
        f"2024-03-{number % 30 + 1:02d},{description},-{number}.00"
        for description, count in counts.items()
        for number in range(count)
    ]
    import_csv(store, statement(*rows, header=PLAIN))
    store.encoding.embed(store.view().columns.texts, Progress())


def asked(store: Store, wanted: Filter | None = None, **how) -> list[tuple[str, str, str]]:
    """(description, reason, why) of each pick."""
    view = store.view()
    found = queue.ask(store, view, wanted, **how).picks
    return [(view.columns.descriptions[view.columns.row_of_id[pick.id]], pick.reason, pick.why) for pick in found]


def chosen(store: Store, wanted: Filter | None = None, **how) -> list[str]:
    """Descriptions of the picks that were not drawn at random."""
    return [description for description, reason, _ in asked(store, wanted, **how) if reason == "queue"]


def say(store: Store, thresholds: list[float], label_ids: list[int], **probabilities: list[float]) -> None:
    """Promote a run that gives these probabilities by description, and 0 to all others."""
    texts = store.view().columns.texts
    matrix = np.array([probabilities.get(text, [0.0] * len(label_ids)) for text in texts])
    add_made_up_run(store, matrix, thresholds, label_ids)


def reasons(store: Store) -> Counter[str]:
    with store.db.read() as connection:
        return Counter(row[0] for row in connection.exec_driver_sql("select reason from operations"))


def test_without_a_model_the_most_frequent_descriptions_come_first(store):
    bring(store, LANDLORD=2, SHELL=4, TESCO=9)
    found = asked(store)
    assert found[0] == ("TESCO", "queue", "Most frequent description not reviewed yet; 9 rows like it")
    assert [description for description, *_ in found[:3]] == ["TESCO", "SHELL", "LANDLORD"]


def test_an_empty_store_asks_nothing(store):
    assert queue.ask(store, store.view()) == queue.Queue((), None)


def test_one_row_stands_for_a_description_whatever_its_digits_the_newest_one(store):
    import_csv(store, statement(*(f"2024-03-0{day},SPAR {day},-1.00" for day in (2, 3, 1)), header=PLAIN))
    view = store.view()
    (pick,) = queue.ask(store, view).picks
    row = view.columns.row_of_id[pick.id]
    assert date.fromordinal(int(view.columns.days[row])) == date(2024, 3, 3)
    assert pick.n_rows == 3


def test_a_reviewed_description_is_not_asked_again_nor_one_that_differs_in_digits(store):
    bring(store, **{"SPAR 1": 2, "SPAR 2": 2, "SHELL": 1})
    confirm(store, ids_by_description(store)["SPAR 1"])
    assert chosen(store) == ["SHELL"]


def test_once_every_merchant_was_reviewed_other_descriptions_of_theirs_are_asked_until_none_is_left(store):
    bring(store, **{"SPAR 1": 2, "SPAR 2": 4, "SPAR 3": 1, "SHELL": 1})
    confirm(store, ids_by_description(store)["SPAR 1"])
    confirm(store, ids_by_description(store)["SHELL"])
    picks = queue.ask(store, store.view()).picks
    assert [pick.n_rows for pick in picks] == [4, 1]
    assert chosen(store) == ["SPAR 2", "SPAR 3"]
    assert chosen(store, Filter(text="spar")) == ["SPAR 2", "SPAR 3"]
    confirm(store, picks[0].id)
    assert chosen(store) == ["SPAR 3"]
    confirm(store, picks[1].id)
    assert queue.ask(store, store.view()).picks == (), "one SPAR 1 and three SPAR 2 are left, which memory answers"


def test_for_one_label_other_descriptions_follow_once_every_merchant_has_a_verdict_on_it(store):
    groceries, fuel = make_labels(store, "groceries", "fuel")
    bring(store, **{"SPAR 1": 1, "SPAR 2": 1})
    verdict(store, ids_by_description(store)["SPAR 1"], groceries)
    assert chosen(store, label_id=groceries) == ["SPAR 2"]
    assert len(chosen(store, label_id=fuel)) == 1, "of the merchant nothing is known about fuel"


def test_random_picks_go_on_among_all_open_rows_once_every_merchant_was_reviewed(store):
    bring(store, **{f"SPAR {number}": 2 for number in range(30)})
    confirm(store, ids_by_description(store)["SPAR 0"])
    view = store.view()
    picks = queue.ask(store, view).picks
    drawn = [pick.id for pick in picks if pick.reason == "audit"]
    is_open = np.flatnonzero(~view.truth.confirmed)
    order = is_open[random_order(view.columns.pks[is_open], queue.SEED)]
    assert drawn == [view.columns.ids[row] for row in order[:3]], "none is passed over"
    assert len({view.columns.fold_index[view.columns.row_of_id[pick.id]] for pick in picks}) == len(picks)


def test_a_random_pick_counts_the_open_rows_like_it(store):
    bring(store, **{f"SHOP {letter}": 1 for letter in "ABCDEFGHIJ"}, **{"SPAR 1": 250, "SPAR 2": 250})
    confirm(store, ids_by_description(store)["SPAR 1"])
    (drawn,) = [pick for pick in queue.ask(store, store.view()).picks if pick.reason == "audit"]
    assert drawn.n_rows == 499


def test_a_description_with_single_verdicts_is_asked_until_all_labels_have_one(store):
    groceries, fuel = make_labels(store, "groceries", "fuel")
    bring(store, TESCO=1)
    tesco = ids_by_description(store)["TESCO"]
    verdict(store, tesco, groceries)
    assert chosen(store, Filter(text="tesco")) == ["TESCO"]
    verdict(store, tesco, fuel, "no")
    assert chosen(store, Filter(text="tesco")) == []


def test_what_the_model_doubts_comes_before_what_it_knows_and_says_so(store):
    label_ids = make_labels(store, "groceries", "fuel")
    bring(store, TESCO=5, SHELL=5, ESSO=5, BP=5)
    say(store, [0.5, 0.5], label_ids, TESCO=[0.99, 0.0], SHELL=[0.45, 0.55], ESSO=[0.4, 0.01], BP=[0.01, 0.99])
    found = asked(store, Filter(text="o"))  # under a filter, so no random picks
    why = {description: told for description, _, told in asked(store, Filter(until=date(2025, 1, 1)))}
    assert why["SHELL"] == "Unsure between groceries and fuel; 5 rows like it"
    assert why["ESSO"] == "Unsure about groceries; 5 rows like it"
    assert [description for description, *_ in asked(store, Filter(until=date(2025, 1, 1)))][:2] == ["SHELL", "ESSO"]
    assert {description for description, *_ in found} == {"TESCO", "ESSO"}


def test_a_label_with_a_verdict_is_not_named_as_doubtful(store):
    label_ids = make_labels(store, "groceries", "fuel")
    bring(store, SHELL=2)
    say(store, [0.5, 0.5], label_ids, SHELL=[0.45, 0.55])
    verdict(store, ids_by_description(store)["SHELL"], label_ids[0], "no")
    (told,) = {why for _, reason, why in asked(store, Filter(text="shell"))}
    assert told == "Unsure about fuel; 2 rows like it"


def test_under_a_filter_only_its_rows_are_asked_and_none_at_random(store):
    bring(store, TESCO=30, SHELL=30)
    found = asked(store, Filter(text="shell"))
    assert [(description, reason) for description, reason, _ in found] == [("SHELL", "queue")]


def test_one_pick_in_ten_is_a_random_row_and_the_same_one_until_it_is_judged(store):
    bring(store, **{f"SHOP {letter}": 3 for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
    view = store.view()
    picks = queue.ask(store, view).picks
    places = [place for place, pick in enumerate(picks) if pick.reason == "audit"]
    assert places == list(range(AUDIT_EVERY // 2 - 1, len(picks), AUDIT_EVERY))
    assert {picks[place].why for place in places} == {"Random pick, for an honest score"}
    assert len({pick.id for pick in picks}) == len(picks)
    groups = [view.columns.group_index[view.columns.row_of_id[pick.id]] for pick in picks]
    assert len(set(groups)) == len(groups), "no description is asked twice"

    confirm(store, picks[0].id)
    again = queue.ask(store, store.view()).picks
    assert again[places[0]].id == picks[places[0]].id
    confirm(store, picks[places[0]].id)
    assert picks[places[0]].id not in {pick.id for pick in queue.ask(store, store.view()).picks}


def test_random_picks_are_drawn_from_all_open_rows_remembered_ones_too(store):
    bring(store, **{f"SHOP {letter}": 1 for letter in "ABCDEFGHIJ"}, TESCO=500)
    confirm(store, ids_by_description(store)["TESCO"])
    found = [description for description, reason, _ in asked(store) if reason == "audit"]
    assert found == ["TESCO"], "nearly all open rows are repeats"
    assert "TESCO" not in chosen(store)


def test_for_a_rare_label_the_likeliest_rows_come_first(store):
    label_ids = make_labels(store, "groceries", "rent")
    bring(store, TESCO=4, LANDLORD=4, GARAGE=4, ESSO=4)
    say(store, [0.5, 0.5], label_ids, LANDLORD=[0.0, 0.9], GARAGE=[0.0, 0.3], TESCO=[0.5, 0.01])
    found = asked(store, label_id=label_ids[1])
    assert [description for description, *_ in found[:2]] == ["LANDLORD", "GARAGE"]
    assert [why for *_, why in found[:2]] == ["May be rent (0.90); 4 rows like it", "Unsure about rent; 4 rows like it"]
    assert {reason for _, reason, _ in found} == {"queue"}


def test_a_label_that_no_model_knows_is_looked_for_by_its_name_and_its_examples(store):
    make_labels(store, "groceries")
    bring(store, **{"TESCO STORES": 1, "CITY GYM": 1, "FITNESS CLUB LEEDS": 1, "FITNESS CLUB YORK": 1})
    gym = labelset.add(store, "gym").id
    assert chosen(store, label_id=gym)[0] == "CITY GYM"
    verdict(store, ids_by_description(store)["FITNESS CLUB LEEDS"], gym)
    found = asked(store, label_id=gym)
    assert {description for description, *_ in found[:2]} == {"CITY GYM", "FITNESS CLUB YORK"}
    assert found[0][2] == "Reads like gym"


def test_without_an_encoder_the_queue_goes_by_rows(store, monkeypatch):
    def broken(self):
        raise EncoderError("There are no weights.")

    bring(store, TESCO=9, SHELL=4)
    gym = labelset.add(store, "gym").id
    monkeypatch.setattr(Encoding, "encoder", property(broken))
    store.encoding.use(None)
    assert chosen(store, Filter(until=date(2025, 1, 1))) == ["TESCO", "SHELL"]
    assert chosen(store, label_id=gym) == ["TESCO", "SHELL"]


def test_the_list_names_each_pick_and_an_unknown_label_is_refused(store):
    make_labels(store, "groceries")
    bring(store, TESCO=9, SHELL=4)
    listed = queue.listed(store, 1)
    transaction_id = listed["picks"][0].pop("transaction_id")
    why = "Most frequent description not reviewed yet; 9 rows like it"
    assert listed == {
        "label": None,
        "picks": [{"description": "TESCO", "reason": "queue", "why": why, "rows": 9}],
        "audit": None,
        "learning_curve": None,
    }
    assert transaction_id in store.view().columns.row_of_id
    one = queue.listed(store, 1, "Groceries")
    assert one["label"] == "groceries"
    assert one["picks"][0]["why"].startswith("Reads like groceries")
    with pytest.raises(NotFoundError, match="no label 'rent'"):
        queue.listed(store, 1, "rent")


@pytest.mark.parametrize(
    ("sent", "stored"),
    [({}, "review"), ({"reason": "queue"}, "queue"), ({"reason": "audit"}, "audit"), ({"reason": "x"}, "review")],
)
@pytest.mark.parametrize("kind", ["confirm", "verdict"])
def test_why_a_row_was_judged_is_stored_with_what_was_said(store, sent, stored, kind):
    make_labels(store, "groceries")
    bring(store, TESCO=1)
    row = store.view().columns.ids[0]
    do(store, kind=kind, transaction=row, present=(), label=1, value="yes", **sent)
    assert reasons(store) == Counter([stored])


@pytest.mark.parametrize("sent", [["audit"], {"a": 1}, 7, None])
def test_a_reason_of_another_kind_is_none(store, sent):
    bring(store, TESCO=1)
    do(store, kind="confirm", transaction=store.view().columns.ids[0], present=(), reason=sent)
    assert reasons(store) == Counter(["review"])


def test_confirmations_for_a_reason_count_until_they_are_undone(store):
    make_labels(store, "groceries")
    bring(store, TESCO=4)
    view = store.view()
    pks = view.columns.pks.tolist()
    steps = [
        do(store, kind="confirm", transaction=view.columns.ids[row], present=(), reason=reason)
        for row, reason in enumerate(("audit", "audit", "queue"))
    ]
    do(store, kind="verdict", transaction=view.columns.ids[3], label=1, value="no", reason="audit")
    confirm(store, view.columns.ids[0], [1])  # said anew later: still a random pick

    def drawn() -> set[int]:
        with store.db.read() as connection:
            return judgements.confirmed_for(connection, "audit")

    assert drawn() == set(pks[:2]), "one label of the last row is no judgement of the whole row"
    undo(store, steps[1])
    assert drawn() == {pks[0]}


@pytest.fixture
def audited(store: Store) -> tuple[Store, list[str]]:
    """Three kinds of judged transactions, 24 random rows to answer, three of which repeat judged ones."""
    import_csv(store, three_kinds())
    rows = [f"2024-04-{day:02d},TESCO groceries {'abcdefghijkl'[day % 12] * 3},-9.00" for day in range(1, 13)]
    rows += [f"2024-05-{day:02d},SHELL fuel {'mnopqrstuvwx'[day % 12] * 4},-9.00" for day in range(1, 13)]
    import_csv(store, statement(*rows, header=PLAIN), "more.csv")
    view = store.view()
    ids = [view.columns.ids[row] for row in np.flatnonzero(~view.truth.confirmed)]
    assert len(ids) == 24
    return store, ids


def answer(store: Store, ids: list[str], wrong: int = 0) -> None:
    """Confirm rows as random picks, the last `wrong` of them as rent."""
    view = store.view()
    by_name = {label.name: label.id for label in view.labels}
    for number, row in enumerate(ids):
        description = view.columns.descriptions[view.columns.row_of_id[row]]
        name = "rent" if number >= len(ids) - wrong else "groceries" if "groceries" in description else "fuel"
        do(store, kind="confirm", transaction=row, present=[by_name[name]], reason="audit")


def train(store: Store) -> None:
    training.train(store, Recipe(), Progress(), promote_it=True)


def test_random_picks_are_scored_with_memory_first_and_out_of_fold(audited):
    store, ids = audited
    answer(store, ids)
    train(store)
    score = queue.audit_score(store)
    assert score is not None
    assert score.n_transactions == 24
    assert score.micro_f1 == pytest.approx(1)
    assert score.labels_scored == 2


def test_random_picks_judged_since_the_run_count_after_the_next_one(audited):
    store, ids = audited
    answer(store, ids[:20])
    train(store)
    first = queue.audit_score(store)
    answer(store, ids[20:])
    assert queue.audit_score(store) == first
    train(store)
    assert queue.audit_score(store).n_transactions == 24


def test_without_a_run_random_picks_have_no_score(audited):
    store, ids = audited
    answer(store, ids)
    assert queue.audit_score(store) is None


def test_wrong_tags_on_random_picks_lower_their_score(audited):
    store, ids = audited
    answer(store, ids, wrong=6)
    train(store)
    score = queue.audit_score(store)
    assert score is not None
    # Six rows in 24 would have shown another tag than the one that was right, at most.
    assert 0.6 < score.micro_f1 <= 0.8


def test_rows_judged_for_another_reason_do_not_count_as_random(audited):
    store, ids = audited
    answer(store, ids[:19])
    for row in ids[19:]:
        do(store, kind="confirm", transaction=row, present=(), reason="queue")
    train(store)
    assert queue.audit_score(store) is None, "nineteen are too few"


def test_a_random_pick_is_not_answered_from_itself(audited):
    store, ids = audited
    answer(store, ids, wrong=24)
    train(store)
    score = queue.audit_score(store)
    assert score is not None
    # The three repeats are answered as groceries by their equals; no row finds its own answer in memory.
    assert score.micro_f1 <= 21 / 24


def test_views_of_one_moment_give_the_same_queue(audited):
    store, _ = audited
    assert queue.ask(store, store.view()) == queue.ask(store, store.view())


@pytest.mark.soak
def test_a_hundred_thousand_descriptions_are_asked_about_within_seconds(store):
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ["".join(letters[(number // 26**place) % 26] for place in range(4)) for number in range(120_000)]
    import_csv(store, statement(*(f"2024-03-01,SHOP {name},-1.00" for name in names), header=PLAIN))
    label_ids = make_labels(store, *(f"label {number}" for number in range(40)))
    scores = np.random.default_rng(0).random((120_000, 40)) ** 6
    add_made_up_run(store, scores, [0.5] * 40, label_ids)
    view = store.view()
    started = time.perf_counter()
    assert len(queue.ask(store, view).picks) == queue.SIZE
    taken = time.perf_counter() - started
    print(f"{taken:.2f} s")
    assert taken < 9
