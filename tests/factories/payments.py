from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from factory.django import DjangoModelFactory

from kernel.clock import now
from payments.gateways import EventKind, GatewayEvent, Outcome
from payments.models import GatewayAccount, Payment
from payments.services import settle

from .base import LazyAttribute, LazyFunction, Sequence, SubFactory
from .orders import OrderFactory


class AccountFactory(DjangoModelFactory[GatewayAccount]):
    """An account at the fake gateway of tests/payments/fakes.py."""

    class Meta:
        model = GatewayAccount

    code = Sequence(lambda n: f"account-{n}")
    name = "支付宝"
    gateway = "fake"
    environment = "sandbox"
    methods = LazyFunction(lambda: ["qr", "page", "wap"])


class PaymentFactory(DjangoModelFactory[Payment]):
    """An attempt that waits for its customer. `order__total_fen=…` and `order__category=…` reach its order."""

    class Meta:
        model = Payment

    payment_no = Sequence(lambda n: f"P261122120000{n:09d}")
    order = SubFactory(OrderFactory)
    account = SubFactory(AccountFactory)
    method = "qr"
    status = "pending"
    amount_fen = LazyAttribute(lambda it: it.order.total_fen)
    created_at = LazyFunction(now)
    expires_at = LazyAttribute(lambda it: it.order.payment_due_at or it.created_at + timedelta(minutes=30))
    query_due_at = LazyAttribute(lambda it: it.created_at + timedelta(seconds=3))
    ended_at = LazyAttribute(lambda it: it.created_at if it.status in ("failed", "canceled", "expired") else None)


def report_on(payment: Payment, *, outcome: Outcome = Outcome.SUCCEEDED, **changes: Any) -> GatewayEvent:
    """What the gateway says about a payment: that it was paid as asked, unless told otherwise."""
    facts: dict[str, Any] = {
        "kind": EventKind.PAYMENT,
        "payment_no": payment.payment_no,
        "gateway_trade_no": f"T{payment.pk}" if outcome is Outcome.SUCCEEDED else "",
        "amount_fen": payment.amount_fen,
        "outcome": outcome,
    }
    return GatewayEvent(**(facts | changes))


def paid_payment(*, at: datetime | None = None, **kwargs: Any) -> Payment:
    """A payment that was collected and booked, with its order paid, all by the services."""
    payment = PaymentFactory.create(**kwargs)
    settle(report=report_on(payment), account_id=payment.account_id, at=at or now())
    payment.refresh_from_db()
    return payment
