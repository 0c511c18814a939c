"""What a tab holds: the shared store and jobs, and the few things of its own. What must last is in the database."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import streamlit as st

from tagger.config import Settings
from tagger.errors import BusyError, TaggerError
from tagger.services.jobs import Jobs
from tagger.services.store import Store
from tagger.services.tagging import tag_all
from tagger.storage.jobs import JobRow

FIRST_SCREEN = 1.5  # seconds from the first visit until the encoder is loaded in the background


@dataclass
class Session:
    """One tab.

    Attributes
    ----------
    store, jobs : shared by all tabs.
    pinned : the rows that Review shows, by what was asked for; a confirmed row does not vanish under the pointer.
    seen_jobs : ids of jobs whose end this tab has already reacted to.
    """

    store: Store
    jobs: Jobs
    pinned: tuple[object, Sequence[str]] | None = None
    seen_jobs: set[str] = field(default_factory=set)

    def pin(self, asked: object, ids: Sequence[str]) -> Sequence[str]:
        """The rows for what was asked: those of the first time, until something else is asked."""
        if self.pinned is None or self.pinned[0] != asked:
            self.pinned = (asked, tuple(ids))
        return self.pinned[1]

    def unpin(self) -> None:
        self.pinned = None


@st.cache_resource(show_spinner=False)
def _shared() -> tuple[Store, Jobs]:
    store = Store(Settings.from_environment())
    jobs = Jobs(store)
    jobs.tidy()
    # torch and transformers take seconds to import; the first screen neither waits for them nor shares its core.
    later = threading.Timer(FIRST_SCREEN, _warm_up, args=(store,))
    later.daemon = True
    later.start()
    return store, jobs


def _warm_up(store: Store) -> None:
    with suppress(TaggerError):  # whoever needs the encoder is told then
        store.encoding.encode_nothing()


def current() -> Session:
    """This tab's session; the same object on every rerun."""
    if "session" not in st.session_state:
        store, jobs = _shared()
        st.session_state["session"] = Session(store, jobs)
    session: Session = st.session_state["session"]
    return session


# Content first: Streamlit leaves a sixth of a phone's screen empty above the title.
LAYOUT = """<style>
.stMainBlockContainer { padding-top: 4.5rem; max-width: 76rem; }
.stMainBlockContainer h1 { font-size: 1.75rem; padding: 0 0 0.5rem; }
@media (max-width: 640px) { .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; } }
</style>"""


def open_page(title: str) -> Session:
    """Start a page: its title, this tab's session, and tagging under way where rows still wait for it."""
    st.html(LAYOUT)
    st.title(title, anchor=False)
    session = current()
    keep_tagged(session)
    return session


def keep_tagged(session: Session) -> None:
    """Start tagging in the background if stored rows have no probabilities yet and nothing else runs."""
    if session.store.view().tagging.n_waiting == 0:
        return
    latest = session.jobs.latest()
    if latest is not None and (latest.running or (latest.kind == "tag" and _gave_up(latest))):
        return
    try:
        session.jobs.start("tag", lambda progress: tag_all(session.store, progress))
    except BusyError:
        return


def _gave_up(job: JobRow) -> bool:
    """Whether trying again would end the same way."""
    return job.state == "failed" or bool((job.result or {}).get("refused"))
