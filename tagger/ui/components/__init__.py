"""What runs in the browser, and what passes between it and the server."""

from pathlib import Path

BASE_STYLE = Path(__file__).parent / "base.css"  # comes before a component's own
OUTBOX = Path(__file__).parent / "outbox.js"  # comes before the scripts that send
