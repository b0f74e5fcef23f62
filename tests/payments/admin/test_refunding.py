from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from kernel.models import ShopSettings
from kernel.once import new_once_key
from kernel.shop import shop
from orders.models import OrderLine
from orders.services import DraftLine
from payments.gateways import Outcome
from payments.models import Payment, Refund, RefundLine
from tests.factories import OrderFactory, a_job, paid_payment
from tests.helpers import NOON
from tests.payments.fakes import FakeBank

from .staff import address, signed_in, submit, text_of

pytestmark = pytest.mark.django_db

CUP_AND_TEA = (DraftLine(title="杯", unit_price_fen=6_000), DraftLine(title="茶", unit_price_fen=3_000))


def paid(**order: object) -> Payment:
    return paid_payment(order=OrderFactory.create(**order))


def form_of(payment: Payment) -> str:
    return address("orders_order_refund", payment.order_id)


class TestTheForm:
    def test_is_filled_in_with_all_that_is_left(self, finance: Client) -> None:
        payment = paid(total_fen=9_900)

        page = finance.get(form_of(payment))

        assert 'value="99.00"' in page.content.decode()
        assert "Refundable now ￥99.00" in text_of(page)

    def test_counts_refunds_in_flight_as_gone(self, finance: Client, bank: FakeBank) -> None:
        payment = paid(total_fen=9_900)
        bank.say("refund", Outcome.PENDING)
        submit(finance, form_of(payment), payment=payment.pk, amount="40", reason="破损")

        page = finance.get(form_of(payment))

        assert "Refunds in flight ￥40.00" in text_of(page)
        assert 'value="59.00"' in page.content.decode()

    def test_says_so_when_nothing_is_left(self, finance: Client) -> None:
        payment = paid(total_fen=9_900)
        submit(finance, form_of(payment), payment=payment.pk, amount="99", reason="破损")

        page = finance.get(form_of(payment))

        assert "All that was paid is refunded." in text_of(page)
        assert 'name="amount"' not in page.content.decode()

    def test_lets_choose_which_payment_when_there_are_several(self, finance: Client) -> None:
        order = OrderFactory.create(total_fen=9_900)
        first = paid_payment(order=order, amount_fen=4_000)
        second = paid_payment(order=order, amount_fen=5_900)

        submit(finance, form_of(first), payment=second.pk, amount="10", reason="破损")

        assert Refund.objects.get().payment == second
        page = finance.get(form_of(first)).content.decode()
        assert first.payment_no in page
        assert second.payment_no in page

    def test_does_not_offer_payments_of_other_orders(self, finance: Client) -> None:
        ours, theirs = paid(total_fen=9_900), paid(total_fen=9_900)

        page = submit(finance, form_of(ours), payment=theirs.pk, amount="10", reason="破损")

        assert page.status_code == 422
        assert not Refund.objects.exists()

    def test_tells_the_cap_of_the_role(self) -> None:
        payment = paid(total_fen=9_900)

        told = text_of(signed_in(Role.SUPPORT).get(form_of(payment)))
        assert "Your role refunds up to ￥500.00 at a time. Above that, somebody else has to approve" in told


class TestSubmitting:
    def test_sends_the_refund_and_returns_to_the_order_with_the_outcome(self, finance: Client, bank: FakeBank) -> None:
        payment = paid(total_fen=9_900)

        page = submit(finance, form_of(payment), payment=payment.pk, amount="20", reason="破损")

        refund = Refund.objects.get()
        assert (refund.status, refund.amount_fen, refund.reason) == ("succeeded", 2_000, "破损")
        assert [it.refund_no for it in bank.asked("refund")] == [refund.refund_no]
        assert page.redirect_chain[-1][0] == address("orders_order_change", payment.order_id)
        assert f"￥20.00 went back to the customer ({refund.refund_no})." in text_of(page)

    def test_says_not_to_refund_again_while_the_outcome_is_unknown(self, finance: Client, bank: FakeBank) -> None:
        payment = paid(total_fen=9_900)
        bank.say("refund", Outcome.UNKNOWN)

        page = submit(finance, form_of(payment), payment=payment.pk, amount="20", reason="破损")

        assert "do not refund a second time" in text_of(page)
        assert Refund.objects.get().status == "unknown"

    def test_twice_with_one_form_refunds_once_and_tells_both_the_same(self, finance: Client, bank: FakeBank) -> None:
        payment, key = paid(total_fen=9_900), new_once_key()

        typed = {"payment": payment.pk, "amount": "99", "reason": "破损"}
        pages = [submit(finance, form_of(payment), key, **typed) for _click in range(2)]

        assert len(bank.asked("refund")) == Refund.objects.count() == 1
        told = [f"￥99.00 went back to the customer ({Refund.objects.get().refund_no})." in text_of(it) for it in pages]
        assert told == [True, True]

    def test_with_a_key_that_was_not_made_here_refunds_nothing(self, finance: Client) -> None:
        payment = paid(total_fen=9_900)

        page = submit(finance, form_of(payment), "made up", payment=payment.pk, amount="99", reason="破损")

        assert page.status_code == 422
        assert not Refund.objects.exists()

    def test_without_a_reason_refunds_nothing(self, finance: Client) -> None:
        payment = paid(total_fen=9_900)

        assert submit(finance, form_of(payment), payment=payment.pk, amount="20").status_code == 422
        assert not Refund.objects.exists()

    def test_of_more_than_is_left_says_how_much_is_left(self, finance: Client) -> None:
        payment = paid(total_fen=9_900)

        page = submit(finance, form_of(payment), payment=payment.pk, amount="99.01", reason="破损")

        assert page.status_code == 422
        assert "Of this payment, ￥99.00 can be refunded" in text_of(page)

    def test_above_the_cap_of_the_role_waits_for_somebody_else(self, bank: FakeBank) -> None:
        payment = paid(total_fen=60_000)

        page = submit(signed_in(Role.SUPPORT), form_of(payment), payment=payment.pk, amount="500.01", reason="破损")

        refund = Refund.objects.get()
        assert refund.status == "pending_approval"
        assert f"Refund {refund.refund_no} of ￥500.01 awaits approval." in text_of(page)
        assert not bank.asked("refund")

    def test_by_a_role_without_the_right_is_forbidden(self) -> None:
        payment = paid(total_fen=9_900)

        page = submit(signed_in(Role.WAREHOUSE), form_of(payment), payment=payment.pk, amount="1", reason="破损")

        assert page.status_code == 403
        assert not Refund.objects.exists()


class TestLargeAmounts:
    @pytest.fixture(autouse=True)
    def _retype_above_one_hundred(self) -> None:
        shop()
        ShopSettings.objects.update(retype_above_fen=10_000)

    @pytest.mark.parametrize("again", ["", "200.00"])
    def test_are_to_be_typed_again(self, finance: Client, again: str) -> None:
        payment = paid(total_fen=30_000)

        page = submit(finance, form_of(payment), payment=payment.pk, amount="300", again=again, reason="破损")

        assert "Above ￥100.00, type the same amount once more." in text_of(page)
        assert not Refund.objects.exists()

    def test_typed_again_go_back(self, finance: Client) -> None:
        payment = paid(total_fen=30_000)

        submit(finance, form_of(payment), payment=payment.pk, amount="300", again="300.00", reason="破损")

        assert Refund.objects.get().amount_fen == 30_000

    def test_are_asked_for_once_only_when_small(self, finance: Client) -> None:
        payment = paid(total_fen=10_000)

        assert 'name="again"' not in finance.get(form_of(payment)).content.decode()


class TestShares:
    def test_take_the_goods_first_and_the_shipping_fee_with_the_last(self, finance: Client) -> None:
        payment = paid(lines=CUP_AND_TEA, shipping_fen=1_000)

        submit(finance, form_of(payment), payment=payment.pk, amount="90", reason="破损")
        submit(finance, form_of(payment), payment=payment.pk, amount="10", reason="破损")

        assert list(Refund.objects.order_by("pk").values_list("shipping_fen", flat=True)) == [0, 1_000]

    def test_give_back_the_shipping_fee_alone_when_told(self, finance: Client) -> None:
        payment = paid(lines=CUP_AND_TEA, shipping_fen=1_000)

        submit(finance, form_of(payment), payment=payment.pk, amount="10", shipping="10", reason="破损")

        assert Refund.objects.get().shipping_fen == 1_000
        assert not RefundLine.objects.exists()

    def test_of_chosen_lines_need_no_amount(self, finance: Client) -> None:
        payment = paid(lines=CUP_AND_TEA)
        tea = OrderLine.objects.get(order=payment.order, title="茶")

        submit(finance, form_of(payment), payment=payment.pk, amount="", reason="破损", **{f"line_{tea.pk}": "30"})

        assert list(RefundLine.objects.values_list("line", "amount_fen")) == [(tea.pk, 3_000)]

    def test_that_do_not_add_up_are_refused_with_both_sums(self, finance: Client) -> None:
        payment = paid(lines=CUP_AND_TEA)
        tea = OrderLine.objects.get(order=payment.order, title="茶")
        chosen = {f"line_{tea.pk}": "30"}

        page = submit(finance, form_of(payment), payment=payment.pk, amount="31", reason="破损", **chosen)

        assert "add up to ￥30.00, not to ￥31.00" in text_of(page)


class TestAskingAgain:
    def test_settles_a_refund_of_unknown_outcome(self, finance: Client, bank: FakeBank) -> None:
        payment = paid(total_fen=9_900)
        bank.say("refund", Outcome.UNKNOWN)
        submit(finance, form_of(payment), payment=payment.pk, amount="99", reason="破损")
        refund = Refund.objects.get()
        bank.say("query_refund", Outcome.SUCCEEDED)

        page = submit(finance, address("payments_refund_ask", refund.pk))

        refund.refresh_from_db()
        assert refund.status == "succeeded"
        assert "went back to the customer" in text_of(page)
        assert len(bank.asked("refund")) == 1

    def test_of_a_settled_one_is_not_offered(self, finance: Client) -> None:
        payment = paid(total_fen=9_900)
        submit(finance, form_of(payment), payment=payment.pk, amount="99", reason="破损")

        assert "It is settled." in text_of(finance.get(address("payments_refund_ask", Refund.objects.get().pk)))


class TestTheButton:
    def test_says_that_money_collected_elsewhere_is_refunded_there(self, finance: Client) -> None:
        order = OrderFactory.create(category="completed", import_job=a_job())

        page = finance.get(address("orders_order_refund", order.pk))

        assert "Its money was collected elsewhere; refund it there." in text_of(page)

    def test_stands_on_the_payment_too(self, finance: Client) -> None:
        payment = paid(total_fen=9_900)

        submit(finance, address("payments_payment_refund", payment.pk), payment=payment.pk, amount="9", reason="破损")

        assert Refund.objects.get().amount_fen == 900

    def test_is_too_late_after_the_gateways_window(self, finance: Client) -> None:
        payment = paid_payment(at=NOON - timedelta(days=500))
        Payment.objects.update(paid_at=NOON - timedelta(days=500))

        page = submit(finance, form_of(payment), payment=payment.pk, amount="9", reason="破损")

        assert "takes refunds for 365 days" in text_of(page)
