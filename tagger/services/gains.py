"""What a training brought: how many other transactions the corrections change, and whether that shows in a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tagger.services.comparing import ENOUGH, recipe_diff, told
from tagger.services.pairs import Pair
from tagger.services.runs import WOULD_CHANGE
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage import judgements
from tagger.storage.runs import STARTER


@dataclass(frozen=True)
class News:
    """What was judged since the current run was trained: rows of the view, by who judged them."""

    by_people: frozenset[int]
    imported: frozenset[int]


def news(store: Store, view: View) -> News:
    """The transactions whose verdicts the current run has not learned; where that is the starter, all judged ones."""
    row_of = view.columns.row_of
    with store.db.read() as connection:
        if view.tagging.run_id == STARTER:
            changed = set(view.columns.pks[view.judged_rows].tolist())
        else:
            until = int(store.bundle(view.tagging.run_id).summary.get("judged_until", 0))
            changed = judgements.changed_since(connection, until) & row_of.keys()
        by_people = judgements.judged_by_people(connection, changed)
    return News(frozenset(row_of[pk] for pk in by_people), frozenset(row_of[pk] for pk in changed - by_people))


def bought(two: Pair, compared: Mapping[str, Any], fresh: News) -> dict[str, Any]:
    """What the later of two runs, trained on `fresh`, would change beyond it, in one line and its parts.

    Transactions that were judged, and those of equal descriptions, do not count: verdicts and memory answer them
    without any training. A label is named only where its change is beyond chance although it was picked from all.

    Parameters
    ----------
    compared : what `comparing.weigh` says of the pair.
    """
    n_others = None
    if two.shown is not None:
        before, after = two.shown
        folds = two.view.columns.fold_index
        answered = np.isin(folds, folds[sorted(fresh.by_people | fresh.imported)])
        n_others = int(np.count_nonzero((before != after).any(axis=1) & ~answered))
    certain = [row for row in compared["labels"] if row["certain"]]
    best = max(certain, key=_clearness) if certain else {"label": None, "change": None, "interval": None}
    found = {
        "with": two.before_id,
        "corrections": len(fresh.by_people),
        "imported": len(fresh.imported),
        "settings_changed": two.before_id != STARTER
        and two.before is not None
        and bool(recipe_diff(two.before, two.after)),
        "other_transactions": n_others,
        "label": best["label"],
        "change": best["change"],
        "interval": best["interval"],
    }
    return found | {"line": f"{_who(found)} {_what(found)}; {_score(two, found, compared)}."}


def _clearness(row: Mapping[str, Any]) -> float:
    low, high = row["interval"]
    return float(abs(row["change"]) / (high - low))


def _who(found: Mapping[str, Any]) -> str:
    causes = []
    if found["corrections"]:
        causes.append(f"your {_counted(found['corrections'], 'correction')}")
    if found["imported"]:
        causes.append(f"{_counted(found['imported'], 'transaction')} that came with tags")
    if found["settings_changed"]:
        causes.append("other settings")
    last = causes.pop() if causes else "training again"
    named = f"{', '.join(causes)} and {last}" if causes else last
    return f"{named[:1].upper()}{named[1:]}"


def _what(found: Mapping[str, Any]) -> str:
    n_others = found["other_transactions"]
    if n_others is None:
        return f"{WOULD_CHANGE} what cannot be counted before all rows are tagged"
    return f"{WOULD_CHANGE} {_counted(n_others, 'other transaction') if n_others else 'no other transaction'}"


def _score(two: Pair, found: Mapping[str, Any], compared: Mapping[str, Any]) -> str:
    if two.regrouped:
        return "there is no fair comparison of F1, as the run before was scored with another grouping of merchants"
    if compared["reason"] is not None:
        return "there is no fair comparison of F1"
    certain = {
        f"{name} F1": moved
        for name, moved in ((name, compared["change"][name]) for name in ("macro", "micro"))
        if moved["interval"] is not None and not moved["interval"][0] <= 0 <= moved["interval"][1]
    }
    # A loss in all is told before a gain of one.
    lost = [name for name, moved in certain.items() if moved["change"] < 0]
    if found["label"] is not None and (found["change"] < 0 or not lost):
        return f"{found['label']} F1 {told(found['change'], found['interval'])}"
    for name in lost or certain:
        return f"{name} {told(certain[name]['change'], certain[name]['interval'])}"
    known = [moved for moved in compared["change"].values() if moved["change"] is not None]
    if compared["n_groups"] < ENOUGH or (known and all(moved["interval"] is None for moved in known)):
        return "too few reviewed to say how F1 changes"
    return "no change in F1 beyond chance"


def _counted(n: int, thing: str) -> str:
    return f"{n:,} {thing}" + ("" if n == 1 else "s")
