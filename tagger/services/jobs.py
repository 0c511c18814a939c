"""Long work off the screen's thread: one job at a time over all processes, with progress, cancel and a record."""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tagger.errors import BusyError, CancelledError, TaggerError
from tagger.services.progress import Progress
from tagger.services.store import Store, now
from tagger.storage import jobs
from tagger.storage.jobs import JobRow

BEAT_EVERY = 0.5  # seconds; how soon a stop asked for in another tab is heard


Work = Callable[[Progress], dict[str, Any]]


class Jobs:
    """The jobs of one store, as this process sees them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db
        self._running: dict[str, Progress] = {}
        self._threads: dict[str, threading.Thread] = {}

    def start(self, kind: str, work: Work) -> str:
        """Run `work` in the background; the job's id.

        Raises
        ------
        BusyError
            If another job is running, here or in another process.
        """
        job_id, progress = self._acquire(kind)
        thread = threading.Thread(target=self._run_quietly, args=(job_id, progress, work), name=kind, daemon=True)
        self._threads[job_id] = thread
        thread.start()
        return job_id

    def run(self, kind: str, work: Work, on_progress: Callable[[Progress], None] | None = None) -> dict[str, Any]:
        """Run `work` here, under the same lease, and return its result, which is not kept with the job.

        Raises
        ------
        BusyError
            If another job is running, here or in another process.
        """
        job_id, progress = self._acquire(kind)
        return self._run(job_id, progress, work, on_progress, keep_result=False)

    def tidy(self) -> None:
        """Mark what a killed process left running, and sweep what it left half-written."""
        with self._db.write() as connection:
            jobs.reap(connection, at=now(), clock=time.time())
            free = not jobs.held(connection)
        if free:
            self._store.sweep()

    def latest(self) -> JobRow | None:
        """The true state of the job that was started last, whoever started it."""
        with self._db.read() as connection:
            job = jobs.latest(connection)
        if job is not None and job.running and job.id not in self._running:
            with self._db.write() as connection:
                jobs.reap(connection, at=now(), clock=time.time())
            with self._db.read() as connection:
                job = jobs.latest(connection)
        return job

    def is_own(self, job: JobRow) -> bool:
        """Whether this process started the job."""
        return job.owner == jobs.this_process()

    def progress(self, job_id: str) -> Progress | None:
        """Fresh progress of a job of this process, its training curve included."""
        return self._running.get(job_id)

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; it does so at its next check."""
        with self._db.write() as connection:
            jobs.request_cancel(connection, job_id)
        progress = self._running.get(job_id)
        if progress is not None:
            progress.stop()

    def wait(self, job_id: str, timeout: float | None = None) -> None:
        """Until a job that this process started has ended."""
        self._threads[job_id].join(timeout)

    def _acquire(self, kind: str) -> tuple[str, Progress]:
        job_id, progress = uuid.uuid4().hex, Progress()
        with self._db.write() as connection:
            holder = jobs.acquire(connection, job_id, kind, at=now(), clock=time.time())
        if holder is not None:
            raise BusyError(f"Another job is running: {holder.kind}.")
        self._running[job_id] = progress
        return job_id, progress

    def _run_quietly(self, job_id: str, progress: Progress, work: Work) -> None:
        try:
            self._run(job_id, progress, work, None, keep_result=True)
        except TaggerError:
            pass  # recorded with the job; every tab shows it
        except Exception:  # noqa: BLE001 - recorded too; a thread has nobody to raise to
            traceback.print_exc()

    def _run(
        self,
        job_id: str,
        progress: Progress,
        work: Work,
        on_progress: Callable[[Progress], None] | None,
        *,
        keep_result: bool,
    ) -> dict[str, Any]:
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(job_id, progress, ended, on_progress), daemon=True)
        beat.start()
        state, result, error = "interrupted", None, None  # what Ctrl-C leaves
        try:
            result = work(progress)
            state = "done"
        except CancelledError as cancelled:
            state, error = "cancelled", _described(cancelled)
            raise
        except Exception as failure:
            state, error = "failed", _described(failure)
            raise
        finally:
            ended.set()
            beat.join()
            try:
                with self._db.write() as connection:
                    kept = result if keep_result else None
                    jobs.release(connection, job_id, state, at=now(), result=kept, error=error)
            finally:
                # Even where the disk was too full to write it down: a job that has ended is not alive.
                self._running.pop(job_id, None)
                jobs.ended(job_id)
        return result

    def _beat(
        self,
        job_id: str,
        progress: Progress,
        ended: threading.Event,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        while not ended.wait(BEAT_EVERY):
            # A disk that is full now, or a database that is busy, may not be at the next beat.
            with suppress(TaggerError):
                self._tell(job_id, progress)
            if on_progress is not None:
                on_progress(progress)

    def _tell(self, job_id: str, progress: Progress) -> None:
        with self._db.write() as connection:
            asked = jobs.beat(
                connection,
                job_id,
                clock=time.time(),
                done=progress.done,
                total=progress.total,
                message=progress.message,
            )
        if asked:
            progress.stop()


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, TaggerError):
        return {"type": type(error).__name__, "message": str(error), "hint": error.hint}
    return {"type": type(error).__name__, "message": str(error), "hint": "This is a bug; the log has the details."}
