"""What deserves a second look: likely slips, equal descriptions tagged differently, tags alike, tags that never win."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.learning import quality
from tagger.learning.metrics import BoolMatrix, FloatMatrix
from tagger.learning.quality import AlikePair, Others
from tagger.learning.thresholds import MIN_POSITIVE_GROUPS, positive_groups
from tagger.services.evidence import gather
from tagger.services.filtering import Filter, matching
from tagger.services.queue import Pick, Queue
from tagger.services.review import CHECK
from tagger.services.store import Store, now
from tagger.services.view import View
from tagger.storage import judgements, labels

SIZE = 200  # rows, the most doubtful first; past them few are slips
SHOWN = 10  # rows of each list on the command line
# A verdict's confidence at most. In decision 0030 it leaves 20 to 37 % of the rows, with 82 to 98 % of the slips.
DOUBTFUL = 0.2
NAMED = 2  # tags that a reason speaks of
FEW, ALIKE, LOW = "few", "alike", "low"  # why a tag never wins


@dataclass(frozen=True)
class TagPair:
    """Two tags that nearly say the same; the first has fewer examples, so it is the one to merge into the second."""

    label_ids: tuple[int, int]
    names: tuple[str, str]
    n_rows: tuple[int, int]
    n_both: int
    why: str


@dataclass(frozen=True)
class SilentTag:
    """A tag that the run in use never gives rightly to a row it did not learn from.

    `highest` is the highest such probability on a row that has the tag; tags that the run does not know are left out.
    `cause` is FEW examples, ALIKE another tag, or LOW probabilities for all its examples; `like` names that other tag.
    """

    name: str
    n_rows: int
    n_descriptions: int
    highest: float
    threshold: float
    cause: str
    like: str | None
    why: str


@dataclass(frozen=True)
class Findings:
    """All four lists, each with what deserves attention most first; and the pairs of which both tags are meant.

    `slips_note` says why that list is short, where the model cannot be asked about some tags yet; else it is empty.
    """

    slips: Queue
    slips_note: str
    conflicts: Queue
    pairs: tuple[TagPair, ...]
    kept: tuple[TagPair, ...]
    silent: tuple[SilentTag, ...]


@dataclass(frozen=True)
class _Judged:
    """The judged rows, with what the run in use says of those whose description it did not learn.

    Attributes
    ----------
    rows : intp (n,), rows of the view, the newest first.
    y_true, judged : bool (n, n_labels)
    y_prob : float32 (n, n_labels), NaN where the run does not know the label or learned from the description.
    groups : int64 (n,)
    """

    rows: NDArray[np.intp]
    y_true: BoolMatrix
    judged: BoolMatrix
    y_prob: FloatMatrix
    groups: NDArray[np.int64]
    equal: Others


def find(store: Store, view: View) -> Findings:
    """Look through everything judged.

    Rows that were confirmed again for being listed here are left out, and so are pairs of which both tags are kept.
    """
    found = _judged(store, view)
    with store.db.read() as connection:
        checked = judgements.confirmed_for(connection, CHECK)
        by_people = judgements.judged_by_people(connection, view.columns.pks[found.rows].tolist())
        kept = labels.kept_pairs(connection)
    is_open = np.array([pk not in checked for pk in view.columns.pks[found.rows].tolist()], dtype=bool)
    alike = quality.alike(found.y_true, found.judged, found.y_prob, [label.name for label in view.labels])
    n_rows = np.count_nonzero(found.y_true & found.judged, axis=0)
    pairs = [_pair(view, each, n_rows) for each in alike]
    open_pairs = tuple(pair for pair in pairs if _key(pair) not in kept)
    asked = _asked(found)
    return Findings(
        slips=_slips(view, replace(found, y_prob=np.where(asked, found.y_prob, np.nan)), is_open, by_people),
        slips_note=_too_few(int(np.count_nonzero(asked)), int(np.count_nonzero(n_rows))),
        conflicts=_conflicts(view, found, is_open),
        pairs=open_pairs,
        kept=tuple(pair for pair in pairs if _key(pair) in kept),
        silent=tuple(_silent(view, found, open_pairs)),
    )


def keep_both(store: Store, pair: TagPair) -> None:
    """Both tags are meant: do not list the pair again."""
    _note(store, pair, is_kept=True)


def list_again(store: Store, pair: TagPair) -> None:
    """Take back that both are meant."""
    _note(store, pair, is_kept=False)


def is_kept(store: Store, pairs: Sequence[TagPair]) -> list[bool]:
    """Of which pairs both tags are meant, as of now."""
    with store.db.read() as connection:
        kept = labels.kept_pairs(connection)
    return [_key(pair) in kept for pair in pairs]


def _note(store: Store, pair: TagPair, *, is_kept: bool) -> None:
    with store.db.write() as connection:
        labels.keep_pair(connection, pair.label_ids, is_kept=is_kept, author=store.settings.author, at=now())


def _key(pair: TagPair) -> tuple[int, int]:
    lower, higher = sorted(pair.label_ids)
    return lower, higher


def checked(store: Store, view: View) -> set[str]:
    """Public ids of the rows that were confirmed again for being listed here."""
    with store.db.read() as connection:
        pks = judgements.confirmed_for(connection, CHECK)
    places = view.columns.row_of
    return {view.columns.ids[places[pk]] for pk in pks if pk in places}


def within(view: View, found: Queue, wanted: Filter) -> Queue:
    """The picks that a filter leaves."""
    kept, places = matching(view, wanted), view.columns.row_of_id
    return Queue(tuple(pick for pick in found.picks if kept[places[pick.id]]), None)


def listed(store: Store, n_rows: int) -> dict[str, Any]:
    """The findings as the command line prints them, with the first rows of each list."""
    view = store.view()
    found = find(store, view)
    return {
        "likely_errors": {**_rows(view, found.slips, n_rows), "note": found.slips_note},
        "same_merchant": _rows(view, found.conflicts, n_rows),
        "near_duplicates": {
            "count": len(found.pairs),
            "pairs": [
                {"labels": list(pair.names), "rows": list(pair.n_rows), "both": pair.n_both, "why": pair.why}
                for pair in found.pairs[:n_rows]
            ],
        },
        "never_win": {
            "count": len(found.silent),
            "labels": [
                {
                    "label": tag.name,
                    "rows": tag.n_rows,
                    "descriptions": tag.n_descriptions,
                    "highest": tag.highest,
                    "threshold": tag.threshold,
                    "cause": tag.cause,
                    "like": tag.like,
                    "why": tag.why,
                }
                for tag in found.silent[:n_rows]
            ],
        },
    }


def _rows(view: View, found: Queue, n_rows: int) -> dict[str, Any]:
    places = view.columns.row_of_id
    return {
        "count": len(found.picks),
        "rows": [
            {
                "transaction_id": pick.id,
                "description": view.columns.descriptions[places[pick.id]],
                "why": pick.why,
            }
            for pick in found.picks[:n_rows]
        ],
    }


def _judged(store: Store, view: View) -> _Judged:
    rows = view.judged_rows
    rows = rows[np.lexsort((rows, -view.columns.days[rows].astype(np.int64)))]
    y_true, judged = view.truth.y_true[rows], view.truth.judged[rows]
    groups = view.columns.group_index[rows].astype(np.int64)
    y_prob = np.full(y_true.shape, np.nan, dtype=np.float32)
    bundles = store.tagging_bundles(view.tagging.run_id)
    if bundles and rows.size:
        evidence = gather(store, view, bundles[0])
        place = np.full(len(view.columns), -1, dtype=np.intp)
        place[rows] = np.arange(rows.size)
        there = place[evidence.rows] >= 0  # a verdict taken back since leaves a row of the run without any
        y_prob[np.ix_(place[evidence.rows[there]], evidence.columns)] = evidence.y_prob[there]
    return _Judged(rows, y_true, judged, y_prob, groups, quality.others(y_true, judged, groups))


def _asked(found: _Judged) -> NDArray[np.bool_]:
    """Bool (n_labels,): tags with enough examples for a model that contradicts a verdict to be worth a look.

    It is the number that thresholds need; of fewer examples, what a head says out of fold is mostly false alarms.
    """
    return positive_groups(found.y_true, found.judged, found.groups) >= MIN_POSITIVE_GROUPS


def _too_few(n_asked: int, n_tags: int) -> str:
    if n_asked == n_tags:
        return ""
    return (
        f"The model is asked only about tags with {MIN_POSITIVE_GROUPS} or more different reviewed descriptions: "
        f"{n_asked} of {n_tags} so far. For the others only equal rows count."
    )


def _slips(view: View, found: _Judged, is_open: NDArray[np.bool_], by_people: set[int]) -> Queue:
    confident = quality.confidence(found.y_true, found.judged, found.y_prob, found.equal)
    doubtful = confident <= DOUBTFUL
    places = np.flatnonzero(doubtful.any(axis=1) & is_open)
    score = quality.suspicion(confident[places], found.y_true[places])
    places = places[np.argsort(-score, kind="stable")][:SIZE]
    picks = []
    for place in places.tolist():
        columns = [column for column in np.argsort(confident[place]).tolist() if doubtful[place, column]][:NAMED]
        pk = int(view.columns.pks[found.rows[place]])
        who = "You said" if pk in by_people else "The file said"
        doubted = [column for column in columns if not found.y_true[place, column]]
        picks.append(_pick(view, found, place, f"{who} {_said(view, found, place, columns)}", doubted))
    return Queue(tuple(picks), None)


def _said(view: View, found: _Judged, place: int, columns: list[int]) -> str:
    """The verdicts in doubt, and what speaks against them."""
    names = [view.labels[column].name for column in columns]
    # A yes before a no: "fuel, not groceries".
    order = sorted(range(len(columns)), key=lambda at: not found.y_true[place, columns[at]])
    said = ", ".join(("" if found.y_true[place, columns[at]] else "not ") + names[at] for at in order)
    against = []
    known = [at for at in order if not np.isnan(found.y_prob[place, columns[at]])]
    if known:
        values = ", ".join(
            (f"{names[at]} " if len(columns) > 1 else "") + f"{found.y_prob[place, columns[at]]:.2f}" for at in known
        )
        against.append(f"the model, which did not see this row, says {values}")
    n_equal = int(found.equal.n_judged[place, columns[0]])
    if n_equal:
        yes = int(found.equal.n_yes[place, columns[0]])
        other = n_equal - yes if found.y_true[place, columns[0]] else yes
        against.append(f"{other:,} of {n_equal:,} other rows like it {'disagrees' if other == 1 else 'disagree'}")
    return "; ".join([said, *against])


def _conflicts(view: View, found: _Judged, is_open: NDArray[np.bool_]) -> Queue:
    """The minority's rows, those of the description with the most rows first."""
    minority = quality.outvoted(found.y_true, found.judged, found.equal)
    places = np.flatnonzero(minority.any(axis=1) & is_open)
    _, group, sizes = np.unique(found.groups, return_inverse=True, return_counts=True)
    order = np.lexsort((places, group[places], -sizes[group[places]]))
    return Queue(tuple(_outvoted(view, found, place, minority[place]) for place in places[order][:SIZE].tolist()), None)


def _outvoted(view: View, found: _Judged, place: int, minority: NDArray[np.bool_]) -> Pick:
    columns = np.flatnonzero(minority)
    column = int(columns[np.argmax(found.equal.n_judged[place, columns])])
    name, has_it = view.labels[column].name, bool(found.y_true[place, column])
    n_all = int(found.equal.n_judged[place, column]) + 1
    n_yes = int(found.equal.n_yes[place, column]) + has_it
    return _pick(
        view,
        found,
        place,
        f"{n_yes:,} of {n_all:,} rows like it {'has' if n_yes == 1 else 'have'} {name}; "
        f"this one {'has' if has_it else 'has not'}",
        [] if has_it else [column],
    )


def _pick(view: View, found: _Judged, place: int, why: str, doubted: list[int]) -> Pick:
    labels = tuple(view.labels[column].id for column in doubted)
    return Pick(view.columns.ids[found.rows[place]], CHECK, why, 1, labels)


def _pair(view: View, pair: AlikePair, n_rows: NDArray[np.intp]) -> TagPair:
    """The pair with the rarer tag first; `n_rows` (n_labels,) have each tag."""
    first, second = sorted((pair.first, pair.second), key=lambda column: int(n_rows[column]))
    if pair.by_name:
        why = "Nearly the same name"
    elif pair.n_both >= quality.ALIKE_ROWS * pair.n_either:
        why = "Nearly the same rows"
    else:
        why = "The model cannot tell them apart"
    ids, names = (view.labels[first].id, view.labels[second].id), (view.labels[first].name, view.labels[second].name)
    return TagPair(ids, names, (int(n_rows[first]), int(n_rows[second])), pair.n_both, why)


def _silent(view: View, found: _Judged, pairs: Sequence[TagPair]) -> list[SilentTag]:
    """Tags without a single right decision, those with the most rows first."""
    like: Mapping[str, str] = {name: pair.names[1 - at] for pair in pairs for at, name in enumerate(pair.names)}
    has_it = found.y_true & found.judged
    said = np.where(has_it, found.y_prob, np.nan)
    silent = []
    for column in np.flatnonzero(~np.isnan(said).all(axis=0)).tolist():
        label, threshold = view.labels[column], float(view.tagging.thresholds[column])
        highest = float(np.nanmax(said[:, column]))
        if highest >= threshold:
            continue
        rows = np.flatnonzero(has_it[:, column])
        n_descriptions = int(np.unique(found.groups[rows]).size)
        cause = ALIKE if label.name in like else FEW if n_descriptions < MIN_POSITIVE_GROUPS else LOW
        silent.append(
            SilentTag(
                label.name,
                int(rows.size),
                n_descriptions,
                highest,
                threshold,
                cause,
                like.get(label.name),
                _why_silent(n_descriptions, highest, cause, like.get(label.name)),
            )
        )
    return sorted(silent, key=lambda tag: (-tag.n_rows, tag.name))


def _why_silent(n_descriptions: int, highest: float, cause: str, like: str | None) -> str:
    said = f"Never above {highest:.2f} on its own rows"
    if cause == ALIKE:
        return f"{said}; {like} takes its rows"
    plural = "description" if n_descriptions == 1 else "descriptions"
    if cause == FEW:
        return f"{said}; only {n_descriptions} different {plural}"
    return f"{said}, with {n_descriptions} different {plural}"
