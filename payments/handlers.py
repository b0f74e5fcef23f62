"""What payments does about facts of orders, and about its own."""

from __future__ import annotations

from datetime import datetime

from kernel.events import handles
from kernel.models import User
from orders.events import OrderClosingRequested, OrderPaymentReminderDue, OrdersImported

from . import services
from .events import PaymentEnded


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
