"""Versions of thresholds in a real browser: the sliders follow, a file comes down, and it all fits on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from toys import save_thresholds

from tagger.services import threshold_exchange
from tagger.services.store import Store

SLOW = 60_000  # milliseconds


@pytest.fixture
def store(trained: Store) -> Store:
    """A run whose thresholds were saved twice."""
    long_note = "for the month's end, when everything that is not groceries has to be found at any price"
    save_thresholds(trained, {1: 0.9, 2: 0.8}, note=long_note)
    save_thresholds(trained, {1: 0.25})
    return trained


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_a_version_is_used_again_compared_and_downloaded(
    serve_app: Callable[..., str], page_at: Callable[..., Page], store: Store, width: int, dark: bool
) -> None:
    page = page_at(width, 844, dark=dark)
    page.goto(f"{serve_app()}/thresholds")
    slider = page.get_by_role("slider").first
    expect(slider).to_have_value("0.25", timeout=SLOW)
    page.get_by_text("Versions", exact=True).click()
    rows = page.locator("[class*='st-key-version-']")
    expect(rows).to_have_count(3, timeout=SLOW)
    expect(rows.first.get_by_text("in use", exact=True)).to_be_visible()
    expect(rows.first.get_by_role("button", name="Use again")).to_be_disabled()

    rows.nth(1).get_by_role("button", name="Use again").click()
    expect(page.locator(".status")).to_have_text("All savedVersion 1 is in use.", timeout=SLOW)
    expect(rows.nth(1).get_by_text("in use", exact=True)).to_be_visible(timeout=SLOW)
    expect(slider).to_have_value("0.9", timeout=SLOW)
    assert store.view().tagging.threshold_version_id == 1

    slider.press("ArrowRight")
    expect(page.locator(".status")).to_have_text(re.compile(r"^1 unsaved.* transactions?"), timeout=SLOW)
    dialog = page.get_by_role("dialog")
    for answer, version, stands_at in (("Cancel", 1, "0.901"), ("Use version 2", 2, "0.25")):
        rows.first.get_by_role("button", name="Use again").click()
        expect(dialog.get_by_text("1 slider was moved and not saved. Use version 2 and let it go?")).to_be_visible(
            timeout=SLOW
        )
        dialog.get_by_role("button", name=answer).click()
        expect(dialog).to_have_count(0, timeout=SLOW)
        expect(slider).to_have_value(stands_at, timeout=SLOW)
        assert store.view().tagging.threshold_version_id == version
    expect(page.locator(".status")).to_have_text("All savedVersion 2 is in use.", timeout=SLOW)
    rows.nth(1).get_by_role("button", name="Use again").click()
    expect(slider).to_have_value("0.9", timeout=SLOW)
    expect(dialog).to_have_count(0)

    with page.expect_download(timeout=SLOW) as coming:
        rows.nth(1).get_by_role("button", name="Download JSON").click()
    assert json.loads(Path(coming.value.path()).read_text()) == threshold_exchange.export(store, 1)
    assert coming.value.suggested_filename == f"thresholds-{store.view().tagging.run_id}-1.json"

    for name, option in (("Compare", "As trained"), ("With", "Version 1")):
        box = page.get_by_role("combobox", name=name)
        # At the edge of the screen the page would scroll under the list and close it.
        box.evaluate("element => element.scrollIntoView({block: 'center'})")
        box.click()
        page.get_by_role("option", name=option).click(timeout=SLOW)
    expect(page.get_by_text("Both on the same 60 reviewed transactions", exact=False)).to_be_visible(timeout=SLOW)
    assert page.get_by_test_id("stMain").evaluate("element => element.scrollWidth") <= width
    lefts = [button.bounding_box()["x"] for button in page.get_by_role("button", name="Use again").all()]
    assert len(lefts) == 3
    assert max(lefts) - min(lefts) <= 1
