"""Charts of the threshold panel: what is drawn lies where the numbers say."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import numpy as np
import pytest
from apps import threshold_app as app
from panels import METRICS, card, move, shown, slider_of, thumb_x
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from sklearn.metrics import precision_recall_curve

from tagger.learning.calibration import calibration


def test_each_look_draws_what_it_says(open_panel):
    page = open_panel()
    one, label = card(page, 0), app.generated(12, 310)[0]
    expect(one.locator("svg.view-threshold .curve")).to_have_count(3)
    expect(one.locator("svg.view-threshold .band")).to_have_count(3)
    expect(one.locator("svg.view-recall")).to_be_hidden()

    page.get_by_label("Precision\u2013recall").check()
    expect(one.locator("svg.view-threshold")).to_be_hidden()
    plot = one.locator(".plot").bounding_box()
    for threshold in (0.2, 0.5, 0.7):
        move(slider_of(one), threshold)
        figures, dot = shown(one), one.locator(".point.is-now").bounding_box()
        assert dot["x"] + dot["width"] / 2 == pytest.approx(plot["x"] + figures["recall"] * plot["width"], abs=1)
        assert dot["y"] + dot["height"] / 2 == pytest.approx(
            plot["y"] + (1 - figures["precision"]) * plot["height"], abs=1
        )
    drawn = one.locator("svg.view-recall .curve").get_attribute("d")
    points = np.array([[float(part) for part in point.split()] for point in drawn[1:].split("L")])
    precision, recall, _ = precision_recall_curve(label.truth, label.scores)
    assert points[-1] == pytest.approx([1000, 100 * (1 - label.truth.mean())], abs=0.1)
    for x, y in points:
        assert np.min(np.abs(recall - x / 1000) + np.abs(precision - (1 - y / 100))) < 2e-3

    page.get_by_label("Calibration").check()
    its = calibration(label.truth, label.scores, np.arange(label.truth.size))
    expect(one.locator(".point.is-bin")).to_have_count(len(its.bins))
    for dot, each in zip(one.locator(".point.is-bin").all(), its.bins, strict=True):
        box = dot.bounding_box()
        assert box["x"] + box["width"] / 2 == pytest.approx(plot["x"] + each.mean * plot["width"], abs=1)
        assert box["y"] + box["height"] / 2 == pytest.approx(plot["y"] + (1 - each.share) * plot["height"], abs=1)
    expect(one.locator(".trust")).to_contain_text(f"{its.gap:.3f}")
    page.get_by_label("Scores").check()
    expect(one.locator("svg.view-threshold")).to_be_visible()


def test_where_the_best_f1_lies_is_marked_and_says_how_sure_that_is(open_panel):
    page = open_panel()
    label = app.generated(12, 310)[3]
    mark = card(page, 3).locator(".best")
    card(page, 3).scroll_into_view_if_needed()
    expect(mark).to_have_attribute(
        "title", re.compile(f"Best F1 on the curve shown: {label.best:.3f}. .* lies between")
    )
    chart, tick = card(page, 3).locator(".chart").bounding_box(), mark.locator("i").bounding_box()
    assert tick["x"] + tick["width"] / 2 == pytest.approx(chart["x"] + label.best * chart["width"], abs=1)
    bar = mark.bounding_box()  # it can be pointed at, where no other mark stands before it
    page.mouse.move(bar["x"] + bar["width"] - 3, bar["y"] + 1)
    assert mark.evaluate("mark => mark.matches(':hover')")
    expect(card(page, 5).locator(".best")).to_be_hidden()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_marker_stands_over_the_thumb(open_panel, width):
    page = open_panel(width)
    one = card(page, 0)
    slider = one.locator("input[type=range]")
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
        move(one.locator("input[type=range]"), threshold)
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
