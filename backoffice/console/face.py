"""The shop's name and whether it is live, for every page without a query for every page. Knows no admin."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache

from kernel.shop import shop

SECONDS = 60
KEY = "backoffice:face"


def face() -> dict[str, Any]:
    known: dict[str, Any] | None = cache.get(KEY)
    if known is None:
        row = shop()
        known = {"name": row.name, "is_live": row.went_live_at is not None}
        cache.set(KEY, known, SECONDS)
    return known


def forget_face() -> None:
    """For whoever changes the shop's name."""
    cache.delete(KEY)
