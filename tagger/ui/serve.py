"""Serves the app: `python -m tagger.ui.serve --server.port 8501`.

Streamlit takes a folder named `pages` beside the main script for pages of the old kind until `st.navigation` has run
once in the process; a bookmark opened on a fresh server would then show a page without its navigation.

And it draws a page before its style sheet has come, so that everything moves when it comes. Here the style sheet is in
the head of the HTML.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import cli
from streamlit.web.server.starlette import starlette_static_routes

from tagger.config import CHECKOUT
from tagger.ui.layout import STYLE

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Message, Callable[[], Awaitable[Message]], Send], Awaitable[None]]

_END_OF_HEAD = b"</head>"
_OF_ANOTHER_BODY = {b"accept-ranges", b"content-length", b"etag", b"last-modified"}


def main() -> None:
    """Hand over to Streamlit with the options of the command line."""
    PagesManager.uses_pages_directory = False
    files: Any = starlette_static_routes  # typed to give a class of its own, but any ASGI handler does
    plain = files.create_streamlit_static_handler
    files.create_streamlit_static_handler = lambda *args, **options: styled(plain(*args, **options))
    sys.argv = ["streamlit", "run", str(CHECKOUT / "app.py"), *sys.argv[1:]]
    cli.main()


def styled(handler: Handler) -> Handler:
    """The same ASGI handler, whose HTML has the style sheet in its head; everything else passes as it is."""

    async def handle(scope: Message, receive: Callable[[], Awaitable[Message]], send: Send) -> None:
        start: Message = {}
        body = b""

        async def add_style(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_html(message):
                start = message
                return
            if not start:
                await send(message)
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            if _END_OF_HEAD in body:
                body = body.replace(_END_OF_HEAD, STYLE.encode() + _END_OF_HEAD, 1)
                kept = [(name, value) for name, value in start["headers"] if name.lower() not in _OF_ANOTHER_BODY]
                start["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
            await send(start)
            await send({"type": "http.response.body", "body": body})

        await handler(scope, receive, add_style)

    return handle


def _is_html(start: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in start["headers"])


if __name__ == "__main__":
    main()
