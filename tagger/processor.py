"""What this machine's processor does badly, and numpy is told to leave alone.

AMD processors of family 25 that have AVX-512 (Zen 4) take over a hundred cycles for the instruction that numpy's sort
with AVX-512 lives on (https://github.com/numpy/x86-simd-sort/issues/6): without it numpy sorts six times as fast there.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")  # of Linux; elsewhere numpy does as it likes
_VARIABLE = "NPY_DISABLE_CPU_FEATURES"
_AVX512 = "X86_V4"  # as numpy calls what it sorts 32 and 64 bits with


def tune_numpy(environment: MutableMapping[str, str] = os.environ, cpu_info: Path = CPU_INFO) -> None:
    """Have numpy sort without AVX-512 where that is slow. It reads this when it is imported first.

    What somebody set themselves stays as it is.
    """
    if _VARIABLE not in environment and _sorts_slowly(cpu_info):
        environment[_VARIABLE] = _AVX512


def _sorts_slowly(cpu_info: Path) -> bool:
    try:
        text = cpu_info.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    first, _, _ = text.partition("\n\n")  # one paragraph per core
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in first.splitlines())}
    is_zen = facts.get("vendor_id") == "AuthenticAMD" and facts.get("cpu family") == "25"
    return is_zen and "avx512f" in facts.get("flags", "").split()
