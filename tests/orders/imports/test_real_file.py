"""A real shop's month: 28,010 orders, whose sums are known."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count, Q, Sum

from customers.services import ensure_customer_types
from kernel.clock import now
from orders.models import Order
from orders.services import ensure_carriers
from payments.models import LedgerEntry, LedgerLine
from payments.services import check_books
from tests.factories import default_workflow
from tests.requirements import shared

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def imported() -> str:
    out = StringIO()
    file = shared("data", "tmall_orders_2020-02.csv")
    call_command("orders_import", str(file), "--no-progress", stdout=out)
    return out.getvalue()


def sums() -> dict[str, Any]:
    told: dict[str, Any] = Order.objects.aggregate(
        orders=Count("pk"),
        paid=Count("pk", filter=Q(paid_fen__gt=0)),
        refunded=Count("pk", filter=Q(refunded_fen__gt=0)),
        total_fen=Sum("total_fen"),
        paid_fen=Sum("paid_fen"),
        refunded_fen=Sum("refunded_fen"),
    )
    return told | {"entries": LedgerEntry.objects.count()}


def test_every_fen_of_it_arrives_once() -> None:
    ensure_customer_types()
    ensure_carriers()
    default_workflow()

    imported()

    whole = sums()
    assert whole == {
        "orders": 28_010,
        "paid": 24_087,
        "refunded": 5_646,
        "total_fen": 299_576_061,
        "paid_fen": 190_248_715 + 57_233_592,
        "refunded_fen": 57_233_592,
        "entries": 24_087 + 5_646,
    }
    states = Order.objects.order_by().values_list("state", "close_reason").annotate(orders=Count("pk"))
    assert {(state, reason): orders for state, reason, orders in states} == {
        ("completed", ""): 24_087 - 5_132,
        ("closed", "fully_refunded"): 5_132,
        ("closed", "payment_timeout"): 3_923,
    }
    kept = LedgerLine.objects.filter(account="elsewhere").aggregate(fen=Sum("amount_fen"))
    assert kept == {"fen": 190_248_715}
    assert [offender for stretch in check_books(at=now()) for offender in stretch] == []

    assert "28010" in imported()
    assert sums() == whole
