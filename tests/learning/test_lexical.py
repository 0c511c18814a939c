"""TF-IDF rows against scikit-learn's, which keeps a vocabulary where ours hashes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from tagger.errors import BundleError
from tagger.learning.lexical import MANY_TEXTS, N_HASHES, Lexicon, hashed

TEXTS = [
    "TESCO STORES 3021",
    "TESCO EXPRESS LEEDS",
    "Rent march",
    "rent  RENT rent",
    "SHELL OIL 57444",
    "Café de l'Été",
    "AB",
    "",
]
OTHERS = ["TESCO", "esso garage", "Rent april rent", "1", "", "ÖBB Ticket 99"]
PEERS = [
    {"analyzer": "char_wb", "ngram_range": (3, 5)},
    {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
]


def kinds_of(lexicon, rows):
    """The columns of characters and those of words."""
    border = int(np.searchsorted(lexicon.columns, N_HASHES))
    return rows[:, :border].toarray(), rows[:, border:].toarray()


@pytest.mark.parametrize("kind", [0, 1], ids=["characters", "words"])
def test_rows_are_those_of_scikit_learn_up_to_the_order_of_columns(kind):
    lexicon = Lexicon.fit(hashed(TEXTS))
    peer = TfidfVectorizer(sublinear_tf=True, **PEERS[kind]).fit(TEXTS)
    texts = TEXTS + OTHERS
    ours, theirs = kinds_of(lexicon, lexicon.transform(hashed(texts)))[kind], peer.transform(texts).toarray()
    assert ours.shape == theirs.shape
    assert ours @ ours.T == pytest.approx(theirs @ theirs.T, abs=1e-6)
    assert np.sort(ours, axis=1) == pytest.approx(np.sort(theirs, axis=1), abs=1e-6)


def test_each_kind_of_a_row_has_length_1_or_0():
    lexicon = Lexicon.fit(hashed(TEXTS))
    for rows in kinds_of(lexicon, lexicon.transform(hashed(TEXTS))):
        lengths = np.linalg.norm(rows, axis=1)
        assert lengths[:-1] == pytest.approx(1.0)
        assert lengths[-1] == 0


def test_a_text_without_a_known_n_gram_is_a_row_of_zeros():
    lexicon = Lexicon.fit(hashed(["tesco stores"]))
    assert lexicon.transform(hashed(["xyzzy", ""])).nnz == 0


def test_an_n_gram_that_was_not_seen_takes_nothing_from_those_that_were():
    lexicon = Lexicon.fit(hashed(TEXTS))
    one, other = (kinds_of(lexicon, lexicon.transform(hashed([text])))[1] for text in ("tesco", "tesco qqqq"))
    assert np.array_equal(one, other)


def test_no_text_gives_no_row():
    lexicon = Lexicon.fit(hashed(TEXTS))
    assert lexicon.transform(hashed([])).shape == (0, lexicon.columns.size)


def test_upper_and_lower_case_are_one():
    assert (hashed(["Tesco STORES"]) != hashed(["tesco stores"])).nnz == 0


def test_columns_ascend_and_are_those_that_occur():
    counts = hashed(TEXTS)
    lexicon = Lexicon.fit(counts)
    assert np.array_equal(lexicon.columns, np.unique(counts.indices))
    assert (lexicon.columns.dtype, lexicon.weights.dtype) == (np.int32, np.float32)


def test_of_many_texts_only_what_two_of_them_have_is_kept():
    rare, common = hashed(["zzqqxx"]), hashed(["rent"])
    texts = ["rent", "rent", "zzqqxx", *[""] * (MANY_TEXTS - 3)]
    kept = Lexicon.fit(hashed(texts)).columns
    assert np.isin(common.indices, kept).all()
    assert not np.isin(np.setdiff1d(rare.indices, common.indices), kept).any()
    assert np.isin(rare.indices, Lexicon.fit(hashed(texts[:-1])).columns).all()


def test_texts_without_any_n_gram_give_no_column():
    lexicon = Lexicon.fit(hashed(["", "-"]))
    assert lexicon.transform(hashed(["tesco"])).shape == (1, lexicon.columns.size)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6), st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_any_text_gives_finite_rows_no_longer_than_1(training, others):
    lexicon = Lexicon.fit(hashed(training))
    rows = lexicon.transform(hashed(others))
    assert rows.dtype == np.float32
    assert np.isfinite(rows.data).all()
    for part in kinds_of(lexicon, rows):
        assert np.all(np.linalg.norm(part, axis=1) < 1 + 1e-5)


def test_a_text_gives_the_same_row_whatever_stands_beside_it():
    lexicon = Lexicon.fit(hashed(TEXTS))
    together = lexicon.transform(hashed(TEXTS)).toarray()
    for row, text in enumerate(TEXTS):
        assert np.array_equal(lexicon.transform(hashed([text])).toarray()[0], together[row])


def test_a_lexicon_made_of_stored_tensors_is_equal():
    lexicon = Lexicon.fit(hashed(TEXTS))
    again = Lexicon.from_tensors(lexicon.tensors())
    assert (lexicon.transform(hashed(TEXTS)) != again.transform(hashed(TEXTS))).nnz == 0


def test_what_is_stored_is_numbers_and_no_word():
    tensors = Lexicon.fit(hashed(TEXTS)).tensors()
    assert {name: tensor.dtype.kind for name, tensor in tensors.items()} == {"columns": "i", "weights": "f"}
    stored = b"".join(tensor.tobytes().lower() for tensor in tensors.values())
    for word in ("tesco", "rent", "shell"):
        assert word.encode() not in stored


def integers(*values):
    return np.array(values, dtype=np.int32)


@pytest.mark.parametrize(
    "broken",
    [
        {"columns": integers(1, 2)},
        {"weights": np.ones(4, dtype=np.float32)},
        {"columns": integers(2, 1, 3)},
        {"columns": integers(1, 1, 3)},
        {"columns": integers(-1, 1, 3)},
        {"columns": integers(1, 2, 2 * N_HASHES)},
        {"columns": integers(1, 2, 3).reshape(1, 3), "weights": np.ones((1, 3), dtype=np.float32)},
        {"columns": np.array(1, dtype=np.int32), "weights": np.array(1, dtype=np.float32)},
        {"columns": integers(1, 2)[:, np.newaxis]},
        {"weights": np.array([1, np.nan, 1], dtype=np.float32)},
        {"columns": np.array([0.5, 1.5, 2.5])},
    ],
    ids=str,
)
def test_tensors_that_do_not_fit_are_refused(broken):
    fitting = {"columns": integers(1, 2, 3), "weights": np.ones(3, dtype=np.float32)}
    Lexicon.from_tensors(fitting)
    with pytest.raises(BundleError):
        Lexicon.from_tensors(fitting | broken)


@pytest.mark.parametrize("missing", ["columns", "weights"])
def test_a_missing_tensor_is_named(missing):
    tensors = Lexicon.fit(hashed(TEXTS)).tensors()
    del tensors[missing]
    with pytest.raises(BundleError, match=missing):
        Lexicon.from_tensors(tensors)
