"""A short run of every target, from its well-formed seeds; `make fuzz` is the long one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.requirements import fuzzer

ROOT = Path(__file__).resolve().parents[2]
NAMES = re.findall(r'^    "(\w+)": Target', (Path(__file__).parent / "targets.py").read_text("utf-8"), re.MULTILINE)
RUNS = 1_500
SECONDS = 2


def test_make_knows_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    listed = re.search(r"^FUZZED := ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)

    assert listed is not None
    assert listed[1].replace("\\", "").split() == NAMES
    assert len(NAMES) == 10


@pytest.mark.parametrize("name", NAMES)
def test_no_bytes_crash_a_parser_or_fill_the_memory(name: str, tmp_path: Path) -> None:
    fuzzer()
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", name, f"--runs={RUNS}", f"--seconds={SECONDS}", f"--corpus={tmp_path}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=120,
    )
    told = done.stdout.decode(errors="replace")

    assert done.returncode == 0, told[-6_000:]
    units = re.search(r"number_of_executed_units: (\d+)", told)
    assert units is not None
    assert int(units[1]) > 100
