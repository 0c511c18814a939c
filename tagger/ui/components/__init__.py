"""What runs in the browser, and what passes between it and the server."""

from pathlib import Path

BASE_STYLE = Path(__file__).parent / "base.css"  # comes before a component's own
DEPARTURE = Path(__file__).parent / "departure.js"  # comes before what asks a link to wait
OUTBOX = Path(__file__).parent / "outbox.js"  # comes after it, and before the scripts that send
