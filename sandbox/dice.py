from __future__ import annotations

from hashlib import sha256
from typing import TypeVar

T = TypeVar("T")


def number(*parts: object, below: int) -> int:
    """The same parts give the same number, in any run and on any machine."""
    return int.from_bytes(sha256("|".join(map(str, parts)).encode()).digest()[:8], "big") % below


def happens(*parts: object, percent: float) -> bool:
    return number(*parts, below=10_000) < percent * 100


def shuffled(items: list[T], *parts: object) -> list[T]:
    return [item for _, item in sorted(enumerate(items), key=lambda pair: number(*parts, pair[0], below=1 << 60))]
