"""Ready-made sets of settings to try: around the current one, combined, and layers of the feed-forward head."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import product

from tagger.errors import SettingError
from tagger.learning.recipe import (
    EXTRAS,
    POOLINGS,
    HeadSettings,
    Recipe,
    canonical,
    parse_features,
    parts_of,
    pooling_of,
)

SETS = ("grid", "heads", "combinations")
AXES = ("pooling", "features", "head", "thresholds")  # of combinations
DEFAULT_AXES = ("pooling", "head")

_POOLINGS = {"cls": "[CLS] token", "mean": "Mean of tokens", "both": "Both poolings", "": "No embedding"}
_EXTRAS = {
    "lexical": "words",
    "amount": "amount",
    "date": "date",
    "account": "account",
    "names": "tag names",
    "starter": "the starter",
    "neighbors": "neighbors",
    "plain": "plain descriptions",
}
_HEADS = {"logistic": "Logistic", "feedforward": "Feed-forward"}
_CHOOSERS = {"blended": "Blended", "shrunk": "Shrunk", "grid": "Grid", "exact": "Exact", "fixed:0.5": "Fixed at 0.5"}
_LAYERS = (
    ("Depth", "No hidden layer", {"widths": ()}),
    ("Depth", "One layer: 128", {"widths": (128,)}),
    ("Depth", "Three: 256, 128, 64", {"widths": (256, 128, 64)}),
    ("Width", "Half: 64, 32", {"widths": (64, 32)}),
    ("Width", "Double: 256, 128", {"widths": (256, 128)}),
    ("Dropout", "No dropout", {"dropout": 0.0}),
    ("Dropout", "Dropout 0.3", {"dropout": 0.3}),
    ("Dropout", "Dropout 0.5", {"dropout": 0.5}),
    ("Activation", "GELU", {"activation": "gelu"}),
    ("Activation", "Tanh", {"activation": "tanh"}),
    ("Normalization", "Layer normalization", {"normalization": "layer"}),
    ("Normalization", "Batch normalization", {"normalization": "batch"}),
    ("Residual", "Residual connections", {"residual": True}),
    ("Class weights", "Balanced weights", {"class_weight": "balanced"}),
)


@dataclass(frozen=True)
class Try:
    """A setting under a name that tells what is different about it; `group` says of what kind the difference is."""

    name: str
    group: str
    recipe: Recipe


def tries(
    kind: str, base: Recipe, n_groups: int, axes: Collection[str] = DEFAULT_AXES, *, idle: Collection[str] = ()
) -> list[Try]:
    """A set of tries, the one that all others are compared with first; no two that have to give the same.

    Parameters
    ----------
    kind : one of `SETS`. `grid`: the current setting with one thing changed at a time. `heads`: the original
        feed-forward head on the current setting's features, with one thing changed at a time, and the logistic head.
        `combinations`: the current setting with everything that the axes can be combined to.
    base : the current setting.
    n_groups : distinct descriptions to learn from.
    axes : of `AXES`, for combinations.
    idle : parts of features that no row to learn from has anything for, such as `account`.

    Raises
    ------
    SettingError
        If there is no such set or axis, or no axis at all.
    """
    base = freed(base, n_groups)
    if kind == "grid":
        found = [Try("Current setting", "", base), *_one_at_a_time(base)]
    elif kind == "heads":
        found = list(_heads(base))
    elif kind == "combinations":
        found = [Try("Current setting", "", base), *_combinations(base, axes)]
    else:
        raise SettingError(f"There is no set of tries {kind!r}.", hint=f"Choose {', '.join(SETS)}.")
    different: dict[Recipe, Try] = {}
    for each in found:
        recipe = canonical(each.recipe, n_groups)
        said = parts_of(recipe.features) - set(idle)
        alike = canonical(replace(recipe, features=_features(None, said)), n_groups)
        different.setdefault(alike, replace(each, recipe=recipe))
    return list(different.values())


def freed(base: Recipe, n_groups: int) -> Recipe:
    """The current setting, so that a penalty which its features chose is chosen anew where a try changes them."""
    base = canonical(base, n_groups)
    free = replace(base, head=replace(base.head, l2=None))
    return free if canonical(free, n_groups) == base else base


def _one_at_a_time(base: Recipe) -> Iterator[Try]:
    own, pooling = parts_of(base.features), pooling_of(base.features)
    others = own - set(POOLINGS)
    for other, name in _POOLINGS.items():
        if other != (pooling or "") and (other or "lexical" in own):
            yield Try(name, "Pooling", replace(base, features=_features(other, others)))
    for extra in EXTRAS:
        if extra not in own:
            yield Try(
                f"With {_EXTRAS[extra]}", "Features", replace(base, features=_features(pooling, others | {extra}))
            )
        elif extra != "lexical" or pooling:
            without = replace(base, features=_features(pooling, others - {extra}))
            yield Try(f"Without {_EXTRAS[extra]}", "Features", without)
    for head, name in _HEADS.items():
        if head != base.head.kind:
            yield Try(f"{name} head", "Head", _with_head(base, head))
    for chooser, name in _CHOOSERS.items():
        if chooser != base.thresholds:
            yield Try(f"Thresholds: {name.lower()}", "Thresholds", replace(base, thresholds=chooser))


def _heads(base: Recipe) -> Iterator[Try]:
    original = replace(base, head=HeadSettings(kind="feedforward"))
    yield Try("Original layers: 128, 64", "", original)
    for group, name, change in _LAYERS:
        yield Try(name, group, replace(original, head=replace(original.head, **change)))
    yield Try("Logistic head", "Head", _with_head(base, "logistic"))
    yield Try("Current setting", "Head", base)


def _combinations(base: Recipe, axes: Collection[str]) -> Iterator[Try]:
    unknown = sorted(set(axes) - set(AXES))
    if unknown or not axes:
        found = f"There is no axis {unknown[0]!r}" if unknown else "No axis is named"
        raise SettingError(f"{found}.", hint=f"Choose from {', '.join(AXES)}.")
    own = parts_of(base.features)
    others = own - set(POOLINGS)
    poolings = list(_POOLINGS) if "pooling" in axes else [pooling_of(base.features) or ""]
    extras = {
        "words": others | {"lexical"},
        "no words": others - {"lexical"},
        "words only": {"lexical"},
        "everything": others | {"lexical", "amount", "date", "account", "names", "starter", "neighbors"},
    }
    kinds = list(_HEADS) if "head" in axes else [base.head.kind]
    choosers = list(_CHOOSERS) if "thresholds" in axes else [base.thresholds]
    chosen = extras if "features" in axes else {"": others}
    for pooling, (told, besides), kind, chooser in product(poolings, chosen.items(), kinds, choosers):
        if not pooling and "lexical" not in besides:
            continue
        names = {
            "pooling": _POOLINGS[pooling],
            "features": told,
            "head": _HEADS[kind].lower(),
            "thresholds": _CHOOSERS.get(chooser, chooser).lower(),
        }
        recipe = replace(_with_head(base, kind), features=_features(pooling, besides), thresholds=chooser)
        yield Try(" · ".join(names[axis] for axis in AXES if axis in axes), "Combination", recipe)


def _features(pooling: str | None, extras: Collection[str]) -> str:
    return parse_features("+".join(filter(None, (pooling, *extras))))


def _with_head(base: Recipe, kind: str) -> Recipe:
    """Another kind of head with its own defaults; the base's own keeps what was set."""
    return base if base.head.kind == kind else replace(base, head=HeadSettings(kind=kind))
