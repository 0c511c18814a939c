"""`app`: the server that it starts ends with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 60.0  # seconds


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def wait_until(port: int, *, there: bool) -> None:
    end = time.monotonic() + PATIENCE
    while answers(port) is not there:
        assert time.monotonic() < end, f"after {PATIENCE:.0f} s"
        time.sleep(0.1)


@pytest.mark.parametrize("is_ready", [True, False])
def test_whoever_ends_the_app_ends_its_server(tmp_path: Path, is_ready: bool) -> None:
    port = free_port()
    app = subprocess.Popen(
        [sys.executable, "-m", "tagger", "app", "--port", str(port), "--json"],
        env=os.environ | {"TAGGER_HOME": str(tmp_path / "home"), "STREAMLIT_SERVER_HEADLESS": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert app.stderr is not None
        assert b"localhost" in app.stderr.readline()
        if is_ready:
            wait_until(port, there=True)
        else:
            time.sleep(0.5)
        app.send_signal(signal.SIGTERM)
        assert app.wait(PATIENCE) == 0
        assert not answers(port)
        with pytest.raises(ProcessLookupError):
            os.killpg(app.pid, 0)  # nothing of it is left
    finally:
        if app.poll() is None or answers(port):
            os.killpg(app.pid, signal.SIGKILL)
        app.communicate(timeout=PATIENCE)
