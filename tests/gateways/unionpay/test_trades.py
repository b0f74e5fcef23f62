from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.gateways import ConfigError, EventKind, Outcome
from payments.gateways.transport import TransportError
from payments.gateways.unionpay.answer import MALFORMED, UNTRUSTED
from payments.gateways.unionpay.signature import as_bytes, is_signed, string_to_sign
from tests.gateways.unionpay.desk import (
    ADDRESS,
    MER_ID,
    NOON,
    OUR_KEY,
    OURS,
    PAYMENT_NO,
    QUERY_ID,
    Desk,
    create_request,
    issue,
    news,
    payment_ref,
)

AFTERWARDS = NOON + timedelta(minutes=18)  # the time to pay was 15 minutes


def paid(**changes: str) -> dict[str, Any]:
    """What queryTrans.do tells of a payment."""
    told = {name: value for name, value in news().items() if name not in ("respCode", "respMsg")}
    return {**told, "origRespCode": "00", "origRespMsg": "成功[0000000]", **changes}


class TestPage:
    @pytest.mark.parametrize(("method", "channel"), [("page", "07"), ("wap", "08")])
    def test_is_a_form_for_the_browser_and_asks_unionpay_nothing(self, desk: Desk, method: str, channel: str) -> None:
        event, action = desk.gateway().create(request=create_request(method=method))

        assert (event.outcome, event.amount_fen, desk.sent) == (Outcome.PENDING, 9_900, [])
        assert (action.kind, action.data["url"]) == ("form", f"{ADDRESS}frontTransReq.do")
        assert action.data["channelType"] == channel

    def test_says_all_that_unionpay_needs(self, desk: Desk) -> None:
        _event, action = desk.gateway().create(request=create_request(method="page"))

        fields = {name: value for name, value in action.data.items() if name not in ("url", "signature")}
        assert fields == {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "signMethod": "01",
            "certId": "68759663125",
            "txnType": "01",
            "txnSubType": "01",
            "bizType": "000201",
            "channelType": "07",
            "accessType": "0",
            "merId": MER_ID,
            "orderId": PAYMENT_NO,
            "txnTime": "20261122120000",
            "payTimeout": "20261122121500",
            "txnAmt": "9900",
            "currencyCode": "156",
            "frontUrl": "https://shop.example/pay/t/",
            "backUrl": "https://shop.example/webhooks/k/",
            "riskRateInfo": "{commodityName=保温杯 500ml}",
        }

    def test_is_signed_as_it_will_be_posted(self, desk: Desk) -> None:
        _event, action = desk.gateway().create(request=create_request(method="page"))

        posted = {name: value for name, value in action.data.items() if name != "url"}
        signed, signature = string_to_sign(as_bytes(posted)), posted["signature"].encode()
        assert is_signed(signed=signed, signature=signature, key=OUR_KEY.public_key())

    @pytest.mark.parametrize(
        ("subject", "name"),
        [('保温杯 "500ml" {白}&颜色=[红]', "保温杯 500ml 白 颜色 红"), ("{}", PAYMENT_NO), ("杯\r\n子\u200b", "杯 子")],
    )
    def test_keeps_from_sub_fields_what_would_break_them(self, desk: Desk, subject: str, name: str) -> None:
        _event, action = desk.gateway().create(request=create_request(method="page", subject=subject))

        assert action.data["riskRateInfo"] == f"{{commodityName={name}}}"


class TestCode:
    def test_is_asked_for_behind_the_scenes(self, desk: Desk) -> None:
        desk.answers(qrCode="https://qr.95516.com/00010000/6212")

        event, action = desk.gateway().create(request=create_request())

        assert (event.outcome, action.kind) == (Outcome.PENDING, "qr")
        assert action.data == {"content": "https://qr.95516.com/00010000/6212"}
        (sent,) = desk.sent
        assert sent.url == f"{ADDRESS}backTransReq.do"
        assert {sent.form[name] for name in ("txnType", "txnSubType", "bizType", "channelType")} == {
            *("01", "07", "000000", "08"),
        }
        assert "frontUrl" not in sent.form

    @pytest.mark.parametrize(
        ("code", "outcome"),
        [
            ("33", Outcome.FAILED),
            ("13", Outcome.FAILED),
            ("01", Outcome.FAILED),
            ("12", Outcome.UNKNOWN),  # the number is known; its code is given only once
            ("03", Outcome.UNKNOWN),
            ("06", Outcome.UNKNOWN),
            ("A9", Outcome.UNKNOWN),
        ],
    )
    def test_fails_only_where_unionpay_is_certain(self, desk: Desk, code: str, outcome: Outcome) -> None:
        desk.answers(code)

        event, action = desk.gateway().create(request=create_request())

        assert (event.outcome, event.code, action.kind) == (outcome, code, "none")

    @pytest.mark.parametrize("changes", [{"qrCode": ""}, {"qrCode": "x" * 513}, {"qrCode": "x", "orderId": "P2"}])
    def test_is_none_in_an_answer_that_is_not_as_documented(self, desk: Desk, changes: dict[str, Any]) -> None:
        desk.answers(**changes)

        event, action = desk.gateway().create(request=create_request())

        assert (event.outcome, event.code, action.kind) == (Outcome.UNKNOWN, MALFORMED, "none")

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount_fen": 0},
            {"amount_fen": 10**12},
            {"method": "jsapi"},
            {"payment_no": "P-2026-1122"},
            {"payment_no": "P123456"},
            {"expires_at": NOON},
        ],
    )
    def test_is_not_asked_for_where_it_would_be_refused(self, desk: Desk, changes: dict[str, object]) -> None:
        event, action = desk.gateway().create(request=create_request(**changes))

        assert (event.outcome, event.code, action.kind, desk.sent) == (Outcome.FAILED, "local.not_sent", "none", [])


class TestQuery:
    def test_finds_the_money(self, desk: Desk) -> None:
        desk.answers(**paid())

        event = desk.gateway().query(ref=payment_ref())

        assert (event.kind, event.outcome, event.gateway_trade_no) == (
            EventKind.PAYMENT,
            Outcome.SUCCEEDED,
            QUERY_ID,
        )
        assert (event.amount_fen, event.currency) == (9_900, "CNY")
        assert event.occurred_at == datetime(2026, 11, 22, 4, 1, 30, tzinfo=UTC)

    def test_asks_with_the_time_the_payment_was_sent_with(self, desk: Desk) -> None:
        desk.gateway(at=NOON + timedelta(hours=5)).query(ref=payment_ref())

        (sent,) = desk.sent
        assert sent.url == f"{ADDRESS}queryTrans.do"
        assert (sent.form["orderId"], sent.form["txnTime"]) == (PAYMENT_NO, "20261122120000")

    def test_takes_a_query_that_worked_for_no_success(self, desk: Desk) -> None:
        desk.answers()

        assert desk.gateway().query(ref=payment_ref()).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        ("code", "before", "after"),
        [
            ("00", Outcome.SUCCEEDED, Outcome.SUCCEEDED),
            ("A6", Outcome.SUCCEEDED, Outcome.SUCCEEDED),
            ("03", Outcome.PENDING, Outcome.PENDING),
            ("04", Outcome.PENDING, Outcome.PENDING),
            ("05", Outcome.PENDING, Outcome.PENDING),
            ("61", Outcome.PENDING, Outcome.FAILED),
            ("42", Outcome.UNKNOWN, Outcome.UNKNOWN),
        ],
    )
    def test_is_final_only_after_the_time_to_pay(self, desk: Desk, code: str, before: Outcome, after: Outcome) -> None:
        desk.answers(**paid(origRespCode=code))

        assert desk.gateway().query(ref=payment_ref()).outcome is before
        assert desk.gateway(at=AFTERWARDS).query(ref=payment_ref()).outcome is after

    def test_does_not_give_up_a_payment_that_it_does_not_find_while_there_is_time(self, desk: Desk) -> None:
        desk.answers("34")

        assert desk.gateway().query(ref=payment_ref()).outcome is Outcome.PENDING
        assert desk.gateway(at=AFTERWARDS).query(ref=payment_ref()).outcome is Outcome.NOT_FOUND
        assert desk.gateway().query(ref=payment_ref(minutes=None)).outcome is Outcome.NOT_FOUND

    @pytest.mark.parametrize("code", ["01", "03", "10", "37", "99", ""])
    def test_learns_nothing_from_a_question_that_did_not_work(self, desk: Desk, code: str) -> None:
        desk.answers(code, **paid())

        assert desk.gateway().query(ref=payment_ref()).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        "changes",
        [
            {"orderId": "P2026112200000002"},
            {"txnTime": "20261122120001"},
            {"txnType": "04"},
            {"queryId": ""},
            {"txnAmt": "99.00"},
            {"settleAmt": "x"},
            {"traceTime": "1322120130"},
            {"origRespCode": ""},
        ],
    )
    def test_assumes_nothing_from_an_answer_that_is_not_as_documented(
        self, desk: Desk, changes: dict[str, Any]
    ) -> None:
        desk.answers(**paid(**changes))

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)

    def test_counts_what_is_settled(self, desk: Desk) -> None:
        desk.answers(**paid(settleAmt="9899"))

        assert desk.gateway().query(ref=payment_ref()).amount_fen == 9_899

    def test_tells_another_currency(self, desk: Desk) -> None:
        desk.answers(**paid(currencyCode="840"))

        assert desk.gateway().query(ref=payment_ref()).currency == "840"

    def test_dates_a_payment_of_new_years_night(self, desk: Desk) -> None:
        sent_at = datetime(2026, 12, 31, 15, 59, 50, tzinfo=UTC)
        ref = payment_ref().__class__(payment_no=PAYMENT_NO, created_at=sent_at)
        desk.answers(**paid(txnTime="20261231235950", traceTime="0101000010"))

        event = desk.gateway().query(ref=ref)

        assert event.occurred_at == datetime(2026, 12, 31, 16, 0, 10, tzinfo=UTC)


class TestUnbelievable:
    @pytest.mark.parametrize(
        ("error", "code"),
        [("transport.timeout", "transport.timeout"), ("transport.unreachable", "transport.unreachable")],
    )
    def test_is_no_answer(self, desk: Desk, error: str, code: str) -> None:
        desk.breaks(TransportError(error, "…"))

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, code)

    def test_is_an_error_of_the_server(self, desk: Desk) -> None:
        desk.answers_raw(b"respCode=00&origRespCode=00", status=502)

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, "http.502")

    def test_is_an_answer_without_a_signature(self, desk: Desk) -> None:
        desk.answers_raw(b"respCode=34&respMsg=nothing")

        assert desk.gateway(at=AFTERWARDS).query(ref=payment_ref()).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize("body", [b"", b"<html>", b"a=1&a=2", "respMsg=\u6210".encode("gbk"), b"&"])
    def test_is_what_is_no_answer_at_all(self, desk: Desk, body: bytes) -> None:
        desk.answers_raw(body)

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)

    def test_is_an_answer_signed_with_somebody_elses_certificate(self, desk: Desk) -> None:
        desk.answers(by=issue("041@1@某某商户@1", OUR_KEY), **paid())

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, UNTRUSTED["certificate"])

    def test_is_an_answer_of_another_merchant_of_the_same_authority(self, desk: Desk) -> None:
        desk.answers(by=OURS, **paid())

        assert desk.gateway().query(ref=payment_ref()).outcome is Outcome.UNKNOWN


class TestClose:
    def test_is_not_promised(self, desk: Desk) -> None:
        gateway = desk.gateway()

        event = gateway.close(ref=payment_ref())

        assert (gateway.capabilities.can_close, event.outcome, desk.sent) == (False, Outcome.UNKNOWN, [])

    @pytest.mark.parametrize(
        ("code", "outcome"),
        [("34", Outcome.CLOSED), ("05", Outcome.UNKNOWN), ("61", Outcome.CLOSED), ("00", Outcome.UNKNOWN)],
    )
    def test_is_told_by_a_query_when_the_time_to_pay_is_over(self, desk: Desk, code: str, outcome: Outcome) -> None:
        if code == "34":
            desk.answers("34")
        else:
            desk.answers(**paid(origRespCode=code))

        event = desk.gateway(at=AFTERWARDS).close(ref=payment_ref())

        assert (event.kind, event.outcome) == (EventKind.CLOSE, outcome)


class TestRefusedAccount:
    @pytest.mark.parametrize(("code", "field"), [("11", "signing_pfx"), ("31", "mer_id"), ("32", "mer_id")])
    def test_is_told_by_its_field(self, desk: Desk, code: str, field: str) -> None:
        desk.answers(code)

        with pytest.raises(ConfigError) as told:
            desk.gateway().query(ref=payment_ref())

        assert told.value.field == field

    def test_is_told_also_by_an_answer_that_unionpay_does_not_sign(self, desk: Desk) -> None:
        desk.answers_raw("respCode=11&respMsg=验证签名失败[9100004]".encode())

        with pytest.raises(ConfigError, match="9100004"):
            desk.gateway().query(ref=payment_ref())
