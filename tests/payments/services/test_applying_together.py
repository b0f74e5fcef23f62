"""Many messages applied at once end as they would one by one, whatever stands among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from kernel.clock import now
from kernel.models import Delivery, OutboxEvent
from orders.events import OrderPaid
from orders.models import Order, OrderEvent
from payments.events import PaymentSucceeded
from payments.gateways import InboundRequest
from payments.models import GatewayAccount, LedgerEntry, LedgerLine, Notification, Payment, UnappliedMoney
from payments.services import apply_notifications, applying, check_books, receive_notification
from tests.factories import AccountFactory, PaymentFactory
from tests.helpers import count_published, frozen
from tests.payments.fakes import message

pytestmark = pytest.mark.django_db


@pytest.fixture
def account() -> GatewayAccount:
    return AccountFactory.create()


def told(account: GatewayAccount, payment_no: str, **facts: Any) -> None:
    request = InboundRequest(headers={}, body=message(payment_no, **facts), received_at=now())
    receive_notification(webhook_key=account.webhook_key, request=request)


def a_mixed_inbox(account: GatewayAccount) -> list[Payment]:
    """Ordinary ones of different sums, and everything that is not ordinary, in one batch."""
    payments = [PaymentFactory.create(account=account, order__total_fen=1_000 + number) for number in range(6)]
    for payment in payments:
        told(account, payment.payment_no, amount_fen=payment.amount_fen)
    told(account, payments[0].payment_no, amount_fen=1_000, event_key="again")
    wrong = PaymentFactory.create(account=account)
    told(account, wrong.payment_no, amount_fen=1)
    closed = PaymentFactory.create(account=account, order__category="closed")
    told(account, closed.payment_no, amount_fen=closed.amount_fen)
    told(account, "P-nobody", amount_fen=5)
    sibling = PaymentFactory.create(account=account, order=payments[1].order)
    told(account, sibling.payment_no, amount_fen=sibling.amount_fen)
    waiting = PaymentFactory.create(account=account)
    told(account, waiting.payment_no, outcome="pending")
    return [*payments, wrong, closed, sibling, waiting]


def one_by_one(rows: object, **_options: object) -> set[int]:
    """As if nothing were ordinary."""
    return set()


def outcome(account: GatewayAccount, payments: list[Payment]) -> dict[str, object]:
    numbers = {it.payment_no: place for place, it in enumerate(payments)}
    orders = {it.order_id: place for place, it in enumerate(payments)}
    return {
        "payments": [Payment.objects.get(pk=it.pk).status for it in payments],
        "orders": [
            (it.state, it.payment_status, it.paid_fen, it.closing_due_at, it.paid_at, it.history_seq)
            for it in Order.objects.filter(pk__in=orders).order_by("pk")
        ],
        "history": [
            (orders[it.order_id], it.seq, it.code, it.facts | {"trade_no": ""}, it.transition)
            for it in OrderEvent.objects.filter(order__in=orders).order_by("order", "seq")
        ],
        "ledger": sorted(LedgerLine.objects.values_list("entry__kind", "entry__source_type", "account", "amount_fen")),
        "unapplied": sorted(UnappliedMoney.objects.values_list("reason", "amount_fen")),
        "inbox": sorted(
            (numbers.get(no, -1), key, state, sorted(verdicts.items()))
            for no, key, state, verdicts in Notification.objects.values_list(
                "payment_no", "event_key", "state", "verdicts"
            )
            for key in [key.partition(":")[0]]
        ),
        "events": (count_published(OrderPaid), count_published(PaymentSucceeded)),
    }


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    return lambda: monkeypatch.setattr(applying, "apply_together", one_by_one)


def test_a_mixed_batch_ends_as_if_each_had_come_alone(account: GatewayAccount, alone: Callable[[], None]) -> None:
    with frozen():
        together = a_mixed_inbox(account)
        apply_notifications(at=now(), limit=100)
        first = outcome(account, together)
        assert [found for stretch in check_books(at=now()) for found in stretch] == []
        _forget()
        alone()
        singly = a_mixed_inbox(account)
        apply_notifications(at=now(), limit=100)

        assert outcome(account, singly) == first


def test_of_two_attempts_for_one_order_one_pays_it(account: GatewayAccount) -> None:
    with frozen():
        first = PaymentFactory.create(account=account)
        second = PaymentFactory.create(account=account, order=first.order)
        for payment in (first, second):
            told(account, payment.payment_no, amount_fen=payment.amount_fen)

        apply_notifications(at=now(), limit=100)

    assert Order.objects.get(pk=first.order_id).paid_fen == first.amount_fen
    assert UnappliedMoney.objects.get().reason == "already_paid"


def test_a_fault_among_many_leaves_the_others_booked(account: GatewayAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> set[int]:
        raise RuntimeError("the set broke")

    monkeypatch.setattr(applying, "apply_together", broken)
    with frozen():
        payments = [PaymentFactory.create(account=account) for _ in range(3)]
        for payment in payments:
            told(account, payment.payment_no, amount_fen=payment.amount_fen)

        apply_notifications(at=now(), limit=100)

    assert set(Payment.objects.values_list("status", flat=True)) == {"succeeded"}


def test_many_cost_as_many_queries_as_few(account: GatewayAccount) -> None:
    """Sums differ, as they do in a shop."""
    counted = []
    for many in (2, 30):
        with frozen():
            for number in range(many):
                payment = PaymentFactory.create(account=account, order__total_fen=2_000 + number)
                told(account, payment.payment_no, amount_fen=payment.amount_fen)
            with CaptureQueriesContext(connection) as asked:
                apply_notifications(at=now(), limit=many)
        counted.append(len(asked))

    few, many = counted
    assert many <= few + (28 * 6 if connection.vendor == "mysql" else 2)  # MySQL tells one new key at a time


def _forget() -> None:
    """The second half starts with nothing of the first in its way."""
    LedgerLine.objects.all().delete()
    LedgerEntry.objects.all().delete()
    UnappliedMoney.objects.all().delete()
    Notification.objects.all().delete()

    Delivery.objects.all().delete()
    OutboxEvent.objects.all().delete()
