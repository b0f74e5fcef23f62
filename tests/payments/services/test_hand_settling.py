from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

import pytest
import time_machine
from django.db.models import Sum

from kernel.models import Alert, AuditEntry
from orders.models import OrderLine
from payments.gateways import Outcome
from payments.models import LedgerLine, Payment, Refund, UnappliedMoney
from payments.services import (
    CannotSettle,
    ReasonMissing,
    Share,
    StillBeingAsked,
    apply_notifications,
    ask_refund,
    check_books,
    request_refund,
    resolve_refunds,
    resolve_unapplied,
    send_refund,
    settle,
    settle_by_hand,
)
from tests.factories import PaymentFactory, UserFactory, paid_payment, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)
NEXT_DAY = LATER + timedelta(days=1)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def halted(bank: FakeBank, *, outcome: Outcome = Outcome.REQUIRES_ACTION, payment: Payment | None = None) -> Refund:
    """A refund of 40 yuan that the gateway could not carry out by itself."""
    bank.say("refund", outcome)
    payment = payment or paid_payment(order__total_fen=9_900, at=NOON)
    share = Share(amount_fen=4_000)
    refund = request_refund(payment_id=payment.pk, share=share, reason="破损", key="k", by=None, at=NOON)
    return send_refund(refund_id=refund.pk, at=NOON)


def by_hand(refund: Refund, *, was_refunded: bool, reason: str = "后台截图 3") -> Refund:
    by = UserFactory.create(is_superuser=True)
    return settle_by_hand(refund_id=refund.pk, was_refunded=was_refunded, reason=reason, by=by, at=LATER)


def ask_next_day(clock: time_machine.Traveller) -> None:
    clock.move_to(NEXT_DAY)
    assert resolve_refunds(at=NEXT_DAY, limit=10) == 1


def ask_once_more(refund: Refund) -> None:
    """As news from the gateway makes us."""
    Refund.objects.filter(pk=refund.pk).update(due_at=NEXT_DAY)
    assert resolve_refunds(at=NEXT_DAY, limit=10) == 1


def refund_again(refund: Refund) -> None:
    """All of its payment goes back under another number."""
    assert refund.payment is not None
    whole = Share(amount_fen=9_900)
    second = request_refund(payment_id=refund.payment.pk, share=whole, reason="x", key="k2", by=None, at=LATER)
    assert send_refund(refund_id=second.pk, at=LATER).status == "succeeded"


def in_suspense() -> int:
    fen: int = LedgerLine.objects.filter(account="suspense").aggregate(fen=Sum("amount_fen"))["fen"]
    return fen


def alerted() -> str:
    return Alert.objects.get(kind="payments.refund", resolved_at=None).text


def in_books(refund: Refund) -> tuple[str, int, int]:
    """Its status, what the order gave back, and what left the gateway's account; the books hold."""
    refund.refresh_from_db()
    assert refund.payment is not None
    refund.payment.order.refresh_from_db()
    assert list(chain.from_iterable(check_books(at=NOON))) == []
    left = LedgerLine.objects.filter(account="clearing", amount_fen__lt=0).aggregate(fen=Sum("amount_fen"))["fen"] or 0
    back = LedgerLine.objects.filter(entry__kind="refund_undo", account="clearing").aggregate(fen=Sum("amount_fen"))
    return refund.status, refund.payment.order.refunded_fen, -left - (back["fen"] or 0)


class TestSettling:
    def test_books_what_the_console_shows_as_refunded(self, bank: FakeBank) -> None:
        refund = halted(bank)

        by_hand(refund, was_refunded=True)

        assert in_books(refund) == ("succeeded", 4_000, 4_000)

    def test_frees_what_the_console_shows_as_not_refunded(self, bank: FakeBank) -> None:
        refund = halted(bank)

        by_hand(refund, was_refunded=False)

        assert in_books(refund) == ("failed", 0, 0)
        assert Payment.objects.get().refundable_fen == 9_900

    @pytest.mark.parametrize("was_refunded", [True, False])
    def test_keeps_who_said_so_and_where_it_was_seen(self, bank: FakeBank, was_refunded: bool) -> None:
        refund = by_hand(halted(bank), was_refunded=was_refunded)

        entry = AuditEntry.objects.get(action="payments.settle_refund")
        assert (entry.reason, entry.by, entry.before) == (
            "后台截图 3",
            refund.settled_by,
            {"status": "requires_action"},
        )

    def test_wants_to_know_where_it_was_seen(self, bank: FakeBank) -> None:
        with pytest.raises(ReasonMissing):
            by_hand(halted(bank), was_refunded=True, reason=" ")

    def test_waits_an_hour_for_the_gateways_own_answer(self, bank: FakeBank) -> None:
        refund = halted(bank, outcome=Outcome.UNKNOWN)
        by = UserFactory.create(is_superuser=True)

        with pytest.raises(StillBeingAsked, match="13:00"):
            settle_by_hand(refund_id=refund.pk, was_refunded=True, reason="x", by=by, at=LATER - timedelta(seconds=1))

        assert by_hand(refund, was_refunded=True).status == "succeeded"

    @pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.PENDING])
    def test_leaves_what_the_gateway_knows_to_the_gateway(self, bank: FakeBank, outcome: Outcome) -> None:
        refund = halted(bank, outcome=outcome)

        with pytest.raises(CannotSettle):
            by_hand(refund, was_refunded=True)

    def test_happens_once(self, bank: FakeBank) -> None:
        refund = by_hand(halted(bank), was_refunded=True)

        with pytest.raises(CannotSettle):
            by_hand(refund, was_refunded=False)


class TestTheGatewaySaysOtherwise:
    def test_that_it_went_back_after_all(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=False)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=4_000)

        ask_next_day(clock)

        assert in_books(refund) == ("succeeded", 4_000, 4_000)
        assert Alert.objects.get(kind="payments.refund", resolved_at=None).severity == "critical"

    def test_that_it_did_not_go_back_after_all(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=True)
        bank.say("query_refund", Outcome.FAILED, message="账户已注销")

        ask_next_day(clock)

        assert in_books(refund) == ("failed", 0, 0)
        assert (Payment.objects.get().refundable_fen, OrderLine.objects.get().refunded_fen) == (9_900, 0)
        assert Alert.objects.get(kind="payments.refund", resolved_at=None).severity == "critical"

    def test_in_a_notification(self, bank: FakeBank) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=True)
        bank.say("query_refund", Outcome.FAILED)
        assert refund.payment is not None
        told = message(refund.payment.payment_no, kind="refund", refund_no=refund.refund_no, outcome="failed")
        post(refund.payment.account, told)

        apply_notifications(at=LATER, limit=10)
        resolve_refunds(at=LATER, limit=10)

        assert in_books(refund) == ("failed", 0, 0)

    def test_that_it_knows_of_nothing_which_proves_nothing(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=True)
        bank.say("query_refund", Outcome.NOT_FOUND)

        ask_next_day(clock)

        assert in_books(refund) == ("succeeded", 4_000, 4_000)
        assert Alert.objects.filter(kind="payments.refund", resolved_at=None).exists()

    def test_one_thing_and_then_the_other(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=True)
        bank.say("query_refund", Outcome.FAILED, Outcome.SUCCEEDED)
        ask_next_day(clock)

        ask_once_more(refund)

        assert in_books(refund) == ("succeeded", 4_000, 4_000)  # booked, undone, and booked anew
        assert "现在又说已退回" in alerted()

    def test_one_thing_and_then_the_other_and_then_the_first_again(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=True)
        bank.say("query_refund", Outcome.FAILED, Outcome.SUCCEEDED, Outcome.FAILED)
        ask_next_day(clock)

        for _time in range(2):
            ask_once_more(refund)

        assert in_books(refund) == ("succeeded", 4_000, 4_000)  # its success stands, as every gateway's success does
        assert "请比对渠道后台" in alerted()

    def test_that_it_went_after_it_was_denied_and_refunded_again(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=True)
        bank.answers.clear()
        bank.say("query_refund", Outcome.FAILED)
        ask_next_day(clock)
        refund_again(refund)
        bank.answers.clear()
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=4_000)

        ask_once_more(refund)
        ask_once_more(refund)

        assert in_books(refund) == ("failed", 9_900, 13_900)
        assert in_suspense() == 4_000
        assert "请向客户追回" in alerted()

    def test_what_the_person_said_and_nobody_is_alarmed(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=True)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=4_000)

        ask_next_day(clock)

        assert in_books(refund) == ("succeeded", 4_000, 4_000)
        assert not Alert.objects.filter(kind="payments.refund", resolved_at=None).exists()
        refund.refresh_from_db()
        assert refund.due_at is None

    def test_when_the_money_was_refunded_a_second_time_already(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        refund = halted(bank)
        by_hand(refund, was_refunded=False)
        bank.answers.clear()
        refund_again(refund)
        bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=4_000)

        ask_next_day(clock)
        ask_refund(refund_id=refund.pk, at=NEXT_DAY)

        assert in_books(refund) == ("failed", 9_900, 13_900)  # as much as the gateway says left its account
        assert in_suspense() == 4_000
        assert Alert.objects.get(kind="payments.refund", resolved_at=None).severity == "critical"


class TestMoneyFromSuspense:
    def late(self, bank: FakeBank) -> UnappliedMoney:
        payment = PaymentFactory.create(order__category="closed")
        money = settle(report=report_on(payment), account_id=payment.account_id, at=NOON)
        assert isinstance(money, UnappliedMoney)
        bank.say("refund", Outcome.REQUIRES_ACTION)
        by = UserFactory.create(is_superuser=True)
        resolve_unapplied(unapplied_id=money.pk, action="refund", reason="x", by=by, at=NOON)
        send_refund(refund_id=Refund.objects.get().pk, at=NOON)
        return money

    def test_is_work_again_when_it_did_not_go_back(self, bank: FakeBank) -> None:
        money = self.late(bank)

        by_hand(Refund.objects.get(), was_refunded=False)

        money.refresh_from_db()
        assert money.resolved_at is None
        assert Alert.objects.filter(kind="payments.unapplied", resolved_at=None).exists()

    def test_is_dealt_with_when_it_went_back_after_all(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        money = self.late(bank)
        by_hand(Refund.objects.get(), was_refunded=False)
        bank.say("query_refund", Outcome.SUCCEEDED)

        ask_next_day(clock)

        money.refresh_from_db()
        assert (money.resolution, money.resolved_at) == ("refund", NEXT_DAY)
        assert in_books(Refund.objects.get())[0] == "succeeded"

    def test_is_work_again_when_the_gateway_denies_what_was_seen(
        self, bank: FakeBank, clock: time_machine.Traveller
    ) -> None:
        money = self.late(bank)
        by_hand(Refund.objects.get(), was_refunded=True)
        bank.say("query_refund", Outcome.FAILED)

        ask_next_day(clock)

        money.refresh_from_db()
        assert (money.resolved_at, in_books(Refund.objects.get())) == (None, ("failed", 0, 0))
