"""The benchmark of flips, on a small store: it runs, and is quick there."""

from __future__ import annotations

import numpy as np
import pytest
from toys import NO_STARTER

from benchmarks import flips as benchmark
from tagger.config import Settings
from tagger.services import tuning


@pytest.mark.soak
def test_in_10_000_transactions_what_flips_is_listed_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(Settings, "starter_path", NO_STARTER)
    with benchmark.furnished(tmp_path, 10_000) as store:
        found = benchmark.measure(store, n_releases=20)
        for name, milliseconds in found["milliseconds"].items():
            print(f"{name:46}{np.median(milliseconds):8.1f} ms")
        # Three times what an idle two-core machine needs, at the median: others may be using this one.
        assert np.median(found["milliseconds"]["from release to list"]) < 150
        view, panel = store.view(), tuning.panel(store)
        assert (len(view.columns), len(panel.labels), panel.n_transactions >= 2_000) == (10_000, 60, True)
        assert len(view.columns.folds) == 1200
        assert found["inputs"] > 2 * 1200
        assert panel.n_changed > 50
