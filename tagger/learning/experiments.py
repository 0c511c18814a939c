"""Settings side by side: each scored out of fold on the same folds, so that what differs is due to them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tagger.learning.crossfit import ProgressCallback, cross_fitted_predictions, out_of_fold
from tagger.learning.examples import Examples
from tagger.learning.features import FeatureSpace
from tagger.learning.metrics import BoolMatrix, IntVector
from tagger.learning.recipe import Recipe, by_fit
from tagger.learning.thresholds import parse_chooser
from tagger.learning.training import Cancelled


def predictions(
    examples: Examples,
    recipes: Sequence[Recipe],
    *,
    folds: IntVector,
    spaces: dict[int, FeatureSpace] | None = None,
    progress: ProgressCallback | None = None,
    cancelled: Cancelled | None = None,
) -> list[BoolMatrix]:
    """What recipes that share a fit say of every row, by heads and thresholds that saw none of its fold.

    Parameters
    ----------
    examples : of n_transactions rows
    recipes : differing in thresholds alone; see `recipe.by_fit`. Heads are fitted once for all of them.
    folds : int64 array, shape (n_transactions,)
        From `split.grouped_folds`; no group lies in two of them.
    spaces : of the folds, from recipes with the same features, seed and kind of head, optional; see `out_of_fold`
    progress : called with folds done and folds in all

    Returns
    -------
    y_pred of each recipe, bool arrays, shape (n_transactions, n_labels)

    Raises
    ------
    TrainingError
        If there are fewer than two different descriptions.
    CancelledError
        If `cancelled` answers True.
    ValueError
        If the recipes do not share a fit.
    """
    if len(by_fit(recipes)) != 1:
        raise ValueError("The recipes do not share a fit.")
    oof = out_of_fold(
        examples,
        replace(recipes[0], n_folds=int(folds.max()) + 1),
        kept=folds,
        spaces=spaces,
        progress=progress,
        cancelled=cancelled,
    )
    y_true, judged, groups = examples.y_true, examples.judged, examples.groups
    return [
        cross_fitted_predictions(oof, y_true, judged, groups, parse_chooser(recipe.thresholds)) for recipe in recipes
    ]
