"""Goals in the threshold panel: where each puts a slider, for one tag and for all."""

from __future__ import annotations

from apps import threshold_app as app
from panels import card, expect_server, server
from playwright.sync_api import Page, expect

GOALS = [
    ("f1", [], "f1"),
    ("f2", [], "f2"),
    ("f0.5", [], "f0.5"),
    ("f", ["4"], "f4"),
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
        held_out = {"precision>=": "precision 0.400", "recall>=": "recall 0.600"}.get(option, "F1 0.500")
        expect(one.locator(".held-out")).to_have_text(f"held out: {held_out}")
    one.locator("input[type=range]").press("PageUp")
    expect(one.locator(".held-out")).to_have_text("off its goal")


def test_a_number_that_means_nothing_stays_beside_what_is_wrong_with_it(open_panel):
    page = open_panel()
    one = card(page, 0)
    one.get_by_label("Goal for groceries").select_option("precision>=")
    _given(page, "precision>=0.9")
    number, problem = one.get_by_label("precision", exact=True), one.locator(".problem")
    number.fill("1.7")
    number.press("Tab")
    expect(problem).to_have_text("A number, 0 to 1")
    card(page, 3).locator("input[type=range]").press("Home")
    expect_server(page, commits=2)
    expect(number).to_have_value("1.7")
    expect(problem).to_be_visible()
    number.fill("0.7")
    number.press("Tab")
    _given(page, "precision>=0.7")
    expect(problem).to_be_hidden()
    number.fill("1.7")
    number.press("Tab")
    expect(problem).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(number).to_have_value("0.9")
    expect(problem).to_be_hidden()


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


def _given(page: Page, goal: str) -> None:
    """Wait until the first label has a goal that begins so."""
    page.wait_for_function(
        "(goal) => JSON.parse(document.querySelector('code').innerText).goals['100']?.startsWith(goal)", arg=goal
    )


def _js(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)
