"""The learning curve: what the labels so far brought, what more may bring, and whether it is time to stop."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import TrainingError
from tagger.learning.recipe import Recipe, resolve
from tagger.learning.split import grouped_folds
from tagger.learning.thresholds import parse_chooser
from tagger.services.gathering import TrainingSet, stored_examples, training_set
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage import jobs, judgements, runs

KIND = "curve"  # of the job
ENOUGH = 50  # descriptions; fewer make less than the two points that are a curve
PROJECTED_FROM = 75  # descriptions; fewer make less than the three points that a projection needs
LITTLE = 0.02  # macro-F1; what 50 labels bring at most where it is time to stop


def measure(store: Store, progress: Progress) -> dict[str, Any]:
    """Learn from ever more of what was judged, in the order of judging; each time scored out of fold on all of it.

    What came with files has no order of judging: it comes first, shuffled. The recipe is that of the newest run.

    Returns
    -------
    `points` (each `n_labelled` descriptions, `macro_f1` and its `interval`), `last` (what the last labels moved, with
    its interval) and `projected` (what twice as many may give), the latter two None where there is too little to tell;
    `starter_knows`: the points begin at the starter, and rows of the sample, which it learned from, are among theirs.

    Raises
    ------
    TrainingError
        If too few descriptions were judged.
    CancelledError
        If someone asked to stop.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.crossfit import listening_alike  # noqa: PLC0415
    from tagger.learning.curve import Predict, learning_curve  # noqa: PLC0415
    from tagger.learning.model import Model  # noqa: PLC0415

    view = store.view()
    data = training_set(view)
    if data.n_groups < ENOUGH:
        raise TrainingError(
            f"A learning curve needs {ENOUGH} different descriptions; reviewed so far: {data.n_groups}.",
            hint="Review more, then look again.",
        )
    recipe = resolve(_recipe(store), data.n_groups)
    data = _in_order(store, view, data, recipe.seed)
    examples = stored_examples(store, view, data, recipe.features, progress).seen_by(recipe.features)

    def fit(learned: NDArray[np.int64]) -> Model:
        progress.check()
        return Model.fit(examples.take(learned), recipe, cancelled=progress.cancelled)

    def together(fits: list[tuple[Model, NDArray[np.int64]]]) -> list[Predict]:
        def of(model: Model) -> Predict:
            return lambda rows: model.probabilities(examples.inputs.take(rows))

        return [of(model) for model in listening_alike([(model, examples.take(out)) for model, out in fits])]

    curve = learning_curve(
        data.y_true,
        data.judged,
        data.groups,
        grouped_folds(data.groups, data.y_true, data.judged, recipe.n_folds, recipe.seed),
        fit=fit,
        together=together,
        chooser=parse_chooser(recipe.thresholds),
        seed=recipe.seed,
        report=lambda done, total: progress.report(done, total, "Measuring the learning curve"),
    )
    return {
        "n_labelled": data.n_groups,
        "measured_on": "out-of-fold",
        "starter_knows": examples.starter is not None and bool(view.is_sample[data.rows].any()),
        "points": [asdict(point) for point in curve.points],
        "last": None if curve.last is None else {**asdict(curve.last), "is_noise": curve.last.is_noise},
        "projected": None
        if curve.projected is None
        else {"n_labelled": curve.projected[0], "macro_f1": curve.projected[1]},
    }


def n_missing(store: Store) -> int:
    """How many more descriptions must be reviewed before a curve can be measured."""
    with suppress(TrainingError):
        return max(0, ENOUGH - training_set(store.view()).n_groups)
    return ENOUGH


def newest(store: Store) -> dict[str, Any] | None:
    """The curve that was measured last, with `n_since`: descriptions judged since.

    None where there is none, or where it was measured on more than is left here.
    """
    with store.db.read() as connection:
        found = jobs.latest_result(connection, KIND)
    if found is None:
        return None
    view = store.view()
    n_now = int(np.unique(view.columns.group_index[view.judged_rows]).size)
    return None if n_now < found["n_labelled"] else {**found, "n_since": n_now - found["n_labelled"]}


def hint(curve: Mapping[str, Any]) -> str:
    """In words: what the last labels moved, whether that is more than noise, and what as many again may bring."""
    said = []
    last = curve["last"]
    if last is not None:
        moved = f"The last {last['n_labels']} labels moved macro F1 by {_signed(last['change'])}"
        between = f"({_signed(last['low'])} to {_signed(last['high'])})"
        if last["is_noise"] and last["high"] <= LITTLE:
            said.append(f"{moved} {between}, less than its noise. More labels of this kind will change little.")
        elif last["is_noise"]:
            said.append(f"{moved} {between}, less than its noise: too few to tell yet.")
        elif last["change"] > 0:
            said.append(f"{moved} {between}. More labels still help.")
        else:
            said.append(f"{moved} {between}. See whether they contradict earlier ones.")
    projected = curve["projected"]
    if projected is not None:
        said.append(
            f"As many again may bring it from {curve['points'][-1]['macro_f1']:.2f} to about "
            f"{projected['macro_f1']:.2f}, if the curve goes on as it came."
        )
    return " ".join(said)


def why_no_projection(curve: Mapping[str, Any]) -> str | None:
    """Why there is none, in a short line; None where there is one."""
    if curve["projected"] is not None:
        return None
    if curve["n_labelled"] < PROJECTED_FROM:
        return f"No projection yet: it needs three points, so {PROJECTED_FROM} reviewed descriptions."
    if sum(point["macro_f1"] is not None for point in curve["points"]) < 3:
        return "No projection yet: it needs three points with a score."
    return "No projection: so far the points do not rise with the labels."


def _in_order(store: Store, view: View, data: TrainingSet, seed: int) -> TrainingSet:
    pks = view.columns.pks[data.rows]
    with store.db.read() as connection:
        by_people = judgements.judged_by_people(connection, pks.tolist())
    is_theirs = np.fromiter((pk in by_people for pk in pks.tolist()), dtype=bool, count=pks.size)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~is_theirs))
    order = np.concatenate([order, np.flatnonzero(is_theirs)])
    return replace(
        data, rows=data.rows[order], y_true=data.y_true[order], judged=data.judged[order], groups=data.groups[order]
    )


def _recipe(store: Store) -> Recipe:
    with store.db.read() as connection:
        known = runs.runs(connection)
    return Recipe.from_dict(store.bundle(known[0].id).recipe).frozen if known else Recipe()


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{abs(value):.3f}"
