"""Two runs side by side: scores of each label and of all, what changes, which settings differ, and which is worse."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tagger.errors import TaggerError
from tagger.learning.bootstrap import Difference
from tagger.services import runs
from tagger.services.pairs import Pair, pair
from tagger.services.scores import summary
from tagger.services.store import Store
from tagger.storage import runs as stored_runs
from tagger.storage.runs import STARTER, Bundle

logger = logging.getLogger(__name__)

# A point of F1. From there on a lower score is asked about even where chance could explain it, since with few rows
# chance explains almost anything. Less comes with every second training and would teach people to click it away.
WORTH_ASKING = 0.01
ENOUGH = 30  # descriptions; below, one of them moves F1 by more than most trainings do
NAMES_SHOWN = 10
SETTINGS = {  # in words, where the name alone says little
    "head.kind": "head",
    "head.l2": "penalty (l2)",
    "thresholds": "way to choose thresholds",
    "n_folds": "folds",
    "tuned_layers": "encoder layers trained",
    "tuned_epochs": "passes of training them",
}


def compare(store: Store, run_id: str, with_run_id: str | None = None) -> dict[str, Any]:
    """A run beside another (default: the current one), label by label, on rows that neither learned from.

    Where that cannot be done fairly there is no number, and `reason` says why; else it is None.
    """
    return weigh(pair(store, run_id, with_run_id))


def weigh(two: Pair) -> dict[str, Any]:
    """As `compare`.

    Scores come from rows that both runs scored out of fold or never saw, at thresholds that those rows did not choose;
    changes of F1 with paired intervals over descriptions. `changed_transactions` and each label's `gained` and `lost`
    count stored transactions; None where a run has not tagged them all.
    """
    rows = two.common
    shared = sorted(set(rows.scores_before) & set(rows.scores_after))
    before, after = (
        summary([scores[column] for column in shared]) for scores in (rows.scores_before, rows.scores_after)
    )
    changed = two.shown
    worse = _worse(two, before, after)
    return {
        "run_id": two.after.run_id,
        "with": two.before_id,
        "measured_on": "descriptions that neither run learned from",
        "n_transactions": int(rows.rows.size),
        "n_groups": int(np.unique(rows.groups).size),
        "same_folds": rows.same_folds,
        "reason": _why_not(two, n_shared=len(shared)),
        "labels": _labels(two),
        "before": before,
        "after": after,
        "change": {"micro": plain_difference(two.differences.micro), "macro": plain_difference(two.differences.macro)},
        "worse": worse is not None,
        "worse_because": worse,
        "changed_transactions": None
        if changed is None
        else int(np.count_nonzero((changed[0] != changed[1]).any(axis=1))),
        "settings": [] if two.before is None else settings_diff(two.store, two.before, two.after),
    }


def promote(store: Store, run_id: str) -> dict[str, Any]:
    """Let a run tag from now on; where it is worse than the one that tagged so far, say so loudly."""
    because = why_worse(store, run_id)
    return {**runs.promote(store, run_id), **warned(because, promoted=True)}


def why_worse(store: Store, run_id: str) -> str | None:
    """What a person should know before this run takes the place of the current one; None where nothing speaks."""
    try:
        two = pair(store, run_id)
    except TaggerError:
        # A current run that cannot be read is no reason to keep it; a new one that cannot be read says so itself.
        return None
    because: str | None = weigh(two)["worse_because"]
    return because


def warned(because: str | None, *, promoted: bool) -> dict[str, Any]:
    """`worse` and its `reason`, for whoever works by command; a worse run that was promoted gets a line on stderr."""
    if promoted and because is not None:
        logger.warning("The promoted run is worse than the one before: %s", because)
    return {"worse": because is not None, "reason": because}


def settings_diff(store: Store, before: Bundle, after: Bundle) -> list[dict[str, str]]:
    """What differs between two runs besides their weights, in words: `setting`, `before`, `after`."""
    names = [{name for _, name in bundle.labels} for bundle in (before, after)]
    alone = (names[0] - names[1], names[1] - names[0])
    n_rows = [bundle.summary.get("n_transactions", 0) for bundle in (before, after)]
    found = {
        **recipe_diff(before, after),
        "tags that the other does not know": tuple(", ".join(sorted(some)[:NAMES_SHOWN]) or "none" for some in alone),
        "reviewed transactions": tuple(f"{n:,}" for n in n_rows),
        "thresholds": (_thresholds(store, before), _thresholds(store, after)),
    }
    return [{"setting": name, "before": old, "after": new} for name, (old, new) in found.items() if old != new]


def recipe_diff(before: Bundle, after: Bundle) -> dict[str, tuple[str, str]]:
    """The settings that a person chose differently, in words."""
    old, new = (_flat(bundle.recipe) | {"encoder": bundle.encoder[:12]} for bundle in (before, after))
    return {
        SETTINGS.get(name, name.removeprefix("head.").replace("_", " ")): (_word(old.get(name)), _word(new.get(name)))
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    }


def told(change: float, interval: Sequence[float] | None) -> str:
    """`+0.04 (0.01 to 0.07)`; with a digit more where two would make one of them look like 0."""
    digits = 2 if min(abs(number) for number in (change, *(interval or ()))) >= 0.01 else 3
    if interval is None:
        return f"{change:+.{digits}f}".replace("-", "−")
    low, high = interval
    return f"{change:+.{digits}f} ({low:.{digits}f} to {high:.{digits}f})".replace("-", "−")


def _labels(two: Pair) -> list[dict[str, Any]]:
    rows = two.common
    differences = dict(zip(rows.columns.tolist(), two.differences.labels, strict=True))
    found = []
    for column, label in enumerate(two.view.labels):
        gained = lost = None
        if two.shown is not None:
            before, after = (shown[:, column] for shown in two.shown)
            gained, lost = int(np.count_nonzero(after & ~before)), int(np.count_nonzero(before & ~after))
        scores = rows.scores_before.get(column), rows.scores_after.get(column)
        known = scores[1] or scores[0]
        if known is None and not gained and not lost:
            continue
        f1, precision, recall = (
            [None if score is None else getattr(score, name) for score in scores]
            for name in ("f1", "precision", "recall")
        )
        found.append(
            {
                "label": label.name,
                "support": 0 if known is None else known.support,
                "before": f1[0],
                "after": f1[1],
                **plain_difference(differences.get(column, Difference(None, None))),
                "precision": precision,
                "recall": recall,
                "gained": gained,
                "lost": lost,
            }
        )
    return found


def plain_difference(difference: Difference) -> dict[str, Any]:
    """As plain values; None where it is undefined."""
    interval = None if difference.interval is None else list(difference.interval)
    return {"change": difference.change, "interval": interval, "certain": difference.certain}


def _worse(two: Pair, before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Both numbers of what fell, macro first; None where nothing fell that one should be asked about."""
    fell = []
    n_groups = np.unique(two.common.groups).size
    for name, difference in (("macro", two.differences.macro), ("micro", two.differences.micro)):
        if difference.change is None:
            continue
        by_chance = difference.interval is None or difference.interval[1] >= 0
        fell_visibly = difference.change <= -WORTH_ASKING and n_groups >= ENOUGH
        if fell_visibly or not by_chance:
            was, now = before[name]["f1"], after[name]["f1"]
            change = told(difference.change, difference.interval)
            fell.append(f"{name} F1 {was:.3f} → {now:.3f}, {change}" + (", perhaps by chance" if by_chance else ""))
    reason = "; ".join(fell)
    return f"{reason[:1].upper()}{reason[1:]}.{_learned_besides(two)}" if fell else None


def _learned_besides(two: Pair) -> str:
    """What the later run knows and the comparison leaves out, which may be why it is worth having."""
    known = set() if two.before is None else {name for _, name in two.before.labels}
    more = sorted({name for _, name in two.after.labels} - known)
    if not more:
        return ""
    named = ", ".join(more[:NAMES_SHOWN]) + (", …" if len(more) > NAMES_SHOWN else "")
    return f" Left out: {named}, which the run before does not know."


def _why_not(two: Pair, *, n_shared: int) -> str | None:
    """Why two runs cannot be compared."""
    if two.before is None:
        return "The starter is not there."
    if not n_shared:
        return "The two runs have no tag in common."
    if two.regrouped:
        was = "was" if len(two.regrouped) == 1 else "were"
        return (
            f"{' and '.join(two.regrouped)} {was} scored with another grouping of merchants, and cannot be compared. "
            "Train again with the same settings to compare them."
        )
    if two.common.rows.size:
        return None
    if two.before_id == STARTER:
        return "The starter learned from the sample, so it cannot be scored on it."
    return "No reviewed transaction is left that neither run learned from."


def _thresholds(store: Store, bundle: Bundle) -> str:
    with store.db.read() as connection:
        version = stored_runs.standing(connection, bundle.run_id)
    return "as trained" if version is None else f"version {version.id}, saved by {version.author}"


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _word(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
