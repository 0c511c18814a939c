"""Leaving a page right after a correction: the correction is on disk, and the other page opens."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect

SLOW = 60_000  # milliseconds
N_FAST = 5  # more than go out at once
CONFIRM = """(list, n) => {
    for (let i = 0; i < n; i++) {
        list.querySelector(".row[role=listitem] button[aria-label^='Confirm']:not([aria-label^='Confirmed'])").click();
    }
}"""


@pytest.mark.parametrize("by", ["click", "key"])
def test_what_is_confirmed_just_before_another_page_is_opened_is_kept(serve_app, page_at, trained, by):
    page = page_at(1280, 900)
    page.goto(f"{serve_app()}/review")
    expect(page.get_by_role("listitem").first).to_be_visible(timeout=SLOW)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    link = page.get_by_role("link", name="Export", exact=True)
    if by == "key":
        link.focus()
    page.locator(".list").first.evaluate(CONFIRM, N_FAST)
    if by == "key":
        link.press("Enter")
    else:
        link.click()
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(1500)  # longer than anything waits to be sent
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible()
    with closing(sqlite3.connect(trained.settings.home / "data" / "tagger.db")) as connection:
        (n_confirmed,) = connection.execute("select count(*) from operations where kind = 'confirm'").fetchone()
    assert n_confirmed == N_FAST


def test_sliders_moved_just_before_another_page_is_opened_are_kept(serve_app, page_at, trained):
    page = page_at(1280, 900)
    page.goto(f"{serve_app()}/thresholds")
    expect(page.locator(".card input[type=range]").first).to_be_visible(timeout=SLOW)
    page.locator(".grid").evaluate(
        """grid => {
            for (const slider of [...grid.querySelectorAll("input[type=range]")].slice(0, 3)) {
                slider.value = 1;
                slider.dispatchEvent(new Event("input"));
                slider.dispatchEvent(new Event("change"));
            }
        }"""
    )
    page.get_by_role("link", name="Export", exact=True).click()
    expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible(timeout=SLOW)
    with closing(sqlite3.connect(trained.settings.home / "data" / "tagger.db")) as connection:
        ((thresholds,),) = connection.execute("select thresholds from drafts")
    assert list(json.loads(thresholds).values()) == [1, 1, 1]


def test_a_link_waits_no_longer_than_a_second(app_at, page_at, trained):
    page = page_at(1280, 900)
    with app_at(0) as url:
        page.goto(f"{url}/review")
        expect(page.get_by_role("listitem").first).to_be_visible(timeout=SLOW)
        page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
        page.evaluate(
            """() => {
                window.asked = 0;
                addEventListener("click", ({ target }) => { window.asked += Boolean(target.closest("a")); });
            }"""
        )
    page.locator(".list").first.evaluate(CONFIRM, 1)
    page.get_by_role("link", name="Export", exact=True).dispatch_event("click")
    assert page.evaluate("() => window.asked") == 0, "it waits for what nobody answers"
    page.wait_for_function("() => window.asked === 1", timeout=5000)
