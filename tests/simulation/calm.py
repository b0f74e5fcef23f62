"""When something is next to be done, and whether everything has come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Min, QuerySet

from kernel.models import Category, Delivery
from orders.models import Order
from payments.models import Notification, Payment, Refund
from sandbox import notices

if TYPE_CHECKING:
    from .world import World

WAITING = (Notification.State.RECEIVED, Notification.State.PARKED)


def next_moment(world: World) -> datetime | None:
    """The first moment at which shop or gateway has something to do."""
    told = notices.next_due(world.sandbox.box)
    moments = [
        _first(Payment.objects.all(), "query_due_at"),
        _first(Refund.objects.all(), "due_at"),
        _first(Notification.objects.filter(state__in=WAITING), "due_at"),
        _first(Delivery.objects.filter(state=Delivery.State.QUEUED), "due_at"),
        _first(Order.objects.filter(category=Category.PENDING_PAYMENT), "closing_due_at"),
        datetime.fromtimestamp(told, UTC) if told is not None else None,
    ]
    return min((it for it in moments if it is not None), default=None)


def unfinished(world: World) -> dict[str, int]:
    """What has not come to an end; empty when all is quiet."""
    waiting: dict[str, int] = {
        "open attempts": Payment.objects.open().count(),
        "refunds on their way": Refund.objects.filter(status__in=Refund.IN_FLIGHT).count(),
        "messages received": Notification.objects.filter(state=Notification.State.RECEIVED).count(),
        "messages parked": Notification.objects.filter(state=Notification.State.PARKED).count(),
        "events": Delivery.objects.filter(state=Delivery.State.QUEUED).count(),
        "events given up": Delivery.objects.exclude(state__in=("queued", "done")).count(),
        "unpaid orders": Order.objects.filter(category=Category.PENDING_PAYMENT, paid_fen=0).count(),
        "notifications": notices.unfinished(world.sandbox.box) + _unsent(world),
    }
    return {what: count for what, count in waiting.items() if count}


def parked(world: World) -> Iterator[str]:
    """Why messages wait."""
    for row in Notification.objects.filter(state=Notification.State.PARKED).order_by("pk"):
        yield f"message {row.pk} is parked: {row.last_error}, {row.facts}"


def _unsent(world: World) -> int:
    row = world.sandbox.box.store.one("SELECT COUNT(*) AS n FROM notification WHERE state = ?", notices.WAITING)
    return int(row["n"]) if row else 0


def _first(rows: QuerySet[Any], column: str) -> datetime | None:
    found: datetime | None = rows.aggregate(first=Min(column))["first"]
    return found
