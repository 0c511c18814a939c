"""Sets of tries on a store: scored as a training would be, kept, resumed, and never shown for other data unsaid."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from steps import StopAt, confirm, import_csv, statement, three_kinds, undo
from toys import ToyEncoder

from tagger.errors import CancelledError, SettingError, TrainingError
from tagger.learning import experiments as learning
from tagger.learning.recipe import EXTRAS, HeadSettings, Recipe, canonical
from tagger.services import experiments, training, tries
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage.experiments import Experiments, Finished

SMALL = ("pooling",)  # of combinations: four tries
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def judged(store: Store) -> Store:
    """42 descriptions of three kinds, judged by their file."""
    import_csv(store, three_kinds())
    return store


@pytest.fixture
def fits(monkeypatch) -> list[list[str]]:
    """The features of each fit, with the threshold ways that shared it."""
    seen: list[list[str]] = []
    original = learning.predictions

    def spy(*args, **options):
        seen.append([args[1][0].features, *(recipe.thresholds for recipe in args[1])])
        return original(*args, **options)

    monkeypatch.setattr(learning, "predictions", spy)
    return seen


def small(store: Store, progress: Progress | None = None) -> dict:
    return experiments.measure(store, "combinations", progress or Progress(), axes=SMALL)


def look(store: Store) -> tuple:
    return experiments.overview(store, "combinations", axes=SMALL)


def scores(report: dict) -> dict:
    return {each["name"]: (each["macro"], each["micro"]) for each in (report["reference"], *report["tries"])}


def test_the_current_setting_has_the_score_of_the_run_that_it_comes_from(judged):
    recipe = Recipe(features="mean+lexical", thresholds="grid", seed=3, n_folds=4)
    run = training.train(judged, recipe, Progress(), promote_it=True)
    found = small(judged)
    assert found["reference"]["name"] == "Current setting"
    assert found["reference"]["macro"] == run["macro"]
    assert found["reference"]["micro"] == run["micro"]
    assert (found["n_transactions"], found["n_groups"], found["n_folds"]) == (42, 42, 4)
    assert found["measured_on"] == "out-of-fold"


def test_another_setting_has_the_score_that_a_run_with_it_then_has(judged):
    found = small(judged)
    best = found["tries"][0]
    run = training.train(judged, Recipe.from_dict(best["recipe"]), Progress())
    assert (best["macro"], best["micro"]) == (run["macro"], run["micro"])


def test_the_best_comes_first_and_each_has_its_difference_with_an_interval(judged):
    found = small(judged)
    changes = [each["change"]["macro"]["change"] for each in found["tries"]]
    assert changes == sorted(changes, reverse=True)
    for each in found["tries"]:
        low, high = each["change"]["macro"]["interval"]
        assert low <= each["change"]["macro"]["change"] <= high
        assert each["macro"]["f1"] - found["reference"]["macro"]["f1"] == pytest.approx(
            each["change"]["macro"]["change"]
        )
    json.dumps(found, allow_nan=False)


def test_threshold_ways_share_the_fit_of_their_setting(judged, fits):
    experiments.measure(judged, "combinations", Progress(), axes=("thresholds",))
    (shared,) = fits
    assert shared[0] == "both+lexical+amount+names+starter+neighbors"
    assert sorted(shared[1:]) == ["blended", "exact", "fixed:0.5", "grid", "shrunk"]


@pytest.mark.parametrize(
    ("kind", "recipe", "name"),
    [
        ("combinations", Recipe(features="mean+lexical"), "Current setting"),
        ("heads", Recipe(features="mean+lexical"), "Logistic head"),
        ("heads", Recipe(features="mean", head=HeadSettings(kind="feedforward")), "Original layers: 128, 64"),
        (
            "heads",
            Recipe(features="mean", head=HeadSettings(kind="feedforward", dropout=0.25, epochs=3)),
            "Current setting",
        ),
    ],
)
def test_the_setting_in_use_is_known_under_the_name_that_it_has_in_the_set(judged, monkeypatch, kind, recipe, name):
    training.train(judged, recipe, Progress(), promote_it=True)
    monkeypatch.setattr(learning, "predictions", lambda data, recipes, **_: [data.y_true] * len(recipes))
    experiments.measure(judged, kind, Progress(), axes=SMALL)
    assert experiments.overview(judged, kind, axes=SMALL)[1]["current"] == name
    training.train(judged, replace(recipe, features="cls+date"), Progress(), promote_it=True)
    assert experiments.overview(judged, kind, axes=SMALL)[1]["current"] is None


def test_a_setting_that_was_tried_is_known_when_it_is_in_use(judged):
    found = small(judged)
    (cls,) = (each for each in found["tries"] if each["name"] == "[CLS] token")
    training.train(judged, Recipe.from_dict(cls["recipe"]), Progress(), promote_it=True)
    assert look(judged)[1]["current"] == "[CLS] token"


def test_a_second_start_fits_nothing_and_says_the_same(judged, fits):
    first = small(judged)
    n_fits = len(fits)
    again = small(judged)
    assert len(fits) == n_fits == 4
    assert again["tries"] == first["tries"]


def test_another_set_fits_only_what_is_new(judged, fits):
    small(judged)
    del fits[:]
    experiments.measure(judged, "combinations", Progress(), axes=("thresholds",))
    (shared,) = fits
    assert "blended" not in shared, "the current setting was measured before"


def test_a_stopped_set_keeps_and_reports_what_was_finished(judged, fits):
    with pytest.raises(CancelledError) as stopped:
        small(judged, StopAt("Fit 3 of 4"))
    assert "kept" in stopped.value.hint
    plan, report = look(judged)
    assert (plan.n_tries, plan.n_left) == (4, 2)
    assert report["n_left"] == 2
    assert len(report["tries"]) == 1
    assert (report["is_current"], report["is_complete"]) == (True, False)
    del fits[:]
    whole = small(judged)
    assert len(fits) == 2
    assert (whole["n_left"], len(whole["tries"])) == (0, 3)


def test_results_survive_a_restart(judged, settings, fits):
    first = small(judged)
    del fits[:]
    opened = Store(settings)
    opened.encoding.use(ToyEncoder())
    plan, report = look(opened)
    assert plan.n_left == 0
    assert report["is_current"]
    assert report["is_complete"]
    assert scores(report) == scores(first)
    small(opened)
    assert not fits
    opened.close()


def test_what_was_reviewed_since_is_counted_until_it_is_taken_back(judged):
    import_csv(judged, statement("2024-06-01,PARKING,-1.00", header="date,description,amount"), "more.csv")
    small(judged)
    assert look(judged)[1]["is_current"]
    view = judged.view()
    (row,) = np.flatnonzero(~view.truth.confirmed)
    step = confirm(judged, view.columns.ids[row], [view.labels[0].id])
    plan, report = look(judged)
    assert (report["is_current"], report["n_since"], report["n_transactions"]) == (False, 1, 42)
    assert plan.n_left == plan.n_tries
    undo(judged, step)
    plan, report = look(judged)
    assert (report["n_since"], plan.n_left) == (0, 0)


def test_another_setting_in_use_is_flagged_and_is_then_what_all_are_compared_with(judged, fits):
    small(judged)
    training.train(judged, Recipe(features="mean+lexical"), Progress(), promote_it=True)
    assert look(judged)[1]["is_current"] is False
    del fits[:]
    found = small(judged)
    assert found["reference"]["recipe"]["features"] == "mean+lexical"


def test_a_damaged_file_is_measured_again(judged, settings, fits):
    first = small(judged)
    for path in settings.experiments_path.glob("*/*.safetensors"):
        path.write_bytes(path.read_bytes()[:-3])
    (settings.experiments_path / "combinations.json").write_text("{")
    assert look(judged)[1] is None
    del fits[:]
    assert scores(small(judged)) == scores(first)
    assert len(fits) == 4


def test_what_another_version_left_is_neither_shown_nor_used(judged, fits, monkeypatch):
    small(judged)
    monkeypatch.setattr(experiments, "VERSION", experiments.VERSION + 1)
    plan, report = look(judged)
    assert (plan.n_left, report) == (4, None)


def test_too_few_descriptions_are_said_to_be_too_few(store):
    import_csv(store, three_kinds(5))
    assert not look(store)[0].is_enough
    with pytest.raises(TrainingError, match="need 30 different descriptions; reviewed so far: 15"):
        small(store)


def test_an_empty_store_has_nothing_to_try(store):
    plan, report = look(store)
    assert (plan.n_groups, plan.is_enough, report) == (0, False, None)


def test_other_axes_are_another_set_even_where_everything_is_measured(judged):
    small(judged)
    assert look(judged)[1]["is_complete"]
    experiments.measure(judged, "combinations", Progress(), axes=("thresholds",))
    assert look(judged)[1]["is_complete"] is False


def test_texts_are_encoded_once_for_all_tries(judged):
    encoder = judged.encoding.encoder
    experiments.measure(judged, "grid", Progress())
    assert len(encoder.texts_encoded) == len(set(encoder.texts_encoded))


def test_it_runs_as_a_job_that_others_see(judged):
    runner = Jobs(judged)
    runner.wait(runner.start(experiments.KIND, small_of(judged)))
    job = runner.latest()
    assert (job.kind, job.state) == ("experiments", "done")


def small_of(store: Store):
    return lambda progress: small(store, progress)


def test_the_table_can_be_opened_in_a_spreadsheet(judged):
    found = small(judged)
    found["tries"][0]["name"] = "=HYPERLINK()"
    rows = list(csv.DictReader(io.StringIO(experiments.as_csv(found).decode())))
    assert [row["setting"] for row in rows[:2]] == ["Current setting", "'=HYPERLINK()"]
    assert rows[0]["macro_change"] == ""
    assert float(rows[1]["macro_change"]) == found["tries"][0]["change"]["macro"]["change"]
    assert Recipe.from_dict(json.loads(rows[1]["recipe"])).to_dict() == found["tries"][0]["recipe"]


def test_predictions_are_kept_as_they_are(tmp_path):
    kept = Experiments(tmp_path)
    y_pred = np.random.default_rng(0).random((13, 7)) < 0.3
    kept.keep("data", "try", Finished(y_pred, 1.25))
    found = kept.finished("data", "try", (13, 7))
    assert np.array_equal(found.y_pred, y_pred)
    assert found.seconds == 1.25
    assert kept.finished("data", "other", (13, 7)) is None
    kept.forget_others("new")
    assert kept.finished("data", "try", (13, 7)) is None


# The sets themselves --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base",
    [
        Recipe(),
        Recipe(features="lexical"),
        Recipe(features="cls", thresholds="grid"),
        Recipe(features="mean", head=HeadSettings(kind="feedforward", widths=(32,))),
    ],
)
@pytest.mark.parametrize("kind", tries.SETS)
def test_no_setting_is_tried_twice_and_every_name_is_its_own(base, kind):
    found = tries.tries(kind, base, 100, tries.AXES)
    assert len({each.recipe for each in found}) == len({each.name for each in found}) == len(found)
    assert all(each.recipe == canonical(each.recipe, 100) for each in found)


def test_the_grid_changes_one_thing_at_a_time():
    base, *others = tries.tries("grid", Recipe(), 100)
    for each in others:
        parts = [set(recipe.features.split("+")) for recipe in (base.recipe, each.recipe)]
        changed = [
            bool((parts[0] ^ parts[1]) & {"cls", "mean", "both"}),
            *[bool((parts[0] ^ parts[1]) & {extra}) for extra in EXTRAS if extra != "plain"],
            "plain" in parts[1],
            each.recipe.head.kind != base.recipe.head.kind,
            each.recipe.thresholds != base.recipe.thresholds,
        ]
        assert sum(changed) == 1, each.name


def test_what_no_row_has_is_not_tried_and_settings_that_differ_only_in_it_are_one():
    told = {each.name for each in tries.tries("grid", Recipe(), 100)}
    assert {each.name for each in tries.tries("grid", Recipe(), 100, idle={"account", "date"})} == told - {
        "With account",
        "With date",
    }
    base, *others = tries.tries("grid", Recipe(features="mean+account"), 100, idle={"account"})
    assert base.recipe.features == "mean+account"
    assert "Without account" not in {each.name for each in others}
    combined = tries.tries(
        "combinations", Recipe(features="mean+lexical+amount+names+starter+neighbors"), 100, ("features",)
    )
    assert "everything" in {each.name for each in combined}
    idle = {"account", "date"}
    fewer = tries.tries("combinations", combined[0].recipe, 100, ("features",), idle=idle)
    assert {each.name for each in combined} - {each.name for each in fewer} == {"everything"}


def test_settings_are_counted_with_the_fits_that_they_take_and_without_what_changes_nothing(store, fits):
    undated = "\n".join(
        ["description,amount,tags", *(line.split(",", 1)[1] for line in three_kinds(12).splitlines()[1:])]
    )
    import_csv(store, undated + "\n", account="")
    plan, _ = experiments.overview(store, "grid")
    found = experiments.measure(store, "grid", Progress())
    told = {each["name"] for each in found["tries"]}
    assert not told & {"With account", "With date"}
    assert len(told) + 1 == found["n_tries"] == plan.n_tries == plan.n_left
    assert found["n_fits"] == plan.n_fits == len(fits) < plan.n_tries
    assert experiments.overview(store, "grid")[0].n_fits == 0


def test_a_penalty_that_the_features_chose_changes_with_them_and_one_that_a_person_chose_stays():
    def without_words(base: Recipe) -> float | None:
        found = {each.name: each.recipe for each in tries.tries("grid", base, 100)}
        return found["Without words"].head.l2

    assert without_words(Recipe()) == 10.0
    assert without_words(Recipe(head=HeadSettings(l2=7.0))) == 7.0


def test_heads_change_one_layer_at_a_time_and_stand_beside_the_logistic_one():
    original, *others = tries.tries("heads", Recipe(), 100)
    assert original.recipe.head == HeadSettings(kind="feedforward")
    assert {each.recipe.features for each in others} == {original.recipe.features}
    groups = {each.group for each in others}
    assert groups == {
        *("Depth", "Width", "Dropout", "Activation", "Normalization", "Residual", "Class weights", "Head")
    }


def test_combinations_are_all_that_see_a_description():
    found = tries.tries("combinations", Recipe(features="cls+lexical+amount"), 100, ("pooling", "features"))
    assert len(found) == 4 * 4 - 1  # without embedding and without words there is nothing
    with pytest.raises(SettingError):
        tries.tries("combinations", Recipe(), 100, ("colors",))
    with pytest.raises(SettingError):
        tries.tries("everything", Recipe(), 100)
