"""Runs in a real browser: a worse one asks, one goes back, and it all fits on a phone."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect
from toys import ToyEncoder, labelled_csv, one_thread

from tagger.config import Settings
from tagger.learning.recipe import Recipe
from tagger.services import training
from tagger.services.importing import Upload, import_files
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store

SLOW = 60_000  # milliseconds


def a_good_and_a_bad_run(home: Path) -> tuple[str, str]:
    """A store whose run in use is good, and a newer one that tags nothing. The app needs no encoder for it."""
    store = Store(Settings(home=home, author="ada"))
    store.encoding.use(ToyEncoder())
    import_files(store, [Upload("bank.csv", labelled_csv(20).encode())], Progress())
    with one_thread():
        good = training.train(store, Recipe(), Progress(), promote_it=True)
        bad = training.train(store, Recipe(thresholds="fixed:1"), Progress())
    store.close()
    return good["run_id"], bad["run_id"]


def in_use(page: Page, run_id: str) -> None:
    """That run is the one in use, and stands first."""
    rows = page.locator("[class*='st-key-run']")
    expect(rows.first).to_have_class(re.compile(run_id), timeout=SLOW)
    expect(rows.first.get_by_text("in use", exact=True)).to_be_visible(timeout=SLOW)
    expect(rows.filter(has=page.get_by_text("in use", exact=True))).to_have_count(1)


def test_a_worse_run_asks_one_goes_back_and_writes_a_note_on_a_phone(
    serve_app: Callable[..., str], page_at: Callable[..., Page], tmp_path: Path
) -> None:
    good, bad = a_good_and_a_bad_run(tmp_path / "home1")
    page = page_at(390, 844)
    page.goto(f"{serve_app()}/train")
    expect(page.get_by_text("This run scores lower than the one in use.")).to_be_visible(timeout=SLOW)
    in_use(page, good)

    page.get_by_role("button", name="Promote", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Macro F1 ", exact=False)).to_be_visible(timeout=SLOW)
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0, timeout=SLOW)
    in_use(page, good)
    page.get_by_role("button", name="Promote", exact=True).click()
    dialog.get_by_role("button", name="Use it anyway").click(timeout=SLOW)
    in_use(page, bad)

    page.get_by_role("button", name="Roll back").click()
    in_use(page, good)

    page.get_by_role("button", name="Actions").nth(1).click()
    page.get_by_label("Note").fill("tags nothing", timeout=SLOW)
    page.get_by_label("Note").press("Enter")
    expect(page.locator("[class*='st-key-run']").nth(1).get_by_text("tags nothing")).to_be_visible(timeout=SLOW)
    assert page.get_by_test_id("stMain").evaluate("element => element.scrollWidth") <= 390

    page.get_by_role("button", name="Discard", exact=True).last.click()
    expect(dialog.get_by_text("Tags still come from the run of ", exact=False)).to_be_visible(timeout=SLOW)
    dialog.get_by_role("button", name="Discard it").click(timeout=SLOW)
    expect(page.get_by_text("Run discarded. Tags still come from the run of ", exact=False)).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("tags nothing")).to_have_count(0, timeout=SLOW)
    in_use(page, good)


@pytest.mark.parametrize("width", [1280, 390])
def test_a_running_training_stands_where_its_button_was_and_moves_nothing(
    serve_app: Callable[..., str], page_at: Callable[..., Page], tmp_path: Path, width: int
) -> None:
    a_good_and_a_bad_run(tmp_path / "home1")
    page = page_at(width, 844)
    page.goto(f"{serve_app()}/train")
    button = page.get_by_role("button", name="Train", exact=True)
    below = page.get_by_text("This run scores lower than the one in use.")
    expect(below).to_be_visible(timeout=SLOW)
    expect(button).to_be_visible(timeout=SLOW)
    middle, reading = _middle(button), below.bounding_box()

    store = Store(Settings(home=tmp_path / "home1", author="ada"))
    elsewhere, over = Jobs(store), threading.Event()
    elsewhere.start("train", lambda _: {"waited": over.wait(120)})
    try:
        page.reload()
        stop = page.get_by_role("button", name="Stop")
        expect(stop).to_be_visible(timeout=SLOW)
        expect(below).to_be_visible(timeout=SLOW)
        assert _middle(stop) == pytest.approx(middle, abs=8)
        assert _middle(page.get_by_role("progressbar")) == pytest.approx(middle, abs=24)
        assert below.bounding_box() == reading
        expect(page.get_by_role("button", name="Promote", exact=True)).to_be_disabled()
    finally:
        over.set()
    expect(button).to_be_visible(timeout=SLOW)
    assert (_middle(button), below.bounding_box()) == (middle, reading)
    store.close()


def _middle(shown: Locator) -> float:
    """How far down it stands."""
    box = shown.bounding_box()
    assert box is not None
    return box["y"] + box["height"] / 2
