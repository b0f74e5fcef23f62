"""Closing attempts: the gateway is asked first, and a success always wins as money."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.models import User
from kernel.money import yuan
from kernel.queue import after_commit
from orders import services as orders
from orders.models import Order

from ..gateways import ConfigError, GatewayEvent, Outcome, guard_no_transaction
from ..models import Payment
from .querying import TASK, ask


class AttemptStillOpen(DomainError):
    text = _("The customer can still pay %(amount)s for this order. Close the open payment first, then change it.")


class CustomerIsPaying(DomainError):
    text = _("The gateway did not confirm that payment %(payment_no)s is closed. Try again in a minute.")


class OrderJustPaid(DomainError):
    text = _("The customer has just paid this order. Load the page again.")


@transaction.atomic
def close_order(*, order_id: int, reason: str, by: User | None, at: datetime) -> bool:
    """
    Close an unpaid order, at once if nothing can be collected for it, else when no gateway can any more.

    :param reason: a close reason of the order
    :return: whether it is closed now
    """
    order = orders.lock_order(order_id=order_id)
    if not order.is_unpaid:
        return False
    attempts = Payment.objects.filter(order=order).open()
    attempts.filter(closing_reason="").update(closing_reason=reason, closing_by=by)  # the first to ask says why
    if attempts.update(closing=True, query_due_at=at):
        after_commit(TASK)
        return False
    return _close(order, reason=reason, by=by, at=at)


@transaction.atomic
def finish_closing(*, order_id: int, at: datetime) -> bool:
    """Close the order whose closing was asked for, once its last open attempt is over."""
    order = orders.lock_order(order_id=order_id)
    attempts = Payment.objects.filter(order=order)
    asked = attempts.exclude(closing_reason="").order_by("-pk").select_related("closing_by").first()
    if asked is None or not order.is_unpaid or attempts.open().exists():
        return False
    return _close(order, reason=asked.closing_reason, by=asked.closing_by, at=at)


def _close(order: Order, *, reason: str, by: User | None, at: datetime) -> bool:
    try:
        orders.close(order_id=order.pk, reason=reason, by=by, at=at)
    except orders.OrderMovedOn:
        return False  # its workflow has no way to close from here; it is shown where it stands
    return True


def close_attempt(*, payment_id: int, at: datetime) -> Payment:
    """
    Close one open attempt at the gateway, so that nobody pays it any more; the order stays open.

    :raises ConfigError: if the account is set up wrongly
    :raises CustomerIsPaying: if the gateway did not say that it is closed
    """
    guard_no_transaction()
    payment = Payment.objects.select_related("account").get(pk=payment_id)
    if payment.status in Payment.OPEN:
        _withdraw(payment, at=at)
    return Payment.objects.get(pk=payment_id)


def release_for_edit(*, order_id: int, at: datetime) -> None:
    """
    Close the open attempts of an order at the gateway, so that what is to be paid may change.

    A code that was never scanned cannot be closed at some gateways. It is withdrawn: not offered again, and money
    that comes by it all the same is applied only if the sum still fits.

    :raises CustomerIsPaying: if a gateway gave no clear answer
    :raises OrderJustPaid: if the customer was faster
    """
    guard_no_transaction()
    for payment in Payment.objects.filter(order_id=order_id, withdrawn_at=None).open().select_related("account"):
        if _withdraw(payment, at=at).outcome is Outcome.SUCCEEDED:
            raise OrderJustPaid


def _withdraw(payment: Payment, *, at: datetime) -> GatewayEvent:
    """
    :raises CustomerIsPaying: if the gateway did not say that it is closed, or that it knows of nothing to close
    """
    Payment.objects.filter(pk=payment.pk, status__in=Payment.OPEN).update(closing=True)
    payment.closing = True
    try:
        report = ask(payment, at=at)
    except ConfigError as error:
        raise CustomerIsPaying(payment_no=payment.payment_no) from error
    if report.outcome is Outcome.NOT_FOUND:
        _note_withdrawn(payment_id=payment.pk, at=at)
    elif report.outcome not in (Outcome.CLOSED, Outcome.FAILED, Outcome.SUCCEEDED):
        raise CustomerIsPaying(payment_no=payment.payment_no)
    return report


@retry_on_conflict
def _note_withdrawn(*, payment_id: int, at: datetime) -> None:
    Payment.objects.filter(pk=payment_id, status__in=Payment.OPEN).update(withdrawn_at=at)


def refuse_edit_while_open(order: Order) -> None:
    """
    The edit guard that orders asks, inside its own lock.

    :raises AttemptStillOpen: if the customer may be paying the old price
    """
    open_attempt = Payment.objects.filter(order=order, withdrawn_at=None).open().first()
    if open_attempt is not None:
        raise AttemptStillOpen(amount=yuan(open_attempt.amount_fen))
