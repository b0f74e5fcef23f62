"""What the contract of every gateway does not know of: roll-over, bills, probes and spoiled credentials."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest

from kernel.clock import business_day, now
from payments.gateways import (
    Availability,
    CheckStatus,
    ConfigError,
    EventKind,
    GatewayEvent,
    Movement,
    Outcome,
    RefundDetour,
    RefundRef,
    StatementRequest,
    UnknownKey,
    Unreadable,
)
from sandbox.testing import RunningSandbox
from tests.gateways.contract import PRICE_FEN, Attempt
from tests.gateways.letterbox import Letterbox
from tests.gateways.wechatpay.desk import MERCHANT_PRIVATE_KEY, private_key
from tests.gateways.wechatpay.rig import WechatpayRig

SPOILED = {
    "short_apiv3_key": "apiv3_key",
    "spaced_apiv3_key": "apiv3_key",
    "full_width_apiv3_key": "apiv3_key",
    "own_public_key_as_platform_key": "platform_public_key",
    "own_certificate_as_platform_certificate": "platform_certificate",
    "wrong_platform_key": "online",
    "attackers_platform_certificate": "online",
    "missing_public_key_id": "platform_public_key_id",
    "bare_public_key_id": "platform_public_key_id",
    "public_key_id_as_serial": "serial_no",
    "wrong_serial": "serial_no",
    "other_merchants_certificate": "merchant_certificate",
    "other_merchant": "merchant_certificate",
    "expired_certificate": "merchant_certificate",
    "future_certificate": "merchant_certificate",
    "wrong_private_key": "merchant_certificate",
    "public_in_private_field": "private_key",
    "certificate_in_private_field": "private_key",
    "encrypted_private_key": "private_key",
    "short_private_key": "private_key",
    "elliptic_private_key": "private_key",
}
CARD = {"bank": "ICBC_DEBIT", "bank_account": "6222021234567890123", "holder": "张三"}
FINE = ("pkcs1_private_key", "bare_private_key")
LATER = {"wrong_apiv3_key", "wrong_appid"}  # no question that moves no money shows these


@pytest.fixture
def rig(sandbox: RunningSandbox, letterbox: Letterbox) -> WechatpayRig:
    told = sandbox.post("/sandbox/accounts?gateway=wechatpay", mode="switching")["wechatpay"]
    return WechatpayRig(sandbox, letterbox, told=told)


def spoiled(sandbox: RunningSandbox, letterbox: Letterbox, name: str) -> WechatpayRig:
    told = sandbox.get(f"/sandbox/credentials/broken.json?gateway=wechatpay&set={name}")["wechatpay"]
    return WechatpayRig(sandbox, letterbox, told=told, with_certificate=True)


class TestSpoiledCredentials:
    def test_are_all_looked_at(self, sandbox: RunningSandbox) -> None:
        offered = sandbox.get("/sandbox/credentials/broken.json?gateway=wechatpay")["wechatpay"]

        assert offered.keys() == SPOILED.keys() | set(FINE) | LATER

    @pytest.mark.parametrize("name", SPOILED)
    def test_are_named(self, sandbox: RunningSandbox, letterbox: Letterbox, name: str) -> None:
        checks = spoiled(sandbox, letterbox, name).gateway.self_check(online=True)

        faults = [check.code for check in checks if check.status is CheckStatus.ERROR]
        assert faults[0] == SPOILED[name]

    @pytest.mark.parametrize("name", FINE)
    def test_are_no_fault_where_only_the_wrapping_is_unusual(
        self, sandbox: RunningSandbox, letterbox: Letterbox, name: str
    ) -> None:
        checks = spoiled(sandbox, letterbox, name).gateway.self_check(online=True)

        assert [check.code for check in checks if check.status is not CheckStatus.OK] == []

    def test_with_another_app_id_are_told_by_the_first_payment(
        self, sandbox: RunningSandbox, letterbox: Letterbox
    ) -> None:
        with pytest.raises(ConfigError) as told:
            Attempt(spoiled(sandbox, letterbox, "wrong_appid")).create()

        assert told.value.field == "appid"


class TestRollOver:
    def test_of_a_platform_certificate_loses_no_news(self, sandbox: RunningSandbox, letterbox: Letterbox) -> None:
        told = sandbox.post("/sandbox/accounts?gateway=wechatpay", mode="certificate")["wechatpay"]
        before = WechatpayRig(sandbox, letterbox, told=told)
        attempt = Attempt(before).open()
        sandbox.post(f"/sandbox/wechatpay/accounts/{told['mchid']}/rotate")
        before.pay(payment_no=attempt.number)
        (request,) = before.notifications(payment_no=attempt.number)

        with pytest.raises(UnknownKey) as missed:
            before.gateway.parse_notification(request=request)
        assert attempt.query().code == "answer.unknown_key"
        fetched = before.gateway.fetch_keys(serial=missed.value.serial)

        assert missed.value.serial in {key.serial for key in fetched}
        after = WechatpayRig(sandbox, letterbox, told=told)  # with what it fetched
        assert after.gateway.parse_notification(request=request).outcome is Outcome.SUCCEEDED
        assert after.gateway.query(ref=attempt.ref).outcome is Outcome.SUCCEEDED

    def test_from_certificates_to_the_public_key_believes_both(self, rig: WechatpayRig) -> None:
        told = rig.values() | {"mode": "certificate"}
        certificates = "".join(key.value for key in rig.configured(**told).fetch_keys())
        attempt = Attempt(rig).paid()
        both = {"platform_certificate": certificates}

        by_key = rig.configured(mode="public_key", **both).query(ref=attempt.ref)
        by_certificate = rig.configured(mode="certificate", **both).query(ref=attempt.ref)

        assert (by_key.outcome, by_certificate.outcome) == (Outcome.SUCCEEDED, Outcome.SUCCEEDED)


class TestNews:
    def test_of_a_probe_raises_no_alarm(self, sandbox: RunningSandbox, rig: WechatpayRig) -> None:
        attempt = Attempt(rig).open()
        sandbox.pay(attempt.number, faults={"signtest": ""})

        assert EventKind.PROBE in {event.kind for event in attempt.news()}

    def test_sealed_with_another_apiv3_key_blames_that_key(
        self, sandbox: RunningSandbox, letterbox: Letterbox, rig: WechatpayRig
    ) -> None:
        attempt = Attempt(rig).open()
        rig.pay(payment_no=attempt.number)
        (request,) = rig.notifications(payment_no=attempt.number)

        with pytest.raises(Unreadable, match="APIv3 key"):
            rig.configured(apiv3_key="Z" * 32).parse_notification(request=request)

    @pytest.mark.parametrize(
        ("fault", "outcome"),
        [("refund_abnormal", Outcome.REQUIRES_ACTION), ("refund_closed", Outcome.CLOSED)],
    )
    def test_of_a_refund_that_did_not_arrive(
        self, sandbox: RunningSandbox, rig: WechatpayRig, fault: str, outcome: Outcome
    ) -> None:
        attempt = Attempt(rig).paid()
        sandbox.control(fault, scope=attempt.number)

        accepted = attempt.refund(amount_fen=1_000, refund_no="R2026112200000009")

        assert accepted.outcome is Outcome.PENDING
        assert attempt.refund_ended(refund_no="R2026112200000009").outcome is outcome
        assert attempt.news()[-1].outcome is outcome


class TestDetour:
    """A refund that the buyer's card did not take."""

    NUMBER = "R2026112200000011"

    def stranded(self, sandbox: RunningSandbox, rig: WechatpayRig) -> Attempt:
        attempt = Attempt(rig).paid()
        sandbox.control("refund_abnormal", scope=attempt.number, count=1)
        attempt.refund(amount_fen=1_000, refund_no=self.NUMBER + attempt.number[-8:])
        assert self.ended(attempt).outcome is Outcome.REQUIRES_ACTION
        return attempt

    def ended(self, attempt: Attempt) -> GatewayEvent:
        return attempt.refund_ended(refund_no=self.NUMBER + attempt.number[-8:])

    def detour(self, attempt: Attempt, **card: str) -> RefundDetour:
        number = self.NUMBER + attempt.number[-8:]
        return RefundDetour(ref=RefundRef(refund_no=number, payment_no=attempt.number, created_at=now()), **card)

    @pytest.mark.parametrize("mode", ["public_key", "certificate"])
    @pytest.mark.parametrize(
        "card", [{"bank": "ICBC_DEBIT", "bank_account": "6222021234567890123", "holder": "张三"}, {}]
    )
    def test_leads_it_to_its_end(
        self, sandbox: RunningSandbox, rig: WechatpayRig, mode: str, card: dict[str, str]
    ) -> None:
        attempt = self.stranded(sandbox, rig)

        told = rig.configured(mode=mode).redirect_refund(detour=self.detour(attempt, **card))

        assert told.outcome is Outcome.PENDING
        assert self.ended(attempt).outcome is Outcome.SUCCEEDED
        assert attempt.refunded_fen() == 1_000

    def test_is_not_taken_for_a_refund_that_arrived(self, sandbox: RunningSandbox, rig: WechatpayRig) -> None:
        attempt = self.stranded(sandbox, rig)
        rig.gateway.redirect_refund(detour=self.detour(attempt))
        self.ended(attempt)

        again = rig.gateway.redirect_refund(detour=self.detour(attempt))

        assert again.outcome is Outcome.SUCCEEDED
        assert attempt.refunded_fen() == 1_000

    def test_is_refused_by_a_key_that_was_not_named(
        self, sandbox: RunningSandbox, rig: WechatpayRig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        attempt = self.stranded(sandbox, rig)
        gateway = rig.configured(mode="certificate")
        stranger = replace(gateway.account.sealing_key, key=private_key(MERCHANT_PRIVATE_KEY).public_key())
        monkeypatch.setattr(type(gateway.account), "sealing_key", stranger)
        told = gateway.redirect_refund(detour=self.detour(attempt, **CARD))

        assert (told.outcome, "解密失败" in told.message) == (Outcome.REQUIRES_ACTION, True)


class TestBill:
    def test_tells_the_movements_of_the_day(self, sandbox: RunningSandbox, rig: WechatpayRig) -> None:
        request, attempt, number = StatementRequest(day=business_day(now())), Attempt(rig).paid(), "R2026112200000010"
        attempt.refund(amount_fen=2_500, refund_no=number)
        attempt.refund_ended(refund_no=number)
        assert rig.gateway.statement(request=request).availability is Availability.NOT_YET
        sandbox.control("bill_early", count=1)

        file = rig.gateway.statement(request=request)

        assert file.availability is Availability.READY
        paid, refunded = rig.gateway.read_statement(file=BytesIO(file.content))
        assert (paid.movement, paid.payment_no, paid.amount_fen) == (Movement.PAYMENT, attempt.number, PRICE_FEN)
        assert paid.gateway_trade_no == attempt.query().gateway_trade_no
        assert (refunded.movement, refunded.refund_no, refunded.amount_fen) == (Movement.REFUND, number, 2_500)

    def test_of_a_day_without_movements_is_empty(self, sandbox: RunningSandbox, rig: WechatpayRig) -> None:
        request = StatementRequest(day=business_day(now()) - timedelta(days=3))

        assert rig.gateway.statement(request=request).availability is Availability.EMPTY
