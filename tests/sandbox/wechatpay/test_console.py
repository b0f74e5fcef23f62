from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.app import Sandbox
from sandbox.clock import DAY, rfc3339
from sandbox.wechatpay.refusals import Refused
from sandbox.wechatpay.seeding import WechatpayPast

from ..merchant import NOON, NOTIFY_URL, Mailbox, Merchant
from .shop import Shop

LAST_WEEK = NOON - 7 * DAY


class TestConsole:
    def test_finds_a_trade_whatever_its_gateway(self, shop: Shop, merchant: Merchant) -> None:
        merchant.precreate("P1")
        shop.native("ORDER1")

        assert shop.ask("GET", "/sandbox/trades/P1")["state"] == "NOT_SCANNED"
        assert shop.ask("GET", "/sandbox/trades/ORDER1")["state"] == "NOTPAY"
        assert shop.ask("GET", "/sandbox/trades/ORDER1?gateway=alipay")["status"] == 404
        assert shop.ask("GET", "/sandbox/trades/ORDER1?gateway=paypal")["status"] == 400
        assert shop.console("explode")["status"] == 404

    def test_keeps_books_for_each_gateway(self, shop: Shop, merchant: Merchant) -> None:
        merchant.paid("P1")
        shop.paid("ORDER1", amount_fen=99)
        books = shop.ask("GET", "/sandbox/ledger.json")

        assert books["alipay"]["totals"]["net_fen"] == 100
        assert books["wechatpay"]["totals"] == {
            "trades": 1,
            "paid": 1,
            "paid_fen": 99,
            "refunded_fen": 0,
            "net_fen": 99,
        }
        assert list(shop.ask("GET", "/sandbox/ledger.json?gateway=wechatpay")) == ["wechatpay"]

    def test_refuses_to_pay_twice(self, shop: Shop) -> None:
        shop.paid()

        assert (shop.console("pay")["status"], shop.console("close")["code"]) == (409, "ORDERPAID")

    def test_places_and_pays_in_bulk(self, shop: Shop, mailbox: Mailbox) -> None:
        orders = [{"out_trade_no": f"ORDER{n:03d}", "total_fen": 100 + n} for n in range(20)]
        shop.ask("POST", "/sandbox/trades/bulk_create", gateway="wechatpay", orders=orders, notify_url=NOTIFY_URL)
        counts = shop.ask(
            "POST", "/sandbox/trades/bulk_pay", gateway="wechatpay", dropped_percent=30, duplicated_percent=30
        )
        shop.sandbox.courier.deliver_due()

        assert counts["paid"] == 20
        assert counts["dropped"] > 0
        assert counts["duplicated"] > 0
        assert all(shop.trusts_letter(letter) for letter in mailbox.letters)
        assert shop.ask("GET", "/sandbox/ledger.json")["wechatpay"]["totals"]["paid_fen"] == sum(range(100, 120))

    def test_shows_both_gateways_on_its_page(self, shop: Shop, merchant: Merchant) -> None:
        merchant.precreate("P1")
        shop.native("ORDER1")
        page = shop.send("GET", "/", b"", {}).response.body.decode()

        assert "/alipay/cashier/" in page
        assert "/wechatpay/cashier/" in page
        assert shop.mchid in page


class TestPast:
    def test_is_what_the_server_knows_when_it_starts(
        self, state_dir: Path, start: Callable[..., Sandbox], mailbox: Mailbox
    ) -> None:
        past = WechatpayPast(state_dir)
        past.pay(
            out_trade_no="ORDER1", subject="茶叶", total_fen=8880, at=LAST_WEEK, notify_url="https://shop.example/"
        )
        past.refund(out_trade_no="ORDER1", out_request_no="REFUND1", amount_fen=880, at=LAST_WEEK + DAY)
        past.close()
        shop = Shop(start())
        shop.sandbox.courier.deliver_due()

        assert shop.query().content["success_time"] == rfc3339(LAST_WEEK)
        assert shop.refund_query().content["success_time"] == rfc3339(LAST_WEEK + DAY)
        assert shop.ask("GET", "/sandbox/ledger.json")["wechatpay"]["totals"]["net_fen"] == 8000
        assert mailbox.letters == []  # what was paid then was told then

    def test_keeps_to_the_rules(self, state_dir: Path) -> None:
        past = WechatpayPast(state_dir)
        past.pay(out_trade_no="ORDER1", subject="茶叶", total_fen=8880, at=LAST_WEEK, notify_url="")

        with pytest.raises(Refused, match="ORDERPAID"):
            past.pay(out_trade_no="ORDER1", subject="茶叶", total_fen=8880, at=LAST_WEEK, notify_url="")
        with pytest.raises(Refused, match="INVALID_REQUEST"):
            past.refund(out_trade_no="ORDER1", out_request_no="REFUND1", amount_fen=8881, at=LAST_WEEK)
        past.close()
