"""What to train: the choices a person makes, as values that can be compared, stored and replayed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast, get_args

from tagger.errors import SettingError

Pooling = Literal["cls", "mean", "both"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
# What a head may look at besides: words and character n-grams, sign and size of the amount, weekday and day of the
# month, the account. `names` starts each label from how near its name is to the description, `starter` from what the
# run that comes with the program says, where it knows the label; `neighbors` averages the head with what the nearest
# reviewed descriptions have; `plain` strips descriptions down to the merchant before anything looks at them.
EXTRAS = ("lexical", "amount", "date", "account", "names", "starter", "neighbors", "plain")
HEAD_KINDS = ("auto", "logistic", "feedforward")
ACTIVATIONS = ("relu", "gelu", "tanh")
NORMALIZATIONS = ("none", "layer", "batch")
CLASS_WEIGHTS = ("none", "balanced")

# Below it the logistic head is better by .05 to .08 macro-F1 and trains in seconds; near 10,000 the two tie.
FEEDFORWARD_FROM_GROUPS = 5_000

DEFAULT_FEATURES = "both+lexical+amount+names+starter+neighbors"
# 1 / C of scikit-learn, on embeddings whose root mean square is 1; beside words they are listened to less.
L2, L2_LEXICAL = 10.0, 100.0


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
    l2: float | None = None  # 1 / C of scikit-learn; None is chosen by features and amount of data, see `resolve`
    widths: tuple[int, ...] = (128, 64)
    activation: str = "relu"
    dropout: float = 0.1
    normalization: str = "none"
    residual: bool = False
    class_weight: str = "none"
    weight_decay: float = 0.0  # decoupled (AdamW) when positive
    learning_rate: float = 1e-3
    epochs: int = 20
    batch_size: int | None = None  # None is a fiftieth of the rows, from 32 to 512
    early_stopping: bool = False

    def __post_init__(self) -> None:
        _known("head", self.kind, HEAD_KINDS)
        _known("activation", self.activation, ACTIVATIONS)
        _known("normalization", self.normalization, NORMALIZATIONS)
        _known("class weight", self.class_weight, CLASS_WEIGHTS)
        object.__setattr__(self, "widths", tuple(int(width) for width in self.widths))
        _check("widths", self.widths, all(width > 0 for width in self.widths), "positive whole numbers")
        valid_l2 = self.l2 is None or (math.isfinite(self.l2) and self.l2 > 0)
        _check("l2", self.l2, valid_l2, "a positive number")
        _check("dropout", self.dropout, 0 <= self.dropout < 1, "a number from 0 up to, but not, 1")
        _check("weight_decay", self.weight_decay, 0 <= self.weight_decay < math.inf, "0 or a positive number")
        _check("learning_rate", self.learning_rate, 0 < self.learning_rate < math.inf, "a positive number")
        _check("epochs", self.epochs, self.epochs >= 1, "a positive whole number")
        valid_size = self.batch_size is None or self.batch_size >= 1
        _check("batch_size", self.batch_size, valid_size, "a positive whole number")


@dataclass(frozen=True)
class Recipe:
    """All that decides a run besides its data. `features`, `head.kind` and `thresholds` may be "auto".

    Raises
    ------
    SettingError
        If the features or a number mean nothing. `thresholds` is read by `thresholds.parse_chooser`.
    """

    features: str = "auto"
    head: HeadSettings = field(default_factory=HeadSettings)
    thresholds: str = "auto"
    # Logits per standard deviation that a label's name adds where it lies unusually near, before it has an example.
    name_reliance: float = 1.0
    # Share of the starter's logit that a label which it knows begins with.
    starter_reliance: float = 1.0
    seed: int = 0
    n_folds: int = 5
    # Layers of the encoder, from the last one, that are trained too (0: none), and how often over all rows.
    tuned_layers: int = 0
    tuned_epochs: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", parse_features(self.features))
        _check("name_reliance", self.name_reliance, 0 <= self.name_reliance < math.inf, "0 or a positive number")
        _check("starter_reliance", self.starter_reliance, 0 <= self.starter_reliance <= 1, "a number from 0 to 1")
        _check("seed", self.seed, 0 <= self.seed < 2**32, "a whole number from 0 to 4294967295")
        _check("n_folds", self.n_folds, self.n_folds >= 2, "a whole number from 2 up")
        _check("tuned_layers", self.tuned_layers, self.tuned_layers >= 0, "0 or a positive whole number")
        _check("tuned_epochs", self.tuned_epochs, self.tuned_epochs >= 0, "0 or a positive whole number")

    @property
    def frozen(self) -> Recipe:
        """The same with the encoder as it is."""
        return replace(self, tuned_layers=0, tuned_epochs=0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` gives an equal recipe."""
        values = asdict(self)
        values["head"]["widths"] = list(self.head.widths)
        if not self.tuned_layers:
            del values["tuned_layers"], values["tuned_epochs"]
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
    """The features named by a sum such as `mean`, `both+lexical` or `lexical+amount`, in one order; `auto` stays.

    `cls+mean` is `both`.

    Raises
    ------
    SettingError
        If a part is unknown, two poolings exclude each other, or nothing is left that tells descriptions apart.
    """
    choices = f"Choose auto, or a sum of {', '.join((*POOLINGS, *EXTRAS))}, such as both+lexical."
    named = {part.strip().casefold() for part in text.split("+")}
    if named == {"auto"}:
        return "auto"
    if not named <= {*POOLINGS, *EXTRAS}:
        unknown = ", ".join(repr(part) for part in sorted(named - {*POOLINGS, *EXTRAS}))
        raise SettingError(f"Unknown features {unknown}.", hint=choices)
    pooled = named & set(POOLINGS)
    if not pooled and "lexical" not in named:
        raise SettingError(f"Features {text!r} see no description.", hint=choices)
    pooling = [pooled.pop() if len(pooled) == 1 else "both"] if pooled else []
    return "+".join([*pooling, *(part for part in EXTRAS if part in named)])


def parts_of(features: str) -> frozenset[str]:
    """The parts of parsed features."""
    return frozenset(features.split("+"))


def pooling_of(features: str) -> Pooling | None:
    """The pooling among parsed features; None if no embedding is looked at."""
    found = parts_of(features) & set(POOLINGS)
    return cast("Pooling", next(iter(found))) if found else None


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
    features = DEFAULT_FEATURES if recipe.features == "auto" else recipe.features
    kind = recipe.head.kind
    if kind == "auto":
        # Words and embeddings together leave a feed-forward head nothing to find at any size that was measured.
        embeddings_only = "lexical" not in parts_of(features)
        kind = "feedforward" if embeddings_only and n_groups >= FEEDFORWARD_FROM_GROUPS else "logistic"
    l2 = recipe.head.l2
    if l2 is None:
        l2 = L2_LEXICAL if "lexical" in parts_of(features) else L2
    return replace(
        recipe,
        features=features,
        head=replace(recipe.head, kind=kind, l2=l2),
        thresholds="blended" if recipe.thresholds == "auto" else recipe.thresholds,
    )


def canonical(recipe: Recipe, n_groups: int) -> Recipe:
    """The recipe without "auto" and without what it does not use: equal where the runs would be equal.

    Parameters
    ----------
    n_groups : int
        Distinct descriptions to learn from; see `resolve`.
    """
    recipe = resolve(recipe, n_groups)
    head = recipe.head
    if head.kind == "logistic":
        head = HeadSettings(kind=head.kind, l2=head.l2, class_weight=head.class_weight)
    else:
        head = replace(head, l2=None)
    if "names" not in parts_of(recipe.features):
        recipe = replace(recipe, name_reliance=Recipe.name_reliance)
    if not recipe.tuned_layers:
        recipe = recipe.frozen
    if "starter" not in parts_of(recipe.features):
        recipe = replace(recipe, starter_reliance=Recipe.starter_reliance)
    return replace(recipe, head=head)


def by_fit(recipes: Sequence[Recipe]) -> list[list[int]]:
    """Places of canonical recipes that differ in nothing but thresholds, in order of appearance."""
    places: dict[Recipe, list[int]] = {}
    for place, recipe in enumerate(recipes):
        places.setdefault(replace(recipe, thresholds="auto"), []).append(place)
    return list(places.values())


def batch_size(settings: HeadSettings, n_rows: int) -> int:
    """Rows in a batch of a feed-forward head: a fiftieth of all, from 32 to 512, where the settings do not say."""
    return settings.batch_size or min(max(n_rows // 50, 32), 512)


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
