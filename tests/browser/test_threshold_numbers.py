"""Numbers of the threshold panel are those that Python computes, and say what they are about."""

from __future__ import annotations

import re

import numpy as np
import pytest
from apps import threshold_app as app
from panels import assert_equal_figures, card, expect_server, move, press_thumb, score_at, shown, slider_of
from playwright.sync_api import expect

from tagger.learning.metrics import summarize
from tagger.ui.components import threshold_panel as component

SCRIPT = "\n".join(path.read_text(encoding="utf-8") for path in component.SCRIPTS)


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
        expected = [score_at(label, threshold) for label in labels]
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
        assert_equal_figures(shown(card(page, index)), score_at(labels[index], working[index]))
    summary = summarize([score_at(label, at) for label, at in zip(labels, working, strict=True)])
    assert_equal_figures(shown(page.locator('tr[data-total="micro"]')), summary.micro)
    assert_equal_figures(shown(page.locator('tr[data-total="macro"]')), summary.macro)
    expect(page.locator(".left-out")).to_have_text(f"{summary.macro.labels_left_out} left out")


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


def _bits(label) -> list[int]:
    order = np.argsort(-label.scores, kind="stable")
    return np.packbits(label.truth[order]).tolist()
