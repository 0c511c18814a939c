"""The transaction list in Chromium, around an app that stores what arrives and acknowledges what it stored."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Locator, Page, expect

APP = Path(__file__).parent / "apps" / "list_app.py"
PHONE, DESKTOP = (390, 844), (1280, 900)
LONG = "office supplies and everything else that a small firm puts on its card"  # a tag of the app
KEEP_SOCKETS = """window.sockets = []
window.WebSocket = class extends WebSocket { constructor(...of) { super(...of); window.sockets.push(this) } }"""
TYPE_FAST = """(keys) => new Promise((resolve) => {
  const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot
  const taken = []
  const timer = setInterval(() => {
    if (!keys.length) { clearInterval(timer); resolve(taken.sort((a, b) => a - b)); return }
    const started = performance.now()
    const options = { key: keys.shift(), bubbles: true, composed: true, cancelable: true }
    root.activeElement.dispatchEvent(new KeyboardEvent('keydown', options))
    root.querySelector('.list').getBoundingClientRect()
    taken.push(performance.now() - started)
  }, 50)
})"""
_case = itertools.count()


class Harness:
    """One page of the list, and the file in which its app keeps what it was told."""

    def __init__(self, page: Page, log: Path) -> None:
        self.page = page
        self.log = log

    def rows(self) -> Locator:
        return self.page.get_by_role("listitem")

    def row(self, number: int) -> Locator:
        return self.rows().nth(number)

    def chip(self, row: int, name: str) -> Locator:
        return self.row(row).locator(".chip", has_text=name)

    def focused(self) -> str | None:
        return self.page.locator("[aria-current=true] .description").first.text_content()

    def stored(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def stored_when(self, count: int, within: float = 15) -> list[dict[str, Any]]:
        deadline = time.monotonic() + within
        while len(self.stored()) < count and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
        return self.stored()

    def faint(self) -> list[dict[str, Any]]:
        return [entry for entry in self.page.evaluate(CONTRASTS) if entry["contrast"] < 4.5]

    def expect_saved(self) -> None:
        expect(self.page.locator(".progress")).not_to_contain_text("saving", timeout=15000)


@pytest.fixture(scope="session")
def list_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("list")


@pytest.fixture
def open_list(list_folder: Path, served: Callable[..., str], page_at: Callable[..., Page]) -> Callable[..., Harness]:
    url = served(APP, {"LIST_FOLDER": str(list_folder)})

    def open_(size: tuple[int, int] = DESKTOP, *, dark: bool = False, **query: object) -> Harness:
        case = f"case{next(_case)}"
        page = page_at(*size, dark=dark, touch=size == PHONE)
        page.add_init_script(KEEP_SOCKETS)
        page.goto(f"{url}/?{urlencode({'case': case, **query})}")
        page.locator(".list").wait_for(timeout=20000)
        return Harness(page, list_folder / f"{case}.jsonl")

    return open_


def test_a_tapped_chip_is_rejected_and_the_operation_arrives_once(open_list):
    harness = open_list(PHONE)
    height = harness.row(0).bounding_box()["height"]

    harness.chip(0, "groceries").tap()

    expect(harness.chip(0, "groceries")).to_have_attribute("aria-label", "Restore groceries, rejected")
    harness.expect_saved()
    [operation] = harness.stored()
    assert (operation["transaction"], operation["label"], operation["value"]) == ("0000", 1, "no")
    assert harness.row(0).bounding_box()["height"] == height

    harness.chip(0, "groceries").tap()

    expect(harness.chip(0, "groceries")).to_have_attribute("aria-label", "Reject groceries, predicted 93 %")
    assert [operation["value"] for operation in harness.stored_when(2)] == ["no", "clear"]


def test_a_rejected_tag_that_a_person_had_added_is_restored_as_theirs(open_list):
    harness = open_list(show="showcase")

    harness.chip(2, "salary").click()
    harness.chip(2, "salary").click()

    assert [operation["value"] for operation in harness.stored_when(2)] == ["no", "yes"]


def test_a_row_says_saved_only_after_the_server_has_answered(open_list):
    harness = open_list(delay=0.7)

    harness.chip(0, "groceries").click()

    status = harness.row(0).locator(".status")
    expect(status).to_have_text("saving…")
    assert harness.stored() == []
    expect(status).to_have_text("saved", timeout=15000)
    assert len(harness.stored()) == 1
    expect(status).to_have_text("")


def test_an_existing_tag_is_added_with_the_keyboard_alone(open_list):
    harness = open_list()
    harness.row(0).focus()

    harness.page.keyboard.press("t")
    harness.page.keyboard.type("Rc")
    options = harness.page.get_by_role("option")
    # "c" and "r" are typed here; outside a field they are the app's own shortcuts.
    expect(options).to_have_text(["Create “Rc”"])
    harness.page.keyboard.press("Backspace")
    # Names that begin with what was typed come first.
    expect(options.first).to_have_text("recurring")
    expect(options.nth(1)).to_have_text("rent")
    harness.page.keyboard.press("ArrowDown")
    harness.page.keyboard.press("Enter")

    expect(harness.chip(0, "rent")).to_have_attribute("aria-label", "Reject rent, confirmed")
    [operation] = harness.stored_when(1)
    assert (operation["label"], operation["value"]) == (8, "yes")


@pytest.mark.parametrize("typed", ["  CAFÉ ", "café", "cafe"])
def test_a_name_that_exists_but_for_case_and_space_is_not_offered_for_creation(open_list, typed):
    harness = open_list()
    harness.row(0).locator(".add").click()

    harness.page.keyboard.type(typed)

    expect(harness.page.get_by_role("option").first).to_have_text("Café")
    expect(harness.page.locator(".option.create")).to_have_count(1 if typed == "cafe" else 0)


def test_enter_creates_a_tag_rather_than_taking_one_that_only_contains_its_name(open_list):
    harness = open_list(labels="childcare")
    harness.row(0).locator(".add").click()
    options = harness.page.get_by_role("option")

    harness.page.keyboard.type("care")

    expect(options).to_have_text(["Create “care”", "childcare"])
    harness.page.keyboard.press("Enter")
    expect(harness.chip(0, "care")).to_be_visible()
    [operation] = harness.stored_when(1)
    assert operation["new_label"] == "care"


def test_tags_are_offered_in_the_order_of_how_well_the_text_fits(open_list):
    harness = open_list(labels="childcare,my car,cargo,car,rent-a-car,care home,scar (old) care")
    harness.row(0).locator(".add").click()
    options = harness.page.get_by_role("option")

    harness.page.keyboard.type("CAR")
    begins_a_word = ["my car", LONG, "rent-a-car", "scar (old) care"]
    expect(options).to_have_text(["car", "care home", "cargo", *begins_a_word, "childcare"])
    old_care = options.nth(6)
    expect(old_care.locator("b")).to_have_text("car")
    assert old_care.inner_html().index("scar (old)") < old_care.inner_html().index("<b>")

    harness.page.keyboard.type("e")
    expect(options).to_have_text(["care home", "scar (old) care", "Create “CARe”", "childcare"])


def test_enter_on_the_beginning_of_a_tag_that_the_row_has_creates_nothing(open_list):
    harness = open_list()
    harness.row(0).locator(".add").click()
    options = harness.page.get_by_role("option")

    harness.page.keyboard.type("groc")

    expect(options).to_have_text(["groceries" + "on this row", "Create “groc”"])
    harness.page.keyboard.press("Enter")
    expect(harness.page.get_by_role("combobox")).to_have_count(0)
    assert harness.stored() == []


def test_every_add_button_says_which_transaction_it_adds_to(open_list):
    harness = open_list(show="showcase")

    names = [button.get_attribute("aria-label") for button in harness.page.locator(".add").all()]

    assert names[:2] == ["Add a tag to TESCO STORES 3021 LEEDS GB", "Add a tag to PRET A MANGER"]
    assert len(set(names)) == len(names) == 9
    assert names[8].startswith("Add a tag to REF LONG WORDS")
    assert len(names[8]) <= len("Add a tag to ") + 60
    harness.page.get_by_role("button", name="Add a tag to PRET A MANGER").click()
    expect(harness.page.get_by_role("combobox", name="Add a tag to PRET A MANGER")).to_be_focused()


def test_escape_closes_the_type_ahead_and_changes_nothing(open_list):
    harness = open_list()
    harness.row(1).locator(".add").click()
    harness.page.keyboard.type("fuel")

    harness.page.keyboard.press("Escape")

    expect(harness.page.get_by_role("combobox")).to_have_count(0)
    expect(harness.row(1)).to_be_focused()
    assert harness.stored() == []


def test_a_label_is_created_in_place_and_confirmed_with_the_row(open_list):
    harness = open_list(delay=0.5)
    harness.row(0).locator(".add").click()
    harness.page.keyboard.type("  coffee   beans ")
    harness.page.keyboard.press("Enter")
    harness.page.keyboard.press("Enter")

    expect(harness.chip(0, "coffee beans")).to_be_visible()
    made, confirmed = harness.stored_when(2)
    assert (made["new_label"], made.get("label"), made["value"]) == ("coffee beans", None, "yes")
    assert confirmed["present"] == [1, 4]
    assert confirmed["new_labels"] == ["coffee beans"]
    harness.expect_saved()
    expect(harness.row(0).locator(".chip")).to_have_count(3)
    expect(harness.chip(0, "coffee beans")).to_have_attribute("data-key", "11")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_row_that_waits_for_its_tags_cannot_be_confirmed_as_having_none(open_list, size):
    harness = open_list(size, show="waiting")
    harness.row(0).focus()
    harness.page.keyboard.press("Enter")
    expect(harness.row(0).locator("button.confirm")).to_be_disabled()
    expect(harness.page.locator(".bar-confirm")).to_be_disabled()
    assert harness.stored() == []
    # What a person says counts at once.
    harness.page.keyboard.press("t")
    harness.page.keyboard.type("rent")
    harness.page.keyboard.press("Enter")
    harness.page.keyboard.press("Escape")
    expect(harness.row(0).locator("button.confirm")).to_be_enabled()
    harness.row(0).focus()
    harness.page.keyboard.press("Enter")
    assert [operation["kind"] for operation in harness.stored_when(2)] == ["verdict", "confirm"]


def test_confirming_goes_on_to_the_next_row_and_leaves_out_what_was_rejected(open_list):
    harness = open_list(PHONE)
    harness.chip(0, "salary").tap()

    harness.page.get_by_role("button", name="Confirm", exact=True).tap()

    assert harness.focused() == "PRET A MANGER"
    expect(harness.row(0).get_by_role("button", name="Confirmed", exact=True)).to_be_disabled()
    _, confirmed = harness.stored_when(2)
    assert (confirmed["kind"], confirmed["transaction"], confirmed["present"]) == ("confirm", "0000", [1])


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["touch", "mouse"])
def test_a_rows_own_confirm_button_goes_on_to_the_next_open_row_as_enter_does(open_list, size):
    harness = open_list(size)
    press = Locator.tap if size == PHONE else Locator.click

    press(harness.row(1).get_by_role("button", name="Confirm PRET A MANGER"))

    assert harness.focused() == "SHELL 1123 LEEDS"
    expect(harness.row(2)).to_be_focused()
    harness.page.keyboard.press("Enter")
    assert harness.focused() == "NETFLIX.COM"

    # From the last row on: the first that is still open.
    press(harness.row(5).get_by_role("button", name="Confirm GREGGS PLC"))

    assert harness.focused() == "TESCO STORES 3021"
    expect(harness.row(0)).to_be_focused()
    assert [operation["transaction"] for operation in harness.stored_when(3)] == ["0001", "0002", "0005"]


def test_the_bar_counts_a_confirmation_at_once(open_list):
    harness = open_list(show="locked", delay=1)

    harness.row(0).get_by_role("button", name="Confirm LOCKED SHOP").click()

    expect(harness.page.locator(".progress")).to_contain_text("1 confirmed on this page", timeout=500)
    expect(harness.page.locator(".end")).to_have_text("Page done: 1 transaction confirmed", timeout=500)


def test_the_next_row_is_scrolled_into_view_above_the_bar(open_list):
    harness = open_list(PHONE, rows=14)
    harness.row(0).focus()

    for number in range(1, 14):
        harness.page.keyboard.press("Enter")
        box, bar = harness.row(number).bounding_box(), harness.page.locator(".bar").bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= bar["y"]
    harness.page.keyboard.press("Enter")

    expect(harness.page.locator(".end")).to_have_text("Page done: 14 transactions confirmed")
    assert [operation["transaction"] for operation in harness.stored_when(14)] == [f"{n:04x}" for n in range(14)]


def test_twenty_keys_a_second_over_slow_reruns_lose_nothing_and_keep_their_order(open_list):
    harness = open_list(rows=24, delay=0.15)
    harness.row(0).focus()

    # Pressed inside the page: from out here a busy machine would not reach twenty a second.
    milliseconds = harness.page.evaluate(TYPE_FAST, ["1", "2", "Enter"] * 20)

    operations = harness.stored_when(60)
    assert milliseconds[30] < 25  # the median; half of what twenty a second leave
    assert [operation["transaction"] for operation in operations] == [f"{n:04x}" for n in range(20) for _ in range(3)]
    assert [operation["kind"] for operation in operations] == ["verdict", "verdict", "confirm"] * 20
    assert len({operation["operation"] for operation in operations}) == 60
    harness.expect_saved()
    assert len(harness.stored()) == 60


def test_a_reload_before_the_answer_sends_again_and_nothing_twice(open_list):
    harness = open_list(delay=0.6)
    harness.row(0).focus()
    for key in ("1", "Enter", "2", "Enter", "t"):
        harness.page.keyboard.press(key)

    harness.page.reload()
    harness.page.locator(".list").wait_for(timeout=20000)

    expect(harness.chip(0, "groceries")).to_have_attribute("aria-label", "Restore groceries, rejected")
    harness.expect_saved()
    operations = harness.stored_when(4)
    assert [operation["kind"] for operation in operations] == ["verdict", "confirm", "verdict", "confirm"]
    assert len({operation["operation"] for operation in operations}) == 4
    assert harness.page.evaluate("JSON.parse(sessionStorage['transaction-list:list']).pending") == []
    assert harness.focused() == "SHELL 1123 LEEDS"


def test_what_is_done_while_the_connection_is_lost_arrives_after_it(open_list):
    harness = open_list()
    harness.row(0).focus()
    harness.page.evaluate("window.sockets.forEach((socket) => socket.close())")
    for key in ("1", "Enter", "2"):
        harness.page.keyboard.press(key)
    expect(harness.page.locator(".progress")).to_contain_text("saving 3…")
    assert harness.stored() == []

    operations = harness.stored_when(3, within=25)

    assert [operation["kind"] for operation in operations] == ["verdict", "confirm", "verdict"]
    harness.expect_saved()


def test_a_failed_operation_is_reverted_and_its_row_says_why(open_list):
    harness = open_list(show="locked")

    harness.chip(0, "groceries").click()

    expect(harness.row(0)).to_contain_text("Not saved: This month is locked.")
    expect(harness.chip(0, "groceries")).to_have_attribute("aria-label", "Reject groceries, predicted 90 %")
    expect(harness.page.locator(".live")).to_have_text("Not saved: This month is locked.")
    expect(harness.page.locator(".message")).to_have_text("1 of 1")
    expect(harness.page.get_by_role("button", name="Undo")).to_be_hidden()
    harness.page.get_by_role("button", name="Dismiss").click()
    expect(harness.row(0)).not_to_contain_text("Not saved")
    assert harness.stored() == []


def test_undo_takes_back_the_last_operations_one_by_one(open_list):
    harness = open_list(delay=0.3)
    harness.row(0).focus()
    harness.page.keyboard.press("1")
    harness.page.keyboard.press("Enter")
    harness.expect_saved()

    harness.page.get_by_role("button", name="Undo").click()
    expect(harness.row(0).get_by_role("button", name="Confirm TESCO STORES 3021")).to_be_enabled()
    assert harness.focused() == "TESCO STORES 3021"
    harness.row(0).focus()
    harness.page.keyboard.press("u")
    expect(harness.chip(0, "groceries")).to_have_attribute("aria-label", "Reject groceries, predicted 93 %")

    operations = harness.stored_when(4)
    assert [operation["target"] for operation in operations[2:]] == [
        operations[1]["operation"],
        operations[0]["operation"],
    ]
    harness.expect_saved()
    expect(harness.chip(0, "groceries")).to_have_attribute("aria-label", "Reject groceries, predicted 93 %")
    expect(harness.row(0).get_by_role("button", name="Confirm TESCO STORES 3021")).to_be_enabled()


@pytest.mark.parametrize(
    ("keys", "focused"),
    [
        (["j"], "PRET A MANGER"),
        (["ArrowDown", "ArrowDown", "k"], "PRET A MANGER"),
        (["ArrowUp"], "TESCO STORES 3021"),
        (["End", "j"], "GREGGS PLC"),
    ],
)
def test_keys_move_the_focus_and_stop_at_the_ends(open_list, keys, focused):
    harness = open_list()
    harness.row(0).focus()
    for key in keys:
        harness.page.keyboard.press(key)
    assert harness.focused() == focused


def test_another_order_begins_with_its_first_row_also_after_a_reload(open_list):
    harness = open_list(show="orders", rows=12)
    harness.row(3).press("Enter")
    harness.expect_saved()
    assert harness.row(4).get_attribute("aria-current") == "true"
    harness.page.reload()
    expect(harness.row(4)).to_have_attribute("aria-current", "true", timeout=20000)

    harness.page.get_by_text("Backwards").click()
    expect(harness.page.get_by_text("Oldest first")).to_be_visible()
    expect(harness.row(0)).to_have_attribute("aria-current", "true")
    expect(harness.page.locator(".message")).to_contain_text("1 of 12", timeout=20000)
    harness.row(0).press("Enter")
    harness.expect_saved()
    assert harness.row(1).get_attribute("aria-current") == "true"

    harness.row(6).click()
    harness.page.reload()  # back in the first order, as at another visit
    expect(harness.page.get_by_text("Oldest first")).to_have_count(0, timeout=20000)
    expect(harness.row(0)).to_have_attribute("aria-current", "true", timeout=20000)


def test_keys_do_nothing_while_the_list_has_no_focus(open_list):
    harness = open_list()

    for key in ("j", "1", "x", "Enter", "u"):
        harness.page.keyboard.press(key)

    assert harness.focused() == "TESCO STORES 3021"
    expect(harness.chip(0, "groceries")).to_have_attribute("aria-label", "Reject groceries, predicted 93 %")


def test_a_tap_leaves_the_keyboard_on_the_row_so_that_enter_confirms(open_list):
    harness = open_list()
    harness.chip(1, "salary").or_(harness.row(1).locator(".chip").first).first.click()

    harness.page.keyboard.press("Enter")

    assert [operation["kind"] for operation in harness.stored_when(2)] == ["verdict", "confirm"]


def test_a_key_or_a_tap_asks_why_and_the_list_stays_where_it_is(open_list):
    list_ = open_list(PHONE)
    row = list_.row(3)
    row.locator(".description").click()
    before = row.bounding_box()
    expect(list_.row(1).locator(".ask")).not_to_be_visible()  # only where the list stands
    row.get_by_role("button", name="Why these tags").click()
    first = list_.page.get_by_text("asked why").text_content()
    assert row.bounding_box() == before
    list_.row(4).locator(".description").click()
    list_.page.keyboard.press("w")
    expect(list_.page.get_by_text("asked why")).not_to_have_text(first)
    assert not list_.stored(), "asking changes nothing"


def test_sources_are_told_apart_by_words_and_marks_not_by_color_alone(open_list):
    harness = open_list(show="showcase")

    labels = [chip.get_attribute("aria-label") for chip in harness.page.locator(".chip").all()]

    assert "Reject groceries, predicted 93 %" in labels
    assert "Reject eating out, remembered from 4" in labels
    assert "Reject salary, confirmed" in labels
    assert "Restore groceries, rejected" in labels
    assert "Reject online, remembered from 12, equal descriptions disagree" in labels
    assert "Reject fuel, predicted 99 %" in labels  # 0.996: a prediction is never certain
    styles = {
        name: harness.page.locator(f".chip.{name} .pill").first.evaluate("node => getComputedStyle(node).borderStyle")
        for name in ("predicted", "remembered")
    }
    assert styles == {"predicted": "dashed", "remembered": "solid"}
    expect(harness.page.locator(".chip.confirmed .icon-check").first).to_be_visible()
    expect(harness.page.locator(".chip.remembered .icon-again").first).to_be_visible()


def test_a_prediction_shows_its_probability_in_percent(open_list):
    harness = open_list(show="showcase")
    expect(harness.chip(0, "groceries").locator(".mark")).to_have_text("93\u202f%")
    expect(harness.chip(7, "fuel").locator(".mark")).to_have_text("99\u202f%")


@pytest.mark.parametrize(("size", "lines"), [(PHONE, 2), (DESKTOP, 1)], ids=["390", "1280"])
def test_a_key_above_the_rows_says_what_the_marks_mean(open_list, size, lines):
    harness = open_list(size, show="showcase")
    key = harness.page.get_by_label("What the marks on the tags mean")

    expect(key).to_match_aria_snapshot(
        """
        - term:
          - img "filled, a tick"
        - definition: confirmed
        - term:
          - img "round arrow, 4"
        - definition: remembered from 4 equal descriptions
        - term:
          - img "dashed outline, 93 %"
        - definition: predicted probability
        - term:
          - img "exclamation mark"
        - definition: equal descriptions disagree
        """
    )
    # The samples look as the chips do.
    borders = "nodes => [...new Set(nodes.map((node) => getComputedStyle(node).borderStyle))]"
    assert key.locator(".predicted > .pill").evaluate_all(borders) == ["dashed"]
    assert harness.page.locator(".chip.predicted > .pill").evaluate_all(borders) == ["dashed"]
    tops = key.locator("dd").evaluate_all("nodes => nodes.map((node) => node.getBoundingClientRect().top)")
    assert len(set(tops)) == lines
    assert key.bounding_box()["y"] < harness.row(0).bounding_box()["y"]


def test_an_empty_page_has_no_key(open_list):
    harness = open_list(show="empty")
    expect(harness.page.get_by_label("What the marks on the tags mean")).to_be_hidden()


def test_html_in_a_description_or_a_label_is_inert_text(open_list):
    harness = open_list(show="showcase")
    expect(harness.row(7).locator(".description")).to_have_text('<img src=x onerror="window.broken=1"><b>BOLD</b> & CO')

    harness.row(7).locator(".add").click()
    harness.page.keyboard.type("<img src=x onerror=window.broken=1>")
    harness.page.keyboard.press("Enter")

    expect(harness.chip(7, "<img")).to_be_visible()
    harness.expect_saved()
    assert harness.page.locator(".list img").count() == 0
    assert harness.page.evaluate("window.broken") is None


def test_ten_thousand_characters_are_cut_to_two_lines_until_asked_for(open_list):
    harness = open_list(PHONE, show="showcase")
    row = harness.row(8)
    assert row.bounding_box()["height"] < 140

    row.get_by_role("button", name="more").tap()

    assert row.bounding_box()["height"] > 1000
    row.get_by_role("button", name="less").tap()
    assert row.bounding_box()["height"] < 140


def test_an_empty_page_says_what_to_do(open_list):
    harness = open_list(show="empty")
    expect(harness.page.locator(".empty")).to_contain_text("Upload a statement")
    expect(harness.page.locator(".bar")).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["390", "1280"])
def test_the_list_fits_its_width_and_a_thumb(open_list, size, dark, request, tmp_path):
    harness = open_list(size, dark=dark, show="showcase")
    page = harness.page

    page.screenshot(path=tmp_path / f"{request.node.callspec.id}.png")

    assert page.evaluate("document.querySelector('.stMain').scrollWidth") <= size[0]
    edges = page.locator(".amount").evaluate_all("nodes => nodes.map((node) => node.getBoundingClientRect().right)")
    assert len(set(edges)) == 1
    smallest = 44 if size == PHONE else 34
    small = page.locator(".chip, .add, .confirm, .bar-confirm").evaluate_all(
        """(nodes, smallest) => nodes
          .filter((node) => node.checkVisibility())
          .map((node) => [node.ariaLabel ?? node.textContent, node.getBoundingClientRect()])
          .filter(([, box]) => Math.min(box.width, box.height) < smallest)
          .map(([name]) => name)""",
        smallest,
    )
    assert small == []
    assert harness.faint() == []


@pytest.mark.parametrize("theme", ["light", "dark", "#31333F on #FFFFFF", "#FAFAFA on #0E1117"])
def test_what_comes_up_while_one_works_can_be_read_too(open_list, theme):
    harness = open_list(dark=theme == "dark" or theme.startswith("#FA"), show="showcase")
    page = harness.page
    if " on " in theme:
        text, background = theme.split(" on ")
        page.locator(".list").evaluate(
            "(node, colors) => Object.entries(colors).forEach((color) => node.style.setProperty(...color))",
            {"--st-text-color": text, "--st-background-color": background, "background": background},
        )

    harness.row(0).locator(".add").click()
    page.keyboard.type("groc")
    expect(page.locator(".option.at .here-already")).to_be_visible()
    assert harness.faint() == []
    page.keyboard.press("Escape")

    harness.chip(0, "online").click()
    expect(harness.row(0).locator(".status")).to_have_text("saved")
    assert harness.faint() == []
    harness.row(0).get_by_role("button", name="Confirm TESCO").click()
    harness.row(1).locator(".chip").first.hover()
    assert harness.faint() == []


@pytest.mark.parametrize("primary", ["#0B6E99", "#4FB3D9", "#FF4B4B", "#767676", "#FFE14D"])
def test_confirm_can_be_read_on_any_primary_color(open_list, primary):
    harness = open_list(PHONE)
    harness.page.locator(".list").evaluate(
        "(node, color) => node.style.setProperty('--st-primary-color', color)", primary
    )
    assert harness.faint() == []


def test_more_takes_a_thumb_although_its_word_is_small(open_list):
    harness = open_list(PHONE, show="showcase")
    more = harness.row(8).get_by_role("button", name="more")
    more.scroll_into_view_if_needed()
    box = more.bounding_box()

    harness.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 20)

    expect(harness.row(8).get_by_role("button", name="less")).to_be_visible()


# The contrast of every visible text and icon against what is painted behind it (WCAG 2.2, relative luminance).
CONTRASTS = """() => {
  const root = document.querySelector('[data-testid=stBidiComponentIsolated]').shadowRoot
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const parse = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1)
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data
    return [r, g, b, a / 255]
  }
  const luminance = (c) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    const [r, g, b] = c.slice(0, 3).map((v) => linear(v / 255))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const over = (top, under) => top.slice(0, 3).map((v, i) => v * top[3] + under[i] * (1 - top[3]))
  const background = (node) => {
    const layers = []
    for (let at = node; at; at = at.parentElement ?? at.getRootNode().host) {
      // The confirm button's color is a shape of its own.
      if (at.matches('.confirm')) layers.push(parse(getComputedStyle(at, '::before').backgroundColor))
      layers.push(parse(getComputedStyle(at).backgroundColor))
      if (layers.at(-1)[3] === 1) break
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255])
  }
  const speaks = (node) =>
    node.matches('svg') || [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim())
  const nodes = [...root.querySelectorAll('.list *')].filter((node) => !node.closest('.live') && node.checkVisibility())
  return nodes.filter(speaks).map((node) => {
    const under = background(node)
    const [a, b] = [luminance(over(parse(getComputedStyle(node).color), under)), luminance(under)]
    return {
      text: node.textContent.slice(0, 30) || node.getAttribute('class'),
      contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
    }
  })
}"""


def test_closing_the_tab_is_questioned_only_while_a_change_waits_too_long(open_list):
    harness = open_list(delay=4)
    asked = []
    harness.page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))

    harness.chip(0, "groceries").click()
    harness.page.wait_for_timeout(2000)
    harness.page.close(run_before_unload=True)
    deadline = time.monotonic() + 5
    while not asked and time.monotonic() < deadline:
        harness.page.wait_for_timeout(50)
    assert asked == ["beforeunload"]

    expect(harness.row(0).locator(".status")).to_have_text("", timeout=30000)
    with harness.page.expect_event("close", timeout=15000):
        harness.page.close(run_before_unload=True)
    assert asked == ["beforeunload"]
