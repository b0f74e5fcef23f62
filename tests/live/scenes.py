"""What a test has done to a shop that runs beside it, or wants to know of it: in JSON, in a process of its own."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from django.core.management import call_command
from django.db.models import Count, Sum

from backoffice.console.demo.stage import ensure_account
from backoffice.console.setup import prepare_shop
from customers.services import CustomerDraft
from kernel.clock import now
from kernel.events.delivering import LEASE
from kernel.models import Category, Delivery, OutboxEvent
from kernel.numbers import gateway_number
from kernel.timers import run_due_timers
from orders import services as orders
from orders.models import Order, OrderEvent, OrderLine
from orders.services import DraftLine, OrderDraft
from payments import services as payments
from payments.models import (
    GatewayAccount,
    LedgerEntry,
    LedgerLine,
    Notification,
    NotificationRefusal,
    Payment,
    Refund,
    UnappliedMoney,
)
from payments.services import Share
from tests import unguarded
from tests.factories import OrderFactory

FACTS = (
    "out_trade_no",
    "trade_no",
    "trade_status",
    "total_amount",
    "refund_fee",
    "out_biz_no",
)  # what makes a fact one


def prepare(*, state_dir: str, url: str) -> dict[str, Any]:
    """A migrated, prepared shop with an account at the sandbox."""
    call_command("migrate", verbosity=0)
    prepare_shop(at=now())
    account = ensure_account(sandbox_dir=Path(state_dir), sandbox_url=url, seed=1, at=now())
    return {"account_id": account.pk, "webhook": f"/webhooks/{account.webhook_key}/"}


# ------------------------------------------------------------------------------------------- one order


def new_order(*, yuan: int = 99) -> dict[str, Any]:
    """As staff take it on the telephone, with the link they send."""
    draft = OrderDraft(
        lines=[DraftLine(title="保温杯 500ml", unit_price_fen=yuan * 100)],
        customer=CustomerDraft(name="王小明", phone="13800138000"),
    )
    order = orders.create_order(draft=draft, by=None, at=now())
    _link, url = payments.create_link(order_id=order.pk, by=None, at=now())
    return {"order_id": order.pk, "order_no": order.order_no, "pay_path": url[url.index("/pay/") :]}


def order(*, order_id: int) -> dict[str, Any]:
    found = Order.objects.get(pk=order_id)
    attempts = Payment.objects.filter(order=found).order_by("pk")
    return {
        "category": found.category,
        "close_reason": found.close_reason,
        "payment_status": found.payment_status,
        "paid_fen": found.paid_fen,
        "refunded_fen": found.refunded_fen,
        "payments": list(attempts.values("pk", "payment_no", "status")),
        "unapplied": UnappliedMoney.objects.filter(order=found).count(),
    }


def is_paid(*, order_id: int) -> bool:
    return Order.objects.filter(pk=order_id, paid_at__isnull=False).exclude(category=Category.PENDING_PAYMENT).exists()


def is_closed(*, order_id: int) -> bool:
    return Order.objects.filter(pk=order_id, category=Category.CLOSED).exists()


def is_refunded(*, order_id: int, amount_fen: int) -> bool:
    return Order.objects.filter(pk=order_id, refunded_fen=amount_fen).exists()


def refund(*, order_id: int, amount_fen: int) -> int:
    payment = Payment.objects.get(order_id=order_id, status=Payment.Status.SUCCEEDED)
    return _ask_back(payment, amount_fen=amount_fen, key=f"flow:{payment.pk}:{amount_fen}").pk


def let_time_run_out(*, order_id: int) -> None:
    """The moment to pay by is over, for the shop and for the gateway's code."""
    over = now() - timedelta(seconds=20)  # not so long ago that the code is believed to be dead by itself
    Payment.objects.filter(order_id=order_id).update(expires_at=over)
    Order.objects.filter(pk=order_id).update(payment_due_at=over, closing_due_at=over)


def run_timers() -> list[str]:
    """What the sweeper does without Celery; the names of the timers whose turn it was."""
    return [f"{it.timer} {it.error}".strip() for it in run_due_timers(at=now())]


def received(*, payment_no: str) -> dict[str, int]:
    return dict(Counter(Notification.objects.filter(payment_no=payment_no).values_list("state", flat=True)))


def check_books() -> list[str]:
    """What is wrong with the books: nothing."""
    return [f"{it.check} {it.reference} {it.facts}" for found in payments.check_books(at=now()) for it in found]


# ------------------------------------------------------------------------------------------- thousands of orders


def stock(*, count: int) -> list[tuple[str, int]]:
    """Unpaid orders with an open attempt each, written set-wise: (payment number, fen)."""
    at = now()
    made = Order.objects.bulk_create(_orders(count), batch_size=500)
    fresh = Order.objects.filter(order_no__in=[it.order_no for it in made]).in_bulk(field_name="order_no")
    made = [fresh[it.order_no] for it in made]
    OrderLine.objects.bulk_create([_line(it) for it in made], batch_size=500)
    OrderEvent.objects.bulk_create([_beginning(it) for it in made], batch_size=500)
    account = GatewayAccount.objects.get()
    attempts = [
        Payment(
            payment_no=gateway_number("P", at=at),
            order=it,
            account=account,
            method="qr",
            status=Payment.Status.PENDING,
            amount_fen=it.total_fen,
            created_at=at,
            expires_at=at + timedelta(minutes=30),
            query_due_at=at + timedelta(minutes=30),
        )
        for it in made
    ]
    Payment.objects.bulk_create(attempts, batch_size=500)
    return [(it.payment_no, it.amount_fen) for it in attempts]


def ask_now() -> int:
    """The next question about every open attempt comes now; how many there are."""
    return Payment.objects.open().update(query_due_at=now())


def bury(died_at: str) -> int:
    """
    What a worker may have claimed that is dead since then is due now, and not when its lease is over; with it, what
    waits to be tried again.

    :return: how many
    """
    claimed_before = datetime.fromisoformat(died_at) + LEASE
    claimed = Delivery.objects.exclude(state=Delivery.State.DONE).filter(attempt__gt=0, due_at__lte=claimed_before)
    return claimed.update(due_at=now())


def _orders(count: int) -> list[Order]:
    pattern = OrderFactory.create(order_no=gateway_number("S", at=now()))
    made = []
    for serial in range(count):
        it = copy.copy(pattern)
        it.pk, it._state = None, copy.copy(pattern._state)
        it._state.adding = True
        it.order_no = f"{pattern.order_no}{serial:05d}"
        it.total_fen = it.subtotal_fen = 100 + serial * 7 % 50_000
        it.remind_due_at = None
        made.append(it)
    return made


def _line(it: Order) -> OrderLine:
    price = {"unit_price_fen": it.total_fen, "total_fen": it.total_fen}
    return OrderLine(order=it, line_no=1, title="保温杯 500ml", quantity=1, **price)


def _beginning(it: Order) -> OrderEvent:
    return OrderEvent(order=it, seq=1, kind="system", code="order_created", to_state=it.state, at=it.placed_at)


def ask_back(*, payment_nos: Sequence[str]) -> int:
    """Refund half of each that is paid; how many."""
    asked = 0
    for payment in Payment.objects.filter(payment_no__in=payment_nos, status=Payment.Status.SUCCEEDED):
        if not UnappliedMoney.objects.filter(gateway_trade_no=payment.gateway_trade_no).exists():
            _ask_back(payment, amount_fen=payment.amount_fen // 2, key=f"storm:{payment.pk}")
            asked += 1
    return asked


def _ask_back(payment: Payment, *, amount_fen: int, key: str) -> Refund:
    share = Share(amount_fen=amount_fen)
    return payments.request_refund(payment_id=payment.pk, share=share, reason="破损", key=key, by=None, at=now())


def unfinished() -> dict[str, int]:
    """What is still to be done; empty when all is quiet."""
    paid_otherwise = UnappliedMoney.objects.filter(payment__isnull=False).values("payment_id")
    waiting = {
        "messages": Notification.objects.filter(state__in=("received", "parked")).count(),
        "attempts": Payment.objects.open().exclude(pk__in=paid_otherwise).count(),
        "refunds": Refund.objects.filter(status__in=Refund.IN_FLIGHT).count(),
        "events": Delivery.objects.exclude(state=Delivery.State.DONE).count(),
    }
    return {what: count for what, count in waiting.items() if count}


def counts() -> dict[str, int]:
    return {
        "inbox": Notification.objects.count(),
        "copies": Notification.objects.aggregate(count=Sum("copies"))["count"] or 0,
        "applied": Notification.objects.filter(applied_at__isnull=False).count(),
        "refused": NotificationRefusal.objects.filter(reason="forged").aggregate(n=Sum("times"))["n"] or 0,
        "orders paid": Order.objects.filter(paid_fen__gt=0).count(),
        "unapplied": UnappliedMoney.objects.count(),
        "refunds": Refund.objects.filter(status=Refund.Status.SUCCEEDED).count(),
    }


def stored_facts() -> list[str]:
    """Each row of the inbox as the fact that its raw body tells: not by the key under which it is stored."""
    rows = Notification.objects.order_by("pk").values_list("body", flat=True).iterator(chunk_size=500)
    return [fact_of(dict(parse_qsl(bytes(body).decode()))) for body in rows]


def fact_of(fields: dict[str, str]) -> str:
    return "|".join(fields.get(name, "") for name in FACTS)


def books_by_trade() -> dict[str, dict[str, int]]:
    """Fen that the ledger holds of each of the gateway's trades: in clearing, and of it in suspense."""
    books: dict[str, dict[str, int]] = {}
    for account, kind, reference, fen in LedgerLine.objects.filter(account__in=("clearing", "suspense")).values_list(
        "account", "entry__kind", "entry__reference", "amount_fen"
    ):
        trade_no = reference if kind in ("collect", "apply") else _trade_of_refund(reference)
        held = books.setdefault(trade_no, {"clearing": 0, "suspense": 0})
        held[account] += fen if account == "clearing" else -fen
    return books


def _trade_of_refund(refund_no: str) -> str:
    found = Refund.objects.select_related("payment", "unapplied").get(refund_no=refund_no)
    source = found.unapplied or found.payment
    assert source is not None
    return source.gateway_trade_no


def done_twice() -> list[str]:
    """Effects that came more than once for one cause."""
    booked = LedgerEntry.objects.filter(kind="collect").values_list("reference", flat=True)
    recorded = OrderEvent.objects.filter(code="payment_recorded").values_list("order__order_no", flat=True)
    told = OutboxEvent.objects.filter(name__in=("payments.PaymentSucceeded", "orders.OrderPaid"))
    names = (f"{it.name} {it.payload['order_id']}" for it in told.iterator(chunk_size=2_000))
    sent = Refund.objects.values("payment_id").annotate(times=Count("pk")).filter(times__gt=1)
    twice = [*_repeated(booked), *_repeated(recorded), *_repeated(names)]
    return [*twice, *(f"refund of payment {row['payment_id']}" for row in sent)]


def _repeated(names: Iterable[str]) -> list[str]:
    return [f"{name} ×{times}" for name, times in Counter(names).items() if times > 1]


def drop_inbox_index() -> None:
    unguarded.drop_inbox_index()
