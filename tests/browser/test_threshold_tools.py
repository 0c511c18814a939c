"""The tools above the cards of the threshold panel: undo, the saved set, finding and ordering tags."""

from __future__ import annotations

import pytest
from apps import threshold_app as app
from panels import card, expect_server, server, shown
from playwright.sync_api import expect


def test_undo_and_redo_go_through_every_step(open_panel):
    page = open_panel()
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    expect(undo).to_be_disabled()
    expect(redo).to_be_disabled()
    first = server(page)["draft"]
    card(page, 0).locator("input[type=range]").press("PageUp")
    expect_server(page, commits=1)
    second = server(page)["draft"]
    card(page, 3).get_by_label("Goal for rent").select_option("f1")
    expect_server(page, commits=2)
    third = server(page)["draft"]
    expect(card(page, 3)).to_have_attribute("data-threshold", str(third["103"]))
    assert first != second != third

    undo.click()
    expect_server(page, commits=3)
    state = server(page)
    assert (state["draft"], state["goals"]) == (second, {"103": "recommended"})
    expect(card(page, 3).get_by_label("Goal for rent")).to_have_value("recommended")
    card(page, 1).locator("input[type=range]").focus()
    page.keyboard.press("Control+z")
    expect_server(page, commits=4)
    assert server(page)["draft"] == first
    expect(undo).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    expect_server(page, commits=5)
    assert server(page)["draft"] == second
    redo.click()
    expect_server(page, commits=6)
    state = server(page)
    assert (state["draft"], state["goals"]) == (third, {"103": "f1"})
    expect(redo).to_be_disabled()

    undo.click()
    expect_server(page, commits=7)
    card(page, 4).locator("input[type=range]").press("PageUp")
    expect_server(page, commits=8)
    expect(redo).to_be_disabled()  # a new step forgets what was undone


def test_the_saved_set_can_be_looked_at_and_left_again(open_panel, frames_sent):
    page = open_panel()
    compare = page.get_by_role("button", name="Show saved")
    expect(compare).to_be_disabled()  # nothing differs
    saved = shown(page.locator('tr[data-total="micro"]'))
    slider = card(page, 0).locator("input[type=range]")
    slider.press("End")
    expect_server(page, commits=1)
    moved, n_frames = shown(page.locator('tr[data-total="micro"]')), len(frames_sent(page))
    assert moved != saved
    compare.click()
    expect(compare).to_have_attribute("aria-pressed", "true")
    assert shown(page.locator('tr[data-total="micro"]')) == saved
    assert slider.input_value() == "0.35"
    expect(slider).to_be_disabled()
    compare.click()
    assert shown(page.locator('tr[data-total="micro"]')) == moved
    assert slider.input_value() == "1"
    expect(slider).to_be_enabled()
    page.wait_for_timeout(300)
    assert len(frames_sent(page)) == n_frames
    assert server(page)["draft"]["100"] == 1


def test_a_discarded_draft_and_a_saved_one_reach_the_browser(open_panel):
    page = open_panel()
    one = card(page, 4)
    one.locator("input[type=range]").press("PageUp")
    expect_server(page, commits=1)
    page.get_by_role("button", name="Discard draft").click()
    expect(one).to_have_attribute("data-changed", "no")
    assert float(one.get_attribute("data-threshold")) == 0.55

    one.locator("input[type=range]").press("PageUp")
    expect_server(page, commits=2)
    page.get_by_role("button", name="Save thresholds").click()
    expect(one).to_have_attribute("data-changed", "no")
    assert float(one.get_attribute("data-threshold")) == pytest.approx(0.6)
    expect(one.get_by_role("button", name="Reset")).to_contain_text("Saved 0.600")
    one.locator("input[type=range]").press("PageDown")
    expect_server(page, commits=3)
    assert server(page)["draft"]["104"] == pytest.approx(0.55)


def test_labels_are_found_ordered_and_filtered(open_panel):
    page = open_panel()
    names, order = page.locator(".chip"), page.get_by_label("Order of the tags")
    by_support = sorted(app.generated(12, 310), key=lambda label: -label.truth.sum())
    assert names.all_text_contents() == [label.name for label in by_support]
    order.select_option("f1")
    *rest, one_before, last = page.locator(".card").all()
    assert [shown(one)["f1"] for one in rest] == sorted(shown(one)["f1"] for one in rest)
    without_f1 = [one.get_attribute("data-label") for one in (one_before, last)]
    assert without_f1 == ["105", "109"], "without a positive or a negative there is no F1 to mend"
    order.select_option("name")
    assert names.all_text_contents() == sorted(names.all_text_contents())
    page.get_by_label("Find a tag").fill("RE")
    assert set(names.all_text_contents()) == {"rent", "recurring", "refund"}
    expect(page.locator(".shown")).to_have_text("3 of 12 tags, 0 changed")
    page.get_by_label("Find a tag").fill("nothing like it")
    expect(page.locator(".empty h3")).to_have_text("No tag found")
    page.get_by_role("button", name="Show all tags").click()
    assert names.all_text_contents() == [label.name for label in by_support]

    order.select_option("changed")
    expect(page.locator(".empty h3")).to_have_text("Nothing is changed")
    page.get_by_role("button", name="Show all tags").click()
    card(page, 6).locator("input[type=range]").press("PageUp")
    order.select_option("changed")
    assert names.all_text_contents() == ["recurring"]
