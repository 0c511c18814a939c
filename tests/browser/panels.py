"""The threshold panel on its own in Chromium: its generated labels, and what tests do and read there."""

from __future__ import annotations

import json

import numpy as np
import pytest
from playwright.sync_api import Locator, Page

from tagger.learning.metrics import score_labels

METRICS = ("precision", "recall", "f1")


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


def slider_of(one: Locator) -> Locator:
    return one.locator("input[type=range]")


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


def score_at(label, threshold: float):
    predicted = label.scores.astype(np.float64) >= threshold
    return score_labels(label.truth[:, None], predicted[:, None], np.ones((label.truth.size, 1), dtype=bool))[0]


def assert_equal_figures(found, expected) -> None:
    for metric in METRICS:
        value = getattr(expected, metric)
        if value is None:
            assert found[metric] is None, metric
        else:
            assert found[metric] == pytest.approx(value, abs=1e-9), metric
