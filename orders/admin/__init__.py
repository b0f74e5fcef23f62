"""Orders in the admin. `order.OrderAdmin` is what payments contributes to; `editing.before_edit` is its way in."""

from . import book, customer_orders
from .editing import before_edit
from .order import OrderAdmin

__all__ = ["OrderAdmin", "before_edit", "book", "customer_orders"]
