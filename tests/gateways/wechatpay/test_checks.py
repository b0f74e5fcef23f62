from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from payments.gateways import CheckResult, CheckStatus, Environment
from payments.gateways.transport import TransportError
from tests.gateways.wechatpay.desk import (
    APP_SECRET,
    BY_CERTIFICATE,
    CREDENTIALS,
    MCHID,
    MERCHANT_CERTIFICATE,
    MERCHANT_PRIVATE_KEY,
    MERCHANT_SERIAL,
    NOON,
    OTHER,
    OTHER_PRIVATE_KEY,
    PLATFORM_CERTIFICATE,
    PLATFORM_PUBLIC_KEY,
    PLATFORM_SERIAL,
    PUBLIC_KEY_ID,
    WEBHOOK,
    Desk,
    Pen,
    Wanted,
    certificate,
    trade,
)

OWN_SERIAL = int(MERCHANT_SERIAL, 16)
OTHER_MERCHANTS = certificate(Wanted(name="1900000002", key="merchant", serial=OWN_SERIAL))
OTHER_KEYS = certificate(Wanted(name=MCHID, key="other", serial=OWN_SERIAL))
EXPIRED = certificate(Wanted(name=MCHID, key="merchant", serial=OWN_SERIAL, days=-1))
EARLY = certificate(Wanted(name=MCHID, key="merchant", serial=OWN_SERIAL, begins=NOON + timedelta(days=2)))
ENDING = certificate(Wanted(name=MCHID, key="merchant", serial=OWN_SERIAL, days=59))
OF_A_TEST = certificate(Wanted(name=MCHID, key="merchant", serial=OWN_SERIAL, issuer="Tenpay TEST CA"))
EXPIRED_PLATFORM = certificate(Wanted(name="Tenpay.com sign", key="platform", serial=7, days=-1))
OWN_PUBLIC_KEY = MERCHANT_CERTIFICATE  # a certificate passes for the key in it


def check(desk: Desk, *, online: bool = False, notify_url: str = "", **changes: Any) -> dict[str, CheckResult]:
    checks = desk.gateway(**changes).self_check(online=online, notify_url=notify_url)
    return {it.code: it for it in checks}


def faults(checks: dict[str, CheckResult]) -> dict[str, CheckStatus]:
    return {code: it.status for code, it in checks.items() if it.status is not CheckStatus.OK}


class TestOffline:
    def test_finds_an_account_in_order(self, desk: Desk) -> None:
        checks = check(desk, notify_url=WEBHOOK)

        assert faults(checks) == {}
        assert list(checks) == [
            "base_url", "mode", "mchid", "appid", "private_key", "serial_no", "platform_public_key_id",
            "platform_public_key", "apiv3_key", "app_secret", "round_trip", "notify_url",
        ]  # fmt: skip
        assert all(it.label and it.meaning for it in checks.values())
        assert desk.sent == []

    def test_finds_one_with_certificates_in_order(self, desk: Desk) -> None:
        checks = check(desk, **BY_CERTIFICATE, merchant_certificate=MERCHANT_CERTIFICATE, serial_no="")

        assert faults(checks) == {}
        assert (checks["serial_no"].value, "platform_public_key" in checks) == (MERCHANT_SERIAL, False)
        assert PLATFORM_SERIAL in checks["platform_certificate"].value

    def test_looks_at_both_ways_of_signing_while_the_merchant_switches(self, desk: Desk) -> None:
        checks = check(desk, platform_certificate=PLATFORM_CERTIFICATE)

        assert faults(checks) == {}
        assert {"platform_public_key", "platform_certificate"} <= checks.keys()

    def test_does_without_an_app_secret(self, desk: Desk) -> None:
        result = check(desk, app_secret="")["app_secret"]

        assert (result.status, "jsapi" in result.meaning) == (CheckStatus.OK, True)

    @pytest.mark.parametrize(
        ("changes", "code", "words"),
        [
            ({"mode": "sm2"}, "mode", "“sm2” is not one"),
            ({"mchid": ""}, "mchid", "is empty"),
            ({"mchid": "wx123"}, "mchid", "“wx123” is not one"),
            ({"appid": "1900000001"}, "appid", "Begins with wx"),
            ({"private_key": ""}, "private_key", "is empty"),
            ({"private_key": MERCHANT_CERTIFICATE}, "private_key", "this is a certificate"),
            ({"private_key": PLATFORM_PUBLIC_KEY}, "private_key", "this is a public key"),
            ({"private_key": MERCHANT_PRIVATE_KEY[:300]}, "private_key", "the end of the key is missing"),
            ({"serial_no": ""}, "serial_no", "is empty"),
            ({"serial_no": "12AB"}, "serial_no", "“12AB” is not one"),
            ({"serial_no": PUBLIC_KEY_ID}, "serial_no", "ID of WeChat Pay's public key"),
            ({"serial_no": PLATFORM_SERIAL, "platform_certificate": PLATFORM_CERTIFICATE}, "serial_no", "WeChat Pay's"),
            ({"serial_no": "A" * 40, "merchant_certificate": MERCHANT_CERTIFICATE}, "serial_no", MERCHANT_SERIAL),
            ({"merchant_certificate": "no certificate"}, "merchant_certificate", "no certificate"),
            ({"merchant_certificate": MERCHANT_PRIVATE_KEY}, "merchant_certificate", "private key"),
            ({"merchant_certificate": OTHER_MERCHANTS}, "merchant_certificate", "merchant 1900000002"),
            ({"merchant_certificate": OTHER_KEYS}, "merchant_certificate", "not made for this private key"),
            ({"merchant_certificate": PLATFORM_CERTIFICATE}, "merchant_certificate", "is WeChat Pay's"),
            ({"merchant_certificate": EXPIRED}, "merchant_certificate", "expired on 2026-11-21"),
            ({"merchant_certificate": EARLY}, "merchant_certificate", "valid only from 2026-11-24"),
            ({"platform_public_key_id": ""}, "platform_public_key_id", "is empty"),
            ({"platform_public_key_id": PLATFORM_SERIAL}, "platform_public_key_id", "Begins with PUB_KEY_ID_"),
            ({"platform_public_key": ""}, "platform_public_key", "is empty"),
            ({"platform_public_key": MERCHANT_PRIVATE_KEY}, "platform_public_key", "this is a private key"),
            ({"platform_public_key": OWN_PUBLIC_KEY}, "platform_public_key", "your own key"),
            ({"platform_public_key": OTHER_KEYS}, "platform_public_key", "your own key"),
            ({**BY_CERTIFICATE, "platform_certificate": ""}, "platform_certificate", "none is here yet"),
            ({**BY_CERTIFICATE, "platform_certificate": MERCHANT_CERTIFICATE}, "platform_certificate", "your own"),
            ({**BY_CERTIFICATE, "platform_certificate": OTHER_KEYS}, "platform_certificate", "your own"),
            ({**BY_CERTIFICATE, "platform_certificate": EXPIRED_PLATFORM}, "platform_certificate", "expired on"),
            ({"apiv3_key": ""}, "apiv3_key", "is empty"),
            ({"apiv3_key": "x" * 31}, "apiv3_key", "31 characters"),
            ({"apiv3_key": "testMchAPIv3Key0"}, "apiv3_key", "16 characters"),
            ({"apiv3_key": "x" * 16 + " " + "x" * 15}, "apiv3_key", "holds a blank"),
            ({"apiv3_key": "ａ" + "x" * 31}, "apiv3_key", "no plain letter"),
            ({"apiv3_key": APP_SECRET}, "apiv3_key", "this is the app secret"),
            ({"app_secret": "secret"}, "app_secret", "is not one"),
            ({"base_url": ""}, "base_url", "write a full address"),
            ({"base_url": "https://api.mch.weixin.qq.com"}, "base_url", "must not reach the live gateway"),
            ({"environment": Environment.LIVE}, "base_url", "talks to the live gateway"),
        ],
    )
    def test_names_the_mistake_and_blames_nothing_else(
        self, desk: Desk, changes: dict[str, Any], code: str, words: str
    ) -> None:
        checks = check(desk, **changes)

        assert checks[code].status is CheckStatus.ERROR
        assert words in checks[code].meaning
        assert not checks[code].meaning.startswith(str(checks[code].label))
        assert [it for it, status in faults(checks).items() if status is CheckStatus.ERROR and it != "notify_url"] == [
            code
        ]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"merchant_certificate": ENDING}, "expires in 59 days"),
            (
                {"merchant_certificate": OF_A_TEST, "environment": Environment.LIVE, "base_url": ""},
                "issued for tests",
            ),
        ],
    )
    def test_warns_of_a_certificate_that_will_not_do(self, desk: Desk, changes: dict[str, Any], words: str) -> None:
        result = check(desk, **changes)["merchant_certificate"]

        assert (result.status, bool(result.remedy)) == (CheckStatus.WARNING, True)
        assert words in result.meaning

    def test_is_content_with_one_valid_platform_certificate(self, desk: Desk) -> None:
        changes = BY_CERTIFICATE | {"platform_certificate": EXPIRED_PLATFORM}

        checks = check(desk, **changes, others={"platform_certificate": (PLATFORM_CERTIFICATE,)})

        assert checks["platform_certificate"].status is CheckStatus.OK

    def test_takes_the_serial_number_of_the_certificate_that_fits_the_key(self, desk: Desk) -> None:
        checks = check(
            desk,
            serial_no="",
            merchant_certificate=certificate(Wanted(name=MCHID, key="other", serial=5)),
            private_key=OTHER_PRIVATE_KEY,
            others={"merchant_certificate": (MERCHANT_CERTIFICATE,)},
        )

        assert (checks["serial_no"].value, faults(checks)) == ("05", {})

    def test_shows_fingerprints_and_no_keys(self, desk: Desk) -> None:
        shown = repr(check(desk))

        for key in CREDENTIALS.values():
            assert not any(line in shown for line in key.splitlines())
        assert "RSA 2048" in shown


class TestOnline:
    def test_proves_the_account_by_asking_about_a_payment_that_nobody_made(self, desk: Desk) -> None:
        checks = check(desk.fails(404, "ORDER_NOT_EXIST"), online=True)

        assert checks["online"].status is CheckStatus.OK
        assert "/SELFCHECK" in desk.sent[0].target

    def test_blames_the_private_key_when_wechat_pay_does_not_accept_our_signature(self, desk: Desk) -> None:
        result = check(desk.fails(401, "SIGN_ERROR", "错误的签名"), online=True)["online"]

        assert result.status is CheckStatus.ERROR
        assert "apiclient_key.pem" in result.meaning

    @pytest.mark.parametrize(
        ("pen", "words"),
        [
            (Pen(key=OTHER), "does not fit its signature"),
            (Pen(serial="ABCD"), "that this account does not have"),
            (Pen(at=NOON - timedelta(minutes=6)), "minutes ago"),
        ],
    )
    def test_says_why_an_answer_cannot_be_believed(self, desk: Desk, pen: Pen, words: str) -> None:
        desk.pen = pen

        result = check(desk.fails(404, "ORDER_NOT_EXIST"), online=True)["online"]

        assert (result.status, bool(result.remedy)) == (CheckStatus.ERROR, True)
        assert words in result.meaning

    def test_tells_a_network_that_does_not_reach_wechat_pay(self, desk: Desk) -> None:
        desk.breaks(TransportError("transport.unreachable", "refused"))

        result = check(desk, online=True)["online"]

        assert (result.status, result.value) == (CheckStatus.ERROR, "transport.unreachable refused")

    @pytest.mark.parametrize("status", [404, 500])
    def test_does_not_judge_by_an_unclear_answer(self, desk: Desk, status: int) -> None:
        desk.answers_raw(b'{"code":"ORDER_NOT_EXIST"}', status=status)

        assert check(desk, online=True)["online"].status is CheckStatus.WARNING

    def test_is_not_satisfied_by_a_payment_that_cannot_be(self, desk: Desk) -> None:
        assert check(desk.answers(**trade()), online=True)["online"].status is CheckStatus.WARNING

    @pytest.mark.parametrize(
        ("seconds", "status"),
        [(0, CheckStatus.OK), (-60, CheckStatus.OK), (61, CheckStatus.WARNING), (241, CheckStatus.ERROR)],
    )
    def test_compares_the_clocks(self, desk: Desk, seconds: int, status: CheckStatus) -> None:
        desk.pen = Pen(at=NOON + timedelta(seconds=seconds))

        result = check(desk.fails(404, "ORDER_NOT_EXIST"), online=True)["clock"]

        assert (result.status, result.value) == (status, f"{abs(seconds)} s")

    def test_does_not_invent_a_clock(self, desk: Desk) -> None:
        desk.answers_raw(b"", date="soon")

        assert "clock" not in check(desk, online=True)
