"""Unapplied money that its gateway does not give back: paid back otherwise or kept, once, and the books hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from itertools import chain

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.db.models import Sum

from kernel.models import Alert, AuditEntry, Message, User
from kernel.shop import shop
from orders.models import OrderEvent
from payments.gateways import EventKind, GatewayEvent, Outcome
from payments.models import LedgerLine, Payment, Refund, UnappliedMoney
from payments.services import (
    AlreadyResolved,
    ReasonMissing,
    RefundAboveCap,
    check_books,
    proposal_now,
    resolve_refunds,
    resolve_unapplied,
    send_refund,
    settle,
    settle_by_hand,
)
from payments.services.endings import (
    KeepsAboveCap,
    NotAWayOutside,
    NotKept,
    keep_as_income,
    pay_back_outside,
    take_up_kept,
)
from payments.services.external_refunds import take_refund_news
from payments.services.refunding import RefundTooLate
from tests.factories import AccountFactory, PaymentFactory, UserFactory, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank
from tests.payments.tables import cells, rows

pytestmark = pytest.mark.django_db

PRICE_FEN = 9_900
YEAR = timedelta(days=366)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture(autouse=True)
def _books_hold(clock: time_machine.Traveller, db: None) -> Iterator[None]:
    """Whatever a test did."""
    yield
    assert list(chain.from_iterable(check_books(at=datetime.now(NOON.tzinfo)))) == []


def boss() -> User:
    return UserFactory.create(is_superuser=True)


def late_money(**order: object) -> UnappliedMoney:
    payment = PaymentFactory.create(order__category="closed", **{f"order__{name}": it for name, it in order.items()})
    money = settle(report=report_on(payment), account_id=payment.account_id, at=NOON)
    assert isinstance(money, UnappliedMoney)
    return money


def strange_money() -> UnappliedMoney:
    """Of a number that is not ours: there is neither a payment nor an order."""
    account = AccountFactory.create()
    stranger = PaymentFactory.build(pk=7, order=None, amount_fen=PRICE_FEN, expires_at=NOON, account=account)
    money = settle(report=report_on(stranger), account_id=account.pk, at=NOON)
    assert isinstance(money, UnappliedMoney)
    return money


def outside(money: UnappliedMoney, *, reason: str = "转账 8801", by: User | None = None, **given: bool) -> Refund:
    return pay_back_outside(unapplied_id=money.pk, way="bank", reason=reason, by=by or boss(), at=NOON, **given)


def keep(money: UnappliedMoney, *, reason: str = "无法联系付款人", by: User | None = None) -> UnappliedMoney:
    return keep_as_income(unapplied_id=money.pk, reason=reason, by=by or boss(), at=NOON)


def take_up(money: UnappliedMoney, *, reason: str = "付款人来电") -> UnappliedMoney:
    return take_up_kept(unapplied_id=money.pk, reason=reason, by=boss(), at=NOON)


def refund(money: UnappliedMoney, *, by_rule: bool = False) -> Refund:
    resolve_unapplied(unapplied_id=money.pk, action="refund", reason="退", by_rule=by_rule, by=None, at=NOON)
    return Refund.objects.latest("pk")


def denied(bank: FakeBank) -> tuple[UnappliedMoney, Refund]:
    bank.say("refund", Outcome.FAILED)
    money = late_money()
    failed = send_refund(refund_id=refund(money).pk, at=NOON)
    assert failed.status == "failed"
    return UnappliedMoney.objects.get(pk=money.pk), failed


def goes_after_all(refund: Refund, bank: FakeBank, clock: time_machine.Traveller) -> None:
    bank.say("query_refund", Outcome.SUCCEEDED, amount_fen=refund.amount_fen)
    Refund.objects.filter(pk=refund.pk).update(due_at=NOON + timedelta(days=1))
    clock.move_to(NOON + timedelta(days=1))
    resolve_refunds(at=NOON + timedelta(days=1), limit=10)


def at_console(money: UnappliedMoney, amount_fen: int) -> None:
    report = GatewayEvent(
        kind=EventKind.REFUND, outcome=Outcome.SUCCEEDED, payment_no=money.payment_no, refund_no="CONSOLE1",
        gateway_trade_no=money.gateway_trade_no, amount_fen=amount_fen,
    )  # fmt: skip
    take_refund_news(report=report, account_id=money.account_id, done=lambda _verdict: None, at=NOON)


def balance_fen(account: str) -> int:
    return LedgerLine.objects.filter(account=account).aggregate(fen=Sum("amount_fen"))["fen"] or 0


def balances() -> dict[str, int]:
    accounts = ("clearing", "suspense", "elsewhere", "other_income", "refunds_payable", "receivable")
    return {account: fen for account in accounts if (fen := balance_fen(account))}


class TestPayingBackOutside:
    @pytest.mark.parametrize("make", [late_money, strange_money])
    def test_takes_it_out_of_suspense_and_leaves_the_gateway_alone(
        self, bank: FakeBank, make: Callable[[], UnappliedMoney]
    ) -> None:
        money = make()

        paid_back = outside(money)

        money.refresh_from_db()
        assert (money.resolution, money.resolution_note, money.resolved_at) == ("outside", "转账 8801", NOON)
        assert (paid_back.status, paid_back.way, paid_back.settled_at) == ("succeeded", "bank", NOON)
        assert balances() == {"clearing": PRICE_FEN, "elsewhere": -PRICE_FEN}
        assert not bank.calls

    def test_counts_against_the_payment_that_collected_it(self) -> None:
        outside(late_money())

        assert Payment.objects.get().refunded_fen == PRICE_FEN

    def test_is_in_the_timeline_in_the_audit_log_and_ends_the_alert(self) -> None:
        paid_back = outside(late_money())

        assert OrderEvent.objects.get(code="refund_offline").facts["refund_no"] == paid_back.refund_no
        assert AuditEntry.objects.get(action="payments.resolve_unapplied").reason == "转账 8801"
        assert Alert.objects.get(kind="payments.unapplied").resolved_at == NOON

    def test_writes_to_the_customer_only_if_that_is_wanted(self) -> None:
        outside(late_money(customer__email="li@example.com"))
        outside(late_money(customer__email="zhang@example.com"), tells_customer=True)

        assert Message.objects.filter(template="refund_offline").count() == 1

    def test_keeps_to_the_cap_of_the_person(self) -> None:
        with pytest.raises(RefundAboveCap, match=r"98\.99"):
            outside(late_money(), by=capped(PRICE_FEN - 1))

        assert not Refund.objects.exists()

    def test_refuses_the_gateway_as_a_way(self) -> None:
        with pytest.raises(NotAWayOutside):
            pay_back_outside(unapplied_id=late_money().pk, way="gateway", reason="x", by=boss(), at=NOON)

    def test_gives_back_the_rest_of_what_went_back_in_part(self) -> None:
        money = late_money()
        at_console(money, 900)

        assert outside(money).amount_fen == PRICE_FEN - 900
        assert balances() == {"clearing": PRICE_FEN - 900, "elsewhere": 900 - PRICE_FEN}

    def test_is_booked_beside_a_refund_that_went_after_all(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        money, failed = denied(bank)
        outside(money)

        goes_after_all(failed, bank, clock)

        money.refresh_from_db()
        assert (money.resolution, balances()) == ("outside", {"suspense": PRICE_FEN, "elsewhere": -PRICE_FEN})
        assert Alert.objects.filter(kind="payments.refund", severity="critical", resolved_at=None).exists()


def capped(cap_fen: int) -> User:
    settings, person = shop(), UserFactory.create()
    settings.refund_caps_fen = {"finance": cap_fen}
    settings.save()
    person.groups.add(Group.objects.get_or_create(name="finance")[0])
    return person


class TestKeeping:
    def test_makes_it_other_income_for_a_reason(self) -> None:
        money = keep(late_money())

        assert (money.resolution, money.resolution_note, money.resolved_at) == ("income", "无法联系付款人", NOON)
        assert balances() == {"clearing": PRICE_FEN, "other_income": -PRICE_FEN}
        assert OrderEvent.objects.get(code="unapplied_kept").facts["reason"] == "无法联系付款人"
        assert AuditEntry.objects.get(action="payments.resolve_unapplied").after["resolution"] == "income"
        assert not Alert.objects.filter(kind="payments.unapplied", resolved_at=None).exists()

    def test_keeps_to_the_cap_of_the_person(self) -> None:
        money = late_money()

        with pytest.raises(KeepsAboveCap, match=r"98\.99"):
            keep(money, by=capped(PRICE_FEN - 1))
        keep(money, by=capped(PRICE_FEN))

    def test_keeps_the_rest_of_what_went_back_in_part(self) -> None:
        money = late_money()
        at_console(money, 900)

        keep(money)

        assert balances() == {"clearing": PRICE_FEN - 900, "other_income": 900 - PRICE_FEN}

    def test_can_be_taken_up_as_often_as_it_is_kept(self) -> None:
        money = late_money()
        for _time in range(2):
            keep(money)
            take_up(money)
            assert balances() == {"clearing": PRICE_FEN, "suspense": -PRICE_FEN}
            assert Alert.objects.filter(kind="payments.unapplied", resolved_at=None).exists()

        keep(money)
        assert balances() == {"clearing": PRICE_FEN, "other_income": -PRICE_FEN}

    def test_is_undone_by_a_refund_that_went_after_all(self, bank: FakeBank, clock: time_machine.Traveller) -> None:
        money, failed = denied(bank)
        keep(money)

        goes_after_all(failed, bank, clock)

        money.refresh_from_db()
        assert (money.resolution, balances()) == ("refund", {})

    @pytest.mark.parametrize(("back_fen", "resolution"), [(PRICE_FEN, "refund"), (900, "")])
    def test_is_undone_by_a_refund_at_the_console(self, back_fen: int, resolution: str) -> None:
        money = late_money()
        keep(money)

        at_console(money, back_fen)

        money.refresh_from_db()
        assert money.resolution == resolution
        assert balance_fen("suspense") == back_fen - PRICE_FEN
        assert Alert.objects.filter(kind="payments.unapplied", resolved_at=None).exists() == (not resolution)


class TestWithoutAReason:
    @pytest.mark.parametrize("end", [outside, keep])
    def test_no_money_comes_to_an_end(self, end: Callable[..., object]) -> None:
        money = late_money()

        with pytest.raises(ReasonMissing):
            end(money, reason=" ")

        money.refresh_from_db()
        assert (money.resolved_at, balance_fen("suspense")) == (None, -PRICE_FEN)

    def test_kept_money_is_not_taken_up(self) -> None:
        with pytest.raises(ReasonMissing):
            take_up(keep(late_money()), reason="")


# Where money stands, against what can be done with it. “+”: done; else the refusal.
TABLE = """
                     outside          keep             take_up
open                 +                +                not_kept
denied               +                +                not_kept
partly_back          +                +                not_kept
awaits_approval      already          already          not_kept
on_its_way           already          already          not_kept
needs_a_person       already          already          not_kept
refunded             already          already          not_kept
revived              already          already          not_kept
paid_back_outside    already          already          not_kept
kept                 already          already          +
settled_as_not_paid  +                +                not_kept
"""
REFUSALS = {"already": AlreadyResolved, "not_kept": NotKept}
DEEDS: dict[str, Callable[[UnappliedMoney], object]] = {"outside": outside, "keep": keep, "take_up": take_up}


def partly_back(_bank: FakeBank) -> UnappliedMoney:
    money = late_money()
    at_console(money, 900)
    return money


def sent(bank: FakeBank, outcome: Outcome) -> UnappliedMoney:
    bank.say("refund", outcome)
    money = late_money()
    send_refund(refund_id=refund(money).pk, at=NOON)
    return money


def awaiting(_bank: FakeBank) -> UnappliedMoney:
    money = late_money()
    assert refund(money, by_rule=True).status == "pending_approval"
    return money


def settled_as_not_paid(bank: FakeBank) -> UnappliedMoney:
    money = sent(bank, Outcome.REQUIRES_ACTION)
    refund_id = Refund.objects.get().pk
    settle_by_hand(refund_id=refund_id, was_refunded=False, reason="后台截图", by=boss(), at=NOON)
    return money


def revived(_bank: FakeBank) -> UnappliedMoney:
    return resolve_unapplied(unapplied_id=late_money().pk, action="revive", reason="要货", by=None, at=NOON)


def paid_back(_bank: FakeBank) -> UnappliedMoney:
    money = late_money()
    outside(money)
    return money


STATES: dict[str, Callable[[FakeBank], UnappliedMoney]] = {
    "open": lambda _bank: late_money(),
    "denied": lambda bank: denied(bank)[0],
    "partly_back": partly_back,
    "awaits_approval": awaiting,
    "on_its_way": lambda bank: sent(bank, Outcome.PENDING),
    "needs_a_person": lambda bank: sent(bank, Outcome.REQUIRES_ACTION),
    "refunded": lambda bank: sent(bank, Outcome.SUCCEEDED),
    "revived": revived,
    "paid_back_outside": paid_back,
    "kept": lambda _bank: keep(late_money()),
    "settled_as_not_paid": settled_as_not_paid,
}


class TestEveryStateWithEveryEnding:
    def test_the_table_is_whole(self) -> None:
        assert cells(TABLE) == {(state, deed) for state in STATES for deed in DEEDS}

    @pytest.mark.parametrize(("state", "deed", "cell"), rows(TABLE))
    def test_is_done_once_or_refused(self, bank: FakeBank, state: str, deed: str, cell: str) -> None:
        money = STATES[state](bank)
        before, refunds = balances(), Refund.objects.count()

        for time in range(2):
            refusal = REFUSALS.get(cell) or (REFUSALS["not_kept" if deed == "take_up" else "already"] if time else None)
            with pytest.raises(refusal) if refusal else nullcontext():
                DEEDS[deed](money)

        is_done = cell == "+"
        assert (balances() != before) == is_done
        assert Refund.objects.count() == refunds + int(is_done and deed == "outside")


class TestTheProposal:
    def test_is_another_way_once_the_gateway_has_denied_a_refund(self, bank: FakeBank) -> None:
        money, _failed = denied(bank)

        assert proposal_now(money, at=NOON) == "outside"

    def test_is_another_way_once_the_gateway_takes_no_refund_any_more(self, clock: time_machine.Traveller) -> None:
        money = late_money()
        assert proposal_now(money, at=NOON) == "revive"
        clock.move_to(NOON + YEAR)

        assert proposal_now(money, at=NOON + YEAR) == "outside"
        with pytest.raises(RefundTooLate, match="365"):
            resolve_unapplied(unapplied_id=money.pk, action="refund", reason="x", by=None, at=NOON + YEAR)
        assert not Refund.objects.exists()
