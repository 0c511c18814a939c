"""What a head may look at, row by row, before anything is fitted; and the design matrix that is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import sparse

from tagger.learning.lexical import hashed
from tagger.learning.metrics import FloatMatrix

Rows = npt.NDArray[np.intp] | npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Inputs:
    """Everything known about transactions that may decide their tags.

    Attributes
    ----------
    embeddings : float32 (n, 2 * d), columns [cls | mean].
    texts : n strings, the descriptions that were encoded.
    amounts : float64 (n,), negative is money out, NaN where there is none.
    days : int32 (n,), proleptic ordinals, 0 where there is none.
    accounts : n names, "" where there is none.
    keys : uint64 (n,), equal for descriptions that differ in digits and case at most.
    codes : int64 (n,), equal for rows with equal texts, whose embeddings are then equal too.
    tuned : float32 (n, 2 * d), the same as embeddings by an encoder of one's own; None without one.
    """

    embeddings: FloatMatrix
    texts: npt.NDArray[np.object_]
    amounts: npt.NDArray[np.float64]
    days: npt.NDArray[np.int32]
    accounts: npt.NDArray[np.object_]
    keys: npt.NDArray[np.uint64]
    codes: npt.NDArray[np.int64]
    tuned: FloatMatrix | None = None

    def __post_init__(self) -> None:
        parts = (self.embeddings, self.texts, self.amounts, self.days, self.accounts, self.keys, self.codes, self.tuned)
        lengths = {len(part) for part in parts if part is not None}
        if len(lengths) != 1:
            raise ValueError(f"Inputs of different lengths: {sorted(lengths)}.")

    @classmethod
    def of(
        cls,
        embeddings: FloatMatrix,
        texts: Sequence[str] | None = None,
        *,
        amounts: npt.NDArray[np.float64] | None = None,
        days: npt.NDArray[np.int32] | None = None,
        accounts: Sequence[str] | None = None,
        keys: npt.NDArray[np.uint64] | None = None,
    ) -> Inputs:
        """Inputs of which some parts may be unknown for every row; without texts, no two rows count as equal."""
        n = embeddings.shape[0]
        places: dict[str, int] = {}
        equal = range(n) if texts is None else (places.setdefault(text, len(places)) for text in texts)
        return cls(
            embeddings=embeddings,
            texts=np.array([""] * n if texts is None else list(texts), dtype=object),
            amounts=np.full(n, np.nan) if amounts is None else amounts,
            days=np.zeros(n, dtype=np.int32) if days is None else days,
            accounts=np.array([""] * n if accounts is None else list(accounts), dtype=object),
            keys=np.zeros(n, dtype=np.uint64) if keys is None else keys,
            codes=np.fromiter(equal, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def ngrams(self) -> sparse.csr_matrix:
        """Counts of hashed n-grams, see `lexical.hashed`; rows that are taken afterwards keep theirs."""
        distinct, index = self.distinct_texts
        return hashed(distinct)[index]

    @cached_property
    def distinct_texts(self) -> tuple[list[str], npt.NDArray[np.intp]]:
        """The texts without repeats, and each row's place among them."""
        _, first, index = np.unique(self.codes, return_index=True, return_inverse=True)
        return self.texts[first].tolist(), index

    def remembered(self, who: object, say: Callable[[Inputs], FloatMatrix]) -> FloatMatrix:
        """What someone says of the rows, asked once; rows that are taken afterwards keep it."""
        known = self.__dict__.get("said")
        if known is None or known[0] is not who:
            known = self.__dict__["said"] = (who, say(self))
        said: FloatMatrix = known[1]
        return said

    def take(self, rows: Rows | slice) -> Inputs:
        """Some of the rows, in the order given."""
        taken = Inputs(
            self.embeddings[rows],
            self.texts[rows],
            self.amounts[rows],
            self.days[rows],
            self.accounts[rows],
            self.keys[rows],
            self.codes[rows],
            None if self.tuned is None else self.tuned[rows],
        )
        if "ngrams" in self.__dict__:
            taken.__dict__["ngrams"] = self.ngrams[rows]
        if "said" in self.__dict__:
            who, said = self.__dict__["said"]
            taken.__dict__["said"] = (who, said[rows])
        return taken


@dataclass(frozen=True)
class Design:
    """The design matrix: what a head multiplies with its weights.

    Attributes
    ----------
    dense : float32 (n, n_dense)
    sparse : float32 CSR (n, n_sparse), or None where there are no such features.
    offset : float32 (n, n_labels), or None: added to the logits as it is, not multiplied with a weight.
    texts : int64 (n,), or None: rows with equal numbers have the first `n_shared` dense columns, and the sparse ones,
        in common.
    """

    dense: FloatMatrix
    sparse: sparse.csr_matrix | None = None
    offset: FloatMatrix | None = None
    texts: npt.NDArray[np.int64] | None = None
    n_shared: int = 0

    @property
    def n_rows(self) -> int:
        return int(self.dense.shape[0])

    @property
    def n_sparse(self) -> int:
        return 0 if self.sparse is None else int(self.sparse.shape[1])

    def take(self, rows: Rows | slice) -> Design:
        """Some of the rows, in the order given."""
        return Design(
            self.dense[rows],
            None if self.sparse is None else self.sparse[rows],
            None if self.offset is None else self.offset[rows],
            None if self.texts is None else self.texts[rows],
            self.n_shared,
        )
