"""What to train: the choices a person makes, as values that can be compared, stored and replayed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from tagger.errors import SettingError

POOLINGS = ("cls", "mean", "both")
HEAD_KINDS = ("auto", "logistic", "feedforward")
ACTIVATIONS = ("relu", "gelu", "tanh")
NORMALIZATIONS = ("none", "layer", "batch")
CLASS_WEIGHTS = ("none", "balanced")

# Below it the logistic head is better by .05 to .08 macro-F1 and trains in seconds; near 10,000 the two tie.
FEEDFORWARD_FROM_GROUPS = 5_000


@dataclass(frozen=True)
class HeadSettings:
    """The head's kind and everything that shapes it.

    `l2` is for the logistic head, `class_weight` for both kinds, everything else for the feed-forward head, whose
    defaults are the original recipe.

    Raises
    ------
    SettingError
        If a word is unknown or a number is out of its range.
    """

    kind: str = "logistic"
    # 1 / C of scikit-learn, on inputs whose root mean square is 1. On card descriptions 1 is best at 1,000 rows, 30 at
    # 6,000; 10 loses .014 macro-F1 at most on either.
    l2: float = 10.0
    widths: tuple[int, ...] = (128, 64)
    activation: str = "relu"
    dropout: float = 0.1
    normalization: str = "none"
    residual: bool = False
    class_weight: str = "none"
    weight_decay: float = 0.0  # decoupled (AdamW) when positive
    learning_rate: float = 1e-3
    epochs: int = 20
    batch_size: int = 32
    early_stopping: bool = False

    def __post_init__(self) -> None:
        _known("head", self.kind, HEAD_KINDS)
        _known("activation", self.activation, ACTIVATIONS)
        _known("normalization", self.normalization, NORMALIZATIONS)
        _known("class weight", self.class_weight, CLASS_WEIGHTS)
        object.__setattr__(self, "widths", tuple(int(width) for width in self.widths))
        _check("widths", self.widths, all(width > 0 for width in self.widths), "positive whole numbers")
        _check("l2", self.l2, math.isfinite(self.l2) and self.l2 > 0, "a positive number")
        _check("dropout", self.dropout, 0 <= self.dropout < 1, "a number from 0 up to, but not, 1")
        _check("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "0 or a positive number")
        _check("learning_rate", self.learning_rate, 0 < self.learning_rate < math.inf, "a positive number")
        _check("epochs", self.epochs, self.epochs >= 1, "a positive whole number")
        _check("batch_size", self.batch_size, self.batch_size >= 1, "a positive whole number")


@dataclass(frozen=True)
class Recipe:
    """All that decides a run besides its data. `features`, `head.kind` and `thresholds` may be "auto".

    Raises
    ------
    SettingError
        If the features or a number mean nothing. `thresholds` is read by `thresholds.parse_chooser`.
    """

    features: str = "both"
    head: HeadSettings = field(default_factory=HeadSettings)
    thresholds: str = "grid"
    seed: int = 0
    n_folds: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", parse_features(self.features))
        _check("seed", self.seed, 0 <= self.seed < 2**32, "a whole number from 0 to 4294967295")
        _check("n_folds", self.n_folds, self.n_folds >= 2, "a whole number from 2 up")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives an equal recipe."""
        values = asdict(self)
        values["head"]["widths"] = list(self.head.widths)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Read what `to_dict` wrote; a missing entry takes its default.

        Raises
        ------
        SettingError
            If an entry is unknown or a value means nothing.
        """
        _known_entries("recipe", values, cls)
        head = values.get("head", {})
        if not isinstance(head, Mapping):
            raise SettingError(f"The recipe's head is {head!r}.", hint="It has to be an object of head settings.")
        _known_entries("head", head, HeadSettings)
        try:
            return cls(**{**values, "head": HeadSettings(**head)})
        except (TypeError, ValueError) as error:
            raise SettingError(
                f"The recipe has a value of the wrong kind: {error}.", hint="Compare it with a recipe of another run."
            ) from error


def parse_features(text: str) -> str:
    """The pooling named by a sum such as `cls`, `mean`, `cls+mean` or `both`; `auto` stays `auto`.

    Raises
    ------
    SettingError
        If a part is unknown, or known but not available.
    """
    choices = f"Choose auto, {', '.join(POOLINGS)}, or cls+mean (the same as both)."
    parts = {part.strip().casefold() for part in text.split("+")}
    if parts == {"auto"}:
        return "auto"
    unavailable = parts & {"lexical", "amount"}
    if unavailable:
        raise SettingError(f"Features {', '.join(sorted(unavailable))} are not available yet.", hint=choices)
    if not parts <= set(POOLINGS):
        unknown = ", ".join(repr(part) for part in sorted(parts - set(POOLINGS)))
        raise SettingError(f"Unknown features {unknown}.", hint=choices)
    return parts.pop() if len(parts) == 1 else "both"


def parse_head(text: str) -> str:
    """A head's kind, `auto` included.

    Raises
    ------
    SettingError
        If there is no such kind.
    """
    kind = text.strip().casefold()
    _known("head", kind, HEAD_KINDS)
    return kind


def resolve(recipe: Recipe, n_groups: int) -> Recipe:
    """Replace every "auto" by a choice; a recipe without one comes back equal.

    Parameters
    ----------
    n_groups : int
        Distinct descriptions to learn from. Repeats of a description teach nothing new, so rows do not count.
    """
    kind = recipe.head.kind
    if kind == "auto":
        kind = "logistic" if n_groups < FEEDFORWARD_FROM_GROUPS else "feedforward"
    return replace(
        recipe,
        features="both" if recipe.features == "auto" else recipe.features,
        head=replace(recipe.head, kind=kind),
        thresholds="grid" if recipe.thresholds == "auto" else recipe.thresholds,
    )


def _known(what: str, word: object, choices: tuple[str, ...]) -> None:
    if word not in choices:
        raise SettingError(f"Unknown {what} {word!r}.", hint=f"Choose {', '.join(choices)}.")


def _check(name: str, value: object, valid: bool, expected: str) -> None:  # noqa: FBT001 - the outcome of a check
    if not valid:
        raise SettingError(f"{name} is {value!r}.", hint=f"Give {name} {expected}.")


def _known_entries(what: str, values: Mapping[str, Any], kind: type[Recipe] | type[HeadSettings]) -> None:
    names = [entry.name for entry in fields(kind)]
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise SettingError(f"Unknown {what} entries: {', '.join(unknown)}.", hint=f"Known: {', '.join(names)}.")
