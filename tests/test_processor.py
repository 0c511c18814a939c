"""numpy's slow way to sort is left out where the processor is known for it, and nowhere else."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tagger.processor import tune_numpy

ZEN_4 = "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nflags\t\t: avx2 avx512f\n\n"
VARIABLE = "NPY_DISABLE_CPU_FEATURES"


@pytest.fixture
def cpu_info(tmp_path: Path) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(ZEN_4 * 2)
    return path


def test_zen_4_sorts_without_avx512(cpu_info):
    environment: dict[str, str] = {}
    tune_numpy(environment, cpu_info)
    assert environment == {VARIABLE: "X86_V4"}


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("AuthenticAMD", "GenuineIntel"),
        ("cpu family\t: 25", "cpu family\t: 26"),  # Zen 5 does it well
        (" avx512f", ""),  # Zen 3
        (ZEN_4, ""),
        (ZEN_4, "what is this"),
    ],
)
def test_other_processors_are_left_alone(cpu_info, said, instead):
    cpu_info.write_text(cpu_info.read_text().replace(said, instead))
    environment: dict[str, str] = {}
    tune_numpy(environment, cpu_info)
    assert environment == {}


def test_what_somebody_set_stays(cpu_info):
    environment = {VARIABLE: ""}
    tune_numpy(environment, cpu_info)
    assert environment == {VARIABLE: ""}


def test_a_machine_that_says_nothing_is_left_alone(tmp_path):
    environment: dict[str, str] = {}
    tune_numpy(environment, tmp_path / "none")
    assert environment == {}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="only these processors have AVX-512")
def test_numpy_takes_what_it_is_told():
    """It warns of a name that it does not know, and that would have no effect."""
    plain = {name: value for name, value in os.environ.items() if name != VARIABLE}
    told = plain | {VARIABLE: "X86_V4"}
    ask = "from numpy._core._multiarray_umath import __cpu_features__ as has; print(has['X86_V4'])"
    command = [sys.executable, "-W", "error", "-c", ask]
    found = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_the_package_says_so_before_numpy_is_there():
    ask = "import sys, tagger; print('numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
