"""Settings side by side: each scored out of fold on the same folds, so that what differs is due to them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tagger.learning.crossfit import ProgressCallback, cross_fitted_predictions, out_of_fold
from tagger.learning.features import FeatureSpace
from tagger.learning.inputs import Inputs
from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector
from tagger.learning.recipe import Recipe, by_fit
from tagger.learning.starter import Starter
from tagger.learning.thresholds import parse_chooser
from tagger.learning.training import Cancelled


def predictions(
    inputs: Inputs,
    y_true: BoolMatrix,
    judged: BoolMatrix,
    groups: IntVector,
    recipes: Sequence[Recipe],
    *,
    folds: IntVector,
    label_embeddings: FloatMatrix | None = None,
    starter: Starter | None = None,
    spaces: dict[int, FeatureSpace] | None = None,
    progress: ProgressCallback | None = None,
    cancelled: Cancelled | None = None,
) -> list[BoolMatrix]:
    """What recipes that share a fit say of every row, by heads and thresholds that saw none of its fold.

    Parameters
    ----------
    inputs : of n_transactions rows
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
    groups : int64 array, shape (n_transactions,)
        Equal descriptions have equal numbers.
    recipes : differing in thresholds alone; see `recipe.by_fit`. Heads are fitted once for all of them.
    folds : int64 array, shape (n_transactions,)
        From `split.grouped_folds`; no group lies in two of them.
    label_embeddings : float32 array, shape (n_labels, 2 * d), optional; see `Model.fit`
    starter : see `Model.fit`
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
        inputs,
        y_true,
        judged,
        groups,
        replace(recipes[0], n_folds=int(folds.max()) + 1),
        label_embeddings=label_embeddings,
        starter=starter,
        kept=folds,
        spaces=spaces,
        progress=progress,
        cancelled=cancelled,
    )
    return [
        cross_fitted_predictions(oof, y_true, judged, groups, parse_chooser(recipe.thresholds)) for recipe in recipes
    ]
