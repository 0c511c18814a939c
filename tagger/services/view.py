"""What every screen looks at: transactions, truth, the current run and what it says, as arrays.

Derived from the database and the run bundles; built piece by piece, each piece only when what it depends on changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from tagger.labels.labelset import Label
from tagger.labels.truth import NOT_JUDGED, YES, Truth
from tagger.learning.memory import Memory, Remembered
from tagger.learning.queue import uncertainty
from tagger.learning.thresholds import apply_thresholds
from tagger.services.columns import Columns

ABSENT, PREDICTED, REMEMBERED, CONFIRMED = 0, 1, 2, 3
SOURCES = ("", "predicted", "remembered", "confirmed")


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

    @cached_property
    def doubt(self) -> NDArray[np.float64]:
        """Float64 (n_inputs,): how little the model knows of each input, as the labelling queue measures it."""
        return uncertainty(self.probabilities, np.ones(self.probabilities.shape, dtype=bool))


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
        rows = np.flatnonzero(self.truth.judged_at)
        rows = rows[(self.truth.values[rows] != NOT_JUDGED).any(axis=1)]
        ordered: NDArray[np.intp] = rows[np.argsort(self.truth.judged_at[rows], kind="stable")]
        return ordered

    @cached_property
    def remembered(self) -> Remembered:
        """What equal judged descriptions answer, one row per `columns.folds`."""
        return self._memory(self.judged_rows).lookup(self.columns.folds)

    @cached_property
    def sources(self) -> NDArray[np.int8]:
        """Int8 (n, n_labels): ABSENT, or where a tag that is present comes from. A label's rows lie side by side.

        A verdict wins over memory, memory over the model; a probability equal to the threshold counts as present.
        """
        return self._sources(slice(None))

    @cached_property
    def present_bits(self) -> NDArray[np.uint8]:
        """Uint8 (n_labels, ceil(n / 8)): for each label one bit a row, set where it shows the tag."""
        return np.packbits(self.sources.T != ABSENT, axis=1)

    def judged_again(self, truth: Truth, rows: NDArray[np.intp]) -> View:
        """This view after more was said about some rows: what was worked out is brought up to date, not made anew."""
        later = replace(self, truth=truth)
        if "sources" not in self.__dict__:
            return later
        folds = np.unique(self.columns.fold_index[rows])
        is_touched = np.zeros(len(self.columns.folds), dtype=bool)
        is_touched[folds] = True
        alike = np.flatnonzero(is_touched[self.columns.fold_index])
        judged = alike[(truth.values[alike] != NOT_JUDGED).any(axis=1)]
        judged = judged[np.argsort(truth.judged_at[judged], kind="stable")]
        answers = later._memory(judged).lookup([self.columns.folds[fold] for fold in folds.tolist()])
        changed = later.__dict__  # where cached properties live
        changed["remembered"] = self.remembered.with_rows(folds, answers)
        planes = self.sources.T.copy()
        planes[:, alike] = later._sources(alike).T
        changed["sources"] = planes.T
        if "present_bits" in self.__dict__:
            changed["present_bits"] = _repacked(self.present_bits, planes, alike)
        return later

    def _memory(self, rows: NDArray[np.intp]) -> Memory:
        """What those judged rows, in the order in which they were judged, answer."""
        keys = [self.columns.folds[place] for place in self.columns.fold_index[rows].tolist()]
        values = self.truth.values[rows]
        return Memory.from_judged(keys, np.equal(values, YES), np.not_equal(values, NOT_JUDGED))

    def _sources(self, rows: NDArray[np.intp] | slice) -> NDArray[np.int8]:
        """Int8 (n_rows, n_labels): `sources` of those rows."""
        values = self.truth.values[rows]
        inputs: NDArray[np.integer] = self.tagging.index[rows]
        folds: NDArray[np.integer] = self.columns.fold_index[rows]
        said, answers, is_judged = self.tagging.probabilities, self.remembered.y_true, self.remembered.judged
        if not isinstance(rows, slice):  # some rows need some inputs and folds only
            its_inputs, inputs = np.unique(inputs, return_inverse=True)
            its_folds, folds = np.unique(folds, return_inverse=True)
            said, answers, is_judged = said[its_inputs], answers[its_folds], is_judged[its_folds]
        # NaN, an unknown label or a text not encoded yet, compares as absent.
        predicted = apply_thresholds(said, self.tagging.thresholds)
        planes = np.empty((len(self.labels), inputs.size), dtype=np.int8)
        for column, plane in enumerate(planes):
            model = np.where(predicted[:, column], np.int8(PREDICTED), np.int8(ABSENT))
            np.take(model, inputs, out=plane)
            answer = np.where(answers[:, column], np.int8(REMEMBERED), np.int8(ABSENT))
            known = is_judged[:, column][folds]
            plane[known] = answer[folds[known]]
            own = values[:, column]
            by_people = np.flatnonzero(own != NOT_JUDGED)
            plane[by_people] = np.where(own[by_people] == YES, np.int8(CONFIRMED), np.int8(ABSENT))
        return planes.T

    @cached_property
    def is_sample(self) -> NDArray[np.bool_]:
        """Bool (n,): the row belongs to the sample data."""
        batches = self.columns.batch_ids
        is_sample = [batch in self.sample_batches for batch in batches.values]
        return np.array(is_sample, dtype=bool)[batches.places]


def _repacked(bits: NDArray[np.uint8], planes: NDArray[np.int8], rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Bits of planes that changed at some rows."""
    places = np.unique(rows >> 3)
    around = np.minimum((places[:, np.newaxis] << 3) + np.arange(8), planes.shape[1] - 1)
    is_there = ((places[:, np.newaxis] << 3) + np.arange(8)) < planes.shape[1]
    bits = bits.copy()
    bits[:, places] = np.packbits((planes[:, around] != ABSENT) & is_there, axis=2)[:, :, 0]
    return bits
