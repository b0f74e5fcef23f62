"""What payments does about facts of orders, and about its own."""

from __future__ import annotations

from datetime import datetime

from kernel.events import handles
from kernel.models import User
from orders.events import OrderClosingRequested, OrderPaymentReminderDue, OrdersImported

from . import services
from .events import PaymentEnded, RefundSettled
from .models import Refund


@handles(OrderClosingRequested, name="payments.close_attempts")
def close_attempts(event: OrderClosingRequested, /, *, at: datetime) -> None:
    """An order that nobody ever tried to pay closes at once; else the gateways are asked first."""
    by = User.objects.filter(pk=event.by_id).first() if event.by_id else None
    services.close_order(order_id=event.order_id, reason=event.reason, by=by, at=at)


@handles(PaymentEnded, name="payments.finish_closing")
def finish_closing(event: PaymentEnded, /, *, at: datetime) -> None:
    services.finish_closing(order_id=event.order_id, at=at)


@handles(OrderPaymentReminderDue, name="payments.remind")
def remind(event: OrderPaymentReminderDue, /, *, at: datetime) -> None:
    services.remind(order_id=event.order_id, at=at)


@handles(OrdersImported, name="payments.book_imported")
def book_imported(event: OrdersImported, /, *, at: datetime) -> None:
    services.book_imported(order_ids=event.order_ids, at=at)


@handles(RefundSettled, name="payments.follow_refunds")
def follow_refunds(event: RefundSettled, /, *, at: datetime) -> None:
    """An invoice never stands for more than the shop keeps; a refund waits for none."""
    order_id = Refund.objects.filter(pk=event.refund_id).values_list("order_id", flat=True).first()
    if order_id is not None:
        services.follow_refunds(order_id=order_id, at=at)
