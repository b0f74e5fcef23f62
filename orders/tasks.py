"""What the clock has orders do. Harmless to run twice, or on two workers at once: the rows say what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from kernel.timers import timer

from . import services
from .imports.uploads import prune_uploads


@timer(name="orders.remind_unpaid", every=timedelta(seconds=30))
def remind_unpaid(*, at: datetime, limit: int) -> int:
    return services.remind_unpaid(at=at, limit=limit)


@timer(name="orders.request_overdue_closings", every=timedelta(seconds=30))
def request_overdue_closings(*, at: datetime, limit: int) -> int:
    """Nothing is closed here: payments hears the request, has the gateway close, then calls `close` down."""
    return services.request_overdue_closings(at=at, limit=limit)


@timer(name="orders.run_order_timers", every=timedelta(minutes=1))
def run_order_timers(*, at: datetime, limit: int) -> int:
    return services.run_order_timers(at=at, limit=limit)


@timer(name="orders.prune_uploads", every=timedelta(hours=1))
def prune_forgotten_uploads(*, at: datetime, limit: int) -> int:
    """Fewer than `limit`, always: once is enough."""
    return min(prune_uploads(at=at), limit - 1)
