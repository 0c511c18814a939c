"""Fine-tuning: the encoder's last layers learn from verdicts what the head on the frozen encoder gets wrong.

The head stays as it is. The tuned encoder, with weights of its own on its embeddings, adds to its logits. Of the rows
that it was fitted on the head knows more than it will know of others: had the layers to improve on that, they would
find next to nothing to learn, and learn it by heart. So each row begins with the logits of a head that had not seen it.

Only the last layers move, so what enters them is computed once and serves every fold and epoch.
"""

from __future__ import annotations

import copy
import itertools
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from tagger.errors import CancelledError, TrainingError
from tagger.learning.crossfit import OutOfFold, out_of_fold, repeated_rows
from tagger.learning.encoder import (
    CONFIG_FILES,
    TOKENIZER_FILES,
    Encoder,
    PackedBert,
    Runs,
    joined,
    load_encoder,
    pooled,
    through,
    weight_files,
)
from tagger.learning.examples import Examples
from tagger.learning.features import distinct_rows
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import FloatMatrix, IntVector
from tagger.learning.model import Correction, Model
from tagger.learning.recipe import Recipe, pooling_of
from tagger.learning.training import Cancelled, EpochReport, OnEpoch, cells_of, spare_threads

# docs/decisions/0032-deep-retrain.md has what these were measured on.
LAYER_RATE, HEAD_RATE = 3e-4, 1e-3
L2 = 30.0  # of the weights on tuned embeddings
WARM_UP = 0.1  # of the steps
WEIGHT_DECAY = 0.01  # of the layers
BATCH = 32  # texts
INNER_FOLDS = 5  # that give the rows of a training fold their first logits
# Bytes of states that are kept; beyond, they are computed again for every batch.
KEPT_BYTES = 1 << 30
_TEXTS_AT_ONCE = 128
_SUREST = 1e-6  # probability; a logit has to be finite

Places = npt.NDArray[np.intp]


def load_trainable(name: str | None, *, max_length: int, batch_size: int) -> Encoder:
    """As `load_encoder`, in full precision: steps of a training are smaller than what half of it can tell apart."""
    return load_encoder(name, max_length=max_length, batch_size=batch_size, dtype=torch.float32)


class LastLayers(nn.Module):
    """Copies of the last layers of an encoder, free to move."""

    def __init__(self, encoder: PackedBert, n_layers: int) -> None:
        super().__init__()
        self.n_heads = encoder.n_heads
        self.first = len(encoder.layers) - n_layers
        self.layers = nn.ModuleList(copy.deepcopy(encoder.layers[self.first :]))
        self.requires_grad_(requires_grad=True)

    def forward(self, hidden: Tensor, runs: Runs) -> Tensor:
        """[cls | mean] of each text, from the states that enter the first of them."""
        layer: Any
        for layer in self.layers:
            hidden = through(layer, joined(layer.attention.self), self.n_heads, hidden, runs)
        return pooled(hidden, runs)


class Trunk:
    """The layers that stay as they are: what they make of some texts.

    Parameters
    ----------
    encoder : of float32.
    n_layers : how many of the last ones are to move.

    Raises
    ------
    TrainingError
        If the encoder is no plain BERT, or has fewer layers.
    CancelledError
        If `cancelled` answers True.
    """

    def __init__(
        self, encoder: Encoder, texts: Sequence[str], n_layers: int, *, cancelled: Cancelled | None = None
    ) -> None:
        forward = encoder.forward
        if not isinstance(forward, PackedBert):
            raise TrainingError(
                "This encoder cannot be fine-tuned: only the layers of plain BERT can.",
                hint="Use Train, or an encoder of the BERT family (TAGGER_ENCODER).",
            )
        if not 1 <= n_layers <= len(forward.layers):
            raise TrainingError(
                f"{n_layers} layers cannot be fine-tuned: the encoder has {len(forward.layers)}.",
                hint=f"Give a number from 1 to {len(forward.layers)}.",
            )
        self.encoder, self.packed, self.n_layers = encoder, forward, n_layers
        self._place = {text: place for place, text in enumerate(texts)}
        self._tokens = encoder.tokenize(list(texts))
        self._lengths = np.array([len(tokens) for tokens in self._tokens], dtype=np.intp)
        self._ends = np.cumsum(self._lengths)
        self._states: Tensor | None = None
        n_tokens, width = int(self._lengths.sum()), encoder.dimension
        if 4 * n_tokens * width <= KEPT_BYTES:
            self._states = torch.empty(n_tokens, width, device=forward.words.device)
            order = np.argsort(-self._lengths, kind="stable")
            for start in range(0, order.size, _TEXTS_AT_ONCE):
                _stop_if(cancelled)
                part = order[start : start + _TEXTS_AT_ONCE]
                self._states[self._where(part)] = self._computed(part)[0]

    def new_layers(self) -> LastLayers:
        return LastLayers(self.packed, self.n_layers)

    def places(self, texts: Sequence[str] | npt.NDArray[np.object_]) -> Places:
        """Where those texts stand among the trunk's."""
        return np.fromiter((self._place[text] for text in texts), dtype=np.intp, count=len(texts))

    def states(self, places: Places) -> tuple[Tensor, Runs, Places]:
        """What enters the moving layers for those texts, the longest first, and which of them each is."""
        order = np.argsort(-self._lengths[places], kind="stable")
        places = places[order]
        if self._states is None:
            return *self._computed(places), order
        runs = [(length, len(list(run))) for length, run in itertools.groupby(self._lengths[places].tolist())]
        return self._states[self._where(places)], runs, order

    def _where(self, places: Places) -> Tensor:
        lengths = self._lengths[places]
        starts = np.repeat(self._ends[places] - np.cumsum(lengths), lengths)
        return torch.from_numpy(starts + np.arange(starts.size)).to(self.packed.words.device)

    def _computed(self, places: Places) -> tuple[Tensor, Runs]:
        with torch.no_grad():
            tokens = [self._tokens[place] for place in places.tolist()]
            return self.packed.states(tokens, len(self.packed.layers) - self.n_layers)


@dataclass(frozen=True)
class Tuned:
    """A head, and the layers that it was trained with."""

    model: Model
    layers: LastLayers
    trunk: Trunk

    def embedded(self, inputs: Inputs) -> Inputs:
        """The inputs, whose texts are among the trunk's, with embeddings of the tuned encoder beside their own."""
        texts, index = inputs.distinct_texts
        places = self.trunk.places(texts)
        embeddings = np.empty((len(texts), 2 * self.trunk.encoder.dimension), dtype=np.float32)
        self.layers.eval()
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            hidden, runs, order = self.trunk.states(places[start : start + _TEXTS_AT_ONCE])
            with torch.inference_mode():
                embeddings[start + order] = self.layers(hidden, runs).cpu().numpy()
        # Rounded as stored embeddings are.
        return replace(inputs, tuned=embeddings.astype(np.float16).astype(np.float32)[index])

    def probabilities(self, inputs: Inputs) -> FloatMatrix:
        """As `Model.probabilities`, of inputs whose texts are among the trunk's."""
        return self.model.probabilities(self.embedded(inputs))


def tune(
    trunk: Trunk,
    model: Model,
    examples: Examples,
    *,
    begin: FloatMatrix,
    epochs: int,
    seed: int,
    on_epoch: OnEpoch | None = None,
    cancelled: Cancelled | None = None,
) -> Tuned:
    """Train the last layers and weights on their embeddings to correct the head's logits.

    Minimizes the objective of a logistic head by AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101), from weights of 0.
    Labels that the head could not learn stay as they are.

    Parameters
    ----------
    model : fitted on these rows; its head is logistic and looks at embeddings.
    begin : float32 array, shape (n_transactions, n_labels)
        Logits of the rows by heads that did not learn from them.

    Raises
    ------
    CancelledError
        If `cancelled` answers True.
    """
    device = trunk.packed.words.device
    inputs, n_labels = examples.inputs, examples.n_labels
    mass = cells_of(examples.y_true, examples.judged, model.head.settings).mass
    first, index = distinct_rows(inputs, model.looked_at)
    rows = _Rows.of(trunk.places(inputs.texts[first]), begin[first], (mass * examples.y_true, mass), index, device)
    layers = trunk.new_layers()
    center, scale = torch.from_numpy(model.space.center).to(device), model.space.scale
    weight = nn.Parameter(torch.zeros(n_labels, center.numel(), device=device))
    bias = nn.Parameter(torch.zeros(n_labels, device=device))
    optimizer = torch.optim.AdamW(
        [
            {"params": list(layers.parameters()), "lr": LAYER_RATE, "weight_decay": WEIGHT_DECAY},
            {"params": [weight, bias], "lr": HEAD_RATE, "weight_decay": 0.0},
        ]
    )
    n_batches = math.ceil(rows.n_texts / BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _ramp(n_batches * epochs))
    n_rows, pick = len(inputs), np.random.default_rng(seed)
    with spare_threads(), torch.random.fork_rng():
        torch.manual_seed(seed)
        layers.train()
        for epoch in range(1, epochs + 1):
            total = 0.0
            for texts in np.array_split(pick.permutation(rows.n_texts), n_batches):
                _stop_if(cancelled)
                part = rows.of_texts(texts)
                hidden, runs, order = trunk.states(rows.places[texts])
                vectors = (_cut(layers(hidden, runs), model.features) - center) / scale
                corrections = torch.empty(texts.size, bias.numel(), device=device).index_copy(
                    0, torch.from_numpy(order).to(device), vectors @ weight.T + bias
                )
                logits = part.begin + corrections[part.text]
                loss = (part.mass * functional.softplus(logits) - part.positive * logits).sum()
                # The mean over rows, of which a batch is a sample.
                loss = loss * rows.n_texts / (texts.size * n_rows)
                penalty = L2 / (2 * n_rows) * weight.square().sum()
                optimizer.zero_grad()
                (loss + penalty).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                total += float(loss.detach())
            if on_epoch is not None:
                on_epoch(EpochReport(epoch, epochs, total / n_batches / n_labels, None))
    layers.requires_grad_(requires_grad=False).eval()
    correction = Correction(weight.detach().cpu().numpy(), bias.detach().cpu().numpy())
    return Tuned(replace(model, correction=correction), layers, trunk)


@dataclass(frozen=True)
class BothWays:
    """The same folds, scored with the encoder as it is and with its last layers tuned on the other folds."""

    frozen: OutOfFold
    tuned: OutOfFold


def out_of_fold_both_ways(
    examples: Examples,
    recipe: Recipe,
    *,
    trunk: Trunk,
    kept: IntVector | None = None,
    on_epoch: OnEpoch | None = None,
    cancelled: Cancelled | None = None,
) -> BothWays:
    """As `crossfit.out_of_fold`, twice: layers and heads saw none of a row's group.

    Raises
    ------
    TrainingError
        If there are too few descriptions, or the recipe has nothing to tune.
    CancelledError
        If `cancelled` answers True.
    """
    check(recipe)
    y_prob = np.empty(examples.y_true.shape, dtype=np.float32)
    y_seen: list[FloatMatrix] = []
    repeated = repeated_rows(examples.groups)

    def deepen(fold: int, model: Model, held_out: npt.NDArray[np.bool_]) -> None:
        learned = examples.take(~held_out)
        first = out_of_fold(learned, replace(recipe, n_folds=INNER_FOLDS), cancelled=cancelled)
        tuned = tune(
            trunk,
            model,
            learned,
            begin=logits_of(first.y_prob),
            epochs=recipe.tuned_epochs,
            seed=recipe.seed,
            on_epoch=None if on_epoch is None else lambda report: on_epoch(replace(report, fold=fold)),
            cancelled=cancelled,
        )
        y_prob[held_out] = tuned.probabilities(examples.inputs.take(held_out))
        y_seen.append(tuned.probabilities(examples.inputs.take(repeated)))

    frozen = out_of_fold(examples, recipe, kept=kept, cancelled=cancelled, on_fold=deepen)
    return BothWays(frozen, OutOfFold(y_prob, frozen.folds, frozen.repeated, np.stack(y_seen), frozen.listened))


def check(recipe: Recipe) -> None:
    """Refuse a resolved recipe that leaves nothing to tune.

    Raises
    ------
    TrainingError
        If its head is not logistic, or looks at no embedding.
    """
    if recipe.head.kind != "logistic":
        raise TrainingError(
            "Only a logistic head can be trained together with the encoder.",
            hint="Choose the logistic head (--head logistic), or use Train.",
        )
    if pooling_of(recipe.features) is None:
        raise TrainingError(
            f"Features {recipe.features!r} look at no embedding, so there is no encoder to train.",
            hint="Choose features with an embedding, such as both+lexical, or use Train.",
        )


def logits_of(y_prob: FloatMatrix) -> FloatMatrix:
    """Finite logits of probabilities."""
    clipped = np.clip(y_prob.astype(np.float64), _SUREST, 1 - _SUREST)
    logits: FloatMatrix = np.log(clipped / (1 - clipped)).astype(np.float32)
    return logits


def save_encoder(tuned: Tuned, folder: Path) -> None:
    """Write the whole encoder with its tuned layers: a folder that `load_encoder` reads.

    Raises
    ------
    TrainingError
        If the encoder's file names its layers in a way of its own.
    """
    source = tuned.trunk.encoder.folder
    folder.mkdir(parents=True)
    for name in sorted({*TOKENIZER_FILES, *CONFIG_FILES}):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
    tensors: dict[str, Tensor] = {}
    for path in weight_files(source):
        tensors |= load_file(path)
    for number, layer in enumerate(tuned.layers.layers, start=tuned.layers.first):
        for name, value in layer.state_dict().items():
            full = f"encoder.layer.{number}.{name}"
            found = [known for known in tensors if known == full or known.endswith(f".{full}")]
            if len(found) != 1:
                raise TrainingError(
                    f"The encoder's weights have no {full}, so what was tuned cannot be put in its place.",
                    hint="Use Train, or an encoder whose file has the names of today's BERT.",
                )
            tensors[found[0]] = value.cpu().contiguous()
    # Written by us: safetensors' own writer hides what the disk says behind an error of its own.
    (folder / "model.safetensors").write_bytes(save(tensors, metadata={"format": "pt"}))


@dataclass(frozen=True)
class _Rows:
    """Distinct rows, in order of their texts, with the mass of their positives and of all their cells."""

    places: Places  # of the distinct texts, in the trunk
    starts: Places  # of each text's rows; one more at the end
    positive: Tensor
    mass: Tensor
    begin: Tensor

    @dataclass(frozen=True)
    class Part:
        """The rows of some texts; `text` says which of them each has."""

        text: Tensor
        positive: Tensor
        mass: Tensor
        begin: Tensor

    @classmethod
    def of(
        cls,
        places: Places,
        begin: FloatMatrix,
        cells: tuple[FloatMatrix, FloatMatrix],
        index: Places,
        device: torch.device,
    ) -> _Rows:
        """Of distinct rows; `cells` has the mass of positives and of all cells by transaction, `index` their rows."""
        order = np.argsort(places, kind="stable")
        texts, starts = np.unique(places[order], return_index=True)
        row, nothing = torch.from_numpy(index), torch.zeros(places.size, begin.shape[1])
        positive, mass = (nothing.index_add(0, row, torch.from_numpy(each))[order].to(device) for each in cells)
        return cls(
            texts,
            np.append(starts, order.size).astype(np.intp),
            positive,
            mass,
            torch.from_numpy(begin[order]).to(device),
        )

    @property
    def n_texts(self) -> int:
        return int(self.places.size)

    def of_texts(self, texts: npt.NDArray[np.int64]) -> Part:
        counts = self.starts[texts + 1] - self.starts[texts]
        text = np.repeat(np.arange(texts.size), counts)
        within = np.arange(text.size) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = torch.from_numpy(np.repeat(self.starts[texts], counts) + within).to(self.mass.device)
        numbers = torch.from_numpy(text).to(self.mass.device)
        return self.Part(numbers, self.positive[rows], self.mass[rows], self.begin[rows])


def _cut(vectors: Tensor, features: str) -> Tensor:
    """The pooling that the head looks at, of [cls | mean]."""
    dimension = vectors.shape[1] // 2
    wanted = pooling_of(features)
    if wanted == "both":
        return vectors
    return vectors[:, :dimension] if wanted == "cls" else vectors[:, dimension:]


def _ramp(n_steps: int) -> Callable[[int], float]:
    """Up over the first steps, then down to nothing, in straight lines."""
    warm = max(1.0, WARM_UP * n_steps)
    return lambda step: min((step + 1) / warm, max(0.0, (n_steps - step) / max(1.0, n_steps - warm)))


def _stop_if(cancelled: Cancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise CancelledError("Training was stopped.")
