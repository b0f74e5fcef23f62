"""docs/ops/faults.md names tests and failpoints: they must be there, and none may be missing."""

from __future__ import annotations

import ast
import re

import pytest

from tests.failpoints import failpoints, scope_of
from tests.requirements import ROOT

TOLD = (ROOT / "docs/ops/faults.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", TOLD)))
CASES = {*range(1, 10), *range(16, 22), *range(32, 39)}


def defined(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def rows() -> dict[int, str]:
    """Of the first table, by number; a row may be of several."""
    lines = [line for line in TOLD.splitlines() if re.match(r"\| [0-9]", line)]
    return {int(number): line for line in lines for number in re.findall(r"[0-9]+", line.split("|")[1])}


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_exists(named: str) -> None:
    path, _colons, name = named.partition("::")

    assert (ROOT / path).is_file()
    assert not name or name in defined(path)


def test_every_case_is_told_with_a_test() -> None:
    assert {number for number, row in rows().items() if "`tests/" in row} == CASES


def test_the_refund_that_must_not_double_has_its_controls() -> None:
    controls = {number: row.split("|")[5] for number, row in rows().items()}

    assert all("`tests/" in controls[number] for number in (1, 2))


def test_every_failpoint_of_the_code_is_told() -> None:
    told = set(re.findall(r"^\| `(\w+)\.\*`", TOLD, re.MULTILINE))

    assert told == {scope_of(name) for name in failpoints()}


def test_every_failpoint_is_killed_at_by_a_test() -> None:
    """By its own name, or by its scope, of which the test takes all that there are."""
    tests = "".join(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("test_*.py")))
    scopes = {scope for asked in re.findall(r"failpoints\(([^)]*)\)", tests) for scope in re.findall(r'"(\w+)"', asked)}

    left_out = [name for name in failpoints() if scope_of(name) not in scopes and f'"{name}' not in tests]
    assert left_out == []
