"""Money in the admin: pages of its own, and what it puts on the page of an order."""

from . import (
    account,
    discrepancy,
    invoice,
    invoice_order,
    invoice_settings,
    ledger,
    limits,
    notification,
    order,
    payment,
    refund,
    refusal,
    search,
    statement,
    unapplied,
)

__all__ = [
    "account",
    "discrepancy",
    "invoice",
    "invoice_order",
    "invoice_settings",
    "ledger",
    "limits",
    "notification",
    "order",
    "payment",
    "refund",
    "refusal",
    "search",
    "statement",
    "unapplied",
]
