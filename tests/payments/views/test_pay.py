from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from kernel.shop import shop
from orders.models import Order
from payments.gateways import Outcome
from payments.models import Payment
from payments.services import create_link, settle
from tests.factories import AccountFactory, OrderFactory, PaymentFactory, report_on
from tests.helpers import NOON, frozen
from tests.payments.fakes import FakeBank, message
from tests.payments.services.test_notifications import post

pytestmark = pytest.mark.django_db

DESKTOP = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/140"}
PHONE = {"user-agent": "Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537.36"}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with frozen() as clock:
        yield clock


@pytest.fixture
def path() -> str:
    """The pay page of an order of 99 yuan, at a shop with one account."""
    AccountFactory.create()
    return link_to(OrderFactory.create(total_fen=9_900))


def link_to(order: Order) -> str:
    url = create_link(order_id=order.pk, by=None, at=NOON)[1]
    return re.sub(r"^https?://[^/]+", "", url)


def get(path: str, *, headers: dict[str, str] = DESKTOP, language: str = "en") -> Any:
    client = Client(headers=headers)
    client.cookies["django_language"] = language
    return client.get(path)


def text(response: Any) -> str:
    return str(response.content.decode())


class TestThePage:
    def test_opens_with_a_code_to_scan_on_a_computer(self, path: str) -> None:
        page = text(get(path))

        assert "<svg" in page
        assert "￥99.00" in page
        assert shop().name in page
        assert Payment.objects.get().method == "qr"

    def test_opens_with_a_button_on_a_phone_and_asks_no_gateway(self, path: str, bank: FakeBank) -> None:
        page = text(get(path, headers=PHONE))

        assert "Pay with Fake" in page
        assert not bank.calls

    def test_makes_one_attempt_however_often_it_is_loaded(self, path: str) -> None:
        for _ in range(3):
            get(path)

        assert Payment.objects.count() == 1

    def test_speaks_chinese_unless_asked_otherwise(self, path: str) -> None:
        assert 'lang="zh-hans"' in text(Client(headers=DESKTOP).get(path))

    def test_switches_language_and_remembers(self, path: str) -> None:
        client = Client(headers=DESKTOP)

        assert client.get(f"{path}?lang=en").headers["location"] == path
        assert '<html lang="en">' in text(client.get(path))

    def test_shows_no_personal_data(self, path: str) -> None:
        order = Order.objects.get()
        page = text(get(path))

        for private in (order.recipient_name, order.recipient_phone, order.detail, order.customer.name):
            assert private not in page

    def test_is_kept_by_nobody_and_told_to_nobody(self, path: str) -> None:
        headers = get(path).headers

        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in headers["X-Robots-Tag"]

    def test_runs_no_script_but_its_own(self, path: str) -> None:
        response = get(path)
        policy = response.headers["Content-Security-Policy"]

        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        page = text(response)
        assert re.findall(r"<script(?![^>]*src=)", page) == []
        assert re.findall(r"<[^>]+\s(?:style|on\w+)=", page) == []

    def test_sets_no_cookie(self, path: str) -> None:
        assert not Client(headers=DESKTOP).get(path).cookies

    def test_says_who_can_be_called(self, path: str) -> None:
        settings = shop()
        settings.service_phone = "400-123"
        settings.save()

        assert "tel:400-123" in text(get(path))

    def test_is_friendly_about_a_link_that_leads_nowhere(self) -> None:
        response = get("/pay/nobody-knows-this/")

        assert (response.status_code, "not valid" in text(response)) == (404, True)

    def test_is_friendly_about_a_link_that_is_too_old(self, path: str, clock: time_machine.Traveller) -> None:
        clock.shift(timedelta(days=31))

        assert get(path).status_code == 410

    def test_lets_nobody_guess_links(self) -> None:
        answers = [get(f"/pay/guess-{number}/").status_code for number in range(25)]

        assert (answers[0], answers[-1]) == (404, 429)

    def test_lets_nobody_hammer_one_link(self, path: str) -> None:
        answers = [get(path, headers=PHONE).status_code for _ in range(62)]

        assert (answers[0], answers[-1]) == (200, 429)

    def test_costs_a_bounded_number_of_queries(self, path: str, django_assert_max_num_queries: Any) -> None:
        get(path)

        with django_assert_max_num_queries(10):
            get(path)


class TestItsStates:
    def test_says_paid(self, path: str) -> None:
        get(path)
        payment = Payment.objects.get()
        settle(report=report_on(payment), account_id=payment.account_id, at=NOON)

        page = text(get(path))
        assert "Paid" in page
        assert "<svg" not in page

    def test_says_paid_even_where_another_attempt_is_still_open_or_paid_twice(self, path: str) -> None:
        get(path)
        payment = Payment.objects.get()
        other = PaymentFactory.create(order=payment.order, account=payment.account, method="page")
        for paid in (payment, other):
            settle(report=report_on(paid), account_id=paid.account_id, at=NOON)

            page = text(get(path))
            assert "Paid" in page
            assert "<svg" not in page

    def test_says_closed(self, path: str) -> None:
        Order.objects.update(category="closed", state="closed")

        assert "This order is closed" in text(get(path))

    def test_offers_a_new_code_once_the_old_one_is_too_old(self, path: str) -> None:
        get(path)
        Payment.objects.update(expires_at=NOON)

        page = text(get(path))
        assert "Fake: get a new QR code" in page
        assert Payment.objects.count() == 1  # only when asked for

    def test_offers_another_try_after_a_failure(self, path: str) -> None:
        get(path)
        Payment.objects.update(status="failed")

        assert "The payment failed" in text(get(path))

    def test_never_shows_a_second_code_while_money_is_being_looked_at(self, path: str) -> None:
        get(path)
        payment = Payment.objects.get()
        settle(report=report_on(payment, amount_fen=1), account_id=payment.account_id, at=NOON)

        page = text(get(path))
        assert "do not pay again" in page
        assert "<svg" not in page

    def test_never_shows_a_code_while_a_success_waits_in_the_inbox(self, path: str) -> None:
        get(path)
        payment = Payment.objects.get()
        post(payment.account, message(payment.payment_no))

        assert "do not pay again" in text(get(path))

    def test_says_that_the_time_is_over(self, path: str, clock: time_machine.Traveller) -> None:
        clock.shift(timedelta(minutes=30))

        page = text(get(path))
        assert "The time to pay is over" in page
        assert not Payment.objects.exists()

    def test_says_why_there_is_no_code(self, path: str, bank: FakeBank) -> None:
        bank.say("create", Outcome.UNKNOWN)

        page = text(get(path))
        assert "Try again in a minute" in page
        assert "Fake: show the QR code" in page

    def test_says_that_the_shop_takes_no_payments(self) -> None:
        path = link_to(OrderFactory.create())

        assert "takes no payments online" in text(get(path))

    def test_explains_what_wechat_does_not_open(self, path: str) -> None:
        assert "WeChat" in text(get(path, headers={"user-agent": "Mobile MicroMessenger/8.0"}))


class TestItsStatus:
    def status(self, path: str, key: str = "") -> dict[str, Any]:
        told: dict[str, Any] = json.loads(get(f"{path}status?key={key}").content)
        return told

    def test_says_nothing_while_nothing_has_changed(self, path: str) -> None:
        get(path)
        key = self.status(path)["key"]

        assert self.status(path, key) == {"key": key, "final": False}

    def test_brings_the_words_when_the_money_has_come(self, path: str) -> None:
        get(path)
        key = self.status(path)["key"]
        payment = Payment.objects.get()
        settle(report=report_on(payment), account_id=payment.account_id, at=NOON)

        told = self.status(path, key)

        assert (told["final"], "Paid" in told["html"]) == (True, True)

    def test_starts_nothing(self, path: str, bank: FakeBank) -> None:
        self.status(path)

        assert not bank.calls

    def test_is_cheap(self, path: str, django_assert_max_num_queries: Any) -> None:
        get(path)
        key = self.status(path)["key"]

        with django_assert_max_num_queries(5):
            self.status(path, key)


class TestItsButtons:
    def test_takes_the_customer_to_the_gateway_without_a_form_that_leaves_this_host(self, path: str) -> None:
        response = Client(headers=PHONE).post(f"{path}start", {"by": "fake.wap"})

        payment = Payment.objects.get()
        assert payment.method == "wap"
        assert f'content="0;url=https://pay.example/{payment.payment_no}"' in text(response)

    def test_sends_the_browser_back_to_this_page(self, path: str, bank: FakeBank) -> None:
        Client(headers=PHONE).post(f"{path}start", {"by": "fake.wap"})

        assert bank.asked("create")[0].return_url.endswith(f"{path}return")

    def test_needs_no_session_and_no_token_of_django(self, path: str) -> None:
        client = Client(enforce_csrf_checks=True, headers={**DESKTOP, "origin": "null"})

        assert client.post(f"{path}start", {"by": "fake.qr"}).status_code == 302

    @pytest.mark.parametrize("method", ["", "cash", "fake.cash", "alipay.qr"])
    def test_refuses_a_way_to_pay_that_is_not_offered(self, path: str, method: str) -> None:
        client = Client(headers=DESKTOP)
        client.cookies["django_language"] = "en"

        assert "not available" in text(client.post(f"{path}start", {"by": method}))

    def test_lets_nobody_open_attempts_without_end(self, path: str) -> None:
        answers = [Client().post(f"{path}start", {"by": "fake.qr"}).status_code for _ in range(14)]

        assert answers[-1] == 429

    @pytest.mark.parametrize("door", ["check", "return"])
    def test_coming_back_proves_nothing_and_has_the_gateway_asked(self, path: str, door: str) -> None:
        get(path)
        client = Client(headers=DESKTOP)
        client.cookies["django_language"] = "en"

        response: Any = client.post(f"{path}check") if door == "check" else client.get(f"{path}return?out_trade_no=x")

        payment, order = Payment.objects.get(), Order.objects.get()
        assert (payment.query_due_at, order.payment_status) == (NOON, "unpaid")
        assert response.status_code == (302 if door == "check" else 200)

    @pytest.mark.parametrize(("door", "method"), [("start", "get"), ("check", "get"), ("", "post"), ("status", "post")])
    def test_every_door_takes_its_own_kind_of_request(self, path: str, door: str, method: str) -> None:
        assert getattr(Client(), method)(f"{path}{door}").status_code == 405
