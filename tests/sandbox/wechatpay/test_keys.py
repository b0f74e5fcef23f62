from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate
from cryptography.x509.oid import NameOID

from ..merchant import Mailbox
from .shop import Shop

CERTIFICATES = "/v3/certificates"


def downloaded(shop: Shop) -> list[str]:
    """The serials within the certificates that the gateway gives out."""
    data: list[dict[str, Any]] = shop.call("GET", CERTIFICATES).content["data"]
    papers = [load_pem_x509_certificate(shop.unseal(it["encrypt_certificate"])) for it in data]
    serials = [f"{paper.serial_number:040X}" for paper in papers]
    assert serials == [it["serial_no"] for it in data]
    return serials


class TestModes:
    def test_public_key_alone_has_no_certificates(self, shop: Shop) -> None:
        assert shop.query().serial == shop.credentials["public_key_id"]
        assert shop.credentials["platform_certificates"] == ""
        assert shop.call("GET", CERTIFICATES).verdict == (404, "RESOURCE_NOT_EXISTS")

    def test_certificates_are_given_sealed_and_sign_the_answers(self, old_shop: Shop, mailbox: Mailbox) -> None:
        old_shop.paid()
        reply = old_shop.query()

        assert old_shop.credentials["public_key_id"] == ""
        assert downloaded(old_shop) == [reply.serial]
        assert old_shop.trusts_answer(reply)
        assert mailbox.letters[0].headers["Wechatpay-Serial"] == reply.serial

    def test_the_first_download_is_signed_by_what_is_in_it(self, old_shop: Shop) -> None:
        reply = old_shop.call("GET", CERTIFICATES)

        assert reply.serial == reply.content["data"][0]["serial_no"]
        assert old_shop.trusts_answer(reply)

    def test_a_switch_serves_both_ways(self, shop: Shop, mailbox: Mailbox) -> None:
        shop.keys_do("mode", mode="switching")
        new = shop.query()
        shop.wants = ""
        old = shop.query()
        for number in range(12):
            shop.paid(f"ORDER{number:02d}")

        assert new.serial == shop.credentials["public_key_id"]
        assert [old.serial] == downloaded(shop)
        assert shop.trusts_answer(old)
        assert {letter.headers["Wechatpay-Serial"] for letter in mailbox.letters} == {new.serial, old.serial}
        assert all(shop.trusts_letter(letter) for letter in mailbox.letters)

    def test_a_new_certificate_stands_beside_the_old(self, old_shop: Shop) -> None:
        before = old_shop.query().serial
        old_shop.keys_do("rotate")
        after = old_shop.query()

        assert downloaded(old_shop) == [before, after.serial]
        assert after.serial != before
        assert old_shop.trusts_answer(after)
        old_shop.keys_do("retire")
        assert downloaded(old_shop) == [after.serial]

    def test_the_merchants_next_certificate_stands_beside_the_old_until_that_is_revoked(self, shop: Shop) -> None:
        shop.keys_do("renew")
        renewed = Shop(shop.sandbox)
        assert renewed.credentials["merchant_serial"] != shop.credentials["merchant_serial"]
        assert (shop.native().status, renewed.native().status) == (200, 200)

        shop.keys_do("revoke")

        assert (shop.native().status, renewed.native().status) == (401, 200)

    def test_another_mode_is_none(self, shop: Shop) -> None:
        assert shop.keys_do("mode", mode="paper")["status"] == 400
        assert shop.ask("POST", "/sandbox/wechatpay/accounts/1900000000/rotate")["status"] == 404


class TestCredentials:
    def test_fit_each_other(self, shop: Shop) -> None:
        told = shop.credentials
        paper = load_pem_x509_certificate(told["merchant_certificate"].encode())
        public = paper.public_key()
        assert isinstance(public, RSAPublicKey)

        assert public.public_numbers() == shop.key.public_key().public_numbers()
        assert f"{paper.serial_number:X}" == told["merchant_serial"]
        assert len(told["merchant_serial"]) == 40
        assert paper.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == shop.mchid
        assert paper.not_valid_before_utc < datetime.now(UTC) < paper.not_valid_after_utc
        assert len(told["api_v3_key"].encode()) == 32
        assert told["public_key_id"].startswith("PUB_KEY_ID_")

    def test_can_be_several_in_any_mode(self, shop: Shop) -> None:
        made = shop.ask("POST", "/sandbox/accounts", gateway="wechatpay", mode="certificate")["wechatpay"]
        other = Shop(shop.sandbox, mchid=made["mchid"])

        assert other.native().status == 200
        assert shop.query().verdict == (404, "ORDER_NOT_EXIST")
        assert [it["mchid"] for it in shop.ask("GET", "/sandbox/accounts")["wechatpay"]] == [shop.mchid, other.mchid]

    def test_can_be_had_spoiled(self, shop: Shop) -> None:
        sets = shop.ask("GET", "/sandbox/credentials/broken.json")["wechatpay"]

        for name in sets:
            spoiled = shop.ask("GET", f"/sandbox/credentials/broken.json?set={name}")["wechatpay"]
            assert spoiled != shop.credentials, name
            assert set(spoiled) == set(shop.credentials), name

    @pytest.mark.parametrize(
        ("name", "field"),
        [
            ("public_in_private_field", "merchant_private_key"),
            ("certificate_in_private_field", "merchant_private_key"),
            ("encrypted_private_key", "merchant_private_key"),
            ("bare_private_key", "merchant_private_key"),
        ],
    )
    def test_spoiled_do_not_load(self, shop: Shop, name: str, field: str) -> None:
        spoiled = shop.ask("GET", f"/sandbox/credentials/broken.json?set={name}&gateway=wechatpay")["wechatpay"]

        with pytest.raises((ValueError, TypeError)):
            load_pem_private_key(spoiled[field].encode(), None)

    def test_expired_are_expired(self, shop: Shop) -> None:
        spoiled = shop.ask("GET", "/sandbox/credentials/broken.json?set=expired_certificate")["wechatpay"]
        paper = load_pem_x509_certificate(spoiled["merchant_certificate"].encode())

        assert paper.not_valid_after_utc < datetime.now(UTC)
        assert f"{paper.serial_number:040X}" == spoiled["merchant_serial"]

    def test_of_alipay_are_spoiled_as_well(self, shop: Shop) -> None:
        spoiled = shop.ask("GET", "/sandbox/credentials/broken.json?set=own_public_key_as_platform_key")

        assert spoiled["alipay"]["alipay_public_key"] == spoiled["alipay"]["app_public_key"]
        assert shop.ask("GET", "/sandbox/credentials/broken.json?set=unheard_of")["status"] == 404
