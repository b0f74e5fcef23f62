from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from payments.gateways import EventKind, Outcome
from payments.gateways.alipay.answer import MALFORMED
from payments.gateways.transport import TransportError
from tests.gateways.alipay.desk import (
    PAYMENT_NO,
    REFUND_NO,
    TRADE_NO,
    Desk,
    refund_ref,
    refund_request,
)

ONE_O_CLOCK = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)


def refunded(**changes: object) -> dict[str, Any]:
    """What alipay.trade.refund answers: the second refund of 30.00, of 50.00 in all."""
    return {
        "out_trade_no": PAYMENT_NO,
        "trade_no": TRADE_NO,
        "fund_change": "Y",
        "refund_fee": "50.00",
        "gmt_refund_pay": "2026-11-22 13:00:00",
        **changes,
    }


def queried(**changes: object) -> dict[str, Any]:
    return {
        "out_trade_no": PAYMENT_NO,
        "out_request_no": REFUND_NO,
        "trade_no": TRADE_NO,
        "refund_status": "REFUND_SUCCESS",
        "refund_amount": "30.00",
        "total_amount": "99.00",
        "gmt_refund_pay": "2026-11-22 13:00:00",
        **changes,
    }


class TestRefund:
    def test_is_of_its_own_amount_and_not_of_all_that_went_back(self, desk: Desk) -> None:
        desk.succeeds(**refunded())

        event = desk.gateway().refund(request=refund_request())

        assert (event.kind, event.outcome) == (EventKind.REFUND, Outcome.SUCCEEDED)
        assert (event.payment_no, event.refund_no, event.gateway_trade_no) == (PAYMENT_NO, REFUND_NO, TRADE_NO)
        assert (event.amount_fen, event.refunded_total_fen, event.occurred_at) == (3_000, 5_000, ONE_O_CLOCK)

    def test_names_payment_number_amount_and_reason(self, desk: Desk) -> None:
        desk.gateway().refund(request=refund_request(reason=" 质量\n问题 "))

        assert desk.sent[0].method == "alipay.trade.refund"
        assert desk.sent[0].biz_content == {
            "out_trade_no": PAYMENT_NO,
            "out_request_no": REFUND_NO,
            "refund_amount": "30.00",
            "refund_reason": "质量 问题",
        }

    @pytest.mark.parametrize("change", ["N", "", None, "y"])
    def test_is_open_where_the_call_did_not_say_that_it_moved_money(self, desk: Desk, change: str | None) -> None:
        desk.succeeds(**refunded(fund_change=change))

        event = desk.gateway().refund(request=refund_request())

        assert (event.outcome, event.amount_fen) == (Outcome.UNKNOWN, 0)

    @pytest.mark.parametrize(
        "changes", [{"out_trade_no": "P2"}, {"trade_no": None}, {"refund_fee": "29.99"}, {"refund_fee": "x"}]
    )
    def test_assumes_nothing_from_an_answer_that_is_not_as_documented(
        self, desk: Desk, changes: dict[str, object]
    ) -> None:
        desk.succeeds(**refunded(**changes))

        event = desk.gateway().refund(request=refund_request())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)

    @pytest.mark.parametrize(
        ("sub_code", "outcome"),
        [
            ("ACQ.SELLER_BALANCE_NOT_ENOUGH", Outcome.FAILED),
            ("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", Outcome.FAILED),
            ("ACQ.TRADE_NOT_ALLOW_REFUND", Outcome.FAILED),
            ("ACQ.TRADE_HAS_FINISHED", Outcome.FAILED),
            ("ACQ.TRADE_NOT_EXIST", Outcome.FAILED),
            ("ACQ.DISCORDANT_REPEAT_REQUEST", Outcome.UNKNOWN),
            ("ACQ.TRADE_STATUS_ERROR", Outcome.UNKNOWN),
            ("ACQ.SYSTEM_ERROR", Outcome.UNKNOWN),
            ("aop.ACQ.SYSTEM_ERROR", Outcome.UNKNOWN),
            ("isp.unknow-error", Outcome.UNKNOWN),
        ],
    )
    def test_knows_what_each_refusal_means(self, desk: Desk, sub_code: str, outcome: Outcome) -> None:
        desk.fails(sub_code)

        event = desk.gateway().refund(request=refund_request())

        assert (event.outcome, event.code) == (outcome, sub_code)

    def test_is_unknown_after_a_time_out(self, desk: Desk) -> None:
        desk.breaks(TransportError("transport.timeout", "ReadTimeout"))

        assert desk.gateway().refund(request=refund_request()).outcome is Outcome.UNKNOWN


class TestQueryRefund:
    def test_finds_the_refund_done(self, desk: Desk) -> None:
        desk.succeeds(**queried())

        event = desk.gateway().query_refund(ref=refund_ref())

        assert (event.kind, event.outcome, event.amount_fen) == (EventKind.REFUND, Outcome.SUCCEEDED, 3_000)
        assert (event.refund_no, event.gateway_trade_no, event.occurred_at) == (REFUND_NO, TRADE_NO, ONE_O_CLOCK)
        assert desk.sent[0].method == "alipay.trade.fastpay.refund.query"

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            (None, Outcome.NOT_FOUND),
            ("", Outcome.NOT_FOUND),
            ("REFUND_PROCESSING", Outcome.PENDING),
            ("REFUND_FAIL", Outcome.FAILED),
            ("REFUND_NEW_WORD", Outcome.UNKNOWN),
        ],
    )
    def test_takes_an_understood_question_for_no_success(
        self, desk: Desk, status: str | None, outcome: Outcome
    ) -> None:
        desk.succeeds(**queried(refund_status=status))

        event = desk.gateway().query_refund(ref=refund_ref())

        assert (event.outcome, event.amount_fen) == (outcome, 0)

    def test_finds_nothing_in_an_empty_success(self, desk: Desk) -> None:
        desk.succeeds()

        assert desk.gateway().query_refund(ref=refund_ref()).outcome is Outcome.NOT_FOUND

    @pytest.mark.parametrize(
        "changes",
        [{"out_request_no": "R2"}, {"out_trade_no": "P2"}, {"refund_amount": None}, {"trade_no": ""}],
    )
    def test_assumes_nothing_from_an_answer_that_is_not_as_documented(
        self, desk: Desk, changes: dict[str, object]
    ) -> None:
        desk.succeeds(**queried(**changes))

        event = desk.gateway().query_refund(ref=refund_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)

    @pytest.mark.parametrize(
        ("sub_code", "outcome"),
        [
            ("ACQ.TRADE_NOT_EXIST", Outcome.NOT_FOUND),
            ("ACQ.SYSTEM_ERROR", Outcome.UNKNOWN),
            ("ACQ.INVALID_PARAMETER", Outcome.UNKNOWN),
        ],
    )
    def test_never_takes_a_refused_question_for_a_failed_refund(
        self, desk: Desk, sub_code: str, outcome: Outcome
    ) -> None:
        desk.fails(sub_code)

        assert desk.gateway().query_refund(ref=refund_ref()).outcome is outcome
