"""The threshold panel in a real Chromium: what it shows, what it sends, and that its numbers are Python's."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import CDPSession, Locator, Page, expect

from tagger.learning.metrics import score_labels, summarize
from tagger.ui.components import threshold_panel as component

APP = Path(__file__).parent / "apps" / "threshold_app.py"
SCRIPT = Path(component.__file__).with_name("threshold_panel.js")
OPTIMUM = "Best F1 on the curve shown. From few examples it seldom holds on new data."
METRICS = ("precision", "recall", "f1")


def _load_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("threshold_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


app = _load_app()


@pytest.fixture
def open_panel(
    served: Callable[..., str], page_at: Callable[..., Page], frames_sent: Callable[[Page], list[bytes | str]]
) -> Callable[..., Page]:
    """`open_panel(width, dark=…, labels=…) -> page`, ready and silent."""
    url = served(APP)

    def start(
        width: int = 1280, height: int = 900, *, dark: bool = False, touch: bool = False, **asked: object
    ) -> Page:
        page = page_at(width, height, dark=dark, touch=touch)
        page.goto(f"{url}/?{urlencode(asked)}")
        expect(page.locator(".card" if asked.get("labels") != 0 else ".empty").first).to_be_visible(timeout=30_000)
        quiet(page)
        page.evaluate("document.fonts.ready")
        return page

    def quiet(page: Page) -> None:
        expect(page.locator("code")).to_be_visible()
        n_frames = -1
        while n_frames != len(frames_sent(page)):
            n_frames = len(frames_sent(page))
            page.wait_for_timeout(150)

    return start


def server(page: Page) -> dict[str, object]:
    """What the page's script knows: runs, commits, the draft and what the panel returned."""
    return json.loads(page.locator("code").inner_text())


def expect_server(page: Page, **wanted: object) -> None:
    for name, value in wanted.items():
        page.wait_for_function(
            "([name, value]) => JSON.parse(document.querySelector('code').innerText)[name] === value", arg=[name, value]
        )


def card(page: Page, index: int) -> Locator:
    return page.locator(f'.card[data-label="{100 + index}"]')


def shown(element: Locator) -> dict[str, float | None]:
    """Read the full-precision numbers that an element carries."""
    raw = element.evaluate("element => ({ ...element.dataset })")
    return {metric: float(raw[metric]) if raw[metric] else None for metric in METRICS}


def thumb_x(slider: Locator) -> float:
    """Where the browser puts the thumb's middle: the track is inset by half a thumb on both sides."""
    return slider.evaluate(
        """input => {
            const box = input.getBoundingClientRect();
            const thumb = parseFloat(getComputedStyle(input).getPropertyValue("--thumb"));
            return box.left + thumb / 2 + Number(input.value) * (box.width - thumb);
        }"""
    )


def move(slider: Locator, threshold: float) -> None:
    """Do what the browser does during a drag, without a pointer."""
    slider.evaluate(
        """(input, value) => {
            input.value = value;
            input.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
        }""",
        str(threshold),
    )


def press_thumb(page: Page, slider: Locator) -> tuple[float, float]:
    slider.scroll_into_view_if_needed()
    # The page may still be moving: fonts that arrive late and Streamlit's own layout shift the cards once.
    before, box = None, slider.bounding_box()
    while box != before:
        page.wait_for_timeout(150)
        before, box = box, slider.bounding_box()
    assert box is not None
    x, y = thumb_x(slider), box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    return x, y


def test_numbers_move_during_a_drag_while_nothing_is_sent_and_release_commits_once(open_panel, frames_sent):
    page = open_panel()
    moving = card(page, 0)
    before_totals, n_frames = page.locator(".totals").inner_text(), len(frames_sent(page))
    x, y = press_thumb(page, moving.locator("input"))
    seen = set()
    for step in range(1, 31):
        page.mouse.move(x + 3 * step, y)
        seen.add((moving.get_attribute("data-threshold"), moving.get_attribute("data-f1")))
    page.wait_for_timeout(500)

    assert len(seen) > 20
    assert page.locator(".totals").inner_text() != before_totals
    assert len(frames_sent(page)) == n_frames, "dragging sent something"

    page.mouse.up()
    expect_server(page, commits=1)
    page.wait_for_timeout(500)
    assert len(frames_sent(page)) == n_frames + 1
    state = server(page)
    assert state["commits"] == 1
    assert state["draft"]["100"] == float(moving.get_attribute("data-threshold")) != 0.35
    assert state["chosen"] == state["draft"]
    assert moving.get_attribute("data-changed") == "yes"


def test_a_commit_does_not_bring_the_curves_back_over_the_wire(open_panel):
    page = open_panel(labels=30, rows=4000)  # half a megabyte of scores
    received: list[int] = []
    # Streamlit's socket is open already, so it is watched from within the page.
    page.evaluate(
        """() => {
            window.received = 0;
            const original = Object.getOwnPropertyDescriptor(MessageEvent.prototype, "data").get;
            Object.defineProperty(MessageEvent.prototype, "data", { get() {
                const data = original.call(this);
                if (data instanceof ArrayBuffer && !this.counted) {
                    this.counted = true;
                    window.received += data.byteLength;
                }
                return data;
            }});
        }"""
    )
    slider = card(page, 3).locator("input")
    slider.press("PageUp")
    expect_server(page, commits=1)
    received.append(page.evaluate("window.received"))
    assert 0 < received[0] < 30_000


def test_keys_move_the_threshold(open_panel):
    page = open_panel()
    slider = card(page, 0).locator("input")
    cases = [
        (["ArrowRight"], 0.351),
        (["ArrowUp"], 0.351),
        (["ArrowLeft"], 0.349),
        (["ArrowDown"], 0.349),
        (["PageUp"], 0.4),
        (["PageDown"], 0.3),
        (["Home"], 0.0),
        (["End"], 1.0),
        (["End", "ArrowRight"], 1.0),
        (["Home", "PageDown"], 0.0),
        (["ArrowRight", "ArrowLeft"], 0.35),
    ]
    for keys, threshold in cases:
        move(slider, 0.35)
        for key in keys:
            slider.press(key)
        assert float(card(page, 0).get_attribute("data-threshold")) == pytest.approx(threshold, abs=1e-12), keys
        assert float(slider.input_value()) == pytest.approx(threshold, abs=1e-12), keys


def test_a_series_of_key_presses_is_one_commit_and_leaving_the_slider_ends_it(open_panel, frames_sent):
    page = open_panel()
    slider, n_frames = card(page, 2).locator("input"), len(frames_sent(page))
    for _ in range(15):
        slider.press("ArrowRight")
    assert len(frames_sent(page)) == n_frames
    slider.press("Tab")
    expect_server(page, commits=1)
    page.wait_for_timeout(500)
    assert len(frames_sent(page)) == n_frames + 1
    assert server(page)["draft"]["102"] == pytest.approx(0.465)


def test_a_screen_reader_hears_the_threshold_and_its_figures(open_panel):
    page = open_panel()
    slider = card(page, 0).locator("input")
    slider.press("PageUp")
    figures = shown(card(page, 0))
    assert slider.get_attribute("aria-label") == "Threshold for groceries"
    assert slider.get_attribute("aria-valuetext") == (
        f"0.400: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}, F1 {figures['f1']:.3f}"
    )


def test_optimum_and_saved_are_one_press_away(open_panel, frames_sent):
    page = open_panel()
    labels = app.generated(12, 310)
    one, n_frames = card(page, 3), len(frames_sent(page))
    one.get_by_role("button", name="Set rent to its optimum").click()
    expect_server(page, commits=1)
    assert float(one.get_attribute("data-threshold")) == labels[3].optimum  # exact, not rounded to a thousandth
    one.get_by_role("button", name="Reset rent to the saved threshold").click()
    expect_server(page, commits=2)
    assert float(one.get_attribute("data-threshold")) == labels[3].saved
    assert one.get_attribute("data-changed") == "no"

    page.get_by_role("button", name="Set all to optimum").click()
    expect_server(page, commits=3)
    draft = server(page)["draft"]
    assert draft == {str(label.id): label.optimum if label.tuned else label.saved for label in labels}
    assert any(not label.tuned for label in labels)
    expect(page.get_by_role("button", name="Set all to optimum")).to_be_disabled()

    page.get_by_role("button", name="Reset all to saved").click()
    expect_server(page, commits=4)
    assert server(page)["draft"] == {str(label.id): label.saved for label in labels}
    expect(page.get_by_role("button", name="Reset all to saved")).to_be_disabled()
    page.wait_for_timeout(300)
    assert len(frames_sent(page)) == n_frames + 4


def test_curves_count_as_python_does_at_any_threshold(page_at):
    labels = app.generated(10, 310)
    assert labels[9].truth.all(), "nobody said no: precision and F1 cannot be known"
    rng = np.random.default_rng(7)
    ties = np.concatenate([label.scores for label in labels]).astype(float)
    thresholds = np.concatenate(
        [rng.random(400), ties[:200], np.nextafter(ties[:200], 1), np.nextafter(ties[:200], 0), [0.0, 1.0, 0.35, 0.5]]
    )
    page = page_at(600, 400)
    page.goto("about:blank")
    payload = [{"scores": sorted(map(float, label.scores), reverse=True), "truth": _bits(label)} for label in labels]
    counted = page.evaluate(
        """async ({ source, labels, thresholds }) => {
            const module = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
            const { Curve, totals } = await import(module);
            const curves = labels.map((one) => new Curve(new Float32Array(one.scores), new Uint8Array(one.truth)));
            return thresholds.map((threshold) => {
                const each = curves.map((curve) => curve.at(threshold));
                return { each, ...totals(each) };
            });
        }""",
        {"source": SCRIPT.read_text(), "labels": payload, "thresholds": thresholds.tolist()},
    )
    for threshold, found in zip(thresholds, counted, strict=True):
        expected = [_score(label, threshold) for label in labels]
        for one, score in zip(found["each"], expected, strict=True):
            assert [one["tp"], one["fp"], one["fn"]] == [
                score.true_positives,
                score.false_positives,
                score.false_negatives,
            ]
            assert_equal_figures(one, score)
        summary = summarize(expected)
        assert_equal_figures(found["micro"], summary.micro)
        assert_equal_figures(found["macro"], summary.macro)
        assert found["scored"] == summary.macro.labels_scored


def test_a_moved_slider_shows_what_python_computes(open_panel):
    page = open_panel()
    labels = app.generated(12, 310)
    working = [label.saved for label in labels]
    rng = np.random.default_rng(3)
    for index, threshold in zip(rng.integers(0, 12, 40), rng.integers(0, 1001, 40) / 1000, strict=True):
        move(card(page, index).locator("input"), threshold)
        # A thousandth that reads like the saved value or the optimum is that value.
        working[index] = float(card(page, index).get_attribute("data-threshold"))
        assert working[index] == pytest.approx(threshold, abs=5e-4)
        assert_equal_figures(shown(card(page, index)), _score(labels[index], working[index]))
    summary = summarize([_score(label, at) for label, at in zip(labels, working, strict=True)])
    assert_equal_figures(shown(page.locator('tr[data-total="micro"]')), summary.micro)
    assert_equal_figures(shown(page.locator('tr[data-total="macro"]')), summary.macro)
    expect(page.locator(".left-out")).to_have_text(f"{summary.macro.labels_left_out} left out")


def _bits(label) -> list[int]:
    order = np.argsort(-label.scores, kind="stable")
    return np.packbits(label.truth[order]).tolist()


def _score(label, threshold: float):
    predicted = label.scores.astype(np.float64) >= threshold
    return score_labels(label.truth[:, None], predicted[:, None], np.ones((label.truth.size, 1), dtype=bool))[0]


def assert_equal_figures(found, expected) -> None:
    for metric in METRICS:
        value = getattr(expected, metric)
        if value is None:
            assert found[metric] is None, metric
        else:
            assert found[metric] == pytest.approx(value, abs=1e-9), metric


def test_a_discarded_draft_and_a_saved_one_reach_the_browser(open_panel):
    page = open_panel()
    one = card(page, 4)
    one.locator("input").press("PageUp")
    expect_server(page, commits=1)
    page.get_by_role("button", name="Discard draft").click()
    expect(one).to_have_attribute("data-changed", "no")
    assert float(one.get_attribute("data-threshold")) == 0.55

    one.locator("input").press("PageUp")
    expect_server(page, commits=2)
    page.get_by_role("button", name="Save thresholds").click()
    expect(one).to_have_attribute("data-changed", "no")
    assert float(one.get_attribute("data-threshold")) == pytest.approx(0.6)
    expect(one.get_by_role("button", name="Reset")).to_contain_text("Saved 0.600")
    one.locator("input").press("PageDown")
    expect_server(page, commits=3)
    assert server(page)["draft"]["104"] == pytest.approx(0.55)


def test_an_optimum_says_what_it_is_worth(open_panel):
    page = open_panel()
    for element in (
        page.get_by_role("button", name="Set rent to its optimum"),
        page.get_by_role("button", name="Set all to optimum"),
        card(page, 3).locator(".mark.is-optimum"),
    ):
        expect(element).to_have_attribute("title", OPTIMUM)
    mark = card(page, 3).locator(".mark.is-optimum").bounding_box()
    assert mark is not None
    page.mouse.move(mark["x"] + 4, mark["y"] + mark["height"] / 2)  # beside the thin line: it can be pointed at
    assert card(page, 3).locator(".mark.is-optimum").evaluate("mark => mark.matches(':hover')")


def test_a_label_without_a_positive_has_no_curve_and_is_left_out_of_macro(open_panel):
    page = open_panel()
    rare = card(page, 5)
    expect(rare.locator(".flat")).to_have_text("No judged row has this tag, so no curve")
    expect(rare.locator(".curve")).to_have_count(0)
    expect(rare.locator(".support")).to_have_text("0 of 310 judged have it")
    expect(rare.locator(".is-recall .value")).to_have_text("n/a")
    expect(rare.locator(".note")).to_have_text("n = 0: too few to tune, kept at 0.500")
    expect(rare.get_by_role("button", name="No optimum for subscription")).to_be_disabled()
    expect(page.locator(".left-out")).to_have_text("2 left out")
    rare.locator("input").press("End")
    expect(rare.locator(".is-f1 .value")).to_have_text("n/a")
    expect(rare.locator(".is-precision .value")).to_have_text("n/a")


def test_no_labels_at_all_says_what_to_do(open_panel, tmp_path):
    page = open_panel(labels=0)
    expect(page.locator(".empty h3")).to_have_text("No curves to show yet")
    expect(page.locator(".top")).to_be_hidden()
    page.screenshot(path=tmp_path / "empty.png")


def test_labels_are_found_ordered_and_filtered(open_panel):
    page = open_panel()
    names, order = page.locator(".chip"), page.get_by_label("Order of the tags")
    by_support = sorted(app.generated(12, 310), key=lambda label: -label.truth.sum())
    assert names.all_text_contents() == [label.name for label in by_support]
    order.select_option("f1")
    *rest, one_before, last = page.locator(".card").all()
    assert [shown(one)["f1"] for one in rest] == sorted(shown(one)["f1"] for one in rest)
    without_f1 = [one.get_attribute("data-label") for one in (one_before, last)]
    assert without_f1 == ["105", "109"], "without a positive or a negative there is no F1 to mend"
    order.select_option("name")
    assert names.all_text_contents() == sorted(names.all_text_contents())
    page.get_by_label("Find a tag").fill("RE")
    assert set(names.all_text_contents()) == {"rent", "recurring", "refund"}
    expect(page.locator(".shown")).to_have_text("3 of 12 tags, 0 changed")
    page.get_by_label("Find a tag").fill("nothing like it")
    expect(page.locator(".empty h3")).to_have_text("No tag found")
    page.get_by_role("button", name="Show all tags").click()
    assert names.all_text_contents() == [label.name for label in by_support]

    order.select_option("changed")
    expect(page.locator(".empty h3")).to_have_text("Nothing is changed")
    page.get_by_role("button", name="Show all tags").click()
    card(page, 6).locator("input").press("PageUp")
    order.select_option("changed")
    assert names.all_text_contents() == ["recurring"]


def test_people_read_of_tags_and_of_what_was_counted(open_panel):
    page = open_panel(labels=34, rows=2318)
    expect(card(page, 0).locator(".support")).to_have_text("695 of 2,318 judged have it")
    expect(page.locator(".given .name")).to_have_text("Tags given on judged rows")
    assert "not on all transactions" in page.locator(".given").get_attribute("title")
    expect(page.locator(".left-out")).to_have_attribute("title", re.compile("macro leaves it out"))
    page.get_by_label("Find a tag").fill("nothing like it")
    words = page.locator(".panel").evaluate(
        """panel => [...panel.querySelectorAll("*")].flatMap((one) => [
            ...[...one.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data),
            ...["title", "placeholder", "aria-label", "aria-valuetext"].map((name) => one.getAttribute(name) ?? ""),
        ])"""
    )
    page.get_by_label("Find a tag").fill("")
    words += page.locator(".grid").all_inner_texts()
    assert [text for text in words if re.search("label|positive", text, re.IGNORECASE)] == []
    assert [text for text in words if re.search(r"\d{4}", text)] == [], "thousands are separated"


def test_a_change_too_small_to_show_is_not_shown_as_one(open_panel):
    page = open_panel(labels=34, rows=2318)
    micro = page.locator('tr[data-total="micro"]')
    saved, delta = shown(micro)["precision"], micro.locator(".is-precision .delta")
    move(card(page, 32).locator("input"), float(card(page, 32).get_attribute("data-threshold")) + 0.002)
    assert 0 < abs(shown(micro)["precision"] - saved) < 5e-4
    expect(delta).to_have_text("")
    expect(delta).to_have_attribute("data-way", "")
    assert not [text for text in page.locator(".delta").all_text_contents() if text.endswith("0.000")]


def test_a_label_name_is_text_and_never_markup(open_panel):
    hostile = "<img src=x onerror=\"document.title='owned'\"><b>bold</b>"
    page = open_panel(name=hostile)
    expect(card(page, 1).locator(".chip")).to_have_text(hostile)
    expect(page.locator(".card img, .card .chip b")).to_have_count(0)
    assert page.title() == "Thresholds"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_marker_stands_over_the_thumb(open_panel, width):
    page = open_panel(width)
    one = card(page, 0)
    slider = one.locator("input")
    for threshold in (0, 0.25, 0.5, 0.973, 1):
        move(slider, threshold)
        marker = one.locator(".marker").bounding_box()
        assert marker is not None
        assert marker["x"] == pytest.approx(thumb_x(slider), abs=0.26)  # a quarter of a pixel, the layout's grain
        assert _painted_thumb_x(page, slider) == pytest.approx(marker["x"], abs=1)


def test_the_letters_of_the_curves_move_with_the_marker(open_panel):
    page = open_panel()
    one = card(page, 0)
    chart = one.locator(".plot").bounding_box()
    assert chart is not None
    for threshold in (0, 0.2, 0.35, 0.5, 0.8, 1):
        move(one.locator("input"), threshold)
        marker, figures = one.locator(".marker").bounding_box(), shown(one)
        letters = {metric: one.locator(f".letter.is-{metric}").bounding_box() for metric in METRICS}
        assert [metric for metric in METRICS if letters[metric] is None] == [
            metric for metric in METRICS if figures[metric] is None
        ]
        places = {metric: box for metric, box in letters.items() if box is not None}
        for metric, box in places.items():
            assert box["x"] == pytest.approx(marker["x"] + 8, abs=1), metric
            middle = box["y"] + box["height"] / 2
            dot = chart["y"] + (1 - figures[metric]) * chart["height"]
            assert middle == pytest.approx(dot, abs=0.23 * chart["height"]), "a letter is at its dot"
            assert chart["y"] - 1 <= middle <= chart["y"] + chart["height"] + 1
        tops = sorted(box["y"] for box in places.values())
        assert all(low - high >= 11 for high, low in pairwise(tops)), "letters do not cover each other"
        ranked = sorted(places, key=lambda metric: places[metric]["y"])
        assert [figures[metric] for metric in ranked] == sorted(map(figures.get, ranked), reverse=True)


def _painted_thumb_x(page: Page, slider: Locator) -> float:
    """Find the thumb in the pixels: the dark disc on the slider's middle row."""
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    pixels = np.asarray(Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB"))
    row = pixels[pixels.shape[0] // 2]
    dark = np.flatnonzero(row.max(axis=1) < 60)  # the track beside it has the label's color
    return float(box["x"] + (dark.min() + dark.max() + 1) / 2 * box["width"] / len(row))


@pytest.mark.parametrize("width", [390, 1280])
def test_no_card_changes_size_or_place_while_a_slider_moves(open_panel, width):
    page = open_panel(width)
    boxes = """() => {
        const found = [];
        const walk = (root) => root.querySelectorAll("*").forEach((one) => {
            if (one.matches(".card, .totals, .tools, .card .scores, .card .counts, .grid, .top"))
                found.push(JSON.stringify(one.getBoundingClientRect()));
            if (one.shadowRoot) walk(one.shadowRoot);
        });
        walk(document);
        return found;
    }"""
    slider = card(page, 0).locator("input")
    slider.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # cards that came into view are laid out
    before = page.evaluate(boxes)
    assert len(before) > 12
    for threshold in (0, 0.1, 0.351, 0.62, 0.999, 1):
        move(slider, threshold)
        assert page.evaluate(boxes) == before


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_phones_and_desktops_in_light_and_dark(open_panel, tmp_path, width, dark):
    page = open_panel(width, 844 if width == 390 else 900, dark=dark)
    page.screenshot(path=tmp_path / f"{width}-{'dark' if dark else 'light'}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    columns = page.locator(".grid").evaluate("grid => getComputedStyle(grid).gridTemplateColumns.split(' ').length")
    assert columns == 1 if width == 390 else 3 <= columns <= 4
    too_wide = "cards => cards.filter((one) => one.scrollWidth > one.clientWidth).length"
    assert page.locator(".card").evaluate_all(too_wide) == 0
    paper = page.locator(".top").evaluate("top => getComputedStyle(top).backgroundColor")
    assert (max(int(part) for part in paper.strip("rgb()").split(",")[:3]) < 128) == dark

    page.locator(".card").last.scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    totals = page.locator(".totals").bounding_box()
    assert totals is not None
    assert 0 <= totals["y"] < 80, "totals stay in view"
    page.screenshot(path=tmp_path / f"{width}-{'dark' if dark else 'light'}-end.png")


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_a_phone_scrolls_down_only_and_its_tools_are_two_rows_and_a_note(open_panel, touch):
    page = open_panel(390, 844, touch=touch, labels=34, rows=2318)
    expect(page.locator(".measured-below")).to_have_text(
        "Measured out of fold: each transaction scored by a head that never saw its description,"
        " up to 2,318 judged rows"
    )
    move(card(page, 0).locator("input"), 0.9)
    main = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert main[0] <= main[1] == 390
    places = {
        name: page.locator(f".tools {name}").bounding_box()["y"]
        for name in ("input", "select", "button:nth-of-type(1)", "button:nth-of-type(2)")
    }
    assert places["input"] == places["select"]
    assert places["button:nth-of-type(1)"] == places["button:nth-of-type(2)"]
    assert page.locator(".tools").bounding_box()["height"] < 140


@pytest.mark.parametrize("width", [360, 600, 720, 900])
def test_no_width_between_makes_the_page_scroll_sideways(open_panel, width):
    page = open_panel(width, labels=34, rows=2318)
    main = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert main[0] <= main[1] <= width


# The primary color of the app's theme, and the one that Streamlit has without a theme.
@pytest.mark.parametrize("primary", ["", "#FF4B4B"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_stands_out_from_what_is_below_it(open_panel, dark, primary):
    page = open_panel(dark=dark)
    page.locator(".panel").evaluate("(panel, color) => panel.style.setProperty('--st-primary-color', color)", primary)
    card(page, 0).locator("input").press("PageUp")
    expect(card(page, 0)).to_have_attribute("data-changed", "yes")
    texts = page.locator(".panel").evaluate(
        """panel => {
            const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
            const painted = (...colors) => {
                for (const color of colors) {
                    canvas.fillStyle = color;
                    canvas.fillRect(0, 0, 1, 1);
                }
                return canvas.getImageData(0, 0, 1, 1).data.slice(0, 3);
            };
            const luminance = (rgb) => [...rgb]
                .map((part) => part / 255)
                .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
                .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
            const paper = getComputedStyle(panel.querySelector(".top")).backgroundColor;
            const isText = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim();
            const seen = (one) => one.checkVisibility() && [...one.childNodes].some(isText);
            return [...panel.querySelectorAll("*")].filter(seen).map((one) => {
                const below = [paper];
                for (let at = one; at !== panel; at = at.parentElement)
                    below.splice(1, 0, getComputedStyle(at).backgroundColor);
                const back = luminance(painted(...below));
                const front = luminance(painted(...below, getComputedStyle(one).color));
                const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
                return [ratio, one.outerHTML];
            });
        }"""
    )
    assert len(texts) > 100
    assert [text for text in texts if text[0] < 4.5] == []


def test_phone_targets_are_44_pixels_and_touch_moves_a_slider(open_panel):
    page = open_panel(390, 844, touch=True)
    small = page.locator(".panel").evaluate(
        """panel => [...panel.querySelectorAll("button, input, select")]
            .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""
    )
    assert small == []
    slider = card(page, 0).locator("input")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    slider.tap(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    expect_server(page, commits=1)
    assert 0.7 < float(card(page, 0).get_attribute("data-threshold")) < 0.82


def test_sixty_labels_follow_the_pointer_within_a_frame(open_panel, capsys):
    page = open_panel(labels=60, rows=2000)
    page.evaluate(
        """() => {
            window.timing = { handler: [], frame: [] };
            const port = new MessageChannel();
            let began = 0;
            port.port1.onmessage = () => window.timing.frame.push(performance.now() - began);
            document.addEventListener("input", () => {
                const start = performance.now();
                began = start;
                queueMicrotask(() => window.timing.handler.push(performance.now() - start));
                requestAnimationFrame(() => port.port2.postMessage(0));
            }, { capture: true });
        }"""
    )
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    x, y = press_thumb(page, card(page, 0).locator("input"))
    before = _seconds_spent(devtools)
    for step in range(120):
        page.mouse.move(x + 100 * np.sin(step / 9), y)
        page.wait_for_timeout(8)
    spent = {name: seconds - before[name] for name, seconds in _seconds_spent(devtools).items()}
    page.mouse.up()
    timing = page.evaluate("window.timing")
    assert len(timing["frame"]) > 50
    handler, frame = (np.percentile(timing[name], [50, 95]) for name in ("handler", "frame"))
    with capsys.disabled():
        sys.stdout.write(
            f"\n60 labels x 2,000 rows, {len(timing['frame'])} input events, ms p50/p95:"
            f" script {handler[0]:.1f}/{handler[1]:.1f}, input to frame {frame[0]:.1f}/{frame[1]:.1f}; mean of"
            f" script, style and layout {1000 * sum(spent.values()) / len(timing['frame']):.2f}\n"
        )
    assert handler[1] < 16


def _seconds_spent(devtools: CDPSession) -> dict[str, float]:
    metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration")}


def test_scores_and_truth_are_checked_before_they_are_sent():
    label = app.generated(1, 20)[0]
    nan = np.full_like(label.scores, np.nan)
    for wrong in ({"truth": label.truth[1:]}, {"scores": label.scores * 2}, {"scores": nan}):
        with pytest.raises(ValueError, match="label 100"):
            component.pack_body([component.PanelLabel(**{**vars(label), **wrong})])
    with pytest.raises(ValueError, match="threshold outside"):
        component.pack_header(
            [component.PanelLabel(**{**vars(label), "saved": 1.5})],
            measured_on="out-of-fold",
            sent_base={100: 0.5},
            revision=0,
            digest="",
        )
