"""Versions of thresholds below the sliders: what is listed, using one again, and how two differ."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest
from toys import labelled_csv

from tagger.learning.recipe import HeadSettings, Recipe
from tagger.services import runs, threshold_versions, training, tuning
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.ui import threshold_versions as on_screen

HEAD = HeadSettings(kind="logistic")


def fill(store: Store) -> None:
    import_files(store, [Upload("bank.csv", labelled_csv().encode())], Progress())
    training.train(store, Recipe(head=HEAD, n_folds=3), Progress(), promote_it=True)
    threshold_versions.save(store, {1: 1.0}, note="![i](http://example.org/leak.png) *strict*")
    threshold_versions.save(store, {1: 0.5, 2: 0.25})


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


def captions(page: AppTest) -> str:
    return "\n".join(each.value for each in page.caption)


def test_versions_are_looked_up_only_when_they_are_unfolded(opened, saved, monkeypatch):
    monkeypatch.setattr(threshold_versions, "history", lambda *_: 1 / 0)
    assert titles(opened("thresholds")) == []


def test_each_version_says_who_saved_it_what_it_scored_and_how_much_it_moved(unfolded, saved):
    page = unfolded()
    newest, older, as_trained = threshold_versions.history(saved)

    def scores(version):
        return " · ".join(f"{name} F1 {version.metrics[name]['f1']:.3f}" for name in ("micro", "macro"))

    assert titles(page) == [
        f"**Version 2** :blue-badge[in use] · {scores(newest)}",
        f"**Version 1** · {scores(older)}",
        "**As trained** · micro F1 n/a · macro F1 n/a",
    ]
    assert scores(newest) != scores(older)
    told = captions(page)
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
    tuning.move(saved, saved.view().tagging.run_id, {2: 0.9})
    for key, version, first in (("use:1", 1, 1.0), ("use:0", 0, None), ("use:2", 2, 0.5)):
        press(page, key)
        panel = tuning.panel(saved)
        assert [each.id for each in threshold_versions.history(saved) if each.in_use] == [version]
        assert panel.drafts == panel.saved
        assert first is None or panel.saved[1] == first
        (in_use,) = (title for title in titles(page) if "in use" in title)
        assert in_use.startswith(f"**Version {version}**" if version else "**As trained**")
        assert page.toast[-1].value.endswith("in use.")
    assert len(threshold_versions.history(saved)) == 3


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
        {"Tag": each["label"], "Version 1": f"{each['before']:.4f}", "As trained": f"{each['after']:.4f}"}
        for each in expected["labels"]
    ]
    figures = {row["Measured now"]: row for row in measured.to_dict("records")}
    for title, side in (("Version 1", "before"), ("As trained", "after")):
        now = expected[side]["now"]
        assert figures["Macro F1"][title] == f"{now['macro']['f1']:.3f}"
        assert figures["Micro recall"][title] == f"{now['micro']['recall']:.3f}"
        assert figures["Tags given"][title] == str(now["tags_given"])
    assert "Both on the same 42 reviewed transactions, out of fold" in captions(page)


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
        threshold_versions.save(saved, {3: number / 100})
    threshold_versions.go_back(saved, 1)
    page = unfolded()
    shown = titles(page)
    assert len(shown) == on_screen.SHOWN_AT_ONCE + 2
    assert shown[-2].startswith("**Version 1** :blue-badge[in use]")
    assert shown[-1].startswith("**As trained**")
    page.toggle(key="all_versions").set_value(True).run()
    assert len(titles(page)) == len(threshold_versions.history(saved))
