"""What a head learns from: inputs with the verdicts on them, and what it begins with besides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tagger.learning.inputs import Inputs, Rows
from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector
from tagger.learning.recipe import parts_of
from tagger.learning.starter import Starter


@dataclass(frozen=True)
class Examples:
    """Judged transactions.

    Attributes
    ----------
    inputs : of n_transactions rows.
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
        Cells where `judged` is False are not known.
    groups : int64 array, shape (n_transactions,)
        Rows of one merchant have equal numbers; see `merchant.group_key`.
    label_embeddings : float32 array, shape (n_labels, 2 * d), columns [cls | mean], or None
        The labels' texts, for the feature `names`; without them it has no effect.
    starter : for the feature `starter`; without it that has no effect.
    """

    inputs: Inputs
    y_true: BoolMatrix
    judged: BoolMatrix
    groups: IntVector
    label_embeddings: FloatMatrix | None = None
    starter: Starter | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def n_labels(self) -> int:
        return int(self.y_true.shape[1])

    @property
    def n_groups(self) -> int:
        return int(np.unique(self.groups).size)

    def take(self, rows: Rows | slice) -> Examples:
        """Some of the rows, in the order given."""
        return replace(
            self,
            inputs=self.inputs.take(rows),
            y_true=self.y_true[rows],
            judged=self.judged[rows],
            groups=self.groups[rows],
        )

    def seen_by(self, features: str) -> Examples:
        """Without what heads with such features do not look at; what several fits need is worked out once for all."""
        parts = parts_of(features)
        seen = replace(
            self,
            label_embeddings=self.label_embeddings if "names" in parts else None,
            starter=self.starter if "starter" in parts else None,
        )
        if "lexical" in parts:
            _ = seen.inputs.ngrams
        if seen.starter is not None:
            seen.starter.offset(seen.inputs, seen.n_labels)
        return seen
