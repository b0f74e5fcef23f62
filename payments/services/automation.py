"""What rules may do with money and with customers; each with a key, so that done twice it is done once."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kernel.letters import name_letters
from kernel.models import User
from kernel.shop import shop
from orders.models import Order

from ..models import Payment, Refund
from ..queries import left_to_refund
from .contacts import write_to_customer
from .refunding import request_refund
from .shares import everything_first

name_letters(rule_message=_("Message by a rule"))


def refund_rest(*, payment_id: int, reason: str, key: str, by: User | None, at: datetime) -> Refund:
    """
    Ask for all that is left of a payment; without a person, as a rule does.

    :raises DomainError: as `request_refund`
    """
    payment = Payment.objects.select_related("order").get(pk=payment_id)
    left = left_to_refund(order=payment.order)
    amount_fen = min(payment.refundable_fen, left.goods_fen + left.shipping_fen)
    share = everything_first(amount_fen=amount_fen, left=left)
    return request_refund(payment_id=payment_id, share=share, reason=reason, key=key, by_rule=by is None, by=by, at=at)


def write_plainly(*, order_id: int, text: str, effect_key: str, at: datetime) -> bool:
    """Write a merchant's own words to the customer of an order; whether there is a way to reach them."""
    order = Order.objects.select_related("customer").get(pk=order_id)
    said = text.replace("{order_no}", order.order_no).replace("{shop}", shop().name)
    message = write_to_customer(
        order=order,
        template="rule_message",
        context={"text": said, "order_no": order.order_no},
        effect_key=effect_key,
        at=at,
    )
    return message is not None
