"""Signs of life of workers and the scheduler, for the doctor and the home page."""

from __future__ import annotations

from datetime import datetime, timedelta

from .db import bulk_upsert
from .models import Heartbeat

SCHEDULER = "scheduler"
WORKER = "worker"
EVERY = timedelta(seconds=15)  # often enough to tell the dead from the living within a minute
_last: dict[str, datetime] = {}


def beat(name: str, *, at: datetime, detail: str = "") -> None:
    """Note that something is alive; at most every 15 seconds from one process."""
    last = _last.get(name)
    if last is None or not timedelta() <= at - last < EVERY:
        bulk_upsert(
            [Heartbeat(name=name, seen_at=at, detail=detail[:200])],
            unique_fields=("name",),
            update_fields=("seen_at", "detail"),
        )
        _last[name] = at


def forget() -> None:
    """Beat at once the next time."""
    _last.clear()


def last_seen(name: str) -> datetime | None:
    return Heartbeat.objects.filter(name=name).values_list("seen_at", flat=True).first()


def is_alive(name: str, *, at: datetime, within: timedelta = timedelta(minutes=1)) -> bool:
    seen_at = last_seen(name)
    return seen_at is not None and at - seen_at <= within
