"""Writing to an order's customer, by whichever way orders knows to reach them."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kernel import letters
from kernel.models import Message
from orders import services as orders
from orders.models import Order

letters.name_letters(
    pay_link=_("Pay link"),
    payment_reminder=_("Payment reminder"),
    refund_succeeded=_("Refund paid out"),
    refund_offline=_("Refund paid out another way"),
)


def is_reachable(order: Order) -> bool:
    return not order.customer.is_anonymous and orders.contact_of(order) is not None


def write_to_customer(
    *, order: Order, template: str, context: dict[str, str], effect_key: str, at: datetime
) -> Message | None:
    """
    A message row in the caller's transaction, sent after it; None if we know no way to reach the customer.

    :param effect_key: the same key, the same message: nobody is told twice
    """
    contact = orders.contact_of(order) if is_reachable(order) else None
    if contact is None:
        return None
    return letters.write(
        template=template,
        channel=contact.channel,
        recipient=contact.recipient,
        context=context,
        effect_key=effect_key,
        subject=order,
        at=at,
    )
