"""
As many seeds as fit into a minute; `make simulate SEEDS=1000` plays more. Each runs in processes of its own, on
databases in memory: none of it touches the database of the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.requirements import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.only_on("sqlite"), pytest.mark.xdist_group("simulation")]

SEEDS = int(os.environ.get("SIMULATE_SEEDS", "60"))
FIRST = int(os.environ.get("SIMULATE_FIRST", "1"))
FEW = 25
CASES = (
    "refund_done_and_not_heard",
    "paid_twice",
    "refund_told_before_its_payment",
    "success_told_after_its_refund",
    "gateways_down",
    "notifications_lost",
)
PATIENCE = 900


def simulate(*arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONHASHSEED"}
    command = [sys.executable, "-m", "tests.simulation", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )


def test_our_books_equal_the_gateways_after_every_seed() -> None:
    run = simulate("--first", FIRST, "--seeds", SEEDS, "--jobs", 2)

    assert run.returncode == 0, run.stdout + run.stderr
    assert " 0 failed" in run.stdout


def test_a_seed_tells_the_same_story_whatever_was_played_before(tmp_path: Path) -> None:
    another, again = told(tmp_path / "both", "--first", 2, "--seeds", 2)

    assert told(tmp_path / "alone", "--seed", 3) == [again]
    assert another != again


@pytest.mark.parametrize("guard", ["collected_once", "same_refund_number"])
def test_without_a_guard_some_seed_fails_and_says_how_to_repeat_it(guard: str) -> None:
    run = simulate("--without", guard, "--seeds", FEW)

    assert run.returncode == 1, run.stdout + run.stderr
    assert "The last steps:" in run.stdout
    assert f" -v --without {guard}" in run.stdout


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is wrong with each of the cases."""
    file = tmp_path_factory.mktemp("cases") / "told"
    run = simulate("--case", "all", "--story", file)
    assert file.exists(), run.stdout + run.stderr
    return {name: complaints for name, complaints, _story in map(json.loads, file.read_text().splitlines())}


@pytest.mark.parametrize("case", CASES)
def test_a_fault_on_purpose_ends_well(played: dict[str, list[str]], case: str) -> None:
    assert played[case] == []


def test_no_case_is_left_out(played: dict[str, list[str]]) -> None:
    assert sorted(played) == sorted(CASES)


def test_with_a_new_number_for_each_try_the_gateway_pays_back_twice() -> None:
    run = simulate("--case", "refund_done_and_not_heard", "--without", "same_refund_number")

    assert run.returncode == 1, run.stdout + run.stderr
    assert "the gateway paid back [4000, 4000]" in run.stdout


def told(file: Path, *arguments: object) -> list[Any]:
    assert simulate("--story", file, *arguments).returncode == 0
    return [json.loads(line) for line in file.read_text().splitlines()]
