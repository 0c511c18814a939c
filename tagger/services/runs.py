"""Runs as a person sees them: list, look, promote, roll back, note, discard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tagger.errors import NotFoundError, SettingError
from tagger.services.store import Store, now
from tagger.storage import runs
from tagger.storage.database import Connection
from tagger.storage.runs import STARTER, CurrentRun, RunRow

MAX_NOTE = 500  # characters; a line or two in the list of runs
WOULD_CHANGE, CHANGED = "would change", "changed"  # what a training bought, before and after its run is promoted


@dataclass(frozen=True)
class Listed:
    """A run as a list shows it. The starter has no scores: its own training rows would flatter it."""

    id: str
    created_at: datetime
    is_current: bool
    macro_f1: float | None
    micro_f1: float | None
    note: str
    bought: str


@dataclass(frozen=True)
class Successor:
    """Which run gives the tags once another is discarded.

    `run_id` is None where there is none, not even the starter; `takes_over` says whether it is another than before.
    """

    run_id: str | None
    takes_over: bool

    @property
    def is_starter(self) -> bool:
        return self.run_id == STARTER

    def line(self, name: str, *, now: str = "now") -> str:
        """In one sentence, with the run's name; `now` says when it takes over."""
        if self.run_id is None:
            return f"No run gives tags {now}: train one, or promote another."
        return f"Tags {now if self.takes_over else 'still'} come from {name}."


def listed(store: Store) -> list[Listed]:
    """Every run that a person trained, newest first, then the starter if it is there."""
    with store.db.read() as connection:
        known = runs.runs(connection)
        current = runs.current(connection)
        promoted = runs.promoted(connection)
        notes = runs.notes(connection)
    newest_note = {run_id: found[0].text for run_id, found in notes.items()}
    rows = [
        Listed(
            id=run.id,
            created_at=run.created_at,
            is_current=run.id == current.run_id,
            macro_f1=run.summary["macro"]["f1"],
            micro_f1=run.summary["micro"]["f1"],
            note=newest_note.get(run.id, ""),
            bought=worded(run.summary, promoted=run.id in promoted).get("bought", {}).get("line", ""),
        )
        for run in known
    ]
    starter = store.starter()
    if starter is not None:
        created = datetime.fromisoformat(starter.created_at).replace(tzinfo=None)
        is_current = current.run_id == STARTER
        rows.append(Listed(STARTER, created, is_current, None, None, newest_note.get(STARTER, ""), bought=""))
    return rows


def overview(store: Store) -> list[dict[str, Any]]:
    """Every run, newest first, the starter last, as plain values."""
    return [
        {
            "run_id": run.id,
            "created_at": run.created_at.isoformat(timespec="seconds") + "Z",
            "current": run.is_current,
            "macro_f1": run.macro_f1,
            "micro_f1": run.micro_f1,
            "note": run.note,
        }
        for run in listed(store)
    ]


def show(store: Store, run_id: str) -> dict[str, Any]:
    """A run's recipe, thresholds, scores and notes."""
    bundle = store.bundle(run_id)
    with store.db.read() as connection:
        notes = runs.notes(connection).get(bundle.run_id, [])
        promoted = bundle.run_id in runs.promoted(connection)
    return {
        "run_id": bundle.run_id,
        "created_at": bundle.created_at,
        "encoder": bundle.encoder,
        "recipe": bundle.recipe,
        "thresholds": {name: value for (_, name), value in zip(bundle.labels, bundle.thresholds, strict=True)},
        "notes": [
            {"text": each.text, "author": each.author, "at": each.at.isoformat(timespec="seconds") + "Z"}
            for each in notes
        ],
        **({} if bundle.run_id == STARTER else worded(bundle.summary, promoted=promoted)),
    }


def worded(summary: Mapping[str, Any], *, promoted: bool) -> dict[str, Any]:
    """A run's summary, in which what its training bought is said of what happened, or else of what promoting would do.

    A run is immutable, and was written before anybody promoted it.
    """
    bought = summary.get("bought", {})
    if "line" not in bought:
        return dict(summary)
    was, is_now = (WOULD_CHANGE, CHANGED) if promoted else (CHANGED, WOULD_CHANGE)
    # What follows the semicolon can be the name of a tag. Runs of earlier versions have "changed" before it.
    changes, semicolon, score = bought["line"].partition("; ")
    line = f"{changes.replace(f' {was} ', f' {is_now} ', 1)}{semicolon}{score}"
    return {**summary, "bought": {**bought, "line": line}}


def current_id(store: Store) -> str:
    with store.db.read() as connection:
        return runs.current(connection).run_id


def created_at(store: Store, run_id: str) -> datetime | None:
    """When a run of this store was trained (UTC); None for the starter."""
    with store.db.read() as connection:
        return next((run.created_at for run in runs.runs(connection) if run.id == run_id), None)


def newest(store: Store) -> RunRow | None:
    """The run trained last that was not discarded."""
    with store.db.read() as connection:
        known = runs.runs(connection)
        promoted = runs.promoted(connection)
    return replace(known[0], summary=worded(known[0].summary, promoted=known[0].id in promoted)) if known else None


def promote(store: Store, run_id: str) -> dict[str, Any]:
    """Let a run tag transactions from now on, with the thresholds that stand for it (`storage.runs.standing`).

    Raises
    ------
    NotFoundError
        If there is no such run, also where it was discarded while this began.
    """
    bundle = store.bundle(run_id)
    with store.db.write("runs") as connection:
        if bundle.run_id not in {STARTER, *(run.id for run in runs.runs(connection))}:
            raise NotFoundError(f"There is no run {bundle.run_id!r}.", hint="List the runs: tagger runs list.")
        version = runs.standing(connection, bundle.run_id)
        runs.set_current(
            connection,
            bundle.run_id,
            None if version is None else version.id,
            author=store.settings.author,
            at=now(),
        )
    return {"run_id": bundle.run_id, "current": True}


def before_current(store: Store) -> CurrentRun | None:
    """What `roll_back` would return to, if there is anything."""
    with store.db.read() as connection:
        return runs.previous(connection)


def roll_back(store: Store) -> dict[str, Any]:
    """Return to what was current before: the run and the thresholds that it had then. Again: one step further.

    Raises
    ------
    NotFoundError
        If nothing was current before.
    """
    with store.db.write("runs") as connection:
        left = runs.current(connection)
        choice = runs.roll_back(connection, author=store.settings.author, at=now())
    return {
        "run_id": choice.run_id,
        "threshold_version_id": choice.threshold_version_id,
        "current": True,
        "rolled_back": {"run_id": left.run_id, "threshold_version_id": left.threshold_version_id},
    }


def note(store: Store, run_id: str, text: str) -> dict[str, Any]:
    """Write something about a run; an empty text takes what is shown away.

    Raises
    ------
    NotFoundError
        If there is no such run.
    SettingError
        If the text is too long.
    """
    text = text.strip()
    if len(text) > MAX_NOTE:
        raise SettingError(f"The note has {len(text):,} characters.", hint=f"Keep it within {MAX_NOTE}.")
    full_id = store.folder(run_id).name
    with store.db.write() as connection:
        runs.add_note(connection, full_id, text, author=store.settings.author, at=now())
    return {"run_id": full_id, "note": text}


def successor(store: Store, run_id: str) -> Successor:
    """Which run would give the tags without this one.

    Raises
    ------
    NotFoundError
        If there is no such run, or it is the starter.
    """
    full_id = _discardable(store, run_id)
    with store.db.read() as connection:
        left, now_current = runs.current(connection, without=full_id), runs.current(connection)
    there = left.run_id != STARTER or store.starter() is not None
    return Successor(left.run_id if there else None, takes_over=now_current.run_id == full_id)


def discard(store: Store, run_id: str) -> dict[str, Any]:
    """Throw a run away; if it was current, the one before it is current again.

    Raises
    ------
    NotFoundError
        If there is no such run, or it is the starter.
    """
    full_id = _discardable(store, run_id)
    with store.db.write("runs") as connection:
        runs.discard_run(connection, full_id, now())
    store.remove_bundle(full_id)
    return {"run_id": full_id, "discarded": True}


def _discardable(store: Store, run_id: str) -> str:
    """The full id of a run that a person may throw away. It is not read: a damaged one has to go too."""
    if run_id == STARTER:
        raise NotFoundError("The starter cannot be discarded.", hint="Promote another run instead.")
    return store.folder(run_id).name


def discard_sample_runs(connection: Connection) -> list[str]:
    """Throw away every run that learned from the sample; their ids."""
    gone = [run.id for run in runs.runs(connection) if run.uses_sample]
    for run_id in gone:
        runs.discard_run(connection, run_id, now())
    return gone
