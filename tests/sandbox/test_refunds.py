from __future__ import annotations

import pytest

from sandbox.clock import beijing

from .merchant import NOON, Hands, Merchant

YEAR = 365 * 86_400


class TestRefund:
    def test_moves_money_once_for_one_number(self, merchant: Merchant) -> None:
        merchant.paid()

        first, again = merchant.refund("R1", "0.40").content, merchant.refund("R1", "0.40").content

        assert (first["fund_change"], again["fund_change"]) == ("Y", "N")
        assert (first["refund_fee"], again["refund_fee"]) == ("0.40", "0.40")
        assert merchant.ask("GET", "/sandbox/ledger.json")["alipay"]["totals"]["refunded_fen"] == 40

    def test_counts_the_refunds_of_a_trade_together(self, merchant: Merchant) -> None:
        merchant.paid()
        merchant.refund("R1", "0.40")

        assert merchant.refund("R2", "0.35").content["refund_fee"] == "0.75"

    def test_closes_the_trade_with_the_last_fen(self, merchant: Merchant) -> None:
        merchant.paid()
        merchant.refund("R1", "0.99")
        still = merchant.query().content["trade_status"]
        merchant.refund("R2", "0.01")

        assert (still, merchant.query().content["trade_status"]) == ("TRADE_SUCCESS", "TRADE_CLOSED")
        assert merchant.query().content["total_amount"] == "1.00"

    @pytest.mark.parametrize(
        ("number", "amount", "sub_code"),
        [
            ("R1", "0.41", "ACQ.DISCORDANT_REPEAT_REQUEST"),
            ("R2", "0.61", "ACQ.REASON_TRADE_REFUND_FEE_ERR"),
            ("", "0.60", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL"),
            ("R2", "0.6", "ACQ.INVALID_PARAMETER"),
            ("R-2", "0.10", "ACQ.INVALID_PARAMETER"),
        ],
    )
    def test_refuses_and_moves_nothing(self, merchant: Merchant, number: str, amount: str, sub_code: str) -> None:
        merchant.paid()
        merchant.refund("R1", "0.40")

        assert merchant.refund(number, amount).verdict == sub_code
        assert merchant.ask("GET", "/sandbox/trades/P1")["refunded_fen"] == 40

    def test_refuses_what_is_not_paid_and_what_is_all_refunded(self, merchant: Merchant) -> None:
        merchant.precreate("P2")
        merchant.console("scan", "P2")
        merchant.paid()
        merchant.refund("R1", "1.00")

        assert merchant.refund(out_trade_no="P2").verdict == "ACQ.TRADE_STATUS_ERROR"
        assert merchant.refund("R2", "0.01").verdict == "ACQ.TRADE_HAS_CLOSE"

    @pytest.mark.parametrize("late", [True, False])
    def test_refuses_after_a_year_or_once_the_trade_is_finished(
        self, merchant: Merchant, hands: Hands, late: bool
    ) -> None:
        merchant.paid()
        if late:
            hands.pass_by(YEAR + 1)
        else:
            merchant.console("finish")

        assert merchant.refund().verdict == "ACQ.TRADE_HAS_FINISHED"

    def test_needs_no_number_for_the_whole(self, merchant: Merchant) -> None:
        merchant.paid()

        assert merchant.refund("", "1.00").content["fund_change"] == "Y"

    def test_can_be_accepted_without_moving_money_until_it_is_asked_again(self, merchant: Merchant) -> None:
        merchant.paid()
        merchant.control("refund_stuck", count=1)

        stuck = merchant.refund().content
        unsettled = merchant.refund_query().content
        again = merchant.refund().content

        assert (stuck["fund_change"], stuck["refund_fee"]) == ("N", "0.00")
        assert "refund_status" not in unsettled
        assert (again["fund_change"], again["refund_fee"]) == ("Y", "0.40")


class TestRefundQuery:
    def test_tells_of_a_refund_that_is_done(self, merchant: Merchant) -> None:
        merchant.paid()
        merchant.refund()

        told = merchant.refund_query(query_options=["gmt_refund_pay", "refund_detail_item_list"]).content

        assert (told["refund_status"], told["refund_amount"], told["total_amount"]) == (
            "REFUND_SUCCESS",
            "0.40",
            "1.00",
        )
        assert told["gmt_refund_pay"] == beijing(NOON)
        assert told["refund_detail_item_list"][0]["amount"] == "0.40"

    def test_says_nothing_of_a_refund_it_does_not_know_but_calls_that_a_success(self, merchant: Merchant) -> None:
        merchant.paid()

        told = merchant.refund_query("R9").content

        assert told["code"] == "10000"
        assert "refund_status" not in told

    def test_refuses_for_a_trade_it_does_not_know(self, merchant: Merchant) -> None:
        assert merchant.refund_query().verdict == "ACQ.TRADE_NOT_EXIST"
