from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from payments.gateways import (
    AccountConfig,
    CheckStatus,
    ConfigError,
    Environment,
    ForgedNotification,
    Outcome,
    UnknownKey,
)
from payments.gateways.alipay import AlipayGateway
from payments.gateways.alipay.signature import is_signed, string_to_sign
from tests.gateways.alipay.desk import (
    ALIPAY,
    APP_PRIVATE_KEY,
    NOON,
    Desk,
    config,
    form,
    inbound,
    news,
    payment_ref,
    private_key,
    vector,
)
from tests.gateways.alipay.papers import Papers, brought, reply
from tests.gateways.metering import Meter

NEXT = generate_private_key(65_537, 2_048)
NUMBERS: dict[str, str] = json.loads(vector("cert_sn_checked.json"))
WAITING = {
    "code": "10000",
    "out_trade_no": payment_ref().payment_no,
    "trade_no": "1",
    "trade_status": "WAIT_BUYER_PAY",
    "total_amount": "1.00",
}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return Papers(tmp_path_factory.mktemp("authority"))


class TestRequests:
    def test_name_and_sign_the_numbers_of_both_certificates(self, desk: Desk, papers: Papers) -> None:
        papers.gateway(desk).query(ref=payment_ref())

        sent = {**desk.sent[0].query, **desk.sent[0].form}
        assert (sent["app_cert_sn"], sent["alipay_root_cert_sn"]) == (papers.app.sn, papers.authority.root_sn)
        assert is_signed(
            signed=string_to_sign(sent), signature=sent["sign"], key=private_key(APP_PRIVATE_KEY).public_key()
        )

    def test_name_no_certificate_in_public_key_mode(self, desk: Desk) -> None:
        desk.gateway().query(ref=payment_ref())

        assert not {"app_cert_sn", "alipay_root_cert_sn"} & desk.sent[0].query.keys()

    def test_are_not_sent_with_a_key_that_is_not_the_certificates(self, desk: Desk, papers: Papers) -> None:
        with pytest.raises(ConfigError) as told:
            papers.gateway(desk, private_key=vector("fzlee/web/web_private_key.pem")).query(ref=payment_ref())

        assert (told.value.field, desk.sent) == ("private_key", [])

    @pytest.mark.parametrize("bundle", ["gopay/alipayRootCert.crt", "smartwalle/alipayRootCert.crt"])
    def test_take_alipays_own_bundle_of_which_one_root_cannot_be_read(
        self, desk: Desk, papers: Papers, bundle: str
    ) -> None:
        papers.gateway(desk, root_cert=vector(bundle)).query(ref=payment_ref())

        assert desk.sent[0].query["alipay_root_cert_sn"] == NUMBERS[bundle]


class TestAnswers:
    def test_are_verified_by_the_certificate_they_name(self, desk: Desk, papers: Papers) -> None:
        both = {"alipay_cert": (papers.alipay.pem,)}
        following = papers.certified(NEXT)
        gateway = papers.gateway(desk, alipay_cert=following.pem, others=both)
        for key, named in ((ALIPAY, papers.alipay), (NEXT, following)):
            desk.reply = reply(key, named, WAITING)

            assert gateway.query(ref=payment_ref()).outcome is Outcome.PENDING

    def test_are_not_believed_under_the_name_of_another_certificate(self, desk: Desk, papers: Papers) -> None:
        following = papers.certified(NEXT)
        gateway = papers.gateway(desk, others={"alipay_cert": (following.pem,)})
        desk.reply = reply(ALIPAY, following, WAITING)

        event = gateway.query(ref=payment_ref())

        assert (event.outcome, event.code) == (Outcome.UNKNOWN, "answer.bad_signature")

    def test_by_a_certificate_that_we_lack_are_unknown_and_say_which(self, desk: Desk, papers: Papers) -> None:
        following = papers.certified(NEXT)
        desk.reply = reply(NEXT, following, WAITING)

        event = papers.gateway(desk).query(ref=payment_ref())

        assert (event.outcome, event.code, event.message) == (Outcome.UNKNOWN, "answer.unknown_key", following.sn)


class TestNotifications:
    def test_are_verified_by_any_certificate_that_is_alive(self, desk: Desk, papers: Papers) -> None:
        gateway = papers.gateway(
            desk, alipay_cert=papers.certified(NEXT).pem, others={"alipay_cert": (papers.alipay.pem,)}
        )

        assert gateway.parse_notification(request=inbound(form(news()))).amount_fen == 9_900

    def test_that_name_a_certificate_are_verified_by_it(self, desk: Desk, papers: Papers) -> None:
        body = form(news(alipay_cert_sn=papers.alipay.sn))

        event = papers.gateway(desk).parse_notification(request=inbound(body))

        assert (event.amount_fen, event.key_serial) == (9_900, papers.alipay.sn)

    def test_may_name_it_without_signing_it(self, desk: Desk, papers: Papers) -> None:
        body = form(news()) + f"&alipay_cert_sn={papers.alipay.sn}".encode()

        assert papers.gateway(desk).parse_notification(request=inbound(body)).amount_fen == 9_900

    def test_that_name_one_we_lack_say_which(self, desk: Desk, papers: Papers) -> None:
        with pytest.raises(UnknownKey) as told:
            papers.gateway(desk).parse_notification(request=inbound(form(news(alipay_cert_sn="0" * 32))))

        assert told.value.serial == "0" * 32

    @pytest.mark.parametrize("serial", ["x", "0" * 31, "0" * 33, "A" * 32, "../" * 11])
    def test_that_name_what_is_no_certificate_are_forged(self, desk: Desk, papers: Papers, serial: str) -> None:
        with pytest.raises(ForgedNotification):
            papers.gateway(desk).parse_notification(request=inbound(form(news(alipay_cert_sn=serial))))


class TestSeveralPublicKeys:
    def test_verify_at_the_same_time_and_are_counted_each(self, desk: Desk) -> None:
        meter = Meter()
        old, new = vector("fzlee/ali/ali_public_key.pem"), vector("fzlee/web/web_public_key.pem")
        both = replace(config(alipay_public_key=new), others={"alipay_public_key": (old,)})
        gateway = AlipayGateway(
            config=both,
            transport=desk,
            clock=lambda: NOON,
            meter=meter,
        )
        desk.succeeds(out_trade_no="X")

        gateway.query(ref=payment_ref())
        gateway.parse_notification(request=inbound(form(news())))
        with pytest.raises(ForgedNotification):
            gateway.parse_notification(request=inbound(form(news(), sign_it=False)))

        assert meter.acts == [
            ("private_key", APP_PRIVATE_KEY, "sign"),
            ("alipay_public_key", old, "verify"),
            ("alipay_public_key", old, "verify"),
        ]


class TestFetchKeys:
    def test_brings_the_certificate_that_was_named(self, desk: Desk, papers: Papers) -> None:
        following = papers.certified(NEXT)
        desk.reply = reply(NEXT, following, brought(following))

        (fetched,) = papers.gateway(desk).fetch_keys(serial=following.sn)

        assert (fetched.kind, fetched.serial) == ("alipay_cert", following.sn)
        assert desk.sent[0].biz_content == {"alipay_cert_sn": following.sn}
        desk.reply = reply(NEXT, following, WAITING)
        assert papers.gateway(desk, alipay_cert=fetched.value).query(ref=payment_ref()).outcome is Outcome.PENDING

    def test_finds_out_by_itself_which_one_is_missing(self, desk: Desk, papers: Papers) -> None:
        following = papers.certified(NEXT)
        desk.reply = reply(NEXT, following, brought(following))

        assert [it.serial for it in papers.gateway(desk).fetch_keys()] == [following.sn]
        assert papers.gateway(desk, alipay_cert=following.pem).fetch_keys() == []

    def test_has_nothing_to_fetch_in_public_key_mode(self, desk: Desk) -> None:
        assert desk.gateway().fetch_keys(serial="0" * 32) == []
        assert desk.sent == []

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda it: brought(it, alipay_cert_content="%%%"),
            lambda it: brought(it, alipay_cert_content="AAAA"),
            lambda it: {"code": "40004", "sub_code": "CERT_NOT_EXIST"},
        ],
    )
    def test_brings_nothing_that_is_no_certificate(self, desk: Desk, papers: Papers, spoil: Any) -> None:
        following = papers.certified(NEXT)
        desk.reply = reply(NEXT, following, spoil(following))

        assert papers.gateway(desk).fetch_keys(serial=following.sn) == []

    def test_brings_no_other_certificate_than_the_one_named(self, desk: Desk, papers: Papers) -> None:
        following = papers.certified(NEXT)
        desk.reply = reply(ALIPAY, papers.alipay, brought(following))

        assert papers.gateway(desk).fetch_keys(serial="0" * 32) == []

    def test_does_not_take_an_applications_certificate_for_alipays(self, desk: Desk, papers: Papers) -> None:
        key = generate_private_key(65_537, 2_048)
        strangers = papers.certified(key, name="2088999999999999-2021999999999999")
        desk.reply = reply(key, strangers, brought(strangers))

        assert papers.gateway(desk).fetch_keys(serial=strangers.sn) == []

    def test_believes_no_answer_that_neither_key_signed(self, desk: Desk, papers: Papers) -> None:
        following = papers.certified(NEXT)
        stranger = generate_private_key(65_537, 2_048)
        desk.reply = reply(stranger, following, brought(following))

        assert papers.gateway(desk).fetch_keys(serial=following.sn) == []

    def test_of_a_live_account_takes_only_what_our_roots_vouch_for(
        self, desk: Desk, papers: Papers, tmp_path: Path
    ) -> None:
        attacker = Papers(tmp_path).certified(NEXT)
        honest = papers.certified(NEXT)
        live = AlipayGateway(config=papers.live_config(), transport=desk, clock=lambda: NOON)
        for certificate, taken in ((attacker, []), (honest, [honest.sn])):
            desk.reply = reply(NEXT, certificate, brought(certificate))

            assert [it.serial for it in live.fetch_keys(serial=certificate.sn)] == taken


class TestSelfCheck:
    def test_finds_an_account_in_order(self, desk: Desk, papers: Papers) -> None:
        checks = papers.gateway(desk).self_check()

        assert [it.code for it in checks] == [
            "base_url", "app_id", "seller_id", "private_key", "app_cert", "app_cert_sn", "app_cert_expiry",
            "alipay_cert", "alipay_cert_expiry", "root_cert", "root_cert_expiry", "round_trip", "time_zone",
        ]  # fmt: skip
        assert {it.code: it.meaning for it in checks if it.status is not CheckStatus.OK} == {}
        assert next(it.value for it in checks if it.code == "app_cert_sn") == papers.app.sn

    @pytest.mark.parametrize(
        ("changes", "code", "words"),
        [
            ({"app_cert": ""}, "app_cert", "is empty"),
            ({"app_cert": APP_PRIVATE_KEY}, "app_cert", "private key"),
            ({"app_cert": vector("gopay/appPublicCert.crt")}, "app_cert", "2021000122672388"),
            ({"app_cert": vector("gopay/alipayPublicCert.crt")}, "app_cert", "is made out to"),
            ({"private_key": vector("fzlee/ali/ali_private_key.pem")}, "app_cert", "was not made for this key"),
            ({"alipay_cert": vector("gopay/alipayPublicCert.crt")}, "alipay_cert", "not made out to the merchant"),
            ({"alipay_cert": ""}, "alipay_cert", "is empty"),
            ({"root_cert": ""}, "root_cert", "is empty"),
        ],
    )
    def test_names_the_mistake(
        self, desk: Desk, papers: Papers, changes: dict[str, str], code: str, words: str
    ) -> None:
        (result,) = [it for it in papers.gateway(desk, **changes).self_check() if it.code == code]

        assert result.status is CheckStatus.ERROR
        assert words in result.meaning

    def test_knows_our_own_certificate_in_alipays_place(self, desk: Desk, papers: Papers) -> None:
        (result,) = [
            it for it in papers.gateway(desk, alipay_cert=papers.app.pem).self_check() if it.code == "alipay_cert"
        ]

        assert "certificate of your own application" in result.meaning

    def test_misses_the_rsa_roots(self, desk: Desk, papers: Papers) -> None:
        first = vector("gopay/alipayRootCert.crt").split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----"

        (result,) = [it for it in papers.gateway(desk, root_cert=first).self_check() if it.code == "root_cert"]

        assert result.status is CheckStatus.ERROR

    @pytest.mark.parametrize(
        ("days", "status", "words"),
        [
            (-1, CheckStatus.ERROR, "has expired"),
            (6.9, CheckStatus.WARNING, "within 7 days"),
            (29.9, CheckStatus.WARNING, "within 30 days"),
            (59.9, CheckStatus.WARNING, "within 60 days"),
            (60.1, CheckStatus.OK, "more than 60 days"),
        ],
    )
    def test_warns_before_the_end(
        self, desk: Desk, papers: Papers, days: float, status: CheckStatus, words: str
    ) -> None:
        gateway = papers.gateway(desk, app_cert=papers.app_cert(days=days))

        (result,) = [it for it in gateway.self_check() if it.code == "app_cert_expiry"]

        assert (result.status, words in result.meaning) == (status, True)

    def test_of_a_live_account_knows_alipays_roots_its_chain_and_test_certificates(
        self, desk: Desk, papers: Papers
    ) -> None:
        def found(**changes: str) -> dict[str, CheckStatus]:
            gateway = AlipayGateway(config=papers.live_config(**changes), transport=desk, clock=lambda: NOON)
            return {it.code: it.status for it in gateway.self_check()}

        assert found()["root_cert"] is CheckStatus.WARNING  # edited, or not Alipay's
        assert found()["alipay_cert_chain"] is CheckStatus.OK
        real = found(root_cert=vector("gopay/alipayRootCert.crt"))
        assert (real["root_cert"], real["alipay_cert_chain"]) == (CheckStatus.OK, CheckStatus.ERROR)

    def test_refuses_a_test_certificate_in_a_live_account(self, desk: Desk) -> None:
        folder = "fzlee/dc"
        shop = AccountConfig(
            environment=Environment.LIVE,
            settings={"mode": "certificate", "app_id": "2016101300678256", "seller_id": "2088102179417464"},
            credentials={
                "private_key": vector(f"{folder}/app_private_key"),
                "app_cert": vector(f"{folder}/app_public_key_cert.crt"),
                "alipay_cert": vector(f"{folder}/alipay_public_key_cert.crt"),
                "root_cert": vector(f"{folder}/alipay_root_cert.crt"),
            },
        )
        checks = AlipayGateway(config=shop, transport=desk, clock=lambda: NOON).self_check()

        found = {it.code: it for it in checks if it.status is CheckStatus.ERROR}
        assert {"app_cert", "alipay_cert", "app_cert_expiry", "alipay_cert_chain"} <= found.keys()
        assert "test environment" in found["app_cert"].meaning
