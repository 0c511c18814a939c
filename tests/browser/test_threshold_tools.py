"""The tools above the cards of the threshold panel: undo, the saved set, finding and ordering tags."""

from __future__ import annotations

import pytest
from apps import threshold_app as app
from panels import card, expect_server, move, press_thumb, server, shown, slider_of
from playwright.sync_api import Locator, Page, expect


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


def test_undo_leaves_what_another_window_moved_during_a_drag(open_panel):
    page = open_panel()
    card(page, 0).locator("input[type=range]").press("PageUp")
    expect_server(page, commits=1)
    before = server(page)["draft"]
    x, y = press_thumb(page, slider_of(card(page, 3)))
    page.mouse.move(x + 20, y)
    page.get_by_role("button", name="Another window").evaluate("button => button.click()")
    expect(card(page, 1)).to_have_attribute("data-threshold", "0.7")
    page.mouse.up()
    expect_server(page, commits=2)
    assert server(page)["draft"]["103"] != before["103"]
    page.get_by_role("button", name="Undo").click()
    expect_server(page, commits=3)
    assert server(page)["draft"] == before | {"101": 0.7}


def test_there_is_nothing_to_undo_once_another_window_took_every_step_back(open_panel):
    page = open_panel()
    for index in (0, 1):
        card(page, index).locator("input[type=range]").press("PageUp")
        expect_server(page, commits=index + 1)
    undo = page.get_by_role("button", name="Undo")
    expect(undo).to_be_enabled()
    page.get_by_role("button", name="Discard draft").click()
    expect(undo).to_be_disabled()


def test_where_two_goals_lead_is_part_of_their_steps(open_panel):
    page = open_panel()
    for index, name in ((0, "groceries"), (3, "rent")):  # the second before the first is answered
        card(page, index).get_by_label(f"Goal for {name}").select_option("f1")
    expect_server(page, commits=2)
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    found = server(page)["draft"]
    page.get_by_role("button", name="Undo").click()
    expect_server(page, commits=3)
    assert server(page)["draft"]["100"] == found["100"]
    page.get_by_role("button", name="Redo").click()
    expect_server(page, commits=4)
    assert server(page)["draft"] == found


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
    expect(page.locator('tr[data-total="macro"] .is-held-out')).to_have_text("0.400")
    expect(card(page, 0).get_by_label("Goal for groceries")).to_have_value("recommended")
    expect(page.get_by_role("button", name="Save thresholds")).to_be_disabled()
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
    expect_server(page, commits=4)
    assert server(page)["draft"]["104"] == pytest.approx(0.55)


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_saving_takes_the_note_and_everything_done_just_before(open_panel, touch):
    page = open_panel(390 if touch else 1280, 844, touch=touch)
    save, status = page.get_by_role("button", name="Save thresholds"), page.locator(".status")
    expect(save).to_be_disabled()
    expect(status).to_have_text("All savedIn use as trained.")
    if touch:
        page.get_by_role("button", name="More tools").tap()
    page.get_by_label("Note").fill("for the month's end")
    card(page, 0).get_by_label("Goal for groceries").select_option("fixed:")
    expect_server(page, commits=1)
    # The number is still being typed, and a key was pressed a moment ago: neither has been sent.
    card(page, 3).locator("input[type=range]").press("PageUp")
    card(page, 0).locator(".fields input").fill("0.72")
    press_at_once(page, save)
    page.wait_for_function("JSON.parse(document.querySelector('code').innerText).notes.length === 1")
    state = server(page)
    assert (state["saved"]["100"], state["goals"]["100"]) == (0.72, "fixed:0.72")
    assert state["saved"]["103"] == pytest.approx(0.55)
    assert state["saved"] == state["draft"]
    assert state["notes"] == ["for the month's end"]
    expect(status).to_have_text("All savedVersion 1 is in use.")
    expect(save).to_be_disabled()
    expect(page.get_by_label("Note")).to_have_value("")
    expect(page.locator(".panel > [role=status]")).to_have_text("Saved: version 1 is in use.")


def press_at_once(page: Page, button: Locator) -> None:
    """Press and let go in the same moment, as a tap on a touchpad does."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.up()


def test_the_bar_counts_live_what_saving_would_change(open_panel):
    page = open_panel()
    labels, status = app.generated(12, 310), page.locator(".status")
    for index, threshold in ((0, 0.2), (3, 0.9)):
        move(card(page, index).locator("input[type=range]"), threshold)
    gained = lost = right = wrong = 0
    for label, threshold in ((labels[0], 0.2), (labels[3], 0.9)):
        change = label.given(threshold) - label.given(label.saved)
        gained, lost = gained + max(0, change), lost - min(0, change)
        was, will = (label.scores.astype(float) >= at for at in (label.saved, threshold))
        right += int(((was != will) & (will == label.truth)).sum())
        wrong += int(((was != will) & (will != label.truth)).sum())
    tags = f"+{gained:,} \u2212{lost:,} tags"
    verdicts = f" \u00b7 verdicts: {right} for, {wrong} against"
    expect(status).to_have_text(f"2 unsaved{tags}{verdicts}")
    card(page, 3).locator("input[type=range]").press("ArrowRight")
    card(page, 3).locator("input[type=range]").press("ArrowLeft")
    expect_server(page, commits=1)
    # How many transactions these are, Python counts.
    expect(status).to_have_text(f"2 unsaved{tags} in {app.N_CHANGING} transactions{verdicts}")


def test_the_keyboard_stays_near_a_button_that_cannot_be_used_any_more(open_panel):
    page = open_panel()
    one, slider = card(page, 0), card(page, 0).locator("input[type=range]")
    slider.press("PageUp")
    expect_server(page, commits=1)
    one.get_by_role("button", name="Set groceries to its goal").press("Enter")
    expect(slider).to_be_focused()
    slider.press("PageUp")
    one.get_by_role("button", name="Reset groceries").press("Enter")
    expect(slider).to_be_focused()
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    while undo.is_enabled():
        undo.press("Enter")
    # Not on Redo: whoever holds the key down would do it all again.
    expect(page.locator("footer.save")).to_be_focused()
    page.keyboard.press("Enter")
    expect(undo).to_be_disabled()
    page.keyboard.press("Tab")
    expect(redo).to_be_focused()
    slider.press("PageUp")
    page.get_by_role("button", name="Save thresholds").press("Enter")
    expect(page.get_by_label("Note")).to_be_focused()


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
