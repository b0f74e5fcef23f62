from __future__ import annotations

from typing import Any

import pytest

from sandbox.clock import DAY

from ..merchant import Hands, Mailbox
from .shop import REFUNDS, Shop


class TestRefund:
    def test_is_accepted_first_and_done_later(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        shop.paid()
        accepted = shop.refund()
        shop.sandbox.courier.deliver_due()
        early = len(mailbox.letters)
        hands.pass_by(2)
        shop.sandbox.courier.deliver_due()

        assert (accepted.content["status"], "success_time" in accepted.content) == ("PROCESSING", False)
        assert shop.query().content["trade_state"] == "REFUND"
        assert (early, len(mailbox.letters)) == (1, 2)
        assert shop.refund_query().content["status"] == "SUCCESS"
        assert shop.refund_query().content["amount"]["currency"] == "CNY"
        event, told = shop.read(mailbox.letters[-1])
        assert (event, told["refund_status"], told["out_refund_no"]) == ("REFUND.SUCCESS", "SUCCESS", "REFUND1")
        assert "status" not in told
        assert "currency" not in told["amount"]

    def test_takes_as_long_as_it_is_told(self, shop: Shop, hands: Hands) -> None:
        shop.paid()
        shop.control("refund_delay", value="600")
        shop.refund()
        hands.pass_by(599)
        before = shop.refund_query().content["status"]
        hands.pass_by(1)

        assert (before, shop.refund_query().content["status"]) == ("PROCESSING", "SUCCESS")

    def test_repeated_is_the_same_refund(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        shop.paid()
        first = shop.refund()
        again = shop.refund()
        hands.pass_by(3)
        shop.sandbox.courier.deliver_due()

        assert again.content["refund_id"] == first.content["refund_id"]
        assert shop.ask("GET", "/sandbox/ledger.json")["wechatpay"]["totals"]["refunded_fen"] == 40
        assert len(mailbox.letters) == 2
        assert shop.refund("REFUND1", 41).verdict == (400, "INVALID_REQUEST")
        assert shop.refund(reason="other").verdict == (400, "INVALID_REQUEST")

    def test_never_gives_back_more_than_was_paid(self, shop: Shop) -> None:
        shop.paid()

        assert shop.refund("REFUND1", 60).status == 200
        assert shop.refund("REFUND2", 41).verdict == (400, "INVALID_REQUEST")
        assert shop.refund("REFUND2", 40).status == 200
        assert shop.refund("REFUND3", 1).verdict == (400, "INVALID_REQUEST")

    @pytest.mark.parametrize(
        ("changed", "verdict"),
        [
            ({"amount": {"refund": 40, "total": 99, "currency": "CNY"}}, (400, "INVALID_REQUEST")),
            ({"amount": {"refund": 101, "total": 100, "currency": "CNY"}}, (400, "PARAM_ERROR")),
            ({"amount": {"refund": 0, "total": 100, "currency": "CNY"}}, (400, "PARAM_ERROR")),
            ({"amount": {"refund": 40, "total": 100}}, (400, "PARAM_ERROR")),
            ({"amount": {"refund": 40, "total": 100, "currency": "USD"}}, (400, "PARAM_ERROR")),
            ({"out_trade_no": "ORDER9"}, (404, "RESOURCE_NOT_EXISTS")),
            ({"transaction_id": "4200000000000000000000000000"}, (404, "RESOURCE_NOT_EXISTS")),
            ({"out_refund_no": "R 1"}, (400, "PARAM_ERROR")),
            ({"reason": None}, (400, "PARAM_ERROR")),
            ({"refund_fee": 1}, (400, "PARAM_ERROR")),
        ],
    )
    def test_is_refused_with_something_wrong_in_it(
        self, shop: Shop, changed: dict[str, Any], verdict: tuple[int, str]
    ) -> None:
        shop.paid()

        assert shop.refund(**changed).verdict == verdict
        assert shop.refund_query().verdict == (404, "RESOURCE_NOT_EXISTS")

    def test_is_for_paid_orders_of_a_year(self, shop: Shop, hands: Hands) -> None:
        shop.native()
        unpaid = shop.refund()
        shop.console("pay")
        hands.pass_by(366 * DAY)

        assert unpaid.verdict == (404, "RESOURCE_NOT_EXISTS")
        assert shop.refund().verdict == (400, "INVALID_REQUEST")

    def test_that_closes_can_be_asked_for_with_a_new_number(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        shop.paid()
        shop.control("refund_closed", count=1)
        shop.refund("REFUND1", 100)
        hands.pass_by(3)
        shop.sandbox.courier.deliver_due()

        assert shop.refund_query().content["status"] == "CLOSED"
        assert shop.read(mailbox.letters[-1])[0] == "REFUND.CLOSED"
        assert shop.refund("REFUND2", 100).status == 200

    def test_that_is_abnormal_holds_its_sum_until_it_is_sent_elsewhere(
        self, shop: Shop, hands: Hands, mailbox: Mailbox
    ) -> None:
        shop.paid()
        shop.control("refund_abnormal", count=1)
        refund_id = shop.refund("REFUND1", 100).content["refund_id"]
        hands.pass_by(3)
        shop.sandbox.courier.deliver_due()
        target = f"{REFUNDS}/{refund_id}/apply-abnormal-refund"
        wanted = {"out_refund_no": "REFUND1", "type": "MERCHANT_BANK_CARD"}

        assert shop.read(mailbox.letters[-1])[0] == "REFUND.ABNORMAL"
        assert shop.refund("REFUND2", 1).verdict == (400, "INVALID_REQUEST")
        assert shop.call("POST", target, wanted | {"type": "USER_BANK_CARD"}).verdict == (400, "PARAM_ERROR")
        assert shop.call("POST", target, wanted).content["status"] == "PROCESSING"
        hands.pass_by(3)
        shop.sandbox.courier.deliver_due()
        assert shop.refund_query().content["status"] == "SUCCESS"
        assert shop.read(mailbox.letters[-1])[0] == "REFUND.SUCCESS"
        assert shop.call("POST", target, wanted).verdict == (400, "INVALID_REQUEST")

    def test_that_is_stuck_waits_for_somebody(self, shop: Shop, hands: Hands, mailbox: Mailbox) -> None:
        shop.paid()
        shop.control("refund_stuck", count=1)
        shop.refund()
        hands.pass_by(30 * DAY)
        stuck = shop.refund_query().content["status"]
        shop.console("settle")
        shop.sandbox.courier.deliver_due()

        assert (stuck, shop.refund_query().content["status"]) == ("PROCESSING", "SUCCESS")
        assert shop.read(mailbox.letters[-1])[0] == "REFUND.SUCCESS"

    def test_can_be_made_past_the_product(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.paid()
        done = shop.console("refund", amount_fen=30)
        shop.sandbox.courier.deliver_due()

        assert (done["refunded_fen"], done["state"]) == (30, "REFUND")
        assert shop.read(mailbox.letters[-1])[1]["amount"]["refund"] == 30
