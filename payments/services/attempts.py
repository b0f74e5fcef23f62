"""Attempts to collect: found, locked in the one order of locks, and moved by what a gateway says about them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import CharField, DateTimeField
from django.utils.translation import gettext_lazy as _

from kernel.bulk import ByKey
from kernel.errors import DomainError
from kernel.events import publish
from kernel.queue import after_commit
from orders import services as orders
from orders.models import Order

from ..events import PaymentEnded
from ..gateways import GatewayEvent, Outcome, PaymentRef
from ..models import Payment

MOVES = {
    Outcome.PENDING: Payment.Status.PENDING,
    Outcome.FAILED: Payment.Status.FAILED,
    Outcome.CLOSED: Payment.Status.CANCELED,
    Outcome.UNKNOWN: Payment.Status.UNKNOWN,
}  # not NOT_FOUND: until a customer scans, a gateway may not know a QR code that can still be paid
WORDS_LENGTH = 300
QUERY_TASK = "payments.query_due"


class PaymentNotFound(DomainError):
    text = _("There is no payment “%(payment_no)s” in this account. If it is not a test, look for it at the gateway.")


def lock_payment(*, payment_no: str, account_id: int) -> Payment | None:
    """Order first, then payment, as everywhere: the other way round deadlocks with whoever closes it."""
    seen = Payment.objects.filter(payment_no=payment_no, account_id=account_id).only("pk", "order_id").first()
    return _lock(seen) if seen is not None else None


def lock_payment_by_id(*, payment_id: int) -> Payment:
    """
    :raises PaymentNotFound: if there is none
    """
    seen = Payment.objects.filter(pk=payment_id).only("pk", "order_id").first()
    if seen is None:
        raise PaymentNotFound(payment_no=payment_id)
    return _lock(seen)


def _lock(seen: Payment) -> Payment:
    order = orders.lock_order(order_id=seen.order_id)
    payment = Payment.objects.select_for_update().get(pk=seen.pk)
    payment.order = order  # so that callers judge the locked row
    return payment


def follow(*, payment: Payment | None, report: GatewayEvent, at: datetime) -> Payment:
    """
    Move an attempt to where a report without money says it stands.

    :param at: when it reached us, which counts where the gateway does not say when it happened
    :raises PaymentNotFound: if there is no such attempt
    """
    if payment is None:
        raise PaymentNotFound(payment_no=report.payment_no)
    status = MOVES.get(report.outcome)
    if status and status != payment.status and payment.status in Payment.OPEN:  # reports overtake each other
        _move(payment, status, words=report.message, at=_moment_of(payment, report, at=at))
    return payment


def expire(*, payment: Payment, at: datetime) -> None:
    """The gateway takes no money for it any more, since it expired, and says that it took none."""
    if payment.status in Payment.OPEN:
        _move(payment, Payment.Status.EXPIRED, words="", at=min(payment.expires_at, at))


def succeed(*, payment: Payment, report: GatewayEvent, at: datetime) -> None:
    """Note the money, from any status: a success that comes after a close is still money."""
    if payment.status != Payment.Status.SUCCEEDED:  # a second trade does not overwrite the first
        payment.status = Payment.Status.SUCCEEDED
        payment.gateway_trade_no, payment.paid_at = report.gateway_trade_no, report.occurred_at or at
        payment.query_due_at = payment.ended_at = None
        payment.save(update_fields=["status", "gateway_trade_no", "paid_at", "query_due_at", "ended_at"])


def spend(*, payment: Payment, report: GatewayEvent, words: str, at: datetime) -> None:
    """Money came by it that is not what it asked for: it cannot collect any more, and holds nothing open."""
    if payment.status in Payment.OPEN:
        _move(payment, Payment.Status.FAILED, words=words, at=_moment_of(payment, report, at=at))


def close_others(*, order: Order, at: datetime) -> None:
    """
    Have the open attempts of an order that is paid closed at their gateways, after the commit, so that nobody pays
    twice. The caller holds the order's lock. One that is paid all the same is unapplied money.
    """
    close_others_of(settled=[order], at=at)


def succeed_together(*, paid: Sequence[tuple[Payment, GatewayEvent]], at: datetime) -> None:
    """Note the money of open attempts, locked with their orders, in one statement."""
    for payment, report in paid:
        payment.status = Payment.Status.SUCCEEDED
        payment.gateway_trade_no, payment.paid_at = report.gateway_trade_no, report.occurred_at or at
        payment.query_due_at = None
    rows = [payment for payment, _report in paid]
    trades = {it.pk: it.gateway_trade_no for it in rows}
    moments = {it.pk: it.paid_at for it in rows}
    Payment.objects.filter(pk__in=[it.pk for it in rows]).update(
        status=Payment.Status.SUCCEEDED,
        query_due_at=None,
        gateway_trade_no=ByKey(column=CharField(), values=trades),
        paid_at=ByKey(column=DateTimeField(), values=moments),
    )


def close_others_of(*, settled: Iterable[Order], at: datetime) -> None:
    """As `close_others`, for many orders."""
    paid = [order.pk for order in settled if not order.due_fen]
    if paid and Payment.objects.filter(order__in=paid, closing=False).open().update(closing=True, query_due_at=at):
        after_commit(QUERY_TASK)


def ref_of(payment: Payment) -> PaymentRef:
    return PaymentRef(
        payment_no=payment.payment_no,
        created_at=payment.created_at,
        gateway_trade_no=payment.gateway_trade_no,
        expires_at=payment.expires_at,
    )


def _moment_of(payment: Payment, report: GatewayEvent, *, at: datetime) -> datetime:
    """When it happened, if the gateway says so; some only repeat when the attempt was begun."""
    told = report.occurred_at
    return told if told is not None and payment.created_at < told <= at else at


def _move(payment: Payment, status: Payment.Status, *, words: str, at: datetime) -> None:
    payment.status = status
    payment.last_message = words[:WORDS_LENGTH] or payment.last_message
    if status not in Payment.OPEN:
        payment.query_due_at, payment.ended_at = None, at
        publish(PaymentEnded(payment_id=payment.pk, order_id=payment.order_id, status=status))
    payment.save(update_fields=["status", "last_message", "query_due_at", "ended_at"])
