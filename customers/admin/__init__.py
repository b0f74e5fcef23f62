"""Customers in the admin; `CustomerAdmin` is what upper apps contribute to, such as the customer's orders."""

from .customer import CustomerAdmin
from .customertype import CustomerTypeAdmin

__all__ = ["CustomerAdmin", "CustomerTypeAdmin"]
