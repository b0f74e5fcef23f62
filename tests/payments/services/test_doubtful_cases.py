"""
What gateways do when all does not go well: answers that never come, messages that overtake each other, and people who
were wrong. Each case ends in the right state with the right money, and the books hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
import time_machine
from django.db.models import Sum

from kernel.models import Alert
from payments.gateways import Outcome
from payments.models import LedgerLine, Payment, Refund, UnappliedMoney
from payments.services import (
    KeyUsedOtherwise,
    Share,
    apply_notifications,
    check_books,
    query_payment,
    request_refund,
    resolve_refunds,
    run_query_ladder,
    send_refund,
    settle_by_hand,
)
from tests.factories import PaymentFactory, UserFactory, paid_payment
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

PRICE_FEN, BACK_FEN = 9_900, 4_000
LIFETIME = timedelta(minutes=30)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture(autouse=True)
def _books_hold(clock: time_machine.Traveller, db: None) -> Iterator[None]:
    """Whatever a test did."""
    yield
    assert list(chain.from_iterable(check_books(at=datetime.now(NOON.tzinfo)))) == []


def balance_fen(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def unknown_payment() -> Payment:
    """The gateway never answered, and nobody knows whether the customer paid."""
    return PaymentFactory.create(status="unknown")


def requested(key: str = "k", amount_fen: int = BACK_FEN, payment: Payment | None = None) -> Refund:
    payment = payment or paid_payment(order__total_fen=PRICE_FEN, at=NOON)
    share = Share(amount_fen=amount_fen)
    return request_refund(payment_id=payment.pk, share=share, reason="破损", key=key, by=None, at=NOON)


def unknown_refund(bank: FakeBank) -> Refund:
    """It was sent, and no answer came."""
    bank.say("refund", Outcome.UNKNOWN)
    refund = send_refund(refund_id=requested().pk, at=NOON)
    assert refund.status == "unknown"
    return refund


class Climb:
    """The query ladder, turn by turn, each at the moment when something is due."""

    def __init__(self, clock: time_machine.Traveller) -> None:
        self.clock = clock

    def payment(self, payment: Payment) -> Payment:
        """Its next question is asked."""
        payment.refresh_from_db()
        assert payment.query_due_at is not None, "nobody will ask again"
        self.clock.move_to(payment.query_due_at)
        assert run_query_ladder(at=payment.query_due_at, limit=10) == 1
        payment.refresh_from_db()
        return payment

    def refund(self, refund: Refund) -> Refund:
        refund.refresh_from_db()
        assert refund.due_at is not None, "nobody will ask again"
        self.clock.move_to(refund.due_at)
        assert resolve_refunds(at=refund.due_at, limit=10) == 1
        refund.refresh_from_db()
        return refund


@pytest.fixture
def climb(clock: time_machine.Traveller) -> Climb:
    return Climb(clock)


def tell(payment: Payment, **facts: Any) -> None:
    """A notification comes and is applied."""
    body = message(payment.payment_no, **{"amount_fen": payment.amount_fen} | facts)
    assert post(payment.account, body)[0] == 200
    apply_notifications(at=datetime.now(NOON.tzinfo), limit=10)


def money_of(payment: Payment) -> tuple[str, str, int]:
    """Its state, the order's, and what is in the gateway's account."""
    payment.refresh_from_db()
    payment.order.refresh_from_db()
    return payment.status, payment.order.payment_status, balance_fen("clearing")


def given_back(refund: Refund) -> tuple[str, int, int]:
    """Its state, what the order gave back, and what is in the gateway's account."""
    refund.refresh_from_db()
    assert refund.payment is not None
    refund.payment.order.refresh_from_db()
    return refund.status, refund.payment.order.refunded_fen, balance_fen("clearing")


class TestAnUnknownThatAQuerySettles:
    def test_as_paid(self, bank: FakeBank, climb: Climb) -> None:
        payment = unknown_payment()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=PRICE_FEN)

        climb.payment(payment)

        assert money_of(payment) == ("succeeded", "paid", PRICE_FEN)

    def test_as_failed(self, bank: FakeBank, climb: Climb) -> None:
        payment = unknown_payment()
        bank.say("query", Outcome.FAILED, message="余额不足")

        climb.payment(payment)

        assert money_of(payment) == ("failed", "unpaid", 0)
        assert (payment.last_message, payment.query_due_at) == ("余额不足", None)

    def test_as_not_found_is_over_only_once_nobody_can_pay_it(self, bank: FakeBank, climb: Climb) -> None:
        payment = unknown_payment()
        bank.say("query", Outcome.NOT_FOUND)

        climb.payment(payment)
        assert money_of(payment) == ("unknown", "unpaid", 0)  # the code may still be scanned
        while payment.status == "unknown":
            climb.payment(payment)

        assert money_of(payment) == ("expired", "unpaid", 0)
        assert datetime.now(NOON.tzinfo) >= NOON + LIFETIME

    def test_as_refunded(self, bank: FakeBank, climb: Climb) -> None:
        refund = unknown_refund(bank)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=BACK_FEN)

        climb.refund(refund)

        assert given_back(refund) == ("succeeded", BACK_FEN, PRICE_FEN - BACK_FEN)
        assert len(bank.asked("refund")) == 1

    def test_as_a_refund_that_failed(self, bank: FakeBank, climb: Climb) -> None:
        refund = unknown_refund(bank)
        bank.say("query_refund", Outcome.FAILED, message="账户已注销")

        climb.refund(refund)

        assert given_back(refund) == ("failed", 0, PRICE_FEN)
        assert Payment.objects.get().refundable_fen == PRICE_FEN

    def test_as_a_refund_that_was_never_carried_out_sends_it_under_the_same_number(
        self, bank: FakeBank, climb: Climb
    ) -> None:
        refund = unknown_refund(bank)
        bank.answers.clear()  # from now on: not found, and then refunded

        climb.refund(refund)

        assert given_back(refund) == ("succeeded", BACK_FEN, PRICE_FEN - BACK_FEN)
        assert [it.refund_no for it in bank.asked("refund")] == [refund.refund_no] * 2


class TestAnUnknownWhoseQueryFailsThreeTimes:
    def test_stays_unknown_and_is_asked_about_again(self, bank: FakeBank, climb: Climb) -> None:
        payment = unknown_payment()
        bank.say("query", *[Outcome.UNKNOWN] * 3, code="transport.timeout")
        for _time in range(3):
            climb.payment(payment)

        assert money_of(payment) == ("unknown", "unpaid", 0)
        bank.answers.clear()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=PRICE_FEN)
        climb.payment(payment)
        assert money_of(payment) == ("succeeded", "paid", PRICE_FEN)

    def test_of_a_refund_keeps_its_reserve_and_sends_nothing(self, bank: FakeBank, climb: Climb) -> None:
        refund = unknown_refund(bank)
        bank.say("query_refund", *[Outcome.UNKNOWN] * 3, code="transport.timeout")
        for _time in range(3):
            climb.refund(refund)

        assert given_back(refund) == ("unknown", 0, PRICE_FEN)
        assert (Payment.objects.get().refunding_fen, len(bank.asked("refund"))) == (BACK_FEN, 1)
        bank.answers.clear()
        bank.say("query_refund", Outcome.SUCCEEDED)
        climb.refund(refund)
        assert given_back(refund) == ("succeeded", BACK_FEN, PRICE_FEN - BACK_FEN)


class TestAPendingThatNeverMoves:
    def test_is_over_when_its_time_to_pay_is(self, bank: FakeBank, climb: Climb) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.PENDING)

        while payment.status == "pending":
            climb.payment(payment)

        assert money_of(payment) == ("expired", "unpaid", 0)
        asked = len(bank.asked("query"))
        assert 5 < asked < 20  # often enough for a customer who waits, and no storm

    def test_of_a_refund_is_asked_about_every_day_and_somebody_is_told(
        self, bank: FakeBank, climb: Climb, clock: time_machine.Traveller
    ) -> None:
        bank.say("refund", Outcome.PENDING)
        bank.say("query_refund", Outcome.PENDING)
        refund = send_refund(refund_id=requested().pk, at=NOON)
        while datetime.now(NOON.tzinfo) < NOON + 3 * DAY:
            climb.refund(refund)

        assert given_back(refund) == ("processing", 0, PRICE_FEN)
        assert refund.due_at == datetime.now(NOON.tzinfo) + DAY
        assert Alert.objects.get(kind="payments.refund", resolved_at=None).subject == refund.refund_no


class TestASuccessForAFailedAttempt:
    def test_pays_the_order_that_still_waits(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create(status="failed", query_due_at=None)

        tell(payment)

        assert money_of(payment) == ("succeeded", "paid", PRICE_FEN)

    def test_is_somebodys_work_when_the_order_was_closed_meanwhile(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create(status="failed", query_due_at=None, order__category="closed")

        tell(payment)

        money = UnappliedMoney.objects.get()
        assert (money.reason, -balance_fen("suspense"), payment.order.paid_fen) == ("order_closed", PRICE_FEN, 0)
        assert Alert.objects.filter(kind="payments.unapplied", resolved_at=None).exists()

    def test_of_a_refund_is_booked_and_takes_what_is_left(self, bank: FakeBank) -> None:
        bank.say("refund", Outcome.FAILED)
        refund = send_refund(refund_id=requested().pk, at=NOON)
        assert given_back(refund) == ("failed", 0, PRICE_FEN)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=BACK_FEN)
        assert refund.payment is not None

        tell(refund.payment, kind="refund", refund_no=refund.refund_no, event_key="refund:1")
        resolve_refunds(at=NOON, limit=10)

        assert given_back(refund) == ("succeeded", BACK_FEN, PRICE_FEN - BACK_FEN)


class TestARefundSuccessBeforeTheRefundCallReturned:
    def test_is_booked_once(self, bank: FakeBank, monkeypatch: pytest.MonkeyPatch) -> None:
        """The notification comes while our call is still on its way, and is applied before the answer is."""
        refund = requested()
        assert refund.payment is not None
        payment, answer = refund.payment, type(bank).answer
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=BACK_FEN)

        def answer_after_the_news(self: FakeBank, call: str, request: Any, default: Outcome) -> Any:
            if call == "refund":
                tell(payment, kind="refund", refund_no=refund.refund_no, event_key="refund:1")
                resolve_refunds(at=NOON, limit=10)
            return answer(self, call, request, default)

        monkeypatch.setattr(type(bank), "answer", answer_after_the_news)
        send_refund(refund_id=refund.pk, at=NOON)

        assert given_back(refund) == ("succeeded", BACK_FEN, PRICE_FEN - BACK_FEN)
        assert [it.refund_no for it in bank.asked("refund")] == [refund.refund_no]

    def test_of_a_refund_that_was_never_sent_is_asked_about_and_not_sent(self, bank: FakeBank) -> None:
        """The call went out, and the process died before it could write down more than the number."""
        refund = requested()
        assert refund.payment is not None
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=BACK_FEN)

        tell(refund.payment, kind="refund", refund_no=refund.refund_no, event_key="refund:1")
        resolve_refunds(at=NOON, limit=10)

        assert given_back(refund) == ("succeeded", BACK_FEN, PRICE_FEN - BACK_FEN)
        assert not bank.asked("refund")


class TestTheSameKeyWithAnotherAmount:
    def test_is_no_second_refund_but_refused(self, bank: FakeBank) -> None:
        refund = requested()

        with pytest.raises(KeyUsedOtherwise):
            requested(amount_fen=BACK_FEN + 1, payment=refund.payment)

        assert (Refund.objects.count(), Payment.objects.get().refunding_fen) == (1, BACK_FEN)

    def test_of_a_trade_is_booked_once_and_somebody_is_told(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        tell(payment)

        tell(payment, event_key="payment:again", amount_fen=PRICE_FEN + 1)

        assert money_of(payment) == ("succeeded", "paid", PRICE_FEN)
        assert Alert.objects.get(kind="payments.other_sum").severity == "critical"

    def test_of_an_event_is_stored_as_it_came_first(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        tell(payment)

        tell(payment, amount_fen=1)  # under the event key of the first

        assert money_of(payment) == ("succeeded", "paid", PRICE_FEN)


class TestAStateRepairedByHandAndThenContradicted:
    def test_a_payment_repaired_by_a_query_holds_against_a_late_failure(self, bank: FakeBank) -> None:
        payment = unknown_payment()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=PRICE_FEN)
        query_payment(payment_id=payment.pk, at=NOON)

        tell(payment, outcome="failed")

        assert money_of(payment) == ("succeeded", "paid", PRICE_FEN)

    def test_a_payment_closed_by_hand_is_paid_by_a_late_success(self, bank: FakeBank) -> None:
        payment = unknown_payment()
        bank.say("query", Outcome.CLOSED)
        query_payment(payment_id=payment.pk, at=NOON)
        assert money_of(payment) == ("canceled", "unpaid", 0)

        tell(payment)

        assert money_of(payment) == ("succeeded", "paid", PRICE_FEN)

    @pytest.mark.parametrize(
        ("was_refunded", "told", "after"),
        [
            (True, Outcome.FAILED, ("failed", 0, PRICE_FEN)),
            (False, Outcome.SUCCEEDED, ("succeeded", BACK_FEN, PRICE_FEN - BACK_FEN)),
        ],
    )
    def test_a_refund_settled_by_hand_follows_the_gateways_late_word(
        self, was_refunded: bool, told: Outcome, after: tuple[str, int, int], bank: FakeBank
    ) -> None:
        bank.say("refund", Outcome.REQUIRES_ACTION)
        refund = send_refund(refund_id=requested().pk, at=NOON)
        by = UserFactory.create(is_superuser=True)
        settle_by_hand(refund_id=refund.pk, was_refunded=was_refunded, reason="后台截图 3", by=by, at=NOON)
        bank.say("query_refund", told, amount_fen=BACK_FEN)
        assert refund.payment is not None

        tell(refund.payment, kind="refund", refund_no=refund.refund_no, outcome=told, event_key="refund:1")
        resolve_refunds(at=NOON, limit=10)

        assert given_back(refund) == after
        assert Alert.objects.get(kind="payments.refund", resolved_at=None).severity == "critical"
