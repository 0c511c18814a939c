"""The heads as modules. They give logits; `model` alone turns logits into probabilities."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from tagger.learning.recipe import HeadSettings

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}


class _Blank(nn.Linear):
    """A linear layer whose weights come from a fit; PyTorch warns when it draws them for no feature at all."""

    def reset_parameters(self) -> None:
        """Draw nothing."""


class Logistic(nn.Module):
    """One linear layer: a logistic regression per label. Its weights are left to be filled in."""

    def __init__(self, n_features: int, n_labels: int) -> None:
        super().__init__()
        self.output = _Blank(n_features, n_labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output(x)
        return logits


class FeedForward(nn.Module):
    """Hidden layers, then one output per label.

    A hidden layer is Linear, normalisation, activation, dropout. With `residual`, its input is added to its output,
    through a linear map without bias where widths differ.
    """

    def __init__(self, n_features: int, n_labels: int, settings: HeadSettings) -> None:
        super().__init__()
        widths = (n_features, *settings.widths)
        self.hidden = nn.Sequential(*(_Hidden(before, after, settings) for before, after in pairwise(widths)))
        self.output = nn.Linear(widths[-1], n_labels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.output(self.hidden(x))
        return logits


class _Hidden(nn.Module):
    def __init__(self, before: int, after: int, settings: HeadSettings) -> None:
        super().__init__()
        self.linear = nn.Linear(before, after)
        self.normalize = _normalization(settings.normalization, after)
        self.activation = _ACTIVATIONS[settings.activation]()
        self.dropout = nn.Dropout(settings.dropout)
        self.shortcut: nn.Module | None = None
        if settings.residual:
            self.shortcut = nn.Identity() if before == after else nn.Linear(before, after, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dropout(self.activation(self.normalize(self.linear(x))))
        return out if self.shortcut is None else out + self.shortcut(x)


def _normalization(kind: str, width: int) -> nn.Module:
    if kind == "layer":
        return nn.LayerNorm(width)
    if kind == "batch":
        return nn.BatchNorm1d(width)
    return nn.Identity()


Head = Logistic | FeedForward


def build_head(settings: HeadSettings, n_features: int, n_labels: int) -> Head:
    """A head; the feed-forward one with PyTorch's default initial weights, drawn from the global generator.

    Raises
    ------
    ValueError
        If the settings still say "auto"; `recipe.resolve` decides that.
    """
    if settings.kind == "logistic":
        return Logistic(n_features, n_labels)
    if settings.kind == "feedforward":
        return FeedForward(n_features, n_labels, settings)
    raise ValueError(f"Head kind {settings.kind!r} is not resolved.")
