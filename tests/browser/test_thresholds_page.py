"""The Thresholds page as a whole, on a store of its own: what is moved, said and saved is on disk."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from toys import save_thresholds

from tagger.config import Settings
from tagger.services import threshold_saving
from tagger.services.store import Store

SLOW = 60_000  # milliseconds


def rows(home: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(home / "data" / "tagger.db")) as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_what_is_moved_judged_and_saved_is_on_disk(
    serve_app: Callable[..., str], page_at: Callable[..., Page], trained: Store, width: int, dark: bool
) -> None:
    home = trained.settings.home
    page = page_at(width, 900, dark=dark)
    page.goto(f"{serve_app()}/thresholds")
    card = page.locator(".card").first
    expect(card.locator("input[type=range]")).to_be_visible(timeout=SLOW)
    card.locator("input[type=range]").press("Home")
    expect(page.locator(".status")).to_have_text(re.compile(r"^1 unsaved.* in \d+ transactions"), timeout=SLOW)
    ((thresholds, goals),) = rows(home, "select thresholds, goals from drafts")
    assert (thresholds.count(":"), goals) == (1, "{}")

    card.evaluate("card => { card.marked = true; }")
    page.get_by_text("What would change", exact=True).click()
    group = page.locator(".flips .row").first
    expect(group.locator(".number")).to_have_text("3", timeout=SLOW)
    before = page.get_by_role("tab", name="Not judged").inner_text()
    group.get_by_role("button", name="No,").click()
    expect(group.locator(".state")).to_have_text("Saved", timeout=SLOW)
    expect(page.get_by_role("tab", name="Not judged")).not_to_have_text(before, timeout=SLOW)
    stored = (
        "select value, reason from judgements join operations on operations.seq = operation_seq where kind = 'verdict'"
    )
    assert rows(home, stored) == [(0, "flip")]
    group.get_by_role("button", name="Undo").click()
    expect(group.locator(".state")).to_have_text("", timeout=SLOW)
    expect(page.get_by_role("tab", name="Not judged")).to_have_text(before, timeout=SLOW)

    card.get_by_label("Goal for").select_option("fixed:")
    expect(card).to_have_attribute("data-threshold", "0.5", timeout=SLOW)
    if width < 600:
        page.get_by_role("button", name="More tools").click()
    page.get_by_label("Note").fill("a first try")
    page.get_by_role("button", name="Save thresholds").click()
    expect(page.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
    expect(card).to_have_attribute("data-changed", "no", timeout=SLOW)
    assert card.evaluate("card => card.marked"), "neither a verdict nor saving makes the cards anew"
    ((note, goals),) = rows(home, "select note, goals from threshold_versions")
    assert note == "a first try"
    assert '"fixed:0.5"' in goals
    assert rows(home, "select count(*) from drafts") == [(0,)]

    page.reload()
    expect(card.get_by_label("Goal for")).to_have_value("fixed:", timeout=SLOW)
    assert card.get_attribute("data-threshold") == "0.5"
    assert page.get_by_test_id("stMain").evaluate("element => element.scrollWidth") <= width


def test_what_is_done_while_the_app_is_away_arrives_when_it_is_back(app_at, page_at, trained):
    home = trained.settings.home
    page = page_at(1280, 900)
    with app_at(0) as url:
        page.goto(f"{url}/thresholds")
        slider = page.locator(".card input[type=range]").first
        expect(slider).to_be_visible(timeout=SLOW)
        page.get_by_text("What would change", exact=True).click()
        expect(page.locator(".flips")).to_be_visible()
        page.wait_for_timeout(500)
    slider.press("Home")
    slider.press("Tab")
    expect(page.locator(".status")).to_have_text(re.compile("^Not stored yet"), timeout=SLOW)
    assert rows(home, "select count(*) from drafts") == [(0,)]
    with app_at(urlsplit(url).port):
        expect(page.locator(".status")).to_have_text(re.compile(r"^1 unsaved.* in \d+ transactions"), timeout=SLOW)
        assert rows(home, "select count(*) from drafts") == [(1,)]
        page.get_by_role("button", name="Save thresholds").click()
        expect(page.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
        assert rows(home, "select count(*) from threshold_versions") == [(1,)]
        # A tab that is reloaded before it has seen an answer asks again: nothing is done twice.
        page.reload()
        expect(page.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
        assert rows(home, "select count(*) from threshold_versions") == [(1,)]


def test_what_another_window_moved_is_not_saved_unseen(serve_app, page_at, trained):
    home = trained.settings.home
    url = f"{serve_app()}/thresholds"
    one, other = page_at(1280, 900), page_at(1280, 900)
    for page in (one, other):
        page.goto(url)
        expect(page.locator(".card input[type=range]").first).to_be_visible(timeout=SLOW)
    for page, index in ((one, 0), (other, 1)):
        page.locator(".card input[type=range]").nth(index).press("Home")
        expect(page.locator(".status")).to_contain_text(" transactions", timeout=SLOW)
    save, note, cards = (
        one.get_by_role("button", name="Save thresholds"),
        one.get_by_label("Note"),
        one.locator(".card"),
    )
    note.fill("both at nothing")
    # What is done behind a save goes out with it, and is taken though the save is not.
    save.evaluate(
        """save => {
            save.click();
            const slider = save.getRootNode().querySelectorAll('.card input[type=range]')[2];
            slider.dispatchEvent(new KeyboardEvent('keydown', { key: 'End', bubbles: true }));
            slider.dispatchEvent(new Event('change', { bubbles: true }));
        }"""
    )
    refused = re.compile("^Not savedMoved or saved in another window meanwhile: [^.]+. No version was made.")
    expect(one.locator(".status")).to_have_text(refused, timeout=SLOW)
    expect(cards.nth(1)).to_have_attribute("data-threshold", "0")
    assert note.input_value() == "both at nothing"
    assert rows(home, "select count(*) from threshold_versions") == [(0,)]
    ((thresholds,),) = rows(home, "select thresholds from drafts")
    assert sorted(json.loads(thresholds).values()) == [0, 0, 1]
    save.click()
    expect(one.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
    expect(note).to_have_value("")
    assert rows(home, "select note from threshold_versions") == [("both at nothing",)]


def test_undo_is_about_what_was_done_here(serve_app, page_at, trained):
    home = trained.settings.home
    url = f"{serve_app()}/thresholds"
    one, other = page_at(1280, 900), page_at(1280, 900)
    for page in (one, other):
        page.goto(url)
        expect(page.locator(".card input[type=range]").first).to_be_visible(timeout=SLOW)
    other.locator(".card input[type=range]").nth(2).press("End")
    expect(other.locator(".status")).to_contain_text(" transactions", timeout=SLOW)
    one.locator(".card input[type=range]").first.press("Home")
    expect(one.locator(".status")).to_have_text(re.compile(r"^2 unsaved.* in \d+ transactions"), timeout=SLOW)
    one.get_by_role("button", name="Undo").click()
    expect(one.locator(".card").first).to_have_attribute("data-changed", "no")
    expect(one.locator(".status")).to_have_text(re.compile(r"^1 unsaved.* in \d+ transactions"), timeout=SLOW)
    ((thresholds,),) = rows(home, "select thresholds from drafts")
    assert 1 in json.loads(thresholds).values(), "the other window's slider stays"
    expect(one.get_by_role("button", name="Undo")).to_be_disabled()


def test_a_number_that_means_nothing_keeps_saving_back(serve_app, page_at, trained):
    page = page_at(1280, 900)
    page.goto(f"{serve_app()}/thresholds")
    card = page.locator(".card").first
    expect(card.locator("input[type=range]")).to_be_visible(timeout=SLOW)
    card.get_by_label("Goal for").select_option("fixed:")
    expect(card).to_have_attribute("data-threshold", "0.5", timeout=SLOW)
    card.get_by_label("threshold", exact=True).fill("5")
    page.get_by_role("button", name="Save thresholds").click()
    expect(page.locator(".status")).to_have_text(re.compile("^Not savedThe goal of .+ lacks a number"))
    expect(card.get_by_label("threshold", exact=True)).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("0.6")
    page.get_by_role("button", name="Save thresholds").click()
    expect(page.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
    expect(card).to_have_attribute("data-threshold", "0.6")


def test_a_goal_given_just_before_saving_is_saved_where_it_leads(serve_app, page_at, trained):
    home = trained.settings.home
    page = page_at(1280, 900)
    page.goto(f"{serve_app()}/thresholds")
    card, status = page.locator(".card").first, page.locator(".status")
    expect(card.locator("input[type=range]")).to_be_visible(timeout=SLOW)
    menu, save = card.get_by_label("Goal for"), page.get_by_role("button", name="Save thresholds")
    menu.select_option("fixed:")
    expect(card).to_have_attribute("data-threshold", "0.5", timeout=SLOW)
    for number, at in enumerate(("0.75", "0.25"), start=1):
        card.get_by_label("threshold", exact=True).fill(at)
        page.get_by_label("Note").fill(f"at {at}")
        card.get_by_label("threshold", exact=True).press("End")
        save.click()  # the field is left by this click
        expect(status).to_have_text(f"All savedVersion {number} is in use.", timeout=SLOW)
        expect(card).to_have_attribute("data-threshold", at)
        expect(page.get_by_label("Note")).to_have_value("")
    # A choice in the menu and a click, before anything could be answered.
    menu.evaluate(
        """menu => {
            menu.value = 'recall>=';
            menu.dispatchEvent(new Event('change'));
            menu.getRootNode().querySelector('.save .primary').click();
        }"""
    )
    expect(status).to_have_text("All savedVersion 3 is in use.", timeout=SLOW)
    saved = rows(home, "select note, goals, thresholds from threshold_versions order by id")
    assert [note for note, _, _ in saved] == ["at 0.75", "at 0.25", ""]
    assert [list(json.loads(goals).values()) for _, goals, _ in saved] == [
        ["fixed:0.75"],
        ["fixed:0.25"],
        ["recall>=0.9"],
    ]
    assert float(card.get_attribute("data-threshold")) in json.loads(saved[-1][2])
    assert rows(home, "select count(*) from drafts") == [(0,)]


def test_a_goal_is_undone_before_its_answer_and_done_again(serve_app, page_at, trained):
    home = trained.settings.home
    page = page_at(1280, 900)
    page.goto(f"{serve_app()}/thresholds")
    card = page.locator(".card").first
    expect(card.locator("input[type=range]")).to_be_visible(timeout=SLOW)
    card.locator("input[type=range]").press("Home")
    expect(page.locator(".status")).to_have_text(re.compile(r"^1 unsaved.* in \d+ transactions"), timeout=SLOW)
    card.get_by_label("Goal for").evaluate(
        """menu => {
            menu.value = 'fixed:';
            menu.dispatchEvent(new Event('change'));
            [...menu.getRootNode().querySelectorAll('.steps button')][0].click();
        }"""
    )
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(500)
    expect(card).to_have_attribute("data-threshold", "0")
    expect(card.get_by_label("Goal for")).to_have_value("recommended")
    assert rows(home, "select thresholds, goals from drafts")[0][1].endswith('"recommended"}')
    page.get_by_role("button", name="Redo").click()
    expect(card).to_have_attribute("data-threshold", "0.5", timeout=SLOW)
    expect(card.get_by_label("Goal for")).to_have_value("fixed:")
    for at in ("0", "0.5"):
        page.get_by_role("button", name="Undo" if at == "0" else "Redo").click()
        expect(card).to_have_attribute("data-threshold", at, timeout=SLOW)


def test_steps_that_were_taken_are_not_taken_again_by_a_server_that_starts_anew(app_at, page_at, trained):
    home = trained.settings.home
    save_thresholds(trained, {1: 0.9})
    as_local = Store(Settings(home))  # the author whom the app has, too
    page = page_at(1280, 900)
    with app_at(0) as url:
        page.goto(f"{url}/thresholds")
        slider = page.locator(".card input[type=range]").first
        expect(slider).to_be_visible(timeout=SLOW)
        slider.press("Home")
        expect(page.locator(".status")).to_have_text(re.compile(r"^1 unsaved.* in \d+ transactions"), timeout=SLOW)
        page.get_by_text("What would change", exact=True).click()
        expect(page.locator(".flips .row").first).to_be_visible(timeout=SLOW)
    assert threshold_saving.go_back(as_local, 1)["let_go"] == 1  # elsewhere: the move is let go
    with app_at(urlsplit(url).port):
        # With whatever is done next the browser sends what its panel sent last.
        page.locator(".flips .row").first.get_by_role("button", name="No,").click()
        expect(page.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
        assert rows(home, "select count(*) from drafts") == [(0,)]
    as_local.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_keeps_its_height_whatever_is_done(serve_app, page_at, trained, width):
    save_thresholds(trained, {1: 0.9})
    save_thresholds(trained, {1: 0.5, 2: 0.3})
    page = page_at(width, 844)
    page.goto(f"{serve_app()}/thresholds")
    expect(page.locator(".card input[type=range]").first).to_be_visible(timeout=SLOW)
    page.get_by_text("What would change", exact=True).click()
    page.get_by_text("Versions", exact=True).click()
    page.get_by_role("button", name="Use again").nth(1).click(timeout=SLOW)
    expect(page.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
    page.locator(".card input[type=range]").first.press("Home")
    page.locator(".flips .row").first.get_by_role("button", name="No,").click(timeout=SLOW)
    expect(page.locator(".flips .row").first.locator(".state")).to_have_text("Saved", timeout=SLOW)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, main.scrollHeight)")
    page.wait_for_timeout(1000)
    height = "() => document.querySelector('.stMainBlockContainer').getBoundingClientRect().height"
    before = page.evaluate(height)
    page.wait_for_timeout(1000)
    assert page.evaluate(height) == before < 8000


def test_a_drag_that_begins_while_an_answer_is_on_its_way_goes_on(serve_app, page_at, trained):
    page = page_at(1280, 900)
    page.goto(f"{serve_app()}/thresholds")
    slider, card = page.locator(".card input[type=range]").first, page.locator(".card").first
    expect(slider).to_be_visible(timeout=SLOW)
    slider.press("Home")
    expect(page.locator(".status")).to_contain_text(" transactions", timeout=SLOW)
    page.get_by_role("button", name="Save thresholds").click()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 10, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], y)
    expect(page.locator(".status")).to_contain_text("1 unsaved", timeout=SLOW)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.wait_for_timeout(1000)
    held = card.get_attribute("data-threshold")
    page.mouse.move(box["x"] + 0.6 * box["width"], y)
    assert float(card.get_attribute("data-threshold")) > float(held) > 0.3
    page.mouse.up()
    expect(page.locator(".status")).to_contain_text(" transactions", timeout=SLOW)
    assert float(card.get_attribute("data-threshold")) == pytest.approx(0.6, abs=0.03)
