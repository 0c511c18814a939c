"""Experiments in a real browser: run, stop, go on, read it on a phone, and hand a setting to Train."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from toys import ToyEncoder, labelled_csv

from tagger.config import Settings
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store

SLOW = 120_000  # milliseconds; sixteen settings on a busy machine


def a_reviewed_statement(home: Path) -> None:
    store = Store(Settings(home=home, author="ada"))
    store.encoding.use(ToyEncoder())
    import_files(store, [Upload("bank.csv", labelled_csv(12).encode())], Progress())
    store.close()


def test_tries_can_be_stopped_go_on_and_hand_a_setting_to_train_on_a_phone(
    serve_app: Callable[..., str], page_at: Callable[..., Page], tmp_path: Path
) -> None:
    a_reviewed_statement(tmp_path / "home1")
    page = page_at(390, 844, dark=True, touch=True)
    page.goto(f"{serve_app()}/experiments")
    page.get_by_role("radio", name="Layers").click(timeout=SLOW)
    expect(page.get_by_text("16 settings in 16 fits, ", exact=False)).to_be_visible(timeout=SLOW)
    run = page.get_by_role("button", name="Run the tries")
    run.click()
    page.get_by_role("button", name="Stop").click(timeout=SLOW)
    expect(page.get_by_text("The experiment was stopped.", exact=False)).to_be_visible(timeout=SLOW)

    run.click(timeout=SLOW)
    expect(page.get_by_text("All 16 settings are measured.")).to_be_visible(timeout=SLOW)
    expect(run).to_be_disabled()
    expect(page.locator(".js-plotly-plot .ytick")).to_have_count(15, timeout=SLOW)
    dots = page.locator(".js-plotly-plot .scatterlayer .point").evaluate_all(
        "dots => dots.map(dot => dot.getBoundingClientRect()).map(box => box.left + box.width / 2)"
    )
    assert len(dots) == 15
    assert all(0 < middle < 390 for middle in dots), "a dot lies outside a phone's screen"
    names = page.locator(".js-plotly-plot .ytick text").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().left)"
    )
    assert min(names) >= 0, "a name is cut"
    width = page.get_by_test_id("stMain").evaluate("element => element.scrollWidth")
    assert width <= 390, "the page scrolls sideways on a phone"

    setting = page.get_by_role("combobox", name="Setting", exact=True)
    expect(setting).to_have_value("Logistic head")  # the current one: the layers are compared with another
    setting.tap()
    other = page.get_by_role("option").filter(has_not_text="Logistic head").last
    expect(other).to_be_visible(timeout=SLOW)
    name = other.inner_text()
    other.tap(timeout=SLOW)
    expect(setting).to_have_value(name)
    page.get_by_role("button", name="Use this setting").tap()
    expect(page.get_by_text(f"Filled in from Experiments: {name}.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("heading", name="Train", exact=True)).to_be_visible()
