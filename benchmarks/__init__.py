"""What every benchmark needs: alternating rounds, medians, and a JSON file of what was found where.

`python -m benchmarks` runs every module of this package, `python -m benchmarks NAME` one.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import tagger  # noqa: F401  before numpy: it says how numpy is to sort here

RESULTS = Path(__file__).parent / "results"


def alternate(peers: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Time every peer once per round, A B A B, so that what else the machine does falls on all alike.

    Returns
    -------
    Seconds per peer, one for each round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        for name, run in peers.items():
            start = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def medians(seconds: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(times) for name, times in seconds.items()}


def environment() -> dict[str, Any]:
    """Describe the machine and the versions a result was found with."""
    import torch  # noqa: PLC0415 - slow, and not every benchmark needs it loaded while it measures

    capabilities = torch.cpu.get_capabilities()
    return {
        "processor": capabilities.get("cpu_name") or platform.processor(),
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "amx_bf16": bool(capabilities.get("amx_bf16")),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("torch", "transformers", "scikit-learn", "numpy")},
    }


def save(name: str, result: Mapping[str, Any]) -> Path:
    """Write a result beside where it was found to results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    whole = {"benchmark": name, "measured_at": datetime.now(UTC).isoformat(timespec="seconds")}
    text = json.dumps({**whole, "environment": environment(), **result}, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path
