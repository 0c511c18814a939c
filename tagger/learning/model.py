"""From inputs to probabilities: the design matrix, the head, and the one place where sigmoid is applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from tagger.errors import BundleError, TrainingError
from tagger.learning.endings import Ending
from tagger.learning.examples import Examples
from tagger.learning.features import FeatureSpace, distinct_rows
from tagger.learning.inputs import Design, Inputs
from tagger.learning.metrics import FloatMatrix
from tagger.learning.names import NamePrior
from tagger.learning.neighbors import Neighbors
from tagger.learning.recipe import HeadSettings, Recipe, parts_of, resolve
from tagger.learning.split import grouped_folds
from tagger.learning.starter import Starter
from tagger.learning.thresholds import positive_groups
from tagger.learning.training import Cancelled, FittedHead, OnEpoch, Tensors, Validation, fit_head

_ROWS_AT_ONCE = 16_384  # bounds the memory of design matrices: 50 MB at 768 features
_HELD_OUT = 10  # early stopping looks at one in ten descriptions


@dataclass(frozen=True)
class Correction:
    """What embeddings of a tuned encoder add to the logits.

    Attributes
    ----------
    weight : float32 (n_labels, n_embedding), on embeddings centered and scaled as those of the encoder itself.
    bias : float32 (n_labels,)
    """

    weight: FloatMatrix
    bias: npt.NDArray[np.float32]

    def offset(self, space: FeatureSpace, inputs: Inputs) -> FloatMatrix:
        """Logits, float32 (n, n_labels).

        Raises
        ------
        ValueError
            If the inputs lack the tuned embeddings.
        """
        if inputs.tuned is None:
            raise ValueError("The model needs embeddings of its tuned encoder.")
        offset: FloatMatrix = space.embedded(inputs.tuned) @ self.weight.T + self.bias
        return offset

    def tensors(self) -> Tensors:
        """Both, by name."""
        return {"weight": self.weight.copy(), "bias": self.bias.copy()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[np.generic]]) -> Correction:
        """Rebuild from what `tensors` gave.

        Raises
        ------
        BundleError
            If a tensor is missing.
        """
        try:
            weight, bias = (np.asarray(tensors[name], dtype=np.float32) for name in ("weight", "bias"))
        except KeyError as error:
            raise BundleError(f"What was learned with the tuned encoder lacks {error}.") from error
        return cls(weight, bias)


@dataclass(frozen=True)
class Model:
    """Everything between inputs and their probabilities.

    Attributes
    ----------
    space : what was learned about the inputs themselves.
    head : what was learned about the labels.
    names : logits to start from; None where labels' names are not looked at.
    starter : the same by what the starter says.
    neighbors : reviewed descriptions whose votes the head's logits are averaged with; None where they are not asked.
    correction : what a tuned encoder adds to that; None without one.
    ending : where a later fit may begin; None for heads that begin anew, and for stored models.
    """

    space: FeatureSpace
    head: FittedHead
    names: NamePrior | None = None
    starter: Starter | None = None
    neighbors: Neighbors | None = None
    correction: Correction | None = None
    ending: Ending | None = None

    @classmethod
    def fit(
        cls,
        examples: Examples,
        recipe: Recipe,
        *,
        on_epoch: OnEpoch | None = None,
        cancelled: Cancelled | None = None,
        validation: Examples | None = None,
        space: FeatureSpace | None = None,
        begin: Ending | None = None,
    ) -> Model:
        """Fit on the judged cells. A row without one is as good as not there.

        Parameters
        ----------
        examples : early stopping holds out one in ten groups, and an "auto" head depends on how many there are.
        validation : other rows, optional
            Scored for the reports only. Under early stopping the held-out rows take their place.
        space : the feature space of an earlier fit on these rows, with these features, seed and kind of head, optional
            Without it, it is fitted.
        begin : the `ending` of an earlier fit with these labels, of which most rows were there; optional

        Raises
        ------
        TrainingError
            If there is nothing to learn from.
        CancelledError
            If `cancelled` answers True.
        """
        known: npt.NDArray[np.bool_] = np.asarray(examples.judged.any(axis=1))
        if not known.any():
            raise TrainingError("There is no judged transaction to learn from.")
        if not known.all():
            examples = examples.take(known)
        inputs, y_true, judged, groups = examples.inputs, examples.y_true, examples.judged, examples.groups
        recipe = resolve(recipe, examples.n_groups)
        feedforward = recipe.head.kind == "feedforward"
        if space is None:
            space = FeatureSpace.fit(inputs, recipe.features, reduce=feedforward, seed=recipe.seed)
        names, starter, neighbors, counts = None, None, None, positive_groups(y_true, judged, groups)
        if "starter" in parts_of(recipe.features) and examples.starter is not None:
            starter = examples.starter.relied_on(counts, recipe.starter_reliance)
        if "names" in parts_of(recipe.features) and examples.label_embeddings is not None:
            names = NamePrior.fit(inputs.embeddings, examples.label_embeddings, counts, recipe.name_reliance)
            # Before the first example, what was rejected says less of where a label belongs than its name does.
            judged = judged & (counts > 0)
        if "neighbors" in parts_of(recipe.features):
            neighbors = Neighbors.fit(replace(examples, judged=judged), recipe.seed)
        texts = inputs.distinct_texts[0]
        first, index = distinct_rows(inputs, recipe.features)
        X = _design(space, names, starter, inputs.take(first), y_true.shape[1])

        fitted: npt.NDArray[np.bool_] = np.ones(len(inputs), dtype=np.bool_)
        scored: Validation | None = None
        if recipe.head.early_stopping and feedforward:
            fitted = grouped_folds(groups, y_true, judged, _HELD_OUT, recipe.seed) != 0
            if not fitted.any():
                raise TrainingError("Early stopping needs at least two different descriptions.")
            scored = Validation(X.take(index[~fitted]), y_true[~fitted], judged[~fitted])
        elif validation is not None and on_epoch is not None:
            X_validation = _design(space, names, starter, validation.inputs, y_true.shape[1])
            scored = Validation(X_validation, validation.y_true, validation.judged)
        head = fit_head(
            X,
            y_true[fitted],
            judged[fitted],
            recipe.head,
            recipe.seed,
            index=index[fitted],
            on_epoch=on_epoch,
            cancelled=cancelled,
            validation=scored,
            start=None if begin is None else begin.start(texts),
        )
        ending = None if head.end is None else Ending(tuple(texts), head.end)
        return cls(space, head, names, starter, neighbors, ending=ending)

    @property
    def features(self) -> str:
        """The sum of parts that the head looks at."""
        return self.space.features

    @property
    def looked_at(self) -> str:
        """The same, with the starter where that has a say."""
        return self.features + ("" if self.starter is None else "+starter")

    def probabilities(self, inputs: Inputs) -> FloatMatrix:
        """Probability of every label: float32 (n, n_labels), each finite and in [0, 1].

        Raises
        ------
        ValueError
            If an embedding is not finite or has another width than the training's.
        """
        return probabilities_of(self.logits(inputs))

    def logits(self, inputs: Inputs) -> FloatMatrix:
        """The same before the sigmoid: float32 (n, n_labels)."""
        out = np.empty((len(inputs), self.head.n_labels), dtype=np.float32)
        for rows, few, index in self._distinct(inputs):
            logits = self._of_head(few)
            if self.neighbors is not None:
                logits = self.neighbors.averaged(logits, self.neighbors.votes(few))
            if self.correction is not None:
                logits = logits + self.correction.offset(self.space, few)
            out[rows] = logits[index]
        return out

    def opinions(self, inputs: Inputs) -> tuple[FloatMatrix, FloatMatrix | None]:
        """Logits of the head, and of the neighbors where they are asked, float32 (n, n_labels)."""
        own = np.empty((len(inputs), self.head.n_labels), dtype=np.float32)
        votes = None if self.neighbors is None else np.empty_like(own)
        for rows, few, index in self._distinct(inputs):
            own[rows] = self._of_head(few)[index]
            if self.neighbors is not None and votes is not None:
                votes[rows] = self.neighbors.votes(few)[index]
        return own, votes

    def listening(self, listened: float) -> Model:
        """The same with so much of the neighbors' share, from 0 to 1; at 0 they are let go."""
        if self.neighbors is None:
            return self
        return replace(self, neighbors=self.neighbors.listening(listened) if listened else None)

    def _of_head(self, inputs: Inputs) -> FloatMatrix:
        return self.head.logits(_design(self.space, self.names, self.starter, inputs, self.head.n_labels))

    def _distinct(self, inputs: Inputs) -> Iterator[tuple[slice, Inputs, npt.NDArray[np.intp]]]:
        """Some rows at a time: their place, those of them that differ, and which of these each row is."""
        for start in range(0, len(inputs), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            some = inputs.take(rows)
            first, index = distinct_rows(some, self.looked_at)
            yield rows, some.take(first), index

    def tensors(self) -> Tensors:
        """Everything learned, by name; with features and head settings, `from_tensors` makes an equal model of it."""
        tensors = self.space.tensors() | {f"head.{name}": value for name, value in self.head.tensors().items()}
        if self.names is not None:
            tensors |= {f"names.{name}": value for name, value in self.names.tensors().items()}
        if self.starter is not None:
            tensors |= {f"starter.{name}": value for name, value in self.starter.tensors().items()}
        if self.neighbors is not None:
            tensors |= {f"neighbors.{name}": value for name, value in self.neighbors.tensors().items()}
        if self.correction is not None:
            tensors |= {f"tuned.{name}": value for name, value in self.correction.tensors().items()}
        return tensors

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
        head = FittedHead.from_tensors(settings, _within("head.", tensors))
        space = FeatureSpace.from_tensors(features, tensors)
        n_dense, n_sparse = space.widths
        if n_dense != head.n_features or n_sparse != head.n_sparse:
            raise BundleError(f"The model's features do not fit its head ({head.n_features} + {head.n_sparse}).")
        named = _within("names.", tensors)
        names = NamePrior.from_tensors(named) if named else None
        if names is not None and names.mean.size != head.n_labels:
            raise BundleError("What was learned of the labels' names does not fit the head.")
        helping = _within("starter.", tensors)
        starter = Starter.from_tensors(helping) if helping else None
        if starter is not None and not np.all((starter.columns >= 0) & (starter.columns < head.n_labels)):
            raise BundleError("What the run keeps of the starter does not fit the head.")
        voting = _within("neighbors.", tensors)
        neighbors = Neighbors.from_tensors(voting) if voting else None
        if neighbors is not None and neighbors.share.size != head.n_labels:
            raise BundleError("The reviewed descriptions that the run keeps do not fit the head.")
        tuned = _within("tuned.", tensors)
        correction = Correction.from_tensors(tuned) if tuned else None
        if correction is not None and (
            correction.weight.shape != (head.n_labels, space.center.size) or correction.bias.shape != (head.n_labels,)
        ):
            raise BundleError("What was learned with the tuned encoder does not fit the head.")
        return cls(space, head, names, starter, neighbors, correction)


def probabilities_of(logits: FloatMatrix) -> FloatMatrix:
    """Probabilities in [0, 1] of logits, float32 of the same shape.

    Raises
    ------
    ValueError
        If one is not finite.
    """
    out: FloatMatrix = torch.sigmoid(torch.from_numpy(logits)).numpy()
    if not np.isfinite(out).all():
        raise ValueError("A probability is not finite; neither, then, is an embedding.")
    return out


def _design(
    space: FeatureSpace, names: NamePrior | None, starter: Starter | None, inputs: Inputs, n_labels: int
) -> Design:
    X = space.transform(inputs)
    if names is not None:
        X = replace(X, offset=names.offset(inputs.embeddings))
    if starter is not None:
        offset = starter.offset(inputs, n_labels)
        X = replace(X, offset=offset if X.offset is None else X.offset + offset)
    return X


def _within(prefix: str, tensors: Mapping[str, npt.NDArray[np.generic]]) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
