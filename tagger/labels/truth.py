"""Three-valued truth: for each transaction and label yes, no, or not judged.

A confirmation judges every label of the label set it covers; a single verdict judges one label. Both are applied in
the order in which they were given, so the later one wins. Labels outside a confirmation's set stay as they were.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NOT_JUDGED, NO, YES = -1, 0, 1


class Judgement(NamedTuple):
    """One act of judging one transaction.

    A confirmation has `covers` and `present` (label ids); a verdict has `label_id` and `value`
    (YES, NO, or NOT_JUDGED to take the label's verdict back).
    """

    seq: int
    row: int
    covers: tuple[int, ...] | None = None
    present: tuple[int, ...] = ()
    label_id: int = 0
    value: int = NOT_JUDGED


class Truth:
    """The state of all judgements.

    Parameters
    ----------
    n_transactions : rows.
    label_ids : columns, in label-set order.
    merged : label id -> the id of the label it was merged into; its verdicts count for that one.

    Attributes
    ----------
    values : int8 (n_transactions, n_labels), NOT_JUDGED / NO / YES.
    confirmed : bool (n_transactions,), a person has judged all labels of the time.
    judged_at : int64 (n_transactions,), sequence number of the latest judgement, 0 for none.
    """

    def __init__(self, n_transactions: int, label_ids: Sequence[int], merged: Mapping[int, int] | None = None) -> None:
        self.label_ids = tuple(label_ids)
        # A label's rows side by side: what is asked of a million rows is asked label by label.
        shape = (n_transactions, len(self.label_ids))
        self.values: NDArray[np.int8] = np.full(shape, NOT_JUDGED, dtype=np.int8, order="F")
        self.confirmed: NDArray[np.bool_] = np.zeros(n_transactions, dtype=bool)
        self.judged_at: NDArray[np.int64] = np.zeros(n_transactions, dtype=np.int64)
        self._column = {label_id: column for column, label_id in enumerate(self.label_ids)}
        for source, target in (merged or {}).items():
            if target in self._column:
                self._column[source] = self._column[target]
        self._patterns: dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[NDArray[np.intp], NDArray[np.int8]]] = {}

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Bool (n_transactions, n_labels): False is masked out of every loss and metric."""
        return np.not_equal(self.values, NOT_JUDGED)

    @property
    def y_true(self) -> NDArray[np.bool_]:
        """Bool (n_transactions, n_labels); meaningful only where judged."""
        return np.equal(self.values, YES)

    def apply(self, judgements: Iterable[Judgement]) -> None:
        """Apply judgements in ascending order of `seq`."""
        for judgement in judgements:
            if judgement.covers is not None:
                columns, values = self._pattern(judgement.covers, judgement.present)
                self.values[judgement.row, columns] = values
                self.confirmed[judgement.row] = True
            else:
                column = self._column.get(judgement.label_id)
                if column is not None:
                    self.values[judgement.row, column] = judgement.value
            self.judged_at[judgement.row] = judgement.seq

    def copy(self) -> Truth:
        """An independent copy."""
        twin = copy.copy(self)
        twin.values = self.values.copy(order="K")
        twin.confirmed, twin.judged_at = self.confirmed.copy(), self.judged_at.copy()
        return twin

    def reset(self, rows: Iterable[int]) -> None:
        """Forget what is known of these rows, before their judgements are applied again."""
        index = np.fromiter(rows, dtype=np.intp)
        self.values[index] = NOT_JUDGED
        self.confirmed[index] = False
        self.judged_at[index] = 0

    def _pattern(self, covers: tuple[int, ...], present: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.int8]]:
        known = self._patterns.get((covers, present))
        if known is None:
            # A merged label shares its target's column: yes to either is yes to the target.
            answer: dict[int, int] = {}
            here = set(present)
            for label_id in dict.fromkeys(covers + present):
                column = self._column.get(label_id)
                if column is not None:
                    answer[column] = max(answer.get(column, NO), YES if label_id in here else NO)
            known = (np.fromiter(answer, dtype=np.intp), np.fromiter(answer.values(), dtype=np.int8))
            self._patterns[covers, present] = known
        return known
