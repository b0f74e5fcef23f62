"""How many orders stand in each tab, and which of them contradict themselves."""

from __future__ import annotations

from django.db.models import F, Q

from kernel import counters
from kernel.models import Category

from ..models import Order
from .flow import ORDERS

COUNTED = 10_000  # beyond that nobody reads the number, and counting on would cost
ATTENTION, PARTLY_SHIPPED, IN_AFTERSALES = "attention", "partly_shipped", "in_aftersales"

# Where badges contradict each other. Each part lies inside a category, so that the index finds it.
NEEDS_ATTENTION = (
    Q(category=Category.PROBLEM)
    | Q(category=Category.PENDING_PAYMENT, paid_fen__gt=0)
    | Q(category=Category.CLOSED, paid_fen__gt=F("refunded_fen"))
    | Q(category=Category.AWAITING_FULFILLMENT, payment_status=Order.PaymentStatus.OVERPAID)
)
OTHER_TABS = {
    ATTENTION: NEEDS_ATTENTION,
    PARTLY_SHIPPED: Q(
        category=Category.AWAITING_FULFILLMENT, fulfillment_status=Order.FulfillmentStatus.PARTIALLY_FULFILLED
    ),
    IN_AFTERSALES: Q(aftersales_status=Order.AftersalesStatus.OPEN),
}


@counters.counts(ORDERS.code)
def count_tabs() -> dict[str, int]:
    """Orders by category and by what the other tabs show, from the rows."""
    tabs = {**{category.value: Q(category=category) for category in Category}, **OTHER_TABS}
    return {name: _count(part) for name, part in tabs.items()}


def tab_counts() -> dict[str, int]:
    """Orders by tab, as counted and moved along since; what is no category moves with the next full count."""
    return counters.get(ORDERS.code)


def _count(part: Q) -> int:
    return Order.objects.filter(part).values("pk")[:COUNTED].count()
