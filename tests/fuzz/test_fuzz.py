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
pytestmark = pytest.mark.xdist_group("fuzz")

RUNS = 1_500
SECONDS = 2
FEWEST = 20  # inputs; how many fit into the seconds depends on what else the machine does


def test_make_knows_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    listed = re.search(r"^FUZZED := ((?:.*\\\n)*.*)$", makefile, re.MULTILINE)

    assert listed is not None
    assert listed[1].replace("\\", "").split() == NAMES
    assert len(NAMES) == 10


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the fuzzer said of each target, all of them in one process that imports once."""
    fuzzer()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz", *NAMES, f"--runs={RUNS}", f"--seconds={SECONDS}"),
            f"--corpus={tmp_path_factory.mktemp('corpus')}",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=300,
    )
    output = done.stdout.decode(errors="replace")
    parts = re.split(r"^== (\w+)\n", output, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_no_bytes_crash_a_parser_or_fill_the_memory(told: dict[str, str], name: str) -> None:
    units = re.search(r"number_of_executed_units: (\d+)", told[name])

    assert told[name].endswith("exit code 0\n"), told[name][-6_000:]
    assert units is not None, told[name][-6_000:]
    assert int(units[1]) > FEWEST
