from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from hypothesis import given
from hypothesis import strategies as st

from payments.gateways import (
    Ack,
    EventKind,
    ForgedNotification,
    GatewayEvent,
    Outcome,
    Unreadable,
    claim_problems,
)
from tests.gateways.alipay.desk import (
    APP_ID,
    APP_PRIVATE_KEY,
    PAYMENT_NO,
    SELLER_ID,
    TRADE_NO,
    Desk,
    form,
    inbound,
    news,
    private_key,
    signature,
    vector,
)

NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def read(body: bytes, *, content_type: str = "application/x-www-form-urlencoded; charset=utf-8") -> GatewayEvent:
    return Desk().gateway().parse_notification(request=inbound(body, content_type=content_type))


def partial_refund(**changes: str) -> dict[str, str]:
    """The second refund: 20.00 went back before, 30.00 now; Alipay tells the sum."""
    refund = {"out_biz_no": "R2", "refund_fee": "50.00", "gmt_refund": "2026-11-22 12:00:00.123"}
    return news(**{**refund, **changes})


def signed_with(content: str, **more: str) -> bytes:
    """A body with these parameters whose signature covers exactly this text."""
    return urlencode({**more, "sign_type": "RSA2", "sign": signature(content.encode())}).encode()


class TestAPayment:
    def test_is_told_in_our_words(self) -> None:
        body = form(news(buyer_logon_id="138****0001"))

        event = read(body)

        assert event == GatewayEvent(
            kind=EventKind.PAYMENT,
            event_key=f"payment:{PAYMENT_NO}:{TRADE_NO}:TRADE_SUCCESS",
            claims={"app_id": APP_ID, "seller_id": SELLER_ID},
            payment_no=PAYMENT_NO,
            gateway_trade_no=TRADE_NO,
            amount_fen=9_900,
            outcome=Outcome.SUCCEEDED,
            occurred_at=NOON,
            payer_ref="2088000000000001",
            native_state="TRADE_SUCCESS",
            raw=body,
        )

    @pytest.mark.parametrize(
        ("state", "kind", "outcome"),
        [
            ("WAIT_BUYER_PAY", EventKind.PAYMENT, Outcome.PENDING),
            ("TRADE_SUCCESS", EventKind.PAYMENT, Outcome.SUCCEEDED),
            ("TRADE_FINISHED", EventKind.PAYMENT, Outcome.SUCCEEDED),
            ("TRADE_CLOSED", EventKind.CLOSE, Outcome.CLOSED),
            ("TRADE_NEW_WORD", EventKind.PAYMENT, Outcome.UNKNOWN),
        ],
    )
    def test_stands_where_alipay_says(self, state: str, kind: EventKind, outcome: Outcome) -> None:
        event = read(form(news(trade_status=state, gmt_payment="")))

        assert (event.kind, event.outcome, event.native_state) == (kind, outcome, state)

    def test_closed_after_it_was_paid_is_left_to_a_query(self) -> None:
        event = read(form(news(trade_status="TRADE_CLOSED")))

        assert (event.kind, event.outcome) == (EventKind.PAYMENT, Outcome.UNKNOWN)

    @pytest.mark.parametrize("total", ["0.1", "0.10"])
    def test_has_its_amount_exactly(self, total: str) -> None:
        assert read(form(news(total_amount=total))).amount_fen == 10

    def test_in_another_currency_says_so(self) -> None:
        assert read(form(news(trans_currency="USD"))).currency == "USD"

    def test_with_a_refund_of_nothing_is_still_a_payment(self) -> None:
        assert read(form(news(refund_fee="0.00"))).kind is EventKind.PAYMENT


class TestARefund:
    @pytest.mark.parametrize("state", ["TRADE_SUCCESS", "TRADE_CLOSED", "TRADE_FINISHED"])
    def test_is_never_taken_for_a_payment_or_a_closing(self, state: str) -> None:
        event = read(form(partial_refund(trade_status=state)))

        assert (event.kind, event.outcome) == (EventKind.REFUND, Outcome.SUCCEEDED)
        assert (event.payment_no, event.refund_no) == (PAYMENT_NO, "R2")
        assert event.occurred_at == datetime(2026, 11, 22, 4, 0, 0, 123_000, tzinfo=UTC)

    def test_tells_what_went_back_in_all_and_not_what_it_was(self) -> None:
        event = read(form(partial_refund()))

        assert (event.amount_fen, event.refunded_total_fen) == (0, 5_000)

    def test_is_recognised_by_its_amount_alone(self) -> None:
        assert read(form(partial_refund(gmt_refund=""))).kind is EventKind.REFUND

    def test_without_an_amount_is_left_to_a_query(self) -> None:
        event = read(form(partial_refund(refund_fee="")))

        assert (event.kind, event.outcome, event.refunded_total_fen) == (EventKind.REFUND, Outcome.UNKNOWN, None)

    def test_made_in_alipays_console_has_no_number_of_ours(self) -> None:
        assert read(form(partial_refund(out_biz_no=""))).refund_no == ""


class TestEventKey:
    def test_is_the_same_for_every_resend(self) -> None:
        resent = news(notify_id="2", notify_time="2026-11-22 12:04:00", subject="renamed")

        assert read(form(resent)).event_key == read(form(news())).event_key

    @pytest.mark.parametrize(
        "other",
        [
            news(trade_status="TRADE_FINISHED"),
            news(out_trade_no="P2"),
            news(trade_no="T2"),
            partial_refund(),
            partial_refund(out_biz_no="R3"),
            partial_refund(refund_fee="60.00"),
            partial_refund(trade_status="TRADE_CLOSED"),
        ],
    )
    def test_tells_facts_apart(self, other: dict[str, str]) -> None:
        assert read(form(other)).event_key not in {
            read(form(news())).event_key,
            read(form(partial_refund(out_biz_no="R2", refund_fee="55.00"))).event_key,
        }


class TestClaims:
    def test_are_this_accounts(self) -> None:
        expected = Desk().gateway().account_claims()

        assert claim_problems(expected=expected, claims=read(form(news())).claims) == ()

    @pytest.mark.parametrize("name", ["app_id", "seller_id"])
    @pytest.mark.parametrize("value", ["2088999999999999", ""])
    def test_show_that_a_message_signed_by_alipay_is_not_for_us(self, name: str, value: str) -> None:
        event = read(form(news(**{name: value})))

        assert claim_problems(expected=Desk().gateway().account_claims(), claims=event.claims) == (name,)


class TestCharset:
    @pytest.mark.parametrize("charset", ["gbk", "GBK", "gb2312", "gb18030", "utf-8", "UTF-8"])
    def test_is_the_one_that_the_message_names(self, charset: str) -> None:
        event = read(form(news(out_trade_no="订单A+B"), charset=charset), content_type="text/plain")

        assert event.payment_no == "订单A+B"

    def test_of_the_content_type_is_not_believed(self) -> None:
        event = read(form(news()), content_type="application/x-www-form-urlencoded; charset=gbk")

        assert event.outcome is Outcome.SUCCEEDED

    def test_that_the_bytes_do_not_have_makes_it_unreadable(self) -> None:
        fields = {**news(), "charset": "utf-8", "subject": "商品"}
        pairs = {name.encode(): value.encode("gbk") for name, value in fields.items()}
        content = b"&".join(name + b"=" + value for name, value in sorted(pairs.items()))
        body = urlencode({**pairs, b"sign_type": b"RSA2", b"sign": signature(content)}).encode()

        with pytest.raises(Unreadable):
            read(body)


class TestAForgery:
    def test_published_as_one_is_refused(self) -> None:
        published = json.loads(vector("gopay/notification_fake.json"))
        desk = Desk()

        with pytest.raises(ForgedNotification):
            desk.gateway(alipay_public_key=published["public_key"]).parse_notification(
                request=inbound(urlencode(published["params"]).encode())
            )

    @pytest.mark.parametrize("name", [name for name in news() if name != "buyer_id"])
    def test_with_any_value_changed_is_refused(self, name: str) -> None:
        fields = dict(parse_qsl(form(news()).decode()))

        with pytest.raises(ForgedNotification):
            read(urlencode({**fields, name: f"{fields[name]}0"}).encode())

    @pytest.mark.parametrize(
        "body", [b"", b"a=b", b"sign=", b"sign_type=RSA2", b"sign_type=RSA2&sign=", b"\xff\x00&&&=="]
    )
    def test_without_a_signature_is_refused(self, body: bytes) -> None:
        with pytest.raises(ForgedNotification):
            read(body)

    def test_with_a_wrong_signature_is_refused(self) -> None:
        with pytest.raises(ForgedNotification):
            read(form(news(), sign_it=False))

    def test_signed_by_ourselves_is_refused(self) -> None:
        content = "&".join(f"{name}={value}" for name, value in sorted(news().items()))
        ours = signature(content.encode(), key=private_key(APP_PRIVATE_KEY))

        with pytest.raises(ForgedNotification):
            read(urlencode({**news(), "sign_type": "RSA2", "sign": ours}).encode())

    @pytest.mark.parametrize("sign_type", ["RSA", ""])
    def test_signed_with_sha_1_is_refused(self, sign_type: str) -> None:
        content = "&".join(f"{name}={value}" for name, value in sorted(news().items()))
        old = signature(content.encode(), algorithm=SHA1())

        with pytest.raises(ForgedNotification):
            read(urlencode({**news(), "sign_type": sign_type, "sign": old}).encode())

    def test_that_signs_its_sign_type_as_requests_do_is_refused(self) -> None:
        fields = {**news(), "sign_type": "RSA2"}
        content = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))

        with pytest.raises(ForgedNotification):
            read(urlencode({**fields, "sign": signature(content.encode())}).encode())

    @pytest.mark.parametrize("extra", [b"&total_amount=99.00", b"&total_amount=0.01", b"&sign_type=RSA2"])
    def test_with_a_parameter_twice_is_refused(self, extra: bytes) -> None:
        with pytest.raises(ForgedNotification):
            read(form(news()) + extra)

    def test_with_endless_parameters_is_refused(self) -> None:
        with pytest.raises(ForgedNotification):
            read(form(news() | {f"x{number}": "1" for number in range(200)}))

    def test_that_splits_the_signed_text_otherwise_is_refused(self) -> None:
        honest = sorted(news(subject="x", zzz="1").items())
        content = "&".join(f"{name}={value}" for name, value in honest)
        hidden = {name: value for name, value in honest if name not in ("trade_no", "trade_status", "zzz")}
        merged = {**hidden, "trade_no": f"{TRADE_NO}&trade_status=TRADE_SUCCESS&zzz=1"}

        with pytest.raises(ForgedNotification, match="two parameters"):
            read(signed_with(content, **merged))


class TestOtherMessages:
    def test_about_something_else_are_kept_and_not_misread(self) -> None:
        event = read(form(news(notify_type="open_app_auth_notify")))

        assert (event.kind, event.event_key) == (
            EventKind.OTHER,
            "other:open_app_auth_notify:2026112200222120000000000001",
        )

    def test_of_the_return_address_prove_no_payment(self) -> None:
        returned = {name: value for name, value in news().items() if name not in ("trade_status", "notify_type")}

        assert read(form(returned)).kind is EventKind.OTHER

    def test_that_check_the_applications_gateway_sign_their_sign_type(self) -> None:
        fields = {"service": "alipay.service.check", "app_id": APP_ID, "charset": "utf-8", "sign_type": "RSA2"}
        content = "&".join(f"{name}={value}" for name, value in sorted(fields.items()))

        event = read(urlencode({**fields, "sign": signature(content.encode())}).encode())

        assert event.kind is EventKind.OTHER

    @pytest.mark.parametrize(
        "changes",
        [
            {"out_trade_no": ""},
            {"trade_no": ""},
            {"total_amount": "99.001"},
            {"total_amount": ""},
            {"gmt_payment": "yesterday"},
            {"refund_fee": "x"},
        ],
    )
    def test_signed_and_not_as_documented_are_unreadable(self, changes: dict[str, str]) -> None:
        with pytest.raises(Unreadable):
            read(form(news(**changes)))

    @given(st.binary(max_size=300))
    def test_of_any_bytes_are_refused_and_break_nothing(self, body: bytes) -> None:
        with pytest.raises(ForgedNotification):
            read(body)


class TestAnswers:
    def test_acknowledge_with_exactly_the_word(self) -> None:
        gateway = Desk().gateway()

        ack = gateway.acknowledge(event=read(form(news())))

        assert ack == Ack(status=200, body=b"success", content_type="text/plain")

    @pytest.mark.parametrize("status", [400, 401, 503])
    def test_refuse_so_that_it_is_sent_again(self, status: int) -> None:
        ack = Desk().gateway().refuse(status=status)

        assert (ack.status, ack.body) == (status, b"failure")
