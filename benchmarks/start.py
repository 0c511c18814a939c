"""How long a second start takes until the first screen can be used, beside a bare Streamlit page with one title."""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks import medians, save
from tagger.config import CHECKOUT

TARGET = 3.5  # seconds
BARE = "import streamlit as st\nst.title('Transaction Tagger')\nst.button('Try it with sample data')\n"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks start")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args(arguments).rounds
    seconds: dict[str, list[float]] = {"the app": [], "a bare page": []}
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        system = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox", "--disable-gpu"])
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        commands = {
            "the app": [sys.executable, "-m", "tagger.ui.serve"],
            "a bare page": [sys.executable, "-m", "streamlit", "run", str(bare)],
        }
        _start(browser, commands["the app"], folder)  # the first start makes the database
        for _ in range(rounds):
            for name, command in commands.items():
                seconds[name].append(_start(browser, command, folder))
        browser.close()
    found = medians(seconds)
    for name, median in found.items():
        print(f"{name}: {median:.2f} s (median of {rounds}; {min(seconds[name]):.2f} to {max(seconds[name]):.2f})")
    print(f"ratio {found['the app'] / found['a bare page']:.2f}; target: the app within {TARGET} s")
    save("start", {"seconds": seconds, "medians": found, "target": TARGET})


def _start(browser: Browser, command: list[str], home: str) -> float:
    """Seconds from the command to the first button on the screen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    server = subprocess.Popen(
        [*command, "--server.port", str(port), "--server.headless", "true"],
        cwd=CHECKOUT,
        env={**os.environ, "TAGGER_HOME": home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        page = browser.new_page()
        while time.perf_counter() - started < 60:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        page.goto(f"http://localhost:{port}")
        page.get_by_role("button", name="Try it with sample data").wait_for(timeout=60_000)
        taken = time.perf_counter() - started
        page.close()
        return taken
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
