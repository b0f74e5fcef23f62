from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from payments.gateways import CheckStatus, Environment
from payments.gateways.checks import CheckResult
from payments.gateways.transport import TransportError
from tests.gateways.alipay.desk import ALIPAY_PRIVATE_KEY, APP_PRIVATE_KEY, APP_PUBLIC_KEY
from tests.gateways.unionpay.desk import (
    COMPANY,
    LEAF_KEY,
    MIDDLE,
    NOON,
    OUR_KEY,
    OURS,
    PFX,
    ROOT,
    SECRET,
    Desk,
    issue,
    news,
    pfx,
    plain,
    published,
    seal,
)

WEBHOOK = "https://shop.example/webhooks/k/"
LIVE: dict[str, Any] = {"environment": Environment.LIVE, "base_url": "", "mer_id": "898110048990001"}
PEM: dict[str, Any] = {"mode": "pem", "private_key": APP_PRIVATE_KEY, "signing_cert": OURS.pem}
EXPIRED = issue("041@Z1@某某商户@1", OUR_KEY, by=MIDDLE, days=(-10, -1))
EARLY = issue("041@Z1@某某商户@1", OUR_KEY, by=MIDDLE, days=(1, 10))
ENDING = issue("041@Z1@某某商户@1", OUR_KEY, by=MIDDLE, days=(-10, 20))
OTHERS = issue("041@Z1@898110048990002@1", OUR_KEY, by=MIDDLE)
OLD_MIDDLE = issue("Middle CA", MIDDLE.key, by=ROOT, ca=True, days=(-10, -1))
STRANGE_ROOT = issue("Root CA", OUR_KEY, ca=True)


def check(desk: Desk, *, online: bool = False, notify_url: str = "", **changes: Any) -> dict[str, CheckResult]:
    checks = desk.gateway(**changes).self_check(online=online, notify_url=notify_url)
    found = {it.code: it for it in checks}
    assert len(found) == len(checks)
    return found


class TestOffline:
    def test_finds_an_account_in_order(self, desk: Desk) -> None:
        checks = check(desk, notify_url=WEBHOOK)

        assert {it.code: it.meaning for it in checks.values() if it.status is not CheckStatus.OK} == {}
        assert list(checks) == [
            "base_url", "mode", "mer_id", "same_day", "signing_pfx", "root_cert", "middle_cert",
            "signing_validity", "signing_owner", "round_trip", "ca_validity", "chain", "notify_url",
        ]  # fmt: skip
        assert all(it.label and it.meaning for it in checks.values())
        assert desk.sent == []

    def test_finds_one_in_order_that_keeps_key_and_certificate_apart(self, desk: Desk) -> None:
        checks = check(desk, **PEM, **LIVE)

        assert {it.code: it.meaning for it in checks.values() if it.status is not CheckStatus.OK} == {}
        assert {"private_key", "signing_cert", "test_certificate"} < checks.keys()

    @pytest.mark.parametrize(
        ("changes", "code", "words"),
        [
            ({"mer_id": ""}, "mer_id", "is empty"),
            ({"mer_id": "8981"}, "mer_id", "“8981” is not such a number"),
            ({"mode": "card"}, "mode", "“card”"),
            ({"same_day": "never"}, "same_day", "“never”"),
            ({"signing_pfx": ""}, "signing_pfx", "is empty"),
            ({"signing_pfx": APP_PRIVATE_KEY}, "signing_pfx", "no PFX file"),
            ({"signing_pfx": PFX[:400]}, "signing_pfx", "password does not open"),
            ({"pfx_password": "111111"}, "signing_pfx", "password does not open"),
            ({"pfx_password": ""}, "signing_pfx", "password does not open"),
            ({**PEM, "private_key": ""}, "private_key", "is empty"),
            ({**PEM, "private_key": APP_PUBLIC_KEY}, "private_key", "this is a public key"),
            ({**PEM, "private_key": OURS.pem}, "private_key", "this is a certificate"),
            ({**PEM, "private_key": ALIPAY_PRIVATE_KEY}, "private_key", "was not made for this key"),
            ({**PEM, "signing_cert": ""}, "signing_cert", "is empty"),
            ({**PEM, "signing_cert": APP_PRIVATE_KEY}, "signing_cert", "this is a private key"),
            ({"root_cert": ""}, "root_cert", "is empty"),
            ({"root_cert": APP_PUBLIC_KEY}, "root_cert", "this is a public key"),
            ({"middle_cert": ""}, "middle_cert", "is empty"),
            ({"middle_cert": MIDDLE.pem[:500]}, "middle_cert", "the end of the"),
            ({"middle_cert": "银联"}, "middle_cert", "no certificate"),
            ({"middle_cert": ROOT.pem}, "chain", "is a root certificate"),
            ({"root_cert": MIDDLE.pem}, "chain", "did not sign itself"),
            ({"root_cert": STRANGE_ROOT.pem}, "chain", "does not vouch"),
            ({"middle_cert": OURS.pem}, "chain", "does not vouch"),
            ({"middle_cert": OLD_MIDDLE.pem}, "chain", "valid today"),
            ({"middle_cert": OLD_MIDDLE.pem}, "ca_validity", "has expired"),
            ({"signing_pfx": pfx(EXPIRED)}, "signing_validity", "has expired"),
            ({"signing_pfx": pfx(EARLY)}, "signing_validity", "not valid yet"),
            ({**LIVE, "signing_pfx": pfx(OTHERS)}, "signing_owner", "another merchant ID"),
            ({**LIVE, "middle_cert": published("acp_test_middle.cer")}, "test_certificate", "test environment"),
            ({"base_url": "nowhere"}, "base_url", "write a full address"),
            ({"base_url": "https://gateway.95516.com/gateway/api/"}, "base_url", "must not reach the live"),
            ({**LIVE, "base_url": "https://gateway.test.95516.com"}, "base_url", "talks to the live gateway"),
        ],
    )
    def test_names_the_mistake(self, desk: Desk, changes: dict[str, Any], code: str, words: str) -> None:
        result = check(desk, **changes)[code]

        assert result.status is CheckStatus.ERROR
        assert words in result.meaning
        assert result.remedy or "." in result.meaning
        assert not result.meaning.startswith(str(result.label))

    @pytest.mark.parametrize(
        ("changes", "code", "words"),
        [
            ({"signing_pfx": pfx(ENDING)}, "signing_validity", "expires in 20 days"),
            ({**LIVE, "mer_id": "777290058110048"}, "mer_id", "begin with 777"),
        ],
    )
    def test_warns_in_time(self, desk: Desk, changes: dict[str, Any], code: str, words: str) -> None:
        result = check(desk, **changes)[code]

        assert (result.status, words in result.meaning) == (CheckStatus.WARNING, True)

    def test_says_each_mistake_once(self, desk: Desk) -> None:
        checks = check(desk, middle_cert="")

        assert {it.code for it in checks.values() if it.status is CheckStatus.ERROR} == {"middle_cert"}
        assert "chain" not in checks

    def test_finds_a_renewed_certificate_beside_the_old_one_in_order(self, desk: Desk) -> None:
        checks = check(desk, others={"middle_cert": (OLD_MIDDLE.pem,)})

        assert {checks[code].status for code in ("ca_validity", "chain")} == {CheckStatus.OK}

    def test_opens_the_old_file_of_the_development_kit(self, desk: Desk) -> None:
        from_kit = pfx(issue(COMPANY, OUR_KEY, by=MIDDLE), password=b"123456")

        assert check(desk, signing_pfx=from_kit, pfx_password="123456\n")["signing_pfx"].status is CheckStatus.OK

    def test_shows_numbers_and_no_secrets(self, desk: Desk) -> None:
        shown = repr(check(desk)) + repr(check(desk, **PEM))

        assert "certId 68759663125" in shown
        for secret in (PFX, SECRET.decode(), *APP_PRIVATE_KEY.splitlines()[1:-1]):
            assert secret not in shown


class TestOnline:
    def test_proves_the_account_by_asking_about_a_payment_that_nobody_made(self, desk: Desk) -> None:
        desk.answers("34")

        result = check(desk, online=True)["online"]

        (sent,) = desk.sent
        assert result.status is CheckStatus.OK
        assert (sent.url.endswith("queryTrans.do"), sent.form["orderId"][:9]) == (True, "SELFCHECK")

    def test_blames_the_signing_certificate_when_unionpay_does_not_accept_our_signature(self, desk: Desk) -> None:
        desk.answers("11")

        result = check(desk, online=True)["online"]

        assert result.status is CheckStatus.ERROR
        assert "does not know this signing certificate" in result.meaning

    def test_blames_the_middle_certificate_when_it_does_not_vouch_for_the_answer(self, desk: Desk) -> None:
        middle = issue("Other CA", LEAF_KEY, by=ROOT, ca=True)
        desk.answers("34", by=issue(COMPANY, LEAF_KEY, by=middle))

        result = check(desk, online=True)["online"]

        assert result.status is CheckStatus.ERROR
        assert "do not vouch for" in result.meaning
        assert "middle and root" in result.remedy

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (plain({**seal(news()), "txnAmt": "1"}), "does not fit"),
            (plain(seal(news(), by=OURS)), "not UnionPay's"),
            (plain(seal(news(), by=issue(COMPANY, LEAF_KEY, by=MIDDLE, days=(-9, -1)))), "not valid today"),
        ],
    )
    def test_tells_why_an_answer_is_not_believed(self, desk: Desk, body: bytes, words: str) -> None:
        desk.answers_raw(body)

        result = check(desk, online=True)["online"]

        assert (result.status, words in result.meaning, bool(result.remedy)) == (CheckStatus.ERROR, True, True)

    def test_tells_a_network_that_does_not_reach_unionpay(self, desk: Desk) -> None:
        desk.breaks(TransportError("transport.unreachable", "refused"))

        result = check(desk, online=True)["online"]

        assert (result.status, result.value) == (CheckStatus.ERROR, "transport.unreachable refused")

    def test_does_not_judge_by_an_unclear_answer(self, desk: Desk) -> None:
        desk.answers("06")

        assert check(desk, online=True)["online"].status is CheckStatus.WARNING

    @pytest.mark.parametrize(
        ("seconds", "status"),
        [(0, CheckStatus.OK), (-60, CheckStatus.OK), (61, CheckStatus.WARNING), (241, CheckStatus.ERROR)],
    )
    def test_compares_the_clocks(self, desk: Desk, seconds: int, status: CheckStatus) -> None:
        date = format_datetime(NOON + timedelta(seconds=seconds), usegmt=True)
        desk.answers_raw(plain(seal({"respCode": "34"})), date=date)

        result = check(desk, online=True)["clock"]

        assert (result.status, result.value) == (status, f"{abs(seconds)} s")

    def test_does_not_invent_a_clock(self, desk: Desk) -> None:
        desk.answers_raw(b"", date="soon")

        assert "clock" not in check(desk, online=True)
