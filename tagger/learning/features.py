"""From inputs to the design matrix: which parts a head looks at, fitted on training rows alone.

All parts share one penalty, so a part's length says how much it is listened to. The lengths were chosen by
measurement; `docs/decisions/0027-inputs-of-the-head.md` has the figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.decomposition import TruncatedSVD

from tagger.errors import BundleError
from tagger.learning import pooling
from tagger.learning.inputs import Design, Inputs
from tagger.learning.lexical import Lexicon
from tagger.learning.metrics import FloatMatrix
from tagger.learning.recipe import parts_of, pooling_of
from tagger.transactions.money import size_of

Tensors = dict[str, npt.NDArray[np.generic]]

# Squared lengths of a row's parts; an embedding of 2 x 384 dimensions has 768.
LEXICAL_LENGTH = 800.0
AMOUNT_LENGTH = 50.0
DATE_LENGTH = 25.0
ACCOUNT_LENGTH = 25.0

REDUCED_TO = 256  # dimensions that a feed-forward head gets of the lexical part

_DECADES = np.arange(-1.0, 6.5, 0.5)  # 0.10 to 1,000,000 in half decades
_WIDTH = 0.4
_MONTH_DAYS = np.array([1, 6, 11, 16, 21, 26, 31])


def distinct_rows(inputs: Inputs, features: str) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Find the rows that differ in what heads with such features look at.

    Returns
    -------
    first, index : the first row of each kind, ascending; for every row, the place of its kind among those.
    """
    parts = parts_of(features)
    looked_at: list[npt.NDArray[Any]] = [inputs.codes]
    if parts & {"amount", "starter"}:  # the starter looks at amounts
        looked_at += [size_of(inputs.amounts), inputs.amounts < 0]
    if "starter" in parts:
        looked_at.append(inputs.keys)
    if "date" in parts:
        looked_at.append(inputs.days)
    if "account" in parts:
        looked_at.append(inputs.accounts)
    index = np.zeros(len(inputs), dtype=np.intp)
    for values in looked_at:
        _, place = np.unique(values, return_inverse=True)
        _, first, index = np.unique(index * (len(inputs) + 1) + place, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return first[order], rank[index]


@dataclass(frozen=True)
class FeatureSpace:
    """What was learned about the inputs themselves.

    Attributes
    ----------
    features : str
        The sum of parts, as `recipe.parse_features` writes it.
    center : float32 (n_embedding,), the training mean of the pooled embeddings; empty without them.
    scale : float
        What the centered embeddings are divided by, one number for all dimensions: encoders have dead output
        dimensions, whose own standard deviation (about 1e-9) would blow up rounding noise.
    lexicon : None without lexical features.
    reduction : float32 (n_columns, n_reduced), for heads that take no sparse columns; else None.
    accounts : names in column order.
    """

    features: str
    center: npt.NDArray[np.float32]
    scale: float
    lexicon: Lexicon | None = None
    reduction: FloatMatrix | None = None
    accounts: tuple[str, ...] = ()

    @classmethod
    def fit(cls, inputs: Inputs, features: str, *, reduce: bool, seed: int = 0) -> FeatureSpace:
        """Learn from training rows.

        Parameters
        ----------
        reduce : give the lexical part as a few dense dimensions, the largest singular vectors (for feed-forward heads)
        """
        center, scale = np.empty(0, dtype=np.float32), 1.0
        pooled = pooling_of(features)
        if pooled is not None:
            X = np.array(pooling.select(inputs.embeddings, pooled), dtype=np.float32)
            center = X.mean(axis=0, dtype=np.float64).astype(np.float32)
            X -= center
            # Equal inputs have no spread at all; 1 keeps them as they are.
            scale = float(np.sqrt(np.mean(np.square(X), dtype=np.float64))) or 1.0
        parts = parts_of(features)
        lexicon, reduction = None, None
        if "lexical" in parts:
            # Texts that repeat count once: a frequent merchant's name stays informative.
            _, first = np.unique(inputs.distinct_texts[1], return_index=True)
            lexicon = Lexicon.fit(inputs.ngrams[first])
            if reduce:
                reduction = _reduction(lexicon.transform(inputs.ngrams[first]), seed)
        accounts = tuple(sorted(set(inputs.accounts.tolist()) - {""})) if "account" in parts else ()
        return cls(features, center, scale, lexicon, reduction, accounts)

    @property
    def widths(self) -> tuple[int, int]:
        """Numbers of dense and of sparse columns."""
        parts = parts_of(self.features)
        dense = self.center.size + len(self.accounts)
        dense += (2 + _DECADES.size) * ("amount" in parts) + (7 + _MONTH_DAYS.size) * ("date" in parts)
        if self.reduction is not None:
            return dense + self.reduction.shape[1], 0
        return dense, 0 if self.lexicon is None else self.lexicon.columns.size

    def transform(self, inputs: Inputs) -> Design:
        """The design matrix of any rows."""
        dense: list[FloatMatrix] = []
        if pooling_of(self.features) is not None:
            dense.append(self.embedded(inputs.embeddings))
        parts = parts_of(self.features)
        if "amount" in parts:
            dense.append(_amounts(inputs.amounts))
        if "date" in parts:
            dense.append(_dates(inputs.days))
        if "account" in parts:
            known = np.array(self.accounts, dtype=object)
            dense.append(((inputs.accounts[:, None] == known) * np.sqrt(ACCOUNT_LENGTH)).astype(np.float32))
        columns: sparse.csr_matrix | None = None
        if self.lexicon is not None:
            # Two kinds of n-grams, each of length 1.
            columns = self.lexicon.transform(inputs.ngrams) * np.float32(np.sqrt(LEXICAL_LENGTH / 2))
            if self.reduction is not None:
                dense.append(np.asarray(columns @ self.reduction, dtype=np.float32))
                columns = None
        if not dense:
            dense.append(np.zeros((len(inputs), 0), dtype=np.float32))
        return Design(np.concatenate(dense, axis=1), columns, texts=inputs.codes, n_shared=self.center.size)

    def embedded(self, embeddings: FloatMatrix) -> FloatMatrix:
        """Embeddings (n, 2 * d) as the head gets them: pooled, centered and scaled."""
        pooled = pooling_of(self.features)
        if pooled is None:
            raise ValueError("These features look at no embedding.")
        scaled: FloatMatrix = (pooling.select(embeddings, pooled) - self.center) / np.float32(self.scale)
        return scaled

    def tensors(self) -> Tensors:
        """Everything learned, by name."""
        tensors: Tensors = {"center": self.center.copy(), "scale": np.array([self.scale], dtype=np.float64)}
        if self.lexicon is not None:
            tensors |= {f"lexicon.{name}": value for name, value in self.lexicon.tensors().items()}
        if self.reduction is not None:
            tensors["reduction"] = self.reduction.astype(np.float16)
        if self.accounts:
            tensors["accounts"] = np.frombuffer("\0".join(self.accounts).encode(), dtype=np.uint8)
        return tensors

    @classmethod
    def from_tensors(cls, features: str, tensors: Mapping[str, npt.NDArray[np.generic]]) -> FeatureSpace:
        """Rebuild from what `tensors` gave.

        Raises
        ------
        BundleError
            If a tensor is missing or does not fit.
        """
        # Runs of the first format wrote "centre".
        center = tensors.get("center", tensors.get("centre"))
        if center is None or "scale" not in tensors:
            raise BundleError("The model's center or scale is missing.")
        scale = np.asarray(tensors["scale"], dtype=np.float64)
        if scale.shape != (1,) or not (np.isfinite(scale[0]) and scale[0] > 0):
            raise BundleError("The model's scale is no positive number.")
        parts = parts_of(features)
        lexicon = None
        if "lexical" in parts:
            lexicon = Lexicon.from_tensors(
                {name.removeprefix("lexicon."): value for name, value in tensors.items() if name.startswith("lexicon.")}
            )
        reduction = np.asarray(tensors["reduction"], dtype=np.float32) if "reduction" in tensors else None
        n_columns = None if lexicon is None else lexicon.columns.size
        if center.ndim != 1 or (reduction is not None and (reduction.ndim != 2 or reduction.shape[0] != n_columns)):
            raise BundleError("The model's center, or its reduction of lexical features, does not fit.")
        try:
            accounts = bytes(np.asarray(tensors.get("accounts", np.empty(0)), dtype=np.uint8)).decode()
        except UnicodeDecodeError as error:
            raise BundleError("The model's accounts cannot be read.") from error
        return cls(
            features,
            np.array(center, dtype=np.float32),
            float(scale[0]),
            lexicon,
            reduction,
            tuple(accounts.split("\0")) if accounts else (),
        )


def _amounts(amounts: npt.NDArray[np.float64]) -> FloatMatrix:
    """Sign and size: in, out, and soft steps over the logarithm of the size, which a linear head can bend."""
    known = np.isfinite(amounts)
    values = np.where(known, amounts, 0.0)
    steps = np.exp(-np.square((size_of(values)[:, None] - _DECADES) / _WIDTH))
    X = np.column_stack([values >= 0, values < 0, steps]) * known[:, None]
    return np.asarray(X * np.sqrt(AMOUNT_LENGTH / 2), dtype=np.float32)


def _dates(days: npt.NDArray[np.int32]) -> FloatMatrix:
    """Day of the week, and thirds of the month's days as soft steps."""
    known = days > 0
    weekday = (days[:, None] + 6) % 7 == np.arange(7)  # ordinal 1 was a Monday
    epoch = np.datetime64("0001-01-01")
    dates = epoch + (np.maximum(days, 1) - 1).astype("timedelta64[D]")
    of_month = (dates - dates.astype("datetime64[M]")).astype(int) + 1
    steps = np.exp(-np.square((of_month[:, None] - _MONTH_DAYS) / 3.0))
    X = np.column_stack([weekday, steps]) * known[:, None]
    return np.asarray(X * np.sqrt(DATE_LENGTH / 2), dtype=np.float32)


def _reduction(rows: sparse.csr_matrix, seed: int) -> FloatMatrix:
    n_components = min(REDUCED_TO, min(rows.shape) - 1)
    if n_components < 1:
        return np.zeros((rows.shape[1], 1), dtype=np.float32)
    svd = TruncatedSVD(n_components, algorithm="randomized", random_state=seed).fit(rows)
    # Rounded as it will be stored, so that a run predicts what it was scored with.
    return cast("FloatMatrix", svd.components_.T.astype(np.float16).astype(np.float32))
