"""When an attempt that was not paid came to its end: as the gateway says, else when it expired or we heard of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import import_module

import pytest
import time_machine
from django.apps import apps

from kernel.models import OutboxEvent
from payments.events import PaymentEnded
from payments.gateways import Outcome
from payments.models import Payment
from payments.rules import EVENTS
from payments.services import GatewayRefused, close_attempt, query_payment, settle
from payments.services.starting import Ask, start_attempt
from tests.factories import AccountFactory, OrderFactory, PaymentFactory, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LATER = NOON + 5 * MINUTE


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def told(payment: Payment, outcome: Outcome, *, at: datetime = LATER, **facts: object) -> Payment:
    settle(report=report_on(payment, outcome=outcome, **facts), account_id=payment.account_id, at=at)
    return Payment.objects.get(pk=payment.pk)


class TestAnAttemptThatIsNotPaid:
    @pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CLOSED])
    def test_ended_when_we_heard_of_it(self, outcome: Outcome) -> None:
        assert told(PaymentFactory.create(), outcome).ended_at == LATER

    def test_ended_when_its_gateway_says(self) -> None:
        assert told(PaymentFactory.create(), Outcome.FAILED, occurred_at=NOON + MINUTE).ended_at == NOON + MINUTE

    @pytest.mark.parametrize("occurred_at", [NOON, NOON - DAY, NOON + DAY])
    def test_ended_neither_before_it_began_nor_after_now(self, occurred_at: datetime) -> None:
        assert told(PaymentFactory.create(), Outcome.FAILED, occurred_at=occurred_at).ended_at == LATER

    def test_ended_once(self) -> None:
        payment = told(PaymentFactory.create(), Outcome.FAILED)

        assert told(payment, Outcome.CLOSED, at=LATER + DAY).ended_at == LATER

    @pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.UNKNOWN])
    def test_has_not_ended_while_it_is_open(self, outcome: Outcome) -> None:
        assert told(PaymentFactory.create(), outcome).ended_at is None

    def test_ended_when_it_expired_though_nobody_asked_for_days(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = PaymentFactory.create()
        clock.move_to(NOON + 3 * DAY)

        query_payment(payment_id=payment.pk, at=NOON + 3 * DAY)

        payment.refresh_from_db()
        assert (payment.status, payment.ended_at) == ("expired", payment.expires_at)

    def test_ended_when_another_sum_came(self) -> None:
        payment = told(PaymentFactory.create(), Outcome.SUCCEEDED, amount_fen=1)

        assert (payment.status, payment.ended_at, payment.paid_at) == ("failed", LATER, None)

    def test_ended_when_it_was_closed(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        payment = PaymentFactory.create()
        clock.move_to(LATER)

        assert close_attempt(payment_id=payment.pk, at=LATER).ended_at == LATER

    def test_ended_when_the_gateway_refused_it(self, bank: FakeBank) -> None:
        bank.say("create", Outcome.FAILED, message="账户受限")
        AccountFactory.create()
        order = OrderFactory.create(payment_due_at=NOON + 30 * MINUTE)

        with pytest.raises(GatewayRefused):
            start_attempt(order_id=order.pk, ask=Ask(method="qr"), at=NOON)

        assert Payment.objects.get().ended_at == NOON


class TestAnAttemptThatIsPaid:
    def test_has_no_other_end(self) -> None:
        payment = told(PaymentFactory.create(), Outcome.SUCCEEDED)

        assert (payment.ended_at, payment.over_at) == (None, payment.paid_at)

    def test_has_none_either_when_it_was_believed_to_have_failed(self) -> None:
        payment = told(PaymentFactory.create(), Outcome.FAILED)

        payment = told(payment, Outcome.SUCCEEDED, at=LATER + MINUTE)

        assert (payment.status, payment.ended_at, payment.over_at) == ("succeeded", None, LATER + MINUTE)


class TestTryingARuleOnThePast:
    @pytest.mark.parametrize(("days_ago", "found"), [(1, True), (3, False)])
    def test_looks_at_what_ended_then_and_not_at_what_was_begun_then(self, days_ago: int, found: bool) -> None:
        """Begun ten days ago, and to expire in a month."""
        payment = PaymentFactory.create(
            status="failed", created_at=NOON - 10 * DAY, expires_at=NOON + 30 * DAY, ended_at=NOON - days_ago * DAY
        )
        event = next(it for it in EVENTS if it.code == "payment_failed")

        past = list(event.past(since=NOON - 2 * DAY, until=NOON))

        wanted = PaymentEnded(payment_id=payment.pk, order_id=payment.order_id, status="failed")
        assert past == ([wanted] if found else [])

    def test_knows_the_time_of_day_at_which_it_failed(self) -> None:
        payment = PaymentFactory.create(status="failed", ended_at=NOON - 3 * MINUTE)
        event = next(it for it in EVENTS if it.code == "payment_failed")

        occasion = event.load(PaymentEnded(payment_id=payment.pk, order_id=payment.order_id, status="failed"))

        at_noon = event.load(told_at(NOON))
        assert occasion is not None
        assert at_noon is not None
        assert at_noon.facts["time"] - occasion.facts["time"] == 3  # type: ignore[operator]


def told_at(moment: datetime) -> PaymentEnded:
    payment = PaymentFactory.create(status="failed", ended_at=moment)
    return PaymentEnded(payment_id=payment.pk, order_id=payment.order_id, status="failed")


class TestAttemptsOfBefore:
    def test_ended_when_a_fact_told_of_it_or_when_they_expired(self) -> None:
        failed, untold, expired, paid = (
            PaymentFactory.create(status=status) for status in ("failed", "canceled", "expired", "succeeded")
        )
        Payment.objects.update(ended_at=None)
        for payment, status, at in ((failed, "failed", LATER), (expired, "expired", LATER), (paid, "failed", LATER)):
            OutboxEvent.objects.create(
                name="payments.PaymentEnded",
                payload={"payment_id": payment.pk, "order_id": payment.order_id, "status": status},
                created_at=at,
            )

        import_module("payments.migrations.0013_when_attempts_ended").fill(apps, None)

        ended = dict(Payment.objects.values_list("pk", "ended_at"))
        assert ended == {
            failed.pk: LATER,
            untold.pk: untold.expires_at,
            expired.pk: expired.expires_at,
            paid.pk: None,
        }
