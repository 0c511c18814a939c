"""What people decided: append-only operations, each with its judgements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select

from tagger.errors import NotFoundError
from tagger.labels.truth import NOT_JUDGED, Judgement
from tagger.storage import schema
from tagger.storage.database import inserted_id
from tagger.storage.labels import label_set_id


@dataclass(frozen=True)
class Operation:
    """One step of one person. `id` is chosen by whoever sends it; sending it again changes nothing."""

    id: str
    kind: str
    author: str
    at: datetime
    reason: str
    batch_id: str | None = None


def known_operations(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Those of `ids` that are on disk."""
    return {row[0] for row in connection.execute(select(schema.operations.c.id).where(schema.operations.c.id.in_(ids)))}


def add_operation(connection: Connection, operation: Operation, target_seq: int | None = None) -> int:
    """Append an operation; its sequence number."""
    inserted = connection.execute(
        insert(schema.operations).values(
            id=operation.id,
            kind=operation.kind,
            author=operation.author,
            at=operation.at,
            reason=operation.reason,
            batch_id=operation.batch_id,
            target_seq=target_seq,
        )
    )
    return inserted_id(inserted)


def add_verdict(connection: Connection, operation: Operation, transaction_pk: int, label_id: int, value: int) -> None:
    """One label of one transaction: YES, NO, or NOT_JUDGED to take it back."""
    add_verdicts(connection, operation, [transaction_pk], label_id, value)


def add_verdicts(
    connection: Connection, operation: Operation, transaction_pks: Sequence[int], label_id: int, value: int
) -> None:
    """One label of several transactions in one step."""
    seq = add_operation(connection, operation)
    connection.execute(
        insert(schema.judgements),
        [
            {
                "operation_seq": seq,
                "transaction_pk": pk,
                "label_id": label_id,
                "value": None if value == NOT_JUDGED else value,
            }
            for pk in transaction_pks
        ],
    )


def add_confirmations(
    connection: Connection, operation: Operation, present: Mapping[int, Iterable[int]], covers: Sequence[int]
) -> None:
    """Judge all labels of `covers` on each transaction: those named in `present` yes, the others no."""
    seq = add_operation(connection, operation)
    covered = label_set_id(connection, covers)
    if not present:
        return
    connection.execute(
        insert(schema.judgements),
        [
            {
                "operation_seq": seq,
                "transaction_pk": pk,
                "label_set_id": covered,
                "present": ",".join(str(label_id) for label_id in sorted(set(label_ids))),
            }
            for pk, label_ids in present.items()
        ],
    )


def add_undo(connection: Connection, operation: Operation, target_id: str) -> None:
    """Make another operation count as if it had not been given. Undoing an undo brings it back.

    Raises
    ------
    NotFoundError
        If there is no such operation.
    """
    target = connection.execute(select(schema.operations.c.seq).where(schema.operations.c.id == target_id)).scalar()
    if target is None:
        raise NotFoundError("There is no such step to undo.", hint="It may have been removed with its import.")
    add_operation(connection, operation, target_seq=int(target))


def last_seq(connection: Connection) -> int:
    """The newest operation's number, 0 when there is none."""
    return int(connection.execute(select(func.max(schema.operations.c.seq))).scalar() or 0)


def undone(connection: Connection, until_seq: int | None = None) -> set[int]:
    """The operations that do not count: now, or when `until_seq` was the newest."""
    gone: set[int] = set()
    undos = (
        select(schema.operations.c.seq, schema.operations.c.target_seq)
        .where(schema.operations.c.target_seq.is_not(None))
        .order_by(schema.operations.c.seq.desc())  # newest first, so that an undone undo brings its target back
    )
    if until_seq is not None:
        undos = undos.where(schema.operations.c.seq <= until_seq)
    for seq, target in connection.execute(undos):
        if seq not in gone:
            gone.add(target)
    return gone


def transaction_pk(connection: Connection, public_id: str) -> int:
    """The key of a transaction.

    Raises
    ------
    NotFoundError
        If it is gone.
    """
    pk = connection.execute(select(schema.transactions.c.pk).where(schema.transactions.c.id == public_id)).scalar()
    if pk is None:
        raise NotFoundError("This transaction is not there any more.", hint="Its import may have been undone.")
    return int(pk)


def changed_since(connection: Connection, until_seq: int) -> set[int]:
    """Transactions whose judgements count otherwise now than when `until_seq` was the newest operation.

    A step that was taken back again changed nothing; an older step that was taken back since did.
    """
    then, now = undone(connection, until_seq), undone(connection)
    table = schema.judgements
    rows = connection.execute(
        select(table.c.transaction_pk, table.c.operation_seq).where(
            (table.c.operation_seq > until_seq) | table.c.operation_seq.in_(then ^ now)
        )
    )
    return {pk for pk, operation_seq in rows if operation_seq <= until_seq or operation_seq not in now}


def judged_by_people(connection: Connection, transaction_pks: Iterable[int]) -> set[int]:
    """Those transactions that a person, not only an import, has judged."""
    gone = undone(connection)
    wanted = set(transaction_pks)
    rows = connection.execute(
        select(schema.judgements.c.transaction_pk, schema.judgements.c.operation_seq)
        .join(schema.operations, schema.operations.c.seq == schema.judgements.c.operation_seq)
        .where(schema.operations.c.kind != "import")
    )
    return {pk for pk, operation_seq in rows if pk in wanted and operation_seq not in gone}


def confirmed_for(connection: Connection, reason: str) -> set[int]:
    """Transactions of which a confirmation given for this reason counts, whatever else was said about them."""
    gone = undone(connection)
    rows = connection.execute(
        select(schema.judgements.c.transaction_pk, schema.judgements.c.operation_seq)
        .join(schema.operations, schema.operations.c.seq == schema.judgements.c.operation_seq)
        .where((schema.operations.c.reason == reason) & schema.judgements.c.label_set_id.is_not(None))
    )
    return {pk for pk, operation_seq in rows if operation_seq not in gone}


def touched_by_undos(connection: Connection, after_seq: int) -> set[int]:
    """Transactions whose state an undo given after `after_seq` may have changed."""
    undo = schema.operations
    targets = [
        row[0]
        for row in connection.execute(
            select(undo.c.target_seq).where(undo.c.target_seq.is_not(None) & (undo.c.seq > after_seq))
        )
    ]
    # An undo of an undo leads to the operation that was undone first.
    known: set[int] = set()
    while fresh := set(targets) - known:
        known |= fresh
        targets = [
            row[0]
            for row in connection.execute(
                select(undo.c.target_seq).where(undo.c.seq.in_(fresh) & undo.c.target_seq.is_not(None))
            )
        ]
    rows = connection.execute(
        select(schema.judgements.c.transaction_pk).where(schema.judgements.c.operation_seq.in_(known))
    )
    return {row[0] for row in rows}


def judgements(
    connection: Connection,
    row_of: Mapping[int, int],
    *,
    after_seq: int = 0,
    all_of: Iterable[int] = (),
) -> Iterator[Judgement]:
    """Judgements that count, in order, as matrix rows.

    Parameters
    ----------
    row_of : a transaction's pk -> its row; other transactions are left out.
    after_seq : only those of later operations.
    all_of : transactions (pks) whose judgements are wanted whatever their age.
    """
    gone = undone(connection)
    sets = {
        row[0]: _ids(row[1]) for row in connection.execute(select(schema.label_sets.c.id, schema.label_sets.c.members))
    }
    table = schema.judgements
    query: Any = select(
        table.c.seq,
        table.c.operation_seq,
        table.c.transaction_pk,
        table.c.label_set_id,
        table.c.present,
        table.c.label_id,
        table.c.value,
    ).where((table.c.operation_seq > after_seq) | table.c.transaction_pk.in_(list(all_of)))
    presents: dict[str, tuple[int, ...]] = {}
    for seq, operation_seq, pk, label_set, present, label_id, value in connection.execute(query.order_by(table.c.seq)):
        if operation_seq in gone or pk not in row_of:
            continue
        if label_set is not None:
            if present not in presents:
                presents[present] = _ids(present)
            yield Judgement(seq, row_of[pk], covers=sets[label_set], present=presents[present])
        else:
            yield Judgement(seq, row_of[pk], label_id=label_id, value=NOT_JUDGED if value is None else value)


def _ids(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)
