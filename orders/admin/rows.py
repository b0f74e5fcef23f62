"""Fetches what the list shows of all orders on a page: two queries, however many orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from ..models import Order, OrderLine, Shipment
from .buttons import Button

V = TypeVar("V")


@dataclass(slots=True)
class Shown:
    """What a row of the list shows besides the order's own columns."""

    at: datetime
    back: str
    may_mark: bool
    goods: list[tuple[str, int]] = field(default_factory=list)
    parcels: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)


def load(orders: Sequence[Order], *, at: datetime, back: str, may_mark: bool) -> None:
    """Give each order its `shown`."""
    ids = [order.pk for order in orders]
    goods = _grouped(
        OrderLine.objects.filter(order__in=ids)
        .order_by("order_id", "line_no")
        .values_list("order_id", "title", "quantity")
    )
    parcels = _grouped(
        Shipment.objects.filter(order__in=ids)
        .order_by("order_id", "parcel_no")
        .values_list("order_id", "carrier_name", "tracking_no")
    )
    for order in orders:
        shown = Shown(at=at, back=back, may_mark=may_mark, goods=goods[order.pk], parcels=parcels[order.pk])
        setattr(order, "shown", shown)  # noqa: B010 - the model does not know of lists


def shown_of(order: Order) -> Shown:
    shown: Shown = getattr(order, "shown")  # noqa: B009
    return shown


def _grouped(rows: Iterable[tuple[int, str, V]]) -> defaultdict[int, list[tuple[str, V]]]:
    groups: defaultdict[int, list[tuple[str, V]]] = defaultdict(list)
    for order_id, first, second in rows:
        groups[order_id].append((first, second))
    return groups
