"""The one door to a home: its database, runs, derived files and encoder. Pages and the command line open it once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tagger.config import Settings
from tagger.errors import BundleError, NotFoundError
from tagger.labels.labelset import Label, fold_name
from tagger.labels.truth import Truth
from tagger.learning.recipe import Recipe
from tagger.services.columns import Columns
from tagger.services.encoding import Encoding, own_encoding
from tagger.services.inputs import context_of
from tagger.services.view import Tagging, View
from tagger.storage import judgements, labels, runs, transactions
from tagger.storage.database import Database
from tagger.storage.faults import explained
from tagger.storage.matrices import KeyedMatrix
from tagger.storage.runs import STARTER, Bundle, CurrentRun

if TYPE_CHECKING:
    from tagger.learning.endings import Ending

T = TypeVar("T")

ENCODERS_AT_ONCE = 2  # of runs that have their own: each takes as much memory as the one in use
REBUILD_FROM = 10_000  # undone rows; above, reading everything again is simpler and as fast


def now() -> datetime:
    """UTC without a zone: what SQLite gives back is what was put in."""
    return datetime.now(UTC).replace(tzinfo=None)


def rejected_labels(bundle: Bundle, label_set: tuple[Label, ...]) -> list[int]:
    """Places in the label set of what people had only ever rejected when the run was trained."""
    names = {fold_name(name) for name in bundle.summary.get("rejected_labels", ())}
    return [column for column, label in enumerate(label_set) if fold_name(label.name) in names]


@dataclass(frozen=True)
class _Said:
    """What runs say about every input, in the columns of a label set.

    Attributes
    ----------
    probabilities, index, n_waiting : as in `Tagging`.
    answers : for each run the labels that it answers for, and their columns in the run.
    """

    probabilities: NDArray[np.float32]
    index: NDArray[np.int32]
    answers: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    n_waiting: int


@dataclass
class _Cache:
    """Each piece with the revisions it was built from."""

    columns: tuple[int, Columns] | None = None
    truth: tuple[tuple[int, ...], int, Truth, tuple[Label, ...]] | None = None
    tagging: tuple[tuple[int, ...], Tagging] | None = None
    said: tuple[tuple[object, ...], _Said] | None = None
    view: tuple[tuple[int, ...], int, View] | None = None
    bundles: dict[str, Bundle] = field(default_factory=dict)
    matrices: dict[str, KeyedMatrix] = field(default_factory=dict)
    tuned: dict[str, Encoding] = field(default_factory=dict)
    endings: tuple[str, Recipe, tuple[str, ...], dict[int | None, Ending]] | None = None
    derived: dict[str, tuple[tuple[object, ...], Any]] = field(default_factory=dict)


class Store:
    """Everything under one home. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.db = Database(settings.database_path)
        with explained(settings.runs_path):
            settings.runs_path.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self.encoding = Encoding(settings)
        self._cache = _Cache()

    def predictions(self, bundle: Bundle) -> KeyedMatrix:
        """The stored probabilities of a run, in the order of its own labels."""
        with self._lock:
            if bundle.run_id not in self._cache.matrices:
                folder = self.settings.predictions_path / bundle.run_id
                self._cache.matrices[bundle.run_id] = KeyedMatrix(folder, len(bundle.labels), np.float32)
            return self._cache.matrices[bundle.run_id]

    def bundle(self, run_id: str) -> Bundle:
        """A run by its id, or the start of it that no other run shares.

        Raises
        ------
        NotFoundError
            If there is no such run, or several start so.
        """
        with self._lock:
            if run_id not in self._cache.bundles:
                folder = self.folder(run_id)
                # Kept under the whole id only: what a beginning of it means can change.
                run_id = folder.name
                if run_id not in self._cache.bundles:
                    self._cache.bundles[run_id] = runs.read_bundle(folder)
            return self._cache.bundles[run_id]

    def tuned(self, bundle: Bundle) -> Encoding | None:
        """The run's own encoder; None where it has none.

        Raises
        ------
        BundleError
            If it is not whole.
        """
        if not bundle.tuned_encoder:
            return None
        with self._lock:
            known = self._cache.tuned
            if bundle.run_id not in known:
                folder = self.settings.runs_path / bundle.run_id / runs.ENCODER
                self.use_tuned(bundle, own_encoding(self.settings, folder, bundle))
            return known[bundle.run_id]

    def use_tuned(self, bundle: Bundle, encoding: Encoding) -> None:
        """Take this encoder as the run's own, which may not be stored yet."""
        with self._lock:
            known = self._cache.tuned
            while len(known) >= ENCODERS_AT_ONCE:
                known.pop(next(iter(known)))
            known[bundle.run_id] = encoding

    def derived(self, name: str, made_from: tuple[object, ...], make: Callable[[], T]) -> T:
        """What was made under this name last, if from these very objects; else it is made now.

        Texts and numbers need only be equal. One of each name is kept: a screen that is drawn again and again pays for
        what changed.
        """
        kept = self._cache.derived.get(name)
        if kept is not None and len(kept[0]) == len(made_from) and all(map(_same, kept[0], made_from)):
            made: T = kept[1]
            return made
        made = make()
        self._cache.derived[name] = (made_from, made)
        return made

    def endings(self, run_id: str, recipe: Recipe, label_ids: tuple[str, ...]) -> dict[int | None, Ending]:
        """Where the fits of a run ended, by the fold left out, for these labels.

        Empty but for the last run of this process, and for another recipe: its folds may be others, and a fit must not
        begin at weights that learned from the rows it leaves out.
        """
        with self._lock:
            known = self._cache.endings
        if known is None or known[:2] != (run_id, recipe):
            return {}
        place_of = {label_id: place for place, label_id in enumerate(known[2])}
        places = [place_of.get(label_id, -1) for label_id in label_ids]
        return {fold: ending.of_labels(places) for fold, ending in known[3].items()}

    def keep_endings(
        self, run_id: str, recipe: Recipe, label_ids: tuple[str, ...], endings: dict[int | None, Ending]
    ) -> None:
        """Remember where fits ended; what was remembered before is let go."""
        with self._lock:
            self._cache.endings = (run_id, recipe, label_ids, endings)

    def remove_bundle(self, run_id: str) -> None:
        """Delete a discarded run's files and what was derived from it."""
        with self._lock:
            self._cache.tuned.pop(run_id, None)
            self._cache.bundles.pop(run_id, None)
            self._cache.matrices.pop(run_id, None)
            runs.remove_bundle(self.settings.runs_path / run_id)
            shutil.rmtree(self.settings.predictions_path / run_id, ignore_errors=True)
            for folder in self.settings.embeddings_path.glob(f"{run_id}-*"):
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what killed work left: half-written runs, discarded ones, and probabilities of runs that are gone."""
        with self._lock:
            with self.db.read() as connection:
                listed = {STARTER, *(run.id for run in runs.runs(connection))}
                discarded = runs.discarded_runs(connection)
            runs.sweep(self.settings.runs_path, discarded)
            for folder in self.settings.predictions_path.glob("*"):
                if folder.name not in listed:
                    self._cache.matrices.pop(folder.name, None)
                    shutil.rmtree(folder, ignore_errors=True)
            for folder in self.settings.embeddings_path.glob("*-*-*-*"):
                if folder.name.rpartition("-")[0] not in listed:
                    shutil.rmtree(folder, ignore_errors=True)

    def folder(self, run_id: str) -> Path:
        """Where a run lies."""
        return self.settings.starter_path if run_id == STARTER else self.settings.runs_path / self._full(run_id)

    def label_columns(self, bundle: Bundle, label_set: tuple[Label, ...]) -> list[int]:
        """For each label of the store its column in the run, or -1.

        Labels are met by id. Another store's run, and labels that were removed with their import and came back with
        it under new ids, are met by folded name.
        """
        by_id: dict[int, int] = {}
        if bundle.store_id == self.db.store_id:
            by_id = {label_id: column for column, (label_id, _) in enumerate(bundle.labels)}
        met = {by_id[label.id] for label in label_set if label.id in by_id}
        by_name = {fold_name(name): column for column, (_, name) in enumerate(bundle.labels) if column not in met}
        return [by_id.get(label.id, by_name.get(fold_name(label.name), -1)) for label in label_set]

    def starter(self) -> Bundle | None:
        """The run that came with the program, if it is there and whole."""
        try:
            return self.bundle(STARTER)
        except (NotFoundError, BundleError):
            return None

    def view(self) -> View:
        """The store as it is now."""
        with self._lock:
            revision = self.db.revision("transactions", "judgements", "labels", "runs")
            cached = self._cache.view
            if cached is not None and cached[0] == revision and cached[2].tagging.n_waiting == 0:
                return cached[2]
            columns = self._columns(revision[0])
            before = None if self._cache.truth is None else self._cache.truth[2]
            truth, label_set, rows = self._truth(columns, (revision[0], revision[2]))
            tagging = self._tagging(columns, label_set, (revision[0], revision[2], revision[3]))
            if cached is not None and cached[0] == revision and cached[1] == tagging.n_waiting:
                return cached[2]
            last = None if cached is None else cached[2]
            if last is not None and rows is not None and last.truth is before and last.tagging is tagging:
                view = last.judged_again(truth, rows)
            else:
                with self.db.read() as connection:
                    sample = frozenset(batch.id for batch in transactions.batches(connection) if batch.is_sample)
                view = View(columns, label_set, truth, tagging, sample)
            self._cache.view = (revision, tagging.n_waiting, view)
            return view

    def close(self) -> None:
        self.db.close()

    def _columns(self, revision: int) -> Columns:
        if self._cache.columns is None or self._cache.columns[0] != revision:
            with self.db.read() as connection:
                self._cache.columns = (revision, Columns(transactions.load(connection)))
        return self._cache.columns[1]

    def _truth(
        self, columns: Columns, revision: tuple[int, ...]
    ) -> tuple[Truth, tuple[Label, ...], NDArray[np.intp] | None]:
        """Bring the truth up to date; only what was judged since is read, unless rows or labels changed.

        Returns
        -------
        The truth, the labels in use, and the rows of which more was said since the last call; None for all of them.
        """
        rows: NDArray[np.intp] | None = None
        cached = self._cache.truth
        with self.db.read() as connection:
            newest = judgements.last_seq(connection)
            touched = set() if cached is None else judgements.touched_by_undos(connection, cached[1])
            if cached is None or cached[0] != revision or len(touched) > REBUILD_FROM:
                known = labels.all_labels(connection)
                live = tuple(label for label in known if not label.archived and label.merged_into is None)
                merged = {label.id: label.merged_into for label in known if label.merged_into is not None}
                truth = Truth(len(columns), [label.id for label in live], merged)
                truth.apply(judgements.judgements(connection, columns.row_of))
            elif cached[1] == newest:
                return cached[2], cached[3], np.zeros(0, dtype=np.intp)
            else:
                live = cached[3]
                truth = cached[2].copy()  # views that are in use keep the old one
                taken_back = [columns.row_of[pk] for pk in touched if pk in columns.row_of]
                truth.reset(taken_back)
                said = list(judgements.judgements(connection, columns.row_of, after_seq=cached[1], all_of=touched))
                truth.apply(said)
                rows = np.array(sorted({*taken_back, *(each.row for each in said)}), dtype=np.intp)
        self._cache.truth = (revision, newest, truth, live)
        return truth, live, rows

    def _tagging(self, columns: Columns, label_set: tuple[Label, ...], revision: tuple[int, ...]) -> Tagging:
        """What the current run says; kept as long as only judgements change and no text waits."""
        cached = self._cache.tagging
        if cached is not None and cached[0] == revision and cached[1].n_waiting == 0:
            return cached[1]
        with self.db.read() as connection:
            current = runs.current(connection)
            versions = {version.id: version for version in runs.threshold_versions(connection, current.run_id)}
        version = versions.get(current.threshold_version_id or -1)
        bundles = self.tagging_bundles(current.run_id)
        if version is not None and bundles:
            bundles[0] = replace(bundles[0], thresholds=version.thresholds)
        # Other thresholds of the same runs change nothing of what these say: whoever works on that goes on.
        made_from = (columns, label_set, tuple(bundle.run_id for bundle in bundles))
        known = self._cache.said
        if known is None or known[1].n_waiting or known[0][0] is not columns or known[0][1:] != made_from[1:]:
            known = (made_from, self._said(bundles, columns, label_set))
            self._cache.said = known
        tagging = _cut(known[1], bundles, current, len(label_set))
        self._cache.tagging = (revision, tagging)
        return tagging

    def tagging_under(self, bundle: Bundle, columns: Columns, label_set: tuple[Label, ...]) -> Tagging:
        """What the store would look like if that run, which may not be stored yet, were current."""
        bundles = [bundle] if bundle.run_id == STARTER else [bundle, *self.tagging_bundles(STARTER)]
        said = self._said(bundles, columns, label_set)
        return _cut(said, bundles, CurrentRun(bundle.run_id, None), len(label_set))

    def _said(self, bundles: list[Bundle], columns: Columns, label_set: tuple[Label, ...]) -> _Said:
        """Fill the label set's columns: the first run that knows a label answers for it."""
        # Two runs may look at different things: rows are told apart by whatever either of them looks at.
        contexts = [context_of(bundle.recipe["features"]) for bundle in bundles]
        inputs = columns.inputs(frozenset().union(*contexts))
        probabilities = np.full((len(inputs.keys), len(label_set)), np.nan, dtype=np.float32)
        is_open = np.ones(len(label_set), dtype=bool)
        answers = []
        n_waiting = 0
        for bundle, context in zip(bundles, contexts, strict=True):
            own = np.asarray(self.label_columns(bundle, label_set), dtype=np.intp)
            if bundle is not bundles[0]:
                own[rejected_labels(bundles[0], label_set)] = -1
            new = np.flatnonzero((own >= 0) & is_open)
            is_open[new] = False
            answers.append((new, own[new]))
            if new.size == 0:
                continue
            matrix = self.predictions(bundle)
            its = columns.inputs(context)
            keys = [its.keys[place] for place in its.index[inputs.first].tolist()]
            missing = set(matrix.missing(its.keys))
            n_waiting = max(n_waiting, len(missing))
            rows = np.flatnonzero([key not in missing for key in keys])
            stored = matrix.rows([keys[row] for row in rows.tolist()])
            probabilities[np.ix_(rows, new)] = stored[:, own[new]]
        return _Said(probabilities, inputs.index, answers, n_waiting)

    def tagging_bundles(self, run_id: str) -> list[Bundle]:
        """The run, then the starter for the labels that the run does not know."""
        starter = self.starter()
        if run_id == STARTER:
            return [starter] if starter is not None else []
        return [self.bundle(run_id)] + ([starter] if starter is not None else [])

    def _full(self, prefix: str) -> str:
        with self.db.read() as connection:
            known = [run.id for run in runs.runs(connection)]
        return full_id("run", prefix, known, hint="List the runs: tagger runs list.")


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str | int) and one == other)


def full_id(thing: str, prefix: str, known: Collection[str], *, hint: str) -> str:
    """The one known id that is so or begins so.

    Parameters
    ----------
    thing : what it is an id of.
    hint : where to find ids.

    Raises
    ------
    NotFoundError
        If no id begins so, or several do.
    """
    if prefix in known:
        return prefix
    matches = [each for each in known if prefix and each.startswith(prefix)]
    if not matches:
        raise NotFoundError(f"There is no {thing} {prefix!r}.", hint=hint)
    if len(matches) > 1:
        some = ", ".join(sorted(matches)[:3]) + (", …" if len(matches) > 3 else "")
        raise NotFoundError(
            f"{len(matches):,} {thing}s begin with {prefix!r}: {some}.", hint="Give more of the id, up to all of it."
        )
    return matches[0]


def _cut(said: _Said, bundles: list[Bundle], current: CurrentRun, n_labels: int) -> Tagging:
    """What runs say, with their thresholds."""
    thresholds = np.full(n_labels, np.nan)
    by_starter = np.zeros(n_labels, dtype=bool)
    for bundle, (labels_answered, own) in zip(bundles, said.answers, strict=True):
        thresholds[labels_answered] = np.asarray(bundle.thresholds)[own]
        by_starter[labels_answered] = bundle.run_id == STARTER and current.run_id != STARTER
    return Tagging(
        current.run_id,
        current.threshold_version_id,
        said.probabilities,
        said.index,
        thresholds,
        by_starter,
        said.n_waiting,
    )
