"""Four eyes: a refund above the cap, or by a rule, goes out only as a second person allowed it, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db.models import Sum

from kernel import approvals
from kernel.clock import business_day, day_bounds
from kernel.errors import DomainError
from kernel.models import Alert, Approval, AuditEntry, ShopSettings, User
from kernel.shop import shop
from kernel.step_up import TRIES, NotConfirmed, TooManyTries
from orders.models import OrderEvent
from payments.gateways import Outcome
from payments.models import LedgerLine, Payment, Refund, UnappliedMoney
from payments.services import (
    ApproverCapTooLow,
    Share,
    approve_refund,
    ask_refund,
    check_books,
    expire_refund_approvals,
    refund_rest,
    reject_refund,
    request_refund,
    resolve_refunds,
    resolve_unapplied,
    send_refund,
    settle,
    withdraw_refund,
)
from payments.services.four_eyes import RefundsADayReached
from tests.factories import PaymentFactory, UserFactory, paid_payment, report_on
from tests.helpers import NOON, drain, frozen, ringing
from tests.payments.fakes import FakeBank

pytestmark = pytest.mark.django_db

Committed = Callable[..., AbstractContextManager[Any]]
Status = Refund.Status
DAY = timedelta(hours=24)
ASKS, DECIDES = "payments.request_refund", "payments.approve_refund"
PASSWORD = "correct horse"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


def person(*permissions: str, cap_fen: int | None = None) -> User:
    user = UserFactory.create(permissions=permissions, password=PASSWORD)
    if cap_fen is not None:
        settings = shop()
        settings.refund_caps_fen = {**settings.refund_caps_fen, user.groups.get().name: cap_fen}
        settings.save()
    return user


@pytest.fixture
def support() -> User:
    return person(ASKS, cap_fen=5_000)


@pytest.fixture
def manager() -> User:
    return person(ASKS, DECIDES, cap_fen=50_000)


def ask(payment: Payment, by: User | None, *, amount_fen: int = 6_000, **kwargs: Any) -> Refund:
    share = Share(amount_fen=amount_fen)
    return request_refund(payment_id=payment.pk, share=share, reason="破损", key="k1", by=by, at=NOON, **kwargs)


@pytest.fixture
def refund(support: User, bank: FakeBank) -> Refund:
    return ask(paid_payment(at=NOON), support)


def approve(refund: Refund, by: User, *, password: str = PASSWORD, after: timedelta = timedelta(minutes=5)) -> Refund:
    return approve_refund(refund_id=refund.pk, password=password, by=by, at=NOON + after)


def send(refund: Refund) -> Refund:
    return send_refund(refund_id=refund.pk, at=NOON + timedelta(minutes=6))


def fen_of(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def faults() -> list[str]:
    return [it.check for it in chain.from_iterable(check_books(at=NOON))]


class TestAsking:
    def test_above_the_cap_reserves_the_amount_and_sends_nothing(
        self, bank: FakeBank, support: User, django_capture_on_commit_callbacks: Committed
    ) -> None:
        payment = paid_payment(at=NOON)

        with ringing() as rung, django_capture_on_commit_callbacks(execute=True):
            refund = ask(payment, support)
        send(refund)
        resolve_refunds(at=NOON + DAY, limit=10)
        ask_refund(refund_id=refund.pk, at=NOON + DAY)

        payment.refresh_from_db()
        refund.refresh_from_db()
        assert (refund.status, refund.due_at) == (Status.PENDING_APPROVAL, None)
        assert (payment.refunding_fen, fen_of("refunds_payable")) == (6_000, -6_000)
        assert [name for name, _facts in rung if name == "payments.send_refund"] == []
        assert not bank.asked("refund")
        assert faults() == []

    def test_says_so_in_the_timeline(self, refund: Refund) -> None:
        assert OrderEvent.objects.filter(order=refund.order, code="refund_awaits_approval").exists()

    def test_up_to_the_cap_needs_nobody(self, bank: FakeBank, support: User) -> None:
        refund = ask(paid_payment(at=NOON), support, amount_fen=5_000)

        assert (refund.status, Approval.objects.count()) == (Status.PENDING, 0)
        assert send(refund).status == Status.SUCCEEDED

    def test_twice_with_one_form_is_asked_once(self, support: User) -> None:
        payment = paid_payment(at=NOON)

        assert ask(payment, support) == ask(payment, support)
        assert Approval.objects.count() == 1


class TestApproving:
    def test_sends_it_after_the_commit_and_once(
        self, bank: FakeBank, refund: Refund, manager: User, django_capture_on_commit_callbacks: Committed
    ) -> None:
        with ringing() as rung, django_capture_on_commit_callbacks(execute=True):
            approved = approve(refund, manager)

        assert (approved.status, approved.due_at) == (Status.PENDING, NOON + timedelta(minutes=5))
        assert ("payments.send_refund", {"refund_id": refund.pk}) in rung
        assert not bank.asked("refund")
        assert faults() == []
        assert [send(refund).status for _ in range(3)] == [Status.SUCCEEDED] * 3
        assert len(bank.asked("refund")) == 1
        assert (fen_of("refunds_payable"), fen_of("clearing"), faults()) == (0, 3_900, [])

    def test_is_kept_with_who_and_when(self, refund: Refund, support: User, manager: User) -> None:
        approve(refund, manager)

        kept = Approval.objects.get()
        assert (kept.state, kept.requested_by, kept.decided_by) == ("used", support, manager)
        assert kept.decided_at == NOON + timedelta(minutes=5)
        assert AuditEntry.objects.get(action="approvals.approve").by == manager
        assert OrderEvent.objects.filter(order=refund.order, code="refund_approved").exists()

    def test_is_sent_under_the_same_number_when_the_outcome_was_unknown(
        self, bank: FakeBank, refund: Refund, manager: User
    ) -> None:
        bank.say("refund", Outcome.UNKNOWN, Outcome.SUCCEEDED)
        approve(refund, manager)
        send(refund)

        again = ask_refund(refund_id=refund.pk, at=NOON + timedelta(minutes=9))

        assert again.status == Status.SUCCEEDED
        assert {it.refund_no for it in bank.asked("refund")} == {refund.refund_no}


Spoil = Callable[[Refund, User, User], object]


def _demote(refund: Refund, requester: User, approver: User) -> None:
    requester.groups.clear()


def _deactivate(refund: Refund, requester: User, approver: User) -> None:
    User.objects.filter(pk=requester.pk).update(is_active=False)


def _change_amount(refund: Refund, requester: User, approver: User) -> None:
    Refund.objects.filter(pk=refund.pk).update(amount_fen=6_001)


def _change_line(refund: Refund, requester: User, approver: User) -> None:
    refund.lines.update(amount_fen=5_999)


def _disempower(refund: Refund, requester: User, approver: User) -> None:
    approver.has_perm(DECIDES)  # remembered by the object, as by a request
    approver.groups.get().permissions.clear()


def _lower_cap(refund: Refund, requester: User, approver: User) -> None:
    ShopSettings.objects.update(refund_caps_fen={approver.groups.get().name: 5_999})


class TestRefusals:
    """Nothing is sent, nothing is booked, and the reserve stays where it is."""

    @pytest.mark.parametrize(
        ("spoil", "error"),
        [
            (_demote, approvals.RequesterLostRight),
            (_deactivate, approvals.RequesterLostRight),
            (_change_amount, approvals.PayloadChanged),
            (_change_line, approvals.PayloadChanged),
            (_disempower, approvals.MayNotDecide),
            (_lower_cap, ApproverCapTooLow),
        ],
    )
    def test_what_changed_meanwhile(
        self, bank: FakeBank, refund: Refund, support: User, manager: User, spoil: Spoil, error: type[DomainError]
    ) -> None:
        spoil(refund, support, manager)

        with pytest.raises(error):
            approve(refund, manager)

        assert Refund.objects.get().status == Status.PENDING_APPROVAL
        assert Approval.objects.get().state == "pending"
        assert send(refund).status == Status.PENDING_APPROVAL
        assert not bank.asked("refund")

    def test_whoever_asked(self, bank: FakeBank) -> None:
        both = person(ASKS, DECIDES, cap_fen=5_000)
        refund = ask(paid_payment(at=NOON), both)
        ShopSettings.objects.update(refund_caps_fen={})

        with pytest.raises(approvals.OwnRequest):
            approve(refund, both)
        assert not bank.asked("refund")

    def test_a_second_approval(self, bank: FakeBank, refund: Refund, manager: User) -> None:
        approve(refund, manager)
        send(refund)

        with pytest.raises(approvals.NothingToDecide):
            approve(refund, person(DECIDES))
        assert len(bank.asked("refund")) == 1

    def test_one_that_is_a_day_old(self, refund: Refund, manager: User) -> None:
        with pytest.raises(approvals.ApprovalExpired):
            approve(refund, manager, after=DAY)
        assert approve(refund, manager, after=DAY - timedelta(seconds=1)).status == Status.PENDING

    def test_a_wrong_password_which_is_audited(self, refund: Refund, manager: User) -> None:
        with pytest.raises(NotConfirmed):
            approve(refund, manager, password="guessed")

        assert Refund.objects.get().status == Status.PENDING_APPROVAL
        assert AuditEntry.objects.get(action="staff.step_up_failed").by == manager

    def test_guessing_on(self, refund: Refund, manager: User) -> None:
        for _ in range(TRIES):
            with pytest.raises(NotConfirmed):
                approve(refund, manager, password="guessed")

        with pytest.raises(TooManyTries):
            approve(refund, manager)

    def test_a_refund_changed_after_it_was_approved(self, bank: FakeBank, refund: Refund, manager: User) -> None:
        approve(refund, manager)
        Refund.objects.filter(pk=refund.pk).update(amount_fen=9_900)

        sent = send(refund)
        ask_refund(refund_id=refund.pk, at=NOON + timedelta(minutes=9))

        assert sent.status == Status.REQUIRES_ACTION
        assert Alert.objects.get(kind="payments.refund").severity == "critical"
        assert not bank.asked("refund")

    def test_a_refund_that_was_only_marked_as_approved(self, bank: FakeBank, refund: Refund) -> None:
        Refund.objects.filter(pk=refund.pk).update(status=Status.PENDING, due_at=NOON)

        assert send(refund).status == Status.REQUIRES_ACTION
        assert not bank.asked("refund")


class TestRejecting:
    def test_releases_the_reserve_and_says_why(self, bank: FakeBank, refund: Refund, manager: User) -> None:
        reject_refund(refund_id=refund.pk, reason="客户已取消", by=manager, at=NOON)

        refund.refresh_from_db()
        payment = Payment.objects.get()
        assert (refund.status, refund.last_message, payment.refundable_fen) == ("rejected", "客户已取消", 9_900)
        assert (fen_of("refunds_payable"), faults()) == (0, [])
        noted = OrderEvent.objects.get(code="refund_rejected")
        assert (noted.facts["words"], noted.by) == ("客户已取消", manager)
        assert send(refund).status == Status.REJECTED
        assert not bank.asked("refund")
        assert not Alert.objects.exists()

    def test_cannot_be_taken_back_by_approving(self, refund: Refund, manager: User) -> None:
        reject_refund(refund_id=refund.pk, reason="x", by=manager, at=NOON)

        with pytest.raises(approvals.NothingToDecide):
            approve(refund, manager)

    def test_wants_a_reason(self, refund: Refund, manager: User) -> None:
        with pytest.raises(approvals.RejectionReasonMissing):
            reject_refund(refund_id=refund.pk, reason=" ", by=manager, at=NOON)

    def test_is_not_for_whoever_may_only_ask(self, refund: Refund, support: User) -> None:
        with pytest.raises(approvals.MayNotDecide):
            reject_refund(refund_id=refund.pk, reason="x", by=support, at=NOON)


class TestWithdrawing:
    def test_releases_the_reserve_and_is_kept(self, bank: FakeBank, refund: Refund, support: User) -> None:
        withdraw_refund(refund_id=refund.pk, by=support, at=NOON)

        refund.refresh_from_db()
        assert (refund.status, str(support) in refund.last_message) == ("rejected", True)
        assert (Payment.objects.get().refundable_fen, fen_of("refunds_payable"), faults()) == (9_900, 0, [])
        assert (Approval.objects.get().state, Approval.objects.get().decided_by) == ("withdrawn", support)
        assert AuditEntry.objects.get(action="approvals.withdraw").by == support
        assert OrderEvent.objects.filter(order=refund.order, code="refund_withdrawn").exists()
        assert send(refund).status == Status.REJECTED
        assert not bank.asked("refund")

    def test_is_for_whoever_asked_alone(self, refund: Refund, manager: User) -> None:
        with pytest.raises(approvals.NotYourRequest):
            withdraw_refund(refund_id=refund.pk, by=manager, at=NOON)

        assert Approval.objects.get().state == "pending"

    def test_comes_too_late_once_it_is_approved(self, refund: Refund, support: User, manager: User) -> None:
        approve(refund, manager)

        with pytest.raises(approvals.NothingToDecide):
            withdraw_refund(refund_id=refund.pk, by=support, at=NOON)

    def test_leaves_nothing_to_approve(self, refund: Refund, support: User, manager: User) -> None:
        withdraw_refund(refund_id=refund.pk, by=support, at=NOON)

        with pytest.raises(approvals.NothingToDecide):
            approve(refund, manager)


class TestTheNumberOfADay:
    """Small refunds, many of them: after so many in a day, each needs a second person."""

    @pytest.fixture
    def busy(self) -> User:
        user = person(ASKS)
        ShopSettings.objects.update_or_create(pk=1, defaults={"refunds_a_day": {user.groups.get().name: 2}})
        return user

    def ask(self, by: User, key: str, *, at: datetime = NOON) -> Refund:
        share = Share(amount_fen=100)
        payment = paid_payment(at=NOON)
        return request_refund(payment_id=payment.pk, share=share, reason="破损", key=key, by=by, at=at)

    def test_above_it_somebody_else_has_to_approve(self, bank: FakeBank, busy: User, manager: User) -> None:
        statuses = [self.ask(busy, f"k{number}").status for number in range(3)]

        assert statuses == [Status.PENDING, Status.PENDING, Status.PENDING_APPROVAL]
        assert approve(Refund.objects.order_by("pk")[2], manager).status == Status.PENDING

    def test_begins_anew_at_midnight_in_shanghai(self, busy: User) -> None:
        midnight = day_bounds(business_day(NOON))[1]
        for number in range(2):
            self.ask(busy, f"k{number}")

        assert self.ask(busy, "k2", at=midnight - timedelta(seconds=1)).status == Status.PENDING_APPROVAL
        assert self.ask(busy, "k3", at=midnight).status == Status.PENDING

    def test_counts_each_person_alone(self, busy: User) -> None:
        other = person(ASKS)
        other.groups.set(busy.groups.all())
        for number in range(2):
            self.ask(busy, f"k{number}")

        assert self.ask(other, "k2").status == Status.PENDING

    def test_does_not_count_what_was_withdrawn(self, busy: User) -> None:
        for number in range(2):
            self.ask(busy, f"k{number}")
        withdraw_refund(refund_id=self.ask(busy, "k2").pk, by=busy, at=NOON)
        Refund.objects.filter(request_key="k1").update(status=Status.REJECTED)

        assert self.ask(busy, "k3").status == Status.PENDING

    def test_refuses_somebody_who_may_not_request_refunds(self, busy: User) -> None:
        ShopSettings.objects.update(refunds_a_day={"warehouse": 0})
        user = UserFactory.create()
        user.groups.add(Group.objects.get_or_create(name="warehouse")[0])

        with pytest.raises(RefundsADayReached):
            self.ask(user, "k1")


class TestLapsing:
    def test_after_a_day_it_is_rejected_and_whoever_asked_is_told(
        self, bank: FakeBank, refund: Refund, support: User
    ) -> None:
        assert expire_refund_approvals(at=NOON + DAY - timedelta(seconds=1), limit=10) == 0
        assert expire_refund_approvals(at=NOON + DAY, limit=10) == 1
        assert expire_refund_approvals(at=NOON + DAY, limit=10) == 0

        refund.refresh_from_db()
        assert (refund.status, Approval.objects.get().state) == (Status.REJECTED, "expired")
        assert (Payment.objects.get().refunding_fen, fen_of("refunds_payable"), faults()) == (0, 0, [])
        assert str(support) in Alert.objects.get(kind="payments.refund_lapsed").text
        assert not bank.asked("refund")

    def test_leaves_one_alone_that_was_approved_in_time(self, refund: Refund, manager: User) -> None:
        approve(refund, manager)

        assert expire_refund_approvals(at=NOON + DAY, limit=10) == 0

    def test_is_done_by_the_clock(self, refund: Refund, clock: time_machine.Traveller) -> None:
        clock.shift(DAY)
        drain()

        refund.refresh_from_db()
        assert refund.status == Status.REJECTED


class TestNewsOfOneThatWasNeverSent:
    @pytest.mark.parametrize("outcome", [Outcome.NOT_FOUND, Outcome.PENDING, Outcome.FAILED, Outcome.UNKNOWN])
    def test_does_not_pass_by_the_approval(self, bank: FakeBank, refund: Refund, outcome: Outcome) -> None:
        bank.say("query_refund", outcome)
        Refund.objects.update(due_at=NOON, sent_at=NOON)  # as a notification that names its number leaves it

        resolve_refunds(at=NOON, limit=10)
        resolve_refunds(at=NOON + DAY, limit=10)

        refund.refresh_from_db()
        assert refund.status == Status.PENDING_APPROVAL
        assert not bank.asked("refund")


class TestRefundsOfRules:
    def test_wait_for_a_person_unless_the_shop_says_otherwise(self, manager: User) -> None:
        first, second = paid_payment(at=NOON), paid_payment(at=NOON)

        waits = refund_rest(payment_id=first.pk, reason="规则", key="r1", by=None, at=NOON)
        ShopSettings.objects.update(rule_refunds_need_approval=False)
        goes = refund_rest(payment_id=second.pk, reason="规则", key="r2", by=None, at=NOON)

        assert (waits.status, goes.status) == (Status.PENDING_APPROVAL, Status.PENDING)
        assert approve(waits, manager).status == Status.PENDING


class TestMoneyInSuspense:
    @pytest.fixture
    def money(self) -> UnappliedMoney:
        payment = PaymentFactory.create(order__category="closed")
        money = settle(report=report_on(payment), account_id=payment.account_id, at=NOON)
        assert isinstance(money, UnappliedMoney)
        return money

    def give_back(self, money: UnappliedMoney, by: User | None, **kwargs: Any) -> Refund:
        resolve_unapplied(unapplied_id=money.pk, action="refund", reason="x", by=by, at=NOON, **kwargs)
        return Refund.objects.get()

    def test_above_the_cap_goes_back_once_it_is_approved(
        self, bank: FakeBank, money: UnappliedMoney, support: User, manager: User
    ) -> None:
        refund = self.give_back(money, support)
        assert (refund.status, send(refund).status, faults()) == ("pending_approval", "pending_approval", [])

        approve(refund, manager)

        assert send(refund).status == Status.SUCCEEDED
        assert (fen_of("suspense"), faults()) == (0, [])

    def test_is_work_again_when_it_is_rejected(self, money: UnappliedMoney, support: User, manager: User) -> None:
        refund = self.give_back(money, support)

        reject_refund(refund_id=refund.pk, reason="先联系客户", by=manager, at=NOON)

        money.refresh_from_db()
        assert (money.resolved_at, money.resolution, faults()) == (None, "", [])
        assert Alert.objects.filter(kind="payments.unapplied", resolved_at=None).exists()

    def test_waits_when_a_rule_asks(self, money: UnappliedMoney) -> None:
        assert self.give_back(money, None, by_rule=True).status == Status.PENDING_APPROVAL


class TestCaps:
    def test_somebody_without_the_right_to_ask_is_still_refused(self) -> None:
        user = UserFactory.create()
        user.groups.add(Group.objects.get_or_create(name="warehouse")[0])
        ShopSettings.objects.update_or_create(pk=1, defaults={"refund_caps_fen": {"warehouse": 0}})

        with pytest.raises(DomainError, match="up to"):
            ask(paid_payment(at=NOON), user)
        assert not Refund.objects.exists()
