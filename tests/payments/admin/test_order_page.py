from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from backoffice.staff.matrix import Role
from kernel.clock import now
from orders.models import Order
from payments import services
from payments.gateways import Outcome
from payments.models import Payment, Refund
from payments.services import Share
from tests.factories import OrderFactory, PaymentFactory, paid_payment, report_on
from tests.payments.fakes import FakeBank

from .staff import address, queries_of, signed_in, submit, text_of

pytestmark = pytest.mark.django_db


def page_of(order: Order) -> str:
    return address("orders_order_change", order.pk)


def card_of(order: Order) -> str:
    return address("payments_of_order", order.pk)


def refunded(payment: Payment, *, amount_fen: int, key: str) -> Refund:
    share = Share(amount_fen=amount_fen)
    return services.request_refund(payment_id=payment.pk, share=share, reason="破损", key=key, by=None, at=now())


class TestTheCard:
    def test_sums_up_paid_refunded_in_flight_and_refundable(self, finance: Client) -> None:
        payment = paid_payment(order__total_fen=9_900)
        services.send_refund(refund_id=refunded(payment, amount_fen=2_000, key="a").pk, at=now())
        refunded(payment, amount_fen=1_000, key="b")

        text = text_of(finance.get(page_of(payment.order)))

        assert "Paid ￥99.00 Paid back ￥20.00 Refunds in flight ￥10.00 Refundable ￥69.00" in text

    def test_shows_what_the_gateway_said_of_a_refund_that_failed(self, finance: Client, bank: FakeBank) -> None:
        payment = paid_payment(order__total_fen=9_900)
        bank.say("refund", Outcome.FAILED, message="卖家余额不足")
        services.send_refund(refund_id=refunded(payment, amount_fen=2_000, key="a").pk, at=now())

        assert "卖家余额不足" in text_of(finance.get(page_of(payment.order)))

    def test_leaves_out_money_that_never_became_the_orders(self, finance: Client) -> None:
        order = OrderFactory.create(category="closed", total_fen=9_900)
        late = paid_payment(order=order)

        text = text_of(finance.get(page_of(order)))

        assert late.status == "succeeded"
        assert "Refundable ￥0.00" in text
        assert "unapplied: decide what to do" in text

    def test_is_not_shown_to_whoever_may_not_see_payments(self) -> None:
        payment = paid_payment()

        text = text_of(signed_in(Role.WAREHOUSE).get(page_of(payment.order)))

        assert "Payments and refunds" not in text
        assert payment.payment_no not in text

    def test_offers_only_what_the_role_may_do(self) -> None:
        payment = paid_payment()

        auditor = signed_in(Role.AUDITOR).get(page_of(payment.order)).content.decode()

        assert payment.payment_no in auditor
        assert address("payments_payment_query", payment.pk) not in auditor
        assert address("payments_payment_refund", payment.pk) not in auditor


class TestTheWholePage:
    @pytest.mark.parametrize("many", [1, 5])
    def test_costs_ten_queries_however_many_payments(self, many: int) -> None:
        order = OrderFactory.create(total_fen=9_900)
        first = paid_payment(order=order)
        PaymentFactory.create_batch(many, order=order, account=first.account)
        for number in range(many):
            refunded(first, amount_fen=100, key=str(number))

        assert queries_of(signed_in(Role.MANAGER), page_of(order)) <= 10


class TestTheCardByItself:
    def test_asks_again_while_the_customer_may_pay(self, finance: Client) -> None:
        order = OrderFactory.create()

        html = finance.get(card_of(order)).content.decode()

        assert 'hx-trigger="every 3s"' in html
        assert "updated at" in html

    def test_stops_asking_once_nothing_is_pending(self, finance: Client) -> None:
        payment = paid_payment()

        assert "hx-trigger" not in finance.get(f"{card_of(payment.order)}?seen=2").content.decode().replace(
            'hx-trigger="load"', ""
        )

    def test_stops_asking_once_one_attempt_has_paid_and_others_are_being_closed(self, finance: Client) -> None:
        payment = PaymentFactory.create()
        PaymentFactory.create(order=payment.order, account=payment.account, method="page")
        services.settle(report=report_on(payment), account_id=payment.account_id, at=now())
        payment.order.refresh_from_db()

        html = finance.get(f"{card_of(payment.order)}?seen={payment.order.history_seq}").content.decode()

        assert "every 3s" not in html

    def test_brings_the_rest_of_the_page_once_something_happened(self, finance: Client) -> None:
        payment = PaymentFactory.create()
        seen = payment.order.history_seq
        services.settle(report=report_on(payment), account_id=payment.account_id, at=now())
        here = f"http://testserver{page_of(payment.order)}?_changelist_filters=flag%3Dred"

        html = finance.get(f"{card_of(payment.order)}?seen={seen}", headers={"hx-current-url": here}).content.decode()

        assert f'hx-get="{page_of(payment.order)}?_changelist_filters=flag%3Dred" hx-trigger="load"' in html
        assert "Paid" in html

    def test_leaves_the_page_alone_while_nothing_happens(self, finance: Client) -> None:
        order = OrderFactory.create()

        html = finance.get(f"{card_of(order)}?seen={order.history_seq}").content.decode()

        assert 'hx-trigger="load"' not in html

    def test_is_forbidden_to_whoever_may_not_see_payments(self) -> None:
        assert signed_in(Role.WAREHOUSE).get(card_of(OrderFactory.create())).status_code == 403

    def test_costs_few_queries(self) -> None:
        payment = paid_payment()

        assert queries_of(signed_in(Role.MANAGER), card_of(payment.order)) <= 7


class TestPayLinks:
    def test_are_shown_once_with_a_code_to_scan(self, owner: Client) -> None:
        order = OrderFactory.create()

        page = submit(owner, address("orders_order_pay_link", order.pk))

        url = page.context["url"]
        assert services.open_link(token=url.rstrip("/").rpartition("/")[2], at=now()).order == order
        assert f'data-copy="{url}"' in page.content.decode()
        assert "<svg" in page.content.decode()
        assert url not in owner.get(page_of(order)).content.decode()

    def test_go_to_the_customer_by_their_phone(self, owner: Client) -> None:
        order = OrderFactory.create()

        page = submit(owner, address("orders_order_send_link", order.pk))

        assert "A pay link was sent to the customer." in text_of(owner.get(page_of(order)))
        assert "The link is on its way." in text_of(page)

    def test_are_refused_for_a_paid_order(self, owner: Client) -> None:
        payment = paid_payment()

        page = submit(owner, address("orders_order_pay_link", payment.order_id))

        assert page.status_code == 422
        assert "is not waiting for a payment" in text_of(page)

    def test_are_what_comes_next_for_an_unpaid_order(self, owner: Client) -> None:
        html = owner.get(page_of(OrderFactory.create())).content.decode()

        assert 'class="bo-button bo-primary"' in html
        assert html.index("pay-link") > html.index('class="bo-button bo-primary"')

    def test_may_not_be_made_by_finance(self, finance: Client) -> None:
        assert submit(finance, address("orders_order_pay_link", OrderFactory.create().pk)).status_code == 403


class TestAnOpenAttempt:
    def test_is_repaired_by_asking_the_gateway(self, finance: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("query", Outcome.SUCCEEDED, amount_fen=9_900)

        page = submit(finance, address("payments_payment_query", payment.pk))

        payment.order.refresh_from_db()
        assert payment.order.payment_status == "paid"
        assert "The gateway says: paid. It is booked." in text_of(page)

    def test_is_closed_at_the_gateway(self, finance: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create()

        submit(finance, address("payments_payment_close", payment.pk))

        payment.refresh_from_db()
        assert payment.status == "canceled"
        assert [it.payment_no for it in bank.asked("close")] == [payment.payment_no]

    def test_that_the_gateway_does_not_confirm_stays_open_and_says_so(self, finance: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create()
        bank.say("close", Outcome.UNKNOWN)
        bank.say("query", Outcome.UNKNOWN)

        page = submit(finance, address("payments_payment_close", payment.pk))

        assert page.status_code == 422
        assert "did not confirm" in text_of(page)

    def test_is_closed_before_the_order_is_edited(self, owner: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900)
        order = payment.order
        form: dict[str, Any] = {
            "version": order.version,
            "discount": "10",
            "adjustment": "0",
            "shipping": "0",
            "lines-TOTAL_FORMS": "1",
            "lines-INITIAL_FORMS": "0",
            "lines-0-title": "杯",
            "lines-0-unit_price": "99",
            "lines-0-quantity": "1",
        }

        page = submit(owner, address("orders_order_edit", order.pk), **form)

        payment.refresh_from_db()
        order.refresh_from_db()
        assert (payment.status, order.total_fen) == ("canceled", 8_900), text_of(page)[-400:]

    def test_that_was_just_paid_keeps_the_order_as_it_is(self, owner: Client, bank: FakeBank) -> None:
        payment = PaymentFactory.create(order__total_fen=9_900)
        bank.say("close", Outcome.FAILED)
        bank.say("query", Outcome.SUCCEEDED, amount_fen=9_900)

        with pytest.raises(services.OrderJustPaid):
            services.release_for_edit(order_id=payment.order_id, at=now())

        payment.order.refresh_from_db()
        assert payment.order.paid_fen == 9_900


class TestTheSearchBox:
    @pytest.mark.parametrize("number", ["payment_no", "gateway_trade_no"])
    def test_finds_an_order_by_the_numbers_of_its_payment(self, finance: Client, number: str) -> None:
        payment = paid_payment()

        page = finance.get(address("orders_order_changelist"), {"q": getattr(payment, number)})

        assert page.headers["Location"] == page_of(payment.order)

    def test_finds_an_order_by_its_refund(self, finance: Client) -> None:
        refund = refunded(paid_payment(), amount_fen=100, key="a")

        page = finance.get(address("orders_order_changelist"), {"q": refund.refund_no})

        assert page.headers["Location"] == page_of(refund.payment.order)  # type: ignore[union-attr]
