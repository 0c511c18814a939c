"""What the run that comes with the program says about labels that it knows: where a head of one's own begins.

With a handful of examples a head of one's own knows less than the starter, which has met thousands of merchants. So the
starter's logits are added as they are, and fade as examples come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tagger.errors import BundleError
from tagger.learning.features import FeatureSpace
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import FloatMatrix, IntVector
from tagger.learning.recipe import HeadSettings
from tagger.learning.training import FittedHead

HALF_AT = 20.0  # distinct descriptions with the label at which the starter counts half
MOST = 4.0  # logits; it is never surer than that
_LOGISTIC = HeadSettings(kind="logistic")
_PARTS = ("thresholds", "columns", "reliance", "keys", "told")

Tensors = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Starter:
    """The starter, as far as a label set has its labels.

    Attributes
    ----------
    space, head : what its logits come from; of k labels.
    thresholds : float32 (k,), logits; there it decides nothing.
    columns : int32 (k,), the labels' places in the label set.
    reliance : float32 (k,), from 0 to 1.
    keys : uint64 (m,), ascending, of the descriptions that it learned from; see `Inputs.keys`.
    told : float16 (m, k), its logits of those, out of fold: it must not tell what it knows by heart.
    """

    space: FeatureSpace
    head: FittedHead
    thresholds: npt.NDArray[np.float32]
    columns: npt.NDArray[np.int32]
    reliance: npt.NDArray[np.float32]
    keys: npt.NDArray[np.uint64]
    told: npt.NDArray[np.float16]

    @classmethod
    def of_run(
        cls,
        features: str,
        tensors: Tensors,
        *,
        thresholds: Sequence[float],
        keys: npt.NDArray[np.uint64],
        told: npt.NDArray[np.float16],
        columns: Sequence[int],
    ) -> Starter:
        """Take those labels of a logistic run that a label set has.

        Parameters
        ----------
        tensors : of its model.
        thresholds : probabilities.
        columns : for each label of the run its place in the label set, or -1.

        Raises
        ------
        BundleError
            If a tensor is missing or does not fit.
        """
        places = np.asarray(columns, dtype=np.int32)
        known = np.flatnonzero(places >= 0)
        cut = np.clip(np.asarray(thresholds, dtype=np.float32)[known], 1e-3, 1 - 1e-3)
        model = {name: _of_labels(name, value, known) for name, value in tensors.items()}
        parts = {
            "thresholds": np.log(cut / (1 - cut)),
            "columns": places[known],
            "reliance": np.ones(known.size, dtype=np.float32),
            "keys": keys,
            "told": told[:, known],
        }
        return cls.from_tensors({**model, **parts, "features": _encoded(features)})

    def relied_on(self, n_positive: IntVector, reliance: float) -> Starter:
        """Let it fade: the full reliance without an example, half of it at `HALF_AT`.

        Parameters
        ----------
        n_positive : int64 (n_labels,), distinct descriptions that have each label of the label set.
        """
        faded = reliance * HALF_AT / (HALF_AT + n_positive[self.columns])
        return replace(self, reliance=faded.astype(np.float32))

    def offset(self, inputs: Inputs, n_labels: int) -> FloatMatrix:
        """Logits to begin with, float32 (n, n_labels); 0 for labels that the starter does not know."""
        offset = np.zeros((len(inputs), n_labels), dtype=np.float32)
        offset[:, self.columns] = inputs.remembered(self.told, self._logits) * self.reliance
        return offset

    def _logits(self, inputs: Inputs) -> FloatMatrix:
        logits = self.head.logits(self.space.transform(inputs))
        if self.keys.size:
            place = np.minimum(np.searchsorted(self.keys, inputs.keys), self.keys.size - 1)
            known = self.keys[place] == inputs.keys
            logits[known] = self.told[place[known]]
        centered: FloatMatrix = np.clip(logits - self.thresholds, -MOST, MOST).astype(np.float32)
        return centered

    def tensors(self) -> dict[str, npt.NDArray[np.generic]]:
        """All of it, by name."""
        tensors = self.space.tensors() | {f"head.{name}": value for name, value in self.head.tensors().items()}
        return tensors | {name: getattr(self, name) for name in _PARTS} | {"features": _encoded(self.space.features)}

    @classmethod
    def from_tensors(cls, tensors: Tensors) -> Starter:
        """Rebuild from what `tensors` gave.

        Raises
        ------
        BundleError
            If a tensor is missing or does not fit.
        """
        if missing := [name for name in ("features", *_PARTS) if name not in tensors]:
            raise BundleError(f"What the run keeps of the starter lacks {', '.join(missing)}.")
        features = bytes(np.asarray(tensors["features"], dtype=np.uint8)).decode(errors="replace")
        space = FeatureSpace.from_tensors(features, tensors)
        head = FittedHead.from_tensors(
            _LOGISTIC,
            {name.removeprefix("head."): value for name, value in tensors.items() if name.startswith("head.")},
        )
        k, told = head.n_labels, np.asarray(tensors["told"], dtype=np.float16)
        thresholds, reliance = (np.asarray(tensors[name], dtype=np.float32) for name in ("thresholds", "reliance"))
        columns, keys = np.asarray(tensors["columns"], np.int32), np.asarray(tensors["keys"], np.uint64)
        fits = {thresholds.shape, reliance.shape, columns.shape} == {(k,)} and told.shape == (*keys.shape, k)
        if not fits or space.widths != (head.n_features, head.n_sparse):
            raise BundleError("What the run keeps of the starter does not fit together.")
        return cls(space, head, thresholds, columns, reliance, keys, told)


def _of_labels(name: str, value: npt.NDArray[np.generic], labels: npt.NDArray[np.intp]) -> npt.NDArray[np.generic]:
    if name == "head.sparse.weight":
        return value[:, labels]
    return value[labels] if name.startswith("head.output.") else value


def _encoded(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
