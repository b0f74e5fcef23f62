"""
The ordinary case, many at a time: first successes of attempts that collected what they asked for, for open orders.

One transaction and as many statements for a hundred messages as for one. Whatever is not ordinary is left to
`applying`, which judges it alone; and so is all of it, if anything here goes wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from kernel.db import retry_on_conflict
from kernel.events import publish_many
from kernel.failpoints import failpoint
from kernel.money import CNY
from orders import services as orders
from orders.models import Order

from ..events import PaymentSucceeded
from ..gateways import EventKind, GatewayEvent, Outcome, gateway_class
from ..models import LedgerEntry, Notification, Payment
from . import ledger
from .attempts import close_others_of, succeed_together
from .notifications import read_facts
from .unapplied import misfit
from .verdicts import fitting

VERDICTS = fitting(Payment.Status.SUCCEEDED.value)


class LeaseLost(RuntimeError):
    """Another worker has this row by now: whatever this one wrote for it is rolled back."""


@dataclass(frozen=True, slots=True)
class Told:
    """A message of the inbox, and what it says."""

    row: Notification
    report: GatewayEvent


@dataclass(frozen=True, slots=True)
class Paid:
    told: Told
    payment: Payment


def apply_together(rows: Sequence[Notification], *, at: datetime) -> set[int]:
    """
    Book what is ordinary of a claimed batch.

    :return: keys of the messages that are applied; the others are as they were
    :raises LeaseLost: if another worker has one of them by now; then none is applied
    """
    told = _of_different_payments(it for row in rows if (it := _first_success(row)) is not None)
    return _apply(told, at=at) if told else set()


def _first_success(row: Notification) -> Told | None:
    report = read_facts(row.facts)
    is_success = report.kind is EventKind.PAYMENT and report.outcome is Outcome.SUCCEEDED and report.currency == CNY
    if not (is_success and report.payment_no and report.gateway_trade_no):
        return None
    if gateway_class(code=row.account.gateway).capabilities.confirm_by_query:
        return None
    return Told(row, report)


def _of_different_payments(told: Iterable[Told]) -> list[Told]:
    """Of two messages about one payment or one trade, the first."""
    numbers: set[str] = set()
    trades: set[str] = set()
    chosen: list[Told] = []
    for it in told:
        if it.report.payment_no not in numbers and it.report.gateway_trade_no not in trades:
            chosen.append(it)
        numbers.add(it.report.payment_no)
        trades.add(it.report.gateway_trade_no)
    return chosen


@retry_on_conflict
@transaction.atomic
def _apply(told: Sequence[Told], *, at: datetime) -> set[int]:
    paid = _ordinary(told)
    if not paid:
        return set()
    _finish([it.told.row for it in paid], at=at)
    succeed_together(paid=[(it.payment, it.told.report) for it in paid], at=at)
    ledger.collect_payments(collected=[(it.payment, it.told.report.gateway_trade_no) for it in paid], at=at)
    settled = [it.payment.order for it in paid]
    orders.record_payments(
        orders=settled, amounts_fen={it.payment.order_id: it.told.report.amount_fen for it in paid}, at=at
    )
    close_others_of(settled=settled, at=at)
    publish_many(PaymentSucceeded(payment_id=it.payment.pk, order_id=it.payment.order_id) for it in paid)
    failpoint("apply.before_commit")
    return {it.told.row.pk for it in paid}


def _ordinary(told: Sequence[Told]) -> list[Paid]:
    """Locked: orders first, then payments, each by key, as everywhere."""
    payments = _locked(told)
    trades = [it.report.gateway_trade_no for it in told]
    booked = set(
        LedgerEntry.objects.filter(kind=ledger.COLLECT, reference__in=trades).values_list("reference", flat=True)
    )
    chosen: list[Paid] = []
    taken: set[int] = set()
    for it in told:
        payment = payments.get(it.report.payment_no)
        if payment is None or payment.order_id in taken or it.report.gateway_trade_no in booked:
            continue
        if _fits(payment, it):
            taken.add(payment.order_id)
            chosen.append(Paid(it, payment))
    return chosen


def _fits(payment: Payment, told: Told) -> bool:
    is_first = payment.account_id == told.row.account_id and payment.status in Payment.OPEN
    return is_first and misfit(payment=payment, report=told.report) is None


def _locked(told: Sequence[Told]) -> Mapping[str, Payment]:
    numbers = [it.report.payment_no for it in told]
    seen = Payment.objects.filter(payment_no__in=numbers).values_list("pk", "order_id")
    keys = dict(seen)
    found: dict[int, Order] = {it.pk: it for it in orders.lock_orders(order_ids=sorted(set(keys.values())))}
    locked = Payment.objects.select_for_update().filter(pk__in=keys).order_by("pk")
    payments = {payment.payment_no: payment for payment in locked}
    for payment in payments.values():
        payment.order = found[payment.order_id]
    return payments


def _finish(rows: Sequence[Notification], *, at: datetime) -> None:
    """In the transaction of the booking. The attempt number fences a worker that slept through its lease."""
    alike: dict[tuple[str, int, str], list[Notification]] = {}
    for row in rows:
        alike.setdefault((row.state, row.attempt, json.dumps(row.verdicts, sort_keys=True)), []).append(row)
    for (state, attempt, _verdicts), group in alike.items():
        mine = Notification.objects.filter(pk__in=[row.pk for row in group], state=state, attempt=attempt)
        verdicts = {**group[0].verdicts, **VERDICTS}
        done = mine.update(state=Notification.State.APPLIED, applied_at=at, verdicts=verdicts, last_error="")
        if done != len(group):
            raise LeaseLost([row.pk for row in group])
