"""Sending refunds and finding out what became of them. No transaction is open while a gateway is asked."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import F

from kernel import approvals
from kernel.clock import now
from kernel.failpoints import failpoint

from ..gateways import (
    ConfigError,
    EventKind,
    Gateway,
    GatewayEvent,
    Outcome,
    RefundRef,
    RefundRequest,
    guard_no_transaction,
)
from ..models import GatewayAccount, Payment, Refund, UnappliedMoney
from .accounts import gateway_of, notify_url
from .four_eyes import ensure_approved_as_is
from .key_refresh import look_for_key
from .refund_outcomes import settle_refund
from .schedule import DAILY, REFUND_STEPS, UNHEARD, is_unheard, step_after
from .troubles import tell_config_error, tell_refund_silence, tell_unapproved

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)  # longer than asking and sending can take
Status = Refund.Status
TO_DO = (Status.PENDING, Status.PROCESSING, Status.UNKNOWN)


def send_refund(*, refund_id: int, at: datetime) -> Refund:
    """
    Send a refund that is due, or find out what became of one that was sent; then book it.

    Called twice, or by two workers, it sends one refund: the row is claimed, and its number never changes.
    """
    guard_no_transaction()
    refund = load_refund(refund_id)
    if refund.due_at is not None and refund.due_at <= at and _claim(refund, at=at):
        _step(refund, at=max(at, now()))
    return load_refund(refund_id)


def ask_refund(*, refund_id: int, at: datetime) -> Refund:
    """Take the next step of an unsettled refund now, however long it was to wait; the same number, as always."""
    unsettled = Refund.objects.filter(pk=refund_id, status__in=(*TO_DO, Status.REQUIRES_ACTION))
    unsettled.update(due_at=at)
    return send_refund(refund_id=refund_id, at=at)


def resolve_refunds(*, at: datetime, limit: int) -> int:
    """
    Take the next step of every refund that is due: send it, or ask about it.

    :return: how many were looked at
    """
    due = Refund.objects.filter(due_at__lte=at).order_by("due_at", "pk").values_list("pk", flat=True)
    looked_at = 0
    for refund_id in list(due[:limit]):
        refund = load_refund(refund_id)
        if _claim(refund, at=at):
            looked_at += 1
            _step_patiently(refund, at=max(at, now()))
    return looked_at


def load_refund(refund_id: int) -> Refund:
    related = Refund.objects.select_related("payment__account", "unapplied__account", "unapplied__payment")
    return related.get(pk=refund_id)


def _claim(refund: Refund, *, at: datetime) -> bool:
    """The attempt number fences: one worker takes the step, and whoever died leaves it due again."""
    mine = Refund.objects.filter(pk=refund.pk, attempt=refund.attempt, due_at__lte=at)
    failpoint("refund.before_claim")
    claimed = mine.update(attempt=F("attempt") + 1, due_at=max(at, now()) + LEASE) == 1
    refund.attempt += int(claimed)
    failpoint("refund.after_claim")
    return claimed


def _step_patiently(refund: Refund, *, at: datetime) -> None:
    try:
        _step(refund, at=at)
    except Exception:
        logger.exception("payments.refund.failed refund_no=%s", refund.refund_no)


def _step(refund: Refund, *, at: datetime) -> None:
    account = account_of(refund)
    try:
        gateway = gateway_of(account)
        report = _send_or_ask(gateway, refund, at=at)
    except ConfigError as error:
        tell_config_error(account=account, error=error, at=at)
        _postpone(refund, words=str(error), at=at)
        return
    except (approvals.NotApproved, approvals.PayloadChanged) as error:
        _halt(refund, words=str(error), at=at)
        return
    look_for_key(account=account, report=report, at=at)
    failpoint("refund.before_settle")
    settled = settle_refund(refund_id=refund.pk, report=report, at=at)
    failpoint("refund.after_settle")
    if settled.due_at is not None:
        settled.attempt = refund.attempt  # the one that was claimed fences, whoever has it by now
        _postpone(settled, words="", at=at, unheard=is_unheard(code=report.code))


def _send_or_ask(gateway: Gateway, refund: Refund, *, at: datetime) -> GatewayEvent:
    """What was sent before is asked about first; only what the gateway never carried out is sent again."""
    if refund.sent_at is not None:
        told = gateway.query_refund(ref=ref_of(refund))
        if told.outcome is not Outcome.NOT_FOUND or refund.status not in TO_DO:
            return told
    if refund.status not in TO_DO:
        return GatewayEvent(kind=EventKind.REFUND, refund_no=refund.refund_no, outcome=Outcome.UNKNOWN)
    ensure_approved_as_is(refund=refund)
    if refund.sent_at is None:
        refund.sent_at = at
        Refund.objects.filter(pk=refund.pk, sent_at=None).update(sent_at=at)
    failpoint("refund.before_call")
    report = gateway.refund(request=_request(refund))
    failpoint("refund.after_call")
    return report


def _halt(refund: Refund, *, words: str, at: datetime) -> None:
    """What would go out is not what somebody allowed: nothing does, and a person looks."""
    mine = Refund.objects.filter(pk=refund.pk, attempt=refund.attempt, status__in=TO_DO)
    mine.update(status=Status.REQUIRES_ACTION, due_at=None, last_message=words[:300])
    tell_unapproved(refund_no=refund.refund_no, words=words, at=at)


def _postpone(refund: Refund, *, words: str, at: datetime, unheard: bool = False) -> None:
    mine = Refund.objects.filter(pk=refund.pk, attempt=refund.attempt, due_at__isnull=False)
    due_at = step_after(REFUND_STEPS, attempt=refund.attempt, at=at)
    changes: dict[str, object] = {"due_at": min(due_at, at + UNHEARD) if unheard else due_at}
    if not _is_asked_about(refund):
        changes["due_at"] = None
    if words:
        changes["last_message"] = words[:300]
    mine.update(**changes)
    if refund.status in TO_DO and at - refund.created_at >= DAILY:
        tell_refund_silence(refund_no=refund.refund_no, at=at)


def _is_asked_about(refund: Refund) -> bool:
    """What a person has to put right at the gateway is asked about, too: nobody need tell us that it is done."""
    return refund.status in TO_DO or (refund.status == Status.REQUIRES_ACTION and refund.sent_at is not None)


def account_of(refund: Refund) -> GatewayAccount:
    return _source(refund).account


def _source(refund: Refund) -> Payment | UnappliedMoney:
    """What is refunded: money from suspense by its own numbers, or a payment by its."""
    source = refund.unapplied or refund.payment
    assert source is not None  # noqa: S101 - held by the constraint refund_of_something
    return source


def ref_of(refund: Refund) -> RefundRef:
    source = _source(refund)
    return RefundRef(
        refund_no=refund.gateway_refund_no or refund.refund_no,
        payment_no=source.payment_no,
        created_at=_asked_at(source),
        requested_at=refund.sent_at or refund.created_at,
        gateway_trade_no=source.gateway_trade_no,
    )


def _request(refund: Refund) -> RefundRequest:
    source = _source(refund)
    return RefundRequest(
        refund_no=refund.refund_no,
        payment_no=source.payment_no,
        amount_fen=refund.amount_fen,
        total_fen=source.amount_fen,
        reason=refund.reason,
        created_at=_asked_at(source),
        requested_at=refund.sent_at or refund.created_at,
        gateway_trade_no=source.gateway_trade_no,
        notify_url=notify_url(source.account),
    )


def _asked_at(source: Payment | UnappliedMoney) -> datetime:
    """When the attempt was made: part of its key at some gateways."""
    if isinstance(source, Payment):
        return source.created_at
    return source.payment.created_at if source.payment is not None else source.received_at
