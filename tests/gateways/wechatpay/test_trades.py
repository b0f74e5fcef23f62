from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from payments.gateways import ConfigError, Environment, EventKind, NextAction, Outcome
from payments.gateways.transport import TransportError
from payments.gateways.wechatpay.answer import BAD_SIGNATURE, MALFORMED, STALE, UNKNOWN_KEY, UNSIGNED
from payments.gateways.wechatpay.codes import AccountRefused
from payments.gateways.wechatpay.signature import is_signed, joined
from payments.gateways.wechatpay.trades import clean_text
from tests.gateways.wechatpay.desk import (
    ADDRESS,
    APPID,
    BY_CERTIFICATE,
    MCHID,
    MERCHANT,
    MERCHANT_CERTIFICATE,
    MERCHANT_PRIVATE_KEY,
    MERCHANT_SERIAL,
    NOON,
    OPENID,
    OTHER,
    PAYMENT_NO,
    PLATFORM_CERTIFICATE,
    PLATFORM_PUBLIC_KEY,
    PLATFORM_SERIAL,
    PUBLIC_KEY_ID,
    TRADE_NO,
    WEBHOOK,
    Desk,
    Pen,
    create_request,
    payment_ref,
    trade,
)

CODE_URL = "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"
H5_URL = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2026&package=1"


class TestEveryRequest:
    def test_is_signed_over_the_address_and_the_body_as_they_are_sent(self, desk: Desk) -> None:
        desk.answers(code_url=CODE_URL).gateway().create(request=create_request())

        (sent,) = desk.sent
        told = sent.authorization
        signed = joined(sent.method, sent.target, told["timestamp"], told["nonce_str"], sent.content.decode())
        assert is_signed(signed=signed, signature=told["signature"], key=MERCHANT.public_key())
        assert (told["mchid"], told["serial_no"], told["timestamp"]) == (MCHID, MERCHANT_SERIAL, "1795320000")

    def test_without_a_body_is_signed_over_an_empty_line(self, desk: Desk) -> None:
        desk.answers(**trade()).gateway().query(ref=payment_ref())

        (sent,) = desk.sent
        told = sent.authorization
        signed = f"GET\n{sent.target}\n{told['timestamp']}\n{told['nonce_str']}\n\n".encode()
        assert is_signed(signed=signed, signature=told["signature"], key=MERCHANT.public_key())
        assert sent.target == f"/v3/pay/transactions/out-trade-no/{PAYMENT_NO}?mchid={MCHID}"

    def test_never_uses_a_nonce_twice(self, desk: Desk) -> None:
        gateway = desk.answers(**trade()).gateway()
        for _again in range(3):
            gateway.query(ref=payment_ref())

        assert len({sent.authorization["nonce_str"] for sent in desk.sent}) == 3

    def test_asks_for_answers_under_the_public_key(self, desk: Desk) -> None:
        desk.answers(**trade()).gateway().query(ref=payment_ref())

        assert desk.sent[0].headers["wechatpay-serial"] == PUBLIC_KEY_ID
        assert {"user-agent", "accept"} <= desk.sent[0].headers.keys()

    def test_asks_for_no_key_in_certificate_mode(self, desk: Desk) -> None:
        desk.answers(pen=Pen(serial=PLATFORM_SERIAL), **trade())

        event = desk.gateway(**BY_CERTIFICATE).query(ref=payment_ref())

        assert event.outcome is Outcome.SUCCEEDED
        assert "wechatpay-serial" not in desk.sent[0].headers

    @pytest.mark.parametrize("serial", [PUBLIC_KEY_ID, PLATFORM_SERIAL])
    def test_believes_both_ways_of_signing_while_the_merchant_switches(self, desk: Desk, serial: str) -> None:
        desk.answers(pen=Pen(serial=serial), **trade())

        event = desk.gateway(platform_certificate=PLATFORM_CERTIFICATE).query(ref=payment_ref())

        assert event.outcome is Outcome.SUCCEEDED
        kind = "platform_public_key" if serial == PUBLIC_KEY_ID else "platform_certificate"
        assert desk.meter.kinds == [("private_key", "sign"), (kind, "verify")]

    def test_counts_the_certificate_that_its_number_is_read_from(self, desk: Desk) -> None:
        desk.answers(**trade()).gateway(merchant_certificate=MERCHANT_CERTIFICATE).query(ref=payment_ref())

        assert ("merchant_certificate", "sign") in desk.meter.kinds

    def test_counts_the_keys_as_the_account_holds_them(self, desk: Desk) -> None:
        desk.answers(**trade()).gateway().query(ref=payment_ref())

        assert [value for _kind, value, _act in desk.meter.acts] == [MERCHANT_PRIVATE_KEY, PLATFORM_PUBLIC_KEY]

    def test_goes_to_the_live_gateway_for_a_live_account(self, desk: Desk) -> None:
        desk.answers(**trade()).gateway(environment=Environment.LIVE, base_url="").query(ref=payment_ref())

        assert desk.sent[0].url.startswith("https://api.mch.weixin.qq.com/v3/")

    def test_is_not_sent_if_its_answer_could_not_be_verified(self, desk: Desk) -> None:
        with pytest.raises(ConfigError):
            desk.gateway(platform_public_key="").query(ref=payment_ref())

        assert desk.sent == []


class TestCreateQr:
    def test_gives_the_code_to_draw(self, desk: Desk) -> None:
        request = create_request()

        event, action = desk.answers(code_url=CODE_URL).gateway().create(request=request)

        assert (event.kind, event.outcome, event.amount_fen) == (EventKind.PAYMENT, Outcome.PENDING, 9_900)
        assert action == NextAction(kind="qr", data={"content": CODE_URL}, expires_at=request.expires_at)
        assert desk.sent[0].url == f"{ADDRESS}/v3/pay/transactions/native"
        assert desk.sent[0].json == {
            "appid": APPID,
            "mchid": MCHID,
            "description": "保温杯 500ml",
            "out_trade_no": PAYMENT_NO,
            "time_expire": "2026-11-22T12:15:00+08:00",
            "notify_url": WEBHOOK,
            "amount": {"total": 9_900, "currency": "CNY"},
        }

    def test_sends_the_same_bytes_again(self, desk: Desk) -> None:
        gateway = desk.answers(code_url=CODE_URL).gateway()
        for _again in range(2):
            gateway.create(request=create_request())

        assert desk.sent[0].content == desk.sent[1].content

    @pytest.mark.parametrize("content", [{}, {"code_url": ""}, {"code_url": "no address"}, {"code_url": 1}])
    def test_is_unknown_where_the_answer_holds_no_code(self, desk: Desk, content: dict[str, Any]) -> None:
        event, action = desk.answers(ok=1, **content).gateway().create(request=create_request())

        assert (event.outcome, event.code, action.kind) == (Outcome.UNKNOWN, MALFORMED, "none")

    @pytest.mark.parametrize(
        ("status", "code", "outcome"),
        [
            (400, "PARAM_ERROR", Outcome.FAILED),
            (403, "USER_ACCOUNT_ABNORMAL", Outcome.FAILED),
            (400, "ORDERPAID", Outcome.UNKNOWN),
            (400, "ORDER_CLOSED", Outcome.CLOSED),
            (403, "OUT_TRADE_NO_USED", Outcome.UNKNOWN),
            (429, "FREQUENCY_LIMITED", Outcome.UNKNOWN),
            (429, "PARAM_ERROR", Outcome.UNKNOWN),
            (500, "SYSTEM_ERROR", Outcome.UNKNOWN),
            (502, "PARAM_ERROR", Outcome.UNKNOWN),
            (202, "USERPAYING", Outcome.UNKNOWN),
        ],
    )
    def test_reads_a_refusal(self, desk: Desk, status: int, code: str, outcome: Outcome) -> None:
        event, action = desk.fails(status, code).gateway().create(request=create_request())

        assert (event.outcome, event.code, action.kind) == (outcome, code, "none")
        assert "08AABB-268435456" in event.message

    @pytest.mark.parametrize(
        ("status", "code", "outcome"),
        [(404, "ORDER_NOT_EXIST", Outcome.FAILED), (500, "SYSTEM_ERROR", Outcome.UNKNOWN)],
    )
    def test_asks_what_is_under_the_number_before_an_unclear_refusal_counts(
        self, desk: Desk, status: int, code: str, outcome: Outcome
    ) -> None:
        desk.fails(400, "INVALID_REQUEST", "参数不一致").fails(status, code)

        event, _action = desk.gateway().create(request=create_request())

        assert (event.outcome, event.code, len(desk.sent)) == (outcome, "INVALID_REQUEST", 2)

    def test_is_unknown_where_an_earlier_payment_has_the_number(self, desk: Desk) -> None:
        desk.fails(400, "INVALID_REQUEST").answers(**trade(trade_state="NOTPAY"))

        assert desk.gateway().create(request=create_request())[0].outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        "changes",
        [
            {"amount_fen": 0},
            {"amount_fen": 2_147_483_648},
            {"payment_no": "P1"},
            {"payment_no": "P" * 33},
            {"payment_no": "P2026/11/22"},
            {"method": "wap"},
            {"method": "h5", "client_ip": ""},
            {"method": "jsapi", "payer_ref": ""},
            {"expires_at": NOON},
        ],
    )
    def test_sends_nothing_that_would_be_refused(self, desk: Desk, changes: dict[str, Any]) -> None:
        event, action = desk.gateway().create(request=create_request(**changes))

        assert (event.outcome, event.code, action.kind) == (Outcome.FAILED, "local.not_sent", "none")
        assert event.message
        assert desk.sent == []


class TestCreateH5:
    def test_sends_the_browser_there_and_back(self, desk: Desk) -> None:
        _event, action = desk.answers(h5_url=H5_URL).gateway().create(request=create_request(method="h5"))

        assert action.kind == "redirect"
        assert action.data["url"] == f"{H5_URL}&redirect_url=https%3A%2F%2Fshop.example%2Fpay%2Ft%2F%3Fa%3D1"
        assert action.expires_at == NOON + timedelta(minutes=5)
        assert desk.sent[0].target == "/v3/pay/transactions/h5"
        assert desk.sent[0].json["scene_info"] == {"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Wap"}}

    def test_sends_no_browser_to_a_script(self, desk: Desk) -> None:
        event, action = desk.answers(h5_url="javascript:alert(1)").gateway().create(request=create_request(method="h5"))

        assert (event.outcome, action.kind) == (Outcome.UNKNOWN, "none")


class TestCreateJsapi:
    def test_gives_the_arguments_of_the_call(self, desk: Desk) -> None:
        _event, action = (
            desk.answers(prepay_id="wx201410272009395522657a690389285100")
            .gateway()
            .create(request=create_request(method="jsapi"))
        )

        given = action.data
        assert action.kind == "jsapi"
        assert given.keys() == {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}
        assert (given["package"], given["signType"]) == ("prepay_id=wx201410272009395522657a690389285100", "RSA")
        signed = joined(given["appId"], given["timeStamp"], given["nonceStr"], given["package"])
        assert is_signed(signed=signed, signature=given["paySign"], key=MERCHANT.public_key())
        assert desk.sent[0].json["payer"] == {"openid": OPENID}
        assert desk.meter.kinds.count(("private_key", "sign")) == 2


class TestDescription:
    def test_has_no_comma_and_no_backtick(self, desk: Desk) -> None:
        request = create_request(subject='a,b`c "d"\n\0')

        desk.answers(code_url=CODE_URL).gateway().create(request=request)

        assert desk.sent[0].json["description"] == "a，b'c 'd'"

    def test_is_cut_between_characters(self) -> None:
        assert clean_text("保" * 100, limit=127) == "保" * 42

    def test_of_nothing_visible_is_the_number(self, desk: Desk) -> None:
        desk.answers(code_url=CODE_URL).gateway().create(request=create_request(subject="\u200b"))

        assert desk.sent[0].json["description"] == PAYMENT_NO


class TestQuery:
    def test_finds_the_money(self, desk: Desk) -> None:
        event = desk.answers(**trade()).gateway().query(ref=payment_ref())

        assert (event.outcome, event.payment_no, event.gateway_trade_no) == (Outcome.SUCCEEDED, PAYMENT_NO, TRADE_NO)
        assert (event.amount_fen, event.currency, event.payer_ref) == (9_900, "CNY", OPENID)
        assert event.occurred_at == NOON
        assert event.raw

    @pytest.mark.parametrize(
        ("state", "outcome"),
        [
            ("SUCCESS", Outcome.SUCCEEDED),
            ("REFUND", Outcome.SUCCEEDED),
            ("NOTPAY", Outcome.PENDING),
            ("USERPAYING", Outcome.PENDING),
            ("CLOSED", Outcome.CLOSED),
            ("REVOKED", Outcome.CLOSED),
            ("PAYERROR", Outcome.FAILED),
            ("NEW_WORD", Outcome.UNKNOWN),
        ],
    )
    def test_stands_where_wechat_pay_says(self, desk: Desk, state: str, outcome: Outcome) -> None:
        event = desk.answers(**trade(trade_state=state)).gateway().query(ref=payment_ref())

        assert (event.outcome, event.native_state) == (outcome, state)

    def test_reads_an_unpaid_one_that_has_no_number_and_no_amount_yet(self, desk: Desk) -> None:
        unpaid = trade(trade_state="NOTPAY", transaction_id=None, success_time=None, payer=None, amount=None)

        assert desk.answers(**unpaid).gateway().query(ref=payment_ref()).outcome is Outcome.PENDING

    @pytest.mark.parametrize(
        "changes",
        [
            {"out_trade_no": "P2"},
            {"mchid": "1900000002"},
            {"transaction_id": None},
            {"trade_state": None},
            {"amount": None},
            {"amount": {"total": 99.0, "currency": "CNY"}},
            {"amount": {"total": "9900", "currency": "CNY"}},
            {"amount": {"total": -1}},
            {"success_time": "2026-11-22T12:00:00"},
            {"amount": []},
        ],
    )
    def test_is_unknown_where_the_answer_makes_no_sense(self, desk: Desk, changes: dict[str, Any]) -> None:
        event = desk.answers(**trade(**changes)).gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, MALFORMED)

    def test_does_not_find_what_is_not_there(self, desk: Desk) -> None:
        event = desk.fails(404, "ORDER_NOT_EXIST").gateway().query(ref=payment_ref())

        assert event.outcome is Outcome.NOT_FOUND

    @pytest.mark.parametrize(
        ("pen", "code"),
        [
            (Pen(key=OTHER), BAD_SIGNATURE),
            (Pen(serial="ABCDEF"), UNKNOWN_KEY),
            (Pen(serial="PUB_KEY_ID_NEW"), UNKNOWN_KEY),
            (Pen(at=NOON - timedelta(minutes=5)), STALE),
        ],
    )
    @pytest.mark.parametrize("found", [True, False])
    def test_believes_nothing_that_is_not_signed_here_and_now(
        self, desk: Desk, pen: Pen, code: str, found: bool
    ) -> None:
        desk.pen = pen
        event = (
            (desk.answers(**trade()) if found else desk.fails(404, "ORDER_NOT_EXIST"))
            .gateway()
            .query(ref=payment_ref())
        )

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, code)
        assert ("private_key", "sign") in desk.meter.kinds
        assert all(act == "sign" for _kind, act in desk.meter.kinds)

    @pytest.mark.parametrize(
        ("status", "code"), [(200, UNSIGNED), (204, UNSIGNED), (404, "http.404"), (502, "http.502")]
    )
    def test_believes_nothing_that_nobody_signed(self, desk: Desk, status: int, code: str) -> None:
        desk.answers_raw(b'{"code":"ORDER_NOT_EXIST","message":"x"}', status=status)

        event = desk.gateway().query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, code)

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b"{", b"\xff", b"[" * 20_000])
    def test_makes_nothing_of_nonsense(self, desk: Desk, body: bytes) -> None:
        desk.answers_raw(body, **Pen().headers(body))

        assert desk.gateway().query(ref=payment_ref()).code == MALFORMED

    def test_is_unknown_when_no_answer_comes(self, desk: Desk) -> None:
        event = desk.breaks(TransportError("transport.timeout", "late")).gateway().query(ref=payment_ref())

        assert (event.outcome, event.code, event.message) == (Outcome.UNKNOWN, "transport.timeout", "late")


class TestClose:
    def test_is_done_when_the_empty_answer_is_signed(self, desk: Desk) -> None:
        event = desk.answers(204).gateway().close(ref=payment_ref())

        assert (event.kind, event.outcome) == (EventKind.CLOSE, Outcome.CLOSED)
        assert (desk.sent[0].target, desk.sent[0].json) == (
            f"/v3/pay/transactions/out-trade-no/{PAYMENT_NO}/close",
            {"mchid": MCHID},
        )

    def test_is_unknown_when_the_empty_answer_is_not_signed(self, desk: Desk) -> None:
        assert desk.answers_raw(b"", status=204).gateway().close(ref=payment_ref()).outcome is Outcome.UNKNOWN

    @pytest.mark.parametrize(
        ("status", "code", "outcome"),
        [
            (400, "ORDERPAID", Outcome.UNKNOWN),
            (400, "ORDER_CLOSED", Outcome.CLOSED),
            (404, "ORDER_NOT_EXIST", Outcome.NOT_FOUND),
            (400, "INVALID_REQUEST", Outcome.UNKNOWN),
            (500, "SYSTEM_ERROR", Outcome.UNKNOWN),
        ],
    )
    def test_reads_a_refusal(self, desk: Desk, status: int, code: str, outcome: Outcome) -> None:
        assert desk.fails(status, code).gateway().close(ref=payment_ref()).outcome is outcome


class TestARefusedAccount:
    @pytest.mark.parametrize(
        ("status", "code", "message", "field"),
        [
            (401, "SIGN_ERROR", "错误的签名，验签失败", "private_key"),
            (401, "SIGN_ERROR", "商户证书序列号有误", "serial_no"),
            (401, "SOMETHING_NEW", "…", "private_key"),
            (403, "NO_AUTH", "商户号该产品权限未开通", "contract"),
            (400, "APPID_MCHID_NOT_MATCH", "…", "appid"),
            (404, "MCH_NOT_EXISTS", "…", "mchid"),
        ],
    )
    @pytest.mark.parametrize("signed", [True, False])
    def test_is_told_by_the_field_at_fault(
        self, desk: Desk, status: int, code: str, message: str, field: str, signed: bool
    ) -> None:
        if signed:
            desk.fails(status, code, message)
        else:
            desk.answers_raw(f'{{"code":"{code}","message":"{message}"}}'.encode(), status=status)

        with pytest.raises(AccountRefused, match=code) as told:
            desk.gateway().query(ref=payment_ref())

        assert told.value.field == field
        assert "268435456" in str(told.value)

    def test_is_told_that_the_clock_is_wrong(self, desk: Desk) -> None:
        desk.answers_raw(b'{"code":"SIGN_ERROR","message":"x"}', status=401, date="Sun, 22 Nov 2026 03:54:00 GMT")

        with pytest.raises(AccountRefused) as told:
            desk.gateway().query(ref=payment_ref())

        assert told.value.field == "clock"


class TestPayerLogin:
    def test_sends_the_browser_to_wechat(self, desk: Desk) -> None:
        gateway = desk.gateway(environment=Environment.LIVE, base_url="")

        url = gateway.payer_login(return_url="https://shop.example/pay/t/?a=1", state="s1")

        assert url.startswith("https://open.weixin.qq.com/connect/oauth2/authorize?appid=")
        assert url.endswith("&state=s1#wechat_redirect")
        query = parse_qs(urlsplit(url).query)
        assert query["redirect_uri"] == ["https://shop.example/pay/t/?a=1"]
        assert (query["scope"], query["response_type"]) == (["snsapi_base"], ["code"])

    def test_stays_in_the_sandbox(self, desk: Desk) -> None:
        gateway = desk.answers_raw(f'{{"openid":"{OPENID}"}}'.encode()).gateway()

        assert gateway.payer_login(return_url="https://shop.example/", state="s").startswith(
            f"{ADDRESS}/connect/oauth2/authorize?"
        )
        assert gateway.payer_of(code="c&d") == OPENID
        assert desk.sent[0].url.startswith(f"{ADDRESS}/sns/oauth2/access_token?")
        assert "code=c%26d&grant_type=authorization_code" in desk.sent[0].url

    def test_asks_wechats_own_host_for_the_name(self, desk: Desk) -> None:
        desk.answers_raw(f'{{"openid":"{OPENID}"}}'.encode())

        desk.gateway(environment=Environment.LIVE, base_url="").payer_of(code="c")

        assert desk.sent[0].url.startswith("https://api.weixin.qq.com/sns/oauth2/access_token?")

    @pytest.mark.parametrize(
        "body", [b'{"errcode":40029,"errmsg":"invalid code"}', b'{"errcode":-1}', b"{}", b"", b"[]", b'{"openid":1}']
    )
    def test_knows_nobody_without_a_usable_answer(self, desk: Desk, body: bytes) -> None:
        assert desk.answers_raw(body).gateway().payer_of(code="used") == ""

    def test_knows_nobody_when_no_answer_comes(self, desk: Desk) -> None:
        assert desk.breaks(TransportError("transport.timeout", "")).gateway().payer_of(code="c") == ""

    @pytest.mark.parametrize(("number", "field"), [(40125, "app_secret"), (40013, "appid"), (40164, "app_secret")])
    def test_tells_what_wechat_does_not_accept(self, desk: Desk, number: int, field: str) -> None:
        desk.answers_raw(f'{{"errcode":{number},"errmsg":"invalid"}}'.encode())

        with pytest.raises(ConfigError, match=str(number)) as told:
            desk.gateway().payer_of(code="c")

        assert told.value.field == field

    def test_needs_the_app_secret(self, desk: Desk) -> None:
        with pytest.raises(ConfigError) as told:
            desk.gateway(app_secret="").payer_login(return_url="https://shop.example/", state="s")

        assert told.value.field == "app_secret"
