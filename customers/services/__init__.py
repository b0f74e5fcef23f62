"""What other apps may ask of customers."""

from .matching import (
    CustomerDraft,
    CustomerIsBlocked,
    NoCustomerName,
    NoSuchCustomer,
    NoSuchCustomerType,
    anonymous_customer,
    check_not_blocked,
    find_or_create,
    get_customer,
    match_many,
)
from .revealing import MayNotReveal, NothingToReveal, PrintQuotaUsed, RevealQuotaUsed, reveal, reveal_printed
from .types import ensure_customer_types

__all__ = [
    "CustomerDraft",
    "CustomerIsBlocked",
    "MayNotReveal",
    "NoCustomerName",
    "NoSuchCustomer",
    "NoSuchCustomerType",
    "NothingToReveal",
    "PrintQuotaUsed",
    "RevealQuotaUsed",
    "anonymous_customer",
    "check_not_blocked",
    "ensure_customer_types",
    "find_or_create",
    "get_customer",
    "match_many",
    "reveal",
    "reveal_printed",
]
