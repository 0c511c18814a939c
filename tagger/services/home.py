"""What there is, and the one next step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tagger.services.runs import created_at, current_id
from tagger.services.store import Store
from tagger.services.training import since_last_run

WORTH_RETRAINING = 5  # new corrections; fewer rarely move a tag


@dataclass(frozen=True)
class Overview:
    """The store in a few numbers, and what to do next."""

    n_transactions: int
    n_confirmed: int
    n_labels: int
    n_sample: int
    run_id: str
    run_created_at: datetime | None
    next_title: str
    next_reason: str
    next_action: str
    next_page: str
    next_query: dict[str, str]


def overview(store: Store) -> Overview:
    """Look at the store and choose the next step: review, then train, then tune or export."""
    view = store.view()
    n_transactions = len(view.columns)
    n_confirmed = int(np.count_nonzero(view.truth.confirmed))
    learned = since_last_run(store)
    run_id = current_id(store)
    n_open = n_transactions - n_confirmed
    # Tags that came with a file are no reason to hurry: a first look at the tags comes before the first training.
    n_new = learned["new"] if learned["last_run_id"] else learned["by_people"]
    if n_new >= WORTH_RETRAINING or (learned["judged"] and not n_open and learned["last_run_id"] is None):
        step = (
            f"Train on {learned['judged']:,} reviewed transactions",
            f"{learned['new']:,} of them are new since the last run."
            if learned["last_run_id"]
            else "The starter's tags are a first guess. A run of your own learns from what you confirmed.",
            "Train",
            "pages/train.py",
        )
    elif n_open:
        step = (
            f"{n_open:,} transactions wait for your eye" if n_open > 1 else "1 transaction waits for your eye",
            "Confirm what is right, tap a tag that is wrong. Every confirmed row teaches the next run.",
            "Review",
            "pages/review.py",
        )
    else:
        step = (
            "All transactions are confirmed",
            "Take them with you, tags and sources included.",
            "Export",
            "pages/export.py",
        )
    return Overview(
        n_transactions=n_transactions,
        n_confirmed=n_confirmed,
        n_labels=len(view.labels),
        n_sample=int(np.count_nonzero(view.is_sample)),
        run_id=run_id,
        run_created_at=created_at(store, run_id),
        next_title=step[0],
        next_reason=step[1],
        next_action=step[2],
        next_page=step[3],
        next_query={"show": "To review"} if step[3] == "pages/review.py" else {},
    )
