from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from scipy import sparse

from tagger.learning.inputs import Design, Inputs
from tagger.learning.lexical import hashed

TEXTS = ["TESCO 1", "RENT", "TESCO 1", "SHELL OIL", ""]


def inputs():
    """Five rows, each of which can be told by any of its parts but the text."""
    return Inputs.of(
        np.arange(20, dtype=np.float32).reshape(5, 4),
        TEXTS,
        amounts=np.array([-1.0, -2.0, np.nan, 4.0, 5.0]),
        days=np.arange(5, dtype=np.int32),
        accounts=["a", "b", "c", "d", ""],
    )


SELECTIONS = [
    np.array([3, 0, 0, 4]),
    np.array([True, False, True, False, True]),
    slice(1, 4),
    slice(0, 0),
]


@pytest.mark.parametrize("rows", SELECTIONS, ids=str)
@pytest.mark.parametrize("counted_before", [False, True])
def test_every_part_of_a_row_is_taken_along(rows, counted_before):
    everything = inputs()
    if counted_before:
        _ = everything.ngrams
    taken = everything.take(rows)
    assert len(taken) == len(everything.texts[rows])
    for part in ("embeddings", "texts", "amounts", "days", "accounts"):
        np.testing.assert_array_equal(getattr(taken, part), getattr(everything, part)[rows])
    assert (taken.ngrams != hashed(everything.texts[rows].tolist())).nnz == 0


def test_rows_that_are_taken_keep_the_n_grams_that_were_counted(monkeypatch):
    everything = inputs()
    _ = everything.ngrams
    monkeypatch.setattr("tagger.learning.inputs.hashed", lambda texts: pytest.fail("counted again"))
    assert (everything.take(np.array([1, 3])).ngrams != everything.ngrams[[1, 3]]).nnz == 0


def test_n_grams_are_those_of_each_row_and_repeats_are_counted_once(monkeypatch):
    counted = []
    monkeypatch.setattr("tagger.learning.inputs.hashed", lambda texts: counted.extend(texts) or hashed(texts))
    assert (inputs().ngrams != hashed(TEXTS)).nnz == 0
    assert sorted(counted) == ["", "RENT", "SHELL OIL", "TESCO 1"]


def test_one_very_long_description_costs_its_own_length_only():
    everything = Inputs.of(np.zeros((20_000, 2), dtype=np.float32), ["TESCO"] * 19_999 + ["AB " * 3_000])
    tracemalloc.start()
    assert everything.ngrams.shape[0] == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # 20,000 rows of 9,000 characters would be 720 MB


@pytest.mark.parametrize(
    "parts",
    [
        {"texts": ["a", "b"]},
        {"amounts": np.zeros(4)},
        {"days": np.zeros(2, dtype=np.int32)},
        {"accounts": ["x"]},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_parts_of_different_lengths_are_refused(parts):
    with pytest.raises(ValueError, match="different lengths"):
        Inputs.of(np.zeros((3, 2), dtype=np.float32), **parts)


def test_what_is_left_out_is_unknown_for_every_row():
    unknown = Inputs.of(np.zeros((3, 2), dtype=np.float32))
    assert unknown.texts.tolist() == unknown.accounts.tolist() == ["", "", ""]
    assert np.isnan(unknown.amounts).all()
    assert not unknown.days.any()


@pytest.mark.parametrize("rows", SELECTIONS, ids=str)
def test_rows_of_a_design_stay_together(rows):
    rng = np.random.default_rng(0)
    dense, offset = rng.random((5, 3), dtype=np.float32), rng.random((5, 2), dtype=np.float32)
    columns = sparse.random_array((5, 8), density=0.5, rng=rng, dtype=np.float32, format="csr")
    taken = Design(dense, columns, offset).take(rows)
    assert np.array_equal(taken.dense, dense[rows])
    assert np.array_equal(taken.sparse.toarray(), columns.toarray()[rows])
    assert np.array_equal(taken.offset, offset[rows])
    assert (taken.n_rows, taken.n_sparse) == (len(dense[rows]), 8)


def test_a_design_of_dense_columns_alone_has_no_others():
    taken = Design(np.ones((5, 3), dtype=np.float32)).take(np.array([0, 2]))
    assert (taken.sparse, taken.offset, taken.n_sparse, taken.n_rows) == (None, None, 0, 2)
