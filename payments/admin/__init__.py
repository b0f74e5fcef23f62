"""Money in the admin: pages of its own, and what it puts on the page of an order."""

from . import account, ledger, notification, order, payment, refund, refusal, search, unapplied

__all__ = ["account", "ledger", "notification", "order", "payment", "refund", "refusal", "search", "unapplied"]
