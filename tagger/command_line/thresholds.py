"""`thresholds`: show, move and save them; versions, their differences, and files that carry them."""

from __future__ import annotations

import argparse
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tagger.config import Settings
from tagger.errors import SettingError
from tagger.learning.goals import GOALS_HINT
from tagger.services import threshold_exchange, threshold_saving, threshold_versions, tuning
from tagger.services.store import Store
from tagger.services.threshold_files import read_document
from tagger.services.threshold_versions import AS_TRAINED, Version

logger = logging.getLogger(__name__)

# Each action with its words.
ACTIONS: dict[str, tuple[str, ...]] = {
    "show": (),
    "set": ("label", "value"),
    "goal": ("label", "goal"),
    "save": (),
    "history": (),
    "diff": ("before", "after"),
    "apply": ("version_or_file",),
    "export": ("target",),
}
ABOUT = {
    "goal": f"Move a draft where the label reaches the goal. {GOALS_HINT} Or recommended: as the run was trained.",
    "diff": "Where two versions differ and what each scores; version 0 is what the run was trained with.",
    "apply": "Use a version again (a number; 0: as trained), or a thresholds file (a file named 3 is ./3).",
    "export": "Write a version as a thresholds file, packed where OUT ends in .gz.",
}
FIGURES = [(average, score) for average in ("micro", "macro") for score in ("f1", "precision", "recall")]
HELD_OUT = "Held out: each row is cut where the labels' goals chose without it; labels moved by hand, as they stand."


def add_options(name: str, action: argparse.ArgumentParser) -> None:
    """The options of one action, and what it does."""
    action.description = ABOUT.get(name)
    if name not in {"apply", "goal"}:  # these are about the current run: what is in use, what transactions show
        action.add_argument("--run", dest="run_id", metavar="ID")
    if name in {"save", "apply"}:
        action.add_argument("--note", default="")
    if name == "export":
        action.add_argument("--threshold-version", type=int, metavar="ID", help="default: the one in use")


def run(options: argparse.Namespace, settings: Settings) -> dict[str, Any] | str:
    """Do what was asked; a text only where no JSON was asked for."""
    store = Store(settings)
    actions: dict[str, Callable[[], dict[str, Any] | str]] = {
        "show": lambda: tuning.show(store, options.run_id),
        "set": lambda: tuning.set_draft(store, options.label, _share(options.value), options.run_id),
        "goal": lambda: _goal(store, options),
        "save": lambda: threshold_saving.save_draft(store, note=options.note, run_id=options.run_id),
        "history": lambda: _history(store, options.run_id, as_json=options.json),
        "diff": lambda: _diff(store, options),
        "apply": lambda: _apply(store, options),
        "export": lambda: threshold_exchange.export_file(
            store, Path(options.target), options.threshold_version, options.run_id
        ),
    }
    return actions[options.action]()


def _goal(store: Store, options: argparse.Namespace) -> dict[str, Any] | str:
    found = tuning.set_goal(store, options.label, options.goal)
    if options.json:
        return found
    lines = [f"{found['label']} stands at {_figure(found['threshold'])} now, to reach {found['goal']}."]
    if found["note"]:
        lines.append(f"{found['note']}.")
    return "\n".join([*lines, "Not in use yet: tagger thresholds save."])


def _history(store: Store, run_id: str | None, *, as_json: bool) -> dict[str, Any] | str:
    versions = threshold_versions.history(store, run_id)
    if as_json:
        *saved, as_trained = (_plain(version) for version in versions)
        return {"versions": saved, "as_trained": as_trained}
    rows = [("VERSION", "SAVED (UTC)", "BY", "HELD-OUT MICRO F1", "MACRO F1", "BY HAND", "CHANGED", "NOTE")]
    for version in versions:
        notes = ["in use"] * version.in_use + ["as trained"] * (version.id == AS_TRAINED) + [version.note]
        fair = threshold_versions.held_out(version.metrics)
        rows.append(
            (
                str(version.id),
                f"{version.created_at:%Y-%m-%d %H:%M}",
                version.author or "–",
                _figure(fair["micro_f1"]),
                _figure(fair["macro_f1"]),
                _figure(fair["by_hand"]),
                "–" if version.n_changed is None else str(version.n_changed),
                ", ".join(" ".join(note.split()) for note in notes if note),
            )
        )
    return "\n".join(
        [
            f"Thresholds of run {versions[0].run_id}, newest first. Scores of the day of saving; of version 0, of now.",
            *_aligned(rows),
            HELD_OUT,
            "Two measured on the same transactions: tagger thresholds diff VERSION VERSION",
        ]
    )


def _plain(version: Version) -> dict[str, Any]:
    return {
        "id": version.id,
        "run_id": version.run_id,
        "created_at": threshold_versions.stamp(version.created_at),
        "author": version.author,
        "note": version.note,
        "in_use": version.in_use,
        "metrics": version.metrics,
        "goals": version.goals,
    }


def _diff(store: Store, options: argparse.Namespace) -> dict[str, Any] | str:
    found = threshold_versions.diff(store, _number(options.before), _number(options.after), options.run_id)
    if options.json:
        return found
    before, after = found["before"], found["after"]
    n, measured_on = before["now"]["n_transactions"], before["now"]["measured_on"]
    labels = [(each["label"], _figure(each["before"]), "→", _figure(each["after"])) for each in found["labels"]]
    columns = [side[when] for when in ("now", "saved") for side in (before, after)]
    rows = [_figures(each) for each in columns]
    scores = [("", *(f"{side['id']} {when}" for when in ("now", "then") for side in (before, after)))]
    scores += [(name, *(_figure(each[name]) for each in rows)) for name in rows[0]]
    return "\n".join(
        [
            f"Run {found['run_id']}, versions {before['id']} and {after['id']}. Labels that differ: {len(labels)}",
            *_aligned(labels),
            f"Now: both measured on the same {n} transactions ({measured_on}).",
            "Then: each as it was when it was saved, on the rows of that day; these do not compare the two.",
            *_aligned(scores),
            HELD_OUT,
            "On these rows, thresholds that were chosen on them look better than they are.",
        ]
    )


def _figures(metrics: Mapping[str, Any] | None) -> dict[str, float | None]:
    """What a version scored, held out first; None for what was not kept."""
    fair = threshold_versions.held_out(metrics)
    return {
        **{f"{average} f1, held out": fair[f"{average}_f1"] for average in ("micro", "macro")},
        "moved by hand": fair["by_hand"],
        **{f"{average} {score}, on these rows": metrics and metrics[average][score] for average, score in FIGURES},
        "tags given": metrics and metrics["tags_given"],
    }


def _apply(store: Store, options: argparse.Namespace) -> dict[str, Any]:
    word: str = options.version_or_file
    if re.fullmatch(r"[0-9]+", word):
        if options.note:
            raise SettingError("A version that is used again keeps its note.", hint="Leave --note out.")
        result = threshold_saving.go_back(store, _number(word))
    else:
        result = threshold_exchange.apply(store, read_document(Path(word)), note=options.note)
    if options.json:
        for warning in result["warnings"]:
            logger.warning(warning)
    return result


def _number(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise SettingError(f"{text!r} is no version of thresholds.", hint="List them: tagger thresholds history.")
    return int(text)


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"{text!r} is no threshold.", hint="Give a number from 0 to 1.") from None


def _figure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, their cells below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
