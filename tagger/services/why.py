"""Why a transaction has a tag, or has it not: verdict, memory or model, the words that carried it, and what is near."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tagger.errors import NotFoundError
from tagger.labels.labelset import find
from tagger.labels.truth import NOT_JUDGED, YES
from tagger.learning.occlusion import nearest, weights, without_each
from tagger.services.inputs import Facts, gather_inputs
from tagger.services.progress import Progress
from tagger.services.queue import vectors
from tagger.services.store import Store, full_id
from tagger.services.tagging import model_of
from tagger.services.view import ABSENT, View
from tagger.storage.runs import Bundle

CONFIRMED, REJECTED, REMEMBERED, PREDICTED, UNKNOWN = "confirmed", "rejected", "remembered", "predicted", "unknown"
N_NEAREST = 5  # what fits beside the rest on a screen
MOST_WORDS = 40  # the encoder reads no more of a description, and each of them is one more text to encode
_COMPARED = 10 * N_NEAREST  # texts; most of them may be one merchant's
_AT_ONCE = 10_000  # texts whose embeddings are in memory together: 30 MB


@dataclass(frozen=True)
class Word:
    """A word as the model reads it.

    `weight` is what it adds to the log-odds; `without` the probability if it were not there.
    """

    text: str
    weight: float
    without: float


@dataclass(frozen=True)
class Near:
    """A reviewed transaction; `similarity` is the cosine of embeddings.

    `n_rows` counts the reviewed rows with the same tags that differ from it in digits at most, itself included.
    """

    transaction_id: str
    description: str
    similarity: float
    n_rows: int
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Because:
    """What one tag rests on.

    `source` is a verdict (CONFIRMED, REJECTED), the verdicts on equal descriptions (REMEMBERED: `n_yes` of `n_equal`),
    the model (PREDICTED) or nothing (UNKNOWN). `probability` is what the model says, also where it was not asked.
    `words` are those that carried a prediction and empty for every other source; `amount` is what the amount added to
    it, None where the model does not look at amounts.
    """

    label: str
    present: bool
    source: str
    probability: float | None
    threshold: float | None
    n_yes: int = 0
    n_equal: int = 0
    words: tuple[Word, ...] = ()
    amount: float | None = None


@dataclass(frozen=True)
class Why:
    """The tags of a transaction, each with its grounds, and the reviewed transactions nearest to it."""

    transaction_id: str
    description: str
    tags: tuple[Because, ...]
    nearest: tuple[Near, ...]


def explain(store: Store, view: View, transaction_id: str, label_name: str | None = None) -> Why:
    """Give the grounds of one tag, or of all that a transaction shows.

    Raises
    ------
    NotFoundError
        If there is no such transaction or label.
    EncoderError
        If the words of a prediction are asked for and the encoder of its run is not there.
    """
    row = view.columns.row_of_id.get(transaction_id)
    if row is None:
        raise NotFoundError(f"There is no transaction {transaction_id!r}.", hint="Take the id from an export.")
    if label_name is None:
        columns = np.flatnonzero(view.sources[row] != ABSENT).tolist()
    else:
        label = find(view.labels, label_name)
        if label is None:
            raise NotFoundError(f"There is no label {label_name!r}.", hint="List the labels: tagger labels list.")
        columns = [view.column_of[label.id]]
    return Why(
        transaction_id,
        view.columns.descriptions[row],
        tuple(_because(store, view, row, columns)),
        tuple(_nearest(store, view, row)),
    )


def tags_of(view: View, transaction_id: str) -> tuple[list[str], list[str]]:
    """Names of the tags that a transaction shows, and of the others, the likeliest first in each."""
    row = view.columns.row_of_id[transaction_id]
    probability = np.nan_to_num(view.tagging.probabilities[view.tagging.index[row]], nan=-1.0)
    order = np.argsort(-probability, kind="stable").tolist()
    shown = view.sources[row] != ABSENT
    names = [label.name for label in view.labels]
    return [names[at] for at in order if shown[at]], [names[at] for at in order if not shown[at]]


def told(store: Store, transaction_id: str, label_name: str | None) -> dict[str, Any]:
    """The same as the command line prints it, of the transaction whose id begins so."""
    view = store.view()
    whole = full_id("transaction", transaction_id, view.columns.row_of_id.keys(), hint="Take the id from an export.")
    return asdict(explain(store, view, whole, label_name))


def _because(store: Store, view: View, row: int, columns: list[int]) -> list[Because]:
    grounds = {column: _grounds(view, row, column) for column in columns}
    for by_starter in (False, True):
        asked = [
            column
            for column in columns
            if grounds[column].source == PREDICTED and bool(view.tagging.by_starter[column]) == by_starter
        ]
        if asked:
            bundles = store.tagging_bundles(view.tagging.run_id)
            grounds |= _carried(store, view, row, bundles[-1 if by_starter else 0], {c: grounds[c] for c in asked})
    return [grounds[column] for column in columns]


def _grounds(view: View, row: int, column: int) -> Because:
    """Everything but the words."""
    probability = float(view.tagging.probabilities[view.tagging.index[row], column])
    threshold = float(view.tagging.thresholds[column])
    verdict = int(view.truth.values[row, column])
    fold = view.columns.fold_index[row]
    equal = view.judged_rows[view.columns.fold_index[view.judged_rows] == fold]
    said = view.truth.values[equal, column]
    if verdict != NOT_JUDGED:
        source = CONFIRMED if verdict == YES else REJECTED
    elif view.remembered.judged[fold, column]:
        source = REMEMBERED
    else:
        source = UNKNOWN if np.isnan(probability) else PREDICTED
    return Because(
        label=view.labels[column].name,
        present=bool(view.sources[row, column] != ABSENT),
        source=source,
        probability=None if np.isnan(probability) else probability,
        threshold=None if np.isnan(threshold) else threshold,
        n_yes=int(np.count_nonzero(said == YES)) if source == REMEMBERED else 0,
        n_equal=int(np.count_nonzero(said != NOT_JUDGED)) if source == REMEMBERED else 0,
    )


def _carried(store: Store, view: View, row: int, bundle: Bundle, asked: dict[int, Because]) -> dict[int, Because]:
    """The words, and the amount, that carried what a run predicts."""
    columns = view.columns
    words, shortened = without_each(columns.texts[columns.text_index[row]])
    words, shortened = words[:MOST_WORDS], shortened[:MOST_WORDS]
    texts = [columns.texts[columns.text_index[row]], *shortened]
    n = len(texts) + 1
    facts = columns.facts.take(np.full(n, row, dtype=np.intp))
    amounts = facts.amounts.copy()
    amounts[-1] = np.nan
    facts = Facts([*texts, texts[0]], amounts, facts.days, facts.accounts)
    features, tuned = bundle.recipe["features"], store.tuned(bundle)
    inputs, _ = gather_inputs(store.encoding, facts, features, Progress(), keep=False, tuned=tuned)
    # What the starter tells of the whole description, it tells of every part: else two of its answers were compared.
    inputs = replace(inputs, keys=np.full(n, inputs.keys[0]))
    logits = model_of(store.encoding, bundle).logits(inputs)
    added = weights(logits)
    own = store.label_columns(bundle, view.labels)
    sees_amount = bool(added[-1].any()) and not np.isnan(columns.facts.amounts[row])
    return {
        column: replace(
            because,
            words=tuple(
                Word(word, float(added[place, own[column]]), _sigmoid(float(logits[place + 1, own[column]])))
                for place, word in enumerate(words)
            ),
            amount=float(added[-1, own[column]]) if sees_amount else None,
        )
        for column, because in asked.items()
    }


def _sigmoid(logit: float) -> float:
    return float(1.0 / (1.0 + np.exp(-logit)))


def _nearest(store: Store, view: View, row: int) -> list[Near]:
    """The reviewed transactions nearest to another one, the nearest first.

    Those that differ in digits at most and have the same tags are one.
    """
    columns = view.columns
    rows = view.judged_rows[view.judged_rows != row][::-1]
    _, kind = np.unique(view.truth.values[rows] == YES, axis=0, return_inverse=True)
    alike = list(zip(columns.group_index[rows].tolist(), kind.tolist(), strict=True))
    counts = Counter(alike)
    texts, first = np.unique(columns.text_index[rows], return_index=True)  # the row reviewed last stands for its text
    query = vectors(store, view, columns.text_index[[row]].astype(np.intp))[0]
    found: list[tuple[float, int]] = []
    for start in range(0, texts.size, _AT_ONCE):
        there = vectors(store, view, texts[start : start + _AT_ONCE].astype(np.intp))
        places, cosines = nearest(query, there, _COMPARED)
        found += [(cosine, start + place) for place, cosine in zip(places, cosines, strict=True)]
    near: dict[tuple[int, int], Near] = {}
    for cosine, place in heapq.nlargest(_COMPARED, found, key=lambda each: (each[0], -each[1])):
        at = int(first[place])
        tags = np.flatnonzero(view.truth.values[rows[at]] == YES).tolist()
        near.setdefault(
            alike[at],
            Near(
                columns.ids[rows[at]],
                columns.descriptions[rows[at]],
                cosine,
                counts[alike[at]],
                tuple(view.labels[column].name for column in tags),
            ),
        )
    return list(near.values())[:N_NEAREST]
