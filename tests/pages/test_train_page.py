"""Train after a training: what it brought, promoting with open eyes, and going back. Without a browser."""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest
from toys import labelled_csv, save_thresholds

from tagger.learning.recipe import Recipe
from tagger.services import comparing, deep, runs, training
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.ui import past_runs

RECIPE = Recipe(n_folds=3)
pytestmark = pytest.mark.usefixtures("one_thread")


def texts(page: AppTest) -> str:
    elements = [*page.markdown, *page.info, *page.caption, *page.subheader, *page.warning]
    return "\n".join(element.value for element in elements).replace("\\", "")


def press(page: AppTest, label: str) -> None:
    next(button for button in page.button if button.label == label).click().run()
    assert not page.exception, page.exception


def table(page: AppTest, column: str):
    """The table that has this column."""
    return next(frame.value for frame in page.dataframe if column in frame.value.columns)


def fill(store: Store) -> None:
    text = labelled_csv() + "".join(
        f"2024-04-0{day},TESCO groceries {town},-9.99,\n" for day, town in ((1, "x"), (2, "y"))
    )
    import_files(store, [Upload("bank.csv", text.encode())], Progress())
    training.train(store, RECIPE, Progress(), promote_it=True)


@pytest.fixture
def filled(prepared) -> Store:
    """A labelled statement and some open rows, and a run in use."""
    return prepared(fill)


def train(store: Store, **changed) -> str:
    return training.train(store, replace(RECIPE, **changed), Progress())["run_id"]


def test_after_a_training_stand_what_it_bought_and_two_figures_with_what_they_were_measured_on(opened, filled):
    run_id = train(filled)
    shown = texts(opened("train"))
    told = "Training again {} no other transaction; no change in F1 beyond chance."
    assert f"**{told.format('would change')}**" in shown
    assert "On descriptions never seen in training" in shown
    assert "On a random later batch" in shown
    assert "Exact match " in shown
    assert "Your reviewed transactions hardly repeat each other (0%)" in shown
    assert "Remembered (" not in shown
    assert runs.newest(filled).id == run_id
    page = opened("train")
    press(page, "Promote")
    assert f"**{told.format('changed')}**" in texts(page)
    assert told.format("would change") not in texts(page)


def test_where_reviewed_rows_repeat_a_later_batch_has_its_figures(opened, filled):
    again = labelled_csv(4).replace("2024-03", "2024-05")
    import_files(filled, [Upload("may.csv", again.encode())], Progress())
    train(filled)
    shown = texts(opened("train"))
    assert "repeats a reviewed description): micro F1 1.000" in shown
    assert "Descriptions that differ from a reviewed one only in a number are scored as merchants never seen" in shown
    assert "hardly repeat" not in shown


def test_every_tag_stands_with_its_support_and_intervals(opened, filled):
    page = opened("train")
    shown = table(page, "F1 95 %")
    summary = runs.newest(filled).summary
    assert list(shown["Tag"]) == [row["label"] for row in summary["labels"]]
    for row, label in zip(shown.to_dict("records"), summary["labels"], strict=True):
        low, high = label["interval"]["f1"]
        assert row["F1 95 %"] == f"{low:.2f}–{high:.2f}"
        assert (row["Examples"], row["F1"]) == (14, f"{label['f1']:.2f}")


def test_figures_of_older_runs_which_lack_intervals_are_shown_without(opened, filled):
    with filled.db.write("runs") as connection:
        connection.exec_driver_sql(
            "update runs set summary = json_remove(summary, '$.intervals', '$.exact_match', '$.lrap', '$.untagged', "
            "'$.bought', '$.later_batch.remembered', '$.labels[0].interval')"
        )
    page = opened("train")
    assert "On descriptions never seen in training" in texts(page)
    assert "Exact match" not in texts(page)
    assert table(page, "F1 95 %")["F1 95 %"][0] == "n/a"


def test_a_run_that_is_no_worse_is_promoted_at_once(opened, filled):
    run_id = train(filled)
    press(opened("train"), "Promote")
    assert runs.current_id(filled) == run_id


def test_a_worse_run_is_not_promoted_without_asking_and_both_numbers_are_named(opened, filled):
    before = runs.current_id(filled)
    run_id = train(filled, thresholds="fixed:1")
    because = comparing.why_worse(filled, run_id)
    page = opened("train")
    assert "This run scores lower than the one in use" in texts(page)
    assert because in texts(page)
    press(page, "Promote")
    assert runs.current_id(filled) == before
    assert texts(page).count(because) == 2
    assert "Use it anyway" in [button.label for button in page.button]


def test_the_comparison_names_every_tag_every_changed_transaction_and_every_setting(opened, filled):
    train(filled, thresholds="fixed:1")
    page = opened("train")
    shown = table(page, "Change 95 %")
    assert set(shown["Tag"]) == {"groceries", "fuel", "rent", "recurring"}
    assert " to " in shown["Change 95 %"][0]
    assert shown["Lost"].sum() > 0
    settings = table(page, "Setting").to_dict("records")
    assert {"Setting": "way to choose thresholds", "Before": "blended", "After": "fixed:1"} in settings
    page.session_state["newest:changes"] = True
    page.run()
    listed = table(page, "After is")
    assert set(listed["After is"]) == {"wrong", "not reviewed"}
    assert "2 transactions not reviewed yet would change" in texts(page)


def test_rolling_back_brings_run_and_thresholds_of_before(opened, filled):
    first = runs.current_id(filled)
    version = save_thresholds(filled, {1: 0.25})
    runs.promote(filled, train(filled))
    page = opened("train")
    assert f"with its saved thresholds (version {version})" in texts(page)
    press(page, "Roll back")
    current = filled.view().tagging
    assert (current.run_id, current.threshold_version_id, current.thresholds[0]) == (first, version, 0.25)
    press(page, "Roll back")
    assert filled.view().tagging.threshold_version_id is None


def test_after_rolling_back_a_candidate_is_compared_with_what_is_in_use_then(opened, filled):
    first = runs.current_id(filled)
    second = train(filled, features="mean", thresholds="fixed:0.9")
    runs.promote(filled, second)
    third = train(filled, features="lexical")
    page = opened("train")

    def beside() -> int:
        changed = comparing.compare(filled, third)["changed_transactions"]
        assert f"Beside the run in use it tags **{changed:,} transaction" in texts(page)
        return changed

    before = beside()
    press(page, "Roll back")
    assert runs.current_id(filled) == first
    assert beside() != before


def menu(page: AppTest, run_id: str) -> None:
    page.session_state[f"menu:{run_id}"] = True
    page.run()
    assert not page.exception, page.exception


def test_the_run_in_use_stands_first_and_earlier_ones_are_folded_below_the_newest(opened, filled, monkeypatch):
    monkeypatch.setattr(past_runs, "SHOWN_AT_ONCE", 2)
    in_use = runs.current_id(filled)
    newer = [train(filled) for _ in range(3)][::-1]
    page = opened("train")
    for run_id in (in_use, *newer):
        page.session_state[f"menu:{run_id}"] = True
    page.run()
    order = [each.key.split(":")[1] for each in page.text_input]
    assert order == [in_use, *newer]
    (folded,) = [each for each in page.expander if each.label == "2 earlier ones"]
    assert [each.key.split(":")[1] for each in folded.text_input] == newer[1:]


def test_a_note_is_kept_with_its_run(opened, filled):
    run_id = runs.current_id(filled)
    page = opened("train")
    menu(page, run_id)
    page.text_input[0].set_value("before the *move*").run()
    assert runs.listed(filled)[0].note == "before the *move*"
    assert "before the *move*" in texts(page.run())


def test_an_older_run_that_is_worse_asks_as_well(opened, filled):
    before = runs.current_id(filled)
    worse = train(filled, thresholds="fixed:1")
    runs.promote(filled, train(filled))
    page = opened("train")
    menu(page, worse)
    press(page, "Promote")
    assert "Use it anyway" in [button.label for button in page.button]
    assert runs.current_id(filled) not in {worse, before}
    menu(page, before)
    next(button for button in page.button if button.key == f"promote:{before}").click().run()
    assert runs.current_id(filled) == before


def test_discarding_a_run_from_the_list_asks_first(opened, filled):
    old = train(filled)
    runs.promote(filled, train(filled))
    page = opened("train")
    menu(page, old)
    press(page, "Discard")
    assert old in {run.id for run in runs.listed(filled)}
    assert "Discard it" in [button.label for button in page.button]
    assert "Its weights are deleted. Tags still come from the run of " in texts(page)


@pytest.mark.parametrize("own", [True, False])
def test_before_the_run_in_use_is_discarded_the_dialog_says_what_tags_then(opened, filled, own):
    if own:
        runs.promote(filled, train(filled))
    page = opened("train")
    menu(page, runs.current_id(filled))
    press(page, "Discard")
    then = "Tags then come from the run of " if own else "No run gives tags then: train one, or promote another."
    assert f"Its weights are deleted. {then}" in texts(page)


def test_after_a_discard_stands_which_run_gives_the_tags(opened, filled):
    first = runs.current_id(filled)
    train(filled)
    page = opened("train")
    press(page, "Discard")
    (toast,) = page.toast
    assert "Run discarded. Tags still come from the run of " in toast.value.replace("\\", "")
    assert [run.id for run in runs.listed(filled)] == [first]


def test_any_two_runs_stand_side_by_side(opened, filled):
    first = runs.current_id(filled)
    second, third = train(filled, thresholds="fixed:1"), train(filled)
    runs.promote(filled, third)
    page = opened("train")
    menu(page, second)
    press(page, "Compare with the run in use")
    before, after = page.selectbox[-2:]
    assert (before.value, after.value) == (third, second)
    assert "Macro F1 " in texts(page)
    before.set_value(first).run()
    assert table(page, "Change 95 %")["Lost"].sum() > 0
    before.set_value(second).run()
    assert "Choose two different runs." in texts(page)
    runs.discard(filled, second)
    assert not opened("train").exception


def told(change: float) -> dict:
    """What a deep retrain found."""
    return {
        "run_id": None,
        "deep": {
            "kept": False,
            "n_layers": 2,
            "epochs": 3,
            "frozen": {"macro": {"f1": 0.5}, "micro": {"f1": 0.5}},
            "tuned": {"macro": {"f1": 0.5 + change}, "micro": {"f1": 0.5}},
            "macro": {"change": change, "interval": [change - 0.02, change + 0.02], "certain": False},
            "micro": {"change": 0.0, "interval": [-0.02, 0.02], "certain": False},
        },
    }


def test_a_deep_retrain_that_did_not_help_says_so_with_both_figures(opened, filled, monkeypatch):
    asked = []

    def retrain(_store, recipe, _progress):
        asked.append(recipe)
        return told(-0.01)

    monkeypatch.setattr(deep, "retrain", retrain)
    page = opened("train")
    press(page, "Deep retrain")
    jobs = page.session_state["session"].jobs
    jobs.wait(jobs.latest().id, timeout=30)
    shown = texts(page.run())
    assert "Deep retrain did not help, so no run was kept: macro F1 0.500 with the encoder as it is, 0.490" in shown
    assert "with its last layers trained, −0.01 (−0.03 to 0.01)." in shown
    assert (asked[0].tuned_layers, asked[0].tuned_epochs) == (deep.LAYERS, deep.EPOCHS)
    assert len(runs.listed(filled)) == 1


def test_beside_deep_retrain_stands_what_it_does_and_how_long_it_takes(opened, filled):
    page = opened("train")
    (button,) = [button for button in page.button if button.label == "Deep retrain"]
    assert "only if it is clearly better, a run comes of it" in button.help
    assert "Roughly 1 minute on two cores" in button.help
    assert "an encoder of its own" not in texts(page)


def test_a_run_in_use_with_its_own_encoder_is_named_so(opened, filled, monkeypatch):
    monkeypatch.setattr(deep, "in_use", lambda _store: True)
    assert "The run in use has an encoder of its own. A new training begins at the installed one." in texts(
        opened("train")
    )
