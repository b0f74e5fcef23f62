from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable

import grimp

from tests.requirements import ROOT

from .source import APPS

Graph = dict[str, set[str]]


def test_calls_go_down_between_apps_and_inside_them() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


def test_no_imports_go_in_circles() -> None:
    graph = grimp.build_graph(*APPS, cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    assert circles(imports) == []


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def circles(imports: Graph) -> list[list[str]]:
    """Sets of modules that import each other, directly or not."""
    reach = {module: _reachable(module, imports) for module in imports}
    found = {tuple(sorted(it for it in reach[module] if module in reach.get(it, ()))) for module in imports}
    return sorted(list(circle) for circle in found if circle)


def _reachable(module: str, imports: Graph) -> set[str]:
    seen: set[str] = set()
    waiting: list[Iterable[str]] = [imports[module]]
    while waiting:
        for name in waiting.pop():
            if name not in seen:
                seen.add(name)
                waiting.append(imports.get(name, ()))
    return seen
