"""Folds that keep equal descriptions together and every label spread out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tagger.learning.metrics import BoolMatrix, IntVector


def grouped_folds(
    groups: IntVector,
    y_true: BoolMatrix,
    judged: BoolMatrix,
    n_folds: int,
    seed: int,
    *,
    kept: IntVector | None = None,
) -> IntVector:
    """Give every row a fold so that a group is never divided and labels are spread evenly.

    Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011, doi:10.1007/978-3-642-23808-6_10), over groups
    instead of rows: the label with the fewest groups left goes first, each of its groups to the fold that misses that
    label most, then to the fold that misses most rows. Folds that would grow a quarter too large are passed over
    while others have room, since a few descriptions hold most rows. A label judged "yes" more often than "no" is
    spread by its "no", since a fold without either cannot teach the label.

    Parameters
    ----------
    groups : int64 array, shape (n_transactions,)
        Equal descriptions have equal numbers.
    y_true, judged : bool arrays, shape (n_transactions, n_labels)
    n_folds : int
        With fewer groups than folds there are as many folds as groups.
    kept : int64 array, shape (n_transactions,), optional
        Folds from before; -1 for rows that had none. A group stays where its first such row was, so that two trainings
        can be compared on the same folds; only the others are divided, and even out what they find.

    Returns
    -------
    int64 array, shape (n_transactions,): fold numbers from 0, none of them empty.

    Raises
    ------
    ValueError
        If shapes do not fit or `n_folds` is below 1.
    """
    if kept is not None and kept.shape != groups.shape:
        raise ValueError(f"Shapes do not fit: {kept.shape} kept folds for {groups.shape} groups.")
    if y_true.shape != judged.shape or groups.shape != y_true.shape[:1]:
        raise ValueError(f"Shapes do not fit: {groups.shape}, {y_true.shape}, {judged.shape}.")
    if n_folds < 1:
        raise ValueError(f"{n_folds} folds.")
    _, group_of_row = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of_row)
    n_groups = sizes.size
    n_folds = min(n_folds, n_groups)
    if n_folds <= 1:
        return np.zeros(groups.size, dtype=np.int64)

    has_label = _rarer_verdicts(group_of_row, y_true, judged, n_groups)
    # Large groups first, so that small ones can even out; equal sizes in an order drawn from the seed.
    order = np.lexsort((np.random.default_rng(seed).random(n_groups), -sizes))
    before = np.full(n_groups, -1, dtype=np.int64)
    if kept is not None:
        rows = np.flatnonzero((kept >= 0) & (kept < n_folds))[::-1]  # from the last, so that the first one stays
        before[group_of_row[rows]] = kept[rows]
    fold_of_group = _assign(has_label[order], sizes[order], before[order], n_folds)
    _fill_empty(fold_of_group, sizes[order], n_folds)
    fold = np.empty(n_groups, dtype=np.int64)
    fold[order] = fold_of_group
    return fold[group_of_row]


def _rarer_verdicts(
    group_of_row: npt.NDArray[np.intp], y_true: BoolMatrix, judged: BoolMatrix, n_groups: int
) -> BoolMatrix:
    yes, no = y_true & judged, ~y_true & judged
    rarer = np.where(np.count_nonzero(yes, axis=0) <= np.count_nonzero(no, axis=0), yes, no)
    has_label = np.zeros((n_groups, y_true.shape[1]), dtype=np.bool_)
    rows, labels = np.nonzero(rarer)
    has_label[group_of_row[rows], labels] = True
    return has_label


def _assign(has_label: BoolMatrix, sizes: npt.NDArray[np.intp], before: IntVector, n_folds: int) -> IntVector:
    fold_of_group = before.copy()
    left = np.count_nonzero(has_label, axis=0).tolist()
    missing = [[count / n_folds] * n_folds for count in left]
    missing_rows = [float(sizes.sum()) / n_folds] * n_folds
    slack = 0.25 * missing_rows[0]
    labels_of = _lists(has_label)
    groups_of = _lists(has_label.T)
    folds = range(n_folds)

    def put(group: int, fold: int) -> None:
        fold_of_group[group] = fold
        missing_rows[fold] -= float(sizes[group])
        for label in labels_of[group]:
            missing[label][fold] -= 1.0
            left[label] -= 1

    for group in np.flatnonzero(before >= 0).tolist():
        put(group, int(before[group]))
    while remaining := [label for label, count in enumerate(left) if count]:
        label = min(remaining, key=left.__getitem__)
        wanted = missing[label]
        for group in groups_of[label]:
            if fold_of_group[group] >= 0:
                continue
            size = float(sizes[group])
            fold = max(folds, key=lambda k: (missing_rows[k] + slack >= size, round(wanted[k], 9), missing_rows[k]))
            put(group, fold)
    for group in np.flatnonzero(fold_of_group < 0).tolist():
        put(group, max(folds, key=missing_rows.__getitem__))
    return fold_of_group


def _lists(matrix: BoolMatrix) -> list[list[int]]:
    """The columns that are set, per row."""
    rows, columns = np.nonzero(matrix)
    ends = np.cumsum(np.bincount(rows, minlength=matrix.shape[0]))
    flat = columns.tolist()
    return [flat[start:end] for start, end in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)]


def _fill_empty(fold_of_group: IntVector, sizes: npt.NDArray[np.intp], n_folds: int) -> None:
    counts = np.bincount(fold_of_group, minlength=n_folds)
    for fold in np.flatnonzero(counts == 0):
        donors = np.flatnonzero(fold_of_group == int(np.argmax(counts)))
        moved = donors[np.argmin(sizes[donors])]
        counts[fold_of_group[moved]] -= 1
        fold_of_group[moved] = fold
        counts[fold] = 1
