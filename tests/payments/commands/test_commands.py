from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from kernel.clock import now
from payments.gateways import Outcome
from payments.models import Notification, Payment, Refund
from payments.services import Share, request_refund, send_refund
from tests.factories import PaymentFactory, paid_payment
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


class TestPaymentsQuery:
    def test_asks_about_a_payment_and_books_the_answer(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        code, said = run("payments_query", payment.payment_no)

        payment.refresh_from_db()
        assert (code, payment.status, payment.payment_no in said) == (0, "succeeded", True)

    def test_books_nothing_on_a_dry_run(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        code, said = run("payments_query", payment.payment_no, "--dry-run")

        payment.refresh_from_db()
        assert (code, payment.status, "succeeded" in said) == (0, "pending", True)

    def test_asks_about_a_refund(self, bank: FakeBank) -> None:
        share = Share(amount_fen=100)
        refund = request_refund(payment_id=paid_payment().pk, share=share, reason="x", key="k", by=None, at=NOON)

        assert run("payments_query", refund.refund_no)[0] == 0

        refund.refresh_from_db()
        assert refund.status == "succeeded"

    def test_exits_4_where_a_number_is_not_known(self) -> None:
        assert run("payments_query", "P404")[0] == 4


class TestPaymentsSync:
    def test_settles_what_is_stuck(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        payment = PaymentFactory.create()
        clock.shift(600)
        bank.say("query", Outcome.SUCCEEDED, amount_fen=payment.amount_fen)

        assert run("payments_sync", "--stuck-minutes", "5")[0] == 0

        payment.refresh_from_db()
        assert payment.status == "succeeded"

    def test_asks_about_refunds_that_wait_for_their_next_day(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        payment = paid_payment()
        refund = request_refund(
            payment_id=payment.pk, share=Share(amount_fen=100), reason="x", key="k", by=None, at=now()
        )
        bank.say("refund", Outcome.PENDING)
        send_refund(refund_id=refund.pk, at=now())
        Refund.objects.update(due_at=now() + timedelta(days=1))
        clock.shift(600)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=100)

        run("payments_sync", "--stuck-minutes", "5")

        refund.refresh_from_db()
        assert refund.status == "succeeded"

    def test_leaves_what_is_younger_alone(self, bank: FakeBank) -> None:
        PaymentFactory.create()

        run("payments_sync", "--stuck-minutes", "5")

        assert not bank.calls


class TestWebhooksReplay:
    def test_applies_what_was_parked(self) -> None:
        payment = PaymentFactory.create()
        post(payment.account, message(payment.payment_no))
        Notification.objects.update(state="parked")

        assert run("webhooks_replay", "--failed")[0] == 0

        assert Payment.objects.get().status == "succeeded"

    def test_exits_4_where_something_stays_parked(self) -> None:
        post(PaymentFactory.create().account, message("P404", outcome="closed", kind="close"))
        Notification.objects.update(state="parked")

        code, said = run("webhooks_replay", "--failed")

        assert (code, "P404" in said) == (4, True)

    def test_takes_a_day(self) -> None:
        payment = PaymentFactory.create()
        post(payment.account, message(payment.payment_no))

        run("webhooks_replay", "--since", "2026-11-22")

        assert Payment.objects.get().status == "succeeded"

    def test_wants_to_know_which(self) -> None:
        with pytest.raises(CommandError):
            run("webhooks_replay")
