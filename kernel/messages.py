"""Messages to people outside: written with the act that causes them, sent afterwards by whoever claims the row."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from . import alerts, audit, transports
from .clock import now
from .failpoints import failpoint
from .letters import render, write
from .models import Alert, Message, User
from .queue import after_commit

__all__ = ["deliver_messages", "render", "send_again", "write"]

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)  # longer than any transport's time-out
ATTEMPTS = 8
LONGEST_PAUSE = timedelta(hours=1)
ERROR_LENGTH = Message._meta.get_field("last_error").max_length or 0


def deliver_messages(*, at: datetime, limit: int = 200) -> int:
    """
    Send due messages, each claimed by one worker; a worker that dies leaves its message due again.

    :return: how many were claimed
    """
    due = Message.objects.due(at=at).order_by("due_at", "pk")[:limit]
    return sum(_deliver(message, at=at) for message in due)


@transaction.atomic
def send_again(*, message_ids: list[int], by: User, at: datetime) -> int:
    """Try messages again that were given up."""
    failed = Message.objects.filter(pk__in=message_ids, state=Message.State.FAILED)
    acts: list[audit.Act] = [{"action": "messages.send_again", "subject": message} for message in failed]
    audit.record_many(acts, by=by, at=at)
    after_commit("kernel.deliver_messages")
    return failed.update(state=Message.State.QUEUED, due_at=at, last_error="")


def _deliver(message: Message, *, at: datetime) -> bool:
    if not _update(message, attempt=message.attempt + 1, due_at=max(at, now()) + LEASE):
        return False  # another worker was faster
    message.attempt += 1
    try:
        failpoint("messages.before_send")
        transports.send(message)  # no transaction is open: a slow provider blocks nobody
        failpoint("messages.after_send")
    except transports.TransportError as error:
        _postpone(message, error=str(error), at=at)
    except Exception as error:  # noqa: BLE001 - a template that fails must not stop the next message
        log.warning("Message %s of template %s: %s", message.pk, message.template, type(error).__name__)
        _postpone(message, error=_without(message.recipient, f"{type(error).__name__}: {error}"), at=at)
    else:
        _update(message, state=Message.State.SENT, sent_at=at, last_error="")
    return True


def _postpone(message: Message, *, error: str, at: datetime) -> None:
    error = error[:ERROR_LENGTH]
    if message.attempt % ATTEMPTS:  # sent again by hand it has as many tries again
        _update(message, due_at=at + min(timedelta(minutes=2**message.attempt), LONGEST_PAUSE), last_error=error)
    elif _update(message, state=Message.State.FAILED, last_error=error) and message.template != alerts.TEMPLATE:
        alerts.raise_alert(
            kind="message_failed",
            subject=message.template,
            severity=Alert.Severity.WARNING,
            text=_("A message could not be sent and was given up. The list of messages says why."),
            evidence={"message": message.pk, "error": error},
            at=at,
        )


def _update(message: Message, **changes: object) -> bool:
    """The attempt number fences: a worker that wakes after its lease finds it changed, and writes nothing."""
    mine = Message.objects.filter(pk=message.pk, state=Message.State.QUEUED, attempt=message.attempt)
    return mine.update(**changes) == 1


def _without(recipient: str, error: str) -> str:
    return error.replace(recipient, "***") if recipient else error
