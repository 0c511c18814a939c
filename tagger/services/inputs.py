"""What a head looks at, gathered from stored rows or from a table; equal inputs are gathered once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tagger.learning.recipe import parts_of, pooling_of
from tagger.services.encoding import Encoding
from tagger.services.progress import Progress
from tagger.services.repeated import Repeated
from tagger.storage.matrices import text_key
from tagger.transactions.merchant import group_key, merchant_text
from tagger.transactions.money import size_of
from tagger.transactions.readers import Table
from tagger.transactions.text import normalize_text

if TYPE_CHECKING:
    from tagger.learning.inputs import Inputs


@dataclass(frozen=True)
class Facts:
    """Rows as far as a head may look at them: `texts` as the encoder sees them, the rest as in `learning.inputs`."""

    texts: Sequence[str]
    amounts: NDArray[np.float64]
    days: NDArray[np.int32]
    accounts: Sequence[str]

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Facts:
        """Rows of which only the text is known."""
        n = len(texts)
        return cls(texts, np.full(n, np.nan), np.zeros(n, dtype=np.int32), [""] * n)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: NDArray[np.intp]) -> Facts:
        places = rows.tolist()
        return Facts(
            [self.texts[row] for row in places],
            self.amounts[rows],
            self.days[rows],
            [self.accounts[row] for row in places],
        )


@dataclass(frozen=True)
class Distinct:
    """The distinct inputs among rows.

    Attributes
    ----------
    keys : of each distinct input; a run's probabilities are stored under them.
    index : int32 (n_rows,), each row's place among the keys.
    first : intp (n_keys,), the first row with each input.
    """

    keys: list[bytes]
    index: NDArray[np.int32]
    first: NDArray[np.intp]


def facts_of_table(table: Table) -> Facts:
    """The rows of a table that is not in the store."""
    found = table.facts
    return Facts(
        texts=[normalize_text(description) for description in table.descriptions],
        amounts=np.array([np.nan if row is None or row.amount is None else float(row.amount) for row in found]),
        days=np.array(
            [0 if row is None or row.occurred_on is None else row.occurred_on.toordinal() for row in found],
            dtype=np.int32,
        ),
        accounts=["" if row is None else row.account for row in found],
    )


def context_of(features: str) -> frozenset[str]:
    """The parts besides the text that tell two inputs apart; the starter looks at amounts, too."""
    parts = parts_of(features)
    return parts & {"amount", "date", "account"} | (frozenset({"amount"}) if "starter" in parts else frozenset())


def distinct(facts: Facts, context: frozenset[str]) -> Distinct:
    """Number the distinct inputs in order of appearance."""
    columns = [Repeated.of(facts.texts), *_context(facts, context)]
    codes = columns[0].places.astype(np.int64)
    for column in columns[1:]:
        _, codes = np.unique(codes * max(1, len(column.values)) + column.places, return_inverse=True)
    _, first, index = np.unique(codes, return_index=True, return_inverse=True)
    appearance = np.argsort(first, kind="stable")
    place_of = np.empty(first.size, dtype=np.int32)
    place_of[appearance] = np.arange(first.size, dtype=np.int32)
    first = first[appearance].astype(np.intp)
    # Without context, the key is that of the text.
    parts = zip(*(column.take(first) for column in columns), strict=True)
    return Distinct([text_key("\x1f".join(part)) for part in parts], place_of[index], first)


def gather_inputs(
    encoding: Encoding,
    facts: Facts,
    features: str,
    progress: Progress,
    *,
    keep: bool = True,
    tuned: Encoding | None = None,
) -> tuple[Inputs, int]:
    """Everything that heads with such features look at; and how many texts had to be encoded.

    Parameters
    ----------
    keep : store the embeddings of texts that are new; False for texts that nobody will ask for again.
    tuned : the encoder of a run that has one of its own.

    Raises
    ------
    CancelledError
        If someone asked to stop; what was encoded until then is kept.
    """
    # torch is imported where it is used: most screens need none of it.
    from tagger.learning.inputs import Inputs  # noqa: PLC0415

    parts = parts_of(features)
    texts = [merchant_text(text) for text in facts.texts] if "plain" in parts else list(facts.texts)
    if pooling_of(features) is None and not parts & {"names", "starter", "neighbors"}:
        vectors, n_encoded = np.empty((len(texts), 0), dtype=np.float32), 0
    else:
        vectors, n_encoded = _embedded(encoding, texts, progress, keep=keep)
    keys = None
    if "starter" in parts:
        key_of = {text: group_key(text) for text in set(facts.texts)}
        keys = group_hashes([key_of[text] for text in facts.texts])
    inputs = Inputs.of(vectors, texts, amounts=facts.amounts, days=facts.days, accounts=facts.accounts, keys=keys)
    if tuned is not None:
        vectors, n_tuned = _embedded(tuned, texts, progress, keep=keep)
        inputs, n_encoded = replace(inputs, tuned=vectors), max(n_encoded, n_tuned)
    return inputs, n_encoded


def _embedded(
    encoding: Encoding, texts: Sequence[str], progress: Progress, *, keep: bool
) -> tuple[NDArray[np.float32], int]:
    return encoding.embed(texts, progress) if keep else (encoding.embed_once(texts), len(texts))


def name_embeddings(
    encoding: Encoding, labels: Sequence[tuple[str, str]], features: str, progress: Progress
) -> NDArray[np.float32] | None:
    """Embeddings of labels' texts, float32 (n_labels, 2 × dimension); None where heads do not look at names.

    Parameters
    ----------
    labels : (name, definition) of each.
    """
    if "names" not in parts_of(features):
        return None
    from tagger.learning.names import label_text  # noqa: PLC0415

    return encoding.embed([label_text(name, definition) for name, definition in labels], progress)[0]


def group_hashes(groups: Sequence[str]) -> NDArray[np.uint64]:
    """Eight bytes for each group key: how a bundle remembers what it learned from without holding a description."""
    digests = b"".join(hashlib.blake2b(group.encode(), digest_size=8).digest() for group in groups)
    return np.frombuffer(digests, dtype=np.uint64)


def _context(facts: Facts, context: frozenset[str]) -> list[Repeated[str]]:
    columns: list[Repeated[str]] = []
    if "amount" in context:
        known = np.isfinite(facts.amounts)
        sizes = np.where(known, size_of(facts.amounts), 0.0)
        signs = np.where(known, np.where(facts.amounts < 0, 0, 2), 1)
        # As bits, because 0.0 and -0.0 are written differently: stored probabilities are found by what is written.
        bits, index = np.unique(np.ascontiguousarray(sizes).view(np.int64), return_inverse=True)
        kinds, index = np.unique(index * len("-?+") + signs, return_inverse=True)
        written = bits.view(np.float64).tolist()
        words = [f"{'-?+'[kind % 3]}{written[kind // 3]}" for kind in kinds.tolist()]
        columns.append(Repeated(words, index.astype(np.int32)))
    if "date" in context:
        days, index = np.unique(facts.days, return_inverse=True)
        columns.append(Repeated([_day(day) for day in days.tolist()], index.astype(np.int32)))
    if "account" in context:
        columns.append(Repeated.of(facts.accounts))
    return columns


def _day(ordinal: int) -> str:
    if ordinal == 0:
        return "?"
    day = date.fromordinal(ordinal)
    return f"{day.weekday()}.{day.day}"
