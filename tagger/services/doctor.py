"""Checks the whole store, and says what is wrong and what to do."""

from __future__ import annotations

from typing import Any

from tagger.errors import TaggerError
from tagger.services.store import Store
from tagger.services.tagging import model_of
from tagger.storage import runs, transactions
from tagger.storage.runs import STARTER


def examine(store: Store) -> dict[str, Any]:
    """Look at the database, every run, and the derived files.

    Returns
    -------
    `ok`, `problems` and `notes` (each a sentence; notes do no harm), and counts of what there is.
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
            if run_id == current.run_id or bundle.encoder == store.encoding.family:
                model_of(store.encoding, bundle)
                store.tuned(bundle)
            problems += [
                f"Run {run_id}: threshold version {version.id} does not fit its {len(bundle.labels)} labels."
                for version in versions.get(run_id, [])
                if len(version.thresholds) != len(bundle.labels)
            ]
        except TaggerError as error:
            problems.append(f"Run {run_id}: {error}")
    listed = {run.id for run in known}
    notes = [
        f"{folder} is a run that is not listed: an interrupted training left it. Delete the folder."
        for folder in sorted(store.settings.runs_path.glob("*"))
        if (folder / "run.json").is_file() and folder.name not in {*listed, STARTER}
    ]
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
    return {"ok": not problems, "problems": problems, "notes": notes, **found, "home": str(store.settings.home)}
