from __future__ import annotations

from datetime import datetime, timedelta

from sandbox.clock import BEIJING, DAY, moment

CUT = timedelta(hours=1)  # the clearing day ends at 23:00


def stamp(at: float) -> str:
    return f"{moment(at):%Y%m%d%H%M%S}"


def from_stamp(text: str) -> float:
    """
    Read `yyyyMMddHHmmss`, Beijing time.

    :raises ValueError: if it is anything else
    """
    if len(text) != len("20260101000000") or not text.isascii() or not text.isdigit():
        raise ValueError(text)
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING).timestamp()


def clearing_day(at: float) -> str:
    """The day, yyyyMMdd, on which UnionPay clears what happened then."""
    return f"{moment(at) + CUT:%Y%m%d}"


def clearing_span(day: str) -> tuple[float, float]:
    """When a clearing day begins and ends."""
    start = from_stamp(f"{day}000000") - CUT.total_seconds()
    return start, start + DAY


def latest(settle_date: str, *, now: float) -> str:
    """
    The last clearing day that has this MMDD: UnionPay writes no year.

    :raises ValueError: if it is no date
    """
    current = int(clearing_day(now)[:4])
    for year in range(current, current - 9, -1):  # 29 February may be eight years ago
        day = f"{year}{settle_date}"
        try:
            start, _ = clearing_span(day)
        except ValueError:
            continue
        if start <= now:
            return day
    raise ValueError(settle_date)
