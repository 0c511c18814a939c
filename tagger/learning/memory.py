"""Memory before model: a description that people have judged is answered from their verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tagger.learning.metrics import BoolMatrix, IntVector


@dataclass(frozen=True)
class Remembered:
    """What memory says about n keys.

    Attributes
    ----------
    found : bool array, shape (n,)
        Whether the key was judged at all.
    y_true, judged : bool arrays, shape (n, n_labels)
        The answers, and which labels have one; False where nothing is known.
    counts : int64 array, shape (n,)
        Judged transactions behind the answer.
    conflict : bool array, shape (n,)
        Whether they disagree on any label.
    """

    found: npt.NDArray[np.bool_]
    y_true: BoolMatrix
    judged: BoolMatrix
    counts: IntVector
    conflict: npt.NDArray[np.bool_]

    def with_rows(self, rows: npt.NDArray[np.integer], others: Remembered) -> Remembered:
        """The same but for some rows."""
        changed = {}
        for name, mine in vars(self).items():
            changed[name] = mine.copy()
            changed[name][rows] = getattr(others, name)
        return Remembered(**changed)


@dataclass(frozen=True)
class Memory:
    """Judged descriptions and their answers, one row per distinct key.

    Attributes
    ----------
    y_true, judged, conflicts : bool arrays, shape (n_keys, n_labels)
    counts : int64 array, shape (n_keys,)
    """

    rows: dict[str, int] = field(repr=False)
    y_true: BoolMatrix
    judged: BoolMatrix
    conflicts: BoolMatrix
    counts: IntVector

    @classmethod
    def from_judged(cls, keys: Sequence[str], y_true: BoolMatrix, judged: BoolMatrix) -> Memory:
        """Remember judged transactions: the majority decides per label, and the latest row where it is even.

        Parameters
        ----------
        keys : n_transactions group keys, in the order in which the rows were judged
            Rows with an empty key are not remembered: that two descriptions are missing does not make them equal.
        y_true, judged : bool arrays, shape (n_transactions, n_labels)
            Rows without a judged cell are passed over.
        """
        if y_true.shape != judged.shape or len(keys) != y_true.shape[0]:
            raise ValueError(f"Shapes do not fit: {len(keys)} keys, {y_true.shape}, {judged.shape}.")
        n_labels = y_true.shape[1]
        numbers: dict[str, int] = {}
        used = [row for row in np.flatnonzero(judged.any(axis=1)).tolist() if keys[row]]
        codes = np.array([numbers.setdefault(keys[row], len(numbers)) for row in used], dtype=np.int64)
        if not used:
            nothing = np.zeros((0, n_labels), dtype=np.bool_)
            return cls({}, nothing, nothing, nothing, np.zeros(0, dtype=np.int64))

        # Rows of one key next to each other, in their order of judgement.
        order = np.argsort(codes, kind="stable")
        starts = np.searchsorted(codes[order], np.arange(len(numbers)))
        rows = np.array(used, dtype=np.int64)[order]
        was_judged = judged[rows]
        said_yes = y_true[rows] & was_judged
        n_judged = np.add.reduceat(was_judged, starts, axis=0, dtype=np.int64)
        n_yes = np.add.reduceat(said_yes, starts, axis=0, dtype=np.int64)
        n_no = n_judged - n_yes
        position = np.where(was_judged, np.arange(rows.size)[:, np.newaxis], -1)
        latest = np.maximum.reduceat(position, starts, axis=0)
        latest_yes = np.take_along_axis(said_yes, np.maximum(latest, 0), axis=0) & (latest >= 0)
        return cls(
            rows=numbers,
            y_true=(n_yes > n_no) | ((n_yes == n_no) & latest_yes),
            judged=n_judged > 0,
            conflicts=(n_yes > 0) & (n_no > 0),
            counts=np.diff(np.append(starts, rows.size)).astype(np.int64),
        )

    def __len__(self) -> int:
        return self.counts.size

    def lookup(self, keys: Sequence[str]) -> Remembered:
        """The answers to many keys at once; see `Remembered` for shapes."""
        row = np.array([self.rows.get(key, -1) for key in keys], dtype=np.int64)
        found = row >= 0
        y_true = np.zeros((row.size, self.y_true.shape[1]), dtype=np.bool_)
        judged = np.zeros_like(y_true)
        counts = np.zeros(row.size, dtype=np.int64)
        conflict = np.zeros(row.size, dtype=np.bool_)
        known = row[found]
        y_true[found] = self.y_true[known]
        judged[found] = self.judged[known]
        counts[found] = self.counts[known]
        conflict[found] = self.conflicts[known].any(axis=1)
        return Remembered(found, y_true, judged, counts, conflict)


@dataclass(frozen=True)
class LaterBatch:
    """What the app would have said about a random later batch.

    Attributes
    ----------
    y_pred : bool array, shape (n_transactions, n_labels)
    from_memory : bool array of the same shape
        The cells that memory answered; the others are predictions.
    conflict : bool array, shape (n_transactions,)
        Whether the verdicts that answered disagree on any label.
    share_remembered : float or None
        Share of the judged rows that memory answers; None without a judged row.
    """

    y_pred: BoolMatrix
    from_memory: BoolMatrix
    conflict: npt.NDArray[np.bool_]
    share_remembered: float | None


def later_batch_predictions(
    keys: Sequence[str], y_true: BoolMatrix, judged: BoolMatrix, y_pred: BoolMatrix, *, n_folds: int, seed: int
) -> LaterBatch:
    """Estimate a random later batch, in which most descriptions have been seen before.

    Rows are divided at random, repeats apart: each fold in turn is the later batch. A row whose key is judged in the
    other folds is answered from them, label by label; what they leave open, and every other row, is predicted by heads
    that saw none of its group.

    Parameters
    ----------
    keys : n_transactions group keys
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
    y_pred : bool array of the same shape
        Predictions from folds that keep groups together, as `crossfit.cross_fitted_predictions` gives them.
    n_folds : int
        At least 2; the share of rows known before a batch is (n_folds - 1) / n_folds.
    """
    if y_pred.shape != y_true.shape:
        raise ValueError(f"Shapes differ: {y_true.shape}, {y_pred.shape}.")
    if n_folds < 2:
        raise ValueError(f"{n_folds} folds.")
    n_rows = y_true.shape[0]
    fold = np.random.default_rng(seed).permutation(n_rows) % n_folds
    answered = y_pred.copy()
    from_memory = np.zeros_like(y_pred)
    remembered, conflict = np.zeros(n_rows, dtype=np.bool_), np.zeros(n_rows, dtype=np.bool_)
    for k in range(n_folds):
        later, before = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        memory = Memory.from_judged([keys[row] for row in before.tolist()], y_true[before], judged[before])
        answers = memory.lookup([keys[row] for row in later.tolist()])
        answered[later] = np.where(answers.judged, answers.y_true, y_pred[later])
        from_memory[later], conflict[later] = answers.judged, answers.conflict
        remembered[later] = answers.found
    rows = judged.any(axis=1)
    share = float(remembered[rows].mean()) if rows.any() else None
    return LaterBatch(answered, from_memory, conflict, share)
