from .account import AccountState, Credential, CredentialUse, GatewayAccount
from .invoice import InvoiceFile, InvoiceLine, InvoiceLink, InvoiceRequest, InvoiceTitle
from .invoice_settings import InvoiceSettings
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
    "InvoiceSettings",
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
