"""What customers are told of their orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kernel.letters import name_letters, write
from kernel.models import Message
from kernel.phones import is_masked
from kernel.shop import shop

from ..models import Order, Shipment

name_letters(order_shipped=_("Order shipped"), order_closed=_("Order closed"))


@dataclass(frozen=True, slots=True)
class Contact:
    channel: Message.Channel
    recipient: str


def contact_of(order: Order) -> Contact | None:
    """Where the customer of an order is reached: by SMS, else by e-mail; None if nowhere."""
    customer = order.customer
    phones = (customer.phone, order.recipient_phone)
    phone = next((it for it in phones if it and not is_masked(it)), "")
    if phone:
        return Contact(Message.Channel.SMS, phone)
    return Contact(Message.Channel.EMAIL, customer.email) if customer.email else None


def tell_closed(order: Order, *, at: datetime) -> None:
    """A row, so that customer and order agree whatever dies after the commit."""
    _tell(order, "order_closed", key=f"{order.history_seq}", facts={}, at=at)


def tell_shipped(order: Order, shipment: Shipment, *, at: datetime) -> None:
    facts = {"carrier": shipment.carrier_name, "tracking_no": shipment.tracking_no}
    _tell(order, "order_shipped", key=f"{shipment.parcel_no}", facts=facts, at=at)


def _tell(order: Order, template: str, *, key: str, facts: dict[str, str], at: datetime) -> None:
    if order.is_imported:
        return
    contact = contact_of(order)
    if contact is None:
        return
    write(
        template=template,
        channel=contact.channel,
        recipient=contact.recipient,
        context={"order_no": order.order_no, "shop_name": shop().name, **facts},
        effect_key=f"{template}:{order.pk}:{key}",
        subject=order,
        at=at,
    )
