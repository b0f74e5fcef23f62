"""What the ground itself does from time to time: deliver, send, run, count, and throw away what nobody needs."""

from __future__ import annotations

from datetime import datetime, timedelta

from . import counters, events, jobs, messages
from .models import Delivery, OnceKey, OutboxEvent, ScheduleTick
from .timers import timer

KEEP_TICKS = timedelta(days=1)
KEEP_FAILED_TICKS = timedelta(days=30)
KEEP_EVENTS = timedelta(days=30)  # those that are handled; parked ones stay until somebody looks after them
KEEP_ONCE_KEYS = timedelta(days=30)
JOBS_TIMER = "kernel.run_jobs"


@timer(name="kernel.deliver_events", every=timedelta(seconds=5))
def deliver_events(*, at: datetime, limit: int) -> int:
    return events.deliver_due(at=at, limit=limit)


@timer(name="kernel.deliver_messages", every=timedelta(seconds=5))
def deliver_messages(*, at: datetime, limit: int) -> int:
    return messages.deliver_messages(at=at, limit=limit)


@timer(name="kernel.recount", every=timedelta(minutes=1))
def recount(*, at: datetime, limit: int) -> int:
    """Fewer than `limit`, always: counting once is enough."""
    return min(counters.recount_all(at=at), limit - 1)


@timer(name="kernel.prune", every=timedelta(minutes=10))
def prune(*, at: datetime, limit: int) -> int:
    """Delete what is done and old, a few rows at a time, so that nobody waits for it."""
    ticks = ScheduleTick.objects.filter(scheduled_for__lt=at - KEEP_TICKS, error="")
    failed_ticks = ScheduleTick.objects.filter(scheduled_for__lt=at - KEEP_FAILED_TICKS)
    keys = OnceKey.objects.filter(used_at__lt=at - KEEP_ONCE_KEYS)
    counts = [
        model.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0]
        for model, old in ((ScheduleTick, ticks), (ScheduleTick, failed_ticks), (OnceKey, keys))
    ]
    return max(*counts, _prune_events(at=at, limit=limit))


def _prune_events(*, at: datetime, limit: int) -> int:
    unfinished = Delivery.objects.exclude(state=Delivery.State.DONE).values("event_id")
    old = OutboxEvent.objects.filter(created_at__lt=at - KEEP_EVENTS).exclude(pk__in=unfinished)
    ids = list(old.order_by("created_at").values_list("pk", flat=True)[:limit])
    Delivery.objects.filter(event_id__in=ids).delete()
    OutboxEvent.objects.filter(pk__in=ids).delete()
    return len(ids)


@timer(name="kernel.prune_job_files", every=timedelta(hours=1))
def prune_job_files(*, at: datetime, limit: int) -> int:
    return jobs.prune_files(at=at, limit=limit)


@timer(name=JOBS_TIMER, every=timedelta(seconds=10))  # last: a job may take its time
def run_jobs(*, at: datetime, limit: int) -> int:
    return jobs.run_due_jobs(at=at, limit=limit)
