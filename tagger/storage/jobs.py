"""Jobs under a lease: one at a time over all processes, with a heartbeat, so that a killed one is known to be dead."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.engine import RowMapping

from tagger.storage import schema

LEASE = "work"
TOKEN = uuid.uuid4().hex[:8]  # tells this process from a dead one that had the same number
_LIVE: set[str] = set()  # jobs of this process that have not ended
STALE_AFTER = 30.0  # seconds without a heartbeat on another machine; on this one the process itself is asked


@dataclass(frozen=True)
class JobRow:
    """The true state of a job, the same for every tab and process."""

    id: str
    kind: str
    state: str
    owner: str
    started_at: datetime
    finished_at: datetime | None
    done: int
    total: int
    message: str
    cancel_requested: bool
    result: dict[str, Any] | None
    error: dict[str, Any] | None

    @property
    def running(self) -> bool:
        return self.state == "running"


def this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{TOKEN}"


def acquire(connection: Connection, job_id: str, kind: str, *, at: datetime, clock: float) -> JobRow | None:
    """Start a job, or return the one that holds the lease. A dead holder is marked interrupted first."""
    holder = connection.execute(select(schema.leases.c.job_id).where(schema.leases.c.name == LEASE)).scalar()
    if holder is not None:
        row = connection.execute(select(schema.jobs).where(schema.jobs.c.id == holder)).mappings().one()
        if _alive(row, clock):
            return _job(row)
        release(connection, holder, "interrupted", at=at)
    connection.execute(
        insert(schema.jobs).values(
            id=job_id,
            kind=kind,
            state="running",
            owner=this_process(),
            started_at=at,
            heartbeat_at=clock,
            done=0,
            total=0,
            message="",
            cancel_requested=False,
        )
    )
    connection.execute(insert(schema.leases).values(name=LEASE, job_id=job_id))
    _LIVE.add(job_id)
    return None


def ended(job_id: str) -> None:
    """A job of this process has ended, whether or not that could be written down."""
    _LIVE.discard(job_id)


def release(
    connection: Connection,
    job_id: str,
    state: str,
    *,
    at: datetime,
    result: Mapping[str, Any] | None = None,
    error: Mapping[str, Any] | None = None,
) -> None:
    """End a job: done, failed, cancelled or interrupted."""
    connection.execute(delete(schema.leases).where(schema.leases.c.job_id == job_id))
    connection.execute(
        update(schema.jobs)
        .where(schema.jobs.c.id == job_id)
        .values(
            state=state,
            finished_at=at,
            result=None if result is None else dict(result),
            error=None if error is None else dict(error),
        )
    )


def beat(connection: Connection, job_id: str, *, clock: float, done: int, total: int, message: str) -> bool:
    """Report progress; True when someone asked to stop."""
    connection.execute(
        update(schema.jobs)
        .where(schema.jobs.c.id == job_id)
        .values(heartbeat_at=clock, done=done, total=total, message=message)
    )
    return bool(connection.execute(select(schema.jobs.c.cancel_requested).where(schema.jobs.c.id == job_id)).scalar())


def request_cancel(connection: Connection, job_id: str) -> None:
    connection.execute(update(schema.jobs).where(schema.jobs.c.id == job_id).values(cancel_requested=True))


def reap(connection: Connection, *, at: datetime, clock: float) -> None:
    """Mark the holder of the lease interrupted if it is dead."""
    holder = connection.execute(select(schema.leases.c.job_id).where(schema.leases.c.name == LEASE)).scalar()
    if holder is not None:
        row = connection.execute(select(schema.jobs).where(schema.jobs.c.id == holder)).mappings().one()
        if not _alive(row, clock):
            release(connection, holder, "interrupted", at=at)


def held(connection: Connection) -> bool:
    """Whether a job holds the lease."""
    return connection.execute(select(schema.leases.c.job_id).where(schema.leases.c.name == LEASE)).first() is not None


def latest(connection: Connection) -> JobRow | None:
    """The job that was started last."""
    row = connection.execute(select(schema.jobs).order_by(schema.jobs.c.started_at.desc()).limit(1)).mappings().first()
    return None if row is None else _job(row)


def latest_result(connection: Connection, kind: str) -> dict[str, Any] | None:
    """What the last job of this kind that went well has left; None where there is none."""
    done = select(schema.jobs.c.result).where((schema.jobs.c.kind == kind) & (schema.jobs.c.state == "done"))
    found: dict[str, Any] | None = connection.execute(
        done.order_by(schema.jobs.c.started_at.desc()).limit(1)
    ).scalar_one_or_none()
    return found


def _alive(row: RowMapping, clock: float) -> bool:
    host, pid, token = str(row["owner"]).rsplit(":", 2)
    if host == socket.gethostname():
        if int(pid) == os.getpid():
            return token == TOKEN and str(row["id"]) in _LIVE
        return _process_exists(int(pid)) and clock - float(row["heartbeat_at"]) < 20 * STALE_AFTER
    return clock - float(row["heartbeat_at"]) < STALE_AFTER


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _job(row: RowMapping) -> JobRow:
    return JobRow(
        id=row["id"],
        kind=row["kind"],
        state=row["state"],
        owner=row["owner"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        done=row["done"],
        total=row["total"],
        message=row["message"],
        cancel_requested=row["cancel_requested"],
        result=row["result"],
        error=row["error"],
    )
