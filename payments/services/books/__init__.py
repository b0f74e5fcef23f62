"""Proving the books: every invariant that a fault of ours could break, or a hand in the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from itertools import chain

from django.db.models import Min, Model

from kernel.clock import day_bounds
from kernel.models import Approval
from orders.models import Order

from ...models import (
    Discrepancy,
    InvoiceRequest,
    LedgerEntry,
    Notification,
    Payment,
    Refund,
    Statement,
    UnappliedMoney,
)
from .balances import BALANCES
from .looking import CHUNK, Look, Offender, spans
from .of_entries import ENTRIES
from .of_money import PAYMENTS, REFUNDS, UNAPPLIED
from .of_orders import ORDERS
from .of_papers import APPROVALS, DISCREPANCIES, INVOICES, NOTIFICATIONS, STATEMENTS, refund_approvals
from .once import ONCE, twice

__all__ = ["Offender", "check_books", "count_stretches"]

BY_TABLE: tuple[tuple[type[Model], str, tuple[Look, ...]], ...] = (
    (Order, "placed_at", ORDERS),
    (LedgerEntry, "booked_at", ENTRIES),
    (Payment, "created_at", PAYMENTS),
    (Refund, "created_at", (*REFUNDS, refund_approvals)),
    (UnappliedMoney, "received_at", UNAPPLIED),
    (Notification, "received_at", NOTIFICATIONS),
    (Statement, "day", STATEMENTS),
    (Discrepancy, "opened_at", DISCREPANCIES),
    (InvoiceRequest, "created_at", INVOICES),
    (Approval, "requested_at", APPROVALS),
)


def check_books(*, since: date | None = None, at: datetime) -> Iterator[list[Offender]]:
    """
    Look at every invariant, a stretch of rows at a time: memory stays flat however many orders there are.

    :param since: of single rows, look only at those made from this day on; balances and keys are always whole
    :return: what was found in each stretch; most are empty
    """
    for model, moment, looks in BY_TABLE:
        first = _first(model, moment, since)
        for span in spans(model, first=first, at=at) if first is not None else ():
            yield list(chain.from_iterable(look(span) for look in looks))
    for balance in BALANCES:
        yield list(balance())
    for once in ONCE:
        yield list(twice(once))


def count_stretches(*, since: date | None = None) -> int:
    """How many steps `check_books` takes, about."""
    rows = 0
    for model, moment, _looks in BY_TABLE:
        first = _first(model, moment, since)
        if first is not None:
            rows += model._default_manager.filter(pk__gte=first).count() // CHUNK + 1
    return rows + len(BALANCES) + len(ONCE)


def _first(model: type[Model], moment: str, since: date | None) -> int | None:
    """The key to begin with; none if there is nothing so new."""
    if since is None:
        return 0
    start = since if moment == "day" else day_bounds(since)[0]
    found: int | None = model._default_manager.filter(**{f"{moment}__gte": start}).aggregate(pk=Min("pk"))["pk"]
    return found
