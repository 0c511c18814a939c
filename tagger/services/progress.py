"""How running work is watched and stopped."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from tagger.errors import CancelledError


@dataclass
class Progress:
    """What running work reports, and whether it should stop.

    `curve` grows while a head is trained: one dict per epoch.
    """

    done: int = 0
    total: int = 0
    message: str = ""
    curve: list[dict[str, Any]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def report(self, done: int, total: int, message: str | None = None) -> None:
        self.done, self.total = done, total
        if message is not None:
            self.message = message

    def stage(self, message: str) -> None:
        """A new stage whose length is not known yet."""
        self.report(0, 0, message)

    def cancelled(self) -> bool:
        return self._stop.is_set()

    def check(self) -> None:
        """Raise CancelledError if someone asked to stop."""
        if self.cancelled():
            raise CancelledError("Stopped.")

    def stop(self) -> None:
        self._stop.set()
