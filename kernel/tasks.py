"""The bell's side of what `upkeep` does by the clock. All may ring twice, at once, or not at all."""

from __future__ import annotations

import socket
from collections.abc import Callable

from celery import shared_task

from . import events, heartbeats, jobs, messages, timers, upkeep
from .clock import now

ROUNDS = 100  # then the next ring or the timer goes on, so that a task has an end

__all__ = ["deliver_events", "deliver_messages", "run_jobs", "run_timers", "upkeep"]


@shared_task(name="kernel.run_timers", ignore_result=True)
def run_timers(**_later: object) -> int:
    """Take the turns that are due. :return: how many"""
    heartbeats.beat(heartbeats.WORKER, at=now(), detail=socket.gethostname())
    return len(timers.run_due_timers(at=now()))


@shared_task(name="kernel.deliver_events", ignore_result=True)
def deliver_events(*, limit: int = 200, **_later: object) -> int:
    return _exhaust(lambda: events.deliver_due(at=now(), limit=limit), limit=limit)


@shared_task(name="kernel.deliver_messages", ignore_result=True)
def deliver_messages(*, limit: int = 200, **_later: object) -> int:
    return _exhaust(lambda: messages.deliver_messages(at=now(), limit=limit), limit=limit)


@shared_task(name="kernel.run_jobs", ignore_result=True)
def run_jobs(*, limit: int = 5, **_later: object) -> int:
    return jobs.run_due_jobs(at=now(), limit=limit)


def _exhaust(turn: Callable[[], int], *, limit: int) -> int:
    handled = 0
    for _round in range(ROUNDS):
        handled += (count := turn())
        if count < limit:
            break
    return handled
