from .account import Credential, GatewayAccount
from .ledger import LedgerEntry, LedgerLine
from .link import PayLink
from .notification import Notification, NotificationRefusal
from .payment import Payment
from .refund import Refund, RefundLine
from .unapplied import UnappliedMoney

__all__ = [
    "Credential",
    "GatewayAccount",
    "LedgerEntry",
    "LedgerLine",
    "Notification",
    "NotificationRefusal",
    "PayLink",
    "Payment",
    "Refund",
    "RefundLine",
    "UnappliedMoney",
]
