"""Review: which transactions to show, with their tags, and what a person says about them."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import numpy as np

from tagger.errors import NotFoundError, TaggerError
from tagger.labels.labelset import clean_name
from tagger.labels.truth import NO, NOT_JUDGED, YES
from tagger.services.store import Store, now
from tagger.services.view import ABSENT, PREDICTED, REMEMBERED, SOURCES, View
from tagger.storage import judgements, labels
from tagger.storage.database import Connection
from tagger.storage.judgements import Operation

logger = logging.getLogger(__name__)

PAGE_SIZE = 50  # rows; what a person scrolls through before turning the page, painted in under 50 ms
VALUES = {"yes": YES, "no": NO, "clear": NOT_JUDGED}
_T = TypeVar("_T")
# Why a row was judged: met while reviewing, asked for because it teaches most, drawn at random, doubted and looked at
# again, or because it would flip with a threshold.
REVIEW, QUEUE, AUDIT, CHECK, FLIP = "review", "queue", "audit", "check", "flip"


@dataclass(frozen=True)
class Tag:
    """One tag on one row. `count` is how many equal judged descriptions a remembered tag rests on."""

    label_id: int
    source: str
    probability: float | None
    count: int | None = None
    conflict: bool = False


@dataclass(frozen=True)
class Row:
    """One transaction as a screen shows it."""

    id: str
    on: date | None
    description: str
    amount: str | None
    currency: str
    account: str
    confirmed: bool
    tags: tuple[Tag, ...]
    rejected: tuple[int, ...]
    waiting: bool


def rows(view: View, ids: Sequence[str]) -> list[Row]:
    """Those transactions, in that order; ids that are gone are left out."""
    places = view.columns.row_of_id
    return [_row(view, places[public_id]) for public_id in ids if public_id in places]


def n_open(view: View, ids: Sequence[str]) -> int:
    """How many of these transactions are not confirmed."""
    places = view.columns.row_of_id
    return sum(public_id in places and not view.truth.confirmed[places[public_id]] for public_id in ids)


def apply(store: Store, operations: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, str]]:
    """Store what a person did, each step once, each on disk before it is acknowledged.

    Parameters
    ----------
    operations : as the transaction list sends them, each with `operation` (an id that the sender chose) and `kind`
        verdict: `transaction`, or several `transactions`, `value` yes, no or clear, and `label` (an id) or `new_label`
            (a name)
        confirm: `transaction`, `present` (ids) and `new_labels` (names), exactly these labels present
        undo: `target`, another operation's id
        and optionally `reason`: "queue", "audit", "check" or "flip" for a row that was asked for
        They come from a browser, so anything may be in them. One that is stored already is acknowledged again and
        changes nothing.

    Returns
    -------
    The ids that are stored, and for the others why not.
    """
    done: list[str] = []
    failed: dict[str, str] = {}
    for each in operations:
        operation_id = str(each.get("operation", ""))
        try:
            _check_text(each)
            _apply(store, each, operation_id)
            done.append(operation_id)
        except TaggerError as error:
            failed[operation_id] = f"{error} {error.hint}".strip()
    return done, failed


def judge(store: Store, verdicts: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Single verdicts from a file: (transaction id, label name, yes or no), all or none.

    A label that is not there yet is created; a warning names it, for it may be a slip of the pen.

    Raises
    ------
    NotFoundError
        If a transaction is not there; it names the row.
    """
    view = store.view()
    places = view.columns.row_of_id
    for number, (public_id, _, value) in enumerate(verdicts, start=1):
        if public_id not in places:
            raise NotFoundError(
                f"Verdict {number}: there is no transaction {public_id!r}.", hint="Take the ids from an export."
            )
        if value not in ("yes", "no"):
            raise NotFoundError(f"Verdict {number}: {value!r} is no verdict.", hint="Write yes or no.")
    with store.db.write("judgements", "labels") as connection:
        before = {label.id for label in labels.all_labels(connection)}
        label_ids = labels.ensure_labels(connection, [name for _, name, _ in verdicts], at=now(), origin="person")
        for public_id, name, value in verdicts:
            operation = Operation(uuid.uuid4().hex, "verdict", store.settings.author, now(), "command")
            pk = int(view.columns.pks[places[public_id]])
            judgements.add_verdict(connection, operation, pk, label_ids[name], VALUES[value])
    for name in (name for name, label_id in label_ids.items() if label_id not in before):
        logger.warning("The label %r was not there and has been created.", name)
    return {"judged": len(verdicts)}


def _check_text(each: Mapping[str, Any]) -> None:
    """Refuse what no database can hold, such as half a surrogate pair."""
    try:
        json.dumps(each, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        raise TaggerError("This step cannot be read.", hint="Reload the page and try again.") from None


def _apply(store: Store, each: Mapping[str, Any], operation_id: str) -> None:
    kind = each.get("kind")
    if not operation_id or len(operation_id) > 64 or kind not in {"verdict", "confirm", "undo"}:
        raise TaggerError("This step cannot be read.", hint="Reload the page and try again.")
    reason = each.get("reason")
    reason = str(reason) if reason in (QUEUE, AUDIT, CHECK, FLIP) else REVIEW
    operation = Operation(operation_id, str(kind), store.settings.author, now(), reason)
    brings_labels = bool(each.get("new_label") or each.get("new_labels"))
    with store.db.write("judgements", *(("labels",) if brings_labels else ())) as connection:
        # Asked under the write lock: another tab may be sending the same step.
        if judgements.known_operations(connection, [operation_id]):
            return
        if kind == "undo":
            judgements.add_undo(connection, operation, str(each.get("target", "")))
            return
        if kind == "verdict":
            value = VALUES.get(str(each.get("value")))
            named = _listed(each, "transactions", str) or [str(each.get("transaction", ""))]
            if value is None or len(set(named)) != len(named):
                raise TaggerError("This verdict cannot be read.", hint="Reload the page and try again.")
            pks = [judgements.transaction_pk(connection, public_id) for public_id in named]
            judgements.add_verdicts(connection, operation, pks, _label_id(connection, each), value)
        else:
            found = judgements.transaction_pk(connection, str(each.get("transaction", "")))
            counts_for = _counts_for(connection)
            chosen, names = _listed(each, "present", int), _listed(each, "new_labels", str)
            present = {counts_for[label_id] for label_id in chosen if label_id in counts_for}
            new = [clean_name(name) for name in names]
            present |= set(labels.ensure_labels(connection, new, at=now(), origin="person").values())
            covers = sorted({*counts_for.values(), *present})
            judgements.add_confirmations(connection, operation, {found: present}, covers=covers)


def _label_id(connection: Connection, each: Mapping[str, Any]) -> int:
    if each.get("new_label"):
        name = str(each["new_label"])
        return labels.ensure_labels(connection, [name], at=now(), origin="person")[name]
    counts_for = _counts_for(connection)
    wanted = each.get("label")
    if type(wanted) is not int or wanted not in counts_for:
        raise NotFoundError("This label is not in use any more.", hint="Reload the page to see the labels of now.")
    return counts_for[wanted]


def _listed(each: Mapping[str, Any], name: str, kind: type[_T]) -> Sequence[_T]:
    values = each.get(name, ())
    if not isinstance(values, list | tuple) or not all(type(value) is kind for value in values):
        raise TaggerError("This step cannot be read.", hint="Reload the page and try again.")
    return values


def _counts_for(connection: Connection) -> dict[int, int]:
    """The label in use that each label's verdicts count for: itself, or what it was merged into in another tab."""
    known = {label.id: label.merged_into or label.id for label in labels.all_labels(connection)}
    live = {label.id for label in labels.live_labels(connection)}
    return {label_id: target for label_id, target in known.items() if target in live}


def _row(view: View, row: int) -> Row:
    columns = view.columns
    sources = view.sources[row]
    probabilities = view.tagging.probabilities[view.tagging.index[row]]
    fold = columns.fold_index[row]
    tags = []
    for column in np.flatnonzero(sources != ABSENT).tolist():
        source, probability = int(sources[column]), float(probabilities[column])
        remembered = source == REMEMBERED
        tags.append(
            Tag(
                label_id=view.labels[column].id,
                source=SOURCES[source],
                probability=probability if source == PREDICTED else None,
                count=int(view.remembered.counts[fold]) if remembered else None,
                conflict=remembered and bool(view.remembered.conflict[fold]),
            )
        )
    # The surest first: verdicts, then memory, then predictions by probability.
    tags.sort(key=lambda tag: (-SOURCES.index(tag.source), -(tag.probability or 0.0)))
    confirmed = bool(view.truth.confirmed[row])
    rejected = [] if confirmed else np.flatnonzero(view.truth.values[row] == NO).tolist()
    return Row(
        id=columns.ids[row],
        on=date.fromordinal(int(columns.days[row])) if columns.days[row] else None,
        description=columns.descriptions[row],
        amount=columns.amounts[row],
        currency=columns.currencies[row],
        account=columns.accounts[row],
        confirmed=confirmed,
        tags=tuple(tags),
        rejected=tuple(view.labels[column].id for column in rejected),
        waiting=bool(np.isnan(probabilities).all()) and bool(view.labels) and view.tagging.n_waiting > 0,
    )
