from .account import AccountState, Credential, CredentialUse, GatewayAccount
from .invoice import InvoiceFile, InvoiceLine, InvoiceLink, InvoiceRequest, InvoiceTitle
from .ledger import LedgerEntry, LedgerLine
from .link import PayLink
from .notification import Notification, NotificationRefusal
from .payment import Payment
from .refund import Refund, RefundLine
from .statement import Discrepancy, Statement, StatementLine
from .unapplied import UnappliedMoney

__all__ = [
    "AccountState",
    "Credential",
    "CredentialUse",
    "Discrepancy",
    "GatewayAccount",
    "InvoiceFile",
    "InvoiceLine",
    "InvoiceLink",
    "InvoiceRequest",
    "InvoiceTitle",
    "LedgerEntry",
    "LedgerLine",
    "Notification",
    "NotificationRefusal",
    "PayLink",
    "Payment",
    "Refund",
    "RefundLine",
    "Statement",
    "StatementLine",
    "UnappliedMoney",
]
