from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from payments.gateways import CheckStatus, Environment
from payments.gateways.checks import CheckResult, check_notify_url
from payments.gateways.transport import Response, TransportError
from tests.gateways.alipay.desk import (
    ALIPAY_PUBLIC_KEY,
    APP_PRIVATE_KEY,
    APP_PUBLIC_KEY,
    NOON,
    Desk,
    Sent,
    answer,
)

WEBHOOK = "https://shop.example/webhooks/k/"


def check(desk: Desk, *, online: bool = False, notify_url: str = "", **changes: Any) -> dict[str, CheckResult]:
    checks = desk.gateway(**changes).self_check(online=online, notify_url=notify_url)
    return {it.code: it for it in checks}


class TestOffline:
    def test_finds_an_account_in_order(self, desk: Desk) -> None:
        checks = check(desk, notify_url=WEBHOOK)

        assert {it.status for it in checks.values()} == {CheckStatus.OK}
        assert list(checks) == [
            "base_url", "app_id", "seller_id", "private_key", "alipay_public_key", "round_trip", "time_zone",
            "notify_url",
        ]  # fmt: skip
        assert all(it.label and it.meaning for it in checks.values())
        assert desk.sent == []

    @pytest.mark.parametrize(
        ("changes", "code", "words"),
        [
            ({"app_id": ""}, "app_id", "is empty"),
            ({"app_id": "2021"}, "app_id", "“2021” is not such a number"),
            ({"seller_id": "1088001234567890"}, "seller_id", "begin with 2088"),
            ({"private_key": APP_PUBLIC_KEY}, "private_key", "this is a public key, and a private key belongs here"),
            ({"private_key": APP_PRIVATE_KEY[:300]}, "private_key", "the end of the key is missing"),
            ({"private_key": ""}, "private_key", "is empty"),
            ({"alipay_public_key": APP_PRIVATE_KEY}, "alipay_public_key", "this is a private key"),
            ({"alipay_public_key": APP_PUBLIC_KEY}, "alipay_public_key", "public half of your own private key"),
            ({"base_url": "nowhere"}, "base_url", "write a full address"),
            (
                {"environment": Environment.LIVE, "base_url": "http://127.0.0.1:8001/gateway.do"},
                "base_url",
                "talks to the live gateway",
            ),
        ],
    )
    def test_names_the_mistake(self, desk: Desk, changes: dict[str, Any], code: str, words: str) -> None:
        result = check(desk, **changes)[code]

        assert result.status is CheckStatus.ERROR
        assert words in result.meaning
        assert not result.meaning.startswith(str(result.label))

    def test_suspects_a_sandbox_app_in_a_live_account(self, desk: Desk) -> None:
        result = check(desk, environment=Environment.LIVE, base_url="", app_id="9021000123456789")["app_id"]

        assert (result.status, bool(result.remedy)) == (CheckStatus.WARNING, True)

    def test_shows_fingerprints_and_no_keys(self, desk: Desk) -> None:
        shown = repr(check(desk))

        for key in (APP_PRIVATE_KEY, ALIPAY_PUBLIC_KEY):
            assert not any(line in shown for line in key.splitlines())
        assert "RSA 2048" in shown


class TestNotifyUrl:
    @pytest.mark.parametrize(
        ("url", "environment", "status"),
        [
            (WEBHOOK, Environment.LIVE, CheckStatus.OK),
            ("http://127.0.0.1:8000/webhooks/k/", Environment.SANDBOX, CheckStatus.OK),
            ("http://shop.example/webhooks/k/", Environment.LIVE, CheckStatus.ERROR),
            ("https://127.0.0.1/webhooks/k/", Environment.LIVE, CheckStatus.WARNING),
            ("https://192.168.1.2/webhooks/k/", Environment.LIVE, CheckStatus.WARNING),
            ("https://localhost/webhooks/k/", Environment.LIVE, CheckStatus.WARNING),
            ("https://shop.local/webhooks/k/", Environment.LIVE, CheckStatus.WARNING),
            ("/webhooks/k/", Environment.SANDBOX, CheckStatus.ERROR),
            (f"{WEBHOOK}?a=1", Environment.LIVE, CheckStatus.ERROR),
            (f"{WEBHOOK}{'x' * 255}", Environment.LIVE, CheckStatus.ERROR),
        ],
    )
    def test_is_judged_by_whether_alipay_could_reach_it(
        self, url: str, environment: Environment, status: CheckStatus
    ) -> None:
        assert check_notify_url(url=url, environment=environment).status is status


class TestOnline:
    def test_proves_the_account_by_asking_about_a_payment_that_nobody_made(self, desk: Desk) -> None:
        desk.fails("ACQ.TRADE_NOT_EXIST")

        result = check(desk, online=True)["online"]

        assert (result.status, desk.sent[0].method) == (CheckStatus.OK, "alipay.trade.query")
        assert desk.sent[0].biz_content["out_trade_no"].startswith("SELFCHECK")

    def test_blames_the_private_key_when_alipay_does_not_accept_our_signature(self, desk: Desk) -> None:
        desk.fails("isv.invalid-signature", code="40002")

        result = check(desk, online=True)["online"]

        assert result.status is CheckStatus.ERROR
        assert "public half of this private key" in result.meaning

    def test_blames_the_alipay_key_when_the_answer_does_not_verify(self, desk: Desk) -> None:
        def tampered(sent: Sent) -> Response:
            body = answer(sent.method, code="40004", sub_code="ACQ.TRADE_NOT_EXIST")
            return Response(status=200, headers={}, body=body.replace(b"40004", b"40005"))

        desk.reply = tampered

        result = check(desk, online=True)["online"]

        assert result.status is CheckStatus.ERROR
        assert "Alipay public key" in result.meaning

    def test_tells_a_network_that_does_not_reach_alipay(self, desk: Desk) -> None:
        desk.breaks(TransportError("transport.unreachable", "refused"))

        result = check(desk, online=True)["online"]

        assert (result.status, result.value) == (CheckStatus.ERROR, "transport.unreachable refused")

    def test_does_not_judge_by_an_unclear_answer(self, desk: Desk) -> None:
        desk.fails("ACQ.SYSTEM_ERROR")

        assert check(desk, online=True)["online"].status is CheckStatus.WARNING

    @pytest.mark.parametrize(
        ("seconds", "status"),
        [
            (0, CheckStatus.OK),
            (-60, CheckStatus.OK),
            (61, CheckStatus.WARNING),
            (-240, CheckStatus.WARNING),
            (241, CheckStatus.ERROR),
        ],
    )
    def test_compares_the_clocks(self, desk: Desk, seconds: int, status: CheckStatus) -> None:
        date = format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)
        body = answer("alipay.trade.query", code="40004", sub_code="ACQ.TRADE_NOT_EXIST")
        desk.answers_raw(body, date=date)

        result = check(desk, online=True)["clock"]

        assert (result.status, result.value) == (status, f"{abs(seconds)} s")

    def test_does_not_invent_a_clock(self, desk: Desk) -> None:
        desk.answers_raw(b"", date="soon")

        assert "clock" not in check(desk, online=True)
