from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from payments.gateways import (
    ConfigError,
    Environment,
    EventKind,
    ForgedNotification,
    Outcome,
    Unreadable,
    claim_problems,
)
from payments.gateways.unionpay.trust import CACHED_CHAINS, Chain
from tests.gateways.metering import Meter
from tests.gateways.unionpay.desk import (
    COMPANY,
    LEAF,
    LEAF_KEY,
    MER_ID,
    MIDDLE,
    NOON,
    OUR_KEY,
    OURS,
    PAYMENT_NO,
    QUERY_ID,
    REFUND_NO,
    ROOT,
    Desk,
    Holder,
    inbound,
    issue,
    news,
    payment_ref,
    seal,
    signature,
    with_crlf,
)


def refunded(**changes: str) -> dict[str, str]:
    return news(
        **{
            "txnType": "04",
            "orderId": REFUND_NO,
            "txnTime": "20261122130000",
            "txnAmt": "3000",
            "settleAmt": "3000",
            "queryId": "782611221300000674029",
            "origQryId": QUERY_ID,
            "traceTime": "1122130005",
            "reqReserved": PAYMENT_NO,
            **changes,
        }
    )


class TestOfAPayment:
    def test_tells_the_money(self, desk: Desk) -> None:
        gateway = desk.gateway()

        event = gateway.parse_notification(request=inbound(seal(news())))

        assert (event.kind, event.outcome) == (EventKind.PAYMENT, Outcome.SUCCEEDED)
        assert (event.payment_no, event.gateway_trade_no) == (PAYMENT_NO, QUERY_ID)
        assert (event.amount_fen, event.currency) == (9_900, "CNY")
        assert event.occurred_at == datetime(2026, 11, 22, 4, 1, 30, tzinfo=UTC)
        assert claim_problems(expected=gateway.account_claims(), claims=event.claims) == ()

    def test_counts_only_once_a_query_says_the_same(self, desk: Desk) -> None:
        assert desk.gateway().capabilities.confirm_by_query

    def test_for_another_merchant_shows_it(self, desk: Desk) -> None:
        gateway = desk.gateway()

        event = gateway.parse_notification(request=inbound(seal(news(merId="777290058110049"))))

        assert claim_problems(expected=gateway.account_claims(), claims=event.claims) == ("merId",)

    @pytest.mark.parametrize(
        ("code", "outcome"),
        [("00", Outcome.SUCCEEDED), ("A6", Outcome.SUCCEEDED), ("05", Outcome.PENDING), ("61", Outcome.UNKNOWN)],
    )
    def test_that_failed_may_yet_be_paid(self, desk: Desk, code: str, outcome: Outcome) -> None:
        assert desk.gateway().parse_notification(request=inbound(seal(news(respCode=code)))).outcome is outcome

    def test_has_one_key_however_often_it_comes(self, desk: Desk) -> None:
        gateway = desk.gateway()
        again = news(traceTime="1122120200", respMsg="success")

        keys = {gateway.parse_notification(request=inbound(seal(it))).event_key for it in (news(), again)}

        assert len(keys) == 1
        assert gateway.parse_notification(request=inbound(seal(news(queryId="2")))).event_key not in keys

    def test_is_read_in_the_charset_that_it_names(self, desk: Desk) -> None:
        fields = seal(news(respMsg="交易成功"), charset="GBK")

        event = desk.gateway().parse_notification(request=inbound(fields, charset="GBK"))

        assert event.message == "交易成功"

    @pytest.mark.parametrize("changes", [{"orderId": ""}, {"queryId": ""}, {"txnAmt": "99.00"}, {"txnTime": "2026"}])
    def test_is_unreadable_where_it_is_not_as_documented(self, desk: Desk, changes: dict[str, str]) -> None:
        with pytest.raises(Unreadable):
            desk.gateway().parse_notification(request=inbound(seal(news(**changes))))


class TestOfARefund:
    @pytest.mark.parametrize("kind", ["04", "31"])
    def test_is_no_payment(self, desk: Desk, kind: str) -> None:
        event = desk.gateway().parse_notification(request=inbound(seal(refunded(txnType=kind))))

        assert (event.kind, event.outcome, event.amount_fen) == (EventKind.REFUND, Outcome.SUCCEEDED, 3_000)
        assert (event.payment_no, event.refund_no, event.gateway_trade_no) == (PAYMENT_NO, REFUND_NO, QUERY_ID)

    def test_that_failed_says_so(self, desk: Desk) -> None:
        assert desk.gateway().parse_notification(request=inbound(seal(refunded(respCode="61")))).outcome is (
            Outcome.FAILED
        )

    def test_made_at_unionpays_own_console_names_no_payment_of_ours(self, desk: Desk) -> None:
        event = desk.gateway().parse_notification(request=inbound(seal(refunded(reqReserved="{a=1}"))))

        assert (event.payment_no, event.gateway_trade_no) == ("", QUERY_ID)


def test_of_something_else_is_kept_as_such(desk: Desk) -> None:
    event = desk.gateway().parse_notification(request=inbound(seal(news(txnType="79"))))

    assert (event.kind, event.outcome) == (EventKind.OTHER, Outcome.UNKNOWN)


class TestForged:
    @pytest.mark.parametrize(
        "changes",
        [
            {"txnAmt": "1"},
            {"orderId": "P2026112200000002"},
            {"respCode": "A6"},
            {"signature": ""},
            {"signature": "AAAA"},
            {"signPubKeyCert": ""},
            {"signPubKeyCert": "-----BEGIN CERTIFICATE-----\r\nAAAA\r\n-----END CERTIFICATE-----"},
            {"signPubKeyCert": "x" * 20_000},
            {"signPubKeyCert": LEAF.pem},  # the right one, with other line ends
            {"signMethod": "11"},
            {"version": "5.0.0"},
        ],
    )
    def test_is_what_was_changed(self, desk: Desk, changes: dict[str, str]) -> None:
        with pytest.raises(ForgedNotification):
            desk.gateway().parse_notification(request=inbound({**seal(news()), **changes}))

    def test_is_what_an_attackers_own_chain_vouches_for(self, desk: Desk) -> None:
        root = issue("Root CA", OUR_KEY, ca=True)
        middle = issue("Middle CA", OUR_KEY, by=root, ca=True)

        with pytest.raises(ForgedNotification, match="chain"):
            desk.gateway().parse_notification(request=inbound(seal(news(), by=issue(COMPANY, OUR_KEY, by=middle))))

    def test_is_what_another_merchant_signs(self, desk: Desk) -> None:
        with pytest.raises(ForgedNotification, match="certificate"):
            desk.gateway().parse_notification(request=inbound(seal(news(), by=OURS)))

    @pytest.mark.parametrize(
        "name",
        [
            "041@1@00040000:SIGN@1@x",
            "中国银联股份有限公司",
            "041@中国银联股份有限公司@1@某某商户",
            "041@1@中国银联股份有限公司 @1",
        ],
    )
    def test_is_what_is_not_quite_unionpays_name(self, desk: Desk, name: str) -> None:
        forger = issue(name, LEAF_KEY, by=MIDDLE)

        with pytest.raises(ForgedNotification, match="certificate"):
            desk.gateway().parse_notification(request=inbound(seal(news(), by=forger)))

    def test_is_what_a_merchant_signs_as_if_he_were_an_authority(self, desk: Desk) -> None:
        forger = issue(COMPANY, LEAF_KEY, by=OURS)

        with pytest.raises(ForgedNotification, match="chain"):
            desk.gateway(middle_cert=MIDDLE.pem + OURS.pem).parse_notification(request=inbound(seal(news(), by=forger)))

    @pytest.mark.parametrize("days", [(-10, -1), (1, 10)])
    def test_is_what_a_certificate_out_of_its_time_signs(self, desk: Desk, days: tuple[int, int]) -> None:
        late = issue(COMPANY, LEAF_KEY, by=MIDDLE, days=days)

        with pytest.raises(ForgedNotification, match="expired"):
            desk.gateway().parse_notification(request=inbound(seal(news(), by=late)))

    def test_is_judged_by_the_time_it_came(self, desk: Desk) -> None:
        gateway, request = desk.gateway(), inbound(seal(news()))
        assert gateway.parse_notification(request=request).payment_no == PAYMENT_NO

        with pytest.raises(ForgedNotification, match="expired"):
            gateway.parse_notification(request=inbound(seal(news()), at=NOON + timedelta(days=1_000)))
        assert gateway.parse_notification(request=request).payment_no == PAYMENT_NO

    def test_is_one_whose_fields_were_pushed_into_one_another(self, desk: Desk) -> None:
        fields = seal(news())
        fields["accessType"] += f"&bizType={fields.pop('bizType')}"

        with pytest.raises(ForgedNotification, match="two parameters"):
            desk.gateway().parse_notification(request=inbound(fields))

    def test_is_one_with_a_field_taken_out_of_a_value(self, desk: Desk) -> None:
        fields = seal(news(reqReserved="{a=1&reqZ=2}"))
        fields["reqReserved"], fields["reqZ"] = "{a=1", "2}"

        with pytest.raises(ForgedNotification, match="two parameters"):
            desk.gateway().parse_notification(request=inbound(fields))

    def test_is_one_that_names_a_field_twice(self, desk: Desk) -> None:
        request = inbound(seal(news()))
        doubled = request.__class__(
            headers=request.headers, body=request.body + b"&txnAmt=1", received_at=request.received_at
        )

        with pytest.raises(ForgedNotification, match="twice"):
            desk.gateway().parse_notification(request=doubled)

    def test_is_one_signed_without_the_hex_digits(self, desk: Desk) -> None:
        fields = {**seal(news()), "signature": ""}
        fields["signature"] = signature({"x": "y"}, key=LEAF_KEY)

        with pytest.raises(ForgedNotification, match="signature"):
            desk.gateway().parse_notification(request=inbound(fields))


class TestTestName:
    def test_counts_in_a_sandbox_alone(self, desk: Desk) -> None:
        leaf = issue("041@Z2017-11-1@00040000:SIGN@00000001", LEAF_KEY, by=MIDDLE)
        request = inbound(seal(news(), by=leaf))

        assert desk.gateway().parse_notification(request=request).payment_no == PAYMENT_NO
        with pytest.raises(ForgedNotification):
            desk.gateway(environment=Environment.LIVE, base_url="").parse_notification(request=request)


class TestRotation:
    def test_accepts_a_new_certificate_of_the_same_chain(self, desk: Desk) -> None:
        renewed = issue(COMPANY, OUR_KEY, by=MIDDLE, serial=8)
        gateway = desk.gateway()

        for leaf in (LEAF, renewed, LEAF):
            event = gateway.parse_notification(request=inbound(seal(news(), by=leaf)))
            assert (event.payment_no, event.key_serial == "8") == (PAYMENT_NO, leaf is renewed)

    def test_accepts_both_middles_while_both_are_set(self, desk: Desk) -> None:
        key = OURS.key
        middle = issue("New middle CA", key, by=ROOT, ca=True, serial=9)
        new_leaf = issue(COMPANY, LEAF_KEY, by=middle)
        gateway = desk.gateway(middle_cert=middle.pem, others={"middle_cert": (MIDDLE.pem,)})

        for leaf in (LEAF, new_leaf):
            assert gateway.parse_notification(request=inbound(seal(news(), by=leaf))).payment_no == PAYMENT_NO
        with pytest.raises(ForgedNotification):
            desk.gateway().parse_notification(request=inbound(seal(news(), by=new_leaf)))

    def test_counts_what_each_certificate_does(self, desk: Desk) -> None:
        meter = Meter()
        gateway = desk.gateway(meter=meter)

        gateway.parse_notification(request=inbound(seal(news())))
        assert meter.acts == [("middle_cert", MIDDLE.pem, "verify"), ("root_cert", ROOT.pem, "verify")]

        meter.acts.clear()
        with pytest.raises(ForgedNotification):
            gateway.parse_notification(request=inbound({**seal(news()), "txnAmt": "1"}))
        assert meter.acts == []

    def test_builds_each_chain_once_and_keeps_few(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        gateway = desk.gateway()
        built: list[bytes] = []
        build = gateway.judge._build

        def count(text: bytes, *, at: datetime) -> Chain:
            built.append(text)
            return build(text, at=at)

        monkeypatch.setattr(gateway.judge, "_build", count)

        for _again in range(3):
            gateway.parse_notification(request=inbound(seal(news())))
        assert built == [with_crlf(LEAF.pem).encode()]

        for serial in range(CACHED_CHAINS + 4):
            leaf: Holder = issue(COMPANY, LEAF_KEY, by=MIDDLE, serial=serial + 1)
            gateway.parse_notification(request=inbound(seal(news(), by=leaf)))
        assert len(gateway.judge._chains) == CACHED_CHAINS


class TestOwnMistakes:
    def test_are_told_as_such(self, desk: Desk) -> None:
        with pytest.raises(ConfigError) as told:
            desk.gateway(middle_cert="").parse_notification(request=inbound(seal(news())))

        assert told.value.field == "middle_cert"

    def test_do_not_let_a_question_be_asked_whose_answer_nobody_could_check(self, desk: Desk) -> None:
        with pytest.raises(ConfigError):
            desk.gateway(root_cert="").query(ref=payment_ref())

        assert desk.sent == []


def test_is_acknowledged_with_a_word_and_refused_with_a_status(desk: Desk) -> None:
    gateway = desk.gateway()
    event = gateway.parse_notification(request=inbound(seal(news())))

    assert (gateway.acknowledge(event=event).status, gateway.acknowledge(event=event).body) == (200, b"ok")
    assert gateway.refuse(status=503).status == 503


def test_names_our_merchant(desk: Desk) -> None:
    assert desk.gateway().account_claims() == {"merId": MER_ID}


RSA_HEAD = b"\x30\x82\x01\x0a\x02\x82\x01\x01\x00"  # the numbers of a key; the first is positive


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        (RSA_HEAD, RSA_HEAD[:-1] + b"\xff"),  # a negative modulus
        (b"041@8310", b"041\xff8310"),  # a name that is not UTF-8
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x7f"),  # a version that there is not
    ],
)
def test_a_certificate_that_breaks_when_it_is_looked_at_is_a_forgery(part: bytes, broken: bytes) -> None:
    der = LEAF.certificate.public_bytes(Encoding.DER)
    assert der.count(part) == 1
    pem = b64encode(der.replace(part, broken)).decode()
    sent = seal(news()) | {"signPubKeyCert": f"-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----"}

    with pytest.raises(ForgedNotification):
        Desk().gateway().parse_notification(request=inbound(sent))
