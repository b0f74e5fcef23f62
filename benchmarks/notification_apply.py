"""
A gateway says that an order was paid: stored, acknowledged and applied by the services, beside one prepared statement.

The statement writes the inbox row, takes payment and order, and writes their history: what cannot be left out. The
services also compare, keep the ledger, ask the workflow, and publish. The gateway is one in memory: no signatures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

from django.db import connection

from kernel.clock import now
from payments.gateways import InboundRequest
from payments.models import GatewayAccount, Payment
from payments.services import apply_notifications, receive_notification
from tests.factories import AccountFactory
from tests.payments.fakes import message, open_bank

from .measuring import Run, measured, tell
from .waiting import waiting_payments

FEWEST = 20  # in a round
LARGEST = 10_000
STATEMENT = """
PREPARE apply (bigint, text, bytea, jsonb, timestamptz) AS
WITH inbox AS (
    INSERT INTO payments_notification (account_id, event_key, kind, payment_no, facts, verdicts, headers, body,
        key_serial, state, copies, received_at, last_received_at, applied_at, due_at, attempt, last_error,
        set_aside_reason)
    VALUES ($1, 'payment:' || $2, 'payment', $2, $4, '{}', '{}', $3, '', 'applied', 1, $5, $5, $5, $5, 1, '', '')
), paid AS (
    UPDATE payments_payment SET status = 'succeeded', gateway_trade_no = 'T-' || $2, paid_at = $5
    WHERE payment_no = $2 AND status = 'pending' RETURNING order_id, amount_fen
), moved AS (
    UPDATE orders_order SET paid_fen = paid_fen + paid.amount_fen, payment_status = 'paid', paid_at = $5,
        state = 'awaiting_shipment', category = 'awaiting_fulfillment', state_since = $5,
        history_seq = history_seq + 1, closing_due_at = NULL, remind_due_at = NULL
    FROM paid WHERE id = paid.order_id RETURNING id, history_seq
)
INSERT INTO orders_orderevent (
    order_id, seq, kind, code, facts, trigger, transition, from_state, to_state, at, trace_id)
SELECT id, history_seq, 'payment', 'state_moved', '{}', 'payment_succeeded', 'pay', 'pending_payment',
    'awaiting_shipment', $5, '' FROM moved
"""


def main(size: str, rounds: str) -> None:
    each = max(min(int(size), LARGEST) // (2 * int(rounds)), FEWEST)
    with open_bank():
        account = AccountFactory.create()
        with connection.cursor() as cursor:
            cursor.execute(STATEMENT)
        pairs = [
            (applied(account, made(account, each)), at_least(account, made(account, each))) for _ in range(int(rounds))
        ]
    tell(told(pairs, each))


def told(pairs: Sequence[tuple[Run, float]], each: int) -> dict[str, Any]:
    return {
        "benchmark": "notification_apply",
        "notifications": each * len(pairs),
        "rounds": len(pairs),
        "project_per_s": round(each / median(own.seconds for own, _floor in pairs)),
        "floor_per_s": round(each / median(floor for _own, floor in pairs)),
        "ratio": round(median(floor / own.seconds for own, floor in pairs), 3),
        "cpu_ms": round(1000 * median(own.cpu for own, _floor in pairs) / each, 2),
        "queries": round(median(own.queries for own, _floor in pairs) / each, 1),
    }


def made(account: GatewayAccount, count: int) -> list[str]:
    return [payment.payment_no for payment in waiting_payments(account, count)]


def applied(account: GatewayAccount, numbers: Sequence[str]) -> Run:
    requests = [InboundRequest(headers={}, body=message(number), received_at=now()) for number in numbers]
    with measured() as run:
        for request in requests:
            receive_notification(webhook_key=account.webhook_key, request=request)
        apply_notifications(at=now(), limit=len(numbers) + 1)
    check(numbers)
    return run


def at_least(account: GatewayAccount, numbers: Sequence[str]) -> float:
    at = now()
    started = time.perf_counter()
    with connection.cursor() as cursor:
        for number in numbers:
            cursor.execute("EXECUTE apply (%s, %s, %s, %s, %s)", [account.pk, number, message(number), "{}", at])
    seconds = time.perf_counter() - started
    check(numbers)
    return seconds


def check(numbers: Sequence[str]) -> None:
    """Neither of the two may have left out what it is measured for."""
    paid = Payment.objects.filter(payment_no__in=numbers, status="succeeded", order__payment_status="paid").count()
    if paid != len(numbers):
        raise SystemExit(f"only {paid} of {len(numbers)} payments were applied")
