"""Trains the starter: the run that tags a first upload, from the sorted year of the sample data."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from tagger.config import CHECKOUT, Settings
from tagger.learning.recipe import HeadSettings, Recipe
from tagger.services import importing, training
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.storage.runs import STARTER, read_bundle, write_bundle

RECIPE = Recipe(features="both", head=HeadSettings(kind="logistic"), thresholds="grid", seed=0)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        store = Store(replace(Settings.from_environment(), home=Path(home), author="sample"))
        progress = Progress()
        importing.import_files(store, importing.sample_uploads(store), progress, is_sample=True, tag=False)
        report = training.train(store, RECIPE, progress)
        bundle = read_bundle(store.settings.runs_path / report["run_id"])
        store.close()
    # It keeps which descriptions it learned from, so that it is never scored on them, and nothing else of them.
    evidence = {"seen_groups": bundle.evidence["seen_groups"]}
    folder = CHECKOUT / "models" / STARTER
    shutil.rmtree(folder, ignore_errors=True)
    write_bundle(
        folder, replace(bundle, run_id=STARTER, store_id=STARTER, created_at="2026-11-22T00:00:00Z", evidence=evidence)
    )
    print(f"{folder}: {report['n_labels']} labels, macro F1 {report['macro']['f1']:.3f} {report['measured_on']}")


if __name__ == "__main__":
    main()
