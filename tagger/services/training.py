"""Retraining: fit on what people judged, score out of fold, choose thresholds, write a run, compare it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tagger.labels.truth import NO
from tagger.learning.memory import later_batch_predictions
from tagger.learning.recipe import Recipe, parts_of, resolve
from tagger.learning.thresholds import Chooser, ChosenThreshold, apply_thresholds, parse_chooser, positive_groups
from tagger.services.comparing import warned, weigh
from tagger.services.encoding import Encoding
from tagger.services.evidence import out_of_fold_rows
from tagger.services.gains import News, bought, news
from tagger.services.gathering import TrainingSet, stored_examples, training_set
from tagger.services.inputs import group_hashes
from tagger.services.pairs import with_current
from tagger.services.progress import Progress
from tagger.services.runs import promote, worded
from tagger.services.scores import later_batch, measured
from tagger.services.store import Store, now
from tagger.services.tagging import predict_missing
from tagger.services.view import View
from tagger.storage import judgements, runs
from tagger.storage.runs import STARTER, Bundle, RunRow, write_bundle
from tagger.transactions.merchant import GROUP_VERSION
from tagger.transactions.text import TEXT_VERSION

if TYPE_CHECKING:
    from tagger.learning.crossfit import OutOfFold
    from tagger.learning.endings import Ending
    from tagger.learning.examples import Examples
    from tagger.learning.inputs import Inputs
    from tagger.learning.model import Model
    from tagger.learning.training import EpochReport

MEASURED_ON = "out-of-fold"
FIT_STEPS = 100  # of the progress bar
REJECTED_ENOUGH = 3  # merchants; one rejection says more of its row than of the tag


def learned_from(store: Store, view: View, recipe: Recipe) -> tuple[TrainingSet, Recipe]:
    """What a training with this recipe learns from, and the recipe without "auto".

    Raises
    ------
    TrainingError
        If nothing is judged, or no label has an example.
    """
    data = training_set(view)
    recipe = resolve(recipe, data.n_groups)
    if "names" in parts_of(recipe.features):
        data = training_set(view, also=_only_named(store, view))
    return data, recipe


@dataclass(frozen=True)
class Lesson:
    """What a training begins with.

    Attributes
    ----------
    recipe : without "auto".
    examples : of the rows and labels of `data`.
    kept : folds of the run in use, see `folds_of_current`.
    fresh : what was judged since that run.
    last_seq : the number of the last operation that the training knows.
    started, encoded : seconds of the clock.
    """

    view: View
    data: TrainingSet
    recipe: Recipe
    examples: Examples
    kept: NDArray[np.int64] | None
    fresh: News
    last_seq: int
    started: float
    encoded: float

    @property
    def label_ids(self) -> tuple[str, ...]:
        """The public ids of the labels, in the order of the columns."""
        return tuple(self.view.labels[column].id for column in self.data.columns)


def train(store: Store, recipe: Recipe, progress: Progress, *, promote_it: bool = False) -> dict[str, Any]:
    """Train a run from everything judged.

    Returns
    -------
    The object of the command line's `train`, with `comparison` to the run that was current, what the training `bought`,
    and whether the run is `worse`.

    Raises
    ------
    TrainingError
        If there is too little to learn from.
    CancelledError
        If someone asked to stop; nothing is kept.
    """
    lesson = prepare(store, recipe, progress)
    # The run in use is the one whose folds stay.
    endings = store.endings(lesson.view.tagging.run_id, lesson.recipe, lesson.label_ids)
    fitted = fit(lesson.examples, lesson.recipe, progress, kept=lesson.kept, endings=endings)
    report = keep(store, lesson, fitted, progress, promote_it=promote_it)
    store.keep_endings(report["run_id"], lesson.recipe, lesson.label_ids, endings)
    return report


def prepare(store: Store, recipe: Recipe, progress: Progress) -> Lesson:
    """Gather everything that was judged.

    Raises
    ------
    TrainingError
        If there is nothing to learn from.
    CancelledError
        If someone asked to stop.
    """
    started = time.perf_counter()
    with store.db.read() as connection:
        last_seq = judgements.last_seq(connection)  # before the view: what is judged from here on is new to this run
    view = store.view()
    fresh = news(store, view)
    data, recipe = learned_from(store, view, recipe)
    progress.stage("Reading descriptions")
    examples = stored_examples(store, view, data, recipe.features, progress)
    encoded = time.perf_counter()
    kept = folds_of_current(store, view, data, recipe)
    return Lesson(view, data, recipe, examples, kept, fresh, last_seq, started, encoded)


def new_run_id() -> str:
    """Tells when; two of one second differ at the end."""
    return f"{now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"


def keep(
    store: Store,
    lesson: Lesson,
    fitted: Fitted,
    progress: Progress,
    *,
    promote_it: bool = False,
    own: OwnEncoder | None = None,
) -> dict[str, Any]:
    """Score what was fitted, compare it with the run in use, and write it as a run.

    Parameters
    ----------
    own : the encoder that was tuned with it; it goes into the bundle.

    Returns
    -------
    As `train`.

    Raises
    ------
    CancelledError
        If someone asked to stop; nothing is kept.
    """
    view, at = lesson.view, now()
    summary = _scored(store, lesson, fitted)
    bundle = _bundle(store, lesson, fitted, summary=summary, at=at, own=own)
    run_id = bundle.run_id
    try:
        if own is not None:
            store.use_tuned(bundle, own.encoding)
        # The new run's tags are worked out now, so that promoting it later is a single row.
        predict_missing(store, bundle, view.columns, progress)
        progress.check()
        progress.stage("Comparing it with the run in use")
        two = with_current(store, view, bundle)
        comparison = weigh(two)
        summary["bought"] = bought(two, comparison, lesson.fresh)
        bundle = replace(bundle, summary=summary)
        row = RunRow(run_id, at, store.settings.author, bool(view.is_sample[lesson.data.rows].any()), summary)
        progress.stage("Saving the run")
        write_bundle(store.settings.runs_path / run_id, bundle, encoder=None if own is None else own.folder)
        with store.db.write("runs") as connection:
            runs.add_run(connection, row)
    except BaseException:
        store.remove_bundle(run_id)
        raise
    if promote_it:
        promote(store, run_id)
    report = {
        "run_id": run_id,
        **worded(summary, promoted=promote_it),
        "recipe": lesson.recipe.to_dict(),
        "comparison": comparison,
    }
    return report | warned(comparison["worse_because"], promoted=promote_it)


def _scored(store: Store, lesson: Lesson, fitted: Fitted) -> dict[str, Any]:
    """What there is to say of what was fitted, but for its id and what it changes."""
    view, data, recipe = lesson.view, lesson.data, lesson.recipe
    fitted_at = time.perf_counter()
    names = [view.labels[column].name for column in data.columns]
    keys = [view.columns.folds[place] for place in view.columns.fold_index[data.rows].tolist()]
    later = later_batch_predictions(
        keys, data.y_true, data.judged, fitted.y_pred, n_folds=recipe.n_folds, seed=recipe.seed
    )
    report = {
        "n_transactions": int(data.rows.size),
        "n_groups": data.n_groups,
        "n_labels": len(names),
        "measured_on": MEASURED_ON,
        **measured(
            data.y_true,
            fitted.y_prob,
            fitted.y_pred,
            data.judged,
            data.groups,
            names=names,
            thresholds=[chosen.value for chosen in fitted.thresholds],
            seed=recipe.seed,
        ),
        "thresholds_tuned": [chosen.tuned for chosen in fitted.thresholds],
        "later_batch": later_batch(later, data.y_true, data.judged),
        **({"neighbors": fitted.listened} if "neighbors" in parts_of(recipe.features) else {}),
        "judged_until": lesson.last_seq,
        "rejected_labels": _only_rejected(store, view),
        "text_version": TEXT_VERSION,
        "group_version": GROUP_VERSION,
    }
    now_at = time.perf_counter()
    report["seconds"] = {
        "encode": lesson.encoded - lesson.started,
        "fit": fitted_at - lesson.encoded,
        "tune": now_at - fitted_at,
        "total": now_at - lesson.started,
    }
    return report


def _bundle(
    store: Store, lesson: Lesson, fitted: Fitted, *, summary: dict[str, Any], at: datetime, own: OwnEncoder | None
) -> Bundle:
    view, data = lesson.view, lesson.data
    return Bundle(
        run_id=new_run_id() if own is None else own.run_id,
        store_id=store.db.store_id,
        created_at=at.isoformat(timespec="seconds") + "Z",
        encoder=store.encoding.family,
        recipe=lesson.recipe.to_dict(),
        labels=tuple((view.labels[column].id, view.labels[column].name) for column in data.columns),
        thresholds=tuple(chosen.value for chosen in fitted.thresholds),
        summary=summary,
        head=dict(fitted.model.tensors()),
        evidence={
            "transaction_ids": _packed_ids([view.columns.ids[row] for row in data.rows.tolist()]),
            "seen_groups": np.unique(group_hashes([view.columns.groups[place] for place in np.unique(data.groups)])),
            "y_prob": fitted.y_prob,
            "y_pred": fitted.y_pred.astype(np.uint8),
            "folds": fitted.folds.astype(np.int16),
        },
        tuned_encoder="" if own is None else own.encoding.family,
    )


@dataclass(frozen=True)
class OwnEncoder:
    """An encoder that was tuned for a run to come, in a folder beside the place of that run."""

    run_id: str
    folder: Path
    encoding: Encoding


@dataclass(frozen=True)
class Fitted:
    """A trained head with its honest scores' raw material."""

    model: Model
    thresholds: list[ChosenThreshold]
    y_prob: NDArray[np.float32]
    y_pred: NDArray[np.bool_]
    folds: NDArray[np.int64]
    listened: float = 1.0  # how much of their share neighbors get, see `learning.neighbors.listened`


def fit(
    examples: Examples,
    recipe: Recipe,
    progress: Progress,
    *,
    kept: NDArray[np.int64] | None = None,
    endings: dict[int | None, Ending] | None = None,
) -> Fitted:
    """Score out of fold, fit on everything, choose thresholds from the out-of-fold probabilities.

    Parameters
    ----------
    recipe : resolved, so without "auto".
    kept : int64 (n_rows,), folds of an earlier training that stay; -1 for rows that had none.
    endings : where fits begin, and then where they ended; see `crossfit.fit_and_score`.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.crossfit import fit_and_score  # noqa: PLC0415

    progress.stage("Training")
    model, oof = fit_and_score(
        examples,
        recipe,
        kept=kept,
        endings=endings,
        cancelled=progress.cancelled,
        on_epoch=_Told(progress, recipe.n_folds),
    )
    progress.stage("Choosing thresholds")
    return cut(model, oof, examples, parse_chooser(recipe.thresholds), y_seen=model.probabilities)


def cut(
    model: Model,
    oof: OutOfFold,
    examples: Examples,
    chooser: Chooser,
    *,
    y_seen: Callable[[Inputs], NDArray[np.float32]],
) -> Fitted:
    """Choose a model's thresholds, and cut every row at those that the other folds chose.

    Parameters
    ----------
    y_seen : gives what the model says of rows that it learned from.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.crossfit import chosen_on, cross_fitted_predictions  # noqa: PLC0415

    verdicts = (examples.y_true, examples.judged, examples.groups)
    return Fitted(
        model=model,
        thresholds=chosen_on(oof, *verdicts, chooser, y_seen=y_seen(examples.inputs.take(oof.repeated))),
        y_prob=oof.y_prob,
        y_pred=cross_fitted_predictions(oof, *verdicts, chooser),
        folds=oof.folds,
        listened=oof.listened,
    )


def folds_of_current(store: Store, view: View, data: TrainingSet, recipe: Recipe) -> NDArray[np.int64] | None:
    """The folds in which the run in use was scored: what differs then is due to verdicts and settings alone.

    None where another division is asked for, by seed or number, or where the starter is in use.
    """
    if view.tagging.run_id == STARTER:
        return None
    current = store.bundle(view.tagging.run_id)
    if (current.recipe.get("seed"), current.recipe.get("n_folds")) != (recipe.seed, recipe.n_folds):
        return None
    if "folds" not in current.evidence:
        return None
    known_rows, places = out_of_fold_rows(view, current)
    folds = np.full(len(view.columns), -1, dtype=np.int64)
    folds[known_rows] = current.evidence["folds"][places]
    return folds[data.rows]


class _Told:
    """Progress over fits that run side by side: those that leave out a fold, and the one on everything."""

    def __init__(self, progress: Progress, n_folds: int) -> None:
        self._progress, self._n_fits = progress, n_folds + 1
        self._steps: dict[int | None, int] = {}

    def __call__(self, report: EpochReport) -> None:
        self._steps[report.fold] = FIT_STEPS * report.epoch // report.n_epochs
        steps = list(self._steps.values())
        n_done = sum(step == FIT_STEPS for step in steps)
        self._progress.report(sum(steps), self._n_fits * FIT_STEPS, f"Training · {n_done} of {self._n_fits} fits done")
        if report.fold is not None:
            self._progress.curve.append(asdict(report))


def since_last_run(store: Store) -> dict[str, Any]:
    """What there is to learn from, and how much of it came after the last run."""
    view = store.view()
    with store.db.read() as connection:
        known = runs.runs(connection)
        until = known[0].summary.get("judged_until", 0) if known else 0
        changed = judgements.changed_since(connection, until)
        by_people = judgements.judged_by_people(connection, view.columns.row_of)
    rows = view.judged_rows
    return {
        "judged": int(rows.size),
        "by_people": len(by_people),
        "new": len(changed & view.columns.row_of.keys()) if known else int(rows.size),
        "positives": int(np.count_nonzero(view.truth.y_true[rows].any(axis=0))),
        "last_run_id": known[0].id if known else None,
    }


def _only_named(store: Store, view: View) -> list[int]:
    """Labels that the starter does not know: without an example, their names are all there is to go by."""
    starter = store.starter()
    known = [-1] * len(view.labels) if starter is None else store.label_columns(starter, view.labels)
    return [column for column, own in enumerate(known) if own < 0]


def _only_rejected(store: Store, view: View) -> list[str]:
    """Labels that the starter gave to rows of several merchants and no one ever let stand: it shall not go on so."""
    starter = store.starter()
    if starter is None:
        return []
    rows = view.judged_rows
    said = store.tagging_under(starter, view.columns, view.labels)
    places = said.index[rows]
    rejected = apply_thresholds(said.probabilities, said.thresholds)[places] & (view.truth.values[rows] == NO)
    n_merchants = positive_groups(rejected, rejected, view.columns.group_index[rows].astype(np.int64))
    only = (n_merchants >= REJECTED_ENOUGH) & ~np.any(view.truth.y_true[rows], axis=0)
    return [label.name for label, found in zip(view.labels, only.tolist(), strict=True) if found]


def _packed_ids(ids: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex("".join(ids)), dtype=np.uint8).reshape(len(ids), 16).copy()
