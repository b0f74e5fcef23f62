"""Announces facts of orders; of imported orders it says nothing, for they are history and start nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kernel.events import Event, publish_many

from ..models import Order


def announce(orders: Iterable[Order], event: Callable[..., Event], **facts: object) -> None:
    """Publish one event for each order that was not imported, in the caller's transaction."""
    news = [event(order_id=order.pk, **facts) for order in orders if not order.is_imported]
    if news:
        publish_many(news)
