"""Which settings help on one's own data: sets of tries, each scored out of fold on the same folds, and kept."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tagger.errors import CancelledError, TrainingError
from tagger.learning.bootstrap import f1_differences
from tagger.learning.metrics import score_labels
from tagger.learning.recipe import Recipe, batch_size, by_fit, canonical, parts_of
from tagger.learning.split import grouped_folds
from tagger.services.comparing import ENOUGH, plain_difference
from tagger.services.gathering import TrainingSet, stored_examples
from tagger.services.progress import Progress
from tagger.services.scores import summary
from tagger.services.store import Store, now
from tagger.services.training import MEASURED_ON, folds_of_current, learned_from
from tagger.services.tries import DEFAULT_AXES, Try, freed, tries
from tagger.services.view import View
from tagger.storage import judgements, runs
from tagger.storage.experiments import Experiments, Finished
from tagger.storage.runs import STARTER
from tagger.transactions.merchant import GROUP_VERSION
from tagger.transactions.spreadsheet import escape_cell
from tagger.transactions.text import TEXT_VERSION

if TYPE_CHECKING:
    from tagger.learning.examples import Examples
    from tagger.learning.features import FeatureSpace

KIND = "experiments"  # of the job
VERSION = 1  # of predictions and report: what was kept under another one is forgotten


@dataclass(frozen=True)
class Plan:
    """What a start would do.

    Attributes
    ----------
    n_groups : distinct reviewed descriptions; below `ENOUGH` nothing can be measured.
    n_tries : settings in the set, the one that all are compared with included.
    n_left : those that are not measured on this data yet.
    n_fits : how often heads are fitted for these; settings that differ in thresholds alone share a fit.
    seconds : roughly what these take.
    """

    n_groups: int
    n_tries: int
    n_left: int
    n_fits: int
    seconds: float

    @property
    def is_enough(self) -> bool:
        return self.n_groups >= ENOUGH


@dataclass(frozen=True)
class _Prepared:
    view: View
    data: TrainingSet
    folds: NDArray[np.int64]
    tries: list[Try]
    current: Recipe  # the setting in use, as one of the tries has it
    key: str  # of the data: equal where the same recipe gives the same predictions
    judged_until: int

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.data.y_true.shape
        return rows, columns


def measure(store: Store, kind: str, progress: Progress, *, axes: Collection[str] = DEFAULT_AXES) -> dict[str, Any]:
    """Score a set of tries, each as a training with its setting would be scored; what is known is not done again.

    Parameters
    ----------
    kind : one of `tries.SETS`.
    axes : of `tries.AXES`, for combinations.

    Returns
    -------
    `reference` (the setting that all are compared with) and `tries`, best first, each with `name`, `group`, `recipe`,
    `macro`, `micro`, `seconds` and, but for the reference, `change` of macro and micro F1 with paired intervals.

    Raises
    ------
    TrainingError
        If fewer than `ENOUGH` descriptions were judged.
    CancelledError
        If someone asked to stop; tries that were finished are kept, and reported.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.experiments import predictions  # noqa: PLC0415

    prepared = _prepare(store, kind, axes)
    data, kept = prepared.data, Experiments(store.settings.experiments_path)
    if data.n_groups < ENOUGH:
        raise TrainingError(
            f"Experiments need {ENOUGH} different descriptions; reviewed so far: {data.n_groups}.",
            hint="Review more, then try again.",
        )
    kept.forget_others(prepared.key)
    finished = _finished(kept, prepared)
    report = _Report(kind, prepared)
    missing = [place for place in range(len(prepared.tries)) if place not in finished]
    fits = by_fit([prepared.tries[place].recipe for place in missing])
    n_folds = int(prepared.folds.max()) + 1
    gathered = _Gathered(store, prepared, progress)
    for number, members in enumerate(fits):
        places = [missing[member] for member in members]
        tried = [prepared.tries[place].recipe for place in places]

        def tell(done: int, _: int = 0, *, before: int = number * n_folds) -> None:
            progress.report(before + done, len(fits) * n_folds)

        progress.stage(f"Fit {number + 1} of {len(fits)}: {prepared.tries[places[0]].name}")
        tell(0)
        started = time.perf_counter()
        try:
            found = predictions(
                gathered.of(tried[0]),
                tried,
                folds=prepared.folds,
                spaces=gathered.spaces(tried[0]),
                progress=tell,
                cancelled=progress.cancelled,
            )
        except CancelledError as stopped:
            raise CancelledError("The tries were stopped.", hint="What was finished is kept.") from stopped
        seconds = time.perf_counter() - started
        for place, recipe, y_pred in zip(places, tried, found, strict=True):
            finished[place] = Finished(y_pred, seconds)
            kept.keep(prepared.key, _key(recipe), finished[place])
        kept.save_report(kind, report.of(finished))
    result = report.of(finished)
    kept.save_report(kind, result)
    return result


def overview(store: Store, kind: str, *, axes: Collection[str] = DEFAULT_AXES) -> tuple[Plan, dict[str, Any] | None]:
    """What a start would do, and what the last one found.

    The latter is None where there is nothing, and has `is_current`: whether it was measured on what is judged now, and
    beside the setting in use; `current`: the name of the setting in use, None if it is not among those measured;
    `is_complete`: whether a start would find nothing else; and `n_since`, the transactions that were judged otherwise
    since.
    """
    try:
        prepared = _prepare(store, kind, axes)
    except TrainingError:  # nothing to learn from
        return Plan(0, 0, 0, 0, 0.0), None
    kept = Experiments(store.settings.experiments_path)
    finished = _finished(kept, prepared)
    left = [each.recipe for place, each in enumerate(prepared.tries) if place not in finished]
    took = {prepared.tries[place].recipe: each.seconds for place, each in finished.items()}
    plan = Plan(
        prepared.data.n_groups, len(prepared.tries), len(left), len(by_fit(left)), _seconds(left, took, prepared)
    )
    report = kept.report(kind)
    if report is None or report.get("version") != VERSION:
        return plan, None
    with store.db.read() as connection:
        changed = judgements.changed_since(connection, report["judged_until"])
    n_since = len(changed & prepared.view.columns.row_of.keys())
    wanted = [each.recipe.to_dict() for each in prepared.tries]
    is_current = report["data"] == prepared.key and report["reference"]["recipe"] == wanted[0]
    known = {each["name"]: each["recipe"] for each in (report["reference"], *report["tries"])}
    in_use = prepared.current.to_dict()
    return plan, {
        **report,
        "is_current": is_current,
        "current": next((name for name, recipe in known.items() if recipe == in_use), None),
        "is_complete": is_current and len(known) == len(wanted) and all(each in wanted for each in known.values()),
        "n_since": n_since,
    }


def as_csv(report: Mapping[str, Any]) -> bytes:
    """The tries as a table, the one that all are compared with first; names are safe to open in a spreadsheet."""
    text = io.StringIO()
    columns = ["setting", "kind", "macro_f1", "macro_change", "macro_low", "macro_high"]
    columns += ["micro_f1", "micro_change", "micro_low", "micro_high", "seconds", "recipe"]
    writer = csv.DictWriter(text, columns, lineterminator="\r\n")
    writer.writeheader()
    for each in (report["reference"], *report["tries"]):
        row: dict[str, Any] = {"setting": escape_cell(each["name"]), "kind": escape_cell(each["group"])}
        for name in ("macro", "micro"):
            change = each.get("change", {}).get(name, {})
            low, high = change.get("interval") or (None, None)
            row |= {f"{name}_f1": each[name]["f1"], f"{name}_change": change.get("change")}
            row |= {f"{name}_low": low, f"{name}_high": high}
        writer.writerow(row | {"seconds": round(each["seconds"], 2), "recipe": json.dumps(each["recipe"])})
    return text.getvalue().encode()


def _prepare(store: Store, kind: str, axes: Collection[str]) -> _Prepared:
    with store.db.read() as connection:
        judged_until = judgements.last_seq(connection)  # before the view: what is judged from here on is new
    view = store.view()
    data, base = learned_from(store, view, _current(store))
    folds = grouped_folds(
        data.groups,
        data.y_true,
        data.judged,
        base.n_folds,
        base.seed,
        kept=folds_of_current(store, view, data, base),
    )
    starter = store.starter()
    begun = f"{store.encoding.family} {'' if starter is None else starter.created_at}"
    key = _data_key(view, data, folds, begun)
    wanted = tries(kind, base, data.n_groups, axes, idle=_idle(view, data))
    in_use = canonical(freed(base, data.n_groups), data.n_groups)
    return _Prepared(view, data, folds, wanted, in_use, key, judged_until)


def _idle(view: View, data: TrainingSet) -> set[str]:
    """Parts of features that none of the rows to learn from has anything for: with and without them is the same."""
    has = {
        "account": any(view.columns.accounts[row] for row in data.rows.tolist()),
        "date": bool(view.columns.days[data.rows].any()),
    }
    return {part for part, has_some in has.items() if not has_some}


def _current(store: Store) -> Recipe:
    """The setting of the run in use; where that is the starter, the one that a training has unless told otherwise."""
    with store.db.read() as connection:
        run_id = runs.current(connection).run_id
    return Recipe() if run_id == STARTER else Recipe.from_dict(store.bundle(run_id).recipe).frozen


def _data_key(view: View, data: TrainingSet, folds: NDArray[np.int64], begun: str) -> str:
    """A digest of all that tries depend on besides their settings; `begun` names the encoder and the starter."""
    digest = hashlib.blake2b(digest_size=16)
    labels = [
        (view.labels[column].id, view.labels[column].name, view.labels[column].definition) for column in data.columns
    ]
    for part in (
        json.dumps([VERSION, TEXT_VERSION, GROUP_VERSION, begun, data.y_true.shape, labels]).encode(),
        view.columns.pks[data.rows].tobytes(),
        np.packbits(data.y_true).tobytes(),
        np.packbits(data.judged).tobytes(),
        folds.tobytes(),
    ):
        digest.update(part)
    return digest.hexdigest()


def _key(recipe: Recipe) -> str:
    return hashlib.blake2b(json.dumps(recipe.to_dict(), sort_keys=True).encode(), digest_size=16).hexdigest()


def _finished(kept: Experiments, prepared: _Prepared) -> dict[int, Finished]:
    found = (kept.finished(prepared.key, _key(each.recipe), prepared.shape) for each in prepared.tries)
    return {place: each for place, each in enumerate(found) if each is not None}


class _Gathered:
    """What heads look at, gathered once for all tries that need the same."""

    def __init__(self, store: Store, prepared: _Prepared, progress: Progress) -> None:
        self._store, self._prepared, self._progress = store, prepared, progress
        self._all: dict[bool, Examples] = {}
        self._spaces: tuple[object, dict[int, FeatureSpace]] = (None, {})

    def of(self, recipe: Recipe) -> Examples:
        plain = "plain" in parts_of(recipe.features)
        if plain not in self._all:
            # Everything, whether or not this try looks at it: others will.
            features = "both+names+starter+plain" if plain else "both+names+starter"
            self._all[plain] = stored_examples(
                self._store, self._prepared.view, self._prepared.data, features, self._progress
            )
        return self._all[plain].seen_by(recipe.features)

    def spaces(self, recipe: Recipe) -> dict[int, FeatureSpace]:
        """The feature spaces of the folds, as the tries before left them; those of other features are let go."""
        needs = (recipe.features, recipe.head.kind, recipe.seed)
        if self._spaces[0] != needs:
            self._spaces = (needs, {})
        return self._spaces[1]


class _Report:
    """Plain values of what is finished; each difference is worked out once."""

    def __init__(self, kind: str, prepared: _Prepared) -> None:
        self._prepared = prepared
        self._entries: dict[int, dict[str, Any]] = {}
        self._head: dict[str, Any] = {
            "version": VERSION,
            "set": kind,
            "measured_on": MEASURED_ON,
            "measured_at": now().isoformat(timespec="seconds") + "Z",
            "n_transactions": prepared.shape[0],
            "n_groups": prepared.data.n_groups,
            "n_labels": prepared.shape[1],
            "n_folds": int(prepared.folds.max()) + 1,
            "n_tries": len(prepared.tries),
            "n_fits": len(by_fit([each.recipe for each in prepared.tries])),
            "data": prepared.key,
            "judged_until": prepared.judged_until,
        }

    def of(self, finished: Mapping[int, Finished]) -> dict[str, Any]:
        """The report as far as it goes; the reference, which comes first, is always finished."""
        for place in finished.keys() - self._entries.keys():
            self._entries[place] = self._entry(place, finished)
        rows = [self._entries[place] for place in sorted(finished) if place]
        rows.sort(key=lambda row: -(row["change"]["macro"]["change"] or 0.0))
        return {
            **self._head,
            "n_left": len(self._prepared.tries) - len(finished),
            "reference": self._entries[0],
            "tries": rows,
        }

    def _entry(self, place: int, finished: Mapping[int, Finished]) -> dict[str, Any]:
        tried, data, y_pred = self._prepared.tries[place], self._prepared.data, finished[place].y_pred
        entry = {
            "name": tried.name,
            "group": tried.group,
            "recipe": tried.recipe.to_dict(),
            **summary(score_labels(data.y_true, y_pred, data.judged)),
            "seconds": finished[place].seconds,
        }
        if place:
            before = finished[0].y_pred
            moved = f1_differences(data.y_true, before, y_pred, data.judged, data.groups, seed=tried.recipe.seed)
            entry["change"] = {"macro": plain_difference(moved.macro), "micro": plain_difference(moved.micro)}
        return entry


def _seconds(left: Sequence[Recipe], finished: Mapping[Recipe, float], prepared: _Prepared) -> float:
    """Roughly what the tries take that are left: as much as those of the same kind did, else as on 2 cores."""
    total = 0.0
    for places in by_fit(left):
        recipe = left[places[0]]
        alike = [seconds for known, seconds in finished.items() if known.head.kind == recipe.head.kind]
        total += float(np.mean(alike)) if alike else recipe.n_folds * _guess(recipe, prepared)
    return total


def _guess(recipe: Recipe, prepared: _Prepared) -> float:
    """Seconds of one fit, by what they were with 1,400 descriptions in 3,250 transactions, and 34 labels."""
    n_groups, head = prepared.data.n_groups, recipe.head
    words = "lexical" in parts_of(recipe.features)
    if head.kind == "logistic":
        return 0.1 + n_groups * (7e-4 if words else 2e-4)
    steps = head.epochs * prepared.shape[0] / batch_size(head, prepared.shape[0])
    return 0.1 + steps * 2.5e-3 + n_groups * (1.5e-3 if words else 0.0)
