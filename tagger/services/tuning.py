"""Thresholds: what to draw, what would flip, and saving a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import SettingError
from tagger.labels.labelset import Label, find
from tagger.labels.truth import NOT_JUDGED
from tagger.learning.metrics import score_labels
from tagger.learning.thresholds import apply_thresholds, choose_thresholds, parse_chooser
from tagger.services.evidence import gather
from tagger.services.scores import described
from tagger.services.store import Store, now
from tagger.storage import runs
from tagger.storage.runs import STARTER, ThresholdVersion

MAX_FLIPS = 100  # groups of equal descriptions in the list; the counts are always of all


@dataclass(frozen=True)
class LabelTuning:
    """One label's slider and what it is measured on.

    Attributes
    ----------
    saved, draft : the threshold in use, and where the slider stands.
    optimum : the best F1 that the curve reaches; None where there is too little to tune on.
    scores, truth : float32 and bool (n_judged,), the judged rows' out-of-fold probabilities and verdicts.
    """

    label: Label
    saved: float
    draft: float
    optimum: float | None
    tuned: bool
    note: str
    scores: NDArray[np.float32]
    truth: NDArray[np.bool_]


@dataclass(frozen=True)
class Panel:
    """All sliders of the current run; `unknown` names the labels that it does not know yet."""

    run_id: str
    version_id: int | None
    labels: tuple[LabelTuning, ...]
    n_transactions: int
    measured_on: str
    unknown: tuple[str, ...]

    @property
    def saved(self) -> dict[int, float]:
        return {each.label.id: each.saved for each in self.labels}

    @property
    def n_changed(self) -> int:
        """Sliders that stand elsewhere than what is saved."""
        return sum(each.draft != each.saved for each in self.labels)

    @property
    def drafts(self) -> dict[int, float]:
        return {each.label.id: each.draft for each in self.labels}


@dataclass(frozen=True)
class Flip:
    """Transactions of one description that gain or lose a tag."""

    description: str
    label: Label
    gains: bool
    count: int
    probability: float


@dataclass(frozen=True)
class Flips:
    """Everything that would change between two sets of thresholds; `groups` holds the largest."""

    n_gained: int
    n_lost: int
    n_transactions: int
    groups: tuple[Flip, ...]


def panel(store: Store) -> Panel:
    """The current run's sliders, with the rows that they are fairly measured on."""
    view = store.view()
    if not len(view.columns):
        return Panel(view.tagging.run_id, None, (), 0, "", ())
    bundle = store.bundle(view.tagging.run_id)
    evidence = gather(store, view, bundle)
    chooser = parse_chooser("exact")  # whatever the run's own way to choose: the peak of the curve that is drawn
    chosen = choose_thresholds(evidence.y_true, evidence.y_prob, evidence.judged, evidence.groups, chooser)
    with store.db.read() as connection:
        draft = runs.draft(connection, bundle.run_id, store.settings.author)
    labels = []
    for place, column in enumerate(evidence.columns.tolist()):
        label, judged = view.labels[column], evidence.judged[:, place]
        saved = float(view.tagging.thresholds[column])
        n_groups = chosen[place].n_positive_groups
        why_not = "" if chosen[place].tuned else _too_few(n_groups)
        if n_groups and evidence.y_true[judged, place].all():
            why_not = "Nobody said no to it, so its precision and F1 cannot be known"
        labels.append(
            LabelTuning(
                label=label,
                saved=saved,
                draft=float(draft.get(str(label.id), saved)),
                optimum=None if why_not else chosen[place].value,
                tuned=not why_not,
                note=why_not,
                scores=evidence.y_prob[judged, place],
                truth=evidence.y_true[judged, place],
            )
        )
    return Panel(
        run_id=bundle.run_id,
        version_id=view.tagging.threshold_version_id,
        labels=tuple(labels),
        n_transactions=int(evidence.rows.size),
        measured_on=_measured_on(bundle.run_id),
        unknown=tuple(label.name for column, label in enumerate(view.labels) if column not in set(evidence.columns)),
    )


def flips(store: Store, before: Mapping[int, float], after: Mapping[int, float]) -> Flips:
    """Transactions that would gain or lose a tag; what people decided or memory answers does not flip."""
    view = store.view()
    changed = [
        column
        for column, label in enumerate(view.labels)
        if label.id in after and before.get(label.id) != after[label.id]
    ]
    if not changed:
        return Flips(0, 0, 0, ())
    probabilities = view.tagging.probabilities[:, changed]
    was = apply_thresholds(probabilities, [before[view.labels[column].id] for column in changed])
    will = apply_thresholds(probabilities, [after[view.labels[column].id] for column in changed])
    places = view.tagging.index
    open_cells = view.truth.values[:, changed] == NOT_JUDGED
    open_cells &= ~view.remembered.judged[view.columns.fold_index][:, changed]
    moved = (was != will)[places] & open_cells
    gained = moved & will[places]
    groups = []
    for place, column in enumerate(changed):
        rows = np.flatnonzero(moved[:, place])
        _, first, counts = np.unique(view.columns.fold_index[rows], return_index=True, return_counts=True)
        for start, count in zip(first.tolist(), counts.tolist(), strict=True):
            row = int(rows[start])
            groups.append(
                Flip(
                    description=view.columns.descriptions[row],
                    label=view.labels[column],
                    gains=bool(gained[row, place]),
                    count=count,
                    probability=float(probabilities[places[row], place]),
                )
            )
    groups.sort(key=lambda flip: (-flip.count, flip.description, flip.label.name))
    return Flips(
        n_gained=int(np.count_nonzero(gained)),
        n_lost=int(np.count_nonzero(moved & ~gained)),
        n_transactions=int(np.count_nonzero(moved.any(axis=1))),
        groups=tuple(groups[:MAX_FLIPS]),
    )


def keep_draft(store: Store, run_id: str, moved: Mapping[int, float]) -> None:
    """Remember where moved sliders stand, so that a reload or another page loses nothing. The others stay."""
    with store.db.write() as connection:
        draft = runs.draft(connection, run_id, store.settings.author)
        draft |= {str(label_id): value for label_id, value in moved.items()}
        runs.set_draft(connection, run_id, store.settings.author, draft)


def save(store: Store, thresholds: Mapping[int, float], *, note: str = "", run_id: str | None = None) -> int:
    """Store a new version of a run's thresholds and, for the current run, use it.

    Parameters
    ----------
    thresholds : by label id; labels left out keep what they have.

    Returns
    -------
    The version's number.

    Raises
    ------
    SettingError
        If a threshold is not between 0 and 1.
    """
    for value in thresholds.values():
        _check(value)
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    own = store.label_columns(bundle, view.labels)
    values = list(in_use(store, bundle.run_id))
    for column, label in enumerate(view.labels):
        if own[column] >= 0 and label.id in thresholds:
            values[own[column]] = float(thresholds[label.id])
    with store.db.write("runs") as connection:
        version = runs.add_threshold_version(
            connection, bundle.run_id, values, author=store.settings.author, note=note, at=now()
        )
        if bundle.run_id == runs.current(connection).run_id:
            runs.set_current(connection, bundle.run_id, version, author=store.settings.author, at=now())
        runs.set_draft(connection, bundle.run_id, store.settings.author, {})
    return version


def show(store: Store, run_id: str | None = None) -> dict[str, Any]:
    """A run's thresholds with what they score on its evidence."""
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    evidence = gather(store, view, bundle)
    values = in_use(store, bundle.run_id)
    thresholds = [values[column] for column in evidence.own_columns.tolist()]
    names = [view.labels[column].name for column in evidence.columns.tolist()]
    y_pred = apply_thresholds(evidence.y_prob, thresholds)
    return {
        "run_id": bundle.run_id,
        "measured_on": _measured_on(bundle.run_id),
        "n_transactions": int(evidence.rows.size),
        **described(score_labels(evidence.y_true, y_pred, evidence.judged), names, thresholds),
    }


def history(store: Store, run_id: str | None = None) -> list[ThresholdVersion]:
    """Saved versions of a run's thresholds, newest first."""
    bundle = store.bundle(run_id or store.view().tagging.run_id)
    with store.db.read() as connection:
        return runs.threshold_versions(connection, bundle.run_id)


def set_draft(store: Store, name: str, value: float, run_id: str | None = None) -> dict[str, Any]:
    """Move one label's draft threshold, without using it yet.

    Raises
    ------
    SettingError
        If the label does not exist or the run does not know it, or the value is not between 0 and 1.
    """
    _check(value)
    view = store.view()
    bundle = store.bundle(run_id or view.tagging.run_id)
    label = find(view.labels, name)
    if label is None or store.label_columns(bundle, (label,)) == [-1]:
        raise SettingError(f"The run knows no label {name!r}.", hint="List its labels: tagger thresholds show.")
    with store.db.write() as connection:
        draft = {**runs.draft(connection, bundle.run_id, store.settings.author), str(label.id): value}
        runs.set_draft(connection, bundle.run_id, store.settings.author, draft)
    return {"run_id": bundle.run_id, "label": label.name, "threshold": value, "saved": False}


def save_draft(store: Store, *, note: str = "", run_id: str | None = None) -> dict[str, Any]:
    """Save what was moved as a new version of the run's thresholds."""
    bundle = store.bundle(run_id or store.view().tagging.run_id)
    with store.db.read() as connection:
        draft = runs.draft(connection, bundle.run_id, store.settings.author)
    thresholds = {int(label_id): value for label_id, value in draft.items()}
    view = store.view()
    own = dict(zip((label.id for label in view.labels), store.label_columns(bundle, view.labels), strict=True))
    before = in_use(store, bundle.run_id)
    n_changed = sum(own.get(label_id, -1) >= 0 and before[own[label_id]] != to for label_id, to in thresholds.items())
    version = save(store, thresholds, note=note, run_id=bundle.run_id)
    return {"run_id": bundle.run_id, "threshold_version_id": version, "changed": n_changed}


def _check(value: float) -> None:
    if not 0 <= value <= 1:
        raise SettingError(f"A threshold of {value} means nothing.", hint="Give a number from 0 to 1.")


def in_use(store: Store, run_id: str) -> Sequence[float]:
    """A run's thresholds now: the version in use, else its newest, else its first; in the order of its labels."""
    with store.db.read() as connection:
        current = runs.current(connection)
        versions = runs.threshold_versions(connection, run_id)
    if run_id == current.run_id:
        versions = [version for version in versions if version.id == current.threshold_version_id]
    return versions[0].thresholds if versions else store.bundle(run_id).thresholds


def _measured_on(run_id: str) -> str:
    if run_id == STARTER:
        return "on reviewed transactions whose descriptions the starter never saw"
    return "out of fold: each transaction scored by a head that never saw its description"


def _too_few(n_groups: int) -> str:
    return f"n = {n_groups} different descriptions: too few to tune, kept as it is"
