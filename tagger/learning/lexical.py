"""Words and character n-grams of a description as sparse columns.

Hashed, so that no vocabulary has to be kept: a run holds numbers and no word of a statement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer

from tagger.errors import BundleError

N_HASHES = 2**18  # of each kind; 60,000 distinct n-grams of a large statement meet another one in one of ten cases
# Distinct texts from which on an n-gram that only one of them has is left out: half of all n-grams then, at no loss.
MANY_TEXTS = 5_000
_KINDS = (
    # Within words: short enough to survive a cut-off name, long enough to tell brands apart.
    {"analyzer": "char_wb", "ngram_range": (3, 5)},
    {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"(?u)\b\w+\b"},
)


@dataclass(frozen=True)
class Lexicon:
    """Which hashed columns are kept and what each weighs.

    Attributes
    ----------
    columns : int32 (n_columns,), ascending, those that occur in the training texts; twice, where these are many.
    weights : float32 (n_columns,), inverse document frequency: ln((1 + n) / (1 + df)) + 1 (scikit-learn's, smoothed).
    """

    columns: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]

    @classmethod
    def fit(cls, counts: sparse.csr_matrix) -> Lexicon:
        """Keep what occurs in the rows of `hashed`, which should be those of distinct texts."""
        frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        columns = np.flatnonzero(frequency >= (2 if counts.shape[0] >= MANY_TEXTS else 1))
        weights = np.log((1.0 + counts.shape[0]) / (1.0 + frequency[columns])) + 1.0
        return cls(columns.astype(np.int32), weights.astype(np.float32))

    def transform(self, counts: sparse.csr_matrix) -> sparse.csr_matrix:
        """TF-IDF rows, float32 CSR (n, n_columns): term counts damped to 1 + ln(count), length 1 for each kind.

        N-grams that were not in the training texts are left out before the length is taken.

        Parameters
        ----------
        counts : as `hashed` gives them
        """
        kept = counts[:, self.columns]
        kept.data = (1.0 + np.log(kept.data)) * self.weights[kept.indices]
        parts = []
        border = int(np.searchsorted(self.columns, N_HASHES))
        for part in (kept[:, :border], kept[:, border:]):
            length = np.sqrt(np.asarray(part.multiply(part).sum(axis=1)).ravel())
            length[length == 0] = 1.0
            parts.append(sparse.diags_array((1.0 / length).astype(np.float32)) @ part)
        return sparse.csr_matrix(sparse.hstack(parts, format="csr"), dtype=np.float32)

    def tensors(self) -> dict[str, npt.NDArray[np.generic]]:
        """What was learned, by name."""
        return {"columns": self.columns, "weights": self.weights}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[np.generic]]) -> Lexicon:
        """Rebuild from what `tensors` gave.

        Raises
        ------
        BundleError
            If a tensor is missing or does not fit.
        """
        try:
            stored, weights = tensors["columns"], np.asarray(tensors["weights"], dtype=np.float32)
        except KeyError as error:
            raise BundleError(f"The lexical features lack {error}.") from error
        if stored.ndim != 1 or stored.dtype.kind != "i" or stored.shape != weights.shape:
            raise BundleError("The columns of the lexical features and their weights do not fit.")
        columns = stored.astype(np.int64)
        known = np.all((columns >= 0) & (columns < N_HASHES * len(_KINDS)))
        if not known or np.any(np.diff(columns) <= 0) or not np.isfinite(weights).all():
            raise BundleError("The columns of the lexical features, or their weights, cannot be.")
        return cls(columns.astype(np.int32), weights)


def hashed(texts: Sequence[str]) -> sparse.csr_matrix:
    """Counts of hashed n-grams, float32 CSR (n, 2 * N_HASHES): those of characters, then those of words."""
    if not texts:  # which scikit-learn does not take
        return sparse.csr_matrix((0, len(_KINDS) * N_HASHES), dtype=np.float32)
    vectorizers = (
        HashingVectorizer(n_features=N_HASHES, alternate_sign=False, norm=None, dtype=np.float32, **kind)
        for kind in _KINDS
    )
    parts = [vectorizer.transform(texts) for vectorizer in vectorizers]
    return sparse.csr_matrix(sparse.hstack(parts, format="csr"))
