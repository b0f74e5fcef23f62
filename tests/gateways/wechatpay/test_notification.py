from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways import (
    ConfigError,
    EventKind,
    ForgedNotification,
    GatewayEvent,
    Outcome,
    UnknownKey,
    Unreadable,
    claim_problems,
)
from tests.gateways.wechatpay.desk import (
    APIV3_KEY,
    APPID,
    BY_CERTIFICATE,
    MCHID,
    NOON,
    OPENID,
    PAYMENT_NO,
    PLATFORM_CERTIFICATE,
    PLATFORM_SERIAL,
    PUBLIC_KEY_ID,
    REFUND_NO,
    TRADE_NO,
    Desk,
    Pen,
    inbound,
    notice,
    refund_news,
    sealed,
    trade,
)

OTHER_KEY = "Z" * 32


def read(body: bytes, **changes: Any) -> GatewayEvent:
    return Desk().gateway(**changes).parse_notification(request=inbound(body))


def refund_notice(**changes: Any) -> bytes:
    return notice(refund_news(**changes), event_type="REFUND.SUCCESS")


class TestAPayment:
    def test_is_told_in_our_words(self) -> None:
        body = notice(trade())

        assert read(body) == GatewayEvent(
            kind=EventKind.PAYMENT,
            event_key=f"payment:{PAYMENT_NO}:{TRADE_NO}:SUCCESS",
            claims={"mchid": MCHID, "appid": APPID},
            payment_no=PAYMENT_NO,
            gateway_trade_no=TRADE_NO,
            amount_fen=9_900,
            outcome=Outcome.SUCCEEDED,
            occurred_at=NOON,
            payer_ref=OPENID,
            native_state="SUCCESS",
            raw=body,
            key_serial=PUBLIC_KEY_ID,
        )

    def test_in_another_currency_says_so(self) -> None:
        assert read(notice(trade(amount={"total": 1, "currency": "USD"}))).currency == "USD"


class TestARefund:
    @pytest.mark.parametrize(
        ("state", "outcome"),
        [
            ("SUCCESS", Outcome.SUCCEEDED),
            ("ABNORMAL", Outcome.REQUIRES_ACTION),
            ("CLOSED", Outcome.CLOSED),
            ("PROCESSING", Outcome.PENDING),
        ],
    )
    def test_is_told_in_our_words(self, state: str, outcome: Outcome) -> None:
        event = read(notice(refund_news(refund_status=state), event_type=f"REFUND.{state}"))

        assert (event.kind, event.outcome, event.native_state) == (EventKind.REFUND, outcome, state)
        assert (event.payment_no, event.refund_no, event.amount_fen) == (PAYMENT_NO, REFUND_NO, 3_000)
        assert (event.currency, event.occurred_at, event.refunded_total_fen) == ("CNY", NOON, None)

    def test_names_no_app_and_is_still_this_accounts(self) -> None:
        expected = Desk().gateway().account_claims()

        assert claim_problems(expected=expected, claims=read(refund_notice()).claims) == ()

    def test_of_another_merchant_shows_it(self) -> None:
        expected = Desk().gateway().account_claims()

        event = read(refund_notice(mchid="1900000002"))

        assert claim_problems(expected=expected, claims=event.claims) == ("mchid",)


class TestOtherNews:
    def test_is_kept_and_says_nothing_about_money(self) -> None:
        event = read(notice({"mchid": MCHID}, event_type="PAYSCORE.USER_OPEN_SERVICE"))

        assert (event.kind, event.outcome, event.amount_fen) == (EventKind.OTHER, Outcome.UNKNOWN, 0)
        assert event.event_key == "other:PAYSCORE.USER_OPEN_SERVICE:EV-2026112212000000001"


class TestEventKey:
    def test_is_the_same_for_every_resend(self) -> None:
        resent = notice(trade(payer=None), id="EV-2", create_time="2026-11-22T13:00:00+08:00")

        assert read(resent).event_key == read(notice(trade())).event_key

    def test_tells_facts_apart(self) -> None:
        bodies = [
            notice(trade()),
            notice(trade(out_trade_no="P2026112200000002")),
            notice(trade(transaction_id="4200000000202611220000000002")),
            refund_notice(),
            refund_notice(refund_status="ABNORMAL"),
            refund_notice(out_refund_no="R2"),
        ]

        assert len({read(body).event_key for body in bodies}) == len(bodies)


class TestClaims:
    @pytest.mark.parametrize("changes", [{"mchid": "1900000002"}, {"appid": "wxffffffffffffffff"}, {"appid": 1}])
    def test_of_another_account_show_it(self, changes: dict[str, Any]) -> None:
        expected = Desk().gateway().account_claims()

        assert claim_problems(expected=expected, claims=read(notice(trade(**changes))).claims) == tuple(changes)


class TestAuthenticity:
    def test_is_judged_by_the_key_that_the_message_names(self) -> None:
        request = inbound(notice(trade()), pen=Pen(serial=PLATFORM_SERIAL))
        desk = Desk()

        event = desk.gateway(platform_certificate=PLATFORM_CERTIFICATE).parse_notification(request=request)

        assert event.outcome is Outcome.SUCCEEDED
        assert event.key_serial == PLATFORM_SERIAL
        assert desk.meter.acts == [
            ("platform_certificate", PLATFORM_CERTIFICATE, "verify"),
            ("apiv3_key", APIV3_KEY, "verify"),
        ]

    def test_that_a_missing_key_would_tell_is_open(self) -> None:
        request = inbound(notice(trade()), pen=Pen(serial="1234ABCD"))

        with pytest.raises(UnknownKey) as missed:
            Desk().gateway().parse_notification(request=request)

        assert missed.value.serial == "1234ABCD"

    def test_is_open_before_the_first_certificate_is_here(self) -> None:
        request = inbound(notice(trade()), pen=Pen(serial=PLATFORM_SERIAL))

        with pytest.raises(UnknownKey):
            Desk().gateway(**BY_CERTIFICATE | {"platform_certificate": ""}).parse_notification(request=request)

    def test_ends_with_one_changed_byte(self) -> None:
        request = inbound(notice(trade()))
        desk = Desk()

        with pytest.raises(ForgedNotification):
            desk.gateway().parse_notification(
                request=inbound(request.body.replace(b"EV-", b"EW-"), headers=request.headers)
            )
        assert desk.meter.acts == []

    @pytest.mark.parametrize("minutes", [-5, 5])
    def test_ends_after_five_minutes(self, minutes: int) -> None:
        request = inbound(notice(trade()), at=NOON + timedelta(minutes=minutes))

        with pytest.raises(ForgedNotification):
            Desk().gateway().parse_notification(request=request)

    def test_of_a_probe_is_not_looked_at(self) -> None:
        request = inbound(notice(trade()), headers={"Wechatpay-Signature": "WECHATPAY/SIGNTEST/AAAA"})

        event = Desk().gateway().parse_notification(request=request)

        assert (event.kind, event.outcome, event.claims) == (EventKind.PROBE, Outcome.UNKNOWN, {})

    @given(body=st.binary(max_size=300), headers=st.dictionaries(st.text(max_size=30), st.text(max_size=30)))
    def test_is_denied_to_noise(self, body: bytes, headers: dict[str, str]) -> None:
        request = inbound(b"")

        with pytest.raises((ForgedNotification, UnknownKey)):
            Desk().gateway().parse_notification(
                request=type(request)(headers=headers, body=body, received_at=request.received_at)
            )


class TestWhatCannotBeOpened:
    def test_blames_the_apiv3_key_and_not_the_signature(self) -> None:
        content = json.dumps(trade()).encode()

        with pytest.raises(Unreadable, match="APIv3 key"):
            read(notice({}, resource=sealed(content, apiv3_key=OTHER_KEY)))

    def test_is_opened_by_an_older_key_that_is_still_alive(self) -> None:
        desk = Desk()
        gateway = desk.gateway(apiv3_key=OTHER_KEY, others={"apiv3_key": (APIV3_KEY,)})

        assert gateway.parse_notification(request=inbound(notice(trade()))).outcome is Outcome.SUCCEEDED
        assert desk.meter.acts[-1] == ("apiv3_key", APIV3_KEY, "verify")

    def test_is_a_fault_of_the_account_if_its_apiv3_key_cannot_be_one(self) -> None:
        with pytest.raises(ConfigError) as told:
            read(notice(trade()), apiv3_key="too short")

        assert told.value.field == "apiv3_key"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"{}",
            b"\xff",
            b"[" * 20_000,
            notice({}, resource=None),
            notice({}, resource={"ciphertext": "AAAA"}),
            notice({}, resource=sealed(b"{}") | {"nonce": "n"}),
            notice({}, resource=sealed(b"{}") | {"nonce": "商品商品商品商品商品商品"}),
            notice({}, resource=sealed(b"{}") | {"ciphertext": "!"}),
            notice({}, resource=sealed(b"[]")),
            notice({}, resource=sealed(b"{")),
            notice({}),
            notice(trade(), id=None),
            notice(trade(trade_state=None)),
            notice(trade(transaction_id=None)),
            notice(trade(amount={"total": 99.0})),
            notice(trade(amount=None)),
            notice(trade(success_time="today")),
            notice(refund_news(refund_status=None), event_type="REFUND.SUCCESS"),
            notice(refund_news(refund_id=None), event_type="REFUND.SUCCESS"),
            notice(trade(), event_type="REFUND.SUCCESS"),
        ],
    )
    def test_is_unreadable_where_it_is_not_as_documented(self, body: bytes) -> None:
        with pytest.raises(Unreadable):
            read(body)


class TestAcknowledgement:
    def test_ends_the_resending(self, desk: Desk) -> None:
        gateway = desk.gateway()

        ack = gateway.acknowledge(event=GatewayEvent(kind=EventKind.PAYMENT))

        assert (ack.status, json.loads(ack.body)["code"]) == (200, "SUCCESS")

    @pytest.mark.parametrize("status", [401, 503])
    def test_or_makes_it_come_again(self, desk: Desk, status: int) -> None:
        refusal = desk.gateway().refuse(status=status)

        assert (refusal.status, json.loads(refusal.body)["code"]) == (status, "FAIL")
        assert refusal.content_type.startswith("application/json")
