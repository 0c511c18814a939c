"""A process that starts a job and is killed on the way: `crash_worker.py HOME ACTION POINT [HOME ACTION POINT]…`.

The libraries take seconds to load, so one process loads them and each job runs in a fork of its own, one after another.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent), str(HERE)]

import steps  # noqa: E402 - needs the path
from toys import NO_STARTER, ToyEncoder, one_thread  # noqa: E402

from tagger.config import Settings  # noqa: E402
from tagger.learning import model  # noqa: E402
from tagger.learning.recipe import Recipe  # noqa: E402
from tagger.services import importing, training  # noqa: E402
from tagger.services.importing import Upload, import_files  # noqa: E402
from tagger.services.jobs import Jobs  # noqa: E402
from tagger.services.progress import Progress  # noqa: E402
from tagger.services.store import Store  # noqa: E402
from tagger.storage import matrices, runs, transactions  # noqa: E402

NEW_SHOPS = "date,description,amount,tags\n" + "".join(
    f"2024-05-{1 + number % 28:02d},{name} new {number},-{number}.00,{'fun' if number % 3 else ''}\n"
    for number, name in enumerate(["CINEMA", "BOOKS", "THEATRE"] * 20)
)


def open_store(home: Path) -> Store:
    """The home with a toy encoder and no starter."""
    Settings.starter_path = NO_STARTER
    store = Store(Settings(home=home, author="ada"))
    store.encoding.use(ToyEncoder())
    return store


def bring(store: Store) -> Callable[[Progress], dict[str, Any]]:
    """An import of two files."""
    uploads = [
        Upload("may.csv", NEW_SHOPS.encode(), account="main"),
        Upload("june.csv", NEW_SHOPS.replace("2024-05", "2024-06").encode(), account="main"),
    ]
    return lambda progress: import_files(store, uploads, progress)


def learn(store: Store) -> Callable[[Progress], dict[str, Any]]:
    """A training whose run is promoted."""
    return lambda progress: training.train(store, Recipe(), progress, promote_it=True)


ACTIONS = {"import": bring, "train": learn}

# Where the process dies: at the n-th call of that function, before or after it has done its work.
POINTS: dict[str, tuple[Any, str, int, str]] = {
    "import: reading the second file": (importing, "read_statement", 2, "before"),
    "import: between rows and report": (transactions, "set_report", 1, "before"),
    "import: before the commit": (transactions, "set_report", 1, "after"),
    "import: stored, not yet tagged": (importing, "tag_all", 1, "before"),
    "import: between embeddings and their keys": (matrices, "_append", 1, "after"),
    "import: between probabilities and their keys": (matrices, "_append", 3, "after"),
    "train: fitting the third fold": (model.Model, "fit", 3, "before"),
    "train: between probabilities and their keys": (matrices, "_append", 1, "after"),
    "train: while the bundle lies aside": (runs, "_force_to_disk", 2, "before"),
    "train: before the bundle's row": (runs, "add_run", 1, "before"),
    "train: before the row's commit": (runs, "add_run", 1, "after"),
    "train: before the promotion": (training, "promote", 1, "before"),
}


def die_at(point: str) -> None:
    owner, name, wanted, when = POINTS[point]
    whole = getattr(owner, name)
    calls = 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == wanted and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = whole(*args, **kwargs)
        if calls == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, dying)


def work(home: Path, action: str, point: str) -> None:
    store = open_store(home)
    if point in POINTS:
        die_at(point)
    Jobs(store).run(action, ACTIONS[action](store))


def work_for_ever(home: Path) -> None:
    """Import, take back and train until someone kills this process."""
    store = open_store(home)
    jobs = Jobs(store)
    jobs.tidy()
    print("ready", flush=True)
    while True:
        batch = jobs.run("import", bring(store))["batch_id"]
        jobs.run("train", learn(store))
        steps.verdict(store, store.view().columns.ids[0], store.view().labels[0].id, "no")
        importing.undo_import(store, batch)


@one_thread()
def main(words: list[str]) -> None:
    if len(words) == 1:
        work_for_ever(Path(words[0]))
    for home, action, point in zip(words[::3], words[1::3], words[2::3], strict=True):
        child = os.fork()
        if not child:
            try:
                work(Path(home), action, point)
            finally:
                os._exit(3)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
