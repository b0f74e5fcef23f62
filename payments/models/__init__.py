from .account import AccountState, Credential, CredentialUse, GatewayAccount
from .ledger import LedgerEntry, LedgerLine
from .link import PayLink
from .notification import Notification, NotificationRefusal
from .payment import Payment
from .refund import Refund, RefundLine
from .unapplied import UnappliedMoney

__all__ = [
    "AccountState",
    "Credential",
    "CredentialUse",
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
