"""Every control of the Thresholds page has a test that it changes what it claims."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from apps import threshold_app as app
from panels import card, expect_server
from playwright.sync_api import Locator, expect
from toys import save_thresholds

from tagger.ui.threshold_versions import SHOWN_AT_ONCE

# Every control, and the test that it changes what it claims. One without a test fails below.
OF_PANEL = {
    "Threshold for …": "test_numbers_move_during_a_drag_while_nothing_is_sent_and_release_commits_once",
    "Goal for …": "test_each_goal_moves_its_slider_to_where_python_reaches_it",
    "precision": "test_each_goal_moves_its_slider_to_where_python_reaches_it",
    "Set … to its goal": "test_goal_and_saved_are_one_press_away",
    "No goal value for …": "test_a_label_with_too_little_to_tune_keeps_its_threshold_and_says_why",
    "Reset … to the saved threshold": "test_goal_and_saved_are_one_press_away",
    "All to their goal": "test_goal_and_saved_are_one_press_away",
    "Reset all to saved": "test_goal_and_saved_are_one_press_away",
    "Goal for all tags shown": "test_all_tags_shown_get_a_goal_in_one_step",
    "Give": "test_all_tags_shown_get_a_goal_in_one_step",
    "Undo": "test_undo_and_redo_go_through_every_step",
    "Redo": "test_undo_and_redo_go_through_every_step",
    "Show saved": "test_the_saved_set_can_be_looked_at_and_left_again",
    "Scores": "test_each_look_draws_what_it_says",
    "Precision\u2013recall": "test_each_look_draws_what_it_says",
    "Calibration": "test_each_look_draws_what_it_says",
    "Find a tag": "test_labels_are_found_ordered_and_filtered",
    "Order of the tags": "test_labels_are_found_ordered_and_filtered",
    "Show all tags": "test_labels_are_found_ordered_and_filtered",
    "Note": "test_saving_takes_the_note_and_everything_done_just_before",
    "Save thresholds": "test_saving_takes_the_note_and_everything_done_just_before",
    "More tools": "test_a_phone_scrolls_down_only_and_shows_the_other_tools_when_asked",
}
SHOW_MORE = "Show more"  # where a list is longer than this store's
AROUND_IT = {
    "What would change": "test_what_is_moved_judged_and_saved_is_on_disk",
    "Not judged …": "test_the_largest_groups_come_first_each_kind_under_its_own_tab",
    "Wrong …": "test_the_largest_groups_come_first_each_kind_under_its_own_tab",
    "Right …": "test_the_largest_groups_come_first_each_kind_under_its_own_tab",
    "Yes, …": "test_a_verdict_is_stored_once_and_says_so_only_then",
    "No, …": "test_what_is_moved_judged_and_saved_is_on_disk",
    "Undo": "test_a_verdict_is_stored_once_and_says_so_only_then",
    SHOW_MORE: "test_smaller_groups_are_shown_when_asked_for",
    "Versions": "test_a_version_is_used_again_compared_and_downloaded",
    "All … versions": "test_of_many_versions_the_newest_are_in_sight_with_the_one_in_use_and_the_first",
    "Use again": "test_a_version_is_used_again_compared_and_downloaded",
    "Download JSON": "test_a_version_is_used_again_compared_and_downloaded",
    "Compare": "test_a_version_is_used_again_compared_and_downloaded",
    "With": "test_a_version_is_used_again_compared_and_downloaded",
}
SLOW = 60_000  # milliseconds


def names(place: Locator, but: str = "none") -> set[str]:
    """What the controls of a place are called, but for those within the elements that `but` selects."""
    return set(
        place.locator("button, input, select, textarea, summary, a, [tabindex='0']").evaluate_all(
            """(all, but) => all.filter((one) => !one.closest(but)).map((one) => {
                const text = (one.closest("label") ?? one).cloneNode(true);
                text.querySelectorAll("[data-testid=stIconMaterial]").forEach((icon) => icon.remove());
                return (one.getAttribute("aria-label") ?? text.textContent).trim();
            })""",
            but,
        )
    )


def test_every_control_of_the_panel_has_a_test_that_it_changes_what_it_claims(open_panel):
    page = open_panel()
    card(page, 0).get_by_label("Goal for groceries").select_option("precision>=")
    card(page, 5).get_by_label("Goal for subscription").select_option("f1")
    expect_server(page, commits=2)
    tags = "|".join(re.escape(name) for name in sorted(app.NAMES, key=len, reverse=True))
    found = {re.sub(rf"\b({tags})\b", "…", re.sub(r" [01]\.\d+$", "", name)) for name in names(page.locator(".panel"))}
    assert found == set(OF_PANEL)


def test_every_control_around_the_panel_has_one_too(serve_app, page_at, trained):
    for number in range(SHOWN_AT_ONCE + 1):
        save_thresholds(trained, {1: number / 10})
    page = page_at(1280, 900)
    page.goto(f"{serve_app()}/thresholds")
    page.locator(".card input[type=range]").first.press("Home", timeout=SLOW)
    page.get_by_text("What would change", exact=True).click(timeout=SLOW)
    page.locator(".flips .row").first.get_by_role("button", name="No,").click(timeout=SLOW)
    expect(page.locator(".flips .row").first.locator(".state")).to_have_text("Saved", timeout=SLOW)
    page.get_by_text("Versions", exact=True).click()
    expect(page.get_by_role("combobox", name="With")).to_be_visible(timeout=SLOW)
    found = names(page.get_by_test_id("stMain"), ".panel, [data-testid=stSelectbox] button, .more[hidden]")
    assert {_without_values(name) for name in found} | {SHOW_MORE} == set(AROUND_IT)


def _without_values(name: str) -> str:
    return re.sub(r"(?<=^Yes, ).*|(?<=^No, ).*|\d+", "…", name)


def test_the_tests_that_are_named_here_are_there():
    tests = Path(__file__).resolve().parents[1]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in tests.glob("*/test_*.py")]
    there = {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {*OF_PANEL.values(), *AROUND_IT.values()} <= there
