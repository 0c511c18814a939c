"""Two runs at one moment of the store: the rows that both can fairly be scored on, and the tags that each shows."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tagger.errors import BundleError, EncoderError
from tagger.learning.bootstrap import Differences, f1_differences
from tagger.learning.metrics import LabelScore, score_labels
from tagger.services.evidence import Evidence, gather, with_rejected
from tagger.services.inputs import context_of
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.tagging import predict_missing
from tagger.services.view import ABSENT, View
from tagger.storage import runs
from tagger.storage.runs import STARTER, Bundle
from tagger.transactions.merchant import GROUP_VERSION


@dataclass(frozen=True)
class Common:
    """What two runs said about the same rows, neither having learned from them.

    Attributes
    ----------
    rows : intp (n,), rows of the view; `groups` int64 (n,).
    columns : intp (n_labels,), columns of the view, for the labels that both runs know.
    y_true, judged, before, after : bool (n, n_labels)
    tags_before, tags_after : bool (n, n_view_labels), of every label that the run knows.
    scores_before, scores_after : on these rows, of every label that the run knows, by column of the view.
    same_folds : both runs held the same descriptions out together; of rows that one never saw nothing is asked.
    """

    rows: NDArray[np.intp]
    groups: NDArray[np.int64]
    columns: NDArray[np.intp]
    y_true: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    before: NDArray[np.bool_]
    after: NDArray[np.bool_]
    scores_before: dict[int, LabelScore]
    scores_after: dict[int, LabelScore]
    tags_before: NDArray[np.bool_]
    tags_after: NDArray[np.bool_]
    same_folds: bool


@dataclass(frozen=True)
class Pair:
    """A run (`after`) beside another (`before`; None for a starter that is not there), at the moment of `view`."""

    store: Store
    view: View
    before_id: str
    before: Bundle | None
    after: Bundle

    @cached_property
    def regrouped(self) -> tuple[str, ...]:
        """The runs of the pair that were scored with another grouping of merchants than the present one.

        Where a merchant's rows were divided among folds, a run was asked about merchants that it knew. Its scores are
        too high beside those of a run that was not. The starter is scored on no row that it may have learned from.
        """
        both = [bundle for bundle in (self.before, self.after) if bundle is not None and bundle.run_id != STARTER]
        return tuple(bundle.run_id for bundle in both if bundle.summary.get("group_version", 1) != GROUP_VERSION)

    @cached_property
    def common(self) -> Common:
        """The rows that both were scored on out of fold, or never saw; none where merchants were grouped otherwise."""
        mine = self._evidence(self.after)
        theirs = mine if self.before is None else self._evidence(self.before)
        _, my_rows, their_rows = np.intersect1d(mine.rows, theirs.rows, return_indices=True)
        # A run compared with itself would look like one that changed nothing.
        if self.before is None or self.regrouped:
            my_rows = their_rows = my_rows[:0]
        still_judged = mine.judged[my_rows].any(axis=1) | theirs.judged[their_rows].any(axis=1)
        my_rows, their_rows = my_rows[still_judged], their_rows[still_judged]
        columns, mine_at, theirs_at = np.intersect1d(mine.columns, theirs.columns, return_indices=True)
        here = np.ix_(my_rows, mine_at)
        return Common(
            rows=mine.rows[my_rows],
            groups=mine.groups[my_rows],
            columns=columns,
            y_true=mine.y_true[here],
            judged=mine.judged[here],
            before=theirs.y_pred[np.ix_(their_rows, theirs_at)],
            after=mine.y_pred[here],
            scores_before=_scores_by_label(theirs, their_rows),
            scores_after=_scores_by_label(mine, my_rows),
            tags_before=self._tags(theirs, their_rows),
            tags_after=self._tags(mine, my_rows),
            same_folds=_same_folds(theirs.folds[their_rows], mine.folds[my_rows]),
        )

    def _evidence(self, bundle: Bundle) -> Evidence:
        return with_rejected(gather(self.store, self.view, bundle), self.view, bundle)

    def _tags(self, evidence: Evidence, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        tags = np.zeros((rows.size, len(self.view.labels)), dtype=bool)
        tags[:, evidence.columns] = evidence.y_pred[rows]
        return tags

    @cached_property
    def differences(self) -> Differences:
        """F1 after minus F1 before, of the labels in `common`."""
        rows = self.common
        # One seed for all: a page that is drawn again shows the same intervals.
        return f1_differences(rows.y_true, rows.before, rows.after, rows.judged, rows.groups, seed=0)

    @cached_property
    def shown(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Which tags the store shows before and after, bool (n_transactions, n_labels); None while that is not known.

        Each run with the thresholds that it has in use, or would have: verdicts and memory decide as they do now.
        """
        if self.before is None:
            return None
        before, after = (self._shown_by(bundle) for bundle in (self.before, self.after))
        return None if before is None or after is None else (before, after)

    def _shown_by(self, bundle: Bundle) -> NDArray[np.bool_] | None:
        tagging = self.view.tagging
        if bundle.run_id != tagging.run_id:
            with self.store.db.read() as connection:
                version = runs.standing(connection, bundle.run_id)
            used = bundle if version is None else replace(bundle, thresholds=version.thresholds)
            tagging = self.store.tagging_under(used, self.view.columns, self.view.labels)
        return None if tagging.n_waiting else replace(self.view, tagging=tagging).sources != ABSENT


def pair(store: Store, run_id: str, with_run_id: str | None = None) -> Pair:
    """A run beside another (default: the current one), as things are now.

    Raises
    ------
    NotFoundError
        If there is no such run.
    """
    view = store.view()
    after = store.bundle(run_id)
    found = _beside(store, view, with_run_id or view.tagging.run_id, after)
    for bundle in (found.before, found.after):
        if bundle is not None:
            _work_out(store, view, bundle)
    return found


def with_current(store: Store, view: View, after: Bundle) -> Pair:
    """A run that need not be stored yet, but has tagged every text of the view, beside the one that is current."""
    return _beside(store, view, view.tagging.run_id, after)


def _beside(store: Store, view: View, before_id: str, after: Bundle) -> Pair:
    before = store.starter() if before_id == STARTER else store.bundle(before_id)
    return Pair(store, view, before_id if before is None else before.run_id, before, after)


def _work_out(store: Store, view: View, bundle: Bundle) -> None:
    """Give a run the probabilities that it lacks for texts that came after it, where that takes no encoding."""
    knows_any = any(column >= 0 for column in store.label_columns(bundle, view.labels))
    keys = view.columns.inputs(context_of(bundle.recipe["features"])).keys
    if view.tagging.n_waiting or not knows_any or not store.predictions(bundle).missing(keys):
        return
    # The encoder of another day, or a damaged one of its own, cannot serve; the run is compared by what it said then.
    with suppress(EncoderError, BundleError):
        predict_missing(store, bundle, view.columns, Progress())


def _scores_by_label(evidence: Evidence, places: NDArray[np.intp]) -> dict[int, LabelScore]:
    scores = score_labels(evidence.y_true[places], evidence.y_pred[places], evidence.judged[places])
    return dict(zip(evidence.columns.tolist(), scores, strict=True))


def _same_folds(before: NDArray[np.int64], after: NDArray[np.int64]) -> bool:
    both = (before >= 0) & (after >= 0)
    if not both.any():
        return False
    met = np.unique(np.stack([before[both], after[both]]), axis=1)
    return bool(met.shape[1] == np.unique(before[both]).size == np.unique(after[both]).size)
