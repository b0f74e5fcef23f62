"""How many orders stand in each tab."""

from __future__ import annotations

from kernel import counters
from kernel.models import Category

from ..models import Order
from .flow import ORDERS

COUNTED = 10_000  # beyond that nobody reads the number, and counting on would cost


@counters.counts(ORDERS.code)
def count_tabs() -> dict[str, int]:
    """Orders by category, from the rows."""
    return {category.value: _count(category.value) for category in Category}


def tab_counts() -> dict[str, int]:
    """Orders by category, as counted and moved along since."""
    return counters.get(ORDERS.code)


def _count(category: str) -> int:
    return Order.objects.filter(category=category).values("pk")[:COUNTED].count()
