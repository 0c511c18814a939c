"""Transactions and the batches they came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, String, cast, delete, func, insert, select

from tagger.errors import NotFoundError
from tagger.storage import schema

CHUNK = 10_000  # rows per statement; keeps the driver's parameter lists small


class TransactionRow(NamedTuple):
    """One stored transaction, in the order of the columns."""

    id: str
    file_name: str
    line: int
    occurred_on: date | None
    description: str
    amount: str | None
    currency: str
    account: str


class LoadedRow(NamedTuple):
    """One stored transaction as far as it is kept in memory; `occurred_on` is an ISO date."""

    pk: int
    id: str
    batch_id: str
    occurred_on: str | None
    description: str
    amount: str | None
    currency: str
    account: str


@dataclass(frozen=True)
class Batch:
    """One import."""

    id: str
    created_at: datetime
    author: str
    is_sample: bool
    report: dict[str, Any]


def add_batch(connection: Connection, batch: Batch) -> None:
    connection.execute(
        insert(schema.batches).values(
            id=batch.id,
            created_at=batch.created_at,
            author=batch.author,
            is_sample=batch.is_sample,
            report=batch.report,
        )
    )


def set_report(connection: Connection, batch_id: str, report: dict[str, Any]) -> None:
    """What the import did, kept for the list of imports."""
    connection.execute(schema.batches.update().where(schema.batches.c.id == batch_id).values(report=report))


def batches(connection: Connection) -> list[Batch]:
    """All imports, newest first."""
    rows = connection.execute(select(schema.batches).order_by(schema.batches.c.created_at.desc())).mappings()
    return [Batch(row["id"], row["created_at"], row["author"], row["is_sample"], row["report"]) for row in rows]


def pks_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Those of `ids` that are stored, with their keys."""
    table = schema.transactions
    found: dict[str, int] = {}
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        found.update(
            (row[0], row[1]) for row in connection.execute(select(table.c.id, table.c.pk).where(table.c.id.in_(chunk)))
        )
    return found


def add_transactions(connection: Connection, batch_id: str, rows: Sequence[TransactionRow]) -> None:
    """Store rows that are not there yet."""
    for start in range(0, len(rows), CHUNK):
        connection.execute(
            insert(schema.transactions),
            [{"batch_id": batch_id, **row._asdict()} for row in rows[start : start + CHUNK]],
        )


def load(connection: Connection) -> Iterator[Sequence[LoadedRow]]:
    """Every transaction, by pk, in parts."""
    table = schema.transactions
    columns = (
        table.c.pk,
        table.c.id,
        table.c.batch_id,
        cast(table.c.occurred_on, String),
        table.c.description,
        table.c.amount,
        table.c.currency,
        table.c.account,
    )
    # In parts, since rows take ten times the memory of what is made of them.
    found = connection.execution_options(yield_per=CHUNK).execute(select(*columns).order_by(table.c.pk))
    yield from found.partitions()  # type: ignore[misc]  # SQLAlchemy's rows are tuples


def count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(schema.transactions)).scalar() or 0)


def remove_batch(connection: Connection, batch_id: str) -> tuple[int, int]:
    """Take an import back: its transactions, every judgement on them, and its own judgements on others.

    Returns
    -------
    How many transactions and how many judgements went.

    Raises
    ------
    NotFoundError
        If there is no such import.
    """
    known = connection.execute(select(schema.batches.c.id).where(schema.batches.c.id == batch_id)).scalar()
    if known is None:
        raise NotFoundError(f"There is no import {batch_id!r}.", hint="List the imports on the Upload page.")
    table, judged, operations = schema.transactions, schema.judgements, schema.operations
    own_rows = select(table.c.pk).where(table.c.batch_id == batch_id)
    own_steps = select(operations.c.seq).where(operations.c.batch_id == batch_id)
    n_judgements = connection.execute(
        delete(judged).where(judged.c.transaction_pk.in_(own_rows) | judged.c.operation_seq.in_(own_steps))
    ).rowcount
    n_transactions = connection.execute(delete(table).where(table.c.batch_id == batch_id)).rowcount
    # Operations stay, so that sending one again is still recognised; they only lose the name of the import.
    connection.execute(operations.update().where(operations.c.batch_id == batch_id).values(batch_id=None))
    return int(n_transactions), int(n_judgements)


def forget_batch(connection: Connection, batch_id: str) -> None:
    """Remove the batch's own row, once nothing refers to it."""
    connection.execute(schema.labels.update().where(schema.labels.c.batch_id == batch_id).values(batch_id=None))
    connection.execute(delete(schema.batches).where(schema.batches.c.id == batch_id))
