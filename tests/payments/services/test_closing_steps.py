"""An order is closed because its time is over, and the money comes just before or just after any step of that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from orders import services as orders
from orders.models import Order
from orders.services import timeouts
from payments import services
from payments.gateways import Outcome
from payments.models import Payment, UnappliedMoney
from payments.services import querying
from tests.factories import PaymentFactory, report_on
from tests.helpers import NOON, drain, frozen
from tests.payments.fakes import FakeBank, FakeGateway

pytestmark = pytest.mark.django_db

OVERDUE = NOON + timedelta(minutes=33)
STEPS: dict[str, tuple[object, str]] = {
    "its closing is asked for": (timeouts, "_request_closing"),
    "its attempts are to be closed": (services, "close_order"),
    "the gateway is asked to close": (FakeGateway, "close"),
    "the gateway is asked what became of it": (FakeGateway, "query"),
    "the answer is written down": (querying, "_take"),
    "the order is closed": (services, "finish_closing"),
}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture
def payment(bank: FakeBank, clock: time_machine.Traveller) -> Payment:
    """Its gateway is the worst there is: it says that it closed, and that it collected."""
    payment = PaymentFactory.create()
    clock.move_to(OVERDUE)
    bank.say("close", Outcome.UNKNOWN)
    bank.say("query", Outcome.CLOSED)
    return payment


def pay_at(step: tuple[object, str], when: str, payment: Payment, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """:return: filled with the step, once it has been passed"""
    owner, name = step
    honest: Callable[..., Any] = getattr(owner, name)
    passed: list[str] = []

    def interrupted(*given: Any, **named: Any) -> Any:
        is_first = not passed
        passed.append(name)
        if is_first and when == "before":
            collect(payment)
        result = honest(*given, **named)
        if is_first and when == "after":
            collect(payment)
        return result

    monkeypatch.setattr(owner, name, interrupted)
    return passed


def collect(payment: Payment) -> None:
    services.settle(report=report_on(payment), account_id=payment.account_id, at=OVERDUE)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_the_money_is_the_orders_or_somebodys_work(
    payment: Payment, monkeypatch: pytest.MonkeyPatch, step: str, when: str
) -> None:
    passed = pay_at(STEPS[step], when, payment, monkeypatch)

    orders.request_overdue_closings(at=OVERDUE, limit=10)
    drain(OVERDUE)

    order, kept = Order.objects.get(), list(UnappliedMoney.objects.values_list("reason", "amount_fen"))
    assert passed or order.payment_status == "paid", f"{step}: not on the way"
    if order.is_closed:
        assert (order.paid_fen, kept) == (0, [("order_closed", payment.amount_fen)])
    else:
        assert (order.paid_fen, order.payment_status, kept) == (payment.amount_fen, "paid", [])
    assert [it for found in services.check_books(at=OVERDUE) for it in found] == []


def test_both_ends_happen(payment: Payment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the above: after the last step the order is closed, before the first it is paid."""
    pay_at(STEPS["the order is closed"], "after", payment, monkeypatch)

    orders.request_overdue_closings(at=OVERDUE, limit=10)
    drain(OVERDUE)

    assert Order.objects.get().is_closed
    assert UnappliedMoney.objects.get().reason == "order_closed"
