"""What a label's threshold is to reach, and the threshold that reaches it exactly.

A goal looks at one label's step curve. It tries every threshold that can matter, so its answer is the best there is on
these rows. From few examples the best on these rows is seldom the best on others (Lipton, Elkan & Narayanaswamy 2014,
arXiv:1402.1892); `thresholds` holds what is chosen for others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from tagger.errors import SettingError
from tagger.learning.step_curve import FloatVector, StepCurve

_HIGHEST_BETA = 100.0  # above, it is recall alone
_HIGHEST_COST = 1e9
DEFAULT_THRESHOLD = 0.5  # where a calibrated probability says "more likely than not"

# The grid of the original recipe: 0.10, 0.15, …, 0.90.
GRID: tuple[float, ...] = tuple(round(0.1 + 0.05 * step, 2) for step in range(17))

Monthly = Sequence[npt.NDArray[np.float32]]
"""The scores of all transactions that could be suggested the label, one array per calendar month."""


@dataclass(frozen=True)
class Solution:
    """A threshold, and whether the goal is reached there; if not, it is the nearest that can be had.

    `nearest` is then what the bounded score comes to there: the highest precision, say, that any threshold has.
    """

    threshold: float
    reached: bool = True
    nearest: float | None = None


class Goal(Protocol):
    """What a threshold is to reach among judged rows.

    Attributes
    ----------
    tunes : it looks at verdicts, so it needs some of both kinds. If not, it holds for every label, however rare.
    title : as people read it.
    """

    tunes: ClassVar[bool]

    @property
    def title(self) -> str: ...

    def solve(self, curve: StepCurve, /) -> Solution | None:
        """The threshold that reaches it; None where these rows cannot say."""

    def written(self, nearest: float) -> str:
        """What a solution comes to that does not reach it, as people read it."""
        return f"{nearest:.3f}"


@dataclass(frozen=True)
class BestF(Goal):
    """The highest F-beta: recall counts beta times as much as precision (van Rijsbergen 1979)."""

    beta: float = 1.0
    tunes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 < self.beta <= _HIGHEST_BETA:
            raise ValueError(f"A beta of {self.beta} weighs nothing.")

    @property
    def title(self) -> str:
        return f"Best F{self.beta:g}"

    def solve(self, curve: StepCurve, /) -> Solution | None:
        cuts = curve.cuts
        if not cuts.hits.size:
            return None
        weight = self.beta**2
        score = (1 + weight) * cuts.hits / (cuts.given + weight * curve.n_positive)
        return Solution(_nearest_to_half(cuts.thresholds[score == score.max()]))


@dataclass(frozen=True)
class RecallAtPrecision(Goal):
    """The highest recall among thresholds whose precision is at least `precision`."""

    precision: float
    tunes: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return f"Most recall with precision ≥ {self.precision:g}"

    def solve(self, curve: StepCurve, /) -> Solution | None:
        if not curve.is_two_sided:
            return None
        cuts = curve.cuts
        precision = cuts.hits / cuts.given
        reaching = np.flatnonzero(precision >= self.precision)
        if reaching.size:
            return Solution(float(cuts.thresholds[reaching[0]]))  # hits fall from cut to cut
        nearest = int(precision.argmax())  # the first, which has most recall
        return Solution(float(cuts.thresholds[nearest]), reached=False, nearest=float(precision[nearest]))


@dataclass(frozen=True)
class PrecisionAtRecall(Goal):
    """The highest precision among thresholds whose recall is at least `recall`. All rows together always reach it."""

    recall: float
    tunes: ClassVar[bool] = True

    @property
    def title(self) -> str:
        return f"Most precision with recall ≥ {self.recall:g}"

    def solve(self, curve: StepCurve, /) -> Solution | None:
        if not curve.is_two_sided:
            return None
        cuts = curve.cuts
        reaching = np.flatnonzero(cuts.hits / curve.n_positive >= self.recall)
        precision = cuts.hits[reaching] / cuts.given[reaching]
        return Solution(float(cuts.thresholds[reaching[precision.argmax()]]))


@dataclass(frozen=True)
class LeastCost(Goal):
    """The lowest total of what false and missed tags cost; giving the tag to no row is one of the choices."""

    false: float
    missed: float
    tunes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not 0 <= min(self.false, self.missed) <= max(self.false, self.missed) <= _HIGHEST_COST or not (
            self.false or self.missed
        ):
            raise ValueError(f"Costs of {self.false} and {self.missed} prefer nothing.")

    @property
    def title(self) -> str:
        return f"Least cost, {self.false:g} per false and {self.missed:g} per missed tag"

    def solve(self, curve: StepCurve, /) -> Solution | None:
        if not curve.is_two_sided:
            return None
        cuts = curve.cuts
        cost = self.false * (cuts.given - cuts.hits) + self.missed * (curve.n_positive - cuts.hits)
        # As few as can be: none, but for rows whose score is 1.
        fewest = (float(curve.scores[-1]) + 1) / 2
        hits, given = curve.counts([fewest])
        cost = np.append(cost, self.false * (given - hits) + self.missed * (curve.n_positive - hits))
        return Solution(_nearest_to_half(np.append(cuts.thresholds, fewest)[cost == cost.min()]))


@dataclass(frozen=True)
class AtMostPerMonth:
    """The most suggestions without any calendar month getting more than `count`. It asks transactions, not verdicts."""

    count: int
    tunes: ClassVar[bool] = False

    @property
    def title(self) -> str:
        return f"At most {self.count:,} suggestions in any month"

    def written(self, nearest: float) -> str:
        return f"{nearest:,.0f}"

    def solve(self, monthly: Monthly) -> Solution | None:
        """The lowest threshold that keeps it in every month; None where no transaction has a score."""
        if not any(month.size for month in monthly):
            return None
        # In each month the highest score that is one too many must stay below.
        crowded = [month for month in monthly if month.size > self.count]
        too_many = [np.partition(month, -self.count - 1)[-self.count - 1] for month in crowded]
        excluded = float(max(too_many, default=-1.0))
        above = [month[month > excluded] for month in monthly]
        least = min((float(month.min()) for month in above if month.size), default=1.0)
        if excluded >= 1:
            over = max(int(np.count_nonzero(month >= 1)) for month in monthly)
            return Solution(1.0, reached=False, nearest=float(over))
        return Solution((least + max(excluded, 0.0)) / 2)


@dataclass(frozen=True)
class Grid(Goal):
    """The best F1 among the 17 points of the original recipe, which compared with `>` instead of `>=`.

    Among points of equal F1 the one nearest to 0.5 is taken, then the lower one: a label whose positives and negatives
    lie far apart keeps its distance from both.
    """

    tunes: ClassVar[bool] = True
    title: str = field(default="Best F1 on the original grid", init=False)

    def solve(self, curve: StepCurve, /) -> Solution | None:
        if not curve.n_positive:
            return None
        points = np.array(GRID)
        hits, given = curve.counts(points)
        f1 = 2 * hits / (given + curve.n_positive)
        return Solution(_nearest_to_half(points[f1 == f1.max()]))


@dataclass(frozen=True)
class Fixed(Goal):
    """One threshold, whatever the rows say."""

    value: float = DEFAULT_THRESHOLD
    tunes: ClassVar[bool] = False

    @property
    def title(self) -> str:
        return f"Fixed at {self.value:g}"

    def solve(self, _curve: StepCurve, /) -> Solution:
        return Solution(self.value)


def _nearest_to_half(tied: FloatVector) -> float:
    # Rounded, since 0.65 and 0.35 are not equally far from 0.5 in binary.
    return float(tied[np.argmin(np.round(np.abs(tied - DEFAULT_THRESHOLD), 12))])


_NUMBER = r"(\d+(?:\.\d+)?)"
_SHARE = r"(0?\.\d+|[01](?:\.0*)?)"
_WRITTEN: tuple[tuple[str, Callable[..., Goal | AtMostPerMonth]], ...] = (
    (r"exact", BestF),
    (r"grid", Grid),
    (rf"f{_NUMBER}", BestF),
    (rf"precision>={_SHARE}", RecallAtPrecision),
    (rf"recall>={_SHARE}", PrecisionAtRecall),
    (rf"fixed:{_SHARE}", Fixed),
    (rf"cost:{_NUMBER}:{_NUMBER}", LeastCost),
    (r"permonth<=(\d{1,9})", lambda count: AtMostPerMonth(int(count))),
)
GOALS_HINT = (
    "Write f1, f2, f0.5 (any beta up to 100), precision>=0.95, recall>=0.8, cost:1:5 (of a false and of a missed tag), "
    "permonth<=20, grid, exact (the same as f1) or fixed:0.5."
)


def parse_goal(text: str) -> Goal | AtMostPerMonth:
    """The goal written as `f1`, `f0.5`, `precision>=0.95`, `recall>=0.8`, `cost:1:5`, `permonth<=20`, `grid`, …

    `exact` is `f1`.

    Raises
    ------
    SettingError
        If it is none of these, or a number is out of its range.
    """
    word = "".join(text.casefold().split())
    matches = ((re.fullmatch(pattern, word), make) for pattern, make in _WRITTEN)
    for found, make in matches:
        if found:
            with suppress(ValueError):
                return make(*map(float, found.groups()))
    raise SettingError(f"{text!r:.80} is no goal for a threshold.", hint=GOALS_HINT)
