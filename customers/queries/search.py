"""Finds customers by number, phone (whole or its last four digits) or the beginning of the name."""

from __future__ import annotations

import re

from django.db.models import QuerySet

from kernel.phones import MOBILE, normalise, phone_columns
from kernel.secrets import lookup_hash

from ..models import Customer

MOST = 50


def search(term: str, *, limit: int = MOST) -> list[Customer]:
    """The customers a person may mean with what was typed, newest first; each look uses an index of its own."""
    term = term.strip()
    if not term:
        return []
    ids = _ids(term)[:limit]
    return list(Customer.objects.filter(pk__in=list(ids)).select_related("type").order_by("-pk"))


def _ids(term: str) -> QuerySet[Customer, int]:
    customers = Customer.objects.values_list("pk", flat=True)
    if re.fullmatch(r"\d{4}", term):
        return customers.filter(phone_tail_hash=lookup_hash(term, kind="phone_tail"))
    if MOBILE.fullmatch(normalise(term)):
        return customers.filter(phone_hash=phone_columns(normalise(term))["hash"])
    if re.fullmatch(r"[Cc]\d{8,}", term):
        return customers.filter(customer_no=term.upper())
    return customers.filter(name__startswith=term)
