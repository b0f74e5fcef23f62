"""How much of everybody's money waits for somebody: the numbers on tabs, in the sidebar and on the start page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet

from kernel import counters
from kernel.clock import now
from kernel.models import Category

from ..models import Discrepancy, InvoiceRequest, Notification, NotificationRefusal, Payment, Refund, UnappliedMoney

GROUP = "payments"
MOST = 10_000  # beyond that nobody reads the number, and counting on would cost
REFUNDS_UNDER_WAY = (Refund.Status.PENDING, Refund.Status.PROCESSING, Refund.Status.UNKNOWN)
INVOICES_TO_ISSUE = (InvoiceRequest.Status.REQUESTED, InvoiceRequest.Status.ISSUING)
RECENT = timedelta(days=1)


def stuck(payments: QuerySet[Payment]) -> QuerySet[Payment]:
    """Paid, and the order stands where it stood: it waits for payment still, or was closed before."""
    open_money = UnappliedMoney.objects.filter(resolved_at=None, payment__isnull=False).values("payment_id")
    arrived = payments.filter(status=Payment.Status.SUCCEEDED)
    return arrived.filter(Q(order__category=Category.PENDING_PAYMENT) | Q(pk__in=open_money))


@counters.counts(GROUP)
def count_work() -> dict[str, int]:
    """What waits for somebody, from the rows."""
    payments, refunds = Payment.objects.all(), Refund.objects.all()
    parked = Notification.objects.filter(state=Notification.State.PARKED)
    refused = NotificationRefusal.objects.filter(last_at__gte=now() - RECENT)
    waiting: dict[str, QuerySet[Any]] = {
        "open": payments.filter(status__in=(Payment.Status.CREATED, Payment.Status.PENDING)),
        "unknown": payments.filter(status=Payment.Status.UNKNOWN),
        "stuck": stuck(payments),
        "refunding": refunds.filter(status__in=REFUNDS_UNDER_WAY),
        "refund_approval": refunds.filter(status=Refund.Status.PENDING_APPROVAL),
        "refund_trouble": refunds.filter(status=Refund.Status.REQUIRES_ACTION),
        "unapplied": UnappliedMoney.objects.filter(resolved_at=None),
        "parked": parked,
        "refused": refused,
        "invoices_waiting": InvoiceRequest.objects.filter(status__in=INVOICES_TO_ISSUE),
        "red_letters_waiting": InvoiceRequest.objects.filter(status=InvoiceRequest.Status.RED_PENDING),
        "differences": Discrepancy.objects.filter(resolved_at=None).exclude(kind=Discrepancy.Kind.CUTOFF),
    }
    counted = {name: rows.order_by().values("pk")[:MOST].count() for name, rows in waiting.items()}
    return {
        **counted,
        "trouble": counted["unknown"] + counted["stuck"],
        "refund_work": counted["refund_approval"] + counted["refund_trouble"],
    }
