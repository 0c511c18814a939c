"""A Chromium, pages of a given size, and the app under test on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, WebSocket, expect, sync_playwright
from toys import ToyEncoder, labelled_csv, one_thread

from tagger.config import Settings
from tagger.learning.recipe import Recipe
from tagger.services import training
from tagger.services.importing import Upload, import_files
from tagger.services.progress import Progress
from tagger.services.store import Store

CHECKOUT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
]
START_WITHIN = 60  # seconds; a cold start on a busy machine needs about 10

_frames: WeakKeyDictionary[Page, list[bytes | str]] = WeakKeyDictionary()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(_playwright: Playwright) -> Iterator[Browser]:
    """One Chromium for all tests: the system's where there is one, else Playwright's own."""
    system = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")
    browser = _playwright.chromium.launch(executable_path=system, args=FLAGS)
    yield browser
    browser.close()


@contextmanager
def _served(script: Path, env: Mapping[str, str], home: Path, port: int = 0) -> Iterator[str]:
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
        port = free.getsockname()[1]
    home.mkdir(parents=True, exist_ok=True)
    log_path = home.with_suffix(".log")
    options = {
        "server.port": port,
        "server.address": "127.0.0.1",
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
    }
    # The app itself is served as `make app` serves it.
    own_app = script == CHECKOUT / "app.py"
    command = [sys.executable, "-m", *(["tagger.ui.serve"] if own_app else ["streamlit", "run", str(script)])]
    command += [f"--{name}={value}" for name, value in options.items()]
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    with log_path.open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": path, "TAGGER_HOME": str(home), **env},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a group of its own, so that its children end with it
        )
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server, log_path)
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(server)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log_path: Path) -> None:
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"the app did not start:\n{log_path.read_text(errors='replace')[-4000:]}")


def _end(server: subprocess.Popen[bytes]) -> None:
    for name in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, name)
            server.wait(timeout=5)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """`served(script, env) -> url`: like `serve`, but one app per script and environment for the whole session.

    For pages that keep nothing on disk, so that tests cannot see each other.
    """
    urls: dict[tuple[Path, tuple[tuple[str, str], ...]], str] = {}
    with ExitStack() as stack:

        def start(script: Path, env: Mapping[str, str] | None = None) -> str:
            wanted = (Path(script), tuple(sorted((env or {}).items())))
            if wanted not in urls:
                home = tmp_path_factory.mktemp("served") / "home"
                urls[wanted] = stack.enter_context(_served(Path(script), env or {}, home))
            return urls[wanted]

        yield start


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """`serve(script, env) -> url`: run a Streamlit script with an empty TAGGER_HOME; it ends with the test."""
    with ExitStack() as stack:
        n_started = 0

        def start(script: Path, env: Mapping[str, str] | None = None) -> str:
            nonlocal n_started
            n_started += 1
            return stack.enter_context(_served(Path(script), env or {}, tmp_path / f"home{n_started}"))

        yield start


@pytest.fixture
def serve_app(serve: Callable[..., str]) -> Callable[..., str]:
    """`serve_app() -> url`: the whole app on an empty home."""
    return lambda env=None: serve(CHECKOUT / "app.py", env)


@pytest.fixture
def app_at(tmp_path: Path) -> Callable[[int], AbstractContextManager[str]]:
    """`with app_at(port) as url`: the whole app on the home of `trained`, until the block ends. 0 is any free port."""
    return lambda port: _served(CHECKOUT / "app.py", {}, tmp_path / "home1", port)


@pytest.fixture(scope="session")
def _contexts(browser: Browser) -> Callable[..., BrowserContext]:
    """One context per kind of screen, so that Streamlit's scripts are not fetched anew for every test."""

    @cache
    def context(width: int, height: int, *, dark: bool, touch: bool) -> BrowserContext:
        return browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=touch,
            is_mobile=touch,
            device_scale_factor=2 if width < 600 else 1,
            reduced_motion="reduce",
        )

    return context


def _forget(page: Page) -> None:
    """Close a page and leave nothing for the next one in its context but the files of the server."""
    if not page.is_closed():
        page.evaluate("() => { try { localStorage.clear() } catch { /* about:blank has none */ } }")
        page.close()
    page.context.clear_cookies()


@pytest.fixture
def page_at(_contexts: Callable[..., BrowserContext]) -> Iterator[Callable[..., Page]]:
    """`page_at(width, height, dark=False, touch=False) -> page`; what it sends is counted from the start.

    A page that asks another server for anything, be it a picture, fails its test: nothing leaves the machine.
    """
    elsewhere: set[str] = set()
    with ExitStack() as stack:

        def open_page(width: int, height: int, *, dark: bool = False, touch: bool = False) -> Page:
            page = _contexts(width, height, dark=dark, touch=touch).new_page()
            stack.callback(_forget, page)
            sent = _frames.setdefault(page, [])

            def count(payload: bytes | str) -> None:
                sent.append(payload)

            def watch(socket_: WebSocket) -> None:
                socket_.on("framesent", count)

            def note(request: Request) -> None:
                if urlsplit(request.url).hostname not in {"127.0.0.1", "localhost", None}:
                    elsewhere.add(request.url)

            page.on("websocket", watch)
            page.on("request", note)
            return page

        yield open_page
    assert not elsewhere, "the page asked another server"


@pytest.fixture
def frames_sent() -> Callable[[Page], list[bytes | str]]:
    """`frames_sent(page)`: every WebSocket frame the page has sent, as a list that grows."""
    return lambda page: _frames[page]


@pytest.fixture
def trained(tmp_path: Path) -> Iterator[Store]:
    """The store that the first `serve_app` of a test serves: a run, and transactions that nobody has judged.

    Each of their descriptions is there three times, and everything is encoded: the app needs no encoder.
    """
    store = Store(Settings(home=tmp_path / "home1", author="ada"))
    store.encoding.use(ToyEncoder())
    import_files(store, [Upload("bank.csv", labelled_csv(20).encode())], Progress())
    with one_thread():
        training.train(store, Recipe(), Progress(), promote_it=True)
    shops = [f"2024-05-{day:02d},NEW SHOP {name},-{day}.00" for name in "ABCDEF" for day in (1, 2, 3)]
    text = "\n".join(["date,description,amount", *shops])
    import_files(store, [Upload("new.csv", text.encode())], Progress())
    yield store
    store.close()


@pytest.fixture
def open_panel(
    served: Callable[..., str], page_at: Callable[..., Page], frames_sent: Callable[[Page], list[bytes | str]]
) -> Callable[..., Page]:
    """`open_panel(width, dark=…, labels=…) -> page`: the threshold panel on its own, ready and silent."""
    url = served(Path(__file__).parent / "apps" / "threshold_app.py")

    def start(
        width: int = 1280, height: int = 900, *, dark: bool = False, touch: bool = False, **asked: object
    ) -> Page:
        page = page_at(width, height, dark=dark, touch=touch)
        page.goto(f"{url}/?{urlencode(asked)}")
        expect(page.locator(".card" if asked.get("labels") != 0 else ".empty").first).to_be_visible(timeout=30_000)
        quiet(page)
        page.evaluate("document.fonts.ready")
        return page

    def quiet(page: Page) -> None:
        expect(page.locator("code")).to_be_visible()
        n_frames = -1
        while n_frames != len(frames_sent(page)):
            n_frames = len(frames_sent(page))
            page.wait_for_timeout(150)

    return start
