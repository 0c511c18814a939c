"""Telling a person what went wrong and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import streamlit as st

from tagger.errors import TaggerError

P = ParamSpec("P")
_LATER = "failed_in_callback"


@contextmanager
def user_errors() -> Iterator[None]:
    """Show a mistake that a person can mend as a message with its hint; anything else is a bug and crashes visibly."""
    late: TaggerError | None = st.session_state.pop(_LATER, None)
    if late is not None:
        show(late)
    try:
        yield
    except TaggerError as error:
        show(error)


def callback(action: Callable[P, object]) -> Callable[P, None]:
    """For callbacks, which run before anything can be shown: a mistake is told by the next `user_errors`."""

    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            action(*args, **kwargs)
        except TaggerError as error:
            st.session_state[_LATER] = error

    return run


def show(error: TaggerError) -> None:
    """The message, and below it what to do."""
    st.error(f"**{escape(str(error))}** {escape(error.hint)}", icon=":material/error:")


def escape(text: str) -> str:
    """Text from data, shown as it is and not read as Markdown."""
    escaped = "".join(f"\\{character}" if character in "\\`*_{}[]()#+-.!|~<>$:&" else character for character in text)
    # Streamlit reads its own directives also where the colon is escaped: a word joiner, which nobody sees, ends them.
    return escaped.replace("\\:material/", "\\:\u2060material/")
