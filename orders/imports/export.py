"""Orders as our own layout hands them out: everything an order has, so that another shop can take it in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django.db.models import Prefetch, QuerySet

from kernel.phones import mask_address, mask_name, mask_phone, mask_phones_in
from orders.models import Order, OrderLine, Shipment, ShipmentLine
from orders.records import ExportedOrder, ImportedLine, ImportedShipment

CHUNK = 500


def exported(orders: QuerySet[Order], *, masked: bool) -> Iterator[ExportedOrder]:
    """
    Oldest first, in flat memory.

    :param masked: hides names, phones and addresses the way screens do
    """
    keys = orders.order_by("placed_at", "pk").values_list("pk", flat=True).iterator(chunk_size=10_000)
    while chunk := list(islice(keys, CHUNK)):
        yield from (_export(order, masked=masked) for order in _load(chunk))


def _load(keys: list[int]) -> Iterable[Order]:
    found = (
        Order.objects.filter(pk__in=keys)
        .select_related("customer", "customer__type")
        .prefetch_related(
            Prefetch("lines", OrderLine.objects.order_by("line_no")),
            Prefetch("shipments", Shipment.objects.select_related("carrier").order_by("parcel_no")),
            Prefetch("shipments__lines", ShipmentLine.objects.select_related("line").order_by("line__line_no")),
            "tags",
        )
        .order_by("placed_at", "pk")
    )
    return list(found)


def _export(order: Order, *, masked: bool) -> ExportedOrder:
    plain = ExportedOrder(
        **{name: getattr(order, name) for name in PLAIN},
        external_order_no=order.external_order_no or "",
        lines=tuple(_line(line) for line in order.lines.all()),
        shipments=tuple(_shipment(parcel) for parcel in order.shipments.all()),
        tags=tuple(sorted(tag.name for tag in order.tags.all())),
        phone=order.recipient_phone,
        address_detail=order.detail,
        **_buyer(order),
    )
    return _mask(plain) if masked else plain


PLAIN = (
    "order_no order_type source state category close_reason payment_status fulfillment_status aftersales_status "
    "subtotal_fen discount_fen adjustment_fen shipping_fen total_fen paid_fen refunded_fen shipping_refunded_fen "
    "placed_at state_since paid_at shipped_at delivered_at completed_at closed_at payment_due_at ship_by "
    "recipient_name province city district customer_note staff_note flag raw"
).split(" ")


def _buyer(order: Order) -> dict[str, Any]:
    buyer = order.customer
    if buyer.is_anonymous:
        return {"customer_name": None}
    return {
        "customer_no": buyer.customer_no,
        "customer_type": buyer.type.code if buyer.type else "",
        "customer_name": buyer.name,
        "customer_phone": buyer.phone,
    }


def _line(line: OrderLine) -> ImportedLine:
    return ImportedLine(
        line_no=line.line_no,
        sku=line.sku,
        title=line.title,
        quantity=line.quantity,
        unit_price_fen=line.unit_price_fen,
        discount_fen=line.discount_fen,
        adjustment_fen=line.adjustment_fen,
        total_fen=line.total_fen,
        refunded_fen=line.refunded_fen,
    )


def _shipment(parcel: Shipment) -> ImportedShipment:
    return ImportedShipment(
        carrier=parcel.carrier_name,
        carrier_code=parcel.carrier.code if parcel.carrier else "",
        tracking_no=parcel.tracking_no,
        shipped_at=parcel.shipped_at,
        lines=tuple((part.line.line_no, part.quantity) for part in parcel.lines.all()),
    )


def _mask(order: ExportedOrder) -> ExportedOrder:
    order.customer_name = None if order.customer_name is None else mask_name(order.customer_name)
    order.customer_phone, order.phone = mask_phone(order.customer_phone), mask_phone(order.phone)
    order.recipient_name, order.address_detail = mask_name(order.recipient_name), mask_address(order.address_detail)
    order.customer_note, order.staff_note = mask_phones_in(order.customer_note), mask_phones_in(order.staff_note)
    order.raw = {}
    return order
