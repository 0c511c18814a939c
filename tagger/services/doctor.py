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
        versions = {run_id: runs.threshold_versions(connection, run_id) for run_id in (run.id for run in known)}
    for run_id in dict.fromkeys([run.id for run in known] + [current.run_id]):
        try:
            bundle = runs.read_bundle(store.folder(run_id))
            if len(bundle.thresholds) != len(bundle.labels):
                problems.append(f"Run {run_id}: {len(bundle.labels)} labels, {len(bundle.thresholds)} thresholds.")
            problems += [
                f"Run {run_id}: threshold version {version.id} does not fit its {len(bundle.labels)} labels."
                for version in versions.get(run_id, [])
                if len(version.thresholds) != len(bundle.labels)
            ]
        except TaggerError as error:
            problems.append(f"Run {run_id}: {error}")
    found: dict[str, Any] = {
        "transactions": n_transactions,
        "judged": None,
        "labels": None,
        "runs": len(known),
        "current_run": current.run_id,
        "texts": None,
        "texts_without_tags": None,
    }
    try:
        view = store.view()
    except TaggerError as error:
        problems.append(f"The current run cannot tag: {error} Promote another run, or discard this one.")
    else:
        found |= {
            "judged": int(view.judged_rows.size),
            "labels": len(view.labels),
            "texts": len(view.columns.texts),
            "texts_without_tags": view.tagging.n_waiting,
        }
    return {"ok": not problems, "problems": problems, **found, "home": str(store.settings.home)}
