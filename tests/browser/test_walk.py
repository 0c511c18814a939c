"""The whole loop as a person walks it, on the sample and on a labelled statement of their own."""

from __future__ import annotations

import csv
import os
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

SLOW = 120_000  # milliseconds; encoding and training on a busy machine
LABELS = ("veg box", "petrol", "landlord")


@pytest.fixture
def app(serve_app: Callable[..., str]) -> str:
    return serve_app()


def go(page: Page, name: str) -> None:
    """Open a page from the navigation."""
    page.get_by_role("link", name=name, exact=True).first.click()
    title = "Transaction Tagger" if name == "Home" else name
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=SLOW)


def picture(page: Page, name: str) -> None:
    """Keep a screenshot for the README when asked for: `make screenshots`."""
    folder = os.environ.get("TAGGER_SCREENSHOTS")
    if folder:
        expect(page.get_by_test_id("stToast")).to_have_count(0, timeout=SLOW)
        page.wait_for_timeout(1000)  # fonts and transitions
        page.screenshot(path=Path(folder) / f"{name}.png")


def settled(page: Page) -> None:
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(0, timeout=SLOW)
    expect(page.locator("[data-testid='stStatusWidget']")).to_have_count(0, timeout=SLOW)


WATCH_SHIFTS = """window.shifted = 0
new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.shifted += entry.value })
  .observe({ type: "layout-shift", buffered: true })"""


def jumps(page: Page, url: str) -> float:
    """How much moves while Review loads and its list arrives: the sum of all layout shifts."""
    page.add_init_script(WATCH_SHIFTS)
    page.goto(url)
    expect(page.locator(".row[role=listitem]").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".st-key-next button")).to_be_attached(timeout=SLOW)
    settled(page)
    page.wait_for_timeout(500)  # an observer is told late
    return page.evaluate("window.shifted")


def confirm_rows(page: Page, n_rows: int) -> None:
    rows = page.get_by_role("listitem")
    expect(rows.first).to_be_visible(timeout=SLOW)
    for _ in range(n_rows):
        page.get_by_role("button", name=re.compile("^Confirm($|[^e])")).first.click()
    expect(page.get_by_text(f"{n_rows} confirmed").first).to_be_visible(timeout=SLOW)


def train_and_promote(page: Page) -> None:
    go(page, "Train")
    settled(page)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("button", name="Promote")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("On descriptions never seen in training")).to_be_visible()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("· in use")).to_be_visible(timeout=SLOW)


def drag_a_slider(page: Page, frames: list[bytes | str]) -> None:
    """Numbers move while nothing is sent; release sends one message."""
    slider = page.locator("input[type=range]").first
    expect(slider).to_be_visible(timeout=SLOW)
    settled(page)
    slider.scroll_into_view_if_needed()
    before_box, box = None, slider.bounding_box()
    while box != before_box:  # until the page stands still
        page.wait_for_timeout(150)
        before_box, box = box, slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    value = float(slider.input_value())
    page.mouse.move(box["x"] + box["width"] * min(max(value, 0.03), 0.97), middle)
    page.mouse.down()
    before = len(frames)
    seen = set()
    target = 0.9 if value < 0.5 else 0.1
    for step in range(1, 13):
        page.mouse.move(box["x"] + box["width"] * (value + (target - value) * step / 12), middle)
        seen.add(slider.get_attribute("aria-valuetext"))
    assert len(seen) > 6, "the numbers do not move with the pointer"
    assert len(frames) == before, "something was sent during the drag"
    page.mouse.up()
    expect(page.locator(".status")).to_contain_text(re.compile(r"in [\d,]+ transaction"), timeout=SLOW)
    assert len(frames) == before + 1, "release is one commit"


def test_the_whole_loop_on_the_sample(app, page_at, frames_sent, tmp_path):
    page = page_at(1280, 900)
    frames = frames_sent(page)
    page.goto(app)
    page.get_by_role("button", name="Try it with sample data").click()
    expect(page.get_by_text("transactions wait for your eye")).to_be_visible(timeout=SLOW)
    settled(page)

    page.get_by_role("button", name="Review", exact=True).click()
    settled(page)
    expect(page.get_by_text(re.compile(r"^1,723 transactions"))).to_be_visible(timeout=SLOW)
    picture(page, "review")
    for width in (1280, 390):
        assert jumps(page_at(width, 844, touch=width == 390), f"{app}/review") < 0.1, "the page jumps while it loads"
    page.get_by_role("button", name=re.compile("^Reject ")).first.click()
    confirm_rows(page, 5)
    go(page, "Export")
    go(page, "Review")
    expect(page.get_by_text(re.compile(r"1,718 to review"))).to_be_visible(timeout=SLOW)

    train_and_promote(page)
    go(page, "Thresholds")
    drag_a_slider(page, frames)
    page.evaluate("window.scrollTo(0, 0)")
    picture(page, "thresholds")
    page.reload()
    expect(page.get_by_role("button", name="Save thresholds")).to_be_enabled(timeout=SLOW)
    page.get_by_role("button", name="Save thresholds").click()
    expect(page.get_by_role("button", name="Save thresholds")).to_be_disabled(timeout=SLOW)

    go(page, "Export")
    with page.expect_download(timeout=SLOW) as download:
        page.get_by_role("button", name=re.compile("^Export 4,973")).click()
    download.value.save_as(tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4973
    # The sample comes sorted until February; what is confirmed after that was confirmed in this walk.
    assert sum(row["tag_source"] == "confirmed" and row["date"] > "2026-03" for row in rows) == 5
    assert {row["run_id"] for row in rows} != {"starter"}

    go(page, "Home")
    page.get_by_role("button", name="Remove sample data").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove sample data").click()
    expect(page.get_by_role("button", name="Try it with sample data")).to_be_visible(timeout=SLOW)


def own_statement(path: Path) -> None:
    towns = ["Ayr", "Bath", "Cork", "Deal", "Ely", "Fife", "Goole", "Hove", "Irvine", "Jarrow", "Kendal", "Leeds"]
    kinds = {
        "veg box": ("RIVERFORD VEG", "ABEL COLE ORGANIC"),
        "petrol": ("SHELL FUEL", "ESSO FORECOURT"),
        "landlord": ("RENT TO MRS MOSS", "HOLLIN LETTINGS"),
    }
    lines = ["Date,Details,Value,Tags"]
    for number, town in enumerate(towns):
        for label, names in kinds.items():
            for name in names:
                lines.append(f"2026-0{number % 9 + 1}-1{number % 9},{name} {town},-{number + 10}.25,{label}")
    lines += [f"2026-10-0{day},RIVERFORD VEG Newtown{day},-12.00," for day in range(1, 6)]
    path.write_text("\n".join(lines) + "\n")


def ask_why(page: Page) -> None:
    """Open the grounds of the first row's tag with a key, leave them, and go on with the keyboard."""
    row = page.locator(".row[role=listitem]").first
    row.locator(".description").click()
    at = row.bounding_box()
    page.keyboard.press("w")
    panel = page.get_by_role("dialog")
    expect(panel.get_by_text("veg box").first).to_be_visible(timeout=SLOW)
    expect(panel.get_by_text("The model says")).to_be_visible(timeout=SLOW)
    expect(panel.locator(".why-words bdi").first).to_have_text("RIVERFORD")
    expect(panel.locator(".why-near bdi").first).to_contain_text("RIVERFORD")
    assert panel.evaluate("element => element.scrollWidth <= innerWidth"), "the panel is wider than the screen"
    picture(page, "why")
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    assert row.bounding_box() == at, "the list has jumped"
    page.keyboard.press("w")
    expect(panel.get_by_text("The model says")).to_be_visible(timeout=SLOW)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)


def test_the_loop_on_a_labelled_statement_shows_nothing_of_the_starter(app, page_at, tmp_path):
    own_statement(tmp_path / "mine.csv")
    page = page_at(390, 844, dark=True)
    page.goto(f"{app}/upload")
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.csv")
    page.get_by_role("button", name="Import", exact=True).click(timeout=SLOW)
    expect(page.get_by_text("77 rows: 77 added")).to_be_visible(timeout=SLOW)
    settled(page)
    page.goto(f"{app}/train")
    expect(page.get_by_text("72 reviewed transactions with examples of 3 tags")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("button", name="Promote")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("72 transactions", exact=False).first).to_be_visible()
    page.get_by_role("button", name="Promote").click()
    expect(page.get_by_text("· in use")).to_be_visible(timeout=SLOW)
    page.goto(f"{app}/thresholds")
    sliders = page.locator("input[type=range]")
    expect(sliders).to_have_count(len(LABELS), timeout=SLOW)
    for label in LABELS:
        expect(page.get_by_text(label, exact=True).first).to_be_visible()
    expect(page.get_by_text("groceries")).to_have_count(0)
    page.goto(f"{app}/review?show=To+review")
    expect(page.get_by_text("5 transactions")).to_be_visible(timeout=SLOW)
    ask_why(page)
    for name in ("", "upload", "review", "train", "thresholds", "experiments", "export"):
        page.goto(f"{app}/{name}")
        expect(page.locator("h1")).to_be_visible(timeout=SLOW)
        settled(page)
        width = page.get_by_test_id("stMain").evaluate("element => element.scrollWidth")
        assert width <= 390, f"{name or 'home'} scrolls sideways on a phone"


def test_what_is_answered_from_the_queue_is_stored_with_why_it_was_asked(app, page_at, tmp_path):
    own_statement(tmp_path / "mine.csv")
    more = [f"2026-11-{day:02d},HARDWARE STORE {'abcdefghijklm'[day]}uayside,-3.00," for day in range(1, 13)]
    with (tmp_path / "mine.csv").open("a") as file:
        file.write("\n".join(more) + "\n")
    page = page_at(1280, 900)
    page.goto(f"{app}/upload")
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.csv")
    page.get_by_role("button", name="Import", exact=True).click(timeout=SLOW)
    expect(page.get_by_text("89 rows: 89 added")).to_be_visible(timeout=SLOW)
    settled(page)
    page.goto(f"{app}/review?order=queue")
    expect(page.get_by_text("Random pick, for an honest score")).to_be_visible(timeout=SLOW)
    rows = page.get_by_role("listitem")
    order = rows.locator(".description").all_inner_texts()
    assert all(rows.locator(".why").all_inner_texts()), "a pick without its reason"
    confirm_rows(page, 5)  # the fifth of them is the random one
    assert rows.locator(".description").all_inner_texts() == order
    expect(page.get_by_text(re.compile("saving"))).to_have_count(0, timeout=SLOW)
    with closing(sqlite3.connect(tmp_path / "home1" / "data" / "tagger.db")) as db:
        stored = db.execute("select reason from operations where kind = 'confirm' order by seq").fetchall()
    assert stored == [("queue",)] * 4 + [("audit",)]
    page.reload()
    expect(page.get_by_text("8 of 8 picks open")).to_be_visible(timeout=SLOW)
    assert not set(rows.locator(".description").all_inner_texts()) & set(order[:5]), "asked again"
    assert "order=queue" in page.url


def test_a_likely_error_is_mended_on_review_and_is_not_doubted_again(app, page_at, tmp_path):
    own_statement(tmp_path / "mine.csv")
    slips = [f"2026-11-{day:02d},MOBIL {day},-30.00,petrol" for day in range(1, 8)]
    slips += ["2026-11-09,MOBIL 9,-30.00,landlord", "2026-11-10,MOBIL 10,-30.00,veg box"]
    with (tmp_path / "mine.csv").open("a") as file:
        file.write("\n".join(slips) + "\n")
    page = page_at(390, 844, touch=True)
    page.goto(f"{app}/upload")
    page.locator("input[type=file]").set_input_files(tmp_path / "mine.csv")
    page.get_by_role("button", name="Import", exact=True).click(timeout=SLOW)
    expect(page.get_by_text("added").first).to_be_visible(timeout=SLOW)
    settled(page)
    page.goto(f"{app}/review?q=mobil")
    rows = page.locator(".row[role=listitem]")  # the navigation has items of its own on a phone
    expect(rows).to_have_count(9, timeout=SLOW)
    page.get_by_role("combobox", name="Work through").click()
    page.get_by_role("option", name="Likely errors").click()
    expect(rows).to_have_count(2, timeout=SLOW)
    wrong = rows.filter(has_text="MOBIL 9")
    expect(wrong.locator(".why")).to_contain_text("The file said landlord, not petrol")
    wrong.get_by_role("button", name=re.compile("^Restore petrol")).click()
    wrong.get_by_role("button", name=re.compile("^Reject landlord")).click()
    wrong.get_by_role("button", name=re.compile("^Confirm")).click()
    rows.filter(has_text="MOBIL 10").get_by_role("button", name=re.compile("^Confirm")).click()
    expect(page.get_by_text("All of these are checked")).to_be_visible(timeout=SLOW)
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="Look again").click()
    expect(page.get_by_text("0 transactions")).to_be_visible(timeout=SLOW)
    assert "order=errors" in page.url, "the list that was chosen is not the one that is shown"
    with closing(sqlite3.connect(tmp_path / "home1" / "data" / "tagger.db")) as db:
        stored = db.execute(
            "select l.name from judgements j join operations o on o.seq = j.operation_seq join labels l "
            "on instr(',' || j.present || ',', ',' || l.id || ',') where o.kind = 'confirm' and o.reason = 'check' "
            "order by j.seq"
        ).fetchall()
    assert stored == [("petrol",), ("veg box",)]


def test_a_bookmark_opened_on_a_fresh_server_has_its_navigation(app, page_at):
    page = page_at(1280, 900)
    page.goto(f"{app}/thresholds")
    expect(page.get_by_role("heading", name="Thresholds", exact=True)).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("link", name="Review", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="app", exact=True)).to_have_count(0)
