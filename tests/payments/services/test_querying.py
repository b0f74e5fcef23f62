from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine

from kernel.models import Alert
from payments.gateways import Outcome
from payments.gateways.account import MissingSetting
from payments.models import Payment, UnappliedMoney
from payments.services import ask_soon, query_payment, run_query_ladder
from tests.factories import PaymentFactory
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db

LATER = timedelta(seconds=3)
OVER = timedelta(minutes=32)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def climb(clock: time_machine.Traveller, after: timedelta) -> int:
    clock.move_to(NOON + after)
    return run_query_ladder(at=NOON + after, limit=100)


class TestTheLadder:
    def test_settles_a_payment_whose_notification_went_missing(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        assert climb(clock, LATER) == 1

        payment.order.refresh_from_db()
        payment.refresh_from_db()
        assert (payment.order.payment_status, payment.query_due_at) == ("paid", None)

    def test_asks_nothing_before_its_time(self, bank: FakeBank) -> None:
        PaymentFactory.create()

        assert run_query_ladder(at=NOON + timedelta(seconds=2), limit=100) == 0
        assert not bank.calls

    def test_takes_not_found_for_not_yet_while_the_code_lives(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.NOT_FOUND)

        climb(clock, timedelta(minutes=31))

        payment.refresh_from_db()
        assert (payment.status, payment.query_due_at) == ("pending", NOON + OVER)

    @pytest.mark.parametrize("outcome", [Outcome.NOT_FOUND, Outcome.PENDING])
    def test_takes_an_attempt_for_expired_once_the_gateway_still_has_no_money_two_minutes_after_its_end(
        self, bank: FakeBank, clock: time_machine.Traveller, outcome: Outcome
    ) -> None:
        payment = PaymentFactory.create()
        bank.say("query", outcome)

        climb(clock, OVER)

        payment.refresh_from_db()
        assert (payment.status, payment.query_due_at) == ("expired", None)

    def test_never_takes_silence_for_an_end(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.UNKNOWN)

        climb(clock, OVER)

        payment.refresh_from_db()
        assert (payment.status, payment.query_due_at) == ("unknown", NOON + OVER + timedelta(minutes=1))
        assert not Alert.objects.exists()

    def test_tells_somebody_of_a_silence_that_lasts_for_a_day(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        PaymentFactory.create()
        bank.say("query", Outcome.UNKNOWN)

        climb(clock, timedelta(days=2))

        assert Alert.objects.get().kind == "payments.unknown_outcome"

    def test_books_money_that_comes_to_light_after_the_order_was_closed(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = PaymentFactory.create(order__category="closed")
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        climb(clock, LATER)

        assert UnappliedMoney.objects.get().reason == "order_closed"

    def test_leaves_a_gateway_alone_that_cannot_be_reached(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        first = PaymentFactory.create()
        PaymentFactory.create_batch(2, account=first.account)
        elsewhere = PaymentFactory.create()
        bank.say("query", Outcome.UNKNOWN, code="transport.timeout")

        climb(clock, LATER)

        asked = {ref.payment_no for ref in bank.asked("query")}
        assert asked == {first.payment_no, elsewhere.payment_no}

    def test_is_not_held_up_by_an_attempt_that_fails(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        PaymentFactory.create()
        sound = PaymentFactory.create()
        bank.say("query", RuntimeError("a bug"), Outcome.SUCCEEDED, amount_fen=9_900)

        climb(clock, LATER)

        sound.order.refresh_from_db()
        assert sound.order.payment_status == "paid"

    def test_tells_somebody_whose_account_is_set_up_wrongly(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        PaymentFactory.create()
        bank.say("query", MissingSetting(field="private_key", label="Key"))

        climb(clock, LATER)

        assert Alert.objects.get().kind == "payments.account"

    def test_asks_once_though_two_workers_saw_the_same_row(
        self, bank: FakeBank, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        payment = PaymentFactory.create()
        Payment.objects.filter(pk=payment.pk).update(query_due_at=NOON)

        from payments.services import querying

        seen_by_both = [Payment.objects.select_related("account").get() for _ in range(2)]
        claimed = [querying._claim(seen, at=NOON) for seen in seen_by_both]

        assert claimed == [True, False]


class TestAskSoon:
    def test_brings_the_next_question_forward(self) -> None:
        payment = PaymentFactory.create()

        ask_soon(payment_id=payment.pk, at=NOON)

        payment.refresh_from_db()
        assert payment.query_due_at == NOON

    def test_leaves_what_is_paid_alone(self) -> None:
        payment = PaymentFactory.create(status="succeeded", query_due_at=None)

        ask_soon(payment_id=payment.pk, at=NOON)

        payment.refresh_from_db()
        assert payment.query_due_at is None

    def test_asks_once_about_an_attempt_that_is_over(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create(status="expired", query_due_at=None)
        ask_soon(payment_id=payment.pk, at=NOON)

        assert [run_query_ladder(at=NOON, limit=10) for _ in range(2)] == [1, 0]


class TestQueryPayment:
    def test_asks_at_once_and_says_where_the_payment_stands(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        assert query_payment(payment_id=payment.pk, at=NOON).status == "succeeded"
