"""What may come out of a parser, whatever went in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any


def check_storable(told: Any) -> None:
    """Every database takes all of it: no NUL, no half of a surrogate pair, no number or time beyond its columns."""
    for field in fields(told):
        value = getattr(told, field.name)
        if isinstance(value, str) and b"\0" in value.encode():
            raise AssertionError(f"a NUL in {field.name}")
        if isinstance(value, int) and abs(value) >= 2**63:
            raise AssertionError(f"too large a number in {field.name}")
        if isinstance(value, datetime):
            value.astimezone(UTC)


@contextmanager
def only(*allowed: type[Exception]) -> Iterator[None]:
    """Documented refusals pass; all else is a crash."""
    try:
        yield
    except allowed:
        return
