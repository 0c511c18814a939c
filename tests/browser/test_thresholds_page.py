"""The Thresholds page as a whole, on a store of its own: what is moved, said and saved is on disk."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

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
    expect(page.locator(".status")).to_have_text(re.compile(r"^1 moved.* in \d+ transactions"), timeout=SLOW)
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
