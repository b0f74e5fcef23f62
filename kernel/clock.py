"""The one source of time. Moments are aware UTC; a business day is a day in Shanghai."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def now() -> datetime:
    return datetime.now(tz=UTC)


def local(moment: datetime) -> datetime:
    """The same moment on a Shanghai wall clock."""
    return moment.astimezone(SHANGHAI)


def business_day(moment: datetime) -> date:
    return local(moment).date()


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """A Shanghai day as a half-open range of moments: `start <= moment < end`."""
    start = datetime.combine(day, time.min, tzinfo=SHANGHAI)
    return start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)
