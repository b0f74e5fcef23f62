"""What time does to orders. Due times stand in the rows; a tick that is lost costs a minute and no order."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from kernel.db import retry_on_conflict
from kernel.events import publish
from kernel.models import Category, Trigger
from kernel.workflow import Occurrence, next_timer

from ..events import OrderClosed, OrderClosingRequested, OrderCompleted, OrderPaymentReminderDue
from ..models import Order
from ..queries.flow import ORDERS
from . import timeline
from .announcing import announce
from .closing import ASK_AGAIN_AFTER
from .firing import fire_orders

TRY_AGAIN_AFTER = timedelta(hours=1)  # where a condition holds a timeout back


def request_overdue_closings(*, at: datetime, limit: int) -> int:
    """Ask for overdue orders to be closed, first for those that have waited longest to be asked for."""
    due = Order.objects.closing_due(at=at).order_by("closing_due_at", "pk").values_list("pk", flat=True)
    return sum(_request_closing(order_id, at=at) for order_id in due[:limit])


@retry_on_conflict
@transaction.atomic
def _request_closing(order_id: int, *, at: datetime) -> bool:
    """Whoever moves the due time asks. An order that cannot be closed goes to the back and starves nobody."""
    this_order = Order.objects.closing_due(at=at).filter(pk=order_id)
    if this_order.update(closing_due_at=at + ASK_AGAIN_AFTER) != 1:
        return False  # paid, closed, or asked for by another worker since we looked
    publish(OrderClosingRequested(order_id=order_id, reason=Order.CloseReason.PAYMENT_TIMEOUT.value))
    return True


def remind_unpaid(*, at: datetime, limit: int) -> int:
    """Have the customers of unpaid orders reminded, each once; payments writes the message, with a pay link."""
    due = Order.objects.reminder_due(at=at).order_by("remind_due_at", "pk")
    return sum(_remind(order, at=at) for order in due[:limit])


@retry_on_conflict
@transaction.atomic
def _remind(order: Order, *, at: datetime) -> bool:
    this_order = Order.objects.reminder_due(at=at).filter(pk=order.pk)
    if this_order.update(remind_due_at=None) != 1 or not order.is_unpaid:
        return False
    if order.payment_due_at is not None and order.payment_due_at <= at:
        return False  # too late: it is about to be closed
    timeline.append(order=order, kind="message", code="payment_reminder_due", at=at)
    publish(OrderPaymentReminderDue(order_id=order.pk))
    return True


def run_order_timers(*, at: datetime, limit: int) -> int:
    """Fire the timeouts of orders whose state has lasted long enough, as a set."""
    due = Order.objects.timer_due(at=at).order_by("timer_due_at", "pk").values_list("pk", flat=True)
    return _time_out(list(due[:limit]), at=at)


@retry_on_conflict
@transaction.atomic
def _time_out(order_ids: list[int], *, at: datetime) -> int:
    if not order_ids:
        return 0
    locked = Order.objects.select_for_update().filter(pk__in=order_ids, timer_due_at__lte=at).order_by("pk")
    orders = list(locked)  # those that no other worker has moved since we looked
    occurrence = Occurrence(trigger=Trigger.TIMEOUT, code="timed_out")
    result = fire_orders(orders=orders, occurrence=occurrence, at=at)
    _postpone([order for order in orders if order.pk in result.refused], at=at)
    moved = [order for order in orders if order.pk in result.moved]
    announce([order for order in moved if order.category == Category.COMPLETED], OrderCompleted)
    announce([order for order in moved if order.is_closed], OrderClosed)
    return len(moved)


def _postpone(orders: list[Order], *, at: datetime) -> None:
    for order in orders:
        version_id, since = order.workflow_version_id, order.state_since
        later = next_timer(subject=ORDERS, version_id=version_id, state=order.state, since=since, after=at)
        order.timer_due_at = later or at + TRY_AGAIN_AFTER
    if orders:
        Order.objects.bulk_update(orders, ["timer_due_at"])
