from __future__ import annotations

import pytest

from sandbox.clock import beijing
from sandbox.web import Request

from .merchant import NOON, Hands, Merchant

HOUR = 3_600


def scan(merchant: Merchant, out_trade_no: str = "P1") -> None:
    """The buyer's phone opens what the QR code says."""
    url = merchant.ask("GET", f"/sandbox/trades/{out_trade_no}")["cashier_url"]
    merchant.sandbox.respond(Request("GET", url.removeprefix("http://sandbox.example")))


class TestPrecreate:
    def test_gives_a_code_that_leads_to_the_cashier(self, merchant: Merchant) -> None:
        reply = merchant.precreate()

        assert reply.content["out_trade_no"] == "P1"
        assert reply.content["qr_code"].startswith("http://sandbox.example/alipay/cashier/")

    def test_makes_no_trade_before_somebody_scans(self, merchant: Merchant) -> None:
        merchant.precreate()
        before = merchant.query()
        scan(merchant)

        assert (before.content["code"], before.verdict) == ("40004", "ACQ.TRADE_NOT_EXIST")
        assert merchant.query().content["trade_status"] == "WAIT_BUYER_PAY"

    def test_gives_the_same_code_for_the_same_order(self, merchant: Merchant) -> None:
        assert merchant.precreate().content["qr_code"] == merchant.precreate().content["qr_code"]

    @pytest.mark.parametrize("changed", [{"amount": "1.01"}, {"subject": "咖啡"}])
    def test_refuses_another_order_under_the_same_number(self, merchant: Merchant, changed: dict[str, str]) -> None:
        merchant.precreate()

        assert merchant.precreate(**changed).verdict == "ACQ.CONTEXT_INCONSISTENT"

    def test_refuses_a_number_that_was_paid_or_closed(self, merchant: Merchant) -> None:
        merchant.paid("P1")
        merchant.precreate("P2")
        merchant.console("close", "P2")

        assert merchant.precreate("P1").verdict == "ACQ.TRADE_HAS_SUCCESS"
        assert merchant.precreate("P2").verdict == "ACQ.TRADE_HAS_CLOSE"


class TestExpiry:
    @pytest.mark.parametrize(
        "limit", [{"time_expire": beijing(NOON + HOUR)}, {"timeout_express": "60m"}, {"timeout_express": "1h"}]
    )
    def test_closes_an_unpaid_trade_when_its_time_is_up(
        self, merchant: Merchant, hands: Hands, limit: dict[str, str]
    ) -> None:
        merchant.precreate(**limit)
        scan(merchant)

        hands.pass_by(HOUR - 2)
        assert merchant.query().content["trade_status"] == "WAIT_BUYER_PAY"
        hands.pass_by(2)
        assert merchant.query().content["trade_status"] == "TRADE_CLOSED"
        assert merchant.console("pay")["sub_code"] == "ACQ.TRADE_STATUS_ERROR"

    def test_lets_nobody_scan_an_expired_code(self, merchant: Merchant, hands: Hands) -> None:
        merchant.precreate(timeout_express="5m")
        hands.pass_by(300)

        scan(merchant)

        assert merchant.query().verdict == "ACQ.TRADE_NOT_EXIST"

    def test_reaches_to_the_end_of_the_day_in_beijing(self, merchant: Merchant) -> None:
        merchant.precreate(timeout_express="1c")

        assert merchant.ask("GET", "/sandbox/trades/P1")["expires_at"].endswith("T00:00:00.000+08:00")

    def test_leaves_a_paid_trade_alone(self, merchant: Merchant, hands: Hands) -> None:
        merchant.paid(timeout_express="5m")
        hands.pass_by(301)

        assert merchant.query().content["trade_status"] == "TRADE_SUCCESS"


class TestQuery:
    def test_tells_of_a_payment(self, merchant: Merchant) -> None:
        merchant.paid(amount="88.80")

        told = merchant.query().content

        assert told["trade_status"] == "TRADE_SUCCESS"
        assert (told["total_amount"], told["receipt_amount"], told["buyer_pay_amount"]) == ("88.80",) * 3
        assert told["send_pay_date"] == beijing(NOON)
        assert told["fund_bill_list"] == [{"amount": "88.80", "fund_channel": "ALIPAYACCOUNT"}]
        assert "*" in told["buyer_logon_id"]

    def test_finds_a_trade_by_alipays_number_too(self, merchant: Merchant) -> None:
        merchant.paid()
        trade_no = merchant.query().content["trade_no"]

        assert merchant.call("query", {"trade_no": trade_no}).content["out_trade_no"] == "P1"

    def test_wants_a_number(self, merchant: Merchant) -> None:
        assert merchant.call("query", {}).verdict == "ACQ.INVALID_PARAMETER"

    def test_shows_nobody_the_trades_of_others(self, merchant: Merchant) -> None:
        merchant.paid()
        stranger = Merchant(merchant.sandbox, app_id=merchant.ask("POST", "/sandbox/accounts")["alipay"]["app_id"])

        assert stranger.query().verdict == "ACQ.TRADE_NOT_EXIST"
        assert stranger.refund().verdict == "ACQ.TRADE_NOT_EXIST"


class TestClose:
    def test_closes_what_is_scanned_and_unpaid(self, merchant: Merchant) -> None:
        merchant.precreate()
        scan(merchant)

        assert merchant.call("close", {"out_trade_no": "P1"}).verdict == "10000"
        assert merchant.query().content["trade_status"] == "TRADE_CLOSED"

    def test_knows_no_unscanned_code_which_stays_payable(self, merchant: Merchant) -> None:
        merchant.precreate()

        refused = merchant.call("close", {"out_trade_no": "P1"})
        merchant.console("pay")

        assert refused.verdict == "ACQ.TRADE_NOT_EXIST"
        assert merchant.query().content["trade_status"] == "TRADE_SUCCESS"

    def test_refuses_a_paid_trade(self, merchant: Merchant) -> None:
        merchant.paid()

        assert merchant.call("close", {"out_trade_no": "P1"}).verdict == "ACQ.TRADE_STATUS_ERROR"


class TestCancel:
    def test_gives_the_money_back_once_paid(self, merchant: Merchant) -> None:
        merchant.paid()

        assert merchant.call("cancel", {"out_trade_no": "P1"}).content["action"] == "refund"
        assert merchant.ask("GET", "/sandbox/ledger.json")["alipay"]["totals"]["net_fen"] == 0

    def test_withdraws_a_code_nobody_scanned(self, merchant: Merchant) -> None:
        merchant.precreate()

        assert merchant.call("cancel", {"out_trade_no": "P1"}).content["action"] == "close"
        scan(merchant)
        assert merchant.query().verdict == "ACQ.TRADE_NOT_EXIST"

    def test_closes_a_waiting_trade_and_accepts_an_unknown_number(self, merchant: Merchant) -> None:
        merchant.precreate()
        scan(merchant)
        merchant.call("cancel", {"out_trade_no": "P1"})

        assert merchant.query().content["trade_status"] == "TRADE_CLOSED"
        assert merchant.call("cancel", {"out_trade_no": "P9"}).content["code"] == "10000"
