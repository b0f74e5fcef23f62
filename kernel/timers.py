"""
What is to be done from time to time. A turn is a row that one scheduler can take; a turn missed is caught up once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from . import alerts, heartbeats
from .models import Alert, ScheduleTick
from .trace import acting_as, tracing

log = logging.getLogger(__name__)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIMIT = 200  # rows at a time
LONGEST_TURN = 30.0  # seconds; what is left then waits for the next turn
_well: set[str] = set()  # timers whose last turn in this process went well


def forget() -> None:
    """Know nothing any more of how earlier turns went."""
    _well.clear()


class Turn(Protocol):
    def __call__(self, *, at: datetime, limit: int) -> int:
        """:return: how many rows were handled; as many as `limit` means that there may be more"""


@dataclass(frozen=True, slots=True)
class Timer:
    name: str
    every: timedelta
    run: Turn


@dataclass(frozen=True, slots=True)
class TickResult:
    timer: str
    scheduled_for: datetime
    handled: int
    error: str = ""


timers: dict[str, Timer] = {}


def timer(*, name: str, every: timedelta) -> Callable[[Turn], Turn]:
    """
    Register a function that looks for due rows and handles them; harmless to run twice, or on two workers at once.

    Turns are at whole multiples of `every` since 1970, the same on every machine.
    """

    def register(run: Turn) -> Turn:
        if name in timers:
            raise ValueError(f"there are two timers named {name}")
        timers[name] = Timer(name, every, run)
        return run

    return register


def run_due_timers(*, at: datetime, only: Collection[str] | None = None) -> list[TickResult]:
    """
    Take every turn that is due and that nobody has taken yet.

    :param only: names of timers; all, if not given
    :return: what was done; a timer that failed is among them with its error, and has raised an alert
    """
    heartbeats.beat(heartbeats.SCHEDULER, at=at)
    wanted = [known for name, known in timers.items() if only is None or name in only]
    taken = set(_taken(wanted, at=at))
    return [result for due in wanted if due.name not in taken and (result := _run(due, at=at)) is not None]


def slot(known: Timer, *, at: datetime) -> datetime:
    """The turn that `at` falls into."""
    return at - (at - EPOCH) % known.every


def _taken(wanted: list[Timer], *, at: datetime) -> list[str]:
    """One look instead of an insert that fails for each timer whose turn is over."""
    turns = {(known.name, slot(known, at=at)) for known in wanted}
    rows = ScheduleTick.objects.filter(scheduled_for__in={moment for _name, moment in turns})
    return [turn[0] for turn in rows.values_list("timer", "scheduled_for") if turn in turns]


def _run(due: Timer, *, at: datetime) -> TickResult | None:
    tick = _take(due, at=at)
    if tick is None:
        return None
    handled, error = 0, ""
    with tracing(), acting_as(due.name):
        try:
            handled = _exhaust(due, at=at)
        except Exception as failure:  # noqa: BLE001 - one timer that fails must not stop the next
            log.warning("Timer %s: %s", due.name, type(failure).__name__)
            error = f"{type(failure).__name__}: {failure}"
        _judge(due, error=error, at=at)
    ScheduleTick.objects.filter(pk=tick.pk).update(finished_at=at, handled=handled, error=error)
    return TickResult(due.name, tick.scheduled_for, handled, error)


def _take(due: Timer, *, at: datetime) -> ScheduleTick | None:
    try:
        with transaction.atomic():
            return ScheduleTick.objects.create(timer=due.name, scheduled_for=slot(due, at=at), started_at=at)
    except IntegrityError:
        return None  # another scheduler was faster


def _exhaust(due: Timer, *, at: datetime) -> int:
    started, handled = time.monotonic(), 0
    while (count := due.run(at=at, limit=LIMIT)) >= LIMIT and time.monotonic() - started < LONGEST_TURN:
        handled += count
    return handled + count


def _judge(due: Timer, *, error: str, at: datetime) -> None:
    if error:
        _well.discard(due.name)
        alerts.raise_alert(
            kind="timer_failed",
            subject=due.name,
            severity=Alert.Severity.CRITICAL,
            text=_("A timer failed. It runs again at its next turn; the list of timer ticks has the error."),
            evidence={"error": error[:500]},
            at=at,
        )
    elif due.name not in _well:
        alerts.resolve(kind="timer_failed", subject=due.name, at=at)
        _well.add(due.name)
