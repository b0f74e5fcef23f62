"""Our own source, parsed once."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.requirements import ROOT

APPS = ("aftersales", "backoffice", "customers", "kernel", "orders", "payments", "sandbox")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class File:
    path: str
    text: str
    tree: ast.Module

    def functions(self) -> Iterator[Function]:
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@dataclass(frozen=True)
class Measured:
    """A number, and the place it was measured at, so that a broken budget names its offender."""

    size: int
    place: str


@cache
def tracked(*patterns: str) -> tuple[Path, ...]:
    """Files of the repository, and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(path for name in sorted(set(listed.split("\0"))) if name and (path := ROOT / name).is_file())


@cache
def source() -> tuple[File, ...]:
    """Every Python file of ours but migrations and tests."""
    files = (
        path
        for path in tracked("*.py")
        if path.relative_to(ROOT).parts[0] != "tests" and "migrations" not in path.parts
    )
    return tuple(
        File(str(path.relative_to(ROOT)), text, ast.parse(text)) for path in files for text in [path.read_text("utf-8")]
    )


def function_lengths() -> list[Measured]:
    return [
        Measured((node.end_lineno or node.lineno) - node.lineno + 1, f"{file.path}:{node.lineno} {node.name}")
        for file in source()
        for node in file.functions()
    ]


def over(measured: list[Measured], limit: int) -> list[str]:
    worst = sorted((it for it in measured if it.size > limit), key=lambda it: -it.size)
    return [f"{it.size} {it.place}" for it in worst]
