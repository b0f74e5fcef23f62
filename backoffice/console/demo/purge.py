"""Take the sample orders out again, with all that was booked for them. Nobody else's rows are touched."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from customers.models import Customer
from kernel.models import Job
from orders.models import Order
from payments.models import LedgerEntry, LedgerLine, Notification, PayLink, Payment, Refund, UnappliedMoney

from .load import KIND, SOURCE


@transaction.atomic
def purge() -> int:
    """:return: how many orders were removed"""
    sample = Order.objects.filter(source=SOURCE)
    order_ids, customer_ids = list(sample.values_list("pk", flat=True)), set(sample.values_list("customer", flat=True))
    numbers = list(Payment.objects.filter(order__in=sample).values_list("payment_no", flat=True))
    entries = set(LedgerLine.objects.filter(order__in=sample).values_list("entry", flat=True))
    LedgerLine.objects.filter(entry__in=entries).delete()
    LedgerEntry.objects.filter(pk__in=entries).delete()
    for rows in _of_orders(sample, numbers):
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


def _strangers(customer_ids: set[int]) -> QuerySet[Customer]:
    """Of these customers, those who have no order any more."""
    others = Order.objects.filter(customer__in=customer_ids).values("customer")
    return Customer.objects.filter(pk__in=customer_ids).exclude(pk__in=others)
