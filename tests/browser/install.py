"""Make sure that the browser tests find a Chromium: Debian's where it can be installed, else Playwright's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def playwright_chromium() -> str | None:
    """Return the path of Playwright's own Chromium, or None if it is not installed."""
    from playwright.sync_api import sync_playwright  # slow, and mostly not needed

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.path.exists(path) else None  # noqa: PTH110  # Playwright gives a string


def main() -> int:
    """Install what is missing; print one line saying what was done."""
    found = shutil.which("chromium") or playwright_chromium()
    if found:
        print(f"Browser tests: using {found}")
        return 0
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Browser tests: installing Debian's chromium")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        steps = [["apt-get", "-qq", "update"], ["apt-get", "-qq", "install", "-y", "chromium"]]
        if all(
            subprocess.run(step, env=quiet, check=False, stdout=subprocess.DEVNULL).returncode == 0 for step in steps
        ):
            return 0
    print("Browser tests: installing Playwright's Chromium")
    return subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
