"""The learning curve of a store: measured in the background, kept, and put into words."""

from __future__ import annotations

import numpy as np
import pytest
from steps import StopAt, confirm, import_csv, make_labels, statement, three_kinds, undo

from tagger.errors import CancelledError, TrainingError
from tagger.learning.curve import learning_curve, sizes
from tagger.learning.recipe import Recipe
from tagger.services import curve, training
from tagger.services.jobs import Jobs
from tagger.services.progress import Progress
from tagger.services.store import Store

PLAIN = "date,description,amount"
pytestmark = pytest.mark.usefixtures("one_thread")

LAST = {"n_labels": 50, "change": 0.002, "low": -0.006, "high": 0.009, "is_noise": True}
MEASURED = {
    "n_labelled": 400,
    "points": [{"n_labelled": 350, "macro_f1": 0.51}, {"n_labelled": 400, "macro_f1": 0.512}],
    "last": LAST,
    "projected": {"n_labelled": 800, "macro_f1": 0.56},
}


@pytest.fixture
def judged(store: Store) -> Store:
    """60 descriptions of three kinds, judged by their file."""
    import_csv(store, three_kinds(20))
    return store


def test_the_last_point_is_the_score_of_the_run_with_the_same_recipe(judged):
    report = training.train(judged, Recipe(features="mean", thresholds="exact", seed=3), Progress())
    measured = curve.measure(judged, Progress())
    assert [point["n_labelled"] for point in measured["points"]] == [30, 60]
    assert measured["n_labelled"] == 60
    assert measured["points"][-1]["macro_f1"] == pytest.approx(report["macro"]["f1"])
    assert measured["last"]["n_labels"] == 30


def test_what_a_person_judged_last_is_what_the_last_labels_are(judged, monkeypatch):
    rows = [f"2024-06-01,PARKING {letter * 3},-1.00" for letter in "abcdefghijklmnop"]
    import_csv(judged, statement(*rows, header=PLAIN), "more.csv")
    view = judged.view()
    ids = [view.columns.ids[row] for row in np.flatnonzero(~view.truth.confirmed)]
    (parking,) = make_labels(judged, "parking")
    for row in ids:
        confirm(judged, row, [parking])
    seen: list[tuple[int, ...]] = []
    theirs = {view.columns.group_index[view.columns.row_of_id[row]] for row in ids}

    def spy(y_true, judged_, groups, folds, **how):
        seen.append(tuple(groups.tolist()))
        return learning_curve(y_true, judged_, groups, folds, **how)

    monkeypatch.setattr("tagger.learning.curve.learning_curve", spy)
    curve.measure(judged, Progress())
    (order,) = seen
    assert set(order[-16:]) == theirs
    assert list(order[:60]) != sorted(order[:60]), "a file has no order of judging"


def test_too_few_descriptions_make_no_curve(store):
    import_csv(store, three_kinds(10))
    with pytest.raises(TrainingError, match="needs 50 different descriptions; reviewed so far: 30"):
        curve.measure(store, Progress())
    assert curve.n_missing(store) == 20


def test_enough_descriptions_are_those_that_make_two_points(judged):
    assert len(sizes(curve.ENOUGH - 1)) < 2 <= len(sizes(curve.ENOUGH))
    assert curve.n_missing(judged) == 0


def test_without_anything_reviewed_all_descriptions_are_missing(store):
    assert curve.n_missing(store) == curve.ENOUGH


def test_a_curve_is_kept_until_less_is_judged_than_it_was_measured_on(judged):
    assert curve.newest(judged) is None
    runner = Jobs(judged)
    runner.wait(runner.start(curve.KIND, lambda progress: curve.measure(judged, progress)))
    kept = curve.newest(judged)
    assert kept is not None
    assert (kept["n_labelled"], kept["n_since"]) == (60, 0)

    import_csv(judged, statement("2024-06-01,PARKING,-1.00", header=PLAIN), "more.csv")
    view = judged.view()
    (row,) = np.flatnonzero(~view.truth.confirmed)
    step = confirm(judged, view.columns.ids[row])
    assert curve.newest(judged)["n_since"] == 1
    undo(judged, step)
    assert curve.newest(judged)["n_since"] == 0
    make_labels(judged, "new")  # what was judged counts, not what there is to judge
    assert curve.newest(judged)["n_since"] == 0


def test_a_failed_or_stopped_measurement_leaves_the_one_before(judged):
    runner = Jobs(judged)
    runner.wait(runner.start(curve.KIND, lambda progress: curve.measure(judged, progress)))
    kept = curve.newest(judged)

    def fail(_: Progress) -> dict:
        raise TrainingError("No.")

    runner.wait(runner.start(curve.KIND, fail))
    assert curve.newest(judged) == kept


def test_measuring_can_be_stopped(judged):
    with pytest.raises(CancelledError):
        curve.measure(judged, StopAt("Measuring"))


@pytest.mark.parametrize(
    ("last", "projected", "said"),
    [
        (
            LAST,
            None,
            "The last 50 labels moved macro F1 by +0.002 (−0.006 to +0.009), less than its noise. "
            "More labels of this kind will change little.",
        ),
        (
            LAST | {"high": 0.08},
            None,
            "The last 50 labels moved macro F1 by +0.002 (−0.006 to +0.080), less than its noise: too few to tell yet.",
        ),
        (
            LAST | {"change": 0.041, "low": 0.012, "high": 0.07, "is_noise": False},
            None,
            "The last 50 labels moved macro F1 by +0.041 (+0.012 to +0.070). More labels still help.",
        ),
        (
            LAST | {"change": -0.03, "low": -0.05, "high": -0.01, "is_noise": False},
            None,
            "The last 50 labels moved macro F1 by −0.030 (−0.050 to −0.010). See whether they contradict earlier ones.",
        ),
        (None, None, ""),
        (
            None,
            MEASURED["projected"],
            "As many again may bring it from 0.51 to about 0.56, if the curve goes on as it came.",
        ),
    ],
)
def test_the_hint_says_what_the_last_labels_moved_and_whether_it_is_noise(last, projected, said):
    assert curve.hint(MEASURED | {"last": last, "projected": projected}) == said


@pytest.mark.parametrize(
    ("scores", "projected", "said"),
    [
        ([0.4, 0.5, 0.6], {"n_labelled": 150, "macro_f1": 0.65}, None),
        ([0.4, 0.5, 0.5], None, "No projection: so far the points do not rise with the labels."),
        ([None, 0.5, 0.6], None, "No projection yet: it needs three points with a score."),
    ],
)
def test_where_there_is_no_projection_a_line_says_why(scores, projected, said):
    points = [{"n_labelled": n, "macro_f1": score} for n, score in zip((25, 37, 75), scores, strict=True)]
    assert curve.why_no_projection({"n_labelled": 75, "points": points, "projected": projected}) == said


def test_a_projection_is_promised_from_where_there_are_three_points(judged):
    assert (len(sizes(curve.PROJECTED_FROM - 1)), len(sizes(curve.PROJECTED_FROM))) == (2, 3)
    assert curve.why_no_projection(curve.measure(judged, Progress())) == (
        "No projection yet: it needs three points, so 75 reviewed descriptions."
    )
