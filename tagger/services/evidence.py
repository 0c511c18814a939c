"""What a run can fairly be measured on: judged rows whose description its head did not learn from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tagger.labels.labelset import find
from tagger.learning.thresholds import apply_thresholds
from tagger.services.inputs import context_of
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage.runs import STARTER, Bundle
from tagger.transactions.merchant import GROUP_VERSION


@dataclass(frozen=True)
class Evidence:
    """Rows and what the run said about them without having learned from them.

    Attributes
    ----------
    rows : intp (n,), rows of the view.
    columns : intp (n_labels,), columns of the view, for the labels that the run knows and the store has.
    own_columns : intp (n_labels,), the same labels' columns in the run; -1 for tags that it only rejects.
    y_prob : float32 (n, n_labels). Out-of-fold where the row was trained on, the head's own where it was not.
    y_pred : bool (n, n_labels), at thresholds that the row did not help to choose.
    y_true, judged : bool (n, n_labels), as of now.
    groups : int64 (n,)
    folds : int64 (n,), in which the row was held out; -1 for rows that the run never saw.
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    own_columns: NDArray[np.intp]
    y_prob: NDArray[np.float32]
    y_pred: NDArray[np.bool_]
    y_true: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    groups: NDArray[np.int64]
    folds: NDArray[np.int64]


def gather(store: Store, view: View, bundle: Bundle) -> Evidence:
    """Collect a run's evidence: its own out-of-fold rows that are still there, then rows it never saw."""
    own = np.asarray(store.label_columns(bundle, view.labels), dtype=np.intp)
    columns = np.flatnonzero(own >= 0)
    own = own[columns]
    judged = view.truth.judged[:, columns]
    known_rows, places = out_of_fold_rows(view, bundle)
    seen_groups = bundle.evidence.get("seen_groups")
    if seen_groups is None or bundle.summary.get("group_version") != GROUP_VERSION:
        # No keys, or those of another version, say nothing about what was seen: then nothing counts as unseen.
        fresh = np.zeros(len(view.columns), dtype=bool)
    else:
        seen = np.isin(view.columns.group_hashes, seen_groups)
        fresh = judged.any(axis=1) & ~seen[view.columns.group_index]
    fresh[known_rows] = False
    matrix = store.predictions(bundle)
    inputs = view.columns.inputs(context_of(bundle.recipe["features"]))
    missing = set(matrix.missing(inputs.keys))
    tagged = np.fromiter((key not in missing for key in inputs.keys), dtype=bool, count=len(inputs.keys))
    fresh &= tagged[inputs.index] if len(tagged) else False
    fresh_rows = np.flatnonzero(fresh)
    fresh_prob = matrix.rows([inputs.keys[place] for place in inputs.index[fresh_rows].tolist()])
    rows = np.concatenate([known_rows, fresh_rows]).astype(np.intp)
    fresh_pred = apply_thresholds(fresh_prob, bundle.thresholds)[:, own]
    if places.size:
        y_prob = np.concatenate([bundle.evidence["y_prob"][places][:, own], fresh_prob[:, own]])
        y_pred = np.concatenate([bundle.evidence["y_pred"][places][:, own].astype(bool), fresh_pred])
    else:
        y_prob, y_pred = fresh_prob[:, own], fresh_pred
    folds = np.full(rows.size, -1, dtype=np.int64)
    if "folds" in bundle.evidence:
        folds[: places.size] = bundle.evidence["folds"][places]
    return Evidence(
        rows=rows,
        columns=columns,
        own_columns=own,
        y_prob=y_prob,
        y_pred=y_pred,
        y_true=view.truth.y_true[np.ix_(rows, columns)],
        judged=judged[rows],
        groups=view.columns.group_index[rows].astype(np.int64),
        folds=folds,
    )


def measured_on(run_id: str) -> str:
    """What a run's evidence is, in words."""
    if run_id == STARTER:
        return "on reviewed transactions whose descriptions the starter never saw"
    return "out of fold: each transaction scored by a head that never saw its description"


def with_rejected(evidence: Evidence, view: View, bundle: Bundle) -> Evidence:
    """With the tags that a run gives to no row any more because they were only ever rejected: it says no to each."""
    known = set(evidence.columns.tolist())
    rejected = (find(view.labels, name) for name in bundle.summary.get("rejected_labels", []))
    places = {view.column_of[label.id] for label in rejected if label is not None}
    more = np.array(sorted(places - known), dtype=np.intp)
    if not more.size:
        return evidence
    columns, no = np.concatenate([evidence.columns, more]), np.zeros((evidence.rows.size, more.size))
    return replace(
        evidence,
        columns=columns,
        own_columns=np.concatenate([evidence.own_columns, np.full(more.size, -1)]),
        y_prob=np.concatenate([evidence.y_prob, no.astype(np.float32)], axis=1),
        y_pred=np.concatenate([evidence.y_pred, no.astype(bool)], axis=1),
        y_true=view.truth.y_true[np.ix_(evidence.rows, columns)],
        judged=view.truth.judged[np.ix_(evidence.rows, columns)],
    )


def out_of_fold_rows(view: View, bundle: Bundle) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the view that the run scored out of fold, and their places in its evidence."""
    ids = bundle.evidence.get("transaction_ids")
    if ids is None:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    row_of = view.columns.row_of_id
    width = 2 * ids.shape[1]
    digits = np.ascontiguousarray(ids).tobytes().hex()  # all at once: one by one takes ten times as long
    known = (row_of.get(digits[at : at + width], -1) for at in range(0, len(digits), width))
    rows = np.fromiter(known, dtype=np.intp, count=len(ids))
    places = np.flatnonzero(rows >= 0)
    return rows[places], places
