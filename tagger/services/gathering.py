"""What trainings learn from: the judged part of the store, and examples made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.errors import TrainingError
from tagger.services.encoding import Encoding
from tagger.services.inputs import Facts, gather_inputs, name_embeddings
from tagger.services.progress import Progress
from tagger.services.starter import starter_for
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage.runs import Bundle

if TYPE_CHECKING:
    from tagger.learning.examples import Examples


@dataclass(frozen=True)
class TrainingSet:
    """What a head learns from: rows with a judged label, and labels with a positive, or with a name that may stand in.

    `rows` and `columns` are places in whatever the set was taken from; the matrices are (n_rows, n_columns).
    """

    rows: NDArray[np.intp]
    columns: NDArray[np.intp]
    y_true: NDArray[np.bool_]
    judged: NDArray[np.bool_]
    groups: NDArray[np.int64]

    @property
    def n_groups(self) -> int:
        return int(np.unique(self.groups).size)


def training_set(view: View, *, also: Sequence[int] = ()) -> TrainingSet:
    """The judged part of the store, in the order in which it was judged.

    Parameters
    ----------
    also : columns of labels that are taken even without a positive.

    Raises
    ------
    TrainingError
        If nothing is judged, or no label has an example.
    """
    rows = view.judged_rows
    if rows.size == 0:
        raise TrainingError(
            "Nothing has been reviewed yet.", hint="Confirm some transactions on the Review page first."
        )
    exampled = np.any(view.truth.y_true[rows], axis=0)
    if not exampled.any():
        raise TrainingError("No tag has an example yet.", hint="Confirm a transaction that has at least one tag.")
    columns = np.union1d(np.flatnonzero(exampled), np.asarray(also, dtype=np.intp))
    judged = view.truth.judged[np.ix_(rows, columns)]
    kept = judged.any(axis=1)
    rows = rows[kept]
    return TrainingSet(
        rows=rows,
        columns=columns,
        y_true=view.truth.y_true[np.ix_(rows, columns)],
        judged=judged[kept],
        groups=view.columns.group_index[rows].astype(np.int64),
    )


def examples_of(
    encoding: Encoding,
    data: TrainingSet,
    features: str,
    progress: Progress,
    *,
    facts: Facts,
    labels: Sequence[tuple[str, str]],
    starter_run: Bundle | None,
) -> Examples:
    """Gather what heads with such features look at, beside the verdicts.

    Parameters
    ----------
    facts : of the rows of `data`.
    labels : (name, definition) of each of its columns.

    Raises
    ------
    CancelledError
        If someone asked to stop; what was encoded until then is kept.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.examples import Examples  # noqa: PLC0415

    inputs, _ = gather_inputs(encoding, facts, features, progress)
    return Examples(
        inputs,
        data.y_true,
        data.judged,
        data.groups,
        name_embeddings(encoding, labels, features, progress),
        starter_for(starter_run, encoding, [name for name, _ in labels], features),
    )


def stored_examples(store: Store, view: View, data: TrainingSet, features: str, progress: Progress) -> Examples:
    """The same for rows and labels of the store."""
    labels = [(view.labels[column].name, view.labels[column].definition) for column in data.columns]
    facts = view.columns.facts.take(data.rows)
    return examples_of(
        store.encoding, data, features, progress, facts=facts, labels=labels, starter_run=store.starter()
    )
