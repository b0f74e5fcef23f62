"""From the order to the money and back, with everything running as it does in a shop."""

from __future__ import annotations

import pytest

from tests.live.shop import LiveShop

from .journey import open_pay_page, wait_for_status

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.xdist_group("flows")]


def go_all_the_way(shop: LiveShop) -> None:
    known = open_pay_page(shop)
    wait_for_status(shop, known, "waiting")

    shop.bank.pay(known["payment_no"])
    wait_for_status(shop, known, "paid")
    assert shop.wait_for("is_paid", order_id=known["order_id"])

    shop.hand.do("refund", order_id=known["order_id"], amount_fen=4_000)
    shop.wait_for("is_refunded", order_id=known["order_id"], amount_fen=4_000)

    trade = shop.bank.trade(known["payment_no"])
    assert (trade["paid_fen"], [it["amount_fen"] for it in trade["refunds"]]) == (9_900, [4_000])
    order = shop.hand.do("order", order_id=known["order_id"])
    assert (order["paid_fen"], order["refunded_fen"], order["payment_status"]) == (9_900, 4_000, "partially_refunded")


class TestWithRedisAndCelery:
    def test_an_order_is_paid_and_partly_refunded(self, shop: LiveShop) -> None:
        go_all_the_way(shop)

    def test_an_unpaid_order_is_closed_at_the_gateway_and_then_here(self, shop: LiveShop) -> None:
        known = open_pay_page(shop)
        shop.bank.act(known["payment_no"], "scan")  # so that the gateway has a trade to close

        shop.hand.do("let_time_run_out", order_id=known["order_id"])

        shop.wait_for("is_closed", order_id=known["order_id"])
        assert shop.bank.trade(known["payment_no"])["state"] == "TRADE_CLOSED"
        order = shop.hand.do("order", order_id=known["order_id"])
        assert (order["close_reason"], order["paid_fen"]) == ("payment_timeout", 0)
        wait_for_status(shop, known, "closed")

    def test_a_notification_that_never_comes_is_made_up_for_by_asking(self, shop: LiveShop) -> None:
        known = open_pay_page(shop)
        shop.bank.control("drop_notify", scope=known["payment_no"])

        shop.bank.pay(known["payment_no"])

        wait_for_status(shop, known, "paid")
        assert shop.hand.do("received", payment_no=known["payment_no"]) == {}


class TestWithoutRedis:
    def test_files_are_the_bell_and_the_journey_is_the_same(self, embedded_shop: LiveShop) -> None:
        go_all_the_way(embedded_shop)
        assert embedded_shop.hand.do("check_books") == []
