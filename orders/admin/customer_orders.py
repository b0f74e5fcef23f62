"""The customer's orders, on the customer's page."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.admin import CustomerAdmin
from customers.models import Customer
from kernel.admin import Panel, contribute

from ..models import Order
from . import looks

NEWEST = 20


def orders_of(request: HttpRequest, customer: Customer) -> dict[str, object] | None:
    if customer.is_anonymous:
        return None
    newest = Order.objects.filter(customer=customer).order_by("-placed_at", "-pk")[:NEWEST]
    return {"orders": [(order, looks.state_badge(order), looks.payment_badge(order)) for order in newest]}


contribute(
    CustomerAdmin,
    panels=[
        Panel(
            name="orders",
            title=_("Newest orders"),
            template="backoffice/orders/of_customer.html",
            context=orders_of,
            permission="orders.view_order",
            position=20,
        )
    ],
)
