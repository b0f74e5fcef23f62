"""Telling the customer that money is on its way back."""

from __future__ import annotations

from datetime import datetime

from kernel.money import yuan
from kernel.shop import shop
from orders.models import Order

from ..models import Refund
from .contacts import write_to_customer
from .words import shop_language


def tell_customer(*, refund: Refund, at: datetime) -> None:
    """Once per refund; in the transaction that books it, so that books and customer agree."""
    if refund.order is not None and not refund.order.is_imported:
        _write(refund, refund.order, template="refund_succeeded", at=at)


def tell_paid_back(*, refund: Refund, at: datetime) -> None:
    """Of money that went back outside the gateway, and so not the way it was paid."""
    assert refund.order is not None  # noqa: S101 - money that is paid back by hand is of an order
    with shop_language():
        way = str(refund.get_way_display())
    _write(refund, refund.order, template="refund_offline", way=way, at=at)


def _write(refund: Refund, order: Order, *, template: str, way: str = "", at: datetime) -> None:
    settings = shop()
    context = {
        "shop_name": settings.name,
        "service_phone": settings.service_phone,
        "order_no": order.order_no,
        "amount": yuan(refund.amount_fen),
        "refund_no": refund.refund_no,
        "way": way,
    }
    write_to_customer(
        order=order,
        template=template,
        context=context,
        effect_key=f"{template}:{refund.pk}",
        at=at,
    )
