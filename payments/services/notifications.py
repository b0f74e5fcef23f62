"""The inbox: a gateway hears `success` only once its message is a committed row."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F

from kernel.db import insert_new, retry_on_conflict
from kernel.failpoints import failpoint
from kernel.queue import after_commit
from kernel.trace import current_address

from ..gateways import (
    Ack,
    ConfigError,
    EventKind,
    ForgedNotification,
    Gateway,
    GatewayEvent,
    InboundRequest,
    Outcome,
    StaleNotification,
    UnknownKey,
    Unreadable,
    claim_problems,
    guard_no_transaction,
    storable,
)
from ..models import GatewayAccount, Notification, NotificationRefusal
from .accounts import account_at, gateway_of
from .key_refresh import miss_key
from .troubles import tell_config_error, tell_refused_messages
from .verdicts import Refusal, proved

logger = logging.getLogger(__name__)

TASK = "payments.apply_notifications"
SAMPLE_BYTES = 8192
MAX_HEADERS, MAX_HEADER_LENGTH = 60, 500
PRIVATE_HEADERS = ("cookie", "authorization", "proxy-authorization")
ALARMING = {  # times an hour; strangers knock, and a clock that is wrong makes all messages stale
    Refusal.FORGED: 20,
    Refusal.STALE: 5,
    Refusal.OTHER_ACCOUNT: 1,
    Refusal.UNKNOWN_KEY: 1,
    Refusal.UNREADABLE: 1,
}
SERIAL_LENGTH = 64


class WebhookNotFound(Exception):
    """No account has this key."""


def receive_notification(*, webhook_key: str, request: InboundRequest) -> Ack:
    """
    Authenticate a message, store it, commit, and only then give the gateway its answer.

    Whether order, amount and currency are right is judged when the message is applied: a resend would mend nothing.

    :raises WebhookNotFound: if no account has this key
    :raises DatabaseError: if it could not be stored; it must not be acknowledged then
    """
    found = account_at(webhook_key=webhook_key)
    if found is None:
        raise WebhookNotFound
    account, marks = found
    try:
        gateway = gateway_of(account, marks=marks)
        event = gateway.parse_notification(request=request)
        problems = claim_problems(expected=gateway.account_claims(), claims=event.claims)
    except (ForgedNotification, UnknownKey, Unreadable) as error:
        return _refuse_unproved(account, gateway, error, request)
    except ConfigError as error:
        tell_config_error(account=account, error=error, at=request.received_at)
        return Ack(status=503, body=b"failure", content_type="text/plain")
    if event.kind is EventKind.PROBE:
        return gateway.refuse(status=401)  # the gateway tests whether we look at signatures
    if problems:
        return _refuse(account, gateway, Refusal.OTHER_ACCOUNT, 403, request)
    _store(account=account, event=event, request=request, verdicts=proved(gateway.capabilities))
    failpoint("inbox.after_commit")
    return gateway.acknowledge(event=event)


@retry_on_conflict
def _store(*, account: GatewayAccount, event: GatewayEvent, request: InboundRequest, verdicts: dict[str, str]) -> None:
    """
    One row per fact, held by the unique event key; a resend is counted on it. Each is one statement, which commits
    itself: a transaction around it would cost two more round trips, and the gateway waits.
    """
    guard_no_transaction()
    failpoint("inbox.before_store")
    if insert_new(_row(account, event, request, verdicts)):
        after_commit(TASK)
    else:
        _count_copy(account, event, at=request.received_at)


def _row(
    account: GatewayAccount, event: GatewayEvent, request: InboundRequest, verdicts: dict[str, str]
) -> Notification:
    return Notification(
        account=account,
        event_key=event.event_key,
        kind=event.kind,
        payment_no=event.payment_no,
        key_serial=event.key_serial[:SERIAL_LENGTH],
        facts=facts_of(event),
        verdicts=verdicts,
        headers=_bounded(request.headers),
        body=request.body,
        received_at=request.received_at,
        last_received_at=request.received_at,
        due_at=request.received_at,
    )


def _count_copy(account: GatewayAccount, event: GatewayEvent, *, at: datetime) -> None:
    told = Notification.objects.filter(account=account, event_key=event.event_key)
    if not told.update(copies=F("copies") + 1, last_received_at=at):
        raise IntegrityError("neither new nor known")  # so it is not stored, and must not be acknowledged
    waiting = {"state": Notification.State.RECEIVED, "due_at": at}
    if told.filter(state=Notification.State.SET_ASIDE).update(attempt=F("attempt") + 1, **waiting):
        after_commit(TASK)  # its trade may be known by now


def facts_of(event: GatewayEvent) -> dict[str, Any]:
    """The event as the inbox keeps it. Who paid stays in the raw body alone, which is pruned in time."""
    return {
        "kind": event.kind.value,
        "event_key": event.event_key,
        "payment_no": event.payment_no,
        "refund_no": event.refund_no,
        "gateway_trade_no": event.gateway_trade_no,
        "amount_fen": event.amount_fen,
        "refunded_total_fen": event.refunded_total_fen,
        "currency": event.currency,
        "outcome": event.outcome.value,
        "occurred_at": event.occurred_at.isoformat() if event.occurred_at else None,
        "native_state": event.native_state,
        "code": event.code,
        "message": event.message,
    }


def _refuse_unproved(account: GatewayAccount, gateway: Gateway, error: Exception, request: InboundRequest) -> Ack:
    match error:
        case UnknownKey():
            miss_key(account=account, serial=error.serial, at=request.received_at)
            return _refuse(account, gateway, Refusal.UNKNOWN_KEY, 503, request)  # a resend finds the key refreshed
        case Unreadable():
            return _refuse(account, gateway, Refusal.UNREADABLE, 422, request)
        case StaleNotification():
            return _refuse(account, gateway, Refusal.STALE, 401, request)
        case _:
            return _refuse(account, gateway, Refusal.FORGED, 401, request)


def _refuse(account: GatewayAccount, gateway: Gateway, reason: Refusal, status: int, request: InboundRequest) -> Ack:
    times = _count_refusal(account=account, reason=reason, request=request)
    logger.warning("payments.notification.refused account=%s reason=%s times=%d", account.code, reason, times)
    if times == ALARMING[reason]:
        tell_refused_messages(account=account, reason=reason, times=times, at=request.received_at)
    return gateway.refuse(status=status)


@retry_on_conflict
@transaction.atomic
def _count_refusal(*, account: GatewayAccount, reason: Refusal, request: InboundRequest) -> int:
    """A row per account, reason and hour, with the first message of it: a flood fills no disk."""
    at = request.received_at
    hour = at.replace(minute=0, second=0, microsecond=0)
    row, is_first = NotificationRefusal.objects.get_or_create(
        account=account,
        reason=reason,
        hour=hour,
        defaults={
            "sample_headers": _bounded(request.headers),
            "sample_body": request.body[:SAMPLE_BYTES],
            "sample_address": current_address(),
            "last_at": at,
        },
    )
    if not is_first:
        NotificationRefusal.objects.filter(pk=row.pk).update(times=F("times") + 1, last_at=at)
    return 1 if is_first else row.times + 1


def _bounded(headers: Mapping[str, str]) -> dict[str, str]:
    kept = [(name, value) for name, value in headers.items() if name.lower() not in PRIVATE_HEADERS]
    return {storable(name): storable(value[:MAX_HEADER_LENGTH]) for name, value in kept[:MAX_HEADERS]}


def read_facts(facts: Mapping[str, Any]) -> GatewayEvent:
    """The event that `facts_of` kept."""
    occurred_at = facts.get("occurred_at")
    known = {name: value for name, value in facts.items() if name in GatewayEvent.__dataclass_fields__}
    known |= {
        "kind": EventKind(facts["kind"]),
        "outcome": Outcome(facts["outcome"]),
        "occurred_at": datetime.fromisoformat(occurred_at) if occurred_at else None,
    }
    return GatewayEvent(**known)
