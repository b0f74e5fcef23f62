"""Appends to the gapless history of an order; `queries.timeline` makes sentences of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kernel.models import User
from kernel.trace import current_trace_id

from ..models import Order, OrderEvent
from .locks import lock_order

NO_FACTS: Mapping[str, object] = {}


def append(
    *,
    order: Order,
    kind: str,
    code: str,
    facts: Mapping[str, object] = NO_FACTS,
    by: User | None = None,
    at: datetime,
) -> OrderEvent:
    """
    Write one entry, in the transaction of what it tells. No personal data in the facts: they are not sealed.

    :param kind: an OrderEvent.Kind
    :param code: of a sentence that `queries.timeline` knows
    """
    return OrderEvent.objects.create(
        order=order,
        seq=_next_seq(order),
        kind=kind,
        code=code,
        facts=dict(facts),
        at=at,
        by=by,
        trace_id=current_trace_id(),
    )


def _next_seq(order: Order) -> int:
    """An instance read before others wrote is brought up to date, so that no number is taken twice."""
    if not _take(order):
        order.history_seq = lock_order(order_id=order.pk).history_seq
        _take(order)
    return order.history_seq


def _take(order: Order) -> bool:
    this_seq = Order.objects.filter(pk=order.pk, history_seq=order.history_seq)
    taken = this_seq.update(history_seq=order.history_seq + 1) == 1
    order.history_seq += int(taken)
    return taken
