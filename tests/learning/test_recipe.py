from __future__ import annotations

import json

import pytest

from tagger.errors import SettingError
from tagger.learning.recipe import HeadSettings, Recipe, parse_features, parse_head, resolve


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("cls", "cls"),
        ("mean", "mean"),
        ("both", "both"),
        (" Mean ", "mean"),
        ("cls+mean", "both"),
        ("auto", "auto"),
        ("lexical", "lexical"),
        ("names + lexical+BOTH", "both+lexical+names"),
        ("plain+account+date+amount+mean", "mean+amount+date+account+plain"),
    ],
)
def test_features_are_named_by_a_sum(text, features):
    assert parse_features(text) == features


@pytest.mark.parametrize("text", ["", "max", "cls+", "auto+cls", "amount", "names+date", "plain", "both+lexicon"])
def test_features_that_cannot_be_used_are_refused_with_the_choices(text):
    with pytest.raises(SettingError) as error:
        parse_features(text)
    for choice in ("auto", "cls", "mean", "both", "lexical", "amount", "date", "account", "names", "plain"):
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
        ("l2", float("nan"), "positive"),
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
    recipe = Recipe(
        features="cls", head=HeadSettings(kind="feedforward", widths=(32,), residual=True), seed=7, name_reliance=2.0
    )
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize("reliance", [-0.1, float("inf"), float("nan")])
def test_a_reliance_on_names_that_means_nothing_is_refused(reliance):
    with pytest.raises(SettingError, match="name_reliance"):
        Recipe(name_reliance=reliance)


@pytest.mark.parametrize("values", [{"folds": 5}, {"head": {"depth": 3}}, {"head": "logistic"}, {"seed": "x"}])
def test_a_stored_recipe_with_an_unknown_entry_is_refused(values):
    with pytest.raises(SettingError):
        Recipe.from_dict(values)


@pytest.mark.parametrize(
    ("features", "n_groups", "kind"),
    [
        ("auto", 4_999, "logistic"),
        ("auto", 5_000, "logistic"),
        ("mean+lexical", 5_000, "logistic"),
        ("both", 4_999, "logistic"),
        ("both", 5_000, "feedforward"),
        ("mean+amount+names", 5_000, "feedforward"),
    ],
)
def test_auto_goes_by_the_number_of_descriptions_where_no_words_are_looked_at(features, n_groups, kind):
    assert resolve(Recipe(features=features, head=HeadSettings(kind="auto")), n_groups).head.kind == kind


@pytest.mark.parametrize(
    ("features", "l2"), [("auto", 100.0), ("lexical", 100.0), ("cls+lexical", 100.0), ("both+amount", 10.0)]
)
def test_the_penalty_goes_by_whether_words_are_looked_at(features, l2):
    assert resolve(Recipe(features=features), 100).head.l2 == l2


def test_everything_that_is_auto_is_chosen():
    assert (Recipe().features, Recipe().thresholds, Recipe().head.l2) == ("auto", "auto", None)
    resolved = resolve(Recipe(), 100)
    assert (resolved.features, resolved.thresholds) == ("both+lexical+amount+names+starter+neighbors", "blended")
    assert resolve(resolved, 1_000_000) == resolved


def test_what_a_person_chose_is_not_resolved_away():
    recipe = Recipe(features="cls", head=HeadSettings(kind="logistic", l2=3.0), thresholds="exact")
    assert resolve(recipe, 1_000_000) == recipe
