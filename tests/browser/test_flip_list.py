"""The list of flips in a real Chromium: what it shows, what it sends, and when it says that something is stored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

APP = Path(__file__).parent / "apps" / "flips_app.py"


@pytest.fixture
def open_list(served: Callable[..., str], page_at: Callable[..., Page]) -> Callable[..., Page]:
    url = served(APP)

    def start(width: int = 1280, *, dark: bool = False, touch: bool = False, query: str = "") -> Page:
        page = page_at(width, 900, dark=dark, touch=touch)
        page.goto(f"{url}/{query}")
        expect(page.locator(".flips .row").first).to_be_visible(timeout=30_000)
        # The first run of a server's first page may draw the list twice.
        page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
        return page

    return start


def said(page: Page) -> dict[str, str]:
    return json.loads(page.locator("code").inner_text())["decided"]


def row(page: Page, description: str) -> Locator:
    return page.locator(".flips .row").filter(has_text=description)


def test_the_largest_groups_come_first_each_kind_under_its_own_tab(open_list):
    page = open_list()
    assert page.locator(".row .number").all_inner_texts() == ["90", "80", "70", "60", "50"]
    assert page.locator(".tabs button").all_inner_texts() == ["Not judged 355", "Wrong 3", "Right 1"]
    expect(page.locator(".more")).to_have_text("Show more: 5 in smaller groups")
    page.get_by_role("tab", name="Not judged").press("ArrowRight")
    expect(page.get_by_role("tab", name="Wrong")).to_be_focused()
    expect(page.get_by_role("tab", name="Wrong")).to_have_attribute("aria-selected", "true")
    assert page.locator(".row .description").all_inner_texts() == ["SHELL"]
    # What people said is pressed: no, since a gain is wrong.
    expect(row(page, "SHELL").get_by_role("button", name="No,")).to_have_attribute("aria-pressed", "true")


def test_a_verdict_is_stored_once_and_says_so_only_then(open_list):
    page = open_list()
    one = row(page, "LIDL")
    one.get_by_role("button", name="Yes, LIDL is groceries").click()
    expect(one.locator(".state")).to_have_text("Saved")
    assert said(page) == {"row2": "yes"}
    (operation,) = json.loads(page.locator("code").inner_text())["log"]
    assert (operation["kind"], operation["label"], operation["value"]) == ("verdict", 7, "yes")
    # It does not flip any more, but stays where it was decided.
    assert page.locator(".row .number").all_inner_texts()[2] == "70"
    expect(page.get_by_role("tab", name="Not judged")).to_have_text("Not judged 285")

    one.get_by_role("button", name="Undo").click()
    expect(one.locator(".state")).to_have_text("")
    assert said(page) == {}
    expect(one.get_by_role("button", name="Yes,")).to_have_attribute("aria-pressed", "false")


def test_a_verdict_on_judged_rows_is_about_all_of_them(open_list):
    page = open_list()
    page.get_by_role("tab", name="Wrong").click()
    row(page, "SHELL").get_by_role("button", name="Yes,").click()
    expect(row(page, "SHELL").locator(".state")).to_have_text("Saved")
    assert said(page) == dict.fromkeys(("w1", "w2", "w3"), "yes")


def test_fast_verdicts_are_all_stored_in_order(open_list):
    page = open_list()
    for name, value in (("TESCO", "Yes"), ("ALDI", "No"), ("LIDL", "Yes"), ("A very long", "No")):
        row(page, name).get_by_role("button", name=f"{value},").click()
    expect(page.locator(".row[data-state=saved]")).to_have_count(4)
    assert said(page) == {"row0": "yes", "row1": "no", "row2": "yes", "row3": "no"}
    assert len(json.loads(page.locator("code").inner_text())["log"]) == 4


def test_the_last_of_two_fast_answers_counts(open_list):
    page = open_list()
    one = row(page, "TESCO")
    one.evaluate("row => { for (const button of row.querySelectorAll('.answers button')) button.click() }")
    expect(one.locator(".state")).to_have_text("Saved")
    expect(one.get_by_role("button", name="No,")).to_have_attribute("aria-pressed", "true")
    assert said(page) == {"row0": "no"}
    one.get_by_role("button", name="Undo").click()
    expect(one.get_by_role("button", name="Yes,")).to_have_attribute("aria-pressed", "true")
    assert said(page) == {"row0": "yes"}


def test_what_was_decided_goes_when_a_slider_moves_again(open_list):
    page = open_list()
    row(page, "LIDL").get_by_role("button", name="Yes,").click()
    expect(row(page, "LIDL").locator(".state")).to_have_text("Saved")
    page.get_by_role("button", name="Move a slider").click()
    expect(row(page, "LIDL")).to_have_count(0)
    assert said(page) == {"row2": "yes"}


def test_rows_that_outlive_a_slider_say_what_is_stored_and_can_be_taken_back(open_list):
    page = open_list()
    for listing in (2, 3):
        page.get_by_role("button", name="Move a slider").click()
        expect(page.locator("code")).to_contain_text(f'"listing": {listing}')
    one = row(page, "LIDL")
    one.get_by_role("button", name="Yes,").click()
    expect(one.locator(".state")).to_have_text("Saved")
    expect(one.get_by_role("button", name="Yes,")).to_have_attribute("aria-pressed", "true")
    one.get_by_role("button", name="Undo").click()
    expect(one.locator(".state")).to_have_text("")
    assert said(page) == {}


def test_undo_goes_back_to_the_verdict_before(open_list):
    page = open_list()
    one = row(page, "LIDL")
    for value in ("Yes", "No"):
        one.get_by_role("button", name=f"{value},").click()
        expect(one.locator(".state")).to_have_text("Saved")
        expect(one.get_by_role("button", name=f"{value},")).to_have_attribute("aria-pressed", "true")
    one.get_by_role("button", name="Undo").click()
    expect(one.get_by_role("button", name="Yes,")).to_have_attribute("aria-pressed", "true")
    expect(one.locator(".state")).to_have_text("Saved")
    assert said(page) == {"row2": "yes"}
    one.get_by_role("button", name="Undo").click()
    expect(one.locator(".state")).to_have_text("")
    assert said(page) == {}


def test_what_is_decided_does_not_count_as_listed(open_list):
    page = open_list()
    expect(page.locator(".more")).to_have_text("Show more: 5 in smaller groups")
    row(page, "LIDL").get_by_role("button", name="Yes,").click()
    expect(row(page, "LIDL").locator(".state")).to_have_text("Saved")
    expect(page.locator(".more")).to_have_text("Show more: 5 in smaller groups")


def test_the_row_in_use_keeps_the_focus_while_others_come(open_list):
    page = open_list()
    no = row(page, "LIDL").get_by_role("button", name="No,")
    no.focus()
    page.locator(".more").evaluate("more => more.click()")
    expect(row(page, "KIOSK")).to_have_count(5)
    assert page.locator(".list, .rows").evaluate("rows => rows.contains(rows.getRootNode().activeElement)")


def test_what_cannot_be_stored_says_why_and_can_be_tried_again(open_list):
    page = open_list(query="?fail=1")
    one = row(page, "LIDL")
    one.get_by_role("button", name="Yes,").click()
    expect(one.locator(".state")).to_have_text("The disk is full.")
    expect(one.get_by_role("button", name="Yes,")).to_have_attribute("aria-pressed", "false")
    expect(one.get_by_role("button", name="Yes,")).to_be_enabled()


def test_descriptions_are_text_and_one_that_is_missing_cannot_be_remembered(open_list):
    page = open_list()
    expect(row(page, "<b>ALDI</b>")).to_have_count(1)
    expect(page.locator(".row b:not(.number)")).to_have_count(0)
    nameless = row(page, "(no description)")
    expect(nameless.get_by_role("button", name="Yes,")).to_be_disabled()
    expect(nameless.locator(".state")).to_have_text("No description to remember")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_phones_and_desktops(open_list, tmp_path, width, dark):
    page = open_list(width, dark=dark, touch=width == 390)
    page.screenshot(path=tmp_path / f"{width}.png")
    main = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert main[0] <= main[1] <= width
    wide = "rows => rows.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.innerText)"
    assert page.locator(".row").evaluate_all(wide) == []
    if width == 390:
        small = "all => all.filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).length"
        assert page.locator(".flips button").evaluate_all(small) == 0


def test_the_keyboard_stays_where_it_was_and_a_screen_reader_hears_what_was_stored(open_list):
    page = open_list()
    one = row(page, "LIDL")
    no = one.get_by_role("button", name="No,")
    no.press("Enter")
    expect(one.locator(".state")).to_have_text("Saved")
    expect(no).to_be_focused()
    expect(page.locator(".flips [role=status]")).to_have_text("LIDL: Saved, no")
    one.get_by_role("button", name="Undo").press("Enter")
    expect(one.locator(".state")).to_have_text("")
    expect(one.get_by_role("button", name="Yes,")).to_be_focused()
    expect(page.locator(".flips [role=status]")).to_have_text("LIDL: Taken back")


def test_smaller_groups_are_shown_when_asked_for(open_list):
    page = open_list()
    expect(page.locator(".row")).to_have_count(5)
    page.get_by_role("button", name="Show more: 5 in smaller groups").press("Enter")
    expect(page.locator(".row")).to_have_count(10)
    expect(page.locator(".more")).to_be_hidden()
    assert page.locator(".row .number").all_inner_texts() == ["90", "80", "70", "60", "50", *"11111"]
    page.get_by_role("button", name="Move a slider").click()
    expect(page.locator(".row")).to_have_count(5)  # of another list nobody asked for more


def test_the_list_is_as_high_whatever_is_in_it(open_list):
    page = open_list()
    heights = {page.locator(".flips").bounding_box()["height"]}
    for name in ("Wrong", "Right", "Not judged"):
        page.get_by_role("tab", name=name).click()
        heights.add(page.locator(".flips").bounding_box()["height"])
    assert len(heights) == 1
