"""Versions of thresholds below the sliders: what is listed, using one again, and how two differ."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from toys import labelled_csv, save_thresholds

from tagger.learning.recipe import HeadSettings, Recipe
from tagger.services import runs, threshold_saving, threshold_versions, training, tuning
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store, now
from tagger.storage import runs as stored_runs
from tagger.ui import threshold_versions as on_screen

HEAD = HeadSettings(kind="logistic")


def fill(store: Store) -> None:
    import_files(store, [Upload("bank.csv", labelled_csv().encode())], Progress())
    training.train(store, Recipe(head=HEAD, n_folds=3), Progress(), promote_it=True)
    save_thresholds(store, {1: 1.0}, note="![i](http://example.org/leak.png) *strict*")
    save_thresholds(store, {1: 0.5, 2: 0.25})


@pytest.fixture
def saved(prepared) -> Store:
    """Versions 1 and 2, of which 2 is in use."""
    return prepared(fill)


@pytest.fixture
def unfolded(opened):
    """The page with its versions in sight."""

    def run() -> AppTest:
        page = opened("thresholds")
        page.session_state["versions"] = True
        page.run()
        assert not page.exception, page.exception
        return page

    return run


def titles(page: AppTest) -> list[str]:
    return [each.value for each in page.markdown if each.value.startswith(("**Version", "**As trained"))]


def press(page: AppTest, key: str) -> None:
    page.button(key=key).click().run()
    assert not page.exception, page.exception


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def captions(page: AppTest) -> str:
    return "\n".join(each.value for each in page.caption)


def test_versions_are_looked_up_only_when_they_are_unfolded(opened, saved, monkeypatch):
    monkeypatch.setattr(threshold_versions, "history", lambda *_: 1 / 0)
    assert titles(opened("thresholds")) == []


def test_each_version_says_who_saved_it_what_it_scored_and_how_much_it_moved(unfolded, saved):
    page = unfolded()
    newest, older, as_trained = threshold_versions.history(saved)

    def scores(version):
        held_out = version.metrics["held_out"]
        return f"held-out micro F1 {held_out['micro_f1']:.3f} · macro F1 {held_out['macro_f1']:.3f}"

    assert titles(page) == [
        f"**Version 2** :blue-badge[in use] · {scores(newest)}, 2 moved by hand as they stand",
        f"**Version 1** · {scores(older)}, 1 moved by hand as they stand",
        f"**As trained** · {scores(as_trained)}",
    ]
    assert scores(newest) != scores(older)
    told = captions(page)
    assert "Held out: each row is cut at thresholds that the tags' goals chose without it" in told
    for version, moved in ((newest, " · 2 tags moved"), (older, " · 1 tag moved"), (as_trained, "")):
        at = version.created_at
        assert f"{at.day} {at:%b %Y, %H:%M} UTC · {version.author}{moved}" in told
    assert "*strict*" in told.replace("\\", "")
    assert "![i]" not in told
    uses = [button for button in page.button if button.label == "Use again"]
    assert [(button.key, button.disabled) for button in uses] == [("use:2", True), ("use:1", False), ("use:0", False)]
    assert len(page.get("download_button")) == 3


def test_a_version_is_used_again_with_one_click_and_back(unfolded, saved):
    page = unfolded()
    for key, version, first in (("use:1", 1, 1.0), ("use:0", 0, None), ("use:2", 2, 0.5)):
        press(page, key)
        panel = tuning.panel(saved)
        assert [each.id for each in threshold_versions.history(saved) if each.in_use] == [version]
        assert panel.drafts == panel.saved
        assert first is None or panel.saved[1] == first
        (in_use,) = (title for title in titles(page) if "in use" in title)
        assert in_use.startswith(f"**Version {version}**" if version else "**As trained**")
        assert page.toast[-1].value.endswith("in use.")
        assert not page.get("dialog")
    assert len(threshold_versions.history(saved)) == 3


@pytest.mark.parametrize(
    ("moved", "goals", "question"),
    [
        ({1: 0.9, 2: 0.8}, {}, "2 sliders were moved and not saved. Use version 1 and let them go?"),
        ({1: 0.9}, {}, "1 slider was moved and not saved. Use version 1 and let it go?"),
        ({1: 0.9, 2: 0.25}, {2: "f1"}, "1 slider was moved and not saved, and 1 tag got a new goal. Use version 1 and"),
        ({2: 0.25}, {2: "f1"}, "1 tag got a new goal, not saved yet. Use version 1 and let it go?"),
    ],
)
def test_unsaved_moves_are_let_go_only_after_a_second_yes(unfolded, saved, moved, goals, question):
    page = unfolded()
    tuning.move(saved, saved.view().tagging.run_id, moved, goals)
    press(page, "use:1")
    assert [each.value for each in page.markdown if each.value.startswith(question)]
    assert {"Use version 1", "Cancel"} <= set(labels(page))
    assert saved.view().tagging.threshold_version_id == 2
    assert threshold_saving.unsaved(saved).n_labels == len(moved)
    page.run()
    assert "Use version 1" not in labels(page), "the question is asked once"


def test_moves_that_came_back_to_where_they_were_are_not_asked_about(unfolded, saved):
    page = unfolded()
    tuning.move(saved, saved.view().tagging.run_id, {1: 0.5, 2: 0.25})
    press(page, "use:0")
    assert threshold_versions.history(saved)[-1].in_use


def test_the_thresholds_of_the_training_are_asked_about_by_name(unfolded, saved):
    page = unfolded()
    tuning.move(saved, saved.view().tagging.run_id, {1: 0.9})
    press(page, "use:0")
    assert "Use as trained" in labels(page)


def test_a_version_of_a_run_that_was_replaced_meanwhile_is_refused_and_the_page_goes_on(unfolded, saved):
    page = unfolded()
    other = training.train(saved, Recipe(head=HEAD, features="mean", n_folds=3), Progress())["run_id"]
    runs.promote(saved, other)
    press(page, "use:1")
    assert "is not in use" in page.error[0].value
    assert runs.current_id(saved) == other
    assert [title[:14] for title in titles(page)] == ["**As trained**"]


def test_two_versions_are_compared_tag_by_tag_and_measured_now(unfolded, saved):
    page = unfolded()
    page.selectbox(key="version_before").set_value(1).run()
    assert len(page.dataframe) == 0
    page.selectbox(key="version_after").set_value(1).run()
    assert "Choose two different versions" in captions(page)
    page.selectbox(key="version_after").set_value(0).run()
    assert not page.exception, page.exception
    expected = threshold_versions.diff(saved, 1, 0)
    different, measured = (each.value for each in page.dataframe)
    assert different.to_dict("records") == [
        {
            "Tag": each["label"],
            "Version 1": f"{each['before']:.4f}",
            "As trained": f"{each['after']:.4f}",
            "Difference": signed(each["after"] - each["before"]),
        }
        for each in expected["labels"]
    ]
    figures = {row.pop("Measured now"): row for row in measured.to_dict("records")}
    assert list(figures)[:3] == ["Micro F1, held out", "Macro F1, held out", "Tags moved by hand"]
    before, after = (expected[side]["now"] for side in ("before", "after"))
    for name, was, is_now in (
        ("Macro F1, held out", before["held_out"]["macro_f1"], after["held_out"]["macro_f1"]),
        ("Macro F1, on these rows", before["macro"]["f1"], after["macro"]["f1"]),
        ("Micro recall, on these rows", before["micro"]["recall"], after["micro"]["recall"]),
    ):
        texts = {"Version 1": f"{was:.3f}", "As trained": f"{is_now:.3f}", "Difference": signed(is_now - was)}
        assert figures[name] == texts
    assert figures["Tags moved by hand"] == {"Version 1": "1", "As trained": "0", "Difference": "−1"}
    assert figures["Tags given"]["Difference"] == f"{after['tags_given'] - before['tags_given']:+}"
    assert "Both on the same 42 reviewed transactions, out of fold" in captions(page)
    assert "flatter thresholds that were chosen on them" in captions(page)


def signed(change: float) -> str:
    return f"{change:+.3f}".replace("-", "−")


def made_up(held_out: float | None, f1: float | None, **more: Any) -> dict[str, Any]:
    """What one side of a difference measures; every figure is another one."""
    scores = {"f1": f1, "precision": 0.31, "recall": 0.32}
    return {
        "micro": {"f1": 0.41, "precision": 0.42, "recall": 0.43},
        "macro": scores,
        "held_out": {"micro_f1": 0.51, "macro_f1": held_out, "by_hand": 1200},
        "n_transactions": 42,
        "tags_given": 3400,
        "measured_on": "on rows",
        **more,
    }


def test_each_difference_is_after_minus_before_and_undefined_where_either_is(unfolded, saved, monkeypatch):
    told = {
        "labels": [
            {"label": "fuel", "before": 0.5, "after": 0.5002},
            {"label": "rent", "before": 0.5, "after": 0.25},
        ],
        "before": {"id": 1, "saved": None, "now": made_up(0.61, 0.7)},
        "after": {"id": 2, "saved": None, "now": made_up(0.5, None, tags_given=4700)},
    }
    monkeypatch.setattr(threshold_versions, "diff", lambda *_: told)
    page = unfolded()
    page.selectbox(key="version_before").set_value(1).run()
    page.selectbox(key="version_after").set_value(2).run()
    assert not page.exception, page.exception
    different, measured = (each.value for each in page.dataframe)
    assert different["Difference"].tolist() == ["+0.0002", "−0.250"]
    assert [tuple(row.values()) for row in measured.to_dict("records")] == [
        ("Micro F1, held out", "0.510", "0.510", "+0.000"),
        ("Macro F1, held out", "0.610", "0.500", "−0.110"),
        ("Tags moved by hand", "1,200", "1,200", "+0"),
        ("Micro F1, on these rows", "0.410", "0.410", "+0.000"),
        ("Micro precision, on these rows", "0.420", "0.420", "+0.000"),
        ("Micro recall, on these rows", "0.430", "0.430", "+0.000"),
        ("Macro F1, on these rows", "0.700", "n/a", "n/a"),
        ("Macro precision, on these rows", "0.310", "0.310", "+0.000"),
        ("Macro recall, on these rows", "0.320", "0.320", "+0.000"),
        ("Tags given", "3,400", "4,700", "+1,300"),
    ]


def test_two_versions_with_the_same_thresholds_can_differ_in_what_they_score_held_out(unfolded, saved):
    save_thresholds(saved, {}, goals={"1": "fixed:0.5", "2": "fixed:0.25"})
    page = unfolded()
    page.selectbox(key="version_before").set_value(2).run()
    page.selectbox(key="version_after").set_value(3).run()
    assert "All thresholds are the same." in captions(page)
    (measured,) = (each.value for each in page.dataframe)
    figures = {row["Measured now"]: row["Difference"] for row in measured.to_dict("records")}
    assert figures["Tags moved by hand"] == "−2"
    assert figures["Macro F1, on these rows"] == "+0.000"


@pytest.mark.parametrize(
    ("held_out", "shown"),
    [
        ({}, "held-out micro F1 n/a · macro F1 n/a"),
        (
            {"held_out": {"micro_f1": 0.843, "macro_f1": 0.777, "by_hand": 0}},
            "held-out micro F1 0.843 · macro F1 0.777",
        ),
    ],
)
def test_a_version_is_listed_by_what_it_scored_held_out_if_that_was_kept(unfolded, saved, held_out, shown):
    metrics = {"micro": {"f1": 0.987}, "macro": {"f1": 0.876}} | held_out
    with saved.db.write("runs") as connection:
        stored_runs.add_threshold_version(
            connection, saved.view().tagging.run_id, (0.5,) * 4, author="ada", note="", at=now(), metrics=metrics
        )
    assert titles(unfolded())[0] == f"**Version 3** · {shown}"


def test_a_comparison_follows_what_was_reviewed_meanwhile_and_is_not_made_again_otherwise(unfolded, saved, monkeypatch):
    made = []
    whole = threshold_versions.diff
    monkeypatch.setattr(threshold_versions, "diff", lambda *words: made.append(words) or whole(*words))
    page = unfolded()
    page.selectbox(key="version_before").set_value(1).run()
    page.selectbox(key="version_after").set_value(2).run()
    page.run()
    assert len(made) == 1
    with saved.db.write("judgements"):
        pass
    page.run()
    assert len(made) == 2


def test_before_anything_is_saved_it_is_said_what_makes_a_version(opened, prepared):
    store = prepared(fill_without_versions)
    page = opened("thresholds")
    page.session_state["versions"] = True
    page.run()
    assert "Saving thresholds makes the first version" in captions(page)
    assert len(titles(page)) == len(threshold_versions.history(store)) == 1
    assert not [each for each in page.selectbox if each.key == "version_before"]


def fill_without_versions(store: Store) -> None:
    import_files(store, [Upload("bank.csv", labelled_csv().encode())], Progress())
    training.train(store, Recipe(head=HEAD, n_folds=3), Progress(), promote_it=True)


def test_of_many_versions_the_newest_are_in_sight_with_the_one_in_use_and_the_first(unfolded, saved):
    for number in range(on_screen.SHOWN_AT_ONCE + 4):
        save_thresholds(saved, {3: number / 100})
    threshold_saving.go_back(saved, 1)
    page = unfolded()
    shown = titles(page)
    assert len(shown) == on_screen.SHOWN_AT_ONCE + 2
    assert shown[-2].startswith("**Version 1** :blue-badge[in use]")
    assert shown[-1].startswith("**As trained**")
    page.toggle(key="all_versions").set_value(True).run()
    assert len(titles(page)) == len(threshold_versions.history(saved))
