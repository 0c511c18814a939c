"""What a tab holds: the shared store and jobs, and the few things of its own. What must last is in the database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

from tagger.config import Settings
from tagger.errors import TaggerError
from tagger.learning.recipe import Recipe
from tagger.services import runs
from tagger.services.jobs import Jobs
from tagger.services.store import Store
from tagger.services.tagging import keep_tagged
from tagger.storage.jobs import JobRow
from tagger.storage.runs import STARTER
from tagger.ui import messages
from tagger.ui.layout import STYLE

T = TypeVar("T")
FIRST_SCREEN = 1.5  # seconds from the first visit until the encoder is loaded in the background


@dataclass
class Session:
    """One tab.

    Attributes
    ----------
    store, jobs : shared by all tabs.
    page : the screen that is open.
    pinned : what Review lists, by what was asked for; a confirmed row does not vanish under the pointer, and turning
        the page does not skip those that moved up. Beside it stands what deserves a second look, as it was then.
    importing : the import that was started here, until its report is shown.
    n_uploads : imports from this tab; a new number empties the uploader.
    stage : of the running import, as the page that is shown knows it.
    wanted : the setting that Experiments handed to Train, with its name there.
    """

    store: Store
    jobs: Jobs
    page: str = ""
    pinned: dict[str, tuple[object, Any]] = field(default_factory=dict)
    importing: str | None = None
    n_uploads: int = 0
    stage: str = ""
    wanted: tuple[str, Recipe] | None = None

    def enter(self, page: str) -> None:
        """Open a screen; coming from another one, everything is looked up afresh."""
        if page != self.page:
            self.page, self.pinned = page, {}

    def pin(self, asked: object, look_up: Callable[[], T], *, place: str = "list") -> T:
        """The answer to what was asked: that of the first time, until something else is asked in this place."""
        if place not in self.pinned or self.pinned[place][0] != asked:
            self.pinned[place] = (asked, look_up())
        answer: T = self.pinned[place][1]
        return answer

    def unpin(self) -> None:
        """Look up afresh what is asked next."""
        self.pinned = {}

    def forget_files(self, job: JobRow | None) -> None:
        """Empty the uploader when the import of its files has ended well."""
        if job is not None and job.id == self.importing and job.state == "done":
            self.importing = None
            self.n_uploads += 1


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


def open_page(title: str) -> Session:
    """Start a page: its title, this tab's session, and tagging under way where rows still wait for it."""
    st.html(STYLE)
    st.title(title, anchor=False)
    session: Session | None = None
    try:
        session = current()
        session.enter(title)
        keep_tagged(session.store, session.jobs)
    except TaggerError as error:
        messages.show(error)
        if session is not None:
            _offer_starter(session)
        st.stop()
    return session


def _offer_starter(session: Session) -> None:
    """A way on where the run in use cannot be read."""
    if runs.current_id(session.store) != STARTER and st.button("Tag with the starter instead", type="primary"):
        runs.promote(session.store, STARTER)
        st.rerun()
