"""Leaving a page right after a correction: the correction is on disk, and the other page opens."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

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
    assert n_confirmed(trained) == N_FAST


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


def test_a_link_waits_until_a_slow_server_has_stored_what_was_done(app_at, page_at, trained):
    page = page_at(1280, 900)
    with app_at(0) as url:
        page.goto(f"{url}/review")
        expect(page.get_by_role("listitem").first).to_be_visible(timeout=SLOW)
        page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
        tell_server(url, signal.SIGSTOP)
        page.locator(".list").first.evaluate(CONFIRM, 1)
        page.get_by_role("link", name="Export", exact=True).dispatch_event("click")
        expect(page.get_by_text("Not stored yet. The page opens")).to_be_visible()
        page.wait_for_timeout(1000)
        tell_server(url, signal.SIGCONT)
        expect(page.get_by_role("heading", name="Export", exact=True)).to_be_visible(timeout=SLOW)
        expect(page.get_by_text("Not stored yet. The page opens")).to_have_count(0)
        assert n_confirmed(trained) == 1


def test_a_link_that_waits_is_followed_when_it_is_chosen_again(app_at, page_at, trained):
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
    link = page.get_by_role("link", name="Export", exact=True)
    link.dispatch_event("click")
    expect(page.get_by_text("Not stored yet. The page opens")).to_be_visible()
    assert page.evaluate("() => window.asked") == 0, "it waits for what nobody answers"
    link.dispatch_event("click")
    assert page.evaluate("() => window.asked") == 1
    expect(page.get_by_text("Not stored yet. The page opens")).to_have_count(0)


def tell_server(url: str, what: signal.Signals) -> None:
    port = f"--server.port={urlsplit(url).port}".encode()
    (pid,) = (path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if port in path.read_bytes())
    os.kill(int(pid), what)


def n_confirmed(store) -> int:
    with closing(sqlite3.connect(store.settings.home / "data" / "tagger.db")) as connection:
        (n,) = connection.execute("select count(*) from operations where kind = 'confirm'").fetchone()
    return n
