from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from sandbox.faults import UNIONPAY_FORGERIES
from sandbox.unionpay.accounts import Authority
from sandbox.unionpay.sealing import SEALS, seal
from sandbox.unionpay.signing import sign, sign_once, verifies

from .shop import Shop, parse, rsa, text_of

VECTORS = Path(__file__).parents[2] / "gateways" / "vectors" / "unionpay"


def notification() -> dict[str, str]:
    content = json.loads((VECTORS / "yansongda" / "notification_5_1_0.json").read_text("utf-8"))
    params: dict[str, str] = content["params"]
    return params


class TestPublishedVectors:
    @pytest.fixture
    def sdk(self) -> dict[str, object]:
        content: dict[str, object] = json.loads((VECTORS / "sdk_tests.json").read_text("utf-8"))
        return content

    @pytest.fixture
    def key(self) -> RSAPrivateKey:
        opened = load_pkcs12((VECTORS / "acp_test_sign.pfx").read_bytes(), b"000000")
        assert isinstance(opened.key, RSAPrivateKey)
        return opened.key

    def request(self, sdk: dict[str, object]) -> dict[str, str]:
        params = sdk["params"]
        assert isinstance(params, dict)
        return {**params, "signMethod": "01", "version": "5.1.0", "certId": str(sdk["cert_id"])}

    def test_of_the_official_sdk_are_signed_alike(self, sdk: dict[str, object], key: RSAPrivateKey) -> None:
        expected = sdk["expected"]
        assert isinstance(expected, dict)

        assert sign(self.request(sdk), key) == expected["5.1.0/01"]
        assert sign_once(self.request(sdk), key) != expected["5.1.0/01"]

    def test_of_the_official_sdk_are_accepted_and_a_change_is_not(
        self, sdk: dict[str, object], key: RSAPrivateKey
    ) -> None:
        signed = self.request(sdk)
        signed["signature"] = sign(signed, key)

        assert verifies(signed, key.public_key())
        assert not verifies(signed | {"merId": "888888888888887"}, key.public_key())

    def test_a_real_notification_is_accepted(self) -> None:
        real = notification()
        certificate = x509.load_pem_x509_certificate(real["signPubKeyCert"].encode())

        assert verifies(real, rsa(certificate))

    def test_a_real_notification_is_refused_once_its_line_ends_are_changed(self) -> None:
        real = notification()
        certificate = x509.load_pem_x509_certificate(real["signPubKeyCert"].encode())
        changed = real | {"signPubKeyCert": real["signPubKeyCert"].replace("\r\n", "\n")}

        assert not verifies(changed, rsa(certificate))

    @pytest.mark.parametrize("signature", ["", "no base64 !", "QUJD"])
    def test_what_is_no_signature_is_refused(self, signature: str) -> None:
        real = notification()
        certificate = x509.load_pem_x509_certificate(real["signPubKeyCert"].encode())

        assert not verifies(real | {"signature": signature}, rsa(certificate))


class TestAuthority:
    @pytest.fixture
    def authority(self, shop: Shop) -> Authority:
        return shop.sandbox.box.unionpay.authority

    def test_signs_as_a_careful_shop_wants_it(self, shop: Shop, authority: Authority) -> None:
        sealed = seal({"merId": "1", "respCode": "00", "empty": ""}, authority)

        assert shop.trusts(sealed)
        assert shop.trusts(sealed, suffix="_sha1")
        assert "empty" not in sealed

    def test_has_a_chain_signed_with_sha1_too(self, shop: Shop) -> None:
        for name in ("root", "middle"):
            old, new = (
                x509.load_pem_x509_certificate(shop.credentials[f"{name}_certificate{suffix}"].encode())
                for suffix in ("_sha1", "")
            )
            assert isinstance(old.signature_hash_algorithm, SHA1)
            assert not isinstance(new.signature_hash_algorithm, SHA1)
            assert (old.subject, rsa(old).public_numbers()) == (new.subject, rsa(new).public_numbers())

    def test_writes_certificates_with_cr_lf_and_none_at_the_end(self, authority: Authority) -> None:
        written = seal({}, authority)["signPubKeyCert"]

        assert written.endswith("-----END CERTIFICATE-----")
        assert written.count("\r\n") == written.count("\n") > 10

    @pytest.mark.parametrize("forge", UNIONPAY_FORGERIES)
    def test_forges_what_a_careful_shop_refuses(self, shop: Shop, authority: Authority, forge: str) -> None:
        merchant = shop.sandbox.box.unionpay.first

        assert not shop.trusts(seal({"respCode": "00", "respMsg": "ok"}, authority, forge=forge, merchant=merchant))

    @pytest.mark.parametrize("forge", ["attacker_chain", "self_signed", "merchant_key", "other_company"])
    def test_forges_so_that_the_signature_alone_is_in_order(self, shop: Shop, authority: Authority, forge: str) -> None:
        forged = seal({"respCode": "00"}, authority, forge=forge, merchant=shop.sandbox.box.unionpay.first)
        certificate = x509.load_pem_x509_certificate(forged["signPubKeyCert"].encode())

        assert verifies(forged, rsa(certificate))

    def test_knows_every_forgery(self) -> None:
        assert set(UNIONPAY_FORGERIES) | {""} == set(SEALS)

    def test_takes_a_new_certificate_into_use_that_the_old_chain_vouches_for(self, shop: Shop) -> None:
        before = shop.back(shop.order("PAY00000001")).fields
        rotated = shop.ask("POST", "/sandbox/unionpay/rotate")
        after = shop.back(shop.order("PAY00000002")).fields

        assert before["signPubKeyCert"] != after["signPubKeyCert"]
        assert shop.trusts(before)
        assert shop.trusts(after)
        leaf = x509.load_pem_x509_certificate(after["signPubKeyCert"].encode())
        assert str(leaf.serial_number) == rotated["cert_id"]

    def test_takes_the_merchants_old_certificate_beside_the_new_until_it_is_revoked(self, shop: Shop) -> None:
        shop.ask("POST", f"/sandbox/unionpay/merchants/{shop.credentials['mer_id']}/renew")
        renewed = Shop(shop.sandbox)
        both = shop.back(shop.order("PAY00000001")).code, renewed.back(renewed.order("PAY00000002")).code
        assert both == ("00", "00")

        shop.ask("POST", f"/sandbox/unionpay/merchants/{shop.credentials['mer_id']}/revoke")

        left = shop.back(shop.order("PAY00000003")).code, renewed.back(renewed.order("PAY00000004")).code
        assert left == ("11", "00")


def test_the_parser_of_the_shop_minds_braces() -> None:
    assert parse("a=1&b={c=2&d=3}&e==") == {"a": "1", "b": "{c=2&d=3}", "e": "="}
    assert text_of({"b": "2", "a": "1", "signature": "x", "c": ""}) == "a=1&b=2"
