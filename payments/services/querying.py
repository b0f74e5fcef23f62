"""Asking gateways what became of attempts: due ones by the ladder, any one when somebody wants to know."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from kernel.clock import now
from kernel.db import retry_on_conflict
from kernel.queue import after_commit

from ..gateways import ConfigError, GatewayEvent, Outcome, guard_no_transaction
from ..models import Payment, Refund
from .accounts import gateway_of
from .attempts import expire, lock_payment_by_id, ref_of
from .key_refresh import look_for_key
from .schedule import DAILY, UNHEARD, is_over, is_unheard, next_query_at
from .settle import judge
from .troubles import tell_config_error, tell_silence

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)  # longer than closing and asking can take
TASK = "payments.query_due"
UNPAID = (Outcome.PENDING, Outcome.NOT_FOUND)


def query_payment(*, payment_id: int, at: datetime) -> Payment:
    """
    Ask the gateway about an attempt now, and book what it says.

    :raises ConfigError: if the account is set up wrongly
    """
    guard_no_transaction()
    payment = Payment.objects.select_related("account").get(pk=payment_id)
    ask(payment, at=at)
    return Payment.objects.get(pk=payment_id)


def run_query_ladder(*, at: datetime, limit: int) -> int:
    """
    Ask about attempts whose next question is due; those to be closed are closed at the gateway first.

    A gateway that cannot be reached is left alone for the rest of the run.

    :return: how many were looked at
    """
    due = Payment.objects.query_due(at=at).select_related("account").order_by("query_due_at", "pk")[:limit]
    silent: set[int] = set()
    looked_at = 0
    for payment in due:
        if payment.account_id not in silent and _claim(payment, at=at):
            looked_at += 1
            if not _ask_patiently(payment, at=at):
                silent.add(payment.account_id)
    return looked_at


def ask_soon(*, payment_id: int, at: datetime) -> None:
    """Bring the next question about an attempt without money forward to now, and wake a worker."""
    waiting = Payment.objects.filter(pk=payment_id).exclude(status=Payment.Status.SUCCEEDED)
    if waiting.filter(Q(query_due_at__gt=at) | Q(query_due_at=None)).update(query_due_at=at):
        after_commit(TASK)


def ask(payment: Payment, *, at: datetime) -> GatewayEvent:
    """
    Ask, with no transaction open, and book the answer.

    :raises ConfigError: if the account is set up wrongly
    """
    report = _hear(payment)
    look_for_key(account=payment.account, report=report, at=at)
    _take(payment_id=payment.pk, report=report, at=max(at, now()))
    return report


def bring_forward(*, stuck_since: datetime, at: datetime) -> int:
    """
    Make every open attempt, and every refund under way, that is older than a moment due now.

    :return: how many
    """
    attempts = Payment.objects.open().filter(created_at__lte=stuck_since, query_due_at__gt=at)
    refunds = Refund.objects.filter(status__in=Refund.IN_FLIGHT, created_at__lte=stuck_since, due_at__gt=at)
    return attempts.update(query_due_at=at) + refunds.update(due_at=at)


def hear_about(*, payment: Payment) -> GatewayEvent:
    """
    What the gateway says about a payment, without booking it.

    :raises ConfigError: if the account is set up wrongly
    """
    return gateway_of(payment.account).query(ref=ref_of(payment))


def _claim(payment: Payment, *, at: datetime) -> bool:
    """Compare-and-set on the count of questions: of two workers one asks. If it dies, the lease runs out."""
    mine = Payment.objects.query_due(at=at).filter(pk=payment.pk, queries=payment.queries)
    return mine.update(queries=F("queries") + 1, query_due_at=max(at, now()) + LEASE) == 1


def _ask_patiently(payment: Payment, *, at: datetime) -> bool:
    """Whether the gateway could be reached at all."""
    try:
        return not ask(payment, at=at).code.startswith("transport.")
    except ConfigError as error:
        tell_config_error(account=payment.account, error=error, at=at)
    except Exception:
        logger.exception("payments.query.failed payment_no=%s", payment.payment_no)
    return True


def _hear(payment: Payment) -> GatewayEvent:
    """Only the gateway's word that it closed is taken for it; anything else is asked about."""
    gateway, ref = gateway_of(payment.account), ref_of(payment)
    if payment.closing and payment.status in Payment.OPEN and gateway.capabilities.can_close:
        closed = gateway.close(ref=ref)
        if closed.outcome is Outcome.CLOSED:
            return closed
    return gateway.query(ref=ref)


@retry_on_conflict
@transaction.atomic
def _take(*, payment_id: int, report: GatewayEvent, at: datetime) -> None:
    payment = lock_payment_by_id(payment_id=payment_id)
    judge(report=report, account_id=payment.account_id, at=at)
    payment.refresh_from_db(fields=["status", "query_due_at"])
    if payment.status not in Payment.OPEN:
        Payment.objects.filter(pk=payment.pk).update(query_due_at=None)
        return
    if report.outcome in UNPAID and is_over(expires_at=payment.expires_at, at=at):
        expire(payment=payment, at=at)
        return
    if is_over(expires_at=payment.expires_at + DAILY, at=at):
        tell_silence(payment_no=payment.payment_no, at=at)
    due_at = next_query_at(created_at=payment.created_at, expires_at=payment.expires_at, at=at)
    if is_unheard(code=report.code):
        due_at = min(due_at, at + UNHEARD)
    Payment.objects.filter(pk=payment.pk).update(query_due_at=due_at)
