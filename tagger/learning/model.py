"""From embeddings to probabilities: the prepared input, the head, and the one place where sigmoid is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from tagger.errors import BundleError, TrainingError
from tagger.learning import pooling
from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector
from tagger.learning.recipe import HeadSettings, Recipe, resolve
from tagger.learning.split import grouped_folds
from tagger.learning.training import Cancelled, FittedHead, OnEpoch, Tensors, Validation, fit_head

_ROWS_AT_ONCE = 65_536  # bounds the memory of prepared inputs: 200 MB at 768 features
_HELD_OUT = 10  # early stopping looks at one in ten descriptions


@dataclass(frozen=True)
class Model:
    """Everything between an embedding and its probabilities.

    Attributes
    ----------
    features : str
        The pooling: "cls", "mean" or "both".
    centre : float32 array, shape (n_features,)
        The training mean.
    scale : float
        What the centred inputs are divided by, one number for all dimensions: encoders have dead output dimensions,
        whose own standard deviation (about 1e-9) would blow up rounding noise.
    """

    features: str
    centre: npt.NDArray[np.float32]
    scale: float
    head: FittedHead

    @classmethod
    def fit(
        cls,
        embeddings: FloatMatrix,
        y_true: BoolMatrix,
        judged: BoolMatrix,
        recipe: Recipe,
        *,
        groups: IntVector | None = None,
        on_epoch: OnEpoch | None = None,
        cancelled: Cancelled | None = None,
        validation: tuple[FloatMatrix, BoolMatrix, BoolMatrix] | None = None,
    ) -> Model:
        """Fit on the judged cells.

        Parameters
        ----------
        embeddings : float32 array, shape (n_transactions, 2 * d)
            Columns [cls | mean].
        y_true, judged : bool arrays, shape (n_transactions, n_labels)
        groups : int64 array, shape (n_transactions,), optional
            Equal descriptions have equal numbers; without it every row is its own. Early stopping holds out one in
            ten of them, and an "auto" head depends on how many there are.
        validation : embeddings, y_true and judged of other rows, optional
            Scored for the reports only. Under early stopping the held-out rows take their place.

        Raises
        ------
        TrainingError
            If there is nothing to learn from.
        CancelledError
            If `cancelled` answers True.
        """
        if not embeddings.shape[0]:
            raise TrainingError("There is no judged transaction to learn from.")
        if groups is None:
            groups = np.arange(embeddings.shape[0], dtype=np.int64)
        recipe = resolve(recipe, np.unique(groups).size)
        X = np.array(_select(embeddings, recipe.features), dtype=np.float32)
        centre = X.mean(axis=0, dtype=np.float64).astype(np.float32)
        X -= centre
        # Equal inputs have no spread at all; 1 keeps them as they are.
        scale = float(np.sqrt(np.mean(np.square(X), dtype=np.float64))) or 1.0
        X /= np.float32(scale)

        fitted: npt.NDArray[np.bool_] = np.ones(X.shape[0], dtype=np.bool_)
        scored: Validation | None = None
        if recipe.head.early_stopping and recipe.head.kind == "feedforward":
            fitted = grouped_folds(groups, y_true, judged, _HELD_OUT, recipe.seed) != 0
            if not fitted.any():
                raise TrainingError("Early stopping needs at least two different descriptions.")
            scored = Validation(X[~fitted], y_true[~fitted], judged[~fitted])
        elif validation is not None and on_epoch is not None:
            scored = Validation(_prepare(validation[0], recipe.features, centre, scale), *validation[1:])
        head = fit_head(
            X[fitted],
            y_true[fitted],
            judged[fitted],
            recipe.head,
            recipe.seed,
            on_epoch=on_epoch,
            cancelled=cancelled,
            validation=scored,
        )
        return cls(recipe.features, centre, scale, head)

    def probabilities(self, embeddings: FloatMatrix) -> FloatMatrix:
        """Probability of every label: float32 (n, 2 * d) gives float32 (n, n_labels), each finite and in [0, 1].

        Raises
        ------
        ValueError
            If an embedding is not finite or has another width than the training's.
        """
        out = np.empty((embeddings.shape[0], self.head.n_labels), dtype=np.float32)
        for start in range(0, embeddings.shape[0], _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            X = _prepare(embeddings[rows], self.features, self.centre, self.scale)
            out[rows] = torch.sigmoid(torch.from_numpy(self.head.logits(X))).numpy()
        if not np.isfinite(out).all():
            raise ValueError("A probability is not finite; neither, then, is an embedding.")
        return out

    def tensors(self) -> Tensors:
        """Everything learned, by name; with features and head settings, `from_tensors` makes an equal model of it."""
        return {
            "centre": self.centre.copy(),
            "scale": np.array([self.scale], dtype=np.float64),
            **{f"head.{name}": value for name, value in self.head.tensors().items()},
        }

    @classmethod
    def from_tensors(
        cls, features: str, settings: HeadSettings, tensors: Mapping[str, npt.NDArray[np.generic]]
    ) -> Model:
        """Rebuild a model from what `tensors` gave.

        Parameters
        ----------
        features, settings
            Those of the resolved recipe, or of a fitted model: `model.features`, `model.head.settings`.

        Raises
        ------
        BundleError
            If a tensor is missing or does not fit.
        """
        head = FittedHead.from_tensors(
            settings, {name.removeprefix("head."): value for name, value in tensors.items() if name.startswith("head.")}
        )
        try:
            centre = np.array(tensors["centre"], dtype=np.float32)
            scale = float(np.asarray(tensors["scale"], dtype=np.float64)[0])
        except (KeyError, IndexError) as error:
            raise BundleError("The model's centre or scale is missing.") from error
        if centre.shape != (head.n_features,) or not (np.isfinite(scale) and scale > 0):
            raise BundleError(f"The model's centre or scale does not fit its head ({head.n_features} features).")
        return cls(features, centre, scale, head)


def _prepare(embeddings: FloatMatrix, features: str, centre: npt.NDArray[np.float32], scale: float) -> FloatMatrix:
    prepared: FloatMatrix = (_select(embeddings, features) - centre) / np.float32(scale)
    return prepared


def _select(embeddings: FloatMatrix, features: str) -> FloatMatrix:
    return pooling.select(embeddings, cast("pooling.Pooling", features))  # which refuses what it does not know
