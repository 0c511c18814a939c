"""How long Review takes on the server, with 5,000 and 1,000,000 transactions, and how much memory.

What a person waits for: opening Review, another filter, a search, another page, a tag that is toggled. Each is all that
the page does for its answer but drawing: the view, the rows of the filter with their counts, and one page written out
for the browser. The peer counts the tags of a search in SQL, in a table of tags by transaction.

    python -m benchmarks review --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import save
from benchmarks.flips import furnished, p95
from tagger.config import Settings
from tagger.services import filtering, review
from tagger.services.filtering import Filter
from tagger.services.store import Store
from tagger.services.view import ABSENT
from tagger.ui.components.transaction_list import ListPage, page_data
from tagger.ui.widgets import list_days, list_labels

TARGETS = {5_000: 60.0, 1_000_000: 300.0}  # milliseconds, 95 of 100 times
MEMORY = 2.0  # GB
N_TIMES = 40
N_PEER = 5
PAGE = review.PAGE_SIZE


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks review")
    parser.add_argument("--rows", type=int, nargs="+", default=list(TARGETS))
    options = parser.parse_args(arguments)
    result = {}
    for n_rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            with furnished(Path(folder), n_rows) as store:
                settings = store.settings
            # A process of its own, without what building the store left in memory.
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
                found = apart.submit(measure_at, settings).result()
        result[n_rows] = found
        print(f"{n_rows:,} transactions, {found['descriptions']:,} descriptions, {found['labels']} tags")
        for name, each in found["milliseconds"].items():
            print(f"  {name:44}{median(each):9.1f} ms, p95 {p95(each):9.1f} ms  ({len(each)} times)")
        if n_rows in TARGETS:
            print(f"  target: p95 of each {TARGETS[n_rows]:.0f} ms; memory {MEMORY:.0f} GB")
        print(f"  most memory {found['gigabytes']:.2f} GB")
    save("review", {"stores": result, "targets": TARGETS})


def measure_at(settings: Settings) -> dict[str, Any]:
    store = Store(settings)
    found = measure(store)
    store.close()
    return found


def measure(store: Store, n_times: int = N_TIMES) -> dict[str, Any]:
    """Milliseconds of each step."""
    times: dict[str, list[float]] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        answer = work()
        times.setdefault(name, []).append(1000 * (time.perf_counter() - started))
        return answer

    def shown(wanted: Filter, page: int = 0) -> tuple[filtering.Found, list[review.Row]]:
        view = store.view()
        found = filtering.find(view, wanted)
        rows = review.rows(view, found.ids[page * PAGE : (page + 1) * PAGE])
        json.dumps(page_data(ListPage(list_labels(view.labels), list_days(rows))))
        return found, rows

    timed("the first time after a start", lambda: shown(Filter()))
    view = store.view()
    draw = np.random.default_rng(3)
    label_ids = [label.id for label in view.labels]
    words = [text.split()[2].lower() for text in view.columns.texts]
    pages = max(1, len(view.columns) // PAGE)
    steps = count()
    filters = [
        lambda: Filter(tags=(int(draw.choice(label_ids)),)),
        lambda: Filter(tags=tuple(draw.choice(label_ids, 2).tolist()), without=(int(draw.choice(label_ids)),)),
        lambda: Filter(state=filtering.OPEN, untagged=True),
        lambda: Filter(not_judged=(int(draw.choice(label_ids)),), probability=(0.4, 0.6)),
        lambda: Filter(disagrees=True),
    ]
    searches = [
        lambda: Filter(text=str(draw.choice(words))),
        lambda: Filter(text=f"card -{draw.choice(words)[:3]} >100"),
        lambda: Filter(text=f'"payment {draw.choice(words)[:2]}" date:2021-03'),
    ]
    for number in range(n_times):
        timed("opening", lambda: shown(Filter()))
        timed("another filter", lambda: shown(filters[number % len(filters)]()))  # noqa: B023  # called at once
        timed("a search", lambda: shown(searches[number % len(searches)]()))  # noqa: B023
        timed("another page", lambda: shown(Filter(), int(draw.integers(pages))))
        _, rows = shown(Filter(), int(draw.integers(pages)))
        row = rows[int(draw.integers(len(rows)))].id

        def toggle() -> None:
            step = {"operation": f"toggle {next(steps)}", "kind": "verdict", "transaction": row}  # noqa: B023
            review.apply(store, [{**step, "label": int(draw.choice(label_ids)), "value": "yes"}])
            shown(Filter())

        timed("a tag that is toggled", toggle)
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    peer(store, timed, words)
    return {
        "descriptions": len(view.columns.folds),
        "labels": len(view.labels),
        "gigabytes": gigabytes,
        "milliseconds": times,
    }


def peer(store: Store, timed: Callable[[str, Callable[[], Any]], Any], words: list[str]) -> None:
    """The counts of every tag under a search, in SQL and as bits."""
    view = store.view()
    database = sqlite3.connect(":memory:")
    database.execute("create table rows (row integer primary key, fold text)")
    database.execute("create table tags (label integer, row integer, primary key (label, row)) without rowid")
    folds = view.columns.folds
    database.executemany(
        "insert into rows values (?, ?)",
        ((row, folds[fold]) for row, fold in enumerate(view.columns.fold_index.tolist())),
    )
    for column in range(len(view.labels)):
        rows = np.flatnonzero(view.sources[:, column] != ABSENT).tolist()
        database.executemany("insert into tags values (?, ?)", ((column, row) for row in rows))
    for number in range(N_PEER):
        word = words[number][:2]
        query = (
            "select label, count(*) from tags join rows using (row) where instr(fold, ?) group by label order by label"
        )
        in_sql = timed("peer: counts of a search in SQL", lambda: database.execute(query, (word,)).fetchall())  # noqa: B023
        found = timed("peer: the same as bits", lambda: filtering.find(view, Filter(text=word)))  # noqa: B023
        as_bits = [(column, n) for column, n in enumerate(found.per_label.values()) if n]
        if in_sql != as_bits:
            raise AssertionError("SQL and bits disagree")
    database.close()


if __name__ == "__main__":
    main([])
