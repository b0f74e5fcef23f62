"""Tells the workflow of orders what happened, and rules which states orders entered because of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kernel.events import publish_many
from kernel.models import User
from kernel.rules import is_heard
from kernel.workflow import FireResult, Occurrence, fire

from ..events import OrderEntered
from ..models import Order
from ..queries.flow import ORDERS

RULE_EVENT = "order_entered"


def fire_orders(
    *,
    orders: Sequence[Order],
    occurrence: Occurrence,
    changed: Sequence[str] = (),
    varied: Sequence[str] = (),
    at: datetime,
    by: User | None = None,
) -> FireResult:
    """As `kernel.workflow.fire`, which see, for locked orders."""
    result = fire(subject=ORDERS, rows=orders, occurrence=occurrence, changed=changed, varied=varied, by=by, at=at)
    moved = [order for order in orders if order.pk in result.moved and not order.is_imported]
    if moved and is_heard(RULE_EVENT):  # else a busy shop would write a row for each step of each order, for nobody
        publish_many(OrderEntered(order_id=order.pk, seq=order.history_seq) for order in moved)
    return result
