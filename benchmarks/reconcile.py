"""
A day of payments beside its statement, with faults of every kind planted: read, kept, compared, and each found once.

The floor is one statement that joins the lines with the ledger by number and compares the amounts, and writes nothing.
It stops with an error if a planted fault is not found, or anything else is.
"""

from __future__ import annotations

import csv
import io
import resource
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from django.db import connection

from kernel.bulk import fast_insert
from kernel.clock import day_bounds
from payments.gateways import GATEWAYS
from payments.models import Discrepancy, GatewayAccount, LedgerEntry, LedgerLine, Payment, Statement
from payments.services import reconcile, upload_statement
from tests.factories import AccountFactory, OrderFactory
from tests.payments.services.test_reconciling import FIELDS, Bookkeeper

from .measuring import Run, measured, tell

DAY = date(2026, 11, 20)
LARGEST = 20_000
PLANTED = 20  # of each kind
FEE_PPM = 6_000
Kind = Discrepancy.Kind
EXPECTED = {
    Kind.MISSING_LOCAL: PLANTED,
    Kind.MISSING_GATEWAY: PLANTED,
    Kind.AMOUNT: PLANTED,
    Kind.FEE: PLANTED,
    Kind.STATUS: PLANTED,
    Kind.DUPLICATE: PLANTED,
    Kind.CUTOFF: PLANTED,
}
FLOOR = """
SELECT count(*) FROM payments_statementline line
LEFT JOIN payments_ledgerentry entry ON entry.kind = 'collect' AND entry.reference = line.gateway_trade_no
LEFT JOIN payments_ledgerline posting ON posting.entry_id = entry.id AND posting.account = 'clearing'
WHERE line.statement_id = %s AND posting.amount_fen IS DISTINCT FROM line.amount_fen
"""


@dataclass
class Day:
    """Payments of one account and day, in our books and in the gateway's file."""

    account: GatewayAccount
    payments: list[Payment] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)

    @property
    def file(self) -> bytes:
        text = io.StringIO()
        csv.DictWriter(text, FIELDS).writerows(self.lines)
        return text.getvalue().encode()


def main(size: str, rounds: str) -> None:
    GATEWAYS[Bookkeeper.code] = Bookkeeper
    count = min(int(size), LARGEST)
    pairs = [_round(count) for _number in range(int(rounds))]
    tell(
        {
            "benchmark": "reconcile",
            "payments": count,
            "rounds": len(pairs),
            "seconds": round(median(own.seconds for own, _floor in pairs), 2),
            "floor_seconds": round(median(floor for _own, floor in pairs), 3),
            "planted": sum(EXPECTED.values()),
            "queries": round(median(own.queries for own, _floor in pairs)),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
    )


def _round(count: int) -> tuple[Run, float]:
    day = seeded(count)
    content = day.file
    with measured() as run:
        statement = upload_statement(
            account=day.account, day=DAY, name="day.csv", content=content, by=None, at=morning()
        )
        reconcile(statement_id=statement.pk, at=morning())
    _check(statement)
    return run, _floor(statement)


def seeded(count: int) -> Day:
    day = Day(AccountFactory.create(gateway=Bookkeeper.code, fee_ppm=FEE_PPM))
    start, end = day_bounds(DAY)
    order = OrderFactory.create(total_fen=100)
    step = timedelta(hours=18) / count
    for number in range(count):
        at = start + timedelta(hours=3) + step * number
        if PLANTED <= number < 2 * PLANTED:
            at = end - timedelta(minutes=1)  # told on the day beside
        day.payments.append(_payment(day.account, order.pk, number, at=at))
    fast_insert(day.payments)
    for place, payment in enumerate(day.payments):
        day.lines += _told(place, payment)
    _book([it for it in day.payments if it.status == Payment.Status.SUCCEEDED])
    return day


def _payment(account: GatewayAccount, order_id: int, number: int, *, at: datetime) -> Payment:
    is_waiting = 4 * PLANTED <= number < 5 * PLANTED
    return Payment(
        payment_no=f"B{account.pk:05d}{number:012d}",
        order_id=order_id,
        account=account,
        method="qr",
        status=Payment.Status.PENDING if is_waiting else Payment.Status.SUCCEEDED,
        amount_fen=1_000 + number,
        gateway_trade_no="" if is_waiting else f"T{account.pk}-{number}",
        created_at=at,
        expires_at=at,
        paid_at=None if is_waiting else at,
    )


def _told(place: int, payment: Payment) -> Iterator[dict[str, Any]]:
    """Its line in the file, or none, or two: the first payments are the faults, so many of each kind."""
    line: dict[str, Any] = {
        "movement": "payment",
        "payment_no": payment.payment_no,
        "gateway_trade_no": payment.gateway_trade_no or f"late-{payment.payment_no}",
        "refund_no": "",
        "amount_fen": payment.amount_fen,
        "fee_fen": (payment.amount_fen * FEE_PPM + 500_000) // 1_000_000,
        "occurred_at": payment.created_at.isoformat(),
    }
    match place // PLANTED:
        case 0 | 1:  # only in our books; told on the day beside
            return
        case 2:
            yield line | {"amount_fen": payment.amount_fen + 1}
        case 3:
            yield line | {"fee_fen": line["fee_fen"] + 90}
        case 5:
            yield line
            yield line
        case 6:
            yield line
            yield line | {"payment_no": f"X{payment.payment_no}", "gateway_trade_no": f"X{payment.gateway_trade_no}"}
        case _:
            yield line


def _book(payments: list[Payment]) -> None:
    entries = fast_insert(
        [
            LedgerEntry(
                source_type="payment",
                source_id=it.pk,
                kind="collect",
                reference=it.gateway_trade_no,
                booked_at=it.created_at,
            )
            for it in payments
        ]
    )
    lines = []
    for entry, it in zip(entries, payments, strict=True):
        lines.append(LedgerLine(entry=entry, account="clearing", gateway_account=it.account, amount_fen=it.amount_fen))
        lines.append(LedgerLine(entry=entry, account="receivable", order_id=it.order_id, amount_fen=-it.amount_fen))
    fast_insert(lines)


def _check(statement: Statement) -> None:
    """Every planted fault, and nothing else."""
    found = Counter(Discrepancy.objects.filter(statement=statement).values_list("kind", flat=True))
    if found != Counter(EXPECTED):
        raise SystemExit(f"found {dict(found)}, planted {EXPECTED}")


def _floor(statement: Statement) -> float:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # the tables were empty a moment ago, and are planned for as such
        started = time.perf_counter()
        cursor.execute(FLOOR, [statement.pk])
        cursor.fetchone()
    return time.perf_counter() - started


def morning() -> datetime:
    return day_bounds(DAY)[1] + timedelta(hours=11)
