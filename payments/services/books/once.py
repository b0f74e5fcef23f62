"""Nothing happens twice that its key lets happen once, whether or not the unique index behind it is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Count, QuerySet

from kernel.models import Delivery, Message, RuleRun
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
from .looking import CHUNK, Offender

Once = tuple[str, QuerySet[Any], tuple[str, ...]]
ONCE: tuple[Once, ...] = (
    ("order_number_twice", Order.objects.all(), ("order_no",)),
    ("order_external_twice", Order.objects.exclude(external_order_no=None), ("source", "external_order_no")),
    ("notification_twice", Notification.objects.all(), ("account_id", "event_key")),
    ("message_twice", Message.objects.all(), ("effect_key",)),
    ("delivery_twice", Delivery.objects.all(), ("event_id", "handler")),
    ("rule_twice", RuleRun.objects.all(), ("rule_id", "event_key")),
    ("entry_twice", LedgerEntry.objects.all(), ("source_type", "source_id", "kind")),
    ("refund_twice", Refund.objects.all(), ("request_key",)),
    ("refund_number_twice", Refund.objects.all(), ("refund_no",)),
    ("payment_number_twice", Payment.objects.all(), ("payment_no",)),
    (
        "payment_trade_twice",
        Payment.objects.filter(status=Payment.Status.SUCCEEDED),
        ("account_id", "gateway_trade_no"),
    ),
    ("unapplied_twice", UnappliedMoney.objects.all(), ("account_id", "gateway_trade_no")),
    ("statement_twice", Statement.objects.all(), ("account_id", "day")),
    ("difference_twice", Discrepancy.objects.all(), ("statement_id", "key")),
    ("invoice_twice", InvoiceRequest.objects.all(), ("effect_key",)),
    ("invoice_number_twice", InvoiceRequest.objects.exclude(invoice_no=None), ("invoice_no",)),
)


def twice(once: Once) -> Iterator[Offender]:
    code, rows, columns = once
    found = rows.order_by().values(*columns).annotate(times=Count("pk")).filter(times__gt=1)
    for row in found.order_by(*columns).iterator(chunk_size=CHUNK):
        reference = ":".join(str(row[column]) for column in columns)
        yield Offender(check=code, reference=reference, facts={"times": row["times"]})
