"""One search box for any number, phone or name: look-ups by the shape of the term, each by an index of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db.models import Q, QuerySet

from kernel.phones import MOBILE, normalise, phone_columns
from kernel.secrets import lookup_hash

from ..models import Order, OrderLine, Shipment

MOST_TERMS = 200
MOST_NAMES = 5  # a name matches many orders; a pasted list is of numbers
MOST_FOUND = 1_000

Ids = QuerySet[Any, Any]
Lookup = Callable[[Sequence[str]], "QuerySet[Any, Any]"]

_lookups: list[Lookup] = []

TAIL = re.compile(r"\d{4}")
NUMBER = re.compile(r"\+?[0-9A-Za-z][0-9A-Za-z_./-]*")


def register_search(lookup: Lookup) -> Lookup:
    """
    Have numbers of an upper app found too: numbers to a query of order ids, `values_list("order_id", flat=True)`.

    A decorator. It is asked with numbers only, never with names.
    """
    if lookup not in _lookups:
        _lookups.append(lookup)
    return lookup


def split_terms(text: str) -> list[str]:
    """What was typed or pasted as single terms, without repeats; a name may not have blanks in it."""
    return list(dict.fromkeys(term for term in re.split(r"[\s,，;；、]+", text) if term))[:MOST_TERMS]


def find_order_ids(text: str, *, limit: int = MOST_FOUND) -> list[int]:
    """The orders that were meant, by number, phone (whole or last four digits), name or SKU; at most two queries."""
    terms = split_terms(text)
    numbers = [term for term in terms if NUMBER.fullmatch(term)]
    found = _union(_by_number(numbers), limit=limit) if numbers else []
    names = [term for term in terms if not NUMBER.fullmatch(term) or term.isalpha()][:MOST_NAMES]
    if names and len(found) < limit:
        found = [*found, *_union(_by_name(names), limit=limit - len(found))]
    return list(dict.fromkeys(found))


def search(queryset: QuerySet[Order], text: str, *, limit: int = MOST_FOUND) -> QuerySet[Order]:
    """Those of `queryset` that were meant."""
    return queryset.filter(pk__in=find_order_ids(text, limit=limit))


def _by_number(numbers: Sequence[str]) -> Iterator[Ids]:
    upper = [number.upper() for number in numbers]
    orders = Order.objects.values_list("pk", flat=True)
    yield orders.filter(order_no__in=numbers)
    yield orders.filter(external_order_no__in=numbers)
    yield Shipment.objects.filter(tracking_no__in=upper).values_list("order_id", flat=True)
    yield OrderLine.objects.filter(sku__in=numbers).values_list("order_id", flat=True)
    yield from _by_phone(numbers)
    for lookup in _lookups:
        yield lookup(numbers)


def _by_phone(numbers: Sequence[str]) -> Iterator[Ids]:
    orders = Order.objects.values_list("pk", flat=True)
    mobiles = [normalise(number) for number in numbers if MOBILE.fullmatch(normalise(number))]
    if hashes := [phone_columns(mobile)["hash"] for mobile in mobiles]:
        yield orders.filter(recipient_phone_hash__in=hashes)
        yield orders.filter(customer__phone_hash__in=hashes)
    if tails := [lookup_hash(number, kind="phone_tail") for number in numbers if TAIL.fullmatch(number)]:
        yield orders.filter(recipient_phone_tail_hash__in=tails)
        yield orders.filter(customer__phone_tail_hash__in=tails)


def _by_name(names: Sequence[str]) -> Iterator[Ids]:
    orders = Order.objects.values_list("pk", flat=True)
    recipient, customer = Q(), Q()
    for name in names:
        recipient |= Q(recipient_name__startswith=name)
        customer |= Q(customer__name__startswith=name)
    yield orders.filter(recipient)
    yield orders.filter(customer)


def _union(parts: Iterable[Ids], *, limit: int) -> list[int]:
    """One statement; each part is a look-up in an index, which a common OR would not be."""
    first, *others = parts
    return list(first.union(*others)[:limit]) if others else list(first[:limit])
