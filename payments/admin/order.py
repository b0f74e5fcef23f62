"""What payments puts on the list and the page of orders."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from kernel.admin import Panel, contribute
from kernel.models import User
from orders.admin import OrderAdmin, before_edit

from .. import services
from . import panel
from .links import MakeLink, SendLink
from .offline import RecordRefund
from .refunding import RefundOrder


@before_edit
def release(*, order_id: int, by: User, at: datetime) -> None:
    """Nobody shall pay the old price: an open attempt is closed at its gateway before the order changes."""
    services.release_for_edit(order_id=order_id, at=at)


contribute(
    OrderAdmin,
    panels=[
        Panel(
            name="payments",
            title=_("Payments and refunds"),
            template="admin/payments/of_order.html",
            context=panel.on_page,
            permission="payments.view_payment",
            position=20,
        )
    ],
    actions=[MakeLink(), SendLink(), RefundOrder(), RecordRefund()],
)
