"""Fixtures of several files."""

from __future__ import annotations

import random

import numpy as np
import pytest
from noisy_run import fill
from steps import add_made_up_run, confirm, import_csv, make_labels, statement, verdict

from tagger.services.store import Store


@pytest.fixture
def noisy(prepared) -> Store:
    return prepared(fill)


@pytest.fixture
def many(store: Store) -> Store:
    """130 rows over a month and some without a date, three labels, a made-up run, and verdicts here and there."""
    draw = random.Random(5)
    ids = make_labels(store, "groceries", "fuel", "rent")
    shops = ["TESCO STORES", "Shell London", "CAFÉ Zürich", "RENT <b>MARCH</b>", "TESCO Express London"]
    days = [f"2024-03-{draw.randrange(1, 29):02d}" if draw.random() < 0.9 else "" for _ in range(130)]
    rows = [f"{day},{draw.choice(shops)} {number % 40},-{number}.00" for number, day in enumerate(days)]
    import_csv(store, statement(*rows, header="date,description,amount"))
    second = [f"2024-04-{day:02d},MARCH ONLINE {day},{day}.50,joint" for day in range(1, 8)]
    import_csv(store, statement(*second, header="date,description,amount,account"), "joint.csv")
    view = store.view()
    probabilities = np.random.default_rng(0).random((len(view.columns.texts), 3)) ** 2
    add_made_up_run(store, probabilities, [0.5, 0.6, 0.7], ids)
    for row in draw.sample(view.columns.ids, 30):
        if draw.random() < 0.5:
            confirm(store, row, draw.sample(ids, draw.randrange(3)))
        else:
            verdict(store, row, draw.choice(ids), draw.choice(["yes", "no"]))
    return store
