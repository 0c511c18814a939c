"""What every screen looks at: transactions, truth, the current run and what it says, as arrays.

Derived from the database and the run bundles; built piece by piece, each piece only when what it depends on changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagger.labels.labelset import Label
from tagger.labels.truth import NOT_JUDGED, YES, Truth
from tagger.learning.memory import Memory, Remembered
from tagger.learning.thresholds import apply_thresholds
from tagger.services.inputs import Distinct, Facts, distinct, group_hashes
from tagger.transactions.merchant import group_key
from tagger.transactions.text import fold_description, normalize_text

ABSENT, PREDICTED, REMEMBERED, CONFIRMED = 0, 1, 2, 3
SOURCES = ("", "predicted", "remembered", "confirmed")


class Columns:
    """The stored transactions, column by column.

    Attributes
    ----------
    pks : int64 (n,), database keys, ascending; `ids` are the public ones.
    days : int32 (n,), proleptic ordinals, 0 where there is no date.
    texts, text_index : the distinct normalised descriptions, and each row's place among them (int32).
    folds, fold_index : the same for what makes two descriptions equal (memory).
    groups, group_index : the same for what stays on one side of every split.
    """

    def __init__(self, rows: list[Any]) -> None:
        self.pks: NDArray[np.int64] = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
        self.ids: list[str] = [row[1] for row in rows]
        self.batch_ids: list[str] = [row[2] for row in rows]
        self.days: NDArray[np.int32] = np.fromiter(
            (0 if row[3] is None else row[3].toordinal() for row in rows), dtype=np.int32, count=len(rows)
        )
        self.descriptions: list[str] = [row[4] for row in rows]
        self.amounts: list[str | None] = [row[5] for row in rows]
        self.currencies: list[str] = [row[6] for row in rows]
        self.accounts: list[str] = [row[7] for row in rows]
        # Most descriptions repeat: fold each distinct one once.
        self._different, self._distinct_index = _index(self.descriptions)
        self.texts, self.text_index = self._spread([normalize_text(description) for description in self._different])
        self.folds, self.fold_index = self._spread([fold_description(description) for description in self._different])
        self._inputs: dict[frozenset[str], Distinct] = {}

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def groups(self) -> list[str]:
        return self._grouped[0]

    @property
    def group_index(self) -> NDArray[np.int32]:
        return self._grouped[1]

    @cached_property
    def group_hashes(self) -> NDArray[np.uint64]:
        """The hashes of `groups`, as runs keep those that they saw."""
        return group_hashes(self.groups)

    @cached_property
    def _grouped(self) -> tuple[list[str], NDArray[np.int32]]:
        """Worked out when first asked: it takes as long as all the rest, and many screens need none of it."""
        return self._spread([group_key(description) for description in self._different])

    @cached_property
    def row_of(self) -> dict[int, int]:
        """Row by database key."""
        return {int(pk): row for row, pk in enumerate(self.pks)}

    @cached_property
    def row_of_id(self) -> dict[str, int]:
        """Row by public id."""
        return {public_id: row for row, public_id in enumerate(self.ids)}

    @cached_property
    def facts(self) -> Facts:
        """Every row as far as a head may look at it."""
        return Facts(
            texts=[self.texts[place] for place in self.text_index.tolist()],
            amounts=np.array([np.nan if amount is None else float(amount) for amount in self.amounts]),
            days=self.days,
            accounts=self.accounts,
        )

    def inputs(self, context: frozenset[str] = frozenset()) -> Distinct:
        """The distinct inputs of heads that look at this context besides the text."""
        if context not in self._inputs:
            self._inputs[context] = distinct(self.facts, context)
        return self._inputs[context]

    def _spread(self, values: list[str]) -> tuple[list[str], NDArray[np.int32]]:
        unique, index = _index(values)
        return unique, index[self._distinct_index]


@dataclass(frozen=True)
class Tagging:
    """What a run says, in the columns of the label set.

    Attributes
    ----------
    run_id : the current run.
    threshold_version_id : the version in use; None for the run's first thresholds.
    probabilities : float32 (n_inputs, n_labels), NaN where no model knows the label or the text is not encoded yet.
    index : int32 (n,), each row's place among the inputs.
    thresholds : float64 (n_labels,), NaN where no model knows the label.
    by_starter : bool (n_labels,), the label is unknown to the current run and answered by the starter.
    n_waiting : inputs that have no probabilities yet.
    """

    run_id: str
    threshold_version_id: int | None
    probabilities: NDArray[np.float32]
    index: NDArray[np.int32]
    thresholds: NDArray[np.float64]
    by_starter: NDArray[np.bool_]
    n_waiting: int


@dataclass(frozen=True)
class View:
    """One consistent moment of the whole store."""

    columns: Columns
    labels: tuple[Label, ...]
    truth: Truth
    tagging: Tagging
    sample_batches: frozenset[str]

    @property
    def rows_of(self) -> tuple[object, ...]:
        """What a list of rows was made from besides verdicts: it differs when rows came or went, or tags changed."""
        now = self.tagging
        return self.columns, now.run_id, now.threshold_version_id, now.n_waiting == 0

    @cached_property
    def column_of(self) -> dict[int, int]:
        return {label.id: column for column, label in enumerate(self.labels)}

    @cached_property
    def judged_rows(self) -> NDArray[np.intp]:
        """Rows with at least one judged label, in the order in which they were judged."""
        rows = np.flatnonzero(self.truth.judged.any(axis=1))
        return rows[np.argsort(self.truth.judged_at[rows], kind="stable")]

    @cached_property
    def remembered(self) -> Remembered:
        """What equal judged descriptions answer, one row per `columns.folds`."""
        rows = self.judged_rows
        keys = [self.columns.folds[place] for place in self.columns.fold_index[rows].tolist()]
        return Memory.from_judged(keys, self.truth.y_true[rows], self.truth.judged[rows]).lookup(self.columns.folds)

    @cached_property
    def sources(self) -> NDArray[np.int8]:
        """Int8 (n, n_labels): ABSENT, or where a tag that is present comes from.

        A verdict wins over memory, memory over the model; a probability equal to the threshold counts as present.
        """
        # NaN, an unknown label or a text not encoded yet, compares as absent.
        predicted = apply_thresholds(self.tagging.probabilities, self.tagging.thresholds)
        result = np.where(predicted, np.int8(PREDICTED), np.int8(ABSENT))[self.tagging.index]
        known = self.remembered.judged[self.columns.fold_index]
        answer = self.remembered.y_true[self.columns.fold_index]
        result = np.where(known, np.where(answer, np.int8(REMEMBERED), np.int8(ABSENT)), result)
        values = self.truth.values
        result = np.where(values == NOT_JUDGED, result, np.where(values == YES, np.int8(CONFIRMED), np.int8(ABSENT)))
        return np.asarray(result, dtype=np.int8)

    @cached_property
    def is_sample(self) -> NDArray[np.bool_]:
        """Bool (n,): the row belongs to the sample data."""
        return np.fromiter((batch in self.sample_batches for batch in self.columns.batch_ids), dtype=bool)


def _index(values: list[str]) -> tuple[list[str], NDArray[np.int32]]:
    """The distinct values in order of appearance, and each value's place among them."""
    places: dict[str, int] = {}
    index = np.fromiter((places.setdefault(value, len(places)) for value in values), dtype=np.int32, count=len(values))
    return list(places), index
