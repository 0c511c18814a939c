"""Trains the starter, the run that tags a first upload: from the sample's sorted year and the invented descriptors.

The sample's statements are rows as a home has them. The descriptors are never imported: they know cells that are not
judged, and which lines were made from the same merchant, neither of which a statement can say.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.sample.descriptors import Descriptor, descriptors
from tagger.config import CHECKOUT, Settings
from tagger.learning.crossfit import OutOfFold, chosen_on, cross_fitted_predictions
from tagger.learning.metrics import score_labels
from tagger.learning.recipe import HeadSettings, Recipe, resolve
from tagger.learning.thresholds import Chooser, ChosenThreshold, parse_chooser
from tagger.services import importing, training
from tagger.services.gathering import TrainingSet, examples_of, training_set
from tagger.services.inputs import Facts, group_hashes
from tagger.services.progress import Progress
from tagger.services.scores import described
from tagger.services.store import Store
from tagger.storage.runs import STARTER, Bundle, write_bundle
from tagger.transactions.merchant import GROUP_VERSION, group_key
from tagger.transactions.text import TEXT_VERSION, normalize_text

RECIPE = Recipe(features="both+lexical+amount", head=HeadSettings(kind="logistic"), thresholds="grid", seed=0)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        store = Store(replace(Settings.from_environment(), home=Path(home), author="sample"))
        bundle = train(store, descriptors(), Progress())
        store.close()
    folder = CHECKOUT / "models" / STARTER
    shutil.rmtree(folder, ignore_errors=True)
    write_bundle(folder, bundle)
    summary = bundle.summary
    print(f"{folder}: {summary['n_labels']} labels, macro F1 {summary['macro']['f1']:.3f} {summary['measured_on']}")


def train(store: Store, lines: Sequence[Descriptor], progress: Progress) -> Bundle:
    """Import the sample's statements into an empty store, and train on them and on `lines`."""
    importing.import_files(store, importing.sample_uploads(store), progress, is_sample=True, tag=False)
    view = store.view()
    of_sample = training_set(view)
    columns = of_sample.columns.tolist()
    names = [view.labels[column].name for column in columns]
    data = joined(of_sample, training_set_of(lines, names))
    recipe = resolve(RECIPE, data.n_groups)
    facts = facts_with(view.columns.facts.take(of_sample.rows), lines)
    labels = [(name, "") for name in names]
    examples = examples_of(
        store.encoding, data, recipe.features, progress, facts=facts, labels=labels, starter_run=None
    )
    fitted = training.fit(examples, recipe, progress)
    thresholds, y_pred = for_strangers(fitted, data, parse_chooser(recipe.thresholds))
    scores = score_labels(data.y_true, y_pred, data.judged)
    seen = {view.columns.groups[place] for place in np.unique(of_sample.groups)}
    seen |= {group_key(line.description) for line in lines}
    return Bundle(
        run_id=STARTER,
        store_id=STARTER,
        created_at="2026-11-22T00:00:00Z",
        encoder=store.encoding.family,
        recipe=recipe.to_dict(),
        labels=tuple((view.labels[column].id, name) for column, name in zip(columns, names, strict=True)),
        thresholds=tuple(chosen.value for chosen in thresholds),
        summary={
            "n_transactions": len(facts),
            "n_groups": data.n_groups,
            "n_labels": len(names),
            "measured_on": training.MEASURED_ON,
            **described(scores, names, [chosen.value for chosen in thresholds]),
            "thresholds_tuned": [chosen.tuned for chosen in thresholds],
            "text_version": TEXT_VERSION,
            "group_version": GROUP_VERSION,
        },
        head=dict(fitted.model.tensors()),
        # It keeps which descriptions it learned from, so that it is never scored on them, and nothing else of them.
        # What it said of each out of fold is what a head of one's own may begin with.
        evidence={"seen_groups": np.unique(group_hashes(sorted(seen))), **told(facts.texts, fitted.y_prob)},
    )


def for_strangers(
    fitted: training.Fitted, data: TrainingSet, chooser: Chooser
) -> tuple[list[ChosenThreshold], NDArray[np.bool_]]:
    """Thresholds, and every row cut at those of the other folds, from held-out families alone.

    A stranger's merchants are new, and the lines of a family are no repeats that a later batch would hold again.
    """
    none_seen = np.empty((int(fitted.folds.max()) + 1, 0, data.columns.size), dtype=np.float32)
    oof = OutOfFold(fitted.y_prob, fitted.folds, repeated=np.empty(0, dtype=np.int64), y_seen=none_seen)
    thresholds = chosen_on(oof, data.y_true, data.judged, data.groups, chooser, y_seen=none_seen[0])
    return thresholds, cross_fitted_predictions(oof, data.y_true, data.judged, data.groups, chooser)


def told(texts: Sequence[str], y_prob: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """Mean logits of equal texts, float16 (n_keys, n_labels), and the texts' keys."""
    keys, place = np.unique(group_hashes([group_key(text) for text in texts]), return_inverse=True)
    p = np.clip(y_prob, 1e-5, 1 - 1e-5).astype(np.float64)
    sums = np.zeros((keys.size, y_prob.shape[1]))
    np.add.at(sums, place, np.log(p / (1 - p)))
    return {"told_keys": keys, "told": (sums / np.bincount(place)[:, None]).astype(np.float16)}


def facts_with(facts: Facts, lines: Sequence[Descriptor]) -> Facts:
    """The rows and then the lines, which have neither day nor account, and half of them no amount.

    With every amount known, the head leans on them and loses .11 macro F1 on lines that come without one.
    """
    known = np.random.default_rng(RECIPE.seed).random(len(lines)) < 0.5
    amounts = np.where(known, [float(line.amount) for line in lines], np.nan)
    return Facts(
        texts=[*facts.texts, *(normalize_text(line.description) for line in lines)],
        amounts=np.concatenate([facts.amounts, amounts]),
        days=np.concatenate([facts.days, np.zeros(len(lines), dtype=np.int32)]),
        accounts=[*facts.accounts, *([""] * len(lines))],
    )


def training_set_of(lines: Sequence[Descriptor], names: Sequence[str]) -> TrainingSet:
    """The lines as rows to learn from, with a column for each of the names; a family is a group.

    Raises
    ------
    ValueError
        If a line has a tag that is not among the names.
    """
    column_of = {name: column for column, name in enumerate(names)}
    y_true = np.zeros((len(lines), len(names)), dtype=np.bool_)
    judged = np.ones_like(y_true)
    for row, line in enumerate(lines):
        if unknown := (line.tags | line.not_judged) - column_of.keys():
            raise ValueError(f"{line.description!r} has the unknown tags {sorted(unknown)}.")
        y_true[row, [column_of[tag] for tag in line.tags]] = True
        judged[row, [column_of[tag] for tag in line.not_judged]] = False
    families = {family: group for group, family in enumerate(dict.fromkeys(line.family for line in lines))}
    return TrainingSet(
        rows=np.arange(len(lines)),
        columns=np.arange(len(names)),
        y_true=y_true,
        judged=judged,
        groups=np.array([families[line.family] for line in lines], dtype=np.int64),
    )


def joined(first: TrainingSet, second: TrainingSet) -> TrainingSet:
    """The rows of both, which have the same columns and no group in common."""
    n_first = first.rows.size
    return TrainingSet(
        rows=np.arange(n_first + second.rows.size),
        columns=np.arange(second.columns.size),
        y_true=np.concatenate([first.y_true, second.y_true]),
        judged=np.concatenate([first.judged, second.judged]),
        groups=np.concatenate([first.groups, second.groups + first.groups.max(initial=-1) + 1]),
    )


if __name__ == "__main__":
    main()
