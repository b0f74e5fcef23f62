"""Orders paid on the pay page by WeChat Pay and UnionPay, over HTTP, at gateways that are played by the sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.test import Client
from pytest_django import Settings

from backoffice.console.demo.stage import UNIONPAY, WECHATPAY, Play, open_account
from kernel.clock import now
from orders.models import Order
from payments import services
from payments.gateways import Ack
from payments.models import GatewayAccount, Payment
from payments.services import Share
from sandbox.testing import RunningSandbox
from tests.factories import OrderFactory
from tests.gateways.letterbox import Letterbox

pytestmark = [pytest.mark.django_db, pytest.mark.once]

COMPUTER = "Mozilla/5.0 (X11; Linux x86_64) Chrome/140"
PHONE = "Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537.36"
WECHAT = f"{PHONE} MicroMessenger/8.0.50"
TOTAL_FEN, PART_FEN = 9_900, 2_500


@pytest.fixture(scope="module")
def bank_in_town() -> Iterator[RunningSandbox]:
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def letterbox() -> Iterator[Letterbox]:
    box = Letterbox(ack=Ack(status=200, body=b"ok", content_type="text/plain"))
    yield box
    box.close()


@pytest.fixture
def town(bank_in_town: RunningSandbox, letterbox: Letterbox, settings: Settings) -> Town:
    parts = urlsplit(letterbox.url)
    settings.PUBLIC_URL = f"{parts.scheme}://{parts.netloc}"
    return Town(bank_in_town, letterbox)


class Town:
    """A shop with its pay page, the gateways, and the post between them."""

    def __init__(self, gateway: RunningSandbox, letterbox: Letterbox) -> None:
        self.gateway = gateway
        self.letterbox = letterbox
        self.delivered = len(letterbox.received)
        self.browser = httpx.Client(trust_env=False, follow_redirects=True)

    def opens(self, play: Play) -> GatewayAccount:
        return open_account(play, self.gateway.credentials_of(play.gateway), position=0, at=now())

    def sells(self) -> str:
        """:return: the pay page of the order"""
        order = OrderFactory.create(total_fen=TOTAL_FEN, payment_due_at=now() + timedelta(minutes=30))
        return urlsplit(services.create_link(order_id=order.pk, by=None, at=now())[1]).path

    def delivers(self) -> None:
        """What gateways have sent comes to our door, and is worked on."""
        self.gateway.settle()
        waiting = self.letterbox.received[self.delivered :]
        self.delivered += len(waiting)
        account = GatewayAccount.objects.get()
        for request in waiting:
            headers = {name: value for name, value in request.headers.items() if name.lower() != "content-length"}
            kind = headers.pop("Content-Type")
            answer = Client().post(
                f"/webhooks/{account.webhook_key}/", request.body, content_type=kind, headers=headers
            )
            assert answer.status_code == 200, answer.content
        services.apply_notifications(at=now(), limit=50)
        for payment in Payment.objects.open():
            services.ask_soon(payment_id=payment.pk, at=now())
        services.run_query_ladder(at=now(), limit=10)

    def gives_back(self, amount_fen: int) -> None:
        payment = Payment.objects.get(status=Payment.Status.SUCCEEDED)
        refund = services.request_refund(
            payment_id=payment.pk,
            share=Share(amount_fen=amount_fen),
            reason="少发一件",
            key=f"{payment.pk}:{amount_fen}",
            by=None,
            at=now(),
        )
        services.send_refund(refund_id=refund.pk, at=now())
        self.gateway.advance(60)
        services.ask_refund(refund_id=refund.pk, at=now())
        self.gateway.settle()

    def books(self, gateway: str) -> tuple[int, int]:
        """Paid and refunded, as the gateway has them of the one payment there is."""
        payment = Payment.objects.get(status=Payment.Status.SUCCEEDED)
        rows = self.gateway.ledger(gateway)["trades"]
        found = next(it for it in rows if it["out_trade_no"] == payment.payment_no)
        return found["paid_fen"], found["refunded_fen"]


def page(path: str, *, agent: str) -> Any:
    client = Client(headers={"user-agent": agent})
    client.cookies["django_language"] = "en"
    return client.get(path)


def begun(path: str, by: str, *, agent: str) -> Any:
    client = Client(headers={"user-agent": agent}, REMOTE_ADDR="203.0.113.9")
    client.cookies["django_language"] = "en"
    return client.post(f"{path}start", {"by": by})


def fields_of(html: str) -> tuple[str, dict[str, str]]:
    """Of the one form that leads on: where it goes, and what is hidden in it."""
    action = re.search(r'action="(https?://[^"]+)"', html)
    assert action is not None, html
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html)
    return unescape(action[1]), {name: unescape(value) for name, value in hidden}


def link_of(html: str) -> str:
    found = re.search(r'id="go" href="([^"]+)"', html)
    assert found is not None, html
    return unescape(found[1])


def assert_paid_and_given_back(town: Town, path: str, *, gateway: str) -> None:
    """From the notification on: the order is paid, then refunded in part and in whole, and both sides' books agree."""
    town.delivers()
    order = Order.objects.get()
    assert (order.paid_fen, order.payment_status) == (TOTAL_FEN, "paid")
    assert "Paid" in page(path, agent=COMPUTER).content.decode()

    for amount_fen in (PART_FEN, TOTAL_FEN - PART_FEN):
        town.gives_back(amount_fen)
        payment = Payment.objects.get(status=Payment.Status.SUCCEEDED)
        assert town.books(gateway) == (payment.amount_fen, payment.refunded_fen)
    assert Order.objects.get().refunded_fen == TOTAL_FEN
    assert [it for found in services.check_books(at=now()) for it in found] == []


class TestWechatPay:
    def test_is_paid_by_a_code_on_the_screen(self, town: Town) -> None:
        town.opens(WECHATPAY)
        path = town.sells()

        assert "<svg" in page(path, agent=COMPUTER).content.decode()
        code = Payment.objects.get().next_action["data"]["content"]
        cashier = town.browser.get(f"{town.gateway.url}/wechatpay/scan", params={"code_url": code})
        town.browser.post(str(cashier.url), data={"action": "pay"})

        assert_paid_and_given_back(town, path, gateway="wechatpay")

    def test_is_paid_on_a_phone_that_says_where_it_comes_from(self, town: Town) -> None:
        town.opens(WECHATPAY)
        path = town.sells()

        response = begun(path, "wechatpay.h5", agent=PHONE)
        assert response.headers["Referrer-Policy"] == "strict-origin"  # so that a browser tells what follows
        came_from = {"referer": "http://shop.example/"}
        cashier = town.browser.get(link_of(response.content.decode()), headers=came_from)
        assert cashier.status_code == 200
        town.gateway.pay(Payment.objects.get().payment_no)
        town.delivers()

        assert Order.objects.get().payment_status == "paid"

    def test_is_paid_inside_wechat_which_tells_who_pays(self, town: Town) -> None:
        town.opens(WECHATPAY)
        path = town.sells()

        login = link_of(begun(path, "wechatpay.jsapi", agent=WECHAT).content.decode())
        assert not Payment.objects.exists()
        back = urlsplit(town.browser.get(login, follow_redirects=False).headers["location"])
        wallet = page(f"{back.path}?{back.query}", agent=WECHAT).content.decode()
        asked = {name: unescape(it) for name, it in re.findall(r'data-call-(\w+)="([^"]*)"', wallet)}
        cashier = town.browser.get(f"{town.gateway.url}/wechatpay/jsapi", params=asked)
        town.browser.post(str(cashier.url.copy_with(query=None)), data={"action": "pay"})
        payment = Payment.objects.get()
        town.gateway.pay(payment.payment_no)
        town.delivers()

        assert Order.objects.get().payment_status == "paid"
        payer = Payment.objects.values().get(pk=payment.pk)
        assert "openid" not in str(payer)
        assert len(payment.payer_hash) == 32  # a keyed hash, and nothing of the name that WeChat told


class TestUnionPay:
    def test_is_paid_on_its_own_page(self, town: Town) -> None:
        town.opens(UNIONPAY)
        path = town.sells()

        response = begun(path, "unionpay.page", agent=COMPUTER)
        url, hidden = fields_of(response.content.decode())
        assert f"form-action 'self' {town.gateway.url}" in response.headers["Content-Security-Policy"]
        cashier = town.browser.post(url, data=hidden)
        returned = town.browser.post(str(cashier.url), data={"action": "pay"})
        front_url, signed = fields_of(returned.text)
        assert Client().post(urlsplit(front_url).path, signed).status_code == 303

        assert_paid_and_given_back(town, path, gateway="unionpay")

    def test_is_paid_by_a_code_on_the_screen(self, town: Town) -> None:
        town.opens(UNIONPAY)
        path = town.sells()

        assert "<svg" in page(path, agent=COMPUTER).content.decode()
        cashier = town.gateway.trade(Payment.objects.get().payment_no)["cashier_url"]
        town.browser.get(cashier)
        town.browser.post(cashier, data={"action": "pay"})

        assert_paid_and_given_back(town, path, gateway="unionpay")
