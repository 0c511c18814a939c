"""Review: what is shown, and what a person says about it."""

from __future__ import annotations

import numpy as np
import pytest
from steps import confirm, do, ids_by_description, import_csv, make_labels, statement, undo, verdict

from tagger.errors import NotFoundError, TaggerError
from tagger.labels.truth import NO, NOT_JUDGED, YES
from tagger.services import filtering, importing, labelset, review
from tagger.services.filtering import CONFIRMED_ONLY, Filter
from tagger.services.review import PAGE_SIZE
from tagger.services.store import Store
from tagger.services.view import ABSENT
from tagger.storage import judgements

PLAIN = "date,description,amount"


@pytest.fixture
def shop(store: Store) -> Store:
    """TESCO and SHELL, one row each, and the labels groceries and fuel."""
    make_labels(store, "groceries", "fuel")
    import_csv(store, statement("2024-03-01,TESCO,-1.00", "2024-03-02,SHELL,-2.00", header=PLAIN))
    return store


def values(store: Store) -> list[list[int]]:
    return store.view().truth.values.tolist()


def apply_one(store: Store, **step):
    return review.apply(store, [{"operation": "step", **step}])


def n_operations(store: Store) -> int:
    with store.db.read() as connection:
        return int(connection.exec_driver_sql("select count(*) from operations").scalar())


def test_pages_show_every_row_once(many):
    view = many.view()
    ids = filtering.find(view, Filter()).ids
    pages = [review.rows(view, ids[start : start + PAGE_SIZE]) for start in range(0, len(ids), PAGE_SIZE)]
    assert [len(page) for page in pages] == [50, 50, 37]
    assert sorted(row.id for page in pages for row in page) == sorted(view.columns.ids)


def test_a_row_shows_what_the_view_says(many):
    view = many.view()
    for row, shown in enumerate(review.rows(view, view.columns.ids)):
        present = {view.labels[column].id for column in np.flatnonzero(view.sources[row] != ABSENT)}
        assert {tag.label_id for tag in shown.tags} == present
        ranks = [("confirmed", "remembered", "predicted").index(tag.source) for tag in shown.tags]
        assert ranks == sorted(ranks)
        predicted = [tag.probability for tag in shown.tags if tag.source == "predicted"]
        assert predicted == sorted(predicted, reverse=True)
        assert all((tag.probability is None) == (tag.source != "predicted") for tag in shown.tags)
        assert shown.description == view.columns.descriptions[row]
        assert not (shown.confirmed and shown.rejected)


def test_rows_that_are_gone_are_left_out(shop):
    ids = ids_by_description(shop)
    shown = review.rows(shop.view(), [ids["SHELL"], "gone", ids["TESCO"]])
    assert [row.description for row in shown] == ["SHELL", "TESCO"]


def test_equal_descriptions_are_remembered_with_their_count_and_conflict(store):
    make_labels(store, "groceries")
    import_csv(store, statement(*(f"2024-03-0{day},TESCO,-{day}.00" for day in range(1, 5)), header=PLAIN))
    ids = store.view().columns.ids
    for row, value in zip(ids, ("yes", "yes", "no"), strict=False):
        verdict(store, row, 1, value)
    (tag,) = review.rows(store.view(), [ids[3]])[0].tags
    assert (tag.source, tag.count, tag.conflict, tag.probability) == ("remembered", 3, True, None)


def test_a_step_is_stored_once_however_often_it_is_sent(shop):
    row = ids_by_description(shop)["TESCO"]
    step = {"operation": "one", "kind": "verdict", "transaction": row, "label": 1, "value": "yes"}
    for _ in range(3):
        assert review.apply(shop, [step]) == (["one"], {})
    assert n_operations(shop) == 1
    assert values(shop)[0] == [YES, NOT_JUDGED]


def test_a_step_that_comes_twice_in_one_message_is_stored_once(shop):
    row = ids_by_description(shop)["TESCO"]
    step = {"operation": "one", "kind": "confirm", "transaction": row, "present": [2], "new_labels": []}
    assert review.apply(shop, [step, step]) == (["one", "one"], {})
    assert n_operations(shop) == 1


def test_a_step_that_another_tab_stores_meanwhile_is_stored_once(shop):
    row = ids_by_description(shop)["TESCO"]
    step = {"operation": "one", "kind": "verdict", "transaction": row, "label": 1, "value": "yes"}
    other = Store(shop.settings)
    assert review.apply(other, [step]) == review.apply(shop, [step]) == (["one"], {})
    assert n_operations(shop) == 1
    other.close()


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"kind": "verdict", "transaction": "gone", "label": 1, "value": "yes"}, "not there any more"),
        ({"kind": "verdict", "transaction": None, "label": 1, "value": "yes"}, "not there any more"),
        ({"kind": "verdict", "label": 99, "value": "yes"}, "not in use any more"),
        ({"kind": "verdict", "label": "1", "value": "yes"}, "not in use any more"),
        ({"kind": "verdict", "label": True, "value": "yes"}, "not in use any more"),
        ({"kind": "confirm", "present": [True]}, "cannot be read"),
        ({"kind": "verdict", "value": "yes"}, "not in use any more"),
        ({"kind": "verdict", "label": 1, "value": "maybe"}, "cannot be read"),
        ({"kind": "verdict", "label": 1}, "cannot be read"),
        ({"kind": "verdict", "new_label": "a|b", "value": "yes"}, "holds '|'"),
        ({"kind": "verdict", "new_label": "x" * 81, "value": "yes"}, "81 characters"),
        ({"kind": "verdict", "new_label": "   ", "value": "yes"}, "needs a name"),
        ({"kind": "confirm", "transaction": "gone", "present": [1]}, "not there any more"),
        ({"kind": "confirm", "present": [1], "new_labels": ["fine", "a|b"]}, "holds '|'"),
        ({"kind": "confirm", "present": ["groceries"]}, "cannot be read"),
        ({"kind": "confirm", "present": None}, "cannot be read"),
        ({"kind": "confirm", "present": [None]}, "cannot be read"),
        ({"kind": "undo", "target": "never"}, "no such step"),
        ({"kind": "undo"}, "no such step"),
        ({"kind": "explode"}, "cannot be read"),
        ({}, "cannot be read"),
        ({"operation": "", "kind": "verdict", "label": 1, "value": "yes"}, "cannot be read"),
        ({"operation": "x" * 65, "kind": "undo"}, "cannot be read"),
    ],
    ids=str,
)
def test_a_step_that_makes_no_sense_is_refused_with_the_reason_and_the_others_are_stored(shop, step, why):
    row = ids_by_description(shop)["TESCO"]
    good = {"operation": "good", "kind": "verdict", "transaction": row, "label": 2, "value": "no"}
    bad = {"operation": "bad", "transaction": row, **step}
    done, failed = review.apply(shop, [bad, good])
    assert done == ["good"]
    assert list(failed) == [bad["operation"]]
    assert why in failed[bad["operation"]]
    assert values(shop)[0] == [NOT_JUDGED, NO]
    assert [label.name for label in shop.view().labels] == ["groceries", "fuel"]


def test_a_step_on_a_row_whose_import_was_taken_back_is_refused(shop):
    row = ids_by_description(shop)["TESCO"]
    importing.undo_import(shop, importing.batches(shop)[0].id)
    _, failed = apply_one(shop, kind="verdict", transaction=row, label=1, value="yes")
    assert "Its import may have been undone" in failed["step"]


@pytest.mark.parametrize(
    "name",
    ["<script>alert('x')</script>", 'say "hi"', "O'Brien & Söhne", "日本", "😀", "'; drop table labels; --", "=1+1"],
)
def test_a_new_label_may_be_called_anything(shop, name):
    row = ids_by_description(shop)["TESCO"]
    do(shop, kind="verdict", transaction=row, new_label=name, value="yes")
    assert shop.view().labels[-1].name == name
    assert values(shop)[0] == [NOT_JUDGED, NOT_JUDGED, YES]


def test_a_new_label_that_exists_in_another_spelling_is_that_label(shop):
    row = ids_by_description(shop)["TESCO"]
    do(shop, kind="verdict", transaction=row, new_label=" GROCERIES ", value="yes")
    assert [label.name for label in shop.view().labels] == ["groceries", "fuel"]
    assert values(shop)[0] == [YES, NOT_JUDGED]


def test_a_confirmation_judges_all_labels_of_its_time_and_no_later_one(shop):
    ids = ids_by_description(shop)
    confirm(shop, ids["TESCO"], [1])
    confirm(shop, ids["SHELL"], [2], ["motoring"])
    assert values(shop) == [[YES, NO, NOT_JUDGED], [NO, YES, YES]]
    assert shop.view().truth.confirmed.all()


def test_seen_and_no_tag_applies(shop):
    confirm(shop, ids_by_description(shop)["TESCO"])
    assert values(shop)[0] == [NO, NO]
    assert filtering.find(shop.view(), Filter(state=CONFIRMED_ONLY, untagged=True)).ids


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "verdict", "label": 1, "value": "yes"},
        {"kind": "verdict", "new_label": "groceries", "value": "yes"},
        {"kind": "confirm", "present": [1], "new_labels": []},
        {"kind": "confirm", "present": [], "new_labels": ["Groceries"]},
    ],
    ids=str,
)
def test_a_label_that_another_tab_has_merged_counts_for_its_target(shop, step):
    labelset.merge(shop, "groceries", "fuel")
    do(shop, transaction=ids_by_description(shop)["TESCO"], **step)
    assert values(shop)[0] == [YES]


def test_a_label_that_another_tab_has_archived_is_refused_alone_and_left_out_of_a_confirmation(shop):
    row = ids_by_description(shop)["TESCO"]
    labelset.archive(shop, "groceries")
    _, failed = apply_one(shop, kind="verdict", transaction=row, label=1, value="yes")
    assert "not in use" in failed["step"]
    confirm(shop, row, [1, 2])
    labelset.restore(shop, "groceries")
    assert values(shop)[0] == [NOT_JUDGED, YES]


def test_undo_brings_back_what_was_there_before(shop):
    row = ids_by_description(shop)["TESCO"]
    confirm(shop, row, [1])
    step = verdict(shop, row, 1, "no")
    assert values(shop)[0] == [NO, NO]
    back = undo(shop, step)
    assert values(shop)[0] == [YES, NO]
    undo(shop, back)
    assert values(shop)[0] == [NO, NO]


def test_verdicts_from_a_file_are_all_stored_or_none(shop):
    ids = ids_by_description(shop)
    good = [(ids["TESCO"], "groceries", "yes"), (ids["SHELL"], "new label", "no")]
    with pytest.raises(NotFoundError, match=r"Verdict 3.*gone"):
        review.judge(shop, [*good, ("gone", "fuel", "yes")])
    with pytest.raises(NotFoundError, match=r"Verdict 1.*maybe"):
        review.judge(shop, [(ids["TESCO"], "fuel", "maybe")])
    assert n_operations(shop) == 0
    assert len(shop.view().labels) == 2
    assert review.judge(shop, good) == {"judged": 2}
    assert values(shop) == [[YES, NOT_JUDGED, NOT_JUDGED], [NOT_JUDGED, NOT_JUDGED, NO]]


def test_a_full_disk_refuses_a_step_in_words_and_keeps_the_earlier_ones(shop, monkeypatch):
    row = ids_by_description(shop)["TESCO"]
    verdict(shop, row, 1)

    def full(*names):
        raise TaggerError("The disk is full: tagger.db.", hint="Free some space, then try again.")

    with monkeypatch.context() as patched:
        patched.setattr(shop.db, "write", full)
        done, failed = apply_one(shop, kind="verdict", transaction=row, label=2, value="yes")
    assert (done, failed) == ([], {"step": "The disk is full: tagger.db. Free some space, then try again."})
    assert values(shop)[0] == [YES, NOT_JUDGED]


def test_text_that_no_database_can_hold_fails_alone(shop):
    row = ids_by_description(shop)["TESCO"]
    good = {"operation": "good", "kind": "verdict", "transaction": row, "label": 2, "value": "no"}
    done, failed = review.apply(shop, [{"operation": "bad", "kind": "undo", "target": "zz\ud83d"}, good])
    assert (done, list(failed)) == (["good"], ["bad"])


def test_one_verdict_on_several_rows_is_one_step_that_is_taken_back_as_one(shop):
    ids = ids_by_description(shop)
    verdict(shop, ids["SHELL"], 1, "no")
    step = do(shop, kind="verdict", transactions=[ids["SHELL"], ids["TESCO"]], label=1, value="yes", reason="flip")
    assert values(shop) == [[YES, NOT_JUDGED], [YES, NOT_JUDGED]]
    assert n_operations(shop) == 2
    undo(shop, step)
    assert values(shop) == [[NOT_JUDGED, NOT_JUDGED], [NO, NOT_JUDGED]]


def test_one_verdict_on_several_rows_can_bring_a_label_or_clear_one(shop):
    rows = list(ids_by_description(shop).values())
    do(shop, kind="verdict", transactions=rows, new_label="car", value="yes")
    assert values(shop) == [[NOT_JUDGED, NOT_JUDGED, YES]] * 2
    do(shop, kind="verdict", transactions=rows, label=3, value="clear")
    assert values(shop) == [[NOT_JUDGED] * 3] * 2


def test_a_step_on_several_rows_that_is_sent_again_changes_nothing(shop):
    rows = list(ids_by_description(shop).values())
    step = {"operation": "one", "kind": "verdict", "transactions": rows, "label": 1, "value": "yes"}
    other = Store(shop.settings)
    for store in (shop, other, shop):
        assert review.apply(store, [step, step | {"transactions": rows[:1], "value": "no"}]) == (["one", "one"], {})
    other.close()
    assert n_operations(shop) == 1
    assert values(shop) == [[YES, NOT_JUDGED]] * 2


@pytest.mark.parametrize(
    ("named", "why"),
    [
        (["TESCO", "gone"], "not there any more"),
        (["TESCO", "TESCO"], "cannot be read"),
        (["TESCO", 7], "cannot be read"),
        (["TESCO", None], "cannot be read"),
        ("TESCO", "cannot be read"),
        (None, "cannot be read"),
        ([], "not there any more"),
    ],
    ids=str,
)
@pytest.mark.parametrize("label", [{"label": 1}, {"new_label": "car"}], ids=str)
def test_a_step_on_several_rows_of_which_one_makes_no_sense_stores_nothing(shop, named, why, label):
    ids = ids_by_description(shop)
    rows = [ids.get(each, each) for each in named] if isinstance(named, list) else named
    done, failed = apply_one(shop, kind="verdict", transactions=rows, value="yes", **label)
    assert (done, list(failed)) == ([], ["step"])
    assert why in failed["step"]
    assert n_operations(shop) == 0
    assert values(shop) == [[NOT_JUDGED, NOT_JUDGED]] * 2
    assert len(shop.view().labels) == 2


def test_a_step_on_several_rows_that_fails_halfway_leaves_no_half(shop, monkeypatch):
    rows = list(ids_by_description(shop).values())
    whole = judgements.add_operation

    def die(*given, **named):
        whole(*given, **named)
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(judgements, "add_operation", die)
        with pytest.raises(ZeroDivisionError):
            apply_one(shop, kind="verdict", transactions=rows, label=1, value="yes")
    assert n_operations(shop) == 0
    assert values(shop) == [[NOT_JUDGED, NOT_JUDGED]] * 2
    assert apply_one(shop, kind="verdict", transactions=rows, label=1, value="yes") == (["step"], {})
    assert values(shop) == [[YES, NOT_JUDGED]] * 2


def test_a_row_judged_because_it_would_flip_is_remembered_as_such(shop):
    do(shop, kind="verdict", transactions=list(ids_by_description(shop).values()), label=1, value="yes", reason="flip")
    with shop.db.read() as connection:
        assert connection.exec_driver_sql("select reason from operations").scalars().all() == ["flip"]
