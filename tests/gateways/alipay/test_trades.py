from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways import ConfigError, Environment, EventKind, NextAction, Outcome
from payments.gateways.alipay.answer import BAD_SIGNATURE, MALFORMED, UNSIGNED
from payments.gateways.alipay.codes import AccountRefused
from payments.gateways.alipay.signature import is_signed, string_to_sign
from payments.gateways.alipay.trades import clean_subject
from payments.gateways.transport import TransportError
from tests.gateways.alipay.desk import (
    ADDRESS,
    APP_ID,
    APP_PRIVATE_KEY,
    APP_PUBLIC_KEY,
    NOON,
    PAYMENT_NO,
    TRADE_NO,
    Desk,
    Sent,
    create_request,
    payment_ref,
    private_key,
)

OUR_KEY = private_key(APP_PRIVATE_KEY).public_key()
SUCCESS = {"code": "10000", "msg": "Success", "out_trade_no": PAYMENT_NO, "qr_code": "https://qr.example/1"}


def trade(**changes: object) -> dict[str, Any]:
    return {
        "out_trade_no": PAYMENT_NO,
        "trade_no": TRADE_NO,
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "99.00",
        "send_pay_date": "2026-11-22 12:00:00",
        "buyer_user_id": "2088000000000001",
        **changes,
    }


class TestEveryRequest:
    def test_is_signed_over_all_it_says(self, desk: Desk) -> None:
        desk.gateway().create(request=create_request())

        (sent,) = desk.sent
        params = sent.query | sent.form
        assert is_signed(signed=string_to_sign(params), signature=params["sign"], key=OUR_KEY)

    def test_carries_the_order_in_the_body_and_not_in_the_address(self, desk: Desk) -> None:
        desk.gateway().create(request=create_request())

        (sent,) = desk.sent
        assert (sent.http_method, sent.url.partition("?")[0]) == ("POST", ADDRESS)
        assert sent.headers["content-type"] == "application/x-www-form-urlencoded;charset=utf-8"
        assert PAYMENT_NO not in sent.url
        assert sent.query | {"sign": ""} == {
            "app_id": APP_ID,
            "method": "alipay.trade.precreate",
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": "2026-11-22 12:00:00",
            "version": "1.0",
            "notify_url": "https://shop.example/webhooks/k/",
            "sign": "",
        }

    def test_goes_to_the_live_gateway_for_a_live_account(self, desk: Desk) -> None:
        desk.gateway(environment=Environment.LIVE, base_url="").query(ref=payment_ref())

        assert desk.sent[0].url.startswith("https://openapi.alipay.com/gateway.do?")

    def test_is_not_sent_if_its_answer_could_not_be_verified(self, desk: Desk) -> None:
        with pytest.raises(ConfigError):
            desk.gateway(alipay_public_key=APP_PUBLIC_KEY).query(ref=payment_ref())

        assert desk.sent == []

    def test_parses_no_key_once_both_are_known(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.gateway().query(ref=payment_ref())

        def parse_again(*_args: object) -> None:
            raise AssertionError("parsed again")

        monkeypatch.setattr("payments.gateways.keys.identify", parse_again)
        desk.gateway().query(ref=payment_ref())  # a new object, as every request makes one

        assert len(desk.sent) == 2


class TestCreateQr:
    def test_gives_the_code_to_draw(self, desk: Desk) -> None:
        desk.answers(**SUCCESS)
        request = create_request()

        event, action = desk.gateway().create(request=request)

        assert (event.kind, event.outcome, event.amount_fen) == (EventKind.PAYMENT, Outcome.PENDING, 9_900)
        assert action == NextAction(kind="qr", data={"content": "https://qr.example/1"}, expires_at=request.expires_at)
        assert desk.sent[0].biz_content == {
            "out_trade_no": PAYMENT_NO,
            "total_amount": "99.00",
            "subject": "保温杯 500ml",
            "product_code": "FACE_TO_FACE_PAYMENT",
            "time_expire": "2026-11-22 12:15:00",
        }

    @pytest.mark.parametrize(
        ("code", "sub_code", "outcome"),
        [
            ("40004", "ACQ.INVALID_PARAMETER", Outcome.FAILED),
            ("40004", "ACQ.TOTAL_FEE_EXCEED", Outcome.FAILED),
            ("40004", "ACQ.CONTEXT_INCONSISTENT", Outcome.FAILED),
            ("40002", "isv.invalid-parameter", Outcome.FAILED),
            ("40001", "isv.missing-method", Outcome.FAILED),
            ("40004", "ACQ.TRADE_HAS_SUCCESS", Outcome.UNKNOWN),
            ("40004", "ACQ.TRADE_HAS_CLOSE", Outcome.CLOSED),
            ("40004", "ACQ.SYSTEM_ERROR", Outcome.UNKNOWN),
            ("40004", "aop.ACQ.SYSTEM_ERROR", Outcome.UNKNOWN),
            ("40004", "isp.unknow-error", Outcome.UNKNOWN),
            ("20000", "aop.unknow-error", Outcome.UNKNOWN),
            ("20000", "isp.unknow-error", Outcome.UNKNOWN),
            ("10003", "", Outcome.PENDING),
            ("99999", "new.code", Outcome.UNKNOWN),
        ],
    )
    def test_knows_what_each_refusal_means(self, desk: Desk, code: str, sub_code: str, outcome: Outcome) -> None:
        desk.fails(sub_code, code=code)

        event, action = desk.gateway().create(request=create_request())

        assert (event.outcome, event.code) == (outcome, sub_code or code)
        assert action.kind == "none"

    @pytest.mark.parametrize(
        "changes", [{"qr_code": ""}, {"qr_code": None}, {"qr_code": "javascript:alert(1)"}, {"out_trade_no": "P2"}]
    )
    def test_shows_no_code_that_is_not_one(self, desk: Desk, changes: dict[str, object]) -> None:
        desk.answers(**(SUCCESS | changes))

        event, action = desk.gateway().create(request=create_request())

        assert (event.outcome, event.code, action.kind) == (Outcome.UNKNOWN, MALFORMED, "none")

    @pytest.mark.parametrize(
        "changes",
        [
            {"method": "jsapi"},
            {"amount_fen": 0},
            {"amount_fen": 10_000_000_001},
            {"payment_no": "P-1"},
            {"payment_no": "P" * 65},
            {"expires_at": NOON},
        ],
    )
    def test_fails_without_asking_where_alipay_would_refuse(self, desk: Desk, changes: dict[str, Any]) -> None:
        event, action = desk.gateway().create(request=create_request(**changes))

        assert (event.outcome, event.code, bool(event.message)) == (Outcome.FAILED, "local.not_sent", True)
        assert (action.kind, desk.sent) == ("none", [])


class TestCreateInTheBrowser:
    @pytest.mark.parametrize(
        ("method", "api", "product"),
        [
            ("page", "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
            ("wap", "alipay.trade.wap.pay", "QUICK_WAP_WAY"),
        ],
    )
    def test_signs_an_address_and_sends_nothing(self, desk: Desk, method: str, api: str, product: str) -> None:
        event, action = desk.gateway().create(request=create_request(method=method))

        address, _question, query = action.data["url"].partition("?")
        params = dict(parse_qsl(query, strict_parsing=True))
        assert (event.outcome, action.kind, address, desk.sent) == (Outcome.PENDING, "redirect", ADDRESS, [])
        assert is_signed(signed=string_to_sign(params), signature=params["sign"], key=OUR_KEY)
        assert (params["method"], params["return_url"]) == (api, "https://shop.example/pay/t/")
        assert json.loads(params["biz_content"])["product_code"] == product

    def test_leaves_out_a_return_address_that_there_is_not(self, desk: Desk) -> None:
        _event, action = desk.gateway().create(request=create_request(method="page", return_url=""))

        assert "return_url" not in urlsplit(action.data["url"]).query


class TestQuery:
    @pytest.mark.parametrize(
        ("state", "outcome"),
        [
            ("WAIT_BUYER_PAY", Outcome.PENDING),
            ("TRADE_SUCCESS", Outcome.SUCCEEDED),
            ("TRADE_FINISHED", Outcome.SUCCEEDED),
            ("TRADE_NEW_WORD", Outcome.UNKNOWN),
        ],
    )
    def test_translates_the_state(self, desk: Desk, state: str, outcome: Outcome) -> None:
        desk.succeeds(**trade(trade_status=state))

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.native_state) == (outcome, state)
        assert (event.payment_no, event.gateway_trade_no, event.amount_fen) == (PAYMENT_NO, TRADE_NO, 9_900)
        assert event.occurred_at == datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
        assert desk.sent[0].biz_content == {"out_trade_no": PAYMENT_NO}

    def test_finds_a_payment_closed_that_was_never_paid(self, desk: Desk) -> None:
        desk.succeeds(**trade(trade_status="TRADE_CLOSED", send_pay_date=""))

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.occurred_at, event.refunded_total_fen) == (Outcome.CLOSED, None, None)

    def test_finds_the_money_of_a_payment_that_was_refunded_in_full(self, desk: Desk) -> None:
        desk.succeeds(**trade(trade_status="TRADE_CLOSED"))

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.amount_fen, event.refunded_total_fen) == (Outcome.SUCCEEDED, 9_900, 9_900)

    def test_reads_another_currency(self, desk: Desk) -> None:
        desk.succeeds(**trade(trans_currency="USD"))

        assert desk.gateway().query(ref=payment_ref()).currency == "USD"

    @pytest.mark.parametrize(
        ("sub_code", "outcome"),
        [
            ("ACQ.TRADE_NOT_EXIST", Outcome.NOT_FOUND),
            ("ACQ.SYSTEM_ERROR", Outcome.UNKNOWN),
            ("ACQ.INVALID_PARAMETER", Outcome.UNKNOWN),
            ("ACQ.NEW_WORD", Outcome.UNKNOWN),
        ],
    )
    def test_never_takes_a_refused_question_for_a_failed_payment(
        self, desk: Desk, sub_code: str, outcome: Outcome
    ) -> None:
        desk.fails(sub_code)

        assert desk.gateway().query(ref=payment_ref()).outcome is outcome

    @pytest.mark.parametrize(
        "changes",
        [
            {"out_trade_no": "P2"},
            {"out_trade_no": None},
            {"trade_no": ""},
            {"trade_status": None},
            {"total_amount": "99.001"},
            {"total_amount": 99},
            {"send_pay_date": "yesterday"},
        ],
    )
    def test_assumes_nothing_from_an_answer_that_is_not_as_documented(
        self, desk: Desk, changes: dict[str, object]
    ) -> None:
        desk.succeeds(**trade(**changes))

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code, event.amount_fen) == (Outcome.UNKNOWN, MALFORMED, 0)


class TestClose:
    def test_says_that_the_payment_is_closed(self, desk: Desk) -> None:
        desk.succeeds(out_trade_no=PAYMENT_NO, trade_no=TRADE_NO)

        event = desk.gateway().close(ref=payment_ref())

        assert (event.kind, event.outcome, event.gateway_trade_no) == (EventKind.CLOSE, Outcome.CLOSED, TRADE_NO)

    def test_believes_no_answer_about_another_payment(self, desk: Desk) -> None:
        desk.succeeds(out_trade_no="P2", trade_no=TRADE_NO)

        assert desk.gateway().close(ref=payment_ref()).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        ("sub_code", "outcome"),
        [
            ("ACQ.TRADE_NOT_EXIST", Outcome.NOT_FOUND),
            ("ACQ.TRADE_HAS_CLOSE", Outcome.CLOSED),
            ("ACQ.TRADE_STATUS_ERROR", Outcome.UNKNOWN),
            ("ACQ.REASON_TRADE_STATUS_INVALID", Outcome.UNKNOWN),
            ("ACQ.SYSTEM_ERROR", Outcome.UNKNOWN),
        ],
    )
    def test_leaves_to_a_query_what_the_refusal_does_not_say(self, desk: Desk, sub_code: str, outcome: Outcome) -> None:
        desk.fails(sub_code)

        event = desk.gateway().close(ref=payment_ref())

        assert (event.kind, event.outcome) == (EventKind.CLOSE, outcome)


class TestNoBelievableAnswer:
    @pytest.mark.parametrize("status", [302, 400, 403, 500, 502, 503])
    def test_is_unknown_on_an_http_error(self, desk: Desk, status: int) -> None:
        desk.answers_raw(b"<html>", status=status)

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code, event.raw) == (Outcome.UNKNOWN, f"http.{status}", b"<html>")

    def test_is_unknown_on_a_time_out(self, desk: Desk) -> None:
        desk.breaks(TransportError("transport.timeout", "ReadTimeout"))

        event, action = desk.gateway().create(request=create_request())

        assert (event.outcome, event.code, action.kind) == (Outcome.UNKNOWN, "transport.timeout", "none")

    def test_is_unknown_on_a_bad_signature(self, desk: Desk) -> None:
        def tampered(sent: Sent) -> Any:
            honest = desk.signed_reply(sent, **SUCCESS, trade_status="TRADE_SUCCESS")
            return type(honest)(status=200, headers={}, body=honest.body.replace(b"Success", b"success"))

        desk.reply = tampered

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, BAD_SIGNATURE)

    def test_is_unknown_on_an_unsigned_success(self, desk: Desk) -> None:
        desk.reply = lambda sent: desk.signed_reply(sent, signed=False, **trade(), code="10000")

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code, event.gateway_trade_no) == (Outcome.UNKNOWN, UNSIGNED, "")

    def test_is_unknown_on_an_unsigned_failure(self, desk: Desk) -> None:
        desk.reply = lambda sent: desk.signed_reply(sent, signed=False, code="40004", sub_code="ACQ.TRADE_NOT_EXIST")

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, "ACQ.TRADE_NOT_EXIST")


class TestAnAccountThatAlipayRefuses:
    @pytest.mark.parametrize(
        ("sub_code", "field"),
        [
            ("isv.invalid-signature", "private_key"),
            ("isv.missing-signature-key", "private_key"),
            ("isv.invalid-app-id", "app_id"),
            ("isv.invalid-timestamp", "clock"),
            ("isv.insufficient-isv-permissions", "contract"),
        ],
    )
    @pytest.mark.parametrize("signed", [True, False])
    def test_is_told_which_field_is_wrong(self, desk: Desk, sub_code: str, field: str, signed: bool) -> None:
        desk.reply = lambda sent: desk.signed_reply(
            sent, signed=signed, code="40002", msg="Invalid", sub_code=sub_code, sub_msg="无效"
        )

        with pytest.raises(AccountRefused, match=f"{sub_code} 无效") as told:
            desk.gateway().create(request=create_request())

        assert told.value.field == field

    @pytest.mark.parametrize("code", ["20001", "40006"])
    def test_is_told_that_a_contract_is_missing(self, desk: Desk, code: str) -> None:
        desk.fails("aop.new-word", code=code)

        with pytest.raises(AccountRefused) as told:
            desk.gateway().query(ref=payment_ref())

        assert told.value.field == "contract"


class TestCleanSubject:
    @pytest.mark.parametrize(
        ("given_subject", "sent"),
        [
            ("保温杯 500ml", "保温杯 500ml"),
            ("a/b=c&d", "a b c d"),
            ("  one\r\ntwo\tthree ", "one two three"),
            ("in\u200bvisible\x00", "invisible"),
            ("\ud800", "P1"),
            ("/=&", "P1"),
            ("", "P1"),
            ("长" * 300, "长" * 256),
        ],
    )
    def test_is_what_alipay_takes(self, given_subject: str, sent: str) -> None:
        assert clean_subject(given_subject, instead="P1") == sent

    @given(st.text())
    def test_always_fits(self, given_subject: str) -> None:
        cleaned = clean_subject(given_subject, instead="P1")

        assert 0 < len(cleaned.encode().decode()) <= 256
        assert not set(cleaned) & set("/=&\r\n\t")


class TestExpiry:
    def test_is_told_in_beijing_time(self, desk: Desk) -> None:
        desk.answers(**SUCCESS)

        desk.gateway().create(request=create_request(expires_at=NOON + timedelta(hours=13)))

        assert desk.sent[0].biz_content["time_expire"] == "2026-11-23 01:00:00"
