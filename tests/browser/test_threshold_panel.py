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
from sklearn.metrics import precision_recall_curve

from tagger.learning.calibration import calibration
from tagger.learning.metrics import score_labels, summarize
from tagger.ui.components import threshold_panel as component

APP = Path(__file__).parent / "apps" / "threshold_app.py"
SCRIPT = "\n".join(path.read_text(encoding="utf-8") for path in component.SCRIPTS)
METRICS = ("precision", "recall", "f1")


def _load_app() -> ModuleType:
    spec = importlib.util.spec_from_file_location("threshold_app", APP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look up their annotations
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


def test_numbers_move_during_a_drag_while_nothing_is_sent_and_release_commits_once(open_panel, frames_sent):
    page = open_panel()
    moving = card(page, 0)
    before_totals, n_frames = page.locator(".totals").inner_text(), len(frames_sent(page))
    x, y = press_thumb(page, moving.locator("input[type=range]"))
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
    slider = card(page, 3).locator("input[type=range]")
    slider.press("PageUp")
    expect_server(page, commits=1)
    received.append(page.evaluate("window.received"))
    assert 0 < received[0] < 30_000


def test_keys_move_the_threshold(open_panel):
    page = open_panel()
    slider = card(page, 0).locator("input[type=range]")
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
    slider, n_frames = card(page, 2).locator("input[type=range]"), len(frames_sent(page))
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
    slider = card(page, 0).locator("input[type=range]")
    slider.press("PageUp")
    figures = shown(card(page, 0))
    assert slider.get_attribute("aria-label") == "Threshold for groceries"
    assert slider.get_attribute("aria-valuetext") == (
        f"0.400: precision {figures['precision']:.3f}, recall {figures['recall']:.3f}, F1 {figures['f1']:.3f}"
    )


def test_goal_and_saved_are_one_press_away(open_panel, frames_sent):
    page = open_panel()
    labels = app.generated(12, 310)
    one, n_frames = card(page, 3), len(frames_sent(page))
    one.get_by_label("Goal for rent").select_option("f1")
    expect_server(page, commits=1)
    expect(one).to_have_attribute("data-threshold", str(labels[3].best))  # exact, not rounded to a thousandth
    assert server(page)["goals"] == {"103": "f1"}
    one.get_by_role("button", name="Reset rent to the saved threshold").click()
    expect_server(page, commits=2)
    assert float(one.get_attribute("data-threshold")) == labels[3].saved
    assert one.get_attribute("data-changed") == "no"
    assert server(page)["goals"] == {"103": "recommended"}, "its goal is as it was saved, too"
    one.get_by_label("Goal for rent").select_option("f1")
    expect_server(page, commits=3)
    one.locator("input[type=range]").press("End")
    expect_server(page, commits=4)
    one.get_by_role("button", name="Set rent to its goal").click()
    expect_server(page, commits=5)
    assert float(one.get_attribute("data-threshold")) == labels[3].best

    card(page, 0).locator("input[type=range]").press("End")
    expect_server(page, commits=6)
    page.get_by_role("button", name="All to their goal").click()
    expect_server(page, commits=7)
    assert server(page)["draft"] == {str(label.id): label.best if label.id == 103 else label.saved for label in labels}
    expect(page.get_by_role("button", name="All to their goal")).to_be_disabled()

    page.get_by_role("button", name="Reset all to saved").click()
    expect_server(page, commits=8)
    state = server(page)
    assert state["draft"] == {str(label.id): label.saved for label in labels}
    assert set(state["goals"].values()) == {"recommended"}
    expect(page.get_by_role("button", name="Reset all to saved")).to_be_disabled()
    page.wait_for_timeout(300)
    assert len(frames_sent(page)) == n_frames + 8


GOALS = [
    ("f1", [], "f1"),
    ("f2", [], "f2"),
    ("f0.5", [], "f0.5"),
    ("precision>=", [], "precision>=0.9"),
    ("precision>=", ["0.75"], "precision>=0.75"),
    ("recall>=", ["0.6"], "recall>=0.6"),
    ("permonth<=", ["12"], "permonth<=12"),
    ("cost:", ["1", "5"], "cost:1:5"),
    ("grid", [], "grid"),
    ("fixed:", ["0.123"], "fixed:0.123"),
]


def test_each_goal_moves_its_slider_to_where_python_reaches_it(open_panel):
    page = open_panel()
    one, label = card(page, 0), app.generated(12, 310)[0]
    for option, numbers, goal in GOALS:
        one.get_by_label("Goal for groceries").select_option(option)
        _given(page, option)
        for place, number in enumerate(numbers):
            one.locator(".fields input").nth(place).fill(number)
            one.locator(".fields input").nth(place).press("Enter")
        _given(page, goal)
        expect(one).to_have_attribute("data-threshold", _js(label.solve(goal).threshold))
        expect(one.get_by_role("button", name="Set groceries to its goal")).to_be_disabled()
        expect(one.locator(".held-out")).to_have_text("held out: F1 0.500")
    one.locator("input[type=range]").press("PageUp")
    expect(one.locator(".held-out")).to_have_text("moved by hand")


def _given(page: Page, goal: str) -> None:
    """Wait until the first label has a goal that begins so."""
    page.wait_for_function(
        "(goal) => JSON.parse(document.querySelector('code').innerText).goals['100']?.startsWith(goal)", arg=goal
    )


def _js(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def test_a_number_that_is_out_of_range_changes_nothing(open_panel, frames_sent):
    page = open_panel()
    one = card(page, 0)
    one.get_by_label("Goal for groceries").select_option("precision>=")
    expect_server(page, commits=1)
    n_frames = len(frames_sent(page))
    for wrong in ("1.5", "-1", ""):
        one.locator(".fields input").fill(wrong)
        one.locator(".fields input").press("Enter")
    page.wait_for_timeout(400)
    assert len(frames_sent(page)) == n_frames
    assert server(page)["goals"] == {"100": "precision>=0.9"}


def test_a_label_with_too_little_to_tune_keeps_its_threshold_and_says_why(open_panel):
    page = open_panel()
    rare = card(page, 5)
    rare.get_by_label("Goal for subscription").select_option("f1")
    expect_server(page, commits=1)
    expect(rare.locator(".note")).to_have_text("n = 0: too few to tune, kept at 0.500")
    expect(rare.get_by_role("button", name="No goal value for subscription")).to_be_disabled()
    assert float(rare.get_attribute("data-threshold")) == 0.5


def test_all_tags_shown_get_a_goal_in_one_step(open_panel, frames_sent):
    page = open_panel()
    labels = {label.id: label for label in app.generated(12, 310)}
    page.get_by_label("Find a tag").fill("re")
    n_frames = len(frames_sent(page))
    expect(page.get_by_role("button", name="Give")).to_be_hidden()
    page.get_by_label("Goal for all tags shown").select_option("recall>=")
    page.locator(".bulk .fields input").fill("0.7")
    page.get_by_role("button", name="Give").click()
    expect_server(page, commits=1)
    shown_ids = [103, 106, 110]
    assert server(page)["goals"] == {str(number): "recall>=0.7" for number in shown_ids}
    draft = server(page)["draft"]
    for number in shown_ids:
        solution = labels[number].solve("recall>=0.7")
        assert draft[str(number)] == (labels[number].saved if solution is None else solution.threshold)
    assert len(frames_sent(page)) == n_frames + 1
    expect(page.get_by_role("button", name="Give")).to_be_hidden()


def test_undo_and_redo_go_through_every_step(open_panel):
    page = open_panel()
    undo, redo = page.get_by_role("button", name="Undo"), page.get_by_role("button", name="Redo")
    expect(undo).to_be_disabled()
    expect(redo).to_be_disabled()
    first = server(page)["draft"]
    card(page, 0).locator("input[type=range]").press("PageUp")
    expect_server(page, commits=1)
    second = server(page)["draft"]
    card(page, 3).get_by_label("Goal for rent").select_option("f1")
    expect_server(page, commits=2)
    third = server(page)["draft"]
    expect(card(page, 3)).to_have_attribute("data-threshold", str(third["103"]))
    assert first != second != third

    undo.click()
    expect_server(page, commits=3)
    state = server(page)
    assert (state["draft"], state["goals"]) == (second, {"103": "recommended"})
    expect(card(page, 3).get_by_label("Goal for rent")).to_have_value("recommended")
    card(page, 1).locator("input[type=range]").focus()
    page.keyboard.press("Control+z")
    expect_server(page, commits=4)
    assert server(page)["draft"] == first
    expect(undo).to_be_disabled()
    page.keyboard.press("Control+Shift+z")
    expect_server(page, commits=5)
    assert server(page)["draft"] == second
    redo.click()
    expect_server(page, commits=6)
    state = server(page)
    assert (state["draft"], state["goals"]) == (third, {"103": "f1"})
    expect(redo).to_be_disabled()

    undo.click()
    expect_server(page, commits=7)
    card(page, 4).locator("input[type=range]").press("PageUp")
    expect_server(page, commits=8)
    expect(redo).to_be_disabled()  # a new step forgets what was undone


def test_the_saved_set_can_be_looked_at_and_left_again(open_panel, frames_sent):
    page = open_panel()
    compare = page.get_by_role("button", name="Show saved")
    expect(compare).to_be_disabled()  # nothing differs
    saved = shown(page.locator('tr[data-total="micro"]'))
    slider = card(page, 0).locator("input[type=range]")
    slider.press("End")
    expect_server(page, commits=1)
    moved, n_frames = shown(page.locator('tr[data-total="micro"]')), len(frames_sent(page))
    assert moved != saved
    compare.click()
    expect(compare).to_have_attribute("aria-pressed", "true")
    assert shown(page.locator('tr[data-total="micro"]')) == saved
    assert slider.input_value() == "0.35"
    expect(slider).to_be_disabled()
    compare.click()
    assert shown(page.locator('tr[data-total="micro"]')) == moved
    assert slider.input_value() == "1"
    expect(slider).to_be_enabled()
    page.wait_for_timeout(300)
    assert len(frames_sent(page)) == n_frames
    assert server(page)["draft"]["100"] == 1


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


def test_intervals_are_near_while_dragging_and_exact_after_release(open_panel):
    page = open_panel()
    labels = app.generated(12, 310)
    one, known = card(page, 0), app.uncertainty(labels)
    at = {label.id: label.saved for label in labels}
    ends = known.at(np.array(list(at.values()))).labels[0].f1
    interval = one.locator(".scores .is-f1 .range")
    expect(interval).to_have_text(f"{ends[0]:.2f}\u2013{ends[1]:.2f}")
    total = page.locator('tr[data-total="macro"] .is-f1 .range')
    for each in (interval, total):
        expect(each).to_have_attribute("title", re.compile("89 to 93 times in 100"))
    expect(total).not_to_contain_text("\u2248")

    x, y = press_thumb(page, slider_of(one))
    page.mouse.move(x + 60, y)
    expect(interval).to_contain_text("\u2248")
    expect(total).to_contain_text("\u2248")
    expect(page.locator(".pair")).to_contain_text("\u2248")
    page.mouse.up()
    expect_server(page, commits=1)
    expect(interval).not_to_contain_text("\u2248")
    at[100] = float(one.get_attribute("data-threshold"))
    ends = known.at(np.array(list(at.values())))
    expect(interval).to_have_text(f"{ends.labels[0].f1[0]:.2f}\u2013{ends.labels[0].f1[1]:.2f}")
    expect(total).to_have_text(f"{ends.macro.f1[0]:.2f}\u2013{ends.macro.f1[1]:.2f}")
    expect(page.locator(".pair")).not_to_contain_text("\u2248")


def test_tags_of_all_transactions_are_counted_exactly_during_a_drag(open_panel):
    page = open_panel()
    labels = app.generated(12, 310)
    before = sum(label.given(label.saved) for label in labels)
    one = card(page, 0)
    for threshold in (0.0, 0.123, 0.5, 0.777, 1.0):
        move(slider_of(one), threshold)
        given = labels[0].given(threshold)
        expect(one.locator(".everywhere .value")).to_have_text(f"{given:,} tag{'' if given == 1 else 's'}")
        assert int(one.get_attribute("data-gained")) == given - labels[0].given(labels[0].saved)
        total = before + given - labels[0].given(labels[0].saved)
        expect(page.locator(".pair .value").first).to_have_text(f"{total:,}")
        # One label moved away from what is saved: then who has no tag is known exactly, too.
        untagged = app.untagged(labels, {label.id: label.saved for label in labels} | {100: threshold})
        assert int(page.locator(".pair .value").nth(1).get_attribute("data-rows")) == untagged


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
        {"source": SCRIPT, "labels": payload, "thresholds": thresholds.tolist()},
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
        move(card(page, index).locator("input[type=range]"), threshold)
        # A thousandth that reads like the saved value is that value.
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
    one.locator("input[type=range]").press("PageUp")
    expect_server(page, commits=1)
    page.get_by_role("button", name="Discard draft").click()
    expect(one).to_have_attribute("data-changed", "no")
    assert float(one.get_attribute("data-threshold")) == 0.55

    one.locator("input[type=range]").press("PageUp")
    expect_server(page, commits=2)
    page.get_by_role("button", name="Save thresholds").click()
    expect(one).to_have_attribute("data-changed", "no")
    assert float(one.get_attribute("data-threshold")) == pytest.approx(0.6)
    expect(one.get_by_role("button", name="Reset")).to_contain_text("Saved 0.600")
    one.locator("input[type=range]").press("PageDown")
    expect_server(page, commits=3)
    assert server(page)["draft"]["104"] == pytest.approx(0.55)


def test_a_label_without_a_positive_has_no_curve_and_is_left_out_of_macro(open_panel):
    page = open_panel()
    rare = card(page, 5)
    expect(rare.locator(".flat")).to_have_text("No judged row has this tag, so no curve")
    expect(rare.locator(".curve")).to_have_count(0)
    expect(rare.locator(".support")).to_have_text("0 of 310 judged have it")
    expect(rare.locator(".is-recall .value")).to_have_text("n/a")
    expect(rare.locator(".note")).to_have_text("n = 0: too few to tune, kept at 0.500")
    expect(page.locator(".left-out")).to_have_text("2 left out")
    rare.locator("input[type=range]").press("End")
    expect(rare.locator(".is-f1 .value")).to_have_text("n/a")
    expect(rare.locator(".is-precision .value")).to_have_text("n/a")


def test_no_labels_at_all_says_what_to_do(open_panel, tmp_path):
    page = open_panel(labels=0)
    expect(page.locator(".empty h3")).to_have_text("No curves to show yet")
    expect(page.locator(".totals")).to_be_hidden()
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
    card(page, 6).locator("input[type=range]").press("PageUp")
    order.select_option("changed")
    assert names.all_text_contents() == ["recurring"]


def test_people_read_of_tags_and_of_what_was_counted(open_panel):
    page = open_panel(labels=34, rows=2318)
    expect(card(page, 0).locator(".support")).to_have_text("695 of 2,318 judged have it")
    expect(page.locator(".given .name")).to_have_text("All 11,590 transactions")
    expect(page.locator(".measured").first).to_have_text(f"Measured {app.MEASURED_ON}, up to 2,318 judged rows")
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
    move(card(page, 32).locator("input[type=range]"), float(card(page, 32).get_attribute("data-threshold")) + 0.002)
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


@pytest.mark.parametrize("width", [390, 1280])
def test_no_card_changes_size_or_place_while_a_slider_moves(open_panel, width):
    page = open_panel(width)
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
    for hidden in ("Undo", "All to their goal", "Reset all to saved"):
        expect(page.get_by_role("button", name=hidden)).to_be_hidden()
    more = page.get_by_role("button", name="More tools")
    more.click()
    expect(more).to_have_attribute("aria-expanded", "true")
    for there in ("Undo", "All to their goal", "Reset all to saved"):
        expect(page.get_by_role("button", name=there)).to_be_visible()
    main = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert main[0] <= main[1] == 390
    more.click()
    expect(page.get_by_role("button", name="Undo")).to_be_hidden()


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


def test_phone_targets_are_44_pixels_and_touch_moves_a_slider(open_panel):
    page = open_panel(390, 844, touch=True)
    for one in page.locator(".card").all():  # what was never in view has no sizes yet
        one.scroll_into_view_if_needed()
        expect(slider_of(one)).to_be_visible()
    small = page.locator(".panel").evaluate(
        """panel => [...panel.querySelectorAll("button, input, select")]
            .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44).map((one) => one.outerHTML)"""
    )
    assert small == []
    slider = card(page, 0).locator("input[type=range]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    slider.tap(position={"x": box["width"] * 0.75, "y": box["height"] / 2})
    expect_server(page, commits=1)
    assert 0.7 < float(card(page, 0).get_attribute("data-threshold")) < 0.82


@pytest.mark.parametrize(("n_labels", "limit"), [(60, 16), (200, 25)])
def test_many_labels_follow_the_pointer_within_a_frame(open_panel, frames_sent, capsys, n_labels, limit):
    page = open_panel(labels=n_labels, rows=2000)
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
    x, y = press_thumb(page, slider_of(card(page, 0)))
    before, n_frames = _seconds_spent(devtools), len(frames_sent(page))
    for step in range(120):
        page.mouse.move(x + 100 * np.sin(step / 9), y)
        page.wait_for_timeout(8)
    spent = {name: seconds - before[name] for name, seconds in _seconds_spent(devtools).items()}
    assert len(frames_sent(page)) == n_frames, "dragging sent something"
    page.mouse.up()
    expect_server(page, commits=1)
    assert len(frames_sent(page)) == n_frames + 1
    timing = page.evaluate("window.timing")
    assert len(timing["frame"]) > 50
    handler, frame = (np.percentile(timing[name], [50, 95]) for name in ("handler", "frame"))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{n_labels} labels x 2,000 rows, {len(timing['frame'])} input events, ms p50/p95:"
            f" script {handler[0]:.1f}/{handler[1]:.1f}, input to frame {frame[0]:.1f}/{frame[1]:.1f}; mean of"
            f" script, style and layout {1000 * sum(spent.values()) / len(timing['frame']):.2f}\n"
        )
    assert handler[1] < limit


def test_two_hundred_labels_scroll_without_long_tasks(open_panel):
    page = open_panel(labels=200, rows=500)
    page.evaluate(
        """() => {
            window.longest = 0;
            new PerformanceObserver((list) => {
                for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
            }).observe({ type: "longtask" });
        }"""
    )
    page.mouse.move(600, 600)
    for _ in range(60):
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(16)
    page.wait_for_timeout(300)
    assert page.locator(".card").nth(40).locator("svg.view-threshold .curve").count() == 3, (
        "curves are drawn on the way"
    )
    assert page.evaluate("window.longest") < 200


def _seconds_spent(devtools: CDPSession) -> dict[str, float]:
    metrics = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in ("ScriptDuration", "RecalcStyleDuration", "LayoutDuration")}


# Every control of the panel, and the test that it changes what it claims. A control without one fails below.
CONTROLS = {
    "Threshold for …": test_numbers_move_during_a_drag_while_nothing_is_sent_and_release_commits_once,
    "Goal for …": test_each_goal_moves_its_slider_to_where_python_reaches_it,
    "precision": test_each_goal_moves_its_slider_to_where_python_reaches_it,
    "Set … to its goal": test_goal_and_saved_are_one_press_away,
    "No goal value for …": test_a_label_with_too_little_to_tune_keeps_its_threshold_and_says_why,
    "Reset … to the saved threshold": test_goal_and_saved_are_one_press_away,
    "All to their goal": test_goal_and_saved_are_one_press_away,
    "Reset all to saved": test_goal_and_saved_are_one_press_away,
    "Goal for all tags shown": test_all_tags_shown_get_a_goal_in_one_step,
    "Give": test_all_tags_shown_get_a_goal_in_one_step,
    "Undo": test_undo_and_redo_go_through_every_step,
    "Redo": test_undo_and_redo_go_through_every_step,
    "Show saved": test_the_saved_set_can_be_looked_at_and_left_again,
    "Scores": test_each_look_draws_what_it_says,
    "Precision\u2013recall": test_each_look_draws_what_it_says,
    "Calibration": test_each_look_draws_what_it_says,
    "Find a tag": test_labels_are_found_ordered_and_filtered,
    "Order of the tags": test_labels_are_found_ordered_and_filtered,
    "Show all tags": test_labels_are_found_ordered_and_filtered,
    "More tools": test_a_phone_scrolls_down_only_and_shows_the_other_tools_when_asked,
}


def test_every_control_has_a_test_that_it_changes_what_it_claims(open_panel):
    page = open_panel()
    card(page, 0).get_by_label("Goal for groceries").select_option("precision>=")
    card(page, 5).get_by_label("Goal for subscription").select_option("f1")
    expect_server(page, commits=2)
    names = page.locator(".panel").evaluate(
        """panel => [...panel.querySelectorAll("button, input, select, a, [tabindex]")].map((one) =>
            one.getAttribute("aria-label") ?? one.closest("label")?.textContent ?? one.textContent)"""
    )
    tags = "|".join(re.escape(name) for name in sorted(app.NAMES, key=len, reverse=True))
    found = {re.sub(rf"\b({tags})\b", "…", re.sub(r" [01]\.\d+$", "", name)) for name in names}
    assert found == set(CONTROLS)
