"""The style sheet stands in the head of the HTML, and nothing else that is served changes."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from tagger.ui.layout import STYLE
from tagger.ui.serve import styled

PAGE = b"<!DOCTYPE html><html><head><title>Streamlit</title></head><body></body></html>"


def served(kind: bytes, *parts: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The headers and the body of what a handler answers in some parts."""
    sent: list[dict] = []
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(b"".join(parts))), (b"etag", b'"1"')]

    async def answer(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for number, part in enumerate(parts, start=1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(parts)})

    async def receive() -> dict:
        return {"type": "http.request"}

    async def keep(message) -> None:
        sent.append(message)

    with ThreadPoolExecutor() as apart:  # the browser tests leave a loop running in the main thread
        apart.submit(lambda: asyncio.run(styled(answer)({"type": "http"}, receive, keep))).result()
    assert sent[0]["type"] == "http.response.start"
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


@pytest.mark.parametrize("cut", [0, 40, 60])
def test_the_head_of_a_page_ends_with_the_style_sheet(cut):
    headers, body = served(b"text/html; charset=utf-8", PAGE[:cut], PAGE[cut:])
    assert body == PAGE.replace(b"</head>", STYLE.encode() + b"</head>")
    assert headers[b"content-length"] == b"%d" % len(body)
    assert b"etag" not in headers, "the page would be taken for the one without the style sheet"


@pytest.mark.parametrize(("kind", "body"), [(b"text/javascript", b"'</head>'"), (b"text/html", b"")])
def test_what_is_no_page_passes_as_it_is(kind, body):
    headers, found = served(kind, body)
    assert found == body
    assert headers == {b"content-type": kind, b"content-length": b"%d" % len(body), b"etag": b'"1"'}
