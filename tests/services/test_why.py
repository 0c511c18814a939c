"""Why a transaction has a tag: verdict, memory or model, the words that carried it, and what is near."""

from __future__ import annotations

import numpy as np
import pytest
from steps import confirm, import_and_train, import_csv, verdict

from tagger.errors import NotFoundError
from tagger.services import why
from tagger.services.inputs import Facts, gather_inputs
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.tagging import model_of, tag_all
from tagger.services.why import CONFIRMED, PREDICTED, REJECTED, REMEMBERED, UNKNOWN, Because, Why

NEW = "TESCO of yonder"
pytestmark = pytest.mark.usefixtures("one_thread")


def fill(store: Store) -> None:
    import_and_train(store)
    known = store.view().columns.descriptions[0]
    rows = (f"2025-01-01,{NEW},-5.00,", f"2025-01-02,{known},-5.00,", "2025-01-03,unheard of,-5.00,")
    import_csv(store, "date,description,amount,tags\n" + "\n".join(rows) + "\n", "later.csv")
    tag_all(store, Progress())


@pytest.fixture
def trained(prepared) -> Store:
    """60 reviewed descriptions, a promoted run, and three open rows, one of them of a reviewed description."""
    return prepared(fill)


def id_of(store: Store, description: str, *, last: bool = True) -> str:
    columns = store.view().columns
    rows = [row for row, each in enumerate(columns.descriptions) if each == description]
    return columns.ids[rows[-1 if last else 0]]


def ask(store: Store, transaction_id: str, label: str | None = None) -> Why:
    return why.explain(store, store.view(), transaction_id, label)


def because(store: Store, transaction_id: str, label: str) -> Because:
    return ask(store, transaction_id, label).tags[0]


def label_id(store: Store, name: str) -> int:
    return next(label.id for label in store.view().labels if label.name == name)


def test_a_prediction_gives_its_probability_its_threshold_and_every_word(trained):
    view = trained.view()
    found = because(trained, id_of(trained, NEW), "groceries")
    column = view.column_of[label_id(trained, "groceries")]
    row = view.columns.row_of_id[id_of(trained, NEW)]
    assert (found.source, found.present) == (PREDICTED, True)
    assert found.probability == pytest.approx(view.tagging.probabilities[view.tagging.index[row], column])
    assert found.threshold == view.tagging.thresholds[column]
    assert [word.text for word in found.words] == NEW.split()
    assert max(found.words, key=lambda word: word.weight).text == "TESCO"


def test_the_weights_are_those_of_brute_force_with_the_runs_own_model(trained):
    found = because(trained, id_of(trained, NEW), "groceries")
    view = trained.view()
    bundle = trained.bundle(view.tagging.run_id)
    model = model_of(trained.encoding, bundle)
    own = trained.label_columns(bundle, view.labels)[view.column_of[label_id(trained, "groceries")]]
    row = view.columns.row_of_id[id_of(trained, NEW)]

    def probability(text: str, amount: float) -> float:
        facts = view.columns.facts.take(np.array([row]))
        facts = Facts([text], np.array([amount]), facts.days, facts.accounts)
        return float(model.probabilities(gather_inputs(trained.encoding, facts, model.features, Progress())[0])[0, own])

    def log_odds(said: float) -> float:
        return float(np.log(said / (1 - said)))

    whole = log_odds(probability(NEW, -5.0))
    for word, text in zip(found.words, ("of yonder", "TESCO yonder", "TESCO of"), strict=True):
        assert word.without == pytest.approx(probability(text, -5.0), abs=1e-3)
        assert word.weight == pytest.approx(whole - log_odds(probability(text, -5.0)), abs=0.02)
    assert found.amount == pytest.approx(whole - log_odds(probability(NEW, np.nan)), abs=0.02)


def test_the_shortened_texts_are_not_kept(trained):
    before = len(trained.encoding.stored)
    because(trained, id_of(trained, NEW), "groceries")
    assert len(trained.encoding.stored) == before


def test_a_remembered_tag_is_explained_by_memory_and_not_by_the_head(trained):
    known = trained.view().columns.descriptions[0]
    texts = len(trained.encoding.encoder.texts_encoded)
    (found,) = ask(trained, id_of(trained, known)).tags
    assert (found.source, found.present, found.n_yes, found.n_equal) == (REMEMBERED, True, 1, 1)
    assert (found.words, found.amount) == ((), None)
    assert len(trained.encoding.encoder.texts_encoded) == texts
    assert found.probability is not None


def test_verdicts_come_before_memory_and_model(trained):
    open_row = id_of(trained, NEW)
    verdict(trained, open_row, label_id(trained, "groceries"), "no")
    verdict(trained, open_row, label_id(trained, "rent"))
    assert because(trained, open_row, "groceries").source == REJECTED
    assert because(trained, open_row, "rent").source == CONFIRMED
    assert because(trained, open_row, "fuel").source == PREDICTED
    assert not because(trained, open_row, "fuel").present


def test_without_a_label_all_that_is_shown_is_explained(trained):
    shown, others = why.tags_of(trained.view(), id_of(trained, NEW))
    assert {each.label for each in ask(trained, id_of(trained, NEW)).tags} == set(shown) == {"groceries"}
    assert set(others) == {"fuel", "rent", "recurring"}


def test_a_label_that_no_run_knows_has_no_grounds(trained):
    confirm(trained, id_of(trained, "unheard of"), [], new_labels=["yacht"])
    found = because(trained, id_of(trained, NEW), "yacht")
    assert (found.source, found.present, found.probability, found.threshold, found.words) == (
        UNKNOWN,
        False,
        None,
        None,
        (),
    )


def test_a_description_of_one_word_is_explained_too(trained):
    import_csv(trained, "date,description,amount,tags\n2025-02-01,LIDL,-5.00,\n", "one.csv")
    tag_all(trained, Progress())
    found = because(trained, id_of(trained, "LIDL"), "groceries")
    assert [word.text for word in found.words] == ["LIDL"]


def test_the_nearest_are_those_of_brute_force_over_reviewed_descriptions(trained):
    view = trained.view()
    found = ask(trained, id_of(trained, NEW)).nearest
    encode = trained.encoding.encoder.encode
    query = encode([NEW])[0]
    cosine = {}
    for row in view.judged_rows.tolist():
        vector = encode([view.columns.descriptions[row]])[0]
        cosine[view.columns.descriptions[row]] = float(vector @ query / np.linalg.norm(vector) / np.linalg.norm(query))
    expected = sorted(cosine, key=lambda description: -cosine[description])[:5]
    assert [near.similarity for near in found] == pytest.approx([cosine[each] for each in expected], abs=2e-3)
    assert {near.description for near in found} == set(expected)
    assert all(near.n_rows == 1 for near in found)
    assert found[0].tags == ("groceries",)


def test_a_transaction_is_not_its_own_neighbor_but_an_equal_one_is(trained):
    known = trained.view().columns.descriptions[0]
    assert ask(trained, id_of(trained, known)).nearest[0].description == known
    first = ask(trained, id_of(trained, known, last=False))
    assert known not in [near.description for near in first.nearest]


def test_rows_that_differ_in_digits_are_one_neighbor_for_each_set_of_tags(trained):
    rows = ("TESCO of 1,groceries", "TESCO of 2,groceries", "TESCO of 3,fuel")
    lines = "".join(f"2025-03-0{at},{row.replace(',', ',-5,')}\n" for at, row in enumerate(rows, 1))
    import_csv(trained, "date,description,amount,tags\n" + lines, "more.csv")
    tag_all(trained, Progress())
    found = [near for near in ask(trained, id_of(trained, NEW)).nearest if near.description.startswith("TESCO of")]
    assert sorted((near.n_rows, near.tags) for near in found) == [(1, ("fuel",)), (2, ("groceries",))]


def test_nothing_reviewed_is_near_in_an_empty_store_and_what_is_not_there_is_told(store):
    import_csv(store, "date,description,amount\n2025-01-01,TESCO,-5.00\n")
    transaction = id_of(store, "TESCO")
    assert (ask(store, transaction).tags, ask(store, transaction).nearest) == ((), ())
    with pytest.raises(NotFoundError, match="no transaction"):
        ask(store, "nowhere")
    with pytest.raises(NotFoundError, match="no label 'yacht'"):
        ask(store, transaction, "yacht")
