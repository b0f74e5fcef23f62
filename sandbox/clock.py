from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8))  # fixed: the gateways' clocks know no other zone and no summer time
DAY = 86_400


class Clock:
    """The sandbox's only source of time; it can be put forward and back."""

    def __init__(self, *, source: Callable[[], float] = time.time, offset: float = 0.0) -> None:
        self.source = source
        self.offset = offset

    def now(self) -> float:
        return self.source() + self.offset


def moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, BEIJING)


def beijing(at: float) -> str:
    return moment(at).strftime("%Y-%m-%d %H:%M:%S")


def beijing_millis(at: float) -> str:
    return f"{beijing(at)}.{int(at * 1000) % 1000:03d}"


def iso(at: float | None) -> str | None:
    return None if at is None else moment(at).isoformat(timespec="milliseconds")


def rfc3339(at: float) -> str:
    return moment(at).isoformat(timespec="seconds")


def from_beijing(text: str) -> float:
    """
    Read `yyyy-MM-dd HH:mm:ss`, Beijing time.

    :raises ValueError: if it is anything else
    """
    if len(text) != len("2026-01-01 00:00:00"):
        raise ValueError(text)
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).timestamp()


def end_of_day(at: float) -> float:
    day = moment(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1)).timestamp()
