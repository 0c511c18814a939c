"""How well ways to choose a threshold per label do on rows that chose nothing: the protocol behind the default.

From each file, rows are drawn as they come, repeats included: so many judged ones, and others to be scored on. A head
of the default recipe is fitted once for each file, number of rows and seed, and every way to choose cuts the same
probabilities. Two figures, always both:

- "unseen": rows whose merchant (`merchant.group_key`) no judged row has, drawn from all that were not judged;
- "later": rows drawn at random from all that were not judged, most of them repeats, as the next statement has them.

Macro F1 is the mean over labels that a judged row has and at least five scored rows have; tags per row count all labels
that were learned. The head answers alone, without memory.

Out of fold, no merchant is in two of five folds. The reference is the original grid there, for every label with a
positive. The default has to

- be lower than the reference by more than .003 on neither figure, in the mean over all draws and over those of each
  file, paired by file, number of rows and seed;
- give at least 1 / 1.5 and at most 1.5 times the true number of tags per row, on each file, number of rows and figure.

The interval of a difference (95 %, Student's t over the draws) says what other draws from these files would give, not
what other files would. A file with fewer rows than asked for is judged to three quarters.

    python -m benchmarks choosing --data FILE FILE --labels-matching '^(group|merchant|type|cat|sub):' --seeds 5

Without a file it takes the sample data, which is small.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from scipy.special import expit, logit
from scipy.stats import t as student

from benchmarks import save
from tagger.config import CHECKOUT, Settings
from tagger.learning.crossfit import OutOfFold, chosen_on, fit_and_score
from tagger.learning.goals import DEFAULT_THRESHOLD, BestF, Grid
from tagger.learning.metrics import score_labels, summarize
from tagger.learning.model import Model
from tagger.learning.recipe import Recipe, resolve
from tagger.learning.thresholds import (
    BlendedChooser,
    Chooser,
    GoalChooser,
    ShrunkChooser,
    apply_thresholds,
    choose_thresholds,
    half_of_expected_f1,
)
from tagger.services import starter
from tagger.services.encoding import Encoding
from tagger.services.gathering import TrainingSet, examples_of
from tagger.services.inputs import Facts, facts_of_table, gather_inputs
from tagger.services.progress import Progress
from tagger.storage.runs import Bundle
from tagger.transactions.layout import ReadOptions
from tagger.transactions.merchant import group_key
from tagger.transactions.readers import read_table

SAMPLE = CHECKOUT / "data" / "sample" / "statements" / "household-current.csv"
SIZES = (200, 1000, 5000)
MOST_JUDGED = 0.75  # of a file's rows; a larger size takes so many
MIN_TEST_ROWS = 5  # with a label, for it to count
FIGURES = ("unseen", "later")
TOLERANCE, MOST_TAGS = 0.003, 1.5
FBR = np.arange(1, 9) / 10


@dataclass(frozen=True)
class Judged:
    """What a way to choose may look at: verdicts on n rows, and what heads that saw none of a row's merchant say of it.

    Attributes
    ----------
    y_true : bool (n, n_labels); every cell is judged.
    groups : int64 (n,), equal for rows of one merchant.
    y_seen : float32 (n_repeated, n_labels), what the head on all rows says of `oof.repeated`.
    """

    y_true: np.ndarray
    groups: np.ndarray
    oof: OutOfFold
    y_seen: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        return np.ones_like(self.y_true)

    @classmethod
    def held_out(cls, y_true: np.ndarray, y_prob: np.ndarray, groups: np.ndarray) -> Judged:
        """Rows that one head never saw, without folds."""
        nothing = np.empty((0, y_true.shape[1]), dtype=np.float32)
        rows = np.zeros(len(y_true), dtype=np.int64)
        return cls(y_true, groups, OutOfFold(y_prob, rows, rows[:0], nothing[np.newaxis]), nothing)


Choose = Callable[[Judged], np.ndarray]  # one threshold per label
EXACT, ON_GRID = GoalChooser(BestF()), GoalChooser(Grid())


def each_label(chooser: Chooser) -> Choose:
    """On its own, however few its examples; a label without a positive keeps the default."""
    return lambda known: _values(chooser, known.y_true, known.oof.y_prob, known.groups, min_groups=1)


def with_evidence(chooser: Chooser) -> Choose:
    """The same where at least ten merchants have the label."""
    return lambda known: _values(chooser, known.y_true, known.oof.y_prob, known.groups)


def as_shipped(chooser: Chooser) -> Choose:
    """The same on evidence of two halves: new descriptions, and a later batch."""

    def choose(known: Judged) -> np.ndarray:
        verdicts = (known.y_true, known.judged, known.groups)
        return np.array([each.value for each in chosen_on(known.oof, *verdicts, chooser, y_seen=known.y_seen)])

    return choose


def _values(
    chooser: Chooser, y_true: np.ndarray, y_prob: np.ndarray, groups: np.ndarray, **settings: int
) -> np.ndarray:
    judged = np.ones_like(y_true)
    return np.array([each.value for each in choose_thresholds(y_true, y_prob, judged, groups, chooser, **settings)])


def fixed(known: Judged) -> np.ndarray:
    return np.full(known.y_true.shape[1], DEFAULT_THRESHOLD)


def one_for_all(known: Judged) -> np.ndarray:
    """The threshold with the best mean F1 over labels with a positive, if all labels have the same."""
    found = known.y_true.any(axis=0)
    y_true, y_prob = known.y_true[:, found], known.oof.y_prob[:, found]
    candidates = 1 / (1 + np.exp(-np.linspace(-6, 6, 121)))
    macro = [f1_of(y_true, y_prob >= value).mean() if found.any() else 0.0 for value in candidates]
    return np.full(found.size, candidates[int(np.argmax(macro))])


def optima_of_folds(known: Judged) -> np.ndarray:
    """The exact optimum of each label on each fold, (n_folds, n_labels); NaN in a fold without a positive."""
    optima = []
    for fold in range(known.oof.folds.max() + 1):
        rows = known.oof.folds == fold
        y_true, y_prob = known.y_true[rows], known.oof.y_prob[rows]
        found = y_true.any(axis=0)
        optima.append(EXACT.choose(y_true, y_prob, np.ones_like(y_true), found.astype(np.int64)))
    return np.array(optima)


def averaged_over_folds(known: Judged) -> np.ndarray:
    """The mean of the folds' optima; the default where no fold has a positive."""
    optima = optima_of_folds(known)
    counts = np.count_nonzero(~np.isnan(optima), axis=0)
    return np.where(counts > 0, np.nansum(optima, axis=0) / np.maximum(counts, 1), DEFAULT_THRESHOLD)


def scut_fbr_1(known: Judged) -> np.ndarray:
    """Averaged over folds; where a fold's best F1 is below a bound, the fold's highest score stands for its optimum.

    The bound is, for each label, the one with the best F1 if each fold is cut at what the others say (Fan & Lin 2007,
    A study on threshold selection for multi-label classification; after Yang 2001, doi:10.1145/383952.383975).
    """
    folds = [known.oof.folds == fold for fold in range(known.oof.folds.max() + 1)]
    optima = optima_of_folds(known)
    best = np.array(
        [
            f1_of(known.y_true[rows], apply_thresholds(known.oof.y_prob[rows], np.nan_to_num(own, nan=2.0)))
            for rows, own in zip(folds, optima, strict=True)
        ]
    )
    highest = np.array([known.oof.y_prob[rows].max(axis=0) for rows in folds])
    cut_at = np.array([np.where(best < bound, highest, optima) for bound in FBR])  # (n_bounds, n_folds, n_labels)
    scores = []
    for of_folds in cut_at:
        y_pred = np.zeros_like(known.y_true)
        for fold, rows in enumerate(folds):
            others = np.delete(of_folds, fold, axis=0) if len(folds) > 1 else of_folds
            y_pred[rows] = apply_thresholds(known.oof.y_prob[rows], others.mean(axis=0))
        scores.append(f1_of(known.y_true, y_pred))
    bound = np.argmax(scores, axis=0)
    return np.take_along_axis(cut_at.mean(axis=1), bound[np.newaxis], axis=0)[0]


def plug_in(known: Judged) -> np.ndarray:
    """Half of the best F1 that the probabilities promise (Lipton, Elkan & Narayanaswamy 2014, arXiv:1402.1892)."""
    return half_of_expected_f1(known.oof.y_prob, known.judged)


@dataclass(frozen=True)
class HalfwayChooser:
    """The default of before: halfway, on the logit scale, between `ShrunkChooser` and the plug-in."""

    tunes = True

    def choose(self, y_true: np.ndarray, y_prob: np.ndarray, judged: np.ndarray, n_positive: np.ndarray) -> np.ndarray:
        by_verdicts = ShrunkChooser().choose(y_true, y_prob, judged, n_positive)
        by_probabilities = half_of_expected_f1(y_prob, judged)
        by_probabilities = np.where(np.isnan(by_probabilities), by_verdicts, by_probabilities)
        return expit((logit(by_verdicts) + logit(by_probabilities)) / 2)


REFERENCE, DEFAULT, ORACLE = "17-point grid, out of fold", "the default (blended)", "best on the scored rows"
HALFWAY = "halfway to the plug-in, as shipped"
# A fifth of the judged rows chooses thresholds for a head on the others.
HOLD_OUT: dict[str, Choose] = {
    "exact optimum, 20 % holdout": each_label(EXACT),
    "17-point grid, 20 % holdout": each_label(ON_GRID),
}
OUT_OF_FOLD: dict[str, Choose] = {
    "fixed 0.5": fixed,
    "exact optimum, out of fold": each_label(EXACT),
    "exact optimum, averaged over folds": averaged_over_folds,
    REFERENCE: each_label(ON_GRID),
    "one threshold for all": one_for_all,
    "SCutFBR.1": scut_fbr_1,
    "plug-in, F*/2": plug_in,
    "shrunk": with_evidence(ShrunkChooser()),
    "exact optimum, as shipped": as_shipped(EXACT),
    "17-point grid, as shipped": as_shipped(ON_GRID),
    "shrunk, as shipped": as_shipped(ShrunkChooser()),
    HALFWAY: as_shipped(HalfwayChooser()),
    DEFAULT: as_shipped(BlendedChooser()),
}


@dataclass(frozen=True)
class Scored:
    """Rows to be scored: verdicts, and what two heads say, the one on all judged rows and the one on four fifths."""

    y_true: np.ndarray
    y_prob: np.ndarray
    y_prob_of_four_fifths: np.ndarray


@dataclass(frozen=True)
class Draw:
    """One draw of rows from a file, with one fit on them."""

    file: str
    n_judged: int
    seed: int
    share_seen: float  # of the later rows: their merchant is judged
    known: Judged
    fifth: Judged
    figures: dict[str, Scored]


def f1_of(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """F1 of each label; 0 where there is neither a positive nor a prediction."""
    hits = np.count_nonzero(y_true & y_pred, axis=0)
    both = np.count_nonzero(y_true, axis=0) + np.count_nonzero(y_pred, axis=0)
    return 2 * hits / np.maximum(both, 1)


def scores_of(draw: Draw) -> dict[str, dict[str, dict[str, float]]]:
    """For each way to choose and figure: macro and micro F1, tags per row, and the truth's."""
    chosen = {name: choose(draw.known) for name, choose in OUT_OF_FOLD.items()}
    of_four_fifths = {name: choose(draw.fifth) for name, choose in HOLD_OUT.items()}
    found: dict[str, dict[str, dict[str, float]]] = {}
    for figure, rows in draw.figures.items():
        counted = np.count_nonzero(rows.y_true, axis=0) >= MIN_TEST_ROWS
        if not counted.any():
            raise SystemExit(f"{draw.file}: no label with {MIN_TEST_ROWS} {figure} rows.")
        for name, thresholds in of_four_fifths.items():
            y_pred = apply_thresholds(rows.y_prob_of_four_fifths, thresholds)
            found.setdefault(name, {})[figure] = scored(rows.y_true, y_pred, counted)
        for name, thresholds in chosen.items():
            y_pred = apply_thresholds(rows.y_prob, thresholds)
            found.setdefault(name, {})[figure] = scored(rows.y_true, y_pred, counted)
        own = each_label(EXACT)(Judged.held_out(rows.y_true, rows.y_prob, np.arange(len(rows.y_true))))
        found.setdefault(ORACLE, {})[figure] = scored(rows.y_true, apply_thresholds(rows.y_prob, own), counted)
    return found


def scored(y_true: np.ndarray, y_pred: np.ndarray, counted: np.ndarray) -> dict[str, float]:
    """F1 over the labels that count; tags per row over all."""
    y_true_counted, y_pred_counted = y_true[:, counted], y_pred[:, counted]
    summary = summarize(score_labels(y_true_counted, y_pred_counted, np.ones_like(y_true_counted)))
    assert summary.macro.f1 is not None
    assert summary.micro.f1 is not None
    return {
        "macro": summary.macro.f1,
        "micro": summary.micro.f1,
        "labels": summary.macro.labels_scored,
        "tags": float(y_pred.sum(axis=1).mean()),
        "true_tags": float(y_true.sum(axis=1).mean()),
    }


@dataclass(frozen=True)
class Result:
    """What came of one draw; `scores` as `scores_of` gives them."""

    file: str
    n_judged: int
    seed: int
    share_seen: float
    scores: dict[str, dict[str, dict[str, float]]]


def difference(results: list[Result], way: str, figure: str) -> dict[str, float]:
    """Macro F1 of a way less that of the reference, mean over draws, with a 95 % interval where there are several."""
    each = [result.scores[way][figure]["macro"] - result.scores[REFERENCE][figure]["macro"] for result in results]
    if len(each) < 2:
        return {"mean": each[0]}
    reach = float(student.ppf(0.975, len(each) - 1)) * stdev(each) / len(each) ** 0.5
    return {"mean": mean(each), "low": mean(each) - reach, "high": mean(each) + reach}


def tags_ratio(results: list[Result], way: str, figure: str) -> float:
    """Tags per row over the true ones, both means over draws."""
    scores = [result.scores[way][figure] for result in results]
    return sum(each["tags"] for each in scores) / sum(each["true_tags"] for each in scores)


def failures(results: list[Result], way: str) -> list[str]:
    """Where a way to choose misses what the default has to do; one line each."""
    of_files = by(results, lambda result: result.file)
    missed = []
    for name, some in {"all files": results, **of_files}.items():
        for figure in FIGURES:
            change = difference(some, way, figure)["mean"]
            if change < -TOLERANCE:
                missed.append(f"{name}, {figure}: macro F1 {change:+.3f}")
    for name, some in by(results, of_size).items():
        for figure in FIGURES:
            ratio = tags_ratio(some, way, figure)
            if not 1 / MOST_TAGS <= ratio <= MOST_TAGS:
                missed.append(f"{name}, {figure}: {ratio:.2f} times the true number of tags")
    return missed


def of_size(result: Result) -> str:
    return f"{result.file}, {result.n_judged:,} judged"


def by(results: Iterable[Result], name: Callable[[Result], str]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(name(result), []).append(result)
    return found


@dataclass(frozen=True)
class File:
    """The rows of a file that have a wanted label."""

    name: str
    facts: Facts
    labels: list[str]
    y_true: np.ndarray
    groups: np.ndarray


def read(path: Path, options: ReadOptions) -> File:
    table = read_table(path, options)
    kept = [row for row, found in enumerate(table.labels) if found]
    labels = sorted({name for row in kept for name in table.labels[row] or ()})
    place = {name: column for column, name in enumerate(labels)}
    y_true = np.zeros((len(kept), len(labels)), dtype=bool)
    for row, origin in enumerate(kept):
        y_true[row, [place[name] for name in table.labels[origin] or ()]] = True
    _, groups = np.unique([group_key(table.descriptions[row]) for row in kept], return_inverse=True)
    return File(path.name, facts_of_table(table).take(np.array(kept)), labels, y_true, groups.astype(np.int64))


def sizes_of(file: File, sizes: Iterable[int]) -> list[int]:
    """What can be judged of a file: a size beyond most of its rows takes these, once."""
    return sorted({min(size, int(MOST_JUDGED * len(file.groups))) for size in sizes})


def draw(
    file: File, encoding: Encoding, starter_run: Bundle | None, *, n_judged: int, n_scored: int, seed: int
) -> Draw:
    """Draw rows, and fit on the judged ones as `services.evaluating` does."""
    order = np.random.default_rng(seed).permutation(len(file.groups))
    train, rest = order[:n_judged], order[n_judged:]
    is_seen = np.isin(file.groups[rest], file.groups[train])
    rows = {"unseen": rest[~is_seen][:n_scored], "later": rest[:n_scored]}

    columns = np.flatnonzero(file.y_true[train].any(axis=0))
    y_true, groups = file.y_true[np.ix_(train, columns)], file.groups[train]
    data = TrainingSet(train, columns, y_true, np.ones_like(y_true), groups)
    recipe = resolve(Recipe(seed=seed), data.n_groups)
    examples = examples_of(
        encoding,
        data,
        recipe.features,
        Progress(),
        facts=file.facts.take(train),
        labels=[(file.labels[column], "") for column in columns.tolist()],
        starter_run=starter_run,
    )
    model, oof = fit_and_score(examples, recipe)
    # A fold is the fifth, so that no merchant is on both sides.
    fifth = oof.folds == 0
    of_four_fifths = Model.fit(examples.take(~fifth), recipe).listening(oof.listened)
    figures = {}
    for figure, places in rows.items():
        inputs, _ = gather_inputs(encoding, file.facts.take(places), recipe.features, Progress())
        figures[figure] = Scored(
            file.y_true[np.ix_(places, columns)], model.probabilities(inputs), of_four_fifths.probabilities(inputs)
        )
    return Draw(
        file=file.name,
        n_judged=n_judged,
        seed=seed,
        share_seen=float(is_seen[:n_scored].mean()),
        known=Judged(y_true, groups, oof, model.probabilities(examples.inputs.take(oof.repeated))),
        fifth=Judged.held_out(y_true[fifth], of_four_fifths.probabilities(examples.inputs.take(fifth)), groups[fifth]),
        figures=figures,
    )


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    settings = Settings.from_environment()
    encoding, starter_run = Encoding(settings), starter.installed(settings)
    results: list[Result] = []
    for path in options.data:
        file = read(path, ReadOptions(labels_matching=options.labels_matching))
        print(f"{file.name}: {len(file.groups):,} rows, {file.groups.max() + 1:,} merchants, {len(file.labels)} labels")
        for n_judged in sizes_of(file, options.sizes):
            for seed in range(options.seeds):
                one = draw(file, encoding, starter_run, n_judged=n_judged, n_scored=options.scored_rows, seed=seed)
                results.append(Result(file.name, n_judged, seed, one.share_seen, scores_of(one)))
                _print_draw(results[-1])
    _print_tables(results)
    save(
        "choosing",
        {
            "labels_matching": options.labels_matching,
            "draws": [vars(result) for result in results],
            "differences": {
                way: {figure: difference(results, way, figure) for figure in FIGURES} for way in results[0].scores
            },
            "failures": {way: failures(results, way) for way in results[0].scores},
        },
    )


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks choosing")
    parser.add_argument("--data", type=Path, nargs="+", default=[SAMPLE], metavar="FILE")
    parser.add_argument("--labels-matching", default=None)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="judged rows")
    parser.add_argument("--scored-rows", type=int, default=5000, help="at most so many, for each figure")
    parser.add_argument("--seeds", type=int, default=1)
    return parser.parse_args(arguments)


def _print_draw(result: Result) -> None:
    cut = result.scores[DEFAULT]
    told = "; ".join(
        f"{figure} {cut[figure]['macro']:.3f} ({difference([result], DEFAULT, figure)['mean']:+.3f}), "
        f"{cut[figure]['tags']:.2f} tags per row ({cut[figure]['true_tags']:.2f})"
        for figure in FIGURES
    )
    print(
        f"{result.n_judged:,} judged, draw {result.seed}: {result.share_seen:.0%} of the later rows known; {told}",
        flush=True,
    )


def _print_tables(results: list[Result]) -> None:
    of_files = by(results, lambda result: result.file)
    for name, some in {"All files": results, **of_files}.items() if len(of_files) > 1 else of_files.items():
        _print_table(f"{name}: {len(some)} draws", {way: (some, way) for way in results[0].scores})
    for way in (REFERENCE, HALFWAY, DEFAULT):
        sizes = {name: (some, way) for name, some in by(results, of_size).items()}
        _print_table(f"By number of judged rows: {way}", sizes)
    print(f"\nThe reference is the {REFERENCE}. What a default has to do:")
    for way in (HALFWAY, DEFAULT):
        print(f"- {way}: " + ("; ".join(f"missed at {line}" for line in failures(results, way)) or "all holds"))


def _print_table(title: str, lines: dict[str, tuple[list[Result], str]]) -> None:
    print(f"\n{title}")
    print("| | unseen: macro F1 | to the reference | tags (×) | later: macro F1 | to the reference | tags (×) |")
    print("|---" * 7 + "|")
    for name, (some, way) in lines.items():
        print(f"| {name} | " + " | ".join(_cells(some, way, figure) for figure in FIGURES) + " |")


def _cells(results: list[Result], way: str, figure: str) -> str:
    macro = mean(result.scores[way][figure]["macro"] for result in results)
    found = difference(results, way, figure)
    reach = f" ({found['low']:+.3f} to {found['high']:+.3f})" if len(results) > 1 else ""
    return f"{macro:.3f} | {found['mean']:+.3f}{reach} | {tags_ratio(results, way, figure):.2f}"


if __name__ == "__main__":
    main(sys.argv[1:])
