"""Events to their handlers: claimed by one worker, done once, tried again with growing pauses, parked at last."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from kernel import alerts, audit
from kernel.clock import now
from kernel.db import retry_on_conflict, skips_locked
from kernel.errors import DomainError
from kernel.failpoints import failpoint
from kernel.models import Alert, Delivery, OutboxEvent, User
from kernel.models.events import DeliveryQuerySet
from kernel.queue import after_commit
from kernel.trace import acting_as, tracing

from .publishing import Handler, at_depth, handlers

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # longer than any handler takes
BATCH = 50  # of handlers that only write; those that call the outside are claimed one by one
ATTEMPTS = 8
DEADLY_ATTEMPTS = 40  # more than anybody kills workers: the delivery itself does
FIRST_PAUSE = timedelta(seconds=10)
LONGEST_PAUSE = timedelta(hours=1)


class NoHandler(DomainError):
    text = _("No part of this installation handles “%(handler)s” any more.")


class KillsWorkers(DomainError):
    text = _("Every worker that took this died. Look for the reason, then deliver it again.")


class _Lost(Exception):
    """The lease was over, and another worker has it now."""


def deliver_due(*, at: datetime, limit: int = 200) -> int:
    """
    Hand due events to their handlers. Harmless on any number of workers at once.

    :return: how many deliveries were claimed, whatever became of them
    """
    claimed = 0
    for batch in _claims(at=at, limit=limit):
        events = OutboxEvent.objects.in_bulk({delivery.event_id for delivery in batch})
        for delivery in batch:
            _deliver(delivery, events[delivery.event_id], at=at)
        claimed += len(batch)
    return claimed


@transaction.atomic
def rerun(*, delivery_ids: Sequence[int], by: User | None, at: datetime) -> int:
    """
    Deliver parked events again, with as many attempts as the first time.

    :return: how many; those that are not parked are left alone
    """
    parked = Delivery.objects.parked().filter(pk__in=delivery_ids)
    acts: list[audit.Act] = [{"action": "events.rerun", "subject": delivery} for delivery in parked]
    audit.record_many(acts, by=by, at=at)
    after_commit("kernel.deliver_events")
    return parked.update(state=Delivery.State.QUEUED, due_at=at)


def _claims(*, at: datetime, limit: int) -> Iterator[list[Delivery]]:
    outside = [handler.name for handler in handlers.values() if not handler.atomic]
    for due, size in (
        (Delivery.objects.due(at=at).exclude(handler__in=outside), BATCH),
        (Delivery.objects.due(at=at).filter(handler__in=outside), 1),
    ):
        while limit > 0 and (batch := _claim(due, size=min(size, limit), at=at)):
            yield batch
            limit -= len(batch)


def _claim(due: DeliveryQuerySet, *, size: int, at: datetime) -> list[Delivery]:
    """Whoever moves the due time has them until it comes; the attempt number fences what is written afterwards."""
    if not due.exists():  # looking costs no lock
        return []
    with transaction.atomic():
        batch = list(due.select_for_update(skip_locked=skips_locked()).order_by("due_at", "pk")[:size])
        mine = Delivery.objects.filter(pk__in=[delivery.pk for delivery in batch])
        mine.update(attempt=F("attempt") + 1, due_at=max(at, now()) + LEASE)
    for delivery in batch:
        delivery.attempt += 1
    return batch


def _deliver(delivery: Delivery, event: OutboxEvent, *, at: datetime) -> None:
    with tracing(event.trace_id), at_depth(event.depth + 1), acting_as(delivery.handler):
        try:
            _hand_over(delivery, event, at=at)
        except _Lost:
            log.info("Delivery %s was taken over by another worker", delivery.pk)
        except Exception as error:  # noqa: BLE001 - one handler that fails must not stop the next
            log.warning("Delivery %s to %s: %s", delivery.pk, delivery.handler, type(error).__name__)
            _postpone(delivery, error=error, at=at)


def _hand_over(delivery: Delivery, event: OutboxEvent, *, at: datetime) -> None:
    handler = handlers.get(delivery.handler)
    if handler is None:
        raise NoHandler(handler=delivery.handler)
    if delivery.attempt > DEADLY_ATTEMPTS:
        raise KillsWorkers
    failpoint("events.before_handler")
    if handler.atomic:
        _within(handler, delivery, event, at=at)
    else:
        handler.take(event.payload, at=at)
        failpoint("events.before_done")
        _finish(delivery, at=at)


@retry_on_conflict
@transaction.atomic
def _within(handler: Handler, delivery: Delivery, event: OutboxEvent, *, at: datetime) -> None:
    _finish(delivery, at=at)  # first: its row lock holds off whoever claims this after our lease
    handler.take(event.payload, at=at)
    failpoint("events.before_commit")


def _finish(delivery: Delivery, *, at: datetime) -> None:
    if not _update(delivery, state=Delivery.State.DONE, done_at=at, last_error=""):
        raise _Lost


def _postpone(delivery: Delivery, *, error: Exception, at: datetime) -> None:
    text = f"{type(error).__name__}: {error}"
    hopeless = isinstance(error, (NoHandler, KillsWorkers))
    if not hopeless and delivery.attempt % ATTEMPTS:  # run again by hand it has as many attempts again
        pause = min(FIRST_PAUSE * 2 ** min(delivery.attempt, 20), LONGEST_PAUSE)
        _update(delivery, due_at=at + pause, last_error=text)
    elif _update(delivery, state=Delivery.State.PARKED, last_error=text):
        alerts.raise_alert(
            kind="delivery_parked",
            subject=delivery.handler,
            severity=Alert.Severity.CRITICAL,
            text=_("An event could not be handled and is parked. Look at its error, then deliver it again."),
            evidence={"delivery": delivery.pk},
            at=at,
        )


def _update(delivery: Delivery, **changes: object) -> bool:
    mine = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.QUEUED, attempt=delivery.attempt)
    return mine.update(**changes) == 1
