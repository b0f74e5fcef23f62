"""The one way to an order that is about to change. Customers are locked before orders, payments after them."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError

from ..models import Order


class OrderNotFound(DomainError):
    text = _("There is no such order.")


def lock_order(*, order_id: int) -> Order:
    """
    The order as it is now, held until the transaction ends.

    :raises OrderNotFound: if there is none
    """
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    return order


def lock_orders(*, order_ids: Iterable[int]) -> list[Order]:
    """The orders that there are, in the order in which everybody locks them."""
    return list(Order.objects.select_for_update().filter(pk__in=set(order_ids)).order_by("pk"))
