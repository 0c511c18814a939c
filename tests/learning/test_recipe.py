from __future__ import annotations

import json

import pytest

from tagger.errors import SettingError
from tagger.learning.recipe import HeadSettings, Recipe, parse_features, parse_head, resolve


@pytest.mark.parametrize(
    ("text", "features"),
    [("cls", "cls"), ("mean", "mean"), ("both", "both"), (" Mean ", "mean"), ("cls+mean", "both"), ("auto", "auto")],
)
def test_features_are_named_by_a_sum(text, features):
    assert parse_features(text) == features


@pytest.mark.parametrize("text", ["", "max", "cls+", "auto+cls", "both+lexical", "amount"])
def test_features_that_cannot_be_used_are_refused_with_the_choices(text):
    with pytest.raises(SettingError) as error:
        parse_features(text)
    for choice in ("cls", "mean", "both"):
        assert choice in error.value.hint


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("kind", "forest", "feedforward"),
        ("activation", "swish", "gelu"),
        ("normalization", "group", "layer"),
        ("class_weight", "sqrt", "balanced"),
        ("widths", (128, 0), "positive"),
        ("l2", 0.0, "positive"),
        ("dropout", 1.0, "up to"),
        ("epochs", 0, "positive"),
    ],
)
def test_a_head_setting_that_means_nothing_is_refused(field, value, named):
    with pytest.raises(SettingError) as error:
        HeadSettings(**{field: value})
    assert named in error.value.hint


def test_a_head_kind_that_does_not_exist_is_refused_with_the_choices():
    assert parse_head("Logistic") == "logistic"
    with pytest.raises(SettingError) as error:
        parse_head("tree")
    assert "logistic, feedforward" in error.value.hint


def test_a_recipe_survives_json():
    recipe = Recipe(features="cls", head=HeadSettings(kind="feedforward", widths=(32,), residual=True), seed=7)
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("values", [{"folds": 5}, {"head": {"depth": 3}}, {"head": "logistic"}, {"seed": "x"}])
def test_a_stored_recipe_with_an_unknown_entry_is_refused(values):
    with pytest.raises(SettingError):
        Recipe.from_dict(values)


@pytest.mark.parametrize(("n_groups", "kind"), [(4_999, "logistic"), (5_000, "feedforward")])
def test_auto_goes_by_the_number_of_descriptions(n_groups, kind):
    recipe = Recipe(features="auto", head=HeadSettings(kind="auto"), thresholds="auto")
    resolved = resolve(recipe, n_groups)
    assert (resolved.features, resolved.head.kind, resolved.thresholds) == ("both", kind, "grid")


def test_what_a_person_chose_is_not_resolved_away():
    recipe = Recipe(features="cls", head=HeadSettings(kind="logistic"), thresholds="exact")
    assert resolve(recipe, 1_000_000) == recipe
