"""Take the sample orders out again, with all that was booked for them. Nobody else's rows are touched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from customers.models import Customer
from kernel import alerts
from kernel.clock import business_day, now
from kernel.models import Job
from orders.models import Order
from payments.models import (
    Discrepancy,
    LedgerEntry,
    LedgerLine,
    Notification,
    PayLink,
    Payment,
    Refund,
    Statement,
    StatementLine,
    UnappliedMoney,
)
from payments.services.reconciling import ALERT

from .load import KIND, SOURCE
from .stage import ALIPAY


@transaction.atomic
def purge() -> int:
    """:return: how many orders were removed"""
    sample = Order.objects.filter(source=SOURCE)
    order_ids, customer_ids = list(sample.values_list("pk", flat=True)), set(sample.values_list("customer", flat=True))
    numbers = list(Payment.objects.filter(order__in=sample).values_list("payment_no", flat=True))
    statements = _statements()
    entries = set(LedgerLine.objects.filter(order__in=sample).values_list("entry", flat=True)) | set(
        _entries(sample, statements)
    )
    LedgerLine.objects.filter(entry__in=entries).delete()
    LedgerEntry.objects.filter(pk__in=entries).delete()
    _close_alerts(sample, statements)
    for rows in (*_of_statements(statements), *_of_orders(sample, numbers)):
        rows.delete()
    sample.delete()
    _strangers(customer_ids).delete()
    Job.objects.filter(kind=KIND).delete()
    return len(order_ids)


def _of_orders(sample: QuerySet[Order], numbers: list[str]) -> list[QuerySet[Any]]:
    """What points at the orders, in an order in which nothing protects the next."""
    return [
        Refund.objects.filter(order__in=sample),
        UnappliedMoney.objects.filter(order__in=sample),
        Notification.objects.filter(payment_no__in=numbers),
        PayLink.objects.filter(order__in=sample),
        Payment.objects.filter(order__in=sample),
    ]


def _statements() -> QuerySet[Statement]:
    """Those of the days before the shop was loaded, on which nobody else's money moved."""
    job = Job.objects.filter(kind=KIND).first()
    if job is None:
        return Statement.objects.none()
    return Statement.objects.filter(account__code=f"{ALIPAY.gateway}-demo", day__lt=business_day(job.created_at))


def _entries(sample: QuerySet[Order], statements: QuerySet[Statement]) -> Iterator[int]:
    """What was booked without naming an order: fees, and money in suspense with its refunds."""
    suspense = UnappliedMoney.objects.filter(order__in=sample)
    for source, ids in (
        ("statement", statements.values_list("pk", flat=True)),
        ("unapplied", suspense.values_list("pk", flat=True)),
        ("refund", Refund.objects.filter(unapplied__in=suspense).values_list("pk", flat=True)),
    ):
        yield from LedgerEntry.objects.filter(source_type=source, source_id__in=ids).values_list("pk", flat=True)


def _close_alerts(sample: QuerySet[Order], statements: QuerySet[Statement]) -> None:
    told = [("payments.unapplied", it.gateway_trade_no) for it in UnappliedMoney.objects.filter(order__in=sample)]
    told += [(ALERT, f"{it.account.code} {it.day}") for it in statements.select_related("account")]
    for kind, subject in told:
        alerts.resolve(kind=kind, subject=subject, at=now())


def _of_statements(statements: QuerySet[Statement]) -> list[QuerySet[Any]]:
    for row in statements.exclude(file=""):
        row.file.delete(save=False)
    ids = list(statements.values_list("pk", flat=True))
    return [
        Discrepancy.objects.filter(statement__in=ids),
        StatementLine.objects.filter(statement__in=ids),
        Statement.objects.filter(pk__in=ids),
    ]


def _strangers(customer_ids: set[int]) -> QuerySet[Customer]:
    """Of these customers, those who have no order any more."""
    others = Order.objects.filter(customer__in=customer_ids).values("customer")
    return Customer.objects.filter(pk__in=customer_ids).exclude(pk__in=others)
