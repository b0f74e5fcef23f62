"""Which ways to pay come first on which device, and how the page hands the customer on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.test import Client

from payments.gateways import GATEWAYS, CreateRequest, GatewayEvent, NextAction, guard_no_transaction
from payments.models import Payment
from tests.factories import AccountFactory, OrderFactory
from tests.helpers import frozen
from tests.payments.fakes import FakeBank, FakeGateway

from .test_pay import DESKTOP, PHONE, get, link_to, text

pytestmark = pytest.mark.django_db

WECHAT = {"user-agent": "Mozilla/5.0 (Linux; Android 15) Mobile MicroMessenger/8.0"}
FIELDS = {"orderId": "P1", "name": "a&b <c>", "signature": "x+y/z=="}


class WalletGateway(FakeGateway):
    """Has a page inside its own app, links that end early, and a form for computers."""

    code = "wallet"
    label = "Wallet"
    capabilities = replace(
        FakeGateway.capabilities, methods=frozenset({"qr", "h5", "jsapi", "page"}), asks_payer=frozenset({"jsapi"})
    )

    def create(self, *, request: CreateRequest) -> tuple[GatewayEvent, NextAction]:
        event, action = super().create(request=request)
        if request.method == "page":
            return event, NextAction(kind="form", data={"url": "https://gate.wallet.example/front.do", **FIELDS})
        if request.method == "jsapi":
            return event, NextAction(kind="jsapi", data={"appId": "wx1", "paySign": request.payment_no})
        return event, action

    def payer_login(self, *, return_url: str, state: str) -> str:
        return f"https://login.wallet.example/?back={return_url}&state={state}"

    def payer_of(self, *, code: str) -> str:
        guard_no_transaction()
        return "" if code == "used" else f"person-{code}"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    monkeypatch.setitem(GATEWAYS, WalletGateway.code, WalletGateway)
    with frozen() as clock:
        yield clock


@pytest.fixture
def path() -> str:
    AccountFactory.create(position=0)
    AccountFactory.create(position=1, gateway="wallet", methods=["page", "qr", "h5", "jsapi"])
    return link_to(OrderFactory.create(total_fen=9_900))


def offered(page: str) -> list[str]:
    return re.findall(r'name="by" value="([^"]+)"', page)


def begin(path: str, by: str, headers: dict[str, str] = DESKTOP) -> Any:
    client = Client(headers=headers)
    client.cookies["django_language"] = "en"
    return client.post(f"{path}start", {"by": by})


def logged_in(path: str) -> str:
    """Where the wallet sends the browser back to, without the code."""
    page = text(begin(path, "wallet.jsapi", WECHAT)).replace("&amp;", "&")
    query = parse_qs(urlsplit(re.findall(r'id="go" href="([^"]+)"', page)[0]).query)
    return f"{urlsplit(query['back'][0]).path}?state={query['state'][0]}"


class TestTheOrderOfTheWays:
    @pytest.mark.parametrize(
        ("device", "ways"),
        [
            (DESKTOP, ["fake.qr", "wallet.qr", "fake.page", "wallet.page"]),
            (PHONE, ["fake.wap", "wallet.h5", "fake.qr", "wallet.qr"]),
            (WECHAT, ["wallet.jsapi", "fake.wap", "fake.qr", "wallet.qr"]),
        ],
    )
    def test_is_the_devices_and_then_the_merchants(self, path: str, device: dict[str, str], ways: list[str]) -> None:
        assert offered(text(get(path, headers=device))) == ways

    def test_a_code_stands_below_the_choice_of_wallets_with_its_own_marked(self, path: str) -> None:
        begin(path, "wallet.qr")
        page = text(get(f"{path}?by=wallet.qr"))

        marked = re.findall(r'value="([^"]+)"><button type="submit" class="tab" aria-current="true"', page)
        assert marked == ["wallet.qr"]
        assert "Scan it with Wallet" in page
        assert page.index('class="tabs"') < page.index("<svg")

    def test_the_choice_is_asked_about_by_the_script_too(self, path: str) -> None:
        begin(path, "wallet.qr")
        get(path)

        page = text(get(f"{path}?by=wallet.qr"))
        poll = re.findall(r'data-status="([^"]+)"', page)[0]
        key = re.findall(r'data-key="([^"]+)"', page)[0]
        assert "html" not in text(get(f"{poll}&key={key}"))


class TestAForm:
    def test_is_posted_unchanged_to_where_the_policy_lets_it_go(self, path: str) -> None:
        response = begin(path, "wallet.page")

        page = text(response)
        assert '<form id="go" method="post" action="https://gate.wallet.example/front.do"' in page
        for name, value in (("name", "a&amp;b &lt;c&gt;"), ("signature", "x+y/z==")):
            assert f'name="{name}" value="{value}"' in page
        policy = response.headers["Content-Security-Policy"]
        assert "form-action 'self' https://gate.wallet.example https://*.wallet.example" in policy
        assert "unsafe" not in policy
        assert "<button" in page  # where there is no script

    def test_leads_nowhere_else_from_any_other_page(self, path: str) -> None:
        begin(path, "wallet.page")

        assert "form-action 'self';" in f"{get(path).headers['Content-Security-Policy']};"

    def test_comes_back_by_a_post_that_proves_nothing(self, path: str) -> None:
        begin(path, "wallet.page")
        response = Client(enforce_csrf_checks=True).post(f"{path}return", {"respCode": "00"})

        assert (response.status_code, response.headers["location"]) == (303, f"{path}return")
        assert Payment.objects.get().status == "pending"


class TestAPhonesLink:
    def test_tells_the_gateway_from_which_shop_it_comes_and_not_the_link(self, path: str) -> None:
        response = begin(path, "wallet.h5", PHONE)

        page = text(response)
        assert response.headers["Referrer-Policy"] == "strict-origin"
        assert '<meta name="referrer" content="strict-origin">' in page
        assert "noreferrer" not in page

    def test_every_other_hop_tells_nothing(self, path: str) -> None:
        assert begin(path, "fake.wap", PHONE).headers["Referrer-Policy"] == "no-referrer"


class TestInsideTheWallet:
    def test_the_wallet_is_asked_first_who_pays(self, path: str, bank: FakeBank) -> None:
        page = text(begin(path, "wallet.jsapi", WECHAT))

        assert "https://login.wallet.example/" in page
        assert not bank.calls

    def test_its_own_call_is_made_with_what_the_gateway_gave(self, path: str, bank: FakeBank) -> None:
        page = text(get(f"{logged_in(path)}&code=anna", headers=WECHAT))

        payment = Payment.objects.get()
        assert bank.asked("create")[0].payer_ref == "person-anna"
        assert f'data-call-paySign="{payment.payment_no}"' in page
        assert "not open inside WeChat" in page  # hidden until the script finds it so

    def test_who_turned_away_sees_what_there_is_to_pay(self, path: str) -> None:
        page = text(get(f"{logged_in(path)}&code=anna", headers=WECHAT))

        assert "￥99.00" in page
        assert Payment.objects.get().order.order_no in page

    def test_who_pays_is_neither_kept_nor_shown(self, path: str) -> None:
        response = get(f"{logged_in(path)}&code=anna", headers=WECHAT)

        assert "person-anna" not in text(response) + str(Payment.objects.values().get())
        assert not response.cookies

    def test_the_same_person_again_gets_the_same_attempt(self, path: str) -> None:
        for code in ("anna", "anna", "bert"):
            get(f"{logged_in(path)}&code={code}", headers=WECHAT)

        assert Payment.objects.count() == 2

    @pytest.mark.parametrize("spoil", ["no code", "used code", "no state", "another state", "another link", "too late"])
    def test_nothing_is_begun_for_a_login_that_is_not_ours(
        self, path: str, spoil: str, clock: time_machine.Traveller, bank: FakeBank
    ) -> None:
        back = f"{logged_in(path)}&code=anna"
        match spoil:
            case "no code":
                back = back.replace("&code=anna", "")
            case "used code":
                back = back.replace("anna", "used")
            case "no state":
                back = back.replace("state=", "other=")
            case "another state":
                back = re.sub(r"(.)&code", lambda it: ("1" if it[1] == "0" else "0") + "&code", back)
            case "another link":
                back = back.replace(path, link_to(OrderFactory.create()))
            case "too late":
                clock.shift(timedelta(minutes=11))

        response = get(back, headers=WECHAT)

        assert "did not say who pays" in text(response)
        assert not bank.calls
