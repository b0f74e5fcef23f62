from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.app import Sandbox
from sandbox.box import Options
from sandbox.clock import DAY

from ..merchant import Hands, Mailbox
from .shop import PAY, Shop


class TestOrder:
    def test_goes_from_code_to_payment(self, shop: Shop, mailbox: Mailbox) -> None:
        placed = shop.native()
        before = shop.query()
        paid = shop.paid()
        after = shop.query()

        assert placed.content["code_url"].startswith("weixin://wxpay/bizpayurl?pr=")
        assert (before.content["trade_state"], before.content["amount"]["total"]) == ("NOTPAY", 100)
        assert (paid["state"], paid["paid_fen"]) == ("SUCCESS", 100)
        assert after.content["trade_state"] == "SUCCESS"
        assert after.content["amount"] == {"total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY"}
        assert after.content["success_time"].endswith("+08:00")
        assert all(shop.trusts_answer(reply) for reply in (placed, before, after))
        assert len(mailbox.letters) == 1

    def test_is_found_by_either_number(self, shop: Shop) -> None:
        paid = shop.paid()

        found = shop.call("GET", f"{PAY}/id/{paid['transaction_id']}?mchid={shop.mchid}")

        assert found.content["out_trade_no"] == "ORDER1"
        assert len(paid["transaction_id"]) == 28

    def test_is_unknown_until_it_is_placed(self, shop: Shop) -> None:
        assert shop.query().verdict == (404, "ORDER_NOT_EXIST")
        assert shop.close().verdict == (404, "ORDER_NOT_EXIST")

    def test_may_have_every_sign_that_a_number_may_have(self, shop: Shop) -> None:
        assert shop.native("A_b-C|d*9").status == 200
        assert shop.query("A_b-C|d*9").content["trade_state"] == "NOTPAY"

    def test_placed_again_gives_the_same_code_and_nothing_else(self, shop: Shop) -> None:
        first = shop.native()

        assert shop.native().content == first.content
        assert shop.native(amount={"total": 101, "currency": "CNY"}).verdict == (400, "INVALID_REQUEST")
        assert shop.native(attach="x").verdict == (400, "INVALID_REQUEST")

    def test_can_be_closed_again_and_again(self, shop: Shop) -> None:
        shop.native()

        closed = shop.close()

        assert (closed.status, closed.response.body) == (204, b"")
        assert shop.trusts_answer(closed)
        assert shop.close().status == 204
        assert shop.query().content["trade_state"] == "CLOSED"
        assert shop.native().verdict == (400, "ORDER_CLOSED")

    def test_cannot_be_closed_once_it_is_paid(self, shop: Shop) -> None:
        shop.paid()

        assert shop.close().verdict == (400, "ORDERPAID")
        assert shop.native().verdict == (400, "ORDERPAID")

    def test_outlives_its_code_by_days(self, shop: Shop, hands: Hands) -> None:
        shop.native()
        hands.pass_by(7_201)
        late = shop.console("pay")
        still = shop.query().content["trade_state"]
        hands.pass_by(7 * DAY)

        assert (late["status"], late["code"], still) == (409, "INVALID_REQUEST", "NOTPAY")
        assert shop.query().content["trade_state"] == "CLOSED"

    def test_with_a_coupon_costs_the_payer_less(self, shop: Shop) -> None:
        shop.paid(coupon_fen=10)

        found = shop.query().content

        assert (found["amount"]["total"], found["amount"]["payer_total"]) == (100, 90)
        assert found["promotion_detail"][0]["amount"] == 10


class TestBody:
    @pytest.mark.parametrize(
        ("changed", "verdict"),
        [
            ({"attach": None}, (400, "PARAM_ERROR")),
            ({"colour": "red"}, (400, "PARAM_ERROR")),
            ({"amount": {"total": "100"}}, (400, "PARAM_ERROR")),
            ({"amount": {"total": 1.5}}, (400, "PARAM_ERROR")),
            ({"amount": {"total": True}}, (400, "PARAM_ERROR")),
            ({"amount": {"total": 0}}, (400, "PARAM_ERROR")),
            ({"amount": {"total": 100, "currency": "USD"}}, (400, "PARAM_ERROR")),
            ({"amount": {"total": 100, "currency": None}}, (400, "PARAM_ERROR")),
            ({"amount": {"total": 100, "payer_total": 1}}, (400, "PARAM_ERROR")),
            ({"description": ""}, (400, "PARAM_ERROR")),
            ({"description": "茶" * 128}, (400, "PARAM_ERROR")),
            ({"out_trade_no": "SHORT"}, (400, "PARAM_ERROR")),
            ({"out_trade_no": "ORDER 1"}, (400, "PARAM_ERROR")),
            ({"out_trade_no": "O" * 33}, (400, "PARAM_ERROR")),
            ({"notify_url": "https://shop.example/?a=1"}, (400, "PARAM_ERROR")),
            ({"notify_url": "/webhooks/"}, (400, "PARAM_ERROR")),
            ({"time_expire": "2026-09-21 12:00:00"}, (400, "PARAM_ERROR")),
            ({"time_expire": "2020-01-01T00:00:00+08:00"}, (400, "PARAM_ERROR")),
            ({"appid": "wx0000000000000000"}, (400, "APPID_MCHID_NOT_MATCH")),
            ({"mchid": "1900000000"}, (401, "SIGN_ERROR")),
        ],
    )
    def test_is_refused_with_something_wrong_in_it(
        self, shop: Shop, changed: dict[str, Any], verdict: tuple[int, str]
    ) -> None:
        refused = shop.native(**changed)

        assert refused.verdict == verdict
        assert shop.trusts_answer(refused)
        assert shop.query().verdict == (404, "ORDER_NOT_EXIST")

    def test_tells_support_what_was_wrong(self, shop: Shop) -> None:
        assert shop.native(colour="red").response.headers["Request-ID"].endswith("-270924358")
        assert shop.native().response.headers["Request-ID"].endswith("-0")
        assert shop.native(attach="x").response.headers["Request-ID"].endswith("-268498688")


class TestH5:
    SCENE = {"payer_client_ip": "1.2.3.4", "h5_info": {"type": "Wap"}}
    FROM_THE_SHOP = {"referer": "https://pay.shop.example/"}

    def link(self, shop: Shop) -> str:
        url = urlsplit(shop.call("POST", f"{PAY}/h5", shop.order(scene_info=self.SCENE)).content["h5_url"])
        return f"{url.path}?{url.query}&redirect_url=https%3A%2F%2Fshop.example%2Fback"

    def test_leads_to_a_page_for_five_minutes(self, shop: Shop, hands: Hands) -> None:
        target = self.link(shop)

        page = shop.send("GET", target, b"", self.FROM_THE_SHOP)
        hands.pass_by(301)
        late = shop.send("GET", target, b"", self.FROM_THE_SHOP)

        assert page.status == 200
        assert b"back=https%3A%2F%2Fshop.example%2Fback" in page.response.body
        assert late.status == 400

    @pytest.mark.parametrize(
        ("headers", "address", "why"),
        [
            ({}, "", "没有 Referer"),
            ({"referer": "https://other.example/shop.example"}, "", "Referer 的域名"),
            ({"referer": "https://myshop.example/"}, "", "Referer 的域名"),
            (FROM_THE_SHOP, "1.2.3.5", "payer_client_ip 不一致"),
            (FROM_THE_SHOP | {"user-agent": "Mozilla/5.0 MicroMessenger/8.0"}, "1.2.3.4", "请在微信外打开"),
        ],
    )
    def test_refuses_who_comes_from_elsewhere(
        self, shop: Shop, headers: dict[str, str], address: str, why: str
    ) -> None:
        shop.keys_do("h5", domain="shop.example")

        refused = shop.send("GET", self.link(shop), b"", headers, address=address)

        assert refused.status == 400
        assert why in refused.response.body.decode()

    @pytest.mark.parametrize("address", ["1.2.3.4", "127.0.0.1", "10.1.2.3", ""])
    def test_takes_a_buyer_from_the_registered_domain_at_the_address_that_was_named(
        self, shop: Shop, address: str
    ) -> None:
        shop.keys_do("h5", domain="shop.example")

        assert shop.send("GET", self.link(shop), b"", self.FROM_THE_SHOP, address=address).status == 200

    def test_takes_any_domain_where_none_is_registered(self, shop: Shop) -> None:
        assert shop.send("GET", self.link(shop), b"", {"referer": "http://127.0.0.1:8000/"}).status == 200

    @pytest.mark.parametrize(
        "scene",
        [
            {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}},
            {"payer_client_ip": "somewhere", "h5_info": {"type": "Wap"}},
            {"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Phone"}},
            {"payer_client_ip": "203.0.113.9"},
        ],
    )
    def test_wants_to_know_the_payers_address(self, shop: Shop, scene: dict[str, Any]) -> None:
        assert shop.call("POST", f"{PAY}/h5", shop.order(scene_info=scene)).verdict == (400, "PARAM_ERROR")

    def test_takes_the_machines_own_address_where_it_serves_that_machine_alone(
        self, state_dir: Path, hands: Hands, mailbox: Mailbox
    ) -> None:
        here = Options(state_dir, public_url="http://127.0.0.1:8900", seed=1)
        sandbox = Sandbox.open(here, clock=hands.clock(), post=mailbox)
        scene = {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}

        answer = Shop(sandbox).call("POST", f"{PAY}/h5", Shop(sandbox).order(scene_info=scene))
        sandbox.close()

        assert answer.status == 200


class TestCashier:
    def test_opens_by_the_code_and_takes_the_buyers_choice(self, shop: Shop, mailbox: Mailbox) -> None:
        code_url = shop.native().content["code_url"]
        scanned = shop.send("GET", f"/wechatpay/scan?code_url={code_url.replace('?', '%3F')}", b"", {})
        cashier = scanned.response.headers["Location"].partition("?")[0]

        assert shop.send("GET", cashier, b"", {}).status == 200
        failed = shop.send("POST", f"{cashier}?action=fail", b"", {})
        assert shop.query().content["trade_state"] == "NOTPAY"
        paid = shop.send("POST", f"{cashier}?action=pay&back=https%3A%2F%2Fshop.example%2Fback", b"", {})
        shop.sandbox.courier.deliver_due()

        assert failed.response.headers["Location"].startswith(f"{cashier}/fail")
        assert paid.response.headers["Location"] == "https://shop.example/back"
        assert shop.query().content["trade_state"] == "SUCCESS"
        assert len(mailbox.letters) == 1

    def test_knows_no_other_code(self, shop: Shop) -> None:
        assert shop.send("GET", "/wechatpay/scan?code_url=https://example.com/?pr=1", b"", {}).status == 400
        assert shop.send("GET", "/wechatpay/cashier/unknown", b"", {}).status == 404
