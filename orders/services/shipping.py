"""Parcels: staff ship an order, whole or in parts, and correct a wrong tracking number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.db import bulk_insert, retry_on_conflict
from kernel.errors import DomainError
from kernel.models import Trigger, User
from kernel.workflow import Occurrence

from ..events import OrderShipped
from ..models import Carrier, Order, OrderEvent, OrderLine, Shipment, ShipmentLine
from ..queries.steps import ship_obstacle
from . import timeline
from .announcing import announce
from .carriers import get_carrier, normalise_tracking_no
from .firing import fire_orders
from .letters import tell_shipped
from .locks import lock_order

Fulfillment = Order.FulfillmentStatus
TRACKING_NO = re.compile(r"[0-9A-Z][0-9A-Z-]{4,63}")


class CannotShip(DomainError):
    text = _("Order %(order_no)s cannot be shipped. %(why)s")


class NothingToShip(DomainError):
    text = _("Everything of order %(order_no)s is shipped already.")


class WrongShipQuantity(DomainError):
    text = _("Of “%(title)s” %(left)s are left to ship; %(asked)s cannot be.")


class WrongTrackingNo(DomainError):
    text = _("“%(tracking_no)s” is no tracking number: it has 5 to 64 letters, digits or hyphens.")


class TrackingNoUsed(DomainError):
    text = _("Tracking number %(tracking_no)s is used for order %(order_no)s already.")


class ShipmentNotFound(DomainError):
    text = _("There is no such parcel.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """
    :param packed: pieces by order line id
    """

    carrier: Carrier
    tracking_no: str
    packed: Mapping[int, int]


@retry_on_conflict
@transaction.atomic
def ship(
    *,
    order_id: int,
    carrier_code: str,
    tracking_no: str,
    quantities: Mapping[int, int] | None = None,
    by: User | None,
    at: datetime,
) -> Shipment:
    """
    Ship what is left of an order, or a part of it, and have the customer told.

    :param quantities: pieces by order line id; None ships all that is left
    :raises CannotShip: if its workflow does not let it go, as while it is unpaid, on hold or closed
    :raises NothingToShip: if all of it is shipped
    :raises WrongShipQuantity: if more is asked of a line than is left of it
    :raises WrongTrackingNo: if the number cannot be one
    :raises TrackingNoUsed: if this order or another customer's has a parcel with this number
    :raises UnknownCarrier: if the carrier is not in the book
    """
    order = lock_order(order_id=order_id)
    lines = list(OrderLine.objects.filter(order=order).order_by("line_no"))
    parcel = Parcel(
        carrier=get_carrier(code=carrier_code),
        tracking_no=_checked_number(order, tracking_no),
        packed=_pack(order, lines, quantities),
    )
    _move_on(order, _ship_lines(lines, parcel), parcel, by=by, at=at)
    shipment = _new_shipment(order, parcel, at=at)
    tell_shipped(order, shipment, at=at)
    announce([order], OrderShipped, shipment_id=shipment.pk)
    return shipment


@retry_on_conflict
@transaction.atomic
def correct_tracking(
    *, shipment_id: int, carrier_code: str, tracking_no: str, reason: str, by: User, at: datetime
) -> Shipment:
    """
    Put a parcel's wrong number or carrier right; the earlier one stays on record.

    :raises ShipmentNotFound: if there is no such parcel
    :raises WrongTrackingNo: if the number cannot be one
    :raises TrackingNoUsed: as `ship`
    """
    seen = Shipment.objects.filter(pk=shipment_id).values_list("order_id", flat=True).first()
    if seen is None:
        raise ShipmentNotFound
    order = lock_order(order_id=seen)
    shipment = Shipment.objects.get(pk=shipment_id)
    before = {"carrier": shipment.carrier_name, "tracking_no": shipment.tracking_no}
    carrier = get_carrier(code=carrier_code)
    if (number := normalise_tracking_no(tracking_no)) != shipment.tracking_no:
        _checked_number(order, number)
    shipment.corrections = [*shipment.corrections, {**before, "until": at.isoformat(), "by": str(by), "reason": reason}]
    shipment.carrier, shipment.carrier_name, shipment.tracking_no = carrier, carrier.name, number
    shipment.save(update_fields=["carrier", "carrier_name", "tracking_no", "corrections"])
    after = {"carrier": carrier.name, "tracking_no": number}
    facts = {**after, "earlier": before["tracking_no"], "reason": reason}
    timeline.append(order=order, kind=OrderEvent.Kind.SHIPPING, code="tracking_corrected", facts=facts, by=by, at=at)
    audit.record(
        action="orders.correct_tracking", subject=order, by=by, at=at, before=before, after=after, reason=reason
    )
    return shipment


def _checked_number(order: Order, written: str) -> str:
    number = normalise_tracking_no(written)
    if not TRACKING_NO.fullmatch(number):
        raise WrongTrackingNo(tracking_no=written)
    for other in Shipment.objects.filter(tracking_no=number).select_related("order"):
        if other.order_id == order.pk or other.order.customer_id != order.customer_id:
            raise TrackingNoUsed(tracking_no=number, order_no=other.order.order_no)
    return number  # two orders of one customer may share a parcel


def _pack(order: Order, lines: list[OrderLine], quantities: Mapping[int, int] | None) -> dict[int, int]:
    left = {line.pk: line.quantity - line.shipped_quantity for line in lines}
    if not any(left.values()):
        raise NothingToShip(order_no=order.order_no)
    packed = left if quantities is None else quantities
    titles = {line.pk: line.title for line in lines}
    for line_id, pieces in packed.items():
        if not 0 <= pieces <= left.get(line_id, -1):
            raise WrongShipQuantity(title=titles.get(line_id, line_id), left=left.get(line_id, 0), asked=pieces)
    packed = {line_id: pieces for line_id, pieces in packed.items() if pieces}
    if not packed:
        raise WrongShipQuantity(title=lines[0].title, left=left[lines[0].pk], asked=0)
    return packed


def _new_shipment(order: Order, parcel: Parcel, *, at: datetime) -> Shipment:
    shipment = Shipment.objects.create(
        order=order,
        parcel_no=Shipment.objects.filter(order=order).count() + 1,
        carrier=parcel.carrier,
        carrier_name=parcel.carrier.name,
        tracking_no=parcel.tracking_no,
        shipped_at=at,
    )
    bulk_insert(
        [ShipmentLine(shipment=shipment, line_id=line_id, quantity=it) for line_id, it in parcel.packed.items()]
    )
    return shipment


def _ship_lines(lines: list[OrderLine], parcel: Parcel) -> bool:
    """Whether that was the rest of the order."""
    for line in lines:
        line.shipped_quantity += parcel.packed.get(line.pk, 0)
    OrderLine.objects.bulk_update([line for line in lines if line.pk in parcel.packed], ["shipped_quantity"])
    return all(line.shipped_quantity == line.quantity for line in lines)


def _move_on(order: Order, is_all: bool, parcel: Parcel, *, by: User | None, at: datetime) -> None:
    order.fulfillment_status = Fulfillment.FULFILLED if is_all else Fulfillment.PARTIALLY_FULFILLED
    order.shipped_at = order.shipped_at or at
    pieces = sum(parcel.packed.values())
    occurrence = Occurrence(
        trigger=Trigger.ALL_SHIPPED if is_all else Trigger.SHIPPED,
        code="shipped" if is_all else "part_shipped",
        kind=OrderEvent.Kind.SHIPPING,
        facts={"carrier": parcel.carrier.name, "tracking_no": parcel.tracking_no, "pieces": pieces},
    )
    changed = ["fulfillment_status", "shipped_at"]
    result = fire_orders(orders=[order], occurrence=occurrence, changed=changed, by=by, at=at)
    if order.pk in result.refused:
        why = ship_obstacle(order) or result.refused[order.pk].text
        raise CannotShip(order_no=order.order_no, why=why)
