from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain
from typing import Any

import pytest
import time_machine
from django.db.models import Sum

from kernel.errors import DomainError
from kernel.models import Alert
from orders.models import Order, OrderLine
from payments.gateways import EventKind, GatewayEvent, Outcome
from payments.models import LedgerLine, Payment, Refund, UnappliedMoney
from payments.services import (
    AlreadyResolved,
    DoesNotFitOrder,
    NoOrderNamed,
    NotForThisOrder,
    PartlyReturned,
    ReasonMissing,
    Share,
    check_books,
    proposal_now,
    request_refund,
    resolve_unapplied,
    send_refund,
    settle,
    take_ownership,
)
from payments.services.external_refunds import take_refund_news
from tests.factories import AccountFactory, OrderFactory, PaymentFactory, UserFactory, paid_payment, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def kept(payment: Payment, **facts: Any) -> UnappliedMoney:
    money = settle(report=report_on(payment, **facts), account_id=payment.account_id, at=NOON)
    assert isinstance(money, UnappliedMoney)
    return money


def resolve(money: UnappliedMoney, action: str, **kwargs: Any) -> UnappliedMoney:
    by = UserFactory.create(is_superuser=True)
    return resolve_unapplied(unapplied_id=money.pk, action=action, reason="客户要货", by=by, at=NOON, **kwargs)


def repriced(order: Order, total_fen: int) -> None:
    off_fen = total_fen - order.total_fen
    Order.objects.filter(pk=order.pk).update(adjustment_fen=off_fen, total_fen=total_fen)
    OrderLine.objects.filter(order=order).update(adjustment_fen=off_fen, total_fen=total_fen)


def fen_of(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def late_money() -> UnappliedMoney:
    return kept(PaymentFactory.create(order__category="closed"))


class TestTaking:
    def test_makes_it_the_work_of_whoever_is_first(self) -> None:
        money = late_money()
        first, second = UserFactory.create_batch(2)

        assert [take_ownership(unapplied_id=money.pk, by=by, at=NOON) for by in (first, second)] == [True, False]

        money.refresh_from_db()
        assert money.owner == first


class TestReviving:
    def test_pays_the_order_that_was_closed_a_moment_too_early(self) -> None:
        money = late_money()

        resolve(money, "revive")

        order = Order.objects.get()
        assert (order.category, order.payment_status, order.close_reason) == ("awaiting_fulfillment", "paid", "")
        assert (fen_of("suspense"), fen_of("receivable")) == (0, -9_900)

    def test_leaves_money_that_can_be_refunded_like_any_other(self, bank: FakeBank) -> None:
        resolve(late_money(), "revive")

        share = Share(amount_fen=100)
        refund = request_refund(payment_id=Payment.objects.get().pk, share=share, reason="x", key="k", by=None, at=NOON)

        assert send_refund(refund_id=refund.pk, at=NOON).status == "succeeded"

    def test_closes_the_alert(self) -> None:
        resolve(late_money(), "revive")

        assert Alert.objects.get(kind="payments.unapplied").resolved_at == NOON


class TestApplying:
    def test_pays_an_order_with_money_that_named_none(self) -> None:
        account = AccountFactory.create()
        stranger = PaymentFactory.build(pk=7, order=None, amount_fen=9_900, expires_at=NOON, account=account)
        money = kept(stranger)
        order = OrderFactory.create(total_fen=9_900)

        resolve(money, "apply", order_id=order.pk)

        order.refresh_from_db()
        assert (order.payment_status, Payment.objects.get().payment_no) == ("paid", stranger.payment_no)

    def test_wants_to_know_the_order(self) -> None:
        account = AccountFactory.create()
        money = kept(PaymentFactory.build(pk=7, order=None, amount_fen=9_900, expires_at=NOON, account=account))

        with pytest.raises(NoOrderNamed):
            resolve(money, "apply")

    def test_refuses_an_order_that_waits_for_less(self) -> None:
        account = AccountFactory.create()
        money = kept(PaymentFactory.build(pk=7, order=None, amount_fen=9_900, expires_at=NOON, account=account))

        with pytest.raises(DoesNotFitOrder):
            resolve(money, "apply", order_id=OrderFactory.create(total_fen=9_899).pk)

    def test_refuses_another_sum_than_was_asked_for(self) -> None:
        payment = PaymentFactory.create()

        with pytest.raises(NotForThisOrder):
            resolve(kept(payment, amount_fen=5_000), "apply")

    def test_applies_another_sum_once_the_order_costs_just_that(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900)
        money = kept(payment, amount_fen=8_000)
        repriced(payment.order, 8_000)
        money.refresh_from_db()
        assert (money.proposed_action, proposal_now(money, at=NOON)) == ("refund", "apply")

        resolve(money, "apply")

        payment.refresh_from_db()
        payment.order.refresh_from_db()
        assert (payment.order.payment_status, payment.status, payment.refundable_fen) == ("paid", "succeeded", 8_000)
        assert list(chain.from_iterable(check_books(at=NOON))) == []
        share = Share(amount_fen=8_000)
        refund = request_refund(payment_id=payment.pk, share=share, reason="x", key="k", by=None, at=NOON)
        send_refund(refund_id=refund.pk, at=NOON)
        assert [(it.gateway_trade_no, it.total_fen) for it in bank.asked("refund")] == [(f"T{payment.pk}", 8_000)]

    def test_has_open_attempts_closed_when_applied_money_pays_the_order(self) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900)
        money = kept(payment, amount_fen=8_000)
        repriced(payment.order, 8_000)
        other = PaymentFactory.create(order=payment.order, account=payment.account, amount_fen=8_000)

        resolve(money, "apply")

        other.refresh_from_db()
        assert other.closing

    def test_never_turns_another_currency_into_yuan(self) -> None:
        payment = PaymentFactory.create()

        with pytest.raises(NotForThisOrder):
            resolve(kept(payment, currency="USD"), "apply")


class TestRefunding:
    def test_gives_the_money_back_out_of_suspense(self, bank: FakeBank) -> None:
        money = late_money()

        resolve(money, "refund")
        refund = Refund.objects.get()
        assert (fen_of("suspense"), fen_of("refunds_payable")) == (0, -9_900)
        send_refund(refund_id=refund.pk, at=NOON)

        refund.refresh_from_db()
        payment, order = Payment.objects.get(), Order.objects.get()
        assert (refund.status, payment.refunded_fen, order.refunded_fen) == ("succeeded", 9_900, 0)
        assert (fen_of("clearing"), fen_of("refunds_payable")) == (0, 0)

    @pytest.mark.parametrize("facts", [{"amount_fen": 5_000}, {"gateway_trade_no": "T-second"}])
    def test_gives_back_what_came_and_counts_nothing_against_the_payment(
        self, bank: FakeBank, facts: dict[str, Any]
    ) -> None:
        payment = PaymentFactory.create()
        if "gateway_trade_no" in facts:
            settle(report=report_on(payment), account_id=payment.account_id, at=NOON)
        money = kept(payment, **facts)

        resolve(money, "refund")
        send_refund(refund_id=Refund.objects.get().pk, at=NOON)

        payment.refresh_from_db()
        request = bank.asked("refund")[0]
        assert (request.amount_fen, request.total_fen) == (money.amount_fen, money.amount_fen)
        assert request.gateway_trade_no == money.gateway_trade_no
        assert (payment.refunded_fen, payment.refunding_fen, fen_of("suspense")) == (0, 0, 0)

    def test_is_somebodys_work_again_when_the_refund_fails(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.FAILED)
        money = late_money()
        resolve(money, "refund")

        send_refund(refund_id=Refund.objects.get().pk, at=NOON)

        money.refresh_from_db()
        assert (money.resolved_at, fen_of("suspense")) == (None, -9_900)
        assert Alert.objects.filter(kind="payments.unapplied", resolved_at=None).exists()
        resolve(money, "refund")
        assert Refund.objects.count() == 2


class TestResolving:
    def test_happens_once(self) -> None:
        money = late_money()
        resolve(money, "revive")

        with pytest.raises(AlreadyResolved):
            resolve(money, "refund")

    def test_wants_a_reason(self) -> None:
        with pytest.raises(ReasonMissing):
            resolve_unapplied(unapplied_id=late_money().pk, action="refund", reason=" ", by=None, at=NOON)


def of_nobody() -> UnappliedMoney:
    """Its payment number is not ours."""
    account = AccountFactory.create()
    return kept(PaymentFactory.build(pk=7, order=None, amount_fen=9_900, expires_at=NOON, account=account))


def paid_twice() -> UnappliedMoney:
    payment = paid_payment(at=NOON)
    return kept(payment, gateway_trade_no="T-second")


def paid_by_another_attempt() -> UnappliedMoney:
    payment = paid_payment(at=NOON)
    return kept(PaymentFactory.create(order=payment.order, account=payment.account))


CASES = {
    "unknown": of_nobody,
    "amount": lambda: kept(PaymentFactory.create(), amount_fen=5_000),
    "currency": lambda: kept(PaymentFactory.create(), currency="USD"),
    "late": late_money,
    "second trade": paid_twice,
    "second attempt": paid_by_another_attempt,
}
OUTCOMES: dict[tuple[str, str], type[DomainError] | None] = {
    ("unknown", "revive"): NoOrderNamed,
    ("unknown", "apply"): None,
    ("unknown", "refund"): None,
    ("amount", "revive"): NotForThisOrder,
    ("amount", "apply"): NotForThisOrder,
    ("amount", "refund"): None,
    ("currency", "revive"): NotForThisOrder,
    ("currency", "apply"): NotForThisOrder,
    ("currency", "refund"): None,
    ("late", "revive"): None,
    ("late", "apply"): DoesNotFitOrder,
    ("late", "refund"): None,
    ("second trade", "revive"): NotForThisOrder,
    ("second trade", "apply"): NotForThisOrder,
    ("second trade", "refund"): None,
    ("second attempt", "revive"): DoesNotFitOrder,
    ("second attempt", "apply"): DoesNotFitOrder,
    ("second attempt", "refund"): None,
}


class TestEveryKindWithEveryAction:
    @pytest.mark.parametrize(("kind", "action"), OUTCOMES, ids=" ".join)
    def test_is_dealt_with_for_a_reason_or_stays_in_the_queue(self, bank: FakeBank, kind: str, action: str) -> None:
        money, refused = CASES[kind](), OUTCOMES[kind, action]
        is_nameless = kind == "unknown" and action == "apply"
        named = {"order_id": OrderFactory.create(total_fen=9_900).pk} if is_nameless else {}

        with pytest.raises(refused) if refused else nullcontext():
            resolve(money, action, **named)

        money.refresh_from_db()
        told = (money.resolution, money.resolution_note, money.owner is not None, money.resolved_at)
        assert told == (("", "", False, None) if refused else (action, "客户要货", True, NOON))
        assert list(chain.from_iterable(check_books(at=NOON))) == []


class TestMoneyOfWhichSomeWentBackAtTheGateway:
    @pytest.fixture
    def money(self) -> UnappliedMoney:
        money = of_nobody()
        report = GatewayEvent(
            kind=EventKind.REFUND, outcome=Outcome.SUCCEEDED, payment_no=money.payment_no, refund_no="CONSOLE1",
            gateway_trade_no=money.gateway_trade_no, amount_fen=100,
        )  # fmt: skip
        take_refund_news(report=report, account_id=money.account_id, done=lambda _verdict: None, at=NOON)
        money.refresh_from_db()
        return money

    def test_stays_in_the_queue_and_becomes_no_orders(self, money: UnappliedMoney) -> None:
        with pytest.raises(PartlyReturned):
            resolve(money, "apply", order_id=OrderFactory.create(total_fen=9_900).pk)

        money.refresh_from_db()
        assert (money.resolved_at, fen_of("suspense")) == (None, -9_800)

    def test_is_refunded_for_the_rest(self, money: UnappliedMoney) -> None:
        resolve(money, "refund")

        assert Refund.objects.latest("pk").amount_fen == 9_800
        assert list(chain.from_iterable(check_books(at=NOON))) == []
