from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.x509 import load_pem_x509_certificate

from payments.gateways import ForgedNotification, UnknownKey
from payments.gateways.wechatpay.platform import PlatformKey, PlatformKeys, serial_of
from payments.gateways.wechatpay.sealed import OtherApiv3Key, unseal
from payments.gateways.wechatpay.signature import authenticate, is_signed, sign
from tests.gateways.wechatpay.desk import MERCHANT, NOON, OTHER, PLATFORM, PUBLIC_KEY_ID, Pen, private_key, vector

CONSTANTS = json.loads(vector("java/constants.json"))
BODY = '{"a":"保温杯"}'.encode()
NOTICE = json.loads(vector("go/notification_payscore.json"))
NOTICE_AT = datetime.fromtimestamp(int(NOTICE["headers"]["Wechatpay-Timestamp"]), tz=UTC)


def held(serial: str, key: RSAPublicKey, *, text: str = "its text") -> PlatformKey:
    return PlatformKey(kind="platform_public_key", text=text, serial=serial, key=key)


THEIRS = PlatformKeys([held(PUBLIC_KEY_ID, PLATFORM.public_key())])


def check(headers: Mapping[str, str], *, body: bytes = BODY, keys: PlatformKeys = THEIRS) -> PlatformKey:
    return authenticate(headers=headers, body=body, keys=keys, at=NOON)


class TestPublishedVectors:
    def test_our_signature_is_the_published_one(self) -> None:
        published = json.loads(vector("go/sign_source.json"))

        assert sign(signed=published["message"].encode(), key=OTHER) == published["signature"]

    def test_a_published_signature_verifies(self) -> None:
        published, key = CONSTANTS["rsa"], private_key(vector("java/merchant_private_key.pem")).public_key()

        assert is_signed(signed=b"message", signature=published["signature"], key=key)
        assert not is_signed(signed=b"massage", signature=published["signature"], key=key)

    def test_a_published_notification_is_genuine(self) -> None:
        certificate = load_pem_x509_certificate(vector("go/platform_certificate.pem").encode())
        key = certificate.public_key()
        assert isinstance(key, RSAPublicKey)
        keys, body = PlatformKeys([held(serial_of(certificate), key)]), vector("go/notification_payscore.body").encode()

        found = authenticate(headers=NOTICE["headers"], body=body, keys=keys, at=NOTICE_AT)

        assert found.serial == NOTICE["headers"]["Wechatpay-Serial"]
        moved = NOTICE["headers"] | {"Wechatpay-Timestamp": "1624523847"}
        with pytest.raises(ForgedNotification):
            authenticate(headers=moved, body=body, keys=keys, at=NOTICE_AT)

    @pytest.mark.parametrize(
        ("file", "serial"),
        [("merchant_certificate", "merchant_serial"), ("wechat_pay_certificate", "wechatpay_serial")],
    )
    def test_serial_numbers_are_the_published_ones(self, file: str, serial: str) -> None:
        certificate = load_pem_x509_certificate(vector(f"java/{file}.pem").encode())

        assert serial_of(certificate) == CONSTANTS[serial]

    def test_what_is_sealed_opens(self) -> None:
        entry = json.loads(vector("java/download_certificates_response.json"))["data"][0]

        clear, _key = unseal(entry["encrypt_certificate"], keys=["x" * 32, CONSTANTS["api_v3_key"]])

        assert serial_of(load_pem_x509_certificate(clear)) == CONSTANTS["downloaded_serial"]

    def test_what_is_sealed_opens_with_its_own_context_alone(self) -> None:
        sealed, keys = CONSTANTS["aead"], [CONSTANTS["api_v3_key"]]

        assert unseal(sealed, keys=keys)[0] == b"message"
        with pytest.raises(OtherApiv3Key):
            unseal(sealed | {"associated_data": ""}, keys=keys)


class TestSealed:
    @pytest.mark.parametrize(
        "changes",
        [{"nonce": "short"}, {"nonce": "n" * 13}, {"ciphertext": "!"}, {"ciphertext": "AAAA"}, {"algorithm": "SM4"}],
    )
    def test_is_refused_where_its_form_is_impossible(self, changes: dict[str, str]) -> None:
        with pytest.raises(ValueError):
            unseal(CONSTANTS["aead"] | changes, keys=[CONSTANTS["api_v3_key"]])


class TestAuthenticate:
    def test_names_the_key_that_signed(self) -> None:
        assert check(Pen().headers(BODY)).text == "its text"

    def test_does_not_mind_how_headers_are_written(self) -> None:
        assert check({name.upper(): value for name, value in Pen().headers(BODY).items()}).serial == PUBLIC_KEY_ID

    @pytest.mark.parametrize("seconds", [-299, 0, 299])
    def test_accepts_what_was_signed_within_five_minutes(self, seconds: int) -> None:
        assert check(Pen(at=NOON + timedelta(seconds=seconds)).headers(BODY)).serial == PUBLIC_KEY_ID

    @pytest.mark.parametrize("seconds", [-300, 300, -(20 * 365 * 86_400)])
    def test_refuses_what_was_signed_before_or_after(self, seconds: int) -> None:
        with pytest.raises(ForgedNotification, match="clock window"):
            check(Pen(at=NOON + timedelta(seconds=seconds)).headers(BODY))

    @pytest.mark.parametrize(
        "changes",
        [
            {"Wechatpay-Signature": "!"},
            {"Wechatpay-Signature": ""},
            {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/AAAA"},
            {"Wechatpay-Timestamp": "9" * 400},
            {"Wechatpay-Timestamp": "１２３４５６７８９０"},
            {"Wechatpay-Timestamp": ""},
            {"Wechatpay-Nonce": "OTHER"},
            {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"},
        ],
    )
    def test_refuses_headers_that_were_changed(self, changes: dict[str, str]) -> None:
        with pytest.raises(ForgedNotification):
            check(Pen().headers(BODY) | changes)

    @pytest.mark.parametrize("name", ["Timestamp", "Nonce", "Serial", "Signature"])
    def test_refuses_a_message_that_lacks_a_header(self, name: str) -> None:
        headers = {key: value for key, value in Pen().headers(BODY).items() if key != f"Wechatpay-{name}"}

        with pytest.raises(ForgedNotification):
            check(headers)

    @pytest.mark.parametrize("body", [b"", BODY + b" ", BODY.replace(b"a", b"b")])
    def test_refuses_another_body(self, body: bytes) -> None:
        with pytest.raises(ForgedNotification):
            check(Pen().headers(BODY), body=body)

    @pytest.mark.parametrize("pen", [Pen(key=MERCHANT), Pen(algorithm=SHA1())])
    def test_refuses_another_signer_and_another_way_to_sign(self, pen: Pen) -> None:
        with pytest.raises(ForgedNotification):
            check(pen.headers(BODY))

    def test_picks_the_key_by_its_name(self) -> None:
        keys = PlatformKeys([held("0ABC", MERCHANT.public_key()), held(PUBLIC_KEY_ID, PLATFORM.public_key())])

        assert check(Pen().headers(BODY), keys=keys).serial == PUBLIC_KEY_ID
        assert check(Pen(serial="abc", key=MERCHANT).headers(BODY), keys=keys).serial == "0ABC"

    @pytest.mark.parametrize("serial", ["ABCD", "PUB_KEY_ID_OTHER", "", "密钥"])
    def test_misses_a_key_that_is_not_here(self, serial: str) -> None:
        with pytest.raises(UnknownKey) as missed:
            check(Pen(serial=serial).headers(BODY))

        assert missed.value.serial == serial

    def test_finds_an_older_public_key_whose_id_nobody_wrote_down(self) -> None:
        keys = PlatformKeys([held(PUBLIC_KEY_ID, OTHER.public_key()), held("", PLATFORM.public_key(), text="older")])

        assert check(Pen(serial="PUB_KEY_ID_OLD").headers(BODY), keys=keys).text == "older"
        with pytest.raises(UnknownKey):
            check(Pen(serial="PUB_KEY_ID_OLD", key=MERCHANT).headers(BODY), keys=keys)
