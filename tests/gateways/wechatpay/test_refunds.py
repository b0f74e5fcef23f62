from __future__ import annotations

from typing import Any

import pytest

from payments.gateways import EventKind, Outcome
from payments.gateways.wechatpay.answer import MALFORMED
from tests.gateways.wechatpay.desk import (
    NOON,
    PAYMENT_NO,
    REFUND_NO,
    TRADE_NO,
    WEBHOOK,
    Desk,
    refund,
    refund_ref,
    refund_request,
)

STATES = [
    ("SUCCESS", Outcome.SUCCEEDED),
    ("PROCESSING", Outcome.PENDING),
    ("CLOSED", Outcome.CLOSED),
    ("ABNORMAL", Outcome.REQUIRES_ACTION),
    ("NEW_WORD", Outcome.UNKNOWN),
]


class TestRefund:
    def test_says_what_goes_back_of_how_much(self, desk: Desk) -> None:
        desk.answers(**refund()).gateway().refund(request=refund_request())

        assert desk.sent[0].target == "/v3/refund/domestic/refunds"
        assert desk.sent[0].json == {
            "out_trade_no": PAYMENT_NO,
            "out_refund_no": REFUND_NO,
            "reason": "质量问题",
            "notify_url": WEBHOOK,
            "amount": {"refund": 3_000, "total": 9_900, "currency": "CNY"},
        }

    def test_says_nothing_empty(self, desk: Desk) -> None:
        desk.answers(**refund()).gateway().refund(request=refund_request(reason="\u200b", notify_url=""))

        assert not {"reason", "notify_url"} & desk.sent[0].json.keys()

    def test_cuts_a_long_reason(self, desk: Desk) -> None:
        desk.answers(**refund()).gateway().refund(request=refund_request(reason="质" * 100))

        assert desk.sent[0].json["reason"] == "质" * 26

    @pytest.mark.parametrize(("state", "outcome"), STATES)
    def test_accepted_is_not_done(self, desk: Desk, state: str, outcome: Outcome) -> None:
        event = desk.answers(**refund(status=state)).gateway().refund(request=refund_request())

        assert (event.kind, event.outcome, event.native_state) == (EventKind.REFUND, outcome, state)
        assert (event.payment_no, event.refund_no, event.gateway_trade_no) == (PAYMENT_NO, REFUND_NO, TRADE_NO)
        assert (event.amount_fen, event.occurred_at) == (3_000, NOON)

    @pytest.mark.parametrize(
        "changes",
        [
            {"out_refund_no": "R2"},
            {"out_trade_no": "P2"},
            {"amount": {"total": 9_900, "refund": 2_999}},
            {"amount": {"total": 9_900, "refund": 30.0}},
            {"amount": None},
            {"status": None},
            {"transaction_id": None},
        ],
    )
    def test_is_unknown_where_the_answer_makes_no_sense(self, desk: Desk, changes: dict[str, Any]) -> None:
        event = desk.answers(**refund(**changes)).gateway().refund(request=refund_request())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)

    @pytest.mark.parametrize(
        ("status", "code", "outcome"),
        [
            (403, "NOT_ENOUGH", Outcome.FAILED),
            (400, "PARAM_ERROR", Outcome.FAILED),
            (404, "RESOURCE_NOT_EXISTS", Outcome.FAILED),
            (429, "FREQUENCY_LIMITED", Outcome.UNKNOWN),
            (400, "FREQUENCY_LIMITED", Outcome.UNKNOWN),
            (400, "BIZERR_NEED_RETRY", Outcome.UNKNOWN),
            (500, "SYSTEM_ERROR", Outcome.UNKNOWN),
            (400, "SYSTEM_ERROR", Outcome.UNKNOWN),
        ],
    )
    def test_reads_a_refusal(self, desk: Desk, status: int, code: str, outcome: Outcome) -> None:
        event = desk.fails(status, code, "余额不足").gateway().refund(request=refund_request())

        assert (event.kind, event.outcome, event.code, event.refund_no) == (EventKind.REFUND, outcome, code, REFUND_NO)
        assert event.message == "余额不足 (Request-ID 08AABB-268435456)"

    def test_is_unknown_where_nobody_signed_the_refusal(self, desk: Desk) -> None:
        desk.answers_raw(b'{"code":"NOT_ENOUGH","message":"x"}', status=403)

        assert desk.gateway().refund(request=refund_request()).outcome is Outcome.UNKNOWN

    def test_asks_what_is_under_the_number_before_an_unclear_refusal_counts(self, desk: Desk) -> None:
        desk.fails(400, "INVALID_REQUEST").fails(404, "RESOURCE_NOT_EXISTS")

        assert desk.gateway().refund(request=refund_request()).outcome is Outcome.FAILED
        assert [sent.method for sent in desk.sent] == ["POST", "GET"]

    @pytest.mark.parametrize("state", ["SUCCESS", "PROCESSING"])
    def test_is_never_given_up_while_something_is_under_the_number(self, desk: Desk, state: str) -> None:
        desk.fails(400, "INVALID_REQUEST").answers(**refund(status=state))

        assert desk.gateway().refund(request=refund_request()).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize("amount_fen", [0, -1, 9_901])
    def test_sends_nothing_that_cannot_go_back(self, desk: Desk, amount_fen: int) -> None:
        event = desk.gateway().refund(request=refund_request(amount_fen=amount_fen))

        assert (event.outcome, event.refund_no, desk.sent) == (Outcome.FAILED, REFUND_NO, [])


class TestQueryRefund:
    @pytest.mark.parametrize(("state", "outcome"), STATES)
    def test_stands_where_wechat_pay_says(self, desk: Desk, state: str, outcome: Outcome) -> None:
        event = desk.answers(**refund(status=state)).gateway().query_refund(ref=refund_ref())

        assert (event.outcome, event.amount_fen, event.refund_no) == (outcome, 3_000, REFUND_NO)
        assert desk.sent[0].target == f"/v3/refund/domestic/refunds/{REFUND_NO}"

    def test_does_not_find_what_nobody_asked_for(self, desk: Desk) -> None:
        event = desk.fails(404, "RESOURCE_NOT_EXISTS").gateway().query_refund(ref=refund_ref())

        assert event.outcome is Outcome.NOT_FOUND

    @pytest.mark.parametrize(("status", "code"), [(400, "PARAM_ERROR"), (500, "SYSTEM_ERROR"), (429, "X")])
    def test_is_unknown_otherwise(self, desk: Desk, status: int, code: str) -> None:
        assert desk.fails(status, code).gateway().query_refund(ref=refund_ref()).outcome is Outcome.UNKNOWN
