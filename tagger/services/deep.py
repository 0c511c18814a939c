"""Deep retrain: the encoder's last layers learn too. A run comes of it only where that scores better out of fold."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tagger.config import Settings
from tagger.errors import BundleError, NotFoundError, TrainingError
from tagger.learning.bootstrap import f1_differences
from tagger.learning.metrics import score_labels
from tagger.learning.recipe import Recipe
from tagger.learning.thresholds import parse_chooser
from tagger.services.comparing import ENOUGH, plain_difference, told
from tagger.services.encoding import Encoding
from tagger.services.progress import Progress
from tagger.services.scores import summary
from tagger.services.store import Store
from tagger.services.training import FIT_STEPS, Fitted, OwnEncoder, cut, keep, new_run_id, prepare
from tagger.storage.faults import explained
from tagger.storage.runs import beside

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tagger.learning.examples import Examples
    from tagger.learning.finetune import Tuned
    from tagger.learning.training import EpochReport

# What is trained unless told otherwise; docs/decisions/0032-deep-retrain.md has what they were measured on.
LAYERS, EPOCHS = 2, 3
# Measured on two cores: passes of one text through two layers, forward and back, and through the others once.
_SECONDS_PER_PASS, _SECONDS_PER_TEXT = 0.0035, 0.004


@dataclass(frozen=True)
class Deep:
    """What came of it.

    Attributes
    ----------
    fitted, tuned : None where the tuned layers are not better.
    told : plain values: `kept`, `n_layers`, `epochs`, the scores `frozen` and `tuned`, and `macro` and `micro`, their
        paired differences.
    """

    fitted: Fitted | None
    tuned: Tuned | None
    told: dict[str, Any]


def deeper(recipe: Recipe, n_layers: int = LAYERS, epochs: int = EPOCHS) -> Recipe:
    """The recipe with so many of the encoder's last layers tuned."""
    return replace(recipe, tuned_layers=n_layers, tuned_epochs=epochs)


def retrain(store: Store, recipe: Recipe, progress: Progress, *, promote_it: bool = False) -> dict[str, Any]:
    """Train with the encoder's last layers; keep a run where it scores better than with the encoder as it is.

    Parameters
    ----------
    recipe : with `tuned_layers` and `tuned_epochs`, see `deeper`.

    Returns
    -------
    The object of `training.train`, with `deep` as in `Deep.told`. Where the tuned layers are not better, nothing is
    kept: `run_id` is None and there is nothing but that.

    Raises
    ------
    TrainingError
        If there is too little to learn from, or the encoder or the recipe leave nothing to tune.
    CancelledError
        If someone asked to stop; nothing is kept.
    """
    lesson = prepare(store, recipe, progress)
    found = fit_deep(store.encoding, lesson.examples, lesson.recipe, progress, kept=lesson.kept)
    if found.fitted is None or found.tuned is None:
        return {"run_id": None, "deep": found.told}
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.finetune import save_encoder  # noqa: PLC0415

    progress.stage("Saving the encoder")
    run_id = new_run_id()
    folder = beside(store.settings.runs_path / run_id)
    try:
        with explained(folder):
            save_encoder(found.tuned, folder)
        own = OwnEncoder(run_id, folder, _encoding(store.settings, str(folder), run_id))
        report = keep(store, lesson, found.fitted, progress, promote_it=promote_it, own=own)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {**report, "deep": found.told}


def fit_deep(
    encoding: Encoding,
    examples: Examples,
    recipe: Recipe,
    progress: Progress,
    *,
    kept: NDArray[np.int64] | None = None,
    also: Sequence[str] = (),
) -> Deep:
    """Score the encoder as it is and tuned on the same folds; where tuned is better, tune it on everything.

    Better means that the paired 95 % interval of the change of macro F1 lies above 0.

    Parameters
    ----------
    examples, kept : as for `training.fit`
    recipe : resolved, with `tuned_layers` and `tuned_epochs`.
    also : other texts that the tuned encoder will be asked for.

    Raises
    ------
    TrainingError, CancelledError
        As `retrain`.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.crossfit import cross_fitted_predictions  # noqa: PLC0415
    from tagger.learning.finetune import Trunk, check, logits_of, out_of_fold_both_ways, tune  # noqa: PLC0415
    from tagger.learning.model import Model  # noqa: PLC0415

    check(recipe)
    if examples.n_groups < ENOUGH:
        raise TrainingError(
            f"Deep retrain needs {ENOUGH} different descriptions; reviewed so far: {examples.n_groups}.",
            hint="Review more, then try again; Train works with fewer.",
        )
    progress.stage("Loading the encoder")
    trainable = encoding.trainable()
    progress.stage("Reading descriptions")
    texts = list(dict.fromkeys([*examples.inputs.texts, *also]))
    trunk = Trunk(trainable, texts, recipe.tuned_layers, cancelled=progress.cancelled)
    progress.stage("Training")
    both = out_of_fold_both_ways(
        examples,
        recipe,
        trunk=trunk,
        kept=kept,
        cancelled=progress.cancelled,
        on_epoch=lambda report: _tell(progress, report, recipe.n_folds),
    )
    chooser = parse_chooser(recipe.thresholds)
    y_true, judged, groups = examples.y_true, examples.judged, examples.groups
    frozen, tuned_pred = (
        cross_fitted_predictions(oof, y_true, judged, groups, chooser) for oof in (both.frozen, both.tuned)
    )
    moved = f1_differences(y_true, frozen, tuned_pred, judged, groups, seed=recipe.seed)
    better = moved.macro.interval is not None and moved.macro.interval[0] > 0
    said = {
        "kept": better,
        "n_layers": recipe.tuned_layers,
        "epochs": recipe.tuned_epochs,
        "frozen": summary(score_labels(y_true, frozen, judged)),
        "tuned": summary(score_labels(y_true, tuned_pred, judged)),
        "macro": plain_difference(moved.macro),
        "micro": plain_difference(moved.micro),
    }
    if not better:
        return Deep(None, None, said)
    progress.report(recipe.n_folds * FIT_STEPS, (recipe.n_folds + 1) * FIT_STEPS, "Training on everything")
    tuned = tune(
        trunk,
        Model.fit(examples, recipe, cancelled=progress.cancelled).listening(both.frozen.listened),
        examples,
        begin=logits_of(both.frozen.y_prob),
        epochs=recipe.tuned_epochs,
        seed=recipe.seed,
        cancelled=progress.cancelled,
    )
    progress.stage("Choosing thresholds")
    return Deep(cut(tuned.model, both.tuned, examples, chooser, y_seen=tuned.probabilities), tuned, said)


def seconds(store: Store) -> float:
    """Roughly what a deep retrain with the present verdicts takes on two cores."""
    view = store.view()
    n_texts = np.unique(view.columns.text_index[view.judged_rows]).size
    passes = Recipe.n_folds * EPOCHS * LAYERS / 2
    return float(10 + n_texts * (_SECONDS_PER_TEXT + passes * _SECONDS_PER_PASS))


def in_use(store: Store) -> bool:
    """Whether the run in use has an encoder of its own."""
    try:
        return bool(store.bundle(store.view().tagging.run_id).tuned_encoder)
    except (NotFoundError, BundleError):
        return False


def line(deep: dict[str, Any]) -> str:
    """In words: what tuning the layers changed, and whether a run came of it."""
    macro = deep["macro"]
    if macro["change"] is None:
        return "Deep retrain could not be scored, so no run was kept."
    before, after = deep["frozen"]["macro"]["f1"], deep["tuned"]["macro"]["f1"]
    scores = f"macro F1 {before:.3f} with the encoder as it is, {after:.3f} with its last layers trained"
    change = told(macro["change"], macro["interval"])
    if deep["kept"]:
        return f"Deep retrain helped: {scores}, {change}."
    return f"Deep retrain did not help, so no run was kept: {scores}, {change}."


def _encoding(settings: Settings, folder: str, run_id: str) -> Encoding:
    return Encoding(replace(settings, encoder=folder), owner=run_id)


def _tell(progress: Progress, report: EpochReport, n_folds: int) -> None:
    fold = report.fold or 0
    done = fold * FIT_STEPS + FIT_STEPS * report.epoch // report.n_epochs
    message = f"Training fold {fold + 1} of {n_folds} · epoch {report.epoch} of {report.n_epochs}"
    progress.report(done, (n_folds + 1) * FIT_STEPS, message)
