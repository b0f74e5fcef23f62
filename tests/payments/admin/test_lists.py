from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from kernel import counters
from kernel.clock import now
from kernel.models import Counter
from payments import services
from payments.models import LedgerEntry, Payment, Refund, UnappliedMoney
from payments.services import Share
from tests.factories import OrderFactory, PaymentFactory, paid_payment, report_on

from .staff import address, queries_of, signed_in, text_of

pytestmark = pytest.mark.django_db

LISTS = ("payment", "refund", "notification", "notificationrefusal", "unappliedmoney", "ledgerentry", "gatewayaccount")


def listed(client: Client, model: str, **query: str) -> list[Any]:
    page = client.get(address(f"payments_{model}_changelist"), query)
    return list(page.context["cl"].result_list)


def late_money() -> UnappliedMoney:
    paid_payment(order__category="closed")
    return UnappliedMoney.objects.latest("pk")


def a_refund(status: str = "succeeded") -> Refund:
    payment = paid_payment()
    share = Share(amount_fen=100)
    key = f"{payment.pk}"
    refund = services.request_refund(payment_id=payment.pk, share=share, reason="破损", key=key, by=None, at=now())
    Refund.objects.filter(pk=refund.pk).update(status=status)
    return refund


class TestTheCost:
    @pytest.mark.parametrize("model", LISTS)
    def test_of_a_list_is_eight_queries_at_most_however_long_it_is(self, model: str) -> None:
        owner = signed_in(Role.OWNER)
        for _number in range(3):
            late_money()
            a_refund()
        shown = address(f"payments_{model}_changelist")
        few = queries_of(owner, shown)
        for _number in range(6):
            late_money()
            a_refund()

        assert queries_of(owner, shown) == few <= 8


class TestPayments:
    def test_stand_in_the_tab_of_their_state(self, finance: Client) -> None:
        being_paid = PaymentFactory.create()
        paid, failed = paid_payment(), PaymentFactory.create(status="failed")
        closed, expired = PaymentFactory.create(status="canceled"), PaymentFactory.create(status="expired")
        unknown = PaymentFactory.create(status="unknown")

        parts = {part: set(listed(finance, "payment", part=part)) for part in PARTS}

        assert parts == {
            "": {being_paid, paid, failed, closed, expired, unknown},
            "open": {being_paid},
            "succeeded": {paid},
            "failed": {failed},
            "closed": {closed, expired},
            "unknown": {unknown},
            "stuck": set(),
        }

    def test_that_did_not_move_their_order_have_a_tab_of_their_own(self, finance: Client) -> None:
        moved = paid_payment()
        late = paid_payment(order__category="closed")
        stayed = PaymentFactory.create(status="succeeded")

        assert set(listed(finance, "payment", part="stuck")) == {late, stayed}
        assert moved in listed(finance, "payment")

    def test_say_how_often_the_gateway_told_of_them(self, finance: Client) -> None:
        payment = paid_payment()

        assert "none received" in text_of(finance.get(address("payments_payment_changelist")))
        assert payment in listed(finance, "payment")

    def test_are_found_by_pasted_numbers(self, finance: Client) -> None:
        first, second, other = paid_payment(), PaymentFactory.create(), PaymentFactory.create()

        found = listed(finance, "payment", q=f"{first.gateway_trade_no}\n{second.order.order_no}")

        assert set(found) == {first, second}
        assert other not in found

    def test_change_by_nobodys_hand(self, owner: Client) -> None:
        payment = PaymentFactory.create()

        page = owner.post(address("payments_payment_change", payment.pk), {"status": "succeeded"})

        payment.refresh_from_db()
        assert page.status_code == 403
        assert payment.status == "pending"


PARTS = ("", "open", "succeeded", "failed", "closed", "unknown", "stuck")


class TestRefunds:
    def test_that_need_a_person_have_a_tab(self, finance: Client) -> None:
        stuck, done = a_refund("requires_action"), a_refund()

        assert listed(finance, "refund", part="person") == [stuck]
        assert set(listed(finance, "refund")) == {stuck, done}

    def test_under_way_have_a_tab(self, finance: Client) -> None:
        waiting, done = a_refund("unknown"), a_refund()

        assert listed(finance, "refund", part="open") == [waiting]
        assert done in listed(finance, "refund", part="succeeded")


class TestTheLedger:
    def test_shows_both_sides_of_a_booking(self, finance: Client) -> None:
        paid_payment(order__total_fen=9_900)

        text = text_of(finance.get(address("payments_ledgerentry_changelist")))

        assert "Gateway clearing + ￥99.00 Receivable -￥99.00" in text.replace("−", "-")

    def test_shows_on_a_page_that_its_sides_are_equal(self, finance: Client) -> None:
        paid_payment(order__total_fen=9_900)

        assert "Sum ￥0.00" in text_of(
            finance.get(address("payments_ledgerentry_change", LedgerEntry.objects.get().pk))
        )


class TestTheCounts:
    def test_are_of_what_waits_for_somebody(self) -> None:
        PaymentFactory.create(status="unknown")
        late_money()
        a_refund("requires_action")

        counts = counters.recount("payments", at=now())

        assert {name: counts[name] for name in ("unknown", "stuck", "trouble", "unapplied", "refund_trouble")} == {
            "unknown": 1,
            "stuck": 1,
            "trouble": 2,
            "unapplied": 1,
            "refund_trouble": 1,
        }

    def test_are_on_the_tabs_and_in_the_sidebar(self, finance: Client) -> None:
        Counter.objects.create(name="payments:unknown", value=7, counted_at=now())
        Counter.objects.create(name="payments:trouble", value=43, counted_at=now())

        text = text_of(finance.get(address("payments_payment_changelist")))

        assert "Outcome unknown 7" in text
        assert "Payments 43" in text

    def test_lead_from_the_start_page_to_what_they_count(self, finance: Client) -> None:
        unknown = PaymentFactory.create(status="unknown")

        home = finance.get(address("index")).content.decode()

        assert f"{address('payments_payment_changelist')}?part=unknown" in home
        assert listed(finance, "payment", part="unknown") == [unknown]


class TestThePageOfAPayment:
    def test_lists_its_refunds_and_what_the_gateway_told(self, finance: Client) -> None:
        refund = a_refund()
        assert refund.payment is not None

        text = text_of(finance.get(address("payments_payment_change", refund.payment.pk)))

        assert refund.refund_no in text
        assert "The gateway has sent nothing about this payment." in text

    def test_of_a_paid_one_offers_no_close(self, finance: Client) -> None:
        payment = paid_payment()
        assert isinstance(payment, Payment)

        html = finance.get(address("payments_payment_change", payment.pk)).content.decode()

        assert address("payments_payment_close", payment.pk) not in html
        assert address("payments_payment_query", payment.pk) in html


def test_money_for_an_order_that_was_paid_twice_is_listed_as_such(finance: Client) -> None:
    order = OrderFactory.create(total_fen=9_900)
    paid_payment(order=order)
    second = PaymentFactory.create(order=order)
    services.settle(report=report_on(second), account_id=second.account_id, at=now())

    assert "Already paid" in text_of(finance.get(address("payments_unappliedmoney_changelist")))
