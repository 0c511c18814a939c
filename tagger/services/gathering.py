"""Everything that a head begins with besides verdicts: inputs, the tags' own names, and the starter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.learning.recipe import parts_of
from tagger.services.encoding import Encoding
from tagger.services.inputs import Facts, gather_inputs, name_embeddings
from tagger.services.progress import Progress
from tagger.services.starter import starter_for
from tagger.services.store import Store
from tagger.services.view import View
from tagger.storage.runs import Bundle

if TYPE_CHECKING:
    from tagger.learning.inputs import Inputs
    from tagger.learning.starter import Starter


@dataclass(frozen=True)
class Gathered:
    """What `Model.fit` takes besides verdicts and a recipe.

    Attributes
    ----------
    inputs : of the rows.
    label_embeddings : float32 (n_labels, 2 × dimension), None where heads do not look at names.
    starter : None where heads do not look at it, or it knows none of the labels.
    """

    inputs: Inputs
    label_embeddings: NDArray[np.float32] | None
    starter: Starter | None

    def seen_by(self, features: str) -> Gathered:
        """Without what heads with such features do not look at."""
        parts = parts_of(features)
        return replace(
            self,
            label_embeddings=self.label_embeddings if "names" in parts else None,
            starter=self.starter if "starter" in parts else None,
        )


def gather(
    encoding: Encoding,
    facts: Facts,
    labels: Sequence[tuple[str, str]],
    features: str,
    progress: Progress,
    *,
    starter_run: Bundle | None,
) -> Gathered:
    """Gather for heads with such features.

    Parameters
    ----------
    labels : (name, definition) of each, in the order of the columns.

    Raises
    ------
    CancelledError
        If someone asked to stop; what was encoded until then is kept.
    """
    inputs, _ = gather_inputs(encoding, facts, features, progress)
    return Gathered(
        inputs,
        name_embeddings(encoding, labels, features, progress),
        starter_for(starter_run, encoding, [name for name, _ in labels], features),
    )


def gather_stored(
    store: Store,
    view: View,
    features: str,
    progress: Progress,
    *,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> Gathered:
    """The same for rows and labels of the store."""
    labels = [(view.labels[column].name, view.labels[column].definition) for column in columns]
    facts = view.columns.facts.take(rows)
    return gather(store.encoding, facts, labels, features, progress, starter_run=store.starter())
