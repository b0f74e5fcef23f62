"""Telling the customer that money is on its way back."""

from __future__ import annotations

from datetime import datetime

from kernel.money import yuan
from kernel.shop import shop

from ..models import Refund
from .contacts import write_to_customer


def tell_customer(*, refund: Refund, at: datetime) -> None:
    """Once per refund; in the transaction that books it, so that books and customer agree."""
    order = refund.order
    if order is None or order.is_imported:
        return
    settings = shop()
    context = {
        "shop_name": settings.name,
        "service_phone": settings.service_phone,
        "order_no": order.order_no,
        "amount": yuan(refund.amount_fen),
        "refund_no": refund.refund_no,
    }
    write_to_customer(
        order=order,
        template="refund_succeeded",
        context=context,
        effect_key=f"refund_succeeded:{refund.pk}",
        at=at,
    )
