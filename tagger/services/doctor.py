"""Checks the whole store, and says what is wrong and what to do."""

from __future__ import annotations

from typing import Any

from tagger.errors import TaggerError
from tagger.services.store import Store
from tagger.storage import runs, transactions


def examine(store: Store) -> dict[str, Any]:
    """Look at the database, every run, and the derived files.

    Returns
    -------
    `ok`, `problems` (each a sentence), and counts of what there is.
    """
    problems = [f"Database: {finding}" for finding in store.db.check()]
    with store.db.read() as connection:
        known = runs.runs(connection)
        n_transactions = transactions.count(connection)
        current = runs.current(connection)
    for run_id in [run.id for run in known] + [current.run_id]:
        try:
            bundle = runs.read_bundle(store.folder(run_id))
            if len(bundle.thresholds) != len(bundle.labels):
                problems.append(f"Run {run_id}: {len(bundle.labels)} labels, {len(bundle.thresholds)} thresholds.")
        except TaggerError as error:
            problems.append(f"Run {run_id}: {error}")
    view = store.view()
    return {
        "ok": not problems,
        "problems": problems,
        "transactions": n_transactions,
        "judged": int(view.judged_rows.size),
        "labels": len(view.labels),
        "runs": len(known),
        "current_run": current.run_id,
        "texts": len(view.columns.texts),
        "texts_without_tags": view.tagging.n_waiting,
        "home": str(store.settings.home),
    }
