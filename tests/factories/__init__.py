"""Builds what tests start from. One call, one row with all that belongs to it."""

from .orders import OrderFactory, ProductFactory, ShipmentFactory, a_job, carrier, default_workflow
from .payments import AccountFactory, PaymentFactory, paid_payment, report_on
from .people import CustomerFactory, UserFactory

__all__ = [
    "AccountFactory",
    "CustomerFactory",
    "OrderFactory",
    "PaymentFactory",
    "ProductFactory",
    "ShipmentFactory",
    "UserFactory",
    "a_job",
    "carrier",
    "default_workflow",
    "paid_payment",
    "report_on",
]
