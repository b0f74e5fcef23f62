"""Payment, gateway and refund numbers lead to their order from the one search box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from orders.queries import register_search

from ..models import Payment, Refund


@register_search
def by_payment_no(numbers: Sequence[str]) -> QuerySet[Any, Any]:
    return Payment.objects.filter(payment_no__in=numbers).values_list("order_id", flat=True)


@register_search
def by_trade_no(numbers: Sequence[str]) -> QuerySet[Any, Any]:
    return Payment.objects.filter(gateway_trade_no__in=numbers).values_list("order_id", flat=True)


@register_search
def by_refund_no(numbers: Sequence[str]) -> QuerySet[Any, Any]:
    return Refund.objects.filter(refund_no__in=numbers, order__isnull=False).values_list("order_id", flat=True)
