"""Refunds that a person settles, and money that went back outside the gateway."""

from __future__ import annotations

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from kernel.clock import now
from kernel.once import new_once_key
from payments.gateways import Outcome
from payments.models import Refund
from payments.services import Share, book_imported, request_refund, send_refund
from tests.factories import OrderFactory, a_job, paid_payment
from tests.payments.fakes import FakeBank

from .staff import address, signed_in, submit, text_of

pytestmark = pytest.mark.django_db


def halted(bank: FakeBank, outcome: Outcome = Outcome.REQUIRES_ACTION) -> Refund:
    bank.say("refund", outcome)
    payment = paid_payment(order__total_fen=9_900)
    share = Share(amount_fen=4_000)
    refund = request_refund(payment_id=payment.pk, share=share, reason="破损", key="k", by=None, at=now())
    return send_refund(refund_id=refund.pk, at=now())


class TestSettlingByHand:
    @pytest.mark.parametrize(("outcome", "status"), [("refunded", "succeeded"), ("not_refunded", "failed")])
    def test_does_what_the_person_saw(self, finance: Client, bank: FakeBank, outcome: str, status: str) -> None:
        refund = halted(bank)

        submit(finance, address("payments_refund_settle", refund.pk), outcome=outcome, reason="截图 3")

        refund.refresh_from_db()
        assert (refund.status, refund.settled_reason) == (status, "截图 3")
        page = text_of(finance.get(address("payments_refund_change", refund.pk)))
        assert "截图 3" in page

    def test_wants_a_word_on_where_it_was_seen(self, finance: Client, bank: FakeBank) -> None:
        refund = halted(bank)

        page = submit(finance, address("payments_refund_settle", refund.pk), outcome="refunded", reason="")

        refund.refresh_from_db()
        assert (page.status_code, refund.status) == (422, "requires_action")

    def test_says_that_the_gateway_is_still_being_asked(self, finance: Client, bank: FakeBank) -> None:
        refund = halted(bank, Outcome.UNKNOWN)

        assert "unknown for an hour" in text_of(finance.get(address("payments_refund_settle", refund.pk)))

    @pytest.mark.parametrize("role", [Role.OPS, Role.SUPPORT, Role.MANAGER])
    def test_is_for_those_who_answer_for_the_money(self, bank: FakeBank, role: Role) -> None:
        refund = halted(bank)

        assert signed_in(role).get(address("payments_refund_settle", refund.pk)).status_code == 403


class TestSendingItElsewhere:
    def test_goes_to_the_card_that_was_typed(self, finance: Client, bank: FakeBank) -> None:
        refund = halted(bank)
        card = {"bank": "ICBC_DEBIT", "number": " 6222 0212 3456 7890 123 ", "holder": "张三"}

        submit(finance, address("payments_refund_redirect", refund.pk), to="card", **card)

        refund.refresh_from_db()
        assert refund.status == "processing"
        assert [it.bank_account for it in bank.detours] == ["6222021234567890123"]

    @pytest.mark.parametrize(
        "given",
        [
            {"to": "card"},
            {"to": "card", "bank": "ICBC_DEBIT", "number": "6222", "holder": "张三"},
            {"to": "card", "bank": "ICBC_DEBIT", "number": "6222021234567890123"},
            {},
        ],
    )
    def test_wants_a_whole_card(self, finance: Client, bank: FakeBank, given: dict[str, str]) -> None:
        refund = halted(bank)

        page = submit(finance, address("payments_refund_redirect", refund.pk), **given)

        assert (page.status_code, bank.detours) == (422, [])

    def test_goes_back_to_the_shop(self, finance: Client, bank: FakeBank) -> None:
        refund = halted(bank)

        submit(finance, address("payments_refund_redirect", refund.pk), to="shop")

        assert [it.bank_account for it in bank.detours] == [""]

    def test_is_the_next_step_of_a_refund_that_needs_a_person(self, finance: Client, bank: FakeBank) -> None:
        refund = halted(bank)

        assert "Send it elsewhere" in text_of(finance.get(address("payments_refund_change", refund.pk)))


class TestRecordingMoneyPaidBack:
    def test_books_it_and_shows_it_on_the_orders_page(self, finance: Client) -> None:
        payment = paid_payment(order__total_fen=9_900)

        submit(
            finance,
            address("orders_order_record_refund", payment.order_id),
            payment=payment.pk,
            amount="40",
            way="bank",
            reason="转账 8801",
        )

        text = text_of(finance.get(address("orders_order_change", payment.order_id)))
        assert "Paid ￥99.00 Paid back ￥40.00 Refunds in flight ￥0.00 Refundable ￥59.00" in text
        assert "转账 8801" in text
        assert "Bank transfer" in text

    def test_books_a_double_click_once(self, finance: Client) -> None:
        payment = paid_payment(order__total_fen=9_900)
        key, url = new_once_key(), address("orders_order_record_refund", payment.order_id)

        for _ in range(2):
            submit(finance, url, key, payment=payment.pk, amount="40", way="cash", reason="x")

        assert Refund.objects.get().amount_fen == 4_000

    def test_says_how_much_is_left(self, finance: Client) -> None:
        payment = paid_payment(order__total_fen=9_900)
        url = address("orders_order_record_refund", payment.order_id)

        page = submit(finance, url, payment=payment.pk, amount="99.01", shipping="0", way="cash", reason="x")

        assert not Refund.objects.exists()
        assert "￥99.00" in text_of(page)

    def test_offers_what_an_imported_order_collected_elsewhere(self, finance: Client) -> None:
        order = OrderFactory.create(category="completed", total_fen=9_900, import_job=a_job())
        book_imported(order_ids=[order.pk], at=now())
        url = address("orders_order_record_refund", order.pk)
        assert "Collected elsewhere, ￥99.00 of it left" in text_of(finance.get(url))

        submit(finance, url, payment="elsewhere", amount="99", way="other", reason="平台退款")

        order.refresh_from_db()
        assert order.payment_status == "refunded"
        assert "平台退款" in text_of(finance.get(address("orders_order_change", order.pk)))
