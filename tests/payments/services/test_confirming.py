"""A gateway whose notified success counts only once a query says the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest
import time_machine

from kernel.models import Alert
from payments.gateways import GATEWAYS, Outcome
from payments.models import LedgerEntry, Notification, Payment, UnappliedMoney
from payments.services import apply_notifications, check_books, run_query_ladder
from tests.factories import AccountFactory, PaymentFactory
from tests.helpers import NOON, drain, frozen
from tests.payments.fakes import FakeBank, FakeGateway, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db


class Doubtful(FakeGateway):
    code = "doubtful"
    capabilities = replace(FakeGateway.capabilities, confirm_by_query=True)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    monkeypatch.setitem(GATEWAYS, Doubtful.code, Doubtful)
    with frozen() as clock:
        yield clock


def notified(*, status: str = "pending", amount_fen: int = 9_900) -> Payment:
    payment = PaymentFactory.create(account__gateway="doubtful", order__total_fen=9_900, status=status)
    post(payment.account, message(payment.payment_no, amount_fen=amount_fen))
    return payment


def paid_fen(payment: Payment) -> int:
    payment.order.refresh_from_db()
    return payment.order.paid_fen


class TestAppliedOnceAQuerySaysTheSame:
    def test_books_nothing_on_the_message_alone(self, bank: FakeBank) -> None:
        payment = notified()

        apply_notifications(at=NOON, limit=10)

        payment.refresh_from_db()
        row = Notification.objects.get()
        assert (paid_fen(payment), LedgerEntry.objects.count(), row.state) == (0, 0, "parked")
        assert payment.query_due_at == NOON  # it is asked about at once
        assert not bank.calls  # and not by whoever applies the inbox

    @pytest.mark.parametrize("status", ["pending", "unknown", "canceled", "expired"])
    def test_books_what_the_query_says_and_then_counts_as_applied(
        self, bank: FakeBank, clock: time_machine.Traveller, status: str
    ) -> None:
        payment = notified(status=status)
        bank.say("query", Outcome.SUCCEEDED, amount_fen=9_900)
        apply_notifications(at=NOON, limit=10)
        run_query_ladder(at=NOON, limit=10)
        assert paid_fen(payment) == 9_900

        clock.shift(10)
        apply_notifications(at=NOON + timedelta(seconds=10), limit=10)

        row = Notification.objects.get()
        assert (row.state, row.verdicts["result"], LedgerEntry.objects.count()) == ("applied", "succeeded", 1)
        assert list(chain.from_iterable(check_books(at=NOON))) == []

    @pytest.mark.parametrize("answer", [Outcome.PENDING, Outcome.NOT_FOUND, Outcome.UNKNOWN, Outcome.FAILED])
    def test_books_nothing_while_the_query_says_otherwise(
        self, bank: FakeBank, clock: time_machine.Traveller, answer: Outcome
    ) -> None:
        payment = notified()
        bank.say("query", answer)

        for hours in range(0, 26, 5):
            clock.move_to(NOON + timedelta(hours=hours))
            apply_notifications(at=NOON + timedelta(hours=hours), limit=10)
            run_query_ladder(at=NOON + timedelta(hours=hours), limit=10)

        assert (paid_fen(payment), Notification.objects.get().state) == (0, "parked")
        assert Alert.objects.filter(kind="payments.parked_notification").exists()  # a day later somebody hears of it

    def test_believes_the_querys_amount_and_not_the_messages(self, bank: FakeBank) -> None:
        payment = notified(amount_fen=1)
        bank.say("query", Outcome.SUCCEEDED, amount_fen=9_900)

        drain(NOON)

        assert (paid_fen(payment), UnappliedMoney.objects.count()) == (9_900, 0)

    def test_asks_about_a_number_that_is_not_ours_before_its_money_is_kept(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        post(AccountFactory.create(gateway="doubtful"), message("P-stranger"))
        bank.say("query", Outcome.NOT_FOUND, Outcome.SUCCEEDED, amount_fen=9_900)
        apply_notifications(at=NOON, limit=10)
        assert not UnappliedMoney.objects.exists()

        clock.shift(10)
        apply_notifications(at=NOON + timedelta(seconds=10), limit=10)

        assert (UnappliedMoney.objects.get().reason, Notification.objects.get().state) == (
            "payment_not_found",
            "applied",
        )

    def test_follows_other_news_at_once(self, bank: FakeBank) -> None:
        payment = PaymentFactory.create(account__gateway="doubtful")
        post(payment.account, message(payment.payment_no, outcome="failed", gateway_trade_no=""))

        apply_notifications(at=NOON, limit=10)

        payment.refresh_from_db()
        assert payment.status == "failed"
