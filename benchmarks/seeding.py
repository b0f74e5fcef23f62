"""
Many orders with all that belongs to them, set by set: a few are made by the services, and PostgreSQL copies them.

A copy is its original with its keys moved on and its numbers counted on: what is sound once is sound ever so often.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import Field, ForeignKey, Max, Model

from kernel.clock import now
from orders.models import Order, OrderEvent, OrderLine
from orders.services import DraftLine
from payments.gateways import InboundRequest
from payments.models import (
    GatewayAccount,
    LedgerEntry,
    LedgerLine,
    Notification,
    Payment,
    Refund,
    RefundLine,
    UnappliedMoney,
)
from payments.services import (
    Share,
    apply_notifications,
    receive_notification,
    request_refund,
    resolve_refunds,
    resolve_unapplied,
)
from tests.factories import AccountFactory, OrderFactory, PaymentFactory
from tests.payments.fakes import message, open_bank

MODELS: tuple[type[Model], ...] = (
    Order,
    OrderLine,
    OrderEvent,
    Payment,
    UnappliedMoney,
    Refund,
    RefundLine,
    Notification,
    LedgerEntry,
    LedgerLine,
)
NUMBERS = {  # what makes a row itself, beside its key
    Order: {"order_no"},
    Payment: {"payment_no", "gateway_trade_no"},
    UnappliedMoney: {"payment_no", "gateway_trade_no"},
    Refund: {"refund_no", "request_key", "gateway_refund_no"},
    Notification: {"event_key", "payment_no"},
    LedgerEntry: {"reference"},
}
SOURCES = {"payment": Payment, "refund": Refund, "unapplied": UnappliedMoney}
ORIGINALS = 20
CHUNK = 200_000  # orders in a statement


def seed(count: int) -> None:
    """So many orders of one shop: a tenth unpaid, the others paid and booked, a tenth of them refunded in part."""
    with open_bank():
        account = AccountFactory.create()
        for number in range(ORIGINALS):
            _original(number, account)
    widths = {model: _width(model) for model in MODELS}
    copies = count // ORIGINALS
    step = CHUNK // ORIGINALS
    for first in range(1, copies, step):
        for model in MODELS:
            _copy(model, widths, first, min(first + step, copies) - 1)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _original(number: int, account: GatewayAccount) -> None:
    lines = [DraftLine(title="保温杯 500ml", unit_price_fen=3_300 + 100 * it) for it in range(1 + number % 3)]
    payment = PaymentFactory.create(account=account, order=OrderFactory.create(lines=lines, shipping_fen=900))
    if number % 10 == 9:
        return
    is_wrong = number % 20 == 8
    asked_fen = 5 if is_wrong else payment.amount_fen
    request = InboundRequest(headers={}, body=message(payment.payment_no, amount_fen=asked_fen), received_at=now())
    receive_notification(webhook_key=account.webhook_key, request=request)
    apply_notifications(at=now(), limit=10)
    if is_wrong:
        money = UnappliedMoney.objects.get(payment=payment)
        resolve_unapplied(unapplied_id=money.pk, action="refund", reason="x", by=None, at=now())
    elif number % 10 == 0:
        share = Share(amount_fen=1_000)
        request_refund(payment_id=payment.pk, share=share, reason="x", key=f"seed:{number}", by=None, at=now())
    resolve_refunds(at=now(), limit=10)


def _width(model: type[Model]) -> int:
    """How far the keys of a copy are from its original's."""
    return int(model._default_manager.aggregate(pk=Max("pk"))["pk"] or 0)


def _copy(model: type[Model], widths: dict[type[Model], int], first: int, last: int) -> None:
    fields = list(model._meta.concrete_fields)
    columns = ", ".join(f'"{field.column}"' for field in fields)
    values = ", ".join(_value(model, field, widths) for field in fields)
    table, width = model._meta.db_table, widths[model]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {values} FROM {table} it, generate_series(%s, %s) n "
            "WHERE it.id <= %s",
            [first, last, width],
        )
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")


def _value(model: type[Model], field: Field[Any, Any], widths: dict[type[Model], int]) -> str:
    column = f'it."{field.column}"'
    if field.primary_key:
        return f"{column} + n * {widths[model]}"
    if isinstance(field, ForeignKey) and field.related_model in widths:
        return f"{column} + n * {widths[field.related_model]}"
    if field.name in NUMBERS.get(model, ()):
        return f"CASE WHEN {column} = '' THEN '' ELSE {column} || '-' || n END"
    if field.name == "source_id":
        cases = " ".join(f"WHEN '{name}' THEN {column} + n * {widths[it]}" for name, it in SOURCES.items())
        return f"CASE it.source_type {cases} END"
    return column
