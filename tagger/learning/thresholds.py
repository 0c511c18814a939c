"""Where a label's probability becomes a tag. A probability equal to the threshold counts as present (`>=`).

Choosers only ever see probabilities that they are given; callers give out-of-fold ones, never those of rows the head
was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tagger.errors import SettingError
from tagger.learning.goals import DEFAULT_THRESHOLD, GOALS_HINT, AtMostPerMonth, BestF, Goal, parse_goal
from tagger.learning.metrics import BoolMatrix, FloatMatrix, IntVector
from tagger.learning.step_curve import FloatVector, StepCurve, least_float32, step_curves

# Tuned from a handful of positives, rare labels were over-tagged fifty-fold (10 tags a row where truth had 1.8).
MIN_POSITIVE_GROUPS = 10

# Distinct descriptions that weigh as much as what all labels share.
SHRINKAGE = 20.0
# How far thresholds follow a label's own log-odds, and what all have in common besides.
_RARITY = 0.5
_SHARED_LOGITS = np.linspace(-4.0, 4.0, 81)

# Both measured, see decision 0034.
PLUG_IN_SHARE = 0.25  # of the way from what the verdicts say to what the probabilities say
MOST_ON_EVIDENCE = 1.25  # times the tags that the verdicts have
_CERTAIN = 1e-6  # so near to 0 and 1 probabilities do not differ


class Chooser(Protocol):
    """A way to choose one threshold per label."""

    @property
    def tunes(self) -> bool:
        """Whether it looks at the data; if not, its value holds for every label, however rare."""

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix, n_positive: IntVector) -> FloatVector:
        """One threshold per label, shape (n_labels,); NaN where the label keeps the shared default.

        Parameters
        ----------
        y_true, judged : bool arrays, shape (n_transactions, n_labels)
        y_prob : float32 array of the same shape
        n_positive : int64 array, shape (n_labels,)
            Distinct descriptions with the label; 0 for those that have too few to be tuned on their own.
        """


@dataclass(frozen=True)
class GoalChooser:
    """Each label on its own to the same goal, or to the nearest that it can have."""

    goal: Goal

    @property
    def tunes(self) -> bool:
        return self.goal.tunes

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix, n_positive: IntVector) -> FloatVector:
        return _solved(self.goal, step_curves(y_true, y_prob, judged), n_positive)


@dataclass(frozen=True)
class ShrunkChooser:
    """The exact optimum drawn towards a line that all labels share, the more the fewer examples there are.

    Drawn on the logit scale, with the weight that `SHRINKAGE` examples have. Labels with too few examples take what
    the line says: it falls with half of a label's log-odds, so that rare labels are found, and lies where the mean F1
    over all labels with a positive is best.
    """

    tunes = True

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix, n_positive: IntVector) -> FloatVector:
        curves = step_curves(y_true, y_prob, judged)
        own, common = _solved(BestF(), curves, n_positive), _shared_logits(curves)
        weight = np.where(np.isnan(own), 0.0, n_positive / (n_positive + SHRINKAGE))
        return _sigmoid(weight * _logit(np.nan_to_num(own, nan=0.5)) + (1 - weight) * common)


@dataclass(frozen=True)
class BlendedChooser:
    """A quarter of the way from `ShrunkChooser`, which asks verdicts, to what the probabilities say; not too many tags.

    If probabilities are to be believed, half of the best expected F1 is its threshold (Lipton, Elkan & Narayanaswamy
    2014, arXiv:1402.1892). It needs no verdict, so it is steady where the verdicts' optimum is not. The way is measured
    on the logit scale.

    Where verdicts contradict each other, F1 is best with several tags for one. So if the rows that it is chosen on
    would get more than `MOST_ON_EVIDENCE` times the tags that they have, all thresholds rise alike on the logit scale
    until they do not; tags that are all but certain stay. Labels without both verdicts do not count: nothing tells
    whether they have too many.
    """

    tunes = True

    def choose(self, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix, n_positive: IntVector) -> FloatVector:
        by_verdicts = ShrunkChooser().choose(y_true, y_prob, judged, n_positive)
        by_probabilities = half_of_expected_f1(y_prob, judged)
        by_probabilities = np.where(np.isnan(by_probabilities), by_verdicts, by_probabilities)
        cuts = (1 - PLUG_IN_SHARE) * _logit(by_verdicts) + PLUG_IN_SHARE * _logit(by_probabilities)
        return _sigmoid(np.minimum(cuts + _rise(cuts, y_true, y_prob, judged), _logit(np.ones(1))))


def parse_chooser(text: str) -> Chooser:
    """The chooser named `auto` (the blended one), `blended` or `shrunk`, or by a goal for each label; see `parse_goal`.

    Raises
    ------
    SettingError
        If there is no such chooser, or a goal that no verdict can decide.
    """
    word = text.strip().casefold()
    if word in {"auto", "blended"}:
        return BlendedChooser()
    if word == "shrunk":
        return ShrunkChooser()
    hint = f"Choose auto, blended or shrunk, or a goal. {GOALS_HINT}"
    try:
        goal = parse_goal(word)
    except SettingError:
        raise SettingError(f"Unknown way to choose thresholds: {text!r}.", hint=hint) from None
    if isinstance(goal, AtMostPerMonth):
        raise SettingError(
            "How much is suggested in a month is not known while training.",
            hint="Train first, then give the goal: tagger thresholds goal.",
        )
    return GoalChooser(goal)


@dataclass(frozen=True)
class ChosenThreshold:
    """A label's threshold, whether it was tuned, and on how many distinct descriptions that have the label."""

    value: float
    tuned: bool
    n_positive_groups: int


def choose_thresholds(
    y_true: BoolMatrix,
    y_prob: FloatMatrix,
    judged: BoolMatrix,
    groups: IntVector,
    chooser: Chooser,
    *,
    default: float = DEFAULT_THRESHOLD,
    min_groups: int = MIN_POSITIVE_GROUPS,
) -> list[ChosenThreshold]:
    """Choose one threshold per label; one with little evidence is not tuned on its own, and says so.

    It takes what the chooser has labels share, else the default.

    Parameters
    ----------
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
    y_prob : float32 array of the same shape
        Out-of-fold probabilities.
    groups : int64 array, shape (n_transactions,)
        Equal descriptions have equal numbers.
    min_groups : int
        Distinct descriptions with a judged positive that a label needs to be tuned.
    """
    _check_shapes(y_true, y_prob, judged)
    if groups.shape != y_true.shape[:1]:
        raise ValueError(f"{groups.shape} groups for {y_true.shape} verdicts.")
    counts = positive_groups(y_true, judged, groups)
    enough = counts >= max(min_groups, 1)
    values = chooser.choose(y_true, y_prob, judged, np.where(enough, counts, 0))
    values = np.where(np.isnan(values), default, values)
    if chooser.tunes:
        values = np.maximum(values, _least(y_true, y_prob, judged))
    return [
        ChosenThreshold(float(value), bool(chooser.tunes and is_enough), int(count))
        for value, is_enough, count in zip(values, enough, counts, strict=True)
    ]


def _least(y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> FloatVector:
    """What the threshold of a label without both verdicts has to be at least; 0 for the others.

    The head says the same of every row but for what the label's name or the starter add. So a tag
    needs twice the odds that the usual row has; where nobody said no, it has to be likelier than not as well.
    """
    has_yes, has_no = _verdicts(y_true, judged)
    usual = np.median(y_prob, axis=0).astype(np.float64) if y_prob.shape[0] else np.zeros(has_yes.size)
    doubled = 2 * usual / (1 + usual)
    one_sided = np.where(has_yes, np.maximum(doubled, DEFAULT_THRESHOLD), doubled)
    least: FloatVector = np.where(has_yes & has_no, 0.0, one_sided)
    return least


def cut_by_others(
    goal: Goal, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix, folds: IntVector
) -> BoolMatrix:
    """Cut every row where the goal puts the threshold on the rows of the other folds: it did not help to choose.

    Parameters
    ----------
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
    y_prob : float32 array of the same shape
        Out-of-fold probabilities.
    folds : int64 array, shape (n_transactions,)
        Rows of one description have one fold.

    Returns
    -------
    y_pred, bool array, shape (n_transactions, n_labels); where the other folds cannot say, at 0.5.
    """
    y_pred = np.zeros(y_true.shape, dtype=np.bool_)
    for fold in np.unique(folds).tolist():
        out = folds == fold
        curves = step_curves(y_true[~out], y_prob[~out], judged[~out])
        solutions = [goal.solve(curve) for curve in curves]
        values = [DEFAULT_THRESHOLD if each is None else each.threshold for each in solutions]
        y_pred[out] = apply_thresholds(y_prob[out], values)
    return y_pred


def positive_groups(y_true: BoolMatrix, judged: BoolMatrix, groups: IntVector) -> IntVector:
    """How many distinct groups have a judged positive, per label: int64 array, shape (n_labels,)."""
    positive = y_true & judged
    return np.array([np.unique(groups[column]).size for column in positive.T], dtype=np.int64)


def apply_thresholds(y_prob: FloatMatrix, thresholds: Sequence[float] | FloatVector) -> BoolMatrix:
    """Which probabilities are tags: `probability >= threshold`, compared as 64-bit numbers.

    A browser and SQL compare 64-bit numbers. NumPy would round the threshold to the probabilities' 32 bits first, so
    that 0.7 as a probability (0.69999999 in 32 bits) would reach a threshold of 0.7 here and miss it there.

    Parameters
    ----------
    y_prob : float32 array, shape (n_transactions, n_labels)
    thresholds : n_labels numbers

    Returns
    -------
    bool array, shape (n_transactions, n_labels)
    """
    exact = np.asarray(thresholds, dtype=np.float64)
    if exact.shape != y_prob.shape[1:]:
        raise ValueError(f"{exact.shape} thresholds for {y_prob.shape} probabilities.")
    if y_prob.dtype != np.float32:
        return np.asarray(y_prob >= exact)
    # The smallest 32-bit number that reaches the threshold stands for it; the matrix stays at half the memory.
    return np.asarray(y_prob >= least_float32(exact))


def _verdicts(y_true: BoolMatrix, judged: BoolMatrix) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether anybody said yes, and whether anybody said no, per label."""
    return np.any(y_true & judged, axis=0), np.any(~y_true & judged, axis=0)


def _solved(goal: Goal, curves: Sequence[StepCurve], n_positive: IntVector) -> FloatVector:
    """Where each label reaches the goal; NaN where it cannot tell, or should not for want of examples."""
    chosen = np.full(n_positive.size, np.nan)
    for label, curve in enumerate(curves):
        solution = goal.solve(curve) if n_positive[label] or not goal.tunes else None
        if solution is not None:
            chosen[label] = solution.threshold
    return chosen


def _shared_logits(curves: Sequence[StepCurve]) -> FloatVector:
    """Logits of the thresholds that labels have by their frequency alone; see `ShrunkChooser`.

    A label without a judged positive counts as common as the others are on average; without any, all are at 0.
    """
    positive = np.array([curve.n_positive for curve in curves], dtype=np.int64)
    verdicts = np.array([curve.n_judged for curve in curves], dtype=np.int64)
    known = positive > 0
    if not known.any():
        return np.zeros(known.size)
    share = (positive + 0.5) / (verdicts + 1.0)
    falling = _RARITY * _logit(share)
    falling[~known] = falling[known].mean()
    total = np.zeros(_SHARED_LOGITS.size)
    for curve, its_falling in zip(curves, falling, strict=True):
        if curve.n_positive:
            hits, given = curve.counts(_sigmoid(_SHARED_LOGITS + its_falling))
            total += 2 * hits / (given + curve.n_positive)
    # In the middle of those that are equally good: labels that are told apart keep their distance from both sides.
    best = np.flatnonzero(total > total.max() - 1e-9)
    return np.asarray(_SHARED_LOGITS[best[best.size // 2]] + falling)


def _rise(cuts: FloatVector, y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> float:
    """How much higher all cuts, as logits, have to be for `MOST_ON_EVIDENCE` times the verdicts' tags at most."""
    has_yes, has_no = _verdicts(y_true, judged)
    counted = judged & (has_yes & has_no)
    most = int(MOST_ON_EVIDENCE * np.count_nonzero(y_true & counted))
    rows, labels = np.nonzero(apply_thresholds(y_prob, _sigmoid(cuts)) & counted)
    if rows.size <= most:
        return 0.0
    above = np.sort(np.maximum(_logit(y_prob[rows, labels].astype(np.float64)) - cuts[labels], 0.0))
    falls = above[-1 - most]
    # Midway to the next one that stays, so that rounding flips neither.
    return float((falls + above[above > falls].min(initial=falls + 0.1)) / 2)


def half_of_expected_f1(y_prob: FloatMatrix, judged: BoolMatrix) -> FloatVector:
    """Half of the best F1 that a label's probabilities promise, kept off 0 and 1; NaN without a judged row."""
    halves = np.full(y_prob.shape[1], np.nan)
    for label in range(y_prob.shape[1]):
        scores = np.sort(y_prob[judged[:, label], label])[::-1].astype(np.float64)
        if scores.size:
            expected = 2 * np.cumsum(scores) / (np.arange(1, scores.size + 1) + scores.sum())
            halves[label] = expected.max() / 2
    return np.asarray(np.clip(halves, 1e-4, 0.9))


def _logit(values: FloatVector) -> FloatVector:
    inside = np.clip(values, _CERTAIN, 1 - _CERTAIN)
    return np.asarray(np.log(inside / (1 - inside)))


def _sigmoid(values: FloatVector) -> FloatVector:
    return np.asarray(1 / (1 + np.exp(-values)))


def _check_shapes(y_true: BoolMatrix, y_prob: FloatMatrix, judged: BoolMatrix) -> None:
    if not y_true.shape == y_prob.shape == judged.shape:
        raise ValueError(f"Shapes differ: {y_true.shape}, {y_prob.shape}, {judged.shape}.")
