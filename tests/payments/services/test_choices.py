"""Which accounts take an order, and that switching one off strands nothing that is under way."""

from __future__ import annotations

from typing import Any

import pytest

from customers.models import CustomerType
from kernel.models import AuditEntry
from orders.models import Order
from payments.gateways import GATEWAYS, Outcome
from payments.models import GatewayAccount, Payment
from payments.services import (
    Ask,
    Limits,
    LimitsCrossed,
    MethodNotAvailable,
    apply_notifications,
    ask_soon,
    choices_for,
    run_query_ladder,
    set_limits,
    start_attempt,
)
from payments.services.limits import WayNeverFits
from payments.services.paypage import PayState, pay_page
from tests.factories import AccountFactory, OrderFactory, PaymentFactory, UserFactory
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, FakeGateway, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

QR = Ask(method="qr")


class OtherGateway(FakeGateway):
    code = "other"
    label = "Other"


@pytest.fixture(autouse=True)
def _noon(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setitem(GATEWAYS, OtherGateway.code, OtherGateway)
    with frozen() as clock:
        yield clock


def keys(order: Order) -> list[str]:
    return [it.key for it in choices_for(order)]


class TestWhatAnOrderIsOffered:
    def test_is_what_enabled_accounts_offer_in_the_merchants_order(self) -> None:
        AccountFactory.create(methods=["qr"], position=2)
        AccountFactory.create(gateway="other", methods=["wap", "qr"], position=1)
        AccountFactory.create(gateway="other", methods=["page"], position=0, is_enabled=False)

        assert keys(OrderFactory.create()) == ["other.wap", "other.qr", "fake.qr"]

    @pytest.mark.parametrize(
        ("limits", "fits"),
        [
            ({}, True),
            ({"min_fen": 9_900, "max_fen": 9_900}, True),
            ({"min_fen": 9_901}, False),
            ({"max_fen": 9_899}, False),
            ({"order_types": ["payment_order", "deposit"]}, True),
            ({"order_types": ["deposit"]}, False),
            ({"customer_types": ["company"]}, True),
            ({"customer_types": ["individual", "group"]}, False),
        ],
    )
    def test_keeps_to_the_limits_of_the_account(self, limits: dict[str, Any], fits: bool) -> None:
        AccountFactory.create(methods=["qr"], **limits)
        order = OrderFactory.create(total_fen=9_900)
        order.customer.type = CustomerType.objects.get(code="company")
        order.customer.save()

        assert bool(keys(order)) is fits
        if not fits:
            with pytest.raises(MethodNotAvailable):
                start_attempt(order_id=order.pk, ask=QR, at=NOON)

    def test_goes_by_the_next_account_of_the_gateway_where_the_first_does_not_take_it(self) -> None:
        AccountFactory.create(position=0, max_fen=100)
        large = AccountFactory.create(position=1)

        assert start_attempt(order_id=OrderFactory.create(total_fen=9_900).pk, ask=QR, at=NOON).account == large

    def test_a_customer_of_no_type_is_not_of_the_named_ones(self) -> None:
        AccountFactory.create(customer_types=["company"])
        order = OrderFactory.create()
        order.customer.type = None
        order.customer.save()

        assert keys(order) == []


class TestOneAttemptPerMethod:
    def test_another_way_opens_another_attempt_and_the_same_way_again_the_same(self) -> None:
        AccountFactory.create()
        AccountFactory.create(gateway="other")
        order = OrderFactory.create()

        made = [start_attempt(order_id=order.pk, ask=Ask(method="qr", gateway=it), at=NOON).pk for it in WAYS]

        assert made[0] == made[2] != made[1]
        assert Payment.objects.open().count() == 2

    def test_the_page_shows_the_attempt_that_was_chosen(self) -> None:
        AccountFactory.create()
        AccountFactory.create(gateway="other")
        order = OrderFactory.create()
        first, second = (start_attempt(order_id=order.pk, ask=Ask(method="qr", gateway=it), at=NOON) for it in WAYS[:2])

        assert pay_page(order=order, at=NOON).payment == second
        assert pay_page(order=order, wanted="fake.qr", at=NOON).payment == first

    def test_an_attempt_that_is_bound_to_one_payer_is_no_other_payers(self) -> None:
        AccountFactory.create()
        order = OrderFactory.create()

        made = [
            start_attempt(order_id=order.pk, ask=Ask(method="wap", payer_ref=it), at=NOON).pk for it in ("A", "B", "A")
        ]

        assert made[0] == made[2] != made[1]

    def test_a_link_that_ends_early_is_asked_for_anew_under_the_same_number(self, bank: FakeBank) -> None:
        AccountFactory.create()
        order = OrderFactory.create()
        payment = start_attempt(order_id=order.pk, ask=Ask(method="wap"), at=NOON)
        payment.next_action["expires_at"] = NOON.isoformat()
        payment.save()

        assert start_attempt(order_id=order.pk, ask=Ask(method="wap"), at=NOON) == payment
        assert [it.payment_no for it in bank.asked("create")] == [payment.payment_no] * 2


WAYS = ("fake", "other", "fake")


class TestAnAccountSwitchedOffWhileSomebodyPays:
    @pytest.fixture
    def payment(self) -> Payment:
        """Open at an account that is then switched off; another gateway is left."""
        account = AccountFactory.create()
        AccountFactory.create(gateway="other")
        payment = start_attempt(order_id=OrderFactory.create(total_fen=9_900).pk, ask=QR, at=NOON)
        GatewayAccount.objects.filter(pk=account.pk).update(is_enabled=False)
        return Payment.objects.get(pk=payment.pk)

    def test_the_page_shows_its_code_no_more_and_offers_the_others(self, payment: Payment) -> None:
        shown = pay_page(order=payment.order, at=NOON)

        assert (shown.state, shown.payment) == (PayState.READY, None)
        assert {it.key for it in shown.choices} == {"other.qr", "other.page", "other.wap"}

    def test_a_method_taken_off_the_account_counts_alike(self, payment: Payment) -> None:
        GatewayAccount.objects.filter(pk=payment.account_id).update(is_enabled=True, methods=["page"])

        assert pay_page(order=payment.order, at=NOON).payment is None

    def test_its_money_is_booked_when_the_gateway_tells(self, payment: Payment) -> None:
        post(payment.account, message(payment.payment_no))
        apply_notifications(at=NOON, limit=10)

        payment.refresh_from_db()
        assert (payment.status, Order.objects.get().payment_status) == ("succeeded", "paid")

    @pytest.mark.parametrize(("outcome", "status"), [(Outcome.SUCCEEDED, "succeeded"), (Outcome.CLOSED, "canceled")])
    def test_the_gateway_is_asked_until_it_is_over(
        self, payment: Payment, bank: FakeBank, outcome: Outcome, status: str
    ) -> None:
        bank.say("query", outcome, amount_fen=9_900)
        ask_soon(payment_id=payment.pk, at=NOON)
        run_query_ladder(at=NOON, limit=10)

        payment.refresh_from_db()
        assert payment.status == status

    def test_paid_by_another_gateway_it_is_closed(self, payment: Payment, bank: FakeBank) -> None:
        other = start_attempt(order_id=payment.order_id, ask=Ask(method="qr", gateway="other"), at=NOON)
        post(other.account, message(other.payment_no))
        apply_notifications(at=NOON, limit=10)
        run_query_ladder(at=NOON, limit=10)

        payment.refresh_from_db()
        assert payment.status == "canceled"
        assert [it.payment_no for it in bank.asked("close")] == [payment.payment_no]


class TestSetLimits:
    def test_notes_who_changed_what(self) -> None:
        account, somebody = AccountFactory.create(), UserFactory.create()

        set_limits(account_id=account.pk, limits=Limits(min_fen=100, order_types=["deposit"]), by=somebody, at=NOON)

        account.refresh_from_db()
        entry = AuditEntry.objects.get(action="payments.set_limits")
        assert (account.min_fen, account.max_fen, account.order_types) == (100, None, ["deposit"])
        assert entry.by == somebody

    def test_refuses_limits_that_nothing_fits(self) -> None:
        account = AccountFactory.create()

        with pytest.raises(LimitsCrossed):
            set_limits(account_id=account.pk, limits=Limits(min_fen=200, max_fen=100), by=UserFactory.create(), at=NOON)

    def test_an_open_attempt_is_finished_all_the_same(self) -> None:
        payment = PaymentFactory.create()
        set_limits(account_id=payment.account_id, limits=Limits(max_fen=1), by=UserFactory.create(), at=NOON)

        post(payment.account, message(payment.payment_no, amount_fen=payment.amount_fen))
        apply_notifications(at=NOON, limit=10)

        payment.refresh_from_db()
        assert payment.status == "succeeded"


class TestLimitsOfOneWay:
    """An account with qr, page and wap; limits are fen."""

    @pytest.mark.parametrize(
        ("limits", "due_fen", "offered"),
        [
            (Limits(), 9_900, True),
            (Limits(min_fen=9_901), 9_900, False),
            (Limits(min_fen=9_900), 9_900, True),
            (Limits(max_fen=9_899), 9_900, False),
            (Limits(max_fen=9_900), 9_900, True),
            (Limits(customer_types=["company"]), 9_900, False),
            (Limits(customer_types=["individual"]), 9_900, True),
            (Limits(order_types=["deposit"]), 9_900, False),
            (Limits(order_types=["payment_order"]), 9_900, True),
        ],
    )
    def test_decide_whether_it_is_offered_and_leave_the_others(
        self, limits: Limits, due_fen: int, offered: bool
    ) -> None:
        account = account_with_ways({"page": limits})
        individual, _made = CustomerType.objects.get_or_create(code="individual", defaults={"name": "个人"})
        order = OrderFactory.create(total_fen=due_fen, order_type="payment_order", customer__type=individual)

        assert (f"{account.gateway}.page" in keys(order)) is offered
        assert f"{account.gateway}.qr" in keys(order)
        assert f"{account.gateway}.wap" in keys(order)

    def test_the_accounts_own_are_the_outer_bound(self) -> None:
        account_with_ways({"page": Limits(max_fen=9_900)}, whole=Limits(max_fen=9_899))

        assert keys(OrderFactory.create(total_fen=9_900)) == []

    def test_are_held_by_the_attempt_too(self) -> None:
        account_with_ways({"page": Limits(max_fen=100)})
        order = OrderFactory.create(total_fen=101)

        with pytest.raises(MethodNotAvailable):
            start_attempt(order_id=order.pk, ask=Ask(method="page"), at=NOON)
        assert start_attempt(order_id=order.pk, ask=QR, at=NOON).method == "qr"
        assert Payment.objects.count() == 1

    def test_of_two_accounts_the_one_that_takes_it_is_used(self) -> None:
        account_with_ways({"qr": Limits(max_fen=100)})
        second = AccountFactory.create(methods=["qr"], position=9)

        assert start_attempt(order_id=OrderFactory.create(total_fen=101).pk, ask=QR, at=NOON).account == second

    def test_set_while_an_attempt_is_open_it_is_finished_all_the_same(self) -> None:
        payment = PaymentFactory.create()
        set_ways(payment.account, {payment.method: Limits(max_fen=1)})

        assert pay_page(order=payment.order, at=NOON).payment is None
        post(payment.account, message(payment.payment_no, amount_fen=payment.amount_fen))
        apply_notifications(at=NOON, limit=10)

        payment.refresh_from_db()
        assert payment.status == "succeeded"

    def test_that_leave_no_amount_within_the_accounts_are_refused(self) -> None:
        account = AccountFactory.create()

        for way in (Limits(min_fen=2, max_fen=1), Limits(min_fen=1_001)):
            with pytest.raises(WayNeverFits):
                set_ways(account, {"qr": way}, whole=Limits(max_fen=1_000))

        account.refresh_from_db()
        assert (account.way_limits, account.max_fen) == ({}, None)

    def test_are_kept_where_only_those_of_the_account_are_set(self) -> None:
        account = account_with_ways({"qr": Limits(max_fen=100), "page": Limits()})
        set_limits(account_id=account.pk, limits=Limits(min_fen=1), by=UserFactory.create(), at=NOON)

        account.refresh_from_db()
        assert list(account.way_limits) == ["qr"]
        with pytest.raises(WayNeverFits):
            set_limits(account_id=account.pk, limits=Limits(min_fen=101), by=UserFactory.create(), at=NOON)


def account_with_ways(ways: dict[str, Limits], *, whole: Limits | None = None) -> GatewayAccount:
    return set_ways(AccountFactory.create(methods=["qr", "page", "wap"]), ways, whole=whole)


def set_ways(account: GatewayAccount, ways: dict[str, Limits], *, whole: Limits | None = None) -> GatewayAccount:
    return set_limits(account_id=account.pk, limits=whole or Limits(), ways=ways, by=UserFactory.create(), at=NOON)
