"""The threshold panel on every screen: nothing jumps, nothing is cut off, everything can be read."""

from __future__ import annotations

import pytest
from apps import threshold_app as app
from panels import card, move
from playwright.sync_api import expect


@pytest.mark.parametrize("width", [320, 390, 1024, 1280])
def test_no_card_changes_size_or_place_while_a_slider_moves(open_panel, width):
    page = open_panel(width, labels=34, rows=23_180)  # numbers of six figures
    boxes = """() => {
        const found = [];
        const walk = (root) => root.querySelectorAll("*").forEach((one) => {
            if (one.matches(".card, .totals, .tools, .card .scores, .card .counts, .card .about, .grid"))
                found.push(JSON.stringify(one.getBoundingClientRect()));
            if (one.shadowRoot) walk(one.shadowRoot);
        });
        walk(document);
        return found;
    }"""
    slider = card(page, 0).locator("input[type=range]")
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
    paper = page.locator(".totals").evaluate("totals => getComputedStyle(totals).backgroundColor")
    assert (max(int(part) for part in paper.strip("rgb()").split(",")[:3]) < 128) == dark

    page.locator(".card").last.scroll_into_view_if_needed()
    page.wait_for_timeout(150)
    totals = page.locator(".totals").bounding_box()
    assert totals is not None
    assert 0 <= totals["y"] < 80, "totals stay in view"
    page.screenshot(path=tmp_path / f"{width}-{'dark' if dark else 'light'}-end.png")


@pytest.mark.parametrize("touch", [False, True], ids=["mouse", "touch"])
def test_a_phone_scrolls_down_only_and_shows_the_other_tools_when_asked(open_panel, touch):
    page = open_panel(390, 844, touch=touch, labels=34, rows=2318)
    expect(page.locator(".measured-below")).to_contain_text(f"Measured {app.MEASURED_ON}, up to 2,318 judged rows")
    move(card(page, 0).locator("input[type=range]"), 0.9)
    main = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert main[0] <= main[1] == 390
    query, order = page.get_by_label("Find a tag").bounding_box(), page.get_by_label("Order of the tags").bounding_box()
    assert query["y"] == order["y"]
    assert page.locator(".tools").bounding_box()["height"] < 160
    for hidden in ("All to their goal", "Reset all to saved"):
        expect(page.get_by_role("button", name=hidden)).to_be_hidden()
    more = page.get_by_role("button", name="More tools")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_label("Note")).to_be_visible()
    for there in ("All to their goal", "Reset all to saved"):
        expect(page.get_by_role("button", name=there)).to_be_visible()
    main = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert main[0] <= main[1] == 390
    more.click()
    expect(page.get_by_role("button", name="All to their goal")).to_be_hidden()


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
    card(page, 0).locator("input[type=range]").press("PageUp")
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
            const paper = getComputedStyle(panel.querySelector(".totals")).backgroundColor;
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


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 900)])
def test_what_saves_and_takes_back_is_always_in_sight(open_panel, width, height):
    page = open_panel(width, height)
    for index in (0, 4, 11):
        card(page, index).scroll_into_view_if_needed()
        page.wait_for_timeout(150)
        for name in ("Undo", "Redo", "Show saved", "Save thresholds"):
            box = page.get_by_role("button", name=name).bounding_box()
            assert height / 2 < box["y"] < box["y"] + box["height"] <= height
    bar = page.locator(".save").bounding_box()["height"]
    slider = card(page, 11).locator("input[type=range]")
    slider.press("PageUp")
    assert page.locator(".save").bounding_box()["height"] == bar, "it does not grow under a pointer"
    slider.focus()
    assert slider.bounding_box()["y"] + slider.bounding_box()["height"] < page.locator(".save").bounding_box()["y"]
