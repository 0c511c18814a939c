from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from tagger.errors import BundleError
from tagger.learning.features import (
    ACCOUNT_LENGTH,
    AMOUNT_LENGTH,
    DATE_LENGTH,
    LEXICAL_LENGTH,
    FeatureSpace,
    distinct_rows,
)
from tagger.learning.inputs import Inputs
from tagger.learning.lexical import Lexicon, hashed
from tagger.learning.recipe import parse_features
from tagger.transactions.money import size_of

SUMS = [
    "cls",
    "both",
    "lexical",
    "mean+lexical",
    "both+lexical+amount+names",
    "both+lexical+amount+names+starter+neighbors",
    "cls+amount+date",
    "lexical+date+account",
    "both+lexical+amount+date+account+names+plain",
]
EVERYTHING = SUMS[-1]


def inputs(n=60, seed=0):
    """Facts of every kind, some of each unknown."""
    rng = np.random.default_rng(seed)
    words = np.array(["TESCO", "ALDI", "RENT", "SHELL", "BOOTS", "LEEDS", "YORK", "BATH"])
    return Inputs.of(
        (3 + rng.normal(size=(n, 12))).astype(np.float32),
        [" ".join(rng.choice(words, 3)) for _ in range(n)],
        amounts=np.where(rng.random(n) < 0.2, np.nan, np.round(rng.normal(size=n) * 200, 2)),
        days=np.where(rng.random(n) < 0.2, 0, rng.integers(738_000, 739_500, n)).astype(np.int32),
        accounts=rng.choice(["", "joint", "savings", "Café"], n).tolist(),
    )


def full(design):
    """All columns side by side."""
    return design.dense if design.sparse is None else np.hstack([design.dense, design.sparse.toarray()])


def only(features, rows):
    """The dense columns of one part, beside words that are the same everywhere."""
    return FeatureSpace.fit(rows, parse_features(f"{features}+lexical"), reduce=False).transform(rows).dense


def of_amounts(*amounts):
    n = len(amounts)
    return only("amount", Inputs.of(np.zeros((n, 2), dtype=np.float32), ["x"] * n, amounts=np.array(amounts)))


def of_dates(*dates):
    days = np.array([0 if day is None else day.toordinal() for day in dates], dtype=np.int32)
    n = len(dates)
    return only("date", Inputs.of(np.zeros((n, 2), dtype=np.float32), ["x"] * n, days=days))


def of_accounts(*accounts):
    n = len(accounts)
    return only("account", Inputs.of(np.zeros((n, 2), dtype=np.float32), ["x"] * n, accounts=accounts))


# What a part looks at -------------------------------------------------------------------------------------------------

OTHER_FACTS = {
    "cls": lambda rows: replace(rows, embeddings=rows.embeddings + np.repeat([1, 0], 6).astype(np.float32)),
    "mean": lambda rows: replace(rows, embeddings=rows.embeddings + np.repeat([0, 1], 6).astype(np.float32)),
    "lexical": lambda rows: replace(rows, texts=np.array(["OTHER WORDS"] * len(rows), dtype=object)),
    "amount": lambda rows: replace(rows, amounts=np.full(len(rows), 77.7)),
    "date": lambda rows: replace(rows, days=np.full(len(rows), 738_500, dtype=np.int32)),
    "account": lambda rows: replace(rows, accounts=np.array(["joint"] * len(rows), dtype=object)),
}


@pytest.mark.parametrize("fact", OTHER_FACTS)
@pytest.mark.parametrize("features", SUMS)
@pytest.mark.parametrize("reduce", [False, True])
def test_a_fact_changes_a_design_only_where_its_part_is_looked_at(fact, features, reduce):
    rows = inputs()
    space = FeatureSpace.fit(rows, features, reduce=reduce)
    same = np.array_equal(full(space.transform(rows)), full(space.transform(OTHER_FACTS[fact](rows))))
    looked_at = {"cls", "mean"} if "both" in features else set()
    assert same == (fact not in looked_at | set(features.split("+")))


def test_a_fact_changes_the_columns_of_its_own_part_alone():
    rows = inputs()
    space = FeatureSpace.fit(rows, "both+lexical+amount+date+account", reduce=False)
    before = full(space.transform(rows))
    changed = {
        fact: set(np.flatnonzero((before != full(space.transform(other(rows)))).any(axis=0)).tolist())
        for fact, other in OTHER_FACTS.items()
    }
    assert all(changed.values())
    assert sum(map(len, changed.values())) == len(set.union(*changed.values()))


def test_embeddings_are_moved_to_the_middle_and_divided_by_one_number():
    rows = inputs()
    dense = FeatureSpace.fit(rows, "both", reduce=False).transform(rows).dense
    moved = rows.embeddings - rows.embeddings.mean(axis=0)
    assert dense == pytest.approx(moved / np.sqrt(np.mean(np.square(moved))), abs=1e-5)


def test_words_have_the_length_that_was_chosen_for_them():
    rows = inputs()
    X = FeatureSpace.fit(rows, "lexical", reduce=False).transform(rows)
    assert X.dense.shape == (60, 0)
    assert np.sum(np.square(X.sparse.toarray()), axis=1) == pytest.approx(np.full(60, LEXICAL_LENGTH), rel=1e-4)
    plain = Lexicon.fit(hashed(sorted(set(rows.texts)))).transform(rows.ngrams)
    assert X.sparse.toarray() == pytest.approx(plain.toarray() * np.sqrt(LEXICAL_LENGTH / 2), rel=1e-5)


def test_a_text_that_repeats_counts_once_in_what_is_rare():
    once = Inputs.of(np.zeros((2, 2), dtype=np.float32), ["TESCO YORK", "ALDI YORK"])
    often = Inputs.of(np.zeros((6, 2), dtype=np.float32), ["TESCO YORK"] * 5 + ["ALDI YORK"])
    one, other = (FeatureSpace.fit(rows, "lexical", reduce=False).lexicon for rows in (once, often))
    assert np.array_equal(one.columns, other.columns)
    assert np.array_equal(one.weights, other.weights)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_reduction_is_the_projection_on_the_largest_singular_vectors(seed):
    rows = inputs()
    words = FeatureSpace.fit(rows, "lexical", reduce=False).transform(rows).sparse
    space = FeatureSpace.fit(rows, "lexical", reduce=True, seed=seed)
    reduced = space.transform(rows)
    assert reduced.sparse is None
    n_reduced = reduced.dense.shape[1]
    first = np.unique(rows.texts.astype(str), return_index=True)[1]
    peer = TruncatedSVD(n_reduced, algorithm="arpack", random_state=0).fit(words[first].astype(np.float64))
    # Directions may be turned among each other; what they keep of a row may not.
    kept = peer.transform(words)
    assert reduced.dense @ reduced.dense.T == pytest.approx(kept @ kept.T, abs=LEXICAL_LENGTH * 5e-3)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_texts_can_be_reduced(n):
    rows = inputs(n=n)
    space = FeatureSpace.fit(rows, "lexical", reduce=True)
    assert np.isfinite(space.transform(rows).dense).all()
    assert space.transform(rows).dense.shape[1] == sum(space.widths)


# Amounts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_an_unknown_amount_is_a_row_of_zeros(unknown):
    X = of_amounts(-12.5, unknown)
    assert X[0].any()
    assert not X[1].any()


def test_money_in_and_money_out_differ_in_the_sign_alone():
    X = of_amounts(12.5, -12.5)
    assert np.flatnonzero(X[0] != X[1]).tolist() == [0, 1]
    side = np.float32(np.sqrt(AMOUNT_LENGTH / 2))
    assert X[:, :2].tolist() == [[side, 0], [0, side]]


@pytest.mark.parametrize("amount", [0.0, 0.01, 0.1, 9.99, 4_321.0, 1e6])
def test_sizes_are_soft_steps_half_a_decade_apart(amount):
    (X,) = of_amounts(amount)
    size = round(np.log10(amount + 0.01) * 8) / 8
    expected = [np.exp(-(((size - (-1 + step / 2)) / 0.4) ** 2)) for step in range(15)]
    assert X[2:] == pytest.approx(np.array(expected) * np.sqrt(AMOUNT_LENGTH / 2), abs=1e-5)


def test_near_amounts_are_nearer_than_far_ones():
    ten, twelve, hundred = of_amounts(-10.0, -12.0, -100.0)
    assert np.linalg.norm(ten - twelve) < np.linalg.norm(ten - hundred)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (-10.00, -11.53, True),
        (-11.53, -11.54, False),  # 10 ** (17 / 16) is 11.5478, and 0.01 is added before the logarithm
        (-11.54, -12.99, True),
        (-9.99, -10.00, True),
        (-10.0, -20.0, False),
        (10.0, -10.0, False),
        (0.0, 0.001, True),
    ],
)
def test_amounts_of_equal_rounded_size_and_sign_give_equal_rows(one, other, equal):
    X = of_amounts(one, other)
    assert np.array_equal(X[0], X[1]) == equal


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_amounts_have_a_row_for_each_rounded_size(sign):
    amounts = sign * np.round(np.geomspace(0.05, 50_000, 400), 2)
    X = of_amounts(*amounts)
    assert len(np.unique(X, axis=0)) == len(np.unique(size_of(amounts)))


# Dates ----------------------------------------------------------------------------------------------------------------


def test_an_unknown_date_is_a_row_of_zeros():
    X = of_dates(date(2024, 3, 1), None)
    assert X[0].any()
    assert not X[1].any()


def test_weekdays_and_days_of_the_month_are_those_of_the_calendar():
    # A leap year, the turn of centuries with and without a leap day, and the first and last days there are.
    days = [
        date(start, month, 1) + timedelta(days)
        for start, month in ((2023, 12), (1899, 12), (2000, 2))
        for days in range(95)
    ]
    days += [date.min, date(9999, 12, 31)]
    X = of_dates(*days) / np.sqrt(DATE_LENGTH / 2)
    for day, row in zip(days, X, strict=True):
        assert row[:7] == pytest.approx([float(place == day.weekday()) for place in range(7)])
        expected = [np.exp(-(((day.day - near) / 3) ** 2)) for near in (1, 6, 11, 16, 21, 26, 31)]
        assert row[7:] == pytest.approx(expected, abs=1e-6)


# Equal rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", SUMS)
def test_rows_are_told_apart_by_what_a_head_looks_at_and_by_nothing_else(features):
    few = inputs(n=12)
    times = np.random.default_rng(1).integers(0, 12, 200)
    rows = few.take(times)
    # Neither cents nor rows that are unlike in something else make a difference of their own.
    rows = replace(rows, amounts=rows.amounts * 1.0001)
    first, index = distinct_rows(rows, features)
    designs = full(FeatureSpace.fit(rows, features, reduce=False).transform(rows))
    assert np.array_equal(designs[first][index], designs)
    assert first.size == np.unique(times).size
    assert np.all(np.diff(first) > 0)
    assert np.array_equal(np.unique(index), np.arange(first.size))


@pytest.mark.parametrize(
    ("features", "part", "values", "n_distinct"),
    [
        ("lexical", "amounts", np.array([1.0, -1.0, 500.0, np.nan]), 1),
        ("lexical+amount", "amounts", np.array([1.0, -1.0, 500.0, np.nan]), 4),
        ("lexical+amount", "amounts", np.array([100.0, 100.5, 101.0, -100.0]), 2),
        ("lexical+starter", "amounts", np.array([1.0, -1.0, np.nan, np.nan]), 3),
        ("lexical+amount", "keys", np.arange(4, dtype=np.uint64), 1),
        ("lexical+starter", "keys", np.arange(4, dtype=np.uint64), 4),
        ("lexical+date", "days", np.array([0, 738_000, 738_001, 0], dtype=np.int32), 3),
        ("lexical+account", "accounts", np.array(["", "joint", "joint", "own"], dtype=object), 3),
    ],
)
def test_each_part_tells_rows_apart_where_it_is_looked_at(features, part, values, n_distinct):
    rows = Inputs.of(np.zeros((4, 2), dtype=np.float32), ["TESCO"] * 4)
    assert distinct_rows(replace(rows, **{part: values}), features)[0].size == n_distinct


def test_rows_whose_texts_are_unknown_are_never_equal():
    rows = Inputs.of(np.zeros((3, 2), dtype=np.float32))
    assert distinct_rows(rows, "both")[0].tolist() == [0, 1, 2]


# Accounts -------------------------------------------------------------------------------------------------------------


def test_every_known_account_has_a_column():
    X = of_accounts("joint", "", "savings", "joint")
    side = np.float32(np.sqrt(ACCOUNT_LENGTH))
    assert X.tolist() == [[side, 0], [0, 0], [0, side], [side, 0]]


def test_an_account_that_was_not_seen_is_a_row_of_zeros():
    space = FeatureSpace.fit(inputs(), "cls+account", reduce=False)
    other = replace(inputs(n=1), accounts=np.array(["new"], dtype=object))
    assert not space.transform(other).dense[:, 6:].any()


# Learned on training rows alone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", SUMS)
@pytest.mark.parametrize("reduce", [False, True])
def test_what_is_transformed_never_changes_what_was_learned(features, reduce):
    training, others = inputs(), inputs(n=30, seed=9)
    space = FeatureSpace.fit(training, features, reduce=reduce)
    before = {name: tensor.copy() for name, tensor in space.tensors().items()}
    one = full(space.transform(training))
    space.transform(others)
    after = space.tensors()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert np.array_equal(one, full(space.transform(training)))


@pytest.mark.parametrize("features", SUMS)
@pytest.mark.parametrize("reduce", [False, True])
def test_a_row_gives_the_same_whatever_stands_beside_it(features, reduce):
    space = FeatureSpace.fit(inputs(), features, reduce=reduce)
    others = inputs(n=20, seed=9)
    together = full(space.transform(others))
    for row in range(20):
        alone = full(space.transform(others.take(slice(row, row + 1))))
        assert alone == pytest.approx(together[[row]], abs=1e-4)


# Stored ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("features", SUMS)
@pytest.mark.parametrize("reduce", [False, True])
def test_a_space_made_of_stored_tensors_gives_equal_designs(features, reduce):
    space = FeatureSpace.fit(inputs(), features, reduce=reduce)
    again = FeatureSpace.from_tensors(features, space.tensors())
    assert (again.features, again.widths, again.accounts) == (features, space.widths, space.accounts)
    rows = inputs(n=20, seed=9)
    one, other = space.transform(rows), again.transform(rows)
    assert np.array_equal(full(one), full(other))
    assert (one.sparse is None) == (other.sparse is None) == (reduce or "lexical" not in features)


@pytest.mark.parametrize("features", SUMS)
@pytest.mark.parametrize("reduce", [False, True])
def test_widths_are_those_of_the_design(features, reduce):
    space = FeatureSpace.fit(inputs(), features, reduce=reduce)
    X = space.transform(inputs(n=4, seed=9))
    assert space.widths == (X.dense.shape[1], X.n_sparse)


def test_the_old_name_of_the_center_is_read():
    tensors = FeatureSpace.fit(inputs(), "both", reduce=False).tensors()
    old = {"centre": tensors["center"], "scale": tensors["scale"]}
    rows = inputs(n=5, seed=9)
    one, other = (FeatureSpace.from_tensors("both", stored).transform(rows).dense for stored in (tensors, old))
    assert np.array_equal(one, other)


def test_what_is_stored_is_numbers_and_no_word_of_a_description():
    tensors = FeatureSpace.fit(inputs(), "both+lexical+amount+date+names", reduce=False).tensors()
    assert {tensor.dtype.kind for tensor in tensors.values()} <= {"i", "f"}
    stored = b"".join(tensor.tobytes().lower() for tensor in tensors.values())
    for word in ("tesco", "shell", "leeds", "joint"):
        assert word.encode() not in stored


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("center", None),
        ("center", np.zeros((3, 4), dtype=np.float32)),
        ("scale", None),
        ("scale", np.array([0.0])),
        ("scale", np.array([np.nan])),
        ("scale", np.array([1.0, 2.0])),
        ("lexicon.columns", None),
        ("lexicon.weights", np.ones(3, dtype=np.float32)),
        ("reduction", np.ones(5, dtype=np.float16)),
        ("reduction", np.ones((2, 3), dtype=np.float16)),
        ("accounts", np.array([255, 254], dtype=np.uint8)),
    ],
)
def test_a_tensor_that_is_missing_or_does_not_fit_is_refused(name, value):
    tensors = FeatureSpace.fit(inputs(), EVERYTHING, reduce=True).tensors()
    del tensors[name]
    if value is not None:
        tensors[name] = value
    with pytest.raises(BundleError):
        FeatureSpace.from_tensors(EVERYTHING, tensors)
