"""What a label's own name says: how near its text lies to a transaction's.

A label without an example is suggested where its text is unusually near; with examples the head, which learns what
the name leaves open, takes over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tagger.errors import BundleError
from tagger.learning import pooling
from tagger.learning.metrics import FloatMatrix, IntVector

# Nearer than the mean by this many standard deviations is unusual: below, nearness to a name says nothing.
UNUSUAL = 1.0
# Rows of the usual nearness, and their spread, that a label's own rows are put beside.
IMAGINED, USUAL_SPREAD = 20.0, 0.1
# Distinct descriptions with the label at which its name counts half.
HALF_AT = 20.0

_PREFIX = re.compile(r"^[^:]*:(?=.*\w)")
_MARKS = re.compile(r"[_&/:|\-]+")


def label_text(name: str, definition: str = "") -> str:
    """What is encoded for a label: its name without a `kind:` before it, and its definition."""
    plain = " ".join(_MARKS.sub(" ", _PREFIX.sub("", name)).split()) or name
    return f"{plain}: {definition.strip()}" if definition.strip() else plain


@dataclass(frozen=True)
class NamePrior:
    """Turns embeddings into logits to start from.

    Attributes
    ----------
    vectors : float32 (n_labels, d), the labels' mean-pooled embeddings, of length 1.
    mean, spread : float32 (n_labels,), of the cosine between a label and the training rows.
    reliance : float32 (n_labels,), logits per standard deviation above `UNUSUAL`.
    """

    vectors: FloatMatrix
    mean: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    reliance: npt.NDArray[np.float32]

    @classmethod
    def fit(
        cls, embeddings: FloatMatrix, label_embeddings: FloatMatrix, n_positive: IntVector, reliance: float
    ) -> NamePrior:
        """Learn what is usual; no verdict is looked at but for their number.

        Parameters
        ----------
        embeddings : float32 (n, 2 * d), label_embeddings : float32 (n_labels, 2 * d), columns [cls | mean]
        n_positive : int64 (n_labels,), distinct descriptions that have the label.
        reliance : of a label without any.
        """
        vectors = _directions(label_embeddings)
        cosine = (_directions(embeddings) @ vectors.T).astype(np.float64)
        n = cosine.shape[0]
        # A few rows say little of what is usual: they are drawn towards what is usual of all labels together.
        mean = (n * cosine.mean(axis=0) + IMAGINED * cosine.mean()) / (n + IMAGINED)
        variance = (n * cosine.var(axis=0) + IMAGINED * USUAL_SPREAD**2) / (n + IMAGINED)
        return cls(
            vectors=vectors,
            mean=mean.astype(np.float32),
            spread=np.sqrt(variance).astype(np.float32),
            reliance=(reliance * HALF_AT / (HALF_AT + n_positive)).astype(np.float32),
        )

    def offset(self, embeddings: FloatMatrix) -> FloatMatrix:
        """Logits, float32 (n, n_labels), 0 where a label's text is not unusually near."""
        nearness = (_directions(embeddings) @ self.vectors.T - self.mean) / self.spread
        offset: FloatMatrix = np.maximum(nearness - np.float32(UNUSUAL), 0) * self.reliance
        return offset

    def tensors(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything learned, by name."""
        return {"vectors": self.vectors, "mean": self.mean, "spread": self.spread, "reliance": self.reliance}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[np.generic]]) -> NamePrior:
        """Rebuild from what `tensors` gave.

        Raises
        ------
        BundleError
            If a tensor is missing or does not fit.
        """
        try:
            vectors, mean, spread, reliance = (
                np.asarray(tensors[name], dtype=np.float32) for name in ("vectors", "mean", "spread", "reliance")
            )
        except KeyError as error:
            raise BundleError(f"What was learned of the labels' names lacks {error}.") from error
        if vectors.ndim != 2 or any(part.shape != vectors.shape[:1] for part in (mean, spread, reliance)):
            raise BundleError("What was learned of the labels' names does not fit.")
        return cls(vectors, mean, spread, reliance)


def _directions(embeddings: FloatMatrix) -> FloatMatrix:
    mean = pooling.select(embeddings, "mean")
    directions: FloatMatrix = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    return directions
