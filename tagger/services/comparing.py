"""Two runs side by side, on rows that neither learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.learning.metrics import LabelScore, score_labels
from tagger.services.evidence import Evidence, gather
from tagger.services.scores import summary
from tagger.services.store import Store
from tagger.services.view import ABSENT, View
from tagger.storage.runs import STARTER, Bundle


def compare(store: Store, run_id: str, with_run_id: str | None = None) -> dict[str, Any]:
    """A run beside another (default: the current one), label by label, on rows that neither learned from.

    Where that cannot be done fairly there is no number, and `reason` says why; else it is None.
    """
    view = store.view()
    other_id = with_run_id or view.tagging.run_id
    bundle = store.bundle(run_id)
    other = store.starter() if other_id == STARTER else store.bundle(other_id)
    other_id = other.run_id if other is not None else other_id
    mine = gather(store, view, bundle)
    theirs = mine if other is None else gather(store, view, other)
    _, my_rows, their_rows = np.intersect1d(mine.rows, theirs.rows, return_indices=True)
    if other is None:  # no starter is there: a run compared with itself would look like one that changed nothing
        my_rows = their_rows = my_rows[:0]
    my_scores, their_scores = _scores_by_label(mine, my_rows), _scores_by_label(theirs, their_rows)
    labels = []
    for column, label in enumerate(view.labels):
        before, after = their_scores.get(column), my_scores.get(column)
        if before is None and after is None:
            continue
        known = after or before
        labels.append(
            {
                "label": label.name,
                "support": known.support if known is not None else 0,
                "before": None if before is None else before.f1,
                "after": None if after is None else after.f1,
            }
        )
    shared = sorted(set(my_scores) & set(their_scores))
    return {
        "run_id": bundle.run_id,
        "with": other_id,
        "measured_on": "descriptions that neither run learned from",
        "n_transactions": int(my_rows.size),
        "reason": _why_not(other, shared, int(my_rows.size)),
        "labels": labels,
        "before": summary([their_scores[column] for column in shared]),
        "after": summary([my_scores[column] for column in shared]),
        "changed_transactions": _changed(store, view, bundle),
    }


def _why_not(other: Bundle | None, shared: Sequence[int], n_rows: int) -> str | None:
    """Why two runs cannot be compared."""
    if other is None:
        return "The starter is not there."
    if not shared:
        return "The two runs have no tag in common."
    if n_rows:
        return None
    if other.run_id == STARTER:
        return "The starter learned from the sample, so it cannot be scored on it."
    return "No reviewed transaction is left that neither run learned from."


def _scores_by_label(evidence: Evidence, places: NDArray[np.intp]) -> dict[int, LabelScore]:
    scores = score_labels(evidence.y_true[places], evidence.y_pred[places], evidence.judged[places])
    return dict(zip(evidence.columns.tolist(), scores, strict=True))


def _changed(store: Store, view: View, bundle: Bundle) -> int | None:
    """How many stored transactions would show other tags under the run; None if it is not worked out yet."""
    if store.predictions(bundle).missing(view.columns.text_keys):
        return None
    would_be = replace(view, tagging=store.tagging_under(bundle, view.columns, view.labels))
    differs = (would_be.sources != ABSENT) != (view.sources != ABSENT)
    return int(np.count_nonzero(differs.any(axis=1)))
