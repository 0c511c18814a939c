"""The same use cases without a browser: `python -m tagger COMMAND … [--json]`.

With --json, stdout carries exactly one JSON object and everything else goes to stderr. Exit codes: 0 done, 2 a mistake
that a person can mend, 1 a bug; for both, the object is {"error": {"type", "message", "hint"}}.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, TextIO

from tagger.command_line import thresholds
from tagger.config import CHECKOUT, Settings
from tagger.errors import SettingError, TaggerError
from tagger.learning.recipe import HeadSettings, Recipe, parse_features, parse_head
from tagger.learning.thresholds import parse_chooser
from tagger.services import (
    changes,
    comparing,
    curve,
    deep,
    doctor,
    evaluating,
    experiments,
    exporting,
    importing,
    labelset,
    quality,
    queue,
    review,
    runs,
    starter,
    tables,
    training,
    tries,
    why,
)
from tagger.services.encoding import Encoding
from tagger.services.jobs import Jobs
from tagger.services.pairs import pair
from tagger.services.progress import Progress
from tagger.services.store import Store
from tagger.transactions.layout import ReadOptions

logger = logging.getLogger(__name__)

Result = dict[str, Any]
Command = Callable[[argparse.Namespace, Settings], Result | str]  # a text only where no JSON was asked for


class UsageError(SettingError):
    """The command line's words are off."""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage as every other mistake: as JSON where JSON was asked for."""

    def __init__(self, **settings: Any) -> None:
        # A shortened option would change its meaning on the day that a longer one of the same beginning is added.
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.", hint=f"See: {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    out = sys.stdout
    try:
        options = parser().parse_args(words)
        options.json = as_json  # also where it stands before the command, whose own default hides it
        # Whatever a library prints goes to stderr: stdout belongs to the result.
        sys.stdout = sys.stderr
        _print(out, options.run(options, Settings.from_environment()), as_json=as_json)
        out.flush()
    except BrokenPipeError:
        # Whoever reads the result has read enough, as `head` does; what is left of it must not fail at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 128 + signal.SIGPIPE
    except TaggerError as error:
        _print_error(out if as_json else sys.stderr, type(error).__name__, str(error), error.hint, as_json=as_json)
        return 2
    except KeyboardInterrupt:
        return 130
    except Exception as error:  # noqa: BLE001 - the last resort of a program: say that it is a bug
        traceback.print_exc()
        if as_json:
            _print_error(out, type(error).__name__, str(error), "This is a bug; stderr has the details.", as_json=True)
        return 1
    finally:
        sys.stdout = out
    return 0


def parser() -> argparse.ArgumentParser:
    """Every command and its options."""
    shared = _Parser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    reading = _reading_options()
    recipe = _recipe_options()
    root = _Parser(prog="tagger", description="Tags bank transactions, on this machine.", parents=[shared])
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def add(name: str, run: Command, text: str, *parents: _Parser) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[shared, *parents])
        command.set_defaults(run=run)
        return command

    command = add("import", _import, "Import statements, or take an import back.", reading)
    command.add_argument("files", nargs="*", type=Path, metavar="FILE")
    command.add_argument("--account", default="", help="for rows that name no account")
    command.add_argument("--undo", metavar="BATCH", help="take this import back")

    command = add("train", _train, "Train a run on everything reviewed.", recipe)
    command.add_argument("--promote", action="store_true", help="let the run tag from now on")

    command = add("evaluate", _evaluate, "Train on one file, score on another; no database.", reading, recipe)
    command.add_argument("--train", type=Path, required=True, metavar="FILE")
    command.add_argument("--test", type=Path, required=True, metavar="FILE")
    command.add_argument("--train-rows", type=_positive, metavar="N", help="learn from N descriptions, one row each")
    command.add_argument("--remember", action="store_true", help="answer equal descriptions from memory")

    command = add("tag", _tag, "Tag a table, keeping its rows and columns.", reading)
    command.add_argument("source", type=Path, metavar="IN")
    command.add_argument("target", type=Path, metavar="OUT")
    command.add_argument("--run", dest="run_id", metavar="ID", help="default: the current run; 'starter' works too")
    command.add_argument("--threshold-version", type=int, metavar="ID")
    command.add_argument("--probabilities", action="store_true", help="add a column p:LABEL for each label")

    command = add("export", _export, "Write all transactions with their tags.")
    command.add_argument("target", type=Path, metavar="OUT")

    command = add("judge", _judge, "Record verdicts from a CSV: transaction_id, label, verdict yes|no.")
    command.add_argument("file", type=Path, metavar="FILE")

    labels = add("labels", _labels, "List and change labels.")
    _actions(
        labels,
        {"list": (), "add": ("name",), "rename": ("name", "new_name"), "merge": ("name", "into")}
        | {"archive": ("name",), "restore": ("name",)},
    )
    runs_command = add("runs", _runs, "List, show, compare, promote, roll back, note and discard runs.")
    _actions(
        runs_command,
        {"list": (), "show": ("run_id",), "compare": ("run_id", "with_run_id?"), "promote": ("run_id",)}
        | {"rollback": (), "note": ("run_id", "text"), "discard": ("run_id",)},
    )
    thresholds_command = add("thresholds", thresholds.run, "Show, change, save, compare and carry thresholds.")
    for name, action in _actions(thresholds_command, thresholds.ACTIONS).items():
        thresholds.add_options(name, action)

    command = add("queue", _queue, "List what to label next, and why.")
    command.add_argument("n_picks", type=_positive, nargs="?", default=queue.SIZE, metavar="N")
    command.add_argument("--label", metavar="NAME", help="ask about this label only, as for a rare one")
    command.add_argument("--curve", action="store_true", help="measure the learning curve first (trains a few times)")

    command = add(
        "experiments", _experiments, "Try settings beside each other, on the same folds; keep what is measured."
    )
    command.add_argument("--set", dest="kind", choices=tries.SETS, default="grid", help="default: grid")
    command.add_argument(
        "--axes",
        metavar="NAMES",
        help=f"what --set combinations combines, of {','.join(tries.AXES)}; default: {','.join(tries.DEFAULT_AXES)}",
    )

    _second_look(add)

    add("doctor", _doctor, "Check the whole store.")
    command = add("app", _app, "Serve the app.")
    command.add_argument("--port", type=int, default=8501)
    return root


def _second_look(add: Callable[..., argparse.ArgumentParser]) -> None:
    """The commands about single verdicts and predictions."""
    command = add("quality", _quality, "List likely errors, equal rows tagged differently, and tags to merge or teach.")
    command.add_argument("n_rows", type=_positive, nargs="?", default=quality.SHOWN, metavar="N")

    command = add("why", _why, "Say why a transaction has its tags, or why it has one or not.")
    command.add_argument("transaction_id")
    command.add_argument("--label", metavar="NAME", help="this label only, whether the transaction has it or not")


def _import(options: argparse.Namespace, settings: Settings) -> Result:
    if bool(options.files) == (options.undo is not None):
        raise UsageError("Name the files to import, or one import to undo.", hint="Say: tagger import FILE…")
    store = Store(settings)
    if options.undo is not None:
        return _job(store, "remove", lambda _: importing.undo_import(store, options.undo))
    uploads = importing.read_uploads(options.files, _read_options(options), options.account)
    return _job(store, "import", lambda progress: importing.import_files(store, uploads, progress))


def _train(options: argparse.Namespace, settings: Settings) -> Result:
    recipe = _recipe(options)
    store = Store(settings)
    work = deep.retrain if recipe.tuned_layers else training.train
    result = _job(store, "train", lambda progress: work(store, recipe, progress, promote_it=options.promote))
    if "deep" not in result:
        return result
    if options.json:
        logger.warning(deep.line(result["deep"]))
        return result
    rest = {} if result["run_id"] is None else result
    return {**rest, "deep": _deep_in_words(result["deep"])}


def _deep_in_words(told: dict[str, Any]) -> str:
    """`not kept: out of fold macro F1 0.412 → 0.409, −0.003 (−0.012 to 0.006)`."""
    outcome, change = "kept" if told["kept"] else "not kept", told["macro"]
    if change["change"] is None or change["interval"] is None:
        return f"{outcome}: it could not be scored"
    before, after = (told[name]["macro"]["f1"] for name in ("frozen", "tuned"))
    moved = comparing.told(change["change"], change["interval"])
    return f"{outcome}: out of fold macro F1 {before:.3f} → {after:.3f}, {moved}"


def _evaluate(options: argparse.Namespace, settings: Settings) -> Result:
    return evaluating.evaluate(
        Encoding(settings),
        train_path=options.train,
        test_path=options.test,
        recipe=_recipe(options),
        options=_read_options(options),
        progress=Progress(),
        starter_run=starter.installed(settings),
        train_rows=options.train_rows,
        remember=options.remember,
    )


def _tag(options: argparse.Namespace, settings: Settings) -> Result:
    return tables.tag_table(
        Store(settings),
        options.source,
        options.target,
        _read_options(options),
        Progress(),
        run_id=options.run_id,
        threshold_version=options.threshold_version,
        with_probabilities=options.probabilities,
    )


def _export(options: argparse.Namespace, settings: Settings) -> Result:
    store = Store(settings)
    return exporting.export_file(store, options.target)


def _judge(options: argparse.Namespace, settings: Settings) -> Result:
    return review.judge(Store(settings), tables.read_verdicts(options.file))


def _labels(options: argparse.Namespace, settings: Settings) -> Result:
    store = Store(settings)
    match options.action:
        case "list":
            return {"labels": labelset.overview(store)}
        case "add":
            label = labelset.add(store, options.name)
        case "rename":
            label = labelset.rename(store, options.name, options.new_name)
        case "merge":
            label = labelset.merge(store, options.name, options.into)
        case "archive":
            label = labelset.archive(store, options.name)
        case _:
            label = labelset.restore(store, options.name)
    return {"id": label.id, "name": label.name}


def _runs(options: argparse.Namespace, settings: Settings) -> Result | str:
    store = Store(settings)
    actions: dict[str, Callable[[], Result | str]] = {
        "list": lambda: {"runs": runs.overview(store)},
        "show": lambda: runs.show(store, options.run_id),
        "compare": lambda: _compare(store, options.run_id, options.with_run_id),
        "promote": lambda: comparing.promote(store, options.run_id),
        "rollback": lambda: runs.roll_back(store),
        "note": lambda: runs.note(store, options.run_id, options.text),
        "discard": lambda: _discard(store, options.run_id, as_json=options.json),
    }
    return actions[options.action]()


def _discard(store: Store, run_id: str, *, as_json: bool) -> Result | str:
    left = runs.successor(store, run_id)
    gone = runs.discard(store, run_id)
    name = "the starter" if left.is_starter else f"run {left.run_id}"
    return gone if as_json else f"Run {gone['run_id']} discarded. {left.line(name)}"


def _compare(store: Store, run_id: str, with_run_id: str | None) -> Result:
    two = pair(store, run_id, with_run_id)
    listed = changes.changes(two)
    return {
        **comparing.weigh(two),
        "changes": {"counts": listed.counts, "n_rows": listed.n_rows, "rows": [asdict(row) for row in listed.rows]},
    }


def _queue(options: argparse.Namespace, settings: Settings) -> Result:
    store = Store(settings)
    found = {**queue.listed(store, options.n_picks, options.label), "note": ""}
    if not options.curve:
        return found
    missing = curve.n_missing(store)
    if missing:
        note = f"A learning curve needs {curve.ENOUGH} different reviewed descriptions; {missing} are missing."
        return {**found, "note": note}
    return {**found, "learning_curve": _job(store, curve.KIND, lambda progress: curve.measure(store, progress))}


def _experiments(options: argparse.Namespace, settings: Settings) -> Result:
    if options.axes is not None and options.kind != "combinations":
        raise UsageError("--axes is for --set combinations.", hint="Add --set combinations, or leave it out.")
    axes = tries.DEFAULT_AXES if options.axes is None else options.axes.split(",")
    store = Store(settings)
    return _job(store, experiments.KIND, lambda told: experiments.measure(store, options.kind, told, axes=axes))


def _quality(options: argparse.Namespace, settings: Settings) -> Result:
    return quality.listed(Store(settings), options.n_rows)


def _why(options: argparse.Namespace, settings: Settings) -> Result:
    return why.told(Store(settings), options.transaction_id, options.label)


def _doctor(_options: argparse.Namespace, settings: Settings) -> Result:
    store = Store(settings)
    Jobs(store).tidy()
    return doctor.examine(store)


def _app(options: argparse.Namespace, _settings: Settings) -> Result:
    # A process of its own: Streamlit wants to own the main thread and its signals.
    command = [sys.executable, "-m", "tagger.ui.serve", "--server.port", str(options.port)]
    print(f"Transaction Tagger: http://localhost:{options.port}", file=sys.stderr, flush=True)  # noqa: T201
    code, stopped = _serve(command)
    if code and not stopped:
        raise SettingError(
            f"The server ended with exit code {code}.",
            hint=f"What it said stands above. If port {options.port} is taken, choose another with --port.",
        )
    return {"exit": code}


def _serve(command: list[str]) -> tuple[int, bool]:
    """Run the server until it ends: its exit code, and whether somebody asked this process to stop.

    Whoever stops this process means the server, so it never outlives it.
    """
    stopped = False
    with subprocess.Popen(command, cwd=CHECKOUT) as server:  # noqa: S603 - our own command

        def stop(*_: object) -> None:
            nonlocal stopped
            stopped = True
            server.terminate()

        before = signal.signal(signal.SIGTERM, stop)
        try:
            return server.wait(), stopped
        except BaseException:
            server.kill()
            raise
        finally:
            signal.signal(signal.SIGTERM, before)


def _job(store: Store, kind: str, work: Callable[[Progress], Result]) -> Result:
    """Run under the lease that the app's jobs share, with progress on stderr."""
    shown = ""

    def tell(progress: Progress) -> None:
        nonlocal shown
        line = progress.message + (f" {progress.done}/{progress.total}" if progress.total else "")
        if line != shown:
            shown = line
            print(line, file=sys.stderr, flush=True)  # noqa: T201

    jobs = Jobs(store)
    jobs.tidy()
    return jobs.run(kind, work, tell)


def _reading_options() -> _Parser:
    options = _Parser(add_help=False)
    group = options.add_argument_group("reading tables")
    for name in ("description", "date", "amount", "account", "labels"):
        group.add_argument(f"--{name}-column", metavar="NAME", help="default: guessed by name and content")
    group.add_argument("--labels-separator", default="|", metavar="TEXT")
    group.add_argument("--labels-matching", metavar="REGEX", help="keep only these labels")
    group.add_argument("--no-header", action="store_true")
    group.add_argument(
        "--blank-means-none", action="store_true", help="an empty labels cell says that no label applies"
    )
    return options


def _recipe_options() -> _Parser:
    options = _Parser(add_help=False)
    group = options.add_argument_group("training")
    group.add_argument(
        "--features",
        default="auto",
        help="auto, or a sum of cls, mean, both, lexical, amount, date, account, names, starter, neighbors, plain",
    )
    group.add_argument("--head", default="auto", help="auto, logistic or feedforward")
    group.add_argument(
        "--thresholds",
        default="auto",
        help="auto, blended, shrunk, or a goal: f1, f2, precision>=0.95, recall>=0.8, cost:1:5, grid, exact, fixed:0.5",
    )
    group.add_argument("--seed", type=int, default=0)
    group.add_argument(
        "--deep",
        action="store_true",
        help="train the encoder's last layers too; used only if that scores better out of fold (minutes, not seconds)",
    )
    group.add_argument("--layers", type=_positive, metavar="N", help=f"with --deep (default: {deep.LAYERS})")
    group.add_argument("--epochs", type=_positive, metavar="N", help=f"with --deep (default: {deep.EPOCHS})")
    return options


def _actions(
    command: argparse.ArgumentParser, actions: dict[str, tuple[str, ...]]
) -> dict[str, argparse.ArgumentParser]:
    sub = command.add_subparsers(dest="action", required=True, metavar="|".join(actions), parser_class=_Parser)
    made: dict[str, argparse.ArgumentParser] = {}
    for action, names in actions.items():
        made[action] = sub.add_parser(action)
        made[action].add_argument("--json", action="store_true", default=argparse.SUPPRESS)
        for name in names:
            made[action].add_argument(name.removesuffix("?"), nargs="?" if name.endswith("?") else None)
    return made


def _read_options(options: argparse.Namespace) -> ReadOptions:
    if not options.labels_separator:
        raise UsageError("The separator between labels is empty.", hint="Leave it out to use |.")
    return ReadOptions(
        description_column=options.description_column,
        date_column=options.date_column,
        amount_column=options.amount_column,
        account_column=options.account_column,
        labels_column=options.labels_column,
        labels_separator=options.labels_separator,
        labels_matching=options.labels_matching,
        no_header=options.no_header,
        blank_means_none=options.blank_means_none,
    )


def _recipe(options: argparse.Namespace) -> Recipe:
    parse_chooser(options.thresholds)
    recipe = Recipe(
        features=parse_features(options.features),
        head=HeadSettings(kind=parse_head(options.head)),
        thresholds=options.thresholds,
        seed=options.seed,
    )
    if options.deep:
        return deep.deeper(recipe, options.layers or deep.LAYERS, options.epochs or deep.EPOCHS)
    if options.layers or options.epochs:
        raise UsageError("--layers and --epochs are for --deep.", hint="Add --deep, or leave them out.")
    return recipe


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _print(stream: TextIO, result: Result | str, *, as_json: bool) -> None:
    if as_json:
        # ASCII, so that neither a terminal's encoding nor a file name that is no text can stop it.
        print(json.dumps(result, allow_nan=False), file=stream)
        return
    for line in _lines(result):
        print(line, file=stream)


def _print_error(stream: TextIO, kind: str, message: str, hint: str, *, as_json: bool) -> None:
    if as_json:
        _print(stream, {"error": {"type": kind, "message": message, "hint": hint}}, as_json=True)
    else:
        print(f"{message} {hint}".strip(), file=stream)


def _lines(value: object, indent: int = 0) -> list[str]:
    """A result for people: one line per value, tables as rows."""
    pad = "  " * indent
    if isinstance(value, dict):
        lines: list[str] = []
        for name, each in value.items():
            if each and (isinstance(each, dict | list) or (isinstance(each, tuple) and isinstance(each[0], dict))):
                lines += [f"{pad}{name}:", *_lines(each, indent + 1)]
            else:
                lines.append(f"{pad}{name}: {_plain(each)}")
        return lines
    if isinstance(value, list | tuple):
        return [
            pad + "  ".join(f"{name}={_plain(cell)}" for name, cell in each.items())
            if isinstance(each, dict)
            else f"{pad}{_plain(each)}"
            for each in value
        ]
    return [f"{pad}{_plain(value)}"]


def _plain(value: object) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items()) or "none"
    return str(value)


if __name__ == "__main__":
    logging.captureWarnings(capture=True)
    sys.exit(main())
