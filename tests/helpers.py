"""What many tests need: the outbox counted, everything due done, a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import time_machine
from django.db import transaction
from django.test import override_settings

from kernel import events, heartbeats, queue, sequences, timers
from kernel.clock import now
from kernel.events import Event
from kernel.models import Delivery, Job, Message, OutboxEvent, ScheduleTick
from payments.services import key_use

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)  # in Shanghai
HOUR = timedelta(hours=1)
ROUNDS = 30


def count_published(event_type: type[Event], **payload: Any) -> int:
    """How many events of a type were published, with this in them."""
    return len(published(event_type, **payload))


def published(event_type: type[Event], **payload: Any) -> list[dict[str, Any]]:
    """What the published events of a type say, first to last."""
    rows = OutboxEvent.objects.filter(name=events.event_name(event_type)).order_by("pk")
    return [row.payload for row in rows if payload.items() <= row.payload.items()]


@contextmanager
def frozen(at: datetime = NOON) -> Iterator[time_machine.Traveller]:
    """The clock stands at `at`, and moves when it is told to: `clock.move_to(…)`, `clock.shift(…)`."""
    with time_machine.travel(at, tick=False) as clock:
        yield clock


def drain(at: datetime | None = None) -> None:
    """
    Do all that is due at `at`: events, messages, jobs and every timer, until there is nothing left.

    What was written just now is due, whatever the clock says; what waits for another attempt is not.

    :raises AssertionError: if it never ends, or a delivery or timer failed
    """
    moment = at or now()
    for _round in range(ROUNDS):
        _bring_forward(moment)
        ScheduleTick.objects.filter(scheduled_for__gte=moment.replace(second=0, microsecond=0)).delete()
        results = timers.run_due_timers(at=moment)
        if errors := [f"{result.timer}: {result.error}" for result in results if result.error]:
            raise AssertionError("\n".join(errors))
        if not _waiting(moment):
            return _assert_all_handled()
    raise AssertionError(f"still not quiet after {ROUNDS} rounds")


def _bring_forward(moment: datetime) -> None:
    Delivery.objects.filter(state=Delivery.State.QUEUED, attempt=0).update(due_at=moment)
    Message.objects.filter(state=Message.State.QUEUED, attempt=0).update(due_at=moment)
    Job.objects.filter(state=Job.State.QUEUED, attempt=0).update(due_at=moment)


def _waiting(moment: datetime) -> bool:
    return (
        Delivery.objects.filter(state=Delivery.State.QUEUED, attempt=0).exists()
        or Message.objects.filter(state=Message.State.QUEUED, attempt=0).exists()
        or Job.objects.filter(state=Job.State.QUEUED, attempt=0).exists()
    )


def _assert_all_handled() -> None:
    failed = Delivery.objects.exclude(state=Delivery.State.DONE).exclude(last_error="")
    if errors := [f"{delivery.handler}: {delivery.last_error}" for delivery in failed]:
        raise AssertionError("\n".join(errors))


@contextmanager
def handling(
    event_type: type[Event], react: Callable[..., object], *, name: str = "tests.handler", atomic: bool = True
) -> Iterator[None]:
    """A handler for as long as the block lasts."""
    events.handles(event_type, name=name, atomic=atomic)(react)
    try:
        yield
    finally:
        events.forget(name)


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction, or a savepoint of one, that is rolled back at its end."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def ringing() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The rings of the bell that are due in the block, heard when their transaction is committed."""
    heard: list[tuple[str, dict[str, Any]]] = []

    def hear(task_name: str, kwargs: dict[str, Any], *, delay: float) -> None:
        heard.append((task_name, kwargs))

    with (
        override_settings(BELL="celery"),
        mock.patch.object(queue, "send", hear),
        mock.patch.object(queue, "BURST_SECONDS", 0),
    ):
        yield heard


def forget_process_state() -> None:
    """What a process remembers of the database, which every test empties."""
    sequences.forget_blocks()
    heartbeats.forget()
    key_use.forget_counts()
    timers.forget()
    queue.ring_again()
