"""What the looks at the books share: a stretch of rows, what is wrong in it, and sums that are never nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from ...models import LedgerLine

CHUNK = 5_000
Account = LedgerLine.Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Offender:
    """
    Something that must never be.

    :param check: which invariant
    :param reference: the number of the order, payment, refund, entry or message that breaks it
    """

    check: str
    reference: str
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """
    A stretch of a table by primary key, both ends included.

    :param at: when it is looked at
    """

    first: int
    last: int
    at: datetime

    @property
    def rows(self) -> Q:
        return Q(pk__gte=self.first, pk__lte=self.last)

    def by(self, column: str) -> Q:
        return Q(**{f"{column}__gte": self.first, f"{column}__lte": self.last})


Look = Callable[[Span], Iterator[Offender]]


def spans(model: type[Model], *, first: int, at: datetime) -> Iterator[Span]:
    """The table from a key on, in stretches."""
    last = first - 1
    while True:
        rows = model._default_manager.filter(pk__gt=last).order_by("pk")
        keys = list(rows.values_list("pk", flat=True)[:CHUNK])
        if not keys:
            return
        yield Span(keys[0], keys[-1], at)
        last = keys[-1]


def fen(path: str, *, only: Q | None = None) -> Coalesce:
    return Coalesce(Sum(path, filter=only), Value(0))


def sums(rows: QuerySet[Any], by: str, what: str = "amount_fen") -> dict[Any, int]:
    """Fen by the value of a column."""
    return dict(rows.order_by().values_list(by).annotate(fen=Sum(what)))


def named(check: str, row: Mapping[str, Any], number: str) -> Offender:
    return Offender(check=check, reference=str(row[number]), facts={it: row[it] for it in row if it != number})
