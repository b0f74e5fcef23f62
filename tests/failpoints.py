"""The named places at which a process can be made to die, read from the source: nobody keeps a list of them."""

from __future__ import annotations

import ast
from functools import cache

from tests.shape.source import source


@cache
def failpoints(*scopes: str) -> list[str]:
    """Of the whole product, or those whose names begin with one of the scopes."""
    names = {name for file in source() for node in ast.walk(file.tree) if (name := _name(node))}
    return sorted(name for name in names if not scopes or scope_of(name) in scopes)


def scope_of(name: str) -> str:
    return name.partition(".")[0]


def _name(node: ast.AST) -> str:
    match node:
        case ast.Call(func=ast.Name(id="failpoint"), args=[ast.Constant(value=str(name))]):
            return name
    return ""
