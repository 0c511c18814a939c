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

from data.sample.descriptors import Descriptor, descriptors
from tagger.config import CHECKOUT, Settings
from tagger.learning.metrics import score_labels
from tagger.learning.recipe import HeadSettings, Recipe, resolve
from tagger.services import importing, training
from tagger.services.evidence import group_hashes
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.services.training import TrainingSet
from tagger.storage.runs import STARTER, Bundle, write_bundle
from tagger.transactions.text import GROUP_VERSION, TEXT_VERSION, group_key, normalize_text

RECIPE = Recipe(features="both", head=HeadSettings(kind="logistic"), thresholds="grid", seed=0)


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
    of_sample = training.training_set(view)
    columns = of_sample.columns.tolist()
    names = [view.labels[column].name for column in columns]
    data = joined(of_sample, training_set_of(lines, names))
    texts = [view.columns.texts[place] for place in view.columns.text_index[of_sample.rows].tolist()]
    texts += [normalize_text(line.description) for line in lines]
    vectors, _ = store.encoding.embed(texts, progress)

    recipe = resolve(RECIPE, data.n_groups)
    fitted = training.fit(vectors, data, recipe, progress)
    scores = score_labels(data.y_true, fitted.y_pred, data.judged)
    seen = {view.columns.groups[place] for place in np.unique(of_sample.groups)}
    seen |= {group_key(line.description) for line in lines}
    return Bundle(
        run_id=STARTER,
        store_id=STARTER,
        created_at="2026-11-22T00:00:00Z",
        encoder=store.encoding.encoder.family,
        recipe=recipe.to_dict(),
        labels=tuple((view.labels[column].id, name) for column, name in zip(columns, names, strict=True)),
        thresholds=tuple(chosen.value for chosen in fitted.thresholds),
        summary={
            "n_transactions": len(texts),
            "n_groups": data.n_groups,
            "n_labels": len(names),
            "measured_on": training.MEASURED_ON,
            **training.described(scores, names, [chosen.value for chosen in fitted.thresholds]),
            "thresholds_tuned": [chosen.tuned for chosen in fitted.thresholds],
            "text_version": TEXT_VERSION,
            "group_version": GROUP_VERSION,
        },
        head=dict(fitted.model.tensors()),
        # It keeps which descriptions it learned from, so that it is never scored on them, and nothing else of them.
        evidence={"seen_groups": np.unique(group_hashes(sorted(seen)))},
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
