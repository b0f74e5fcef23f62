from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import serialize_key_and_certificates
from cryptography.x509.oid import NameOID

from payments.gateways import AccountField
from payments.gateways.account import MissingSetting
from payments.gateways.certificates import (
    BrokenCertificate,
    EmptyPfx,
    NotACertificate,
    NotAPfx,
    WrongPfxPassword,
    belongs_to,
    certificate_fingerprint,
    is_issued_by,
    load_certificates,
    load_pfx,
    normalise_certificates,
    normalise_pfx,
)
from payments.gateways.keys import TruncatedKey, WeakKey, WrongKeyShape
from tests.gateways.alipay.desk import APP_PRIVATE_KEY, APP_PUBLIC_KEY, vector

UNIONPAY = Path(__file__).parent / "vectors" / "unionpay"
FIELD = AccountField(code="certificate", label="The certificate", help="")
ROOT, MIDDLE = ((UNIONPAY / f"acp_test_{name}.cer").read_text() for name in ("root", "middle"))
PFX = b64encode((UNIONPAY / "acp_test_sign.pfx").read_bytes()).decode()


def bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if "-----" not in line)


def self_signed(key: rsa.RSAPrivateKey, *, ca: bool | None = None) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, begin, begin + timedelta(days=1))
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return builder.sign(key, SHA256())


def pfx(key: rsa.RSAPrivateKey | None, certificate: x509.Certificate | None, *, password: bytes = b"") -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return b64encode(serialize_key_and_certificates(None, key, certificate, None, encryption)).decode()


WRAPPINGS = {
    "PEM": ROOT,
    "base64 of the .cer file": bare(ROOT),
    "a form's own address of a file": f"data:application/x-x509-ca-cert;base64,{bare(ROOT)}",
    "with Windows line ends": ROOT.replace("\n", "\r\n"),
    "with what openssl tells about it": f"Certificate:\n    Data:\n        Version: 3 (0x2)\n{ROOT}",
    "with a byte-order mark": f"\ufeff{ROOT}",
}


class TestCertificates:
    @pytest.mark.parametrize("wrapping", WRAPPINGS)
    def test_are_stored_in_one_form(self, wrapping: str) -> None:
        assert normalise_certificates(WRAPPINGS[wrapping], field=FIELD) == ROOT.replace("\r\n", "\n")

    def test_keep_their_order(self) -> None:
        middle, root = load_certificates(MIDDLE + ROOT, field=FIELD)

        assert (middle.issuer, root.issuer) == (root.subject, root.subject)
        assert certificate_fingerprint(middle) != certificate_fingerprint(root)

    def test_keep_those_of_other_algorithms_and_read_the_rest(self) -> None:
        bundle = vector("smartwalle/alipayRootCert.crt")

        stored = normalise_certificates(bundle, field=FIELD)

        assert stored.count("BEGIN") == bundle.count("-----BEGIN") > len(load_certificates(bundle, field=FIELD)) > 0
        assert normalise_certificates(stored, field=FIELD) == stored

    @pytest.mark.parametrize(
        ("pasted", "error", "words"),
        [
            ("", MissingSetting, "is empty"),
            ("changeit", NotACertificate, "no certificate"),
            (APP_PRIVATE_KEY, WrongKeyShape, "this is a private key, and a certificate belongs here"),
            (APP_PUBLIC_KEY, WrongKeyShape, "this is a public key"),
            (bare(ROOT)[:600], TruncatedKey, "the end"),
            (f"{ROOT}-----BEGIN CERTIFICATE-----\n{bare(MIDDLE)[:400]}", BrokenCertificate, "certificate 2 of 2"),
            (ROOT + APP_PRIVATE_KEY, BrokenCertificate, "certificate 2 of 2"),
        ],
    )
    def test_are_refused_with_what_was_found_instead(self, pasted: str, error: type[Exception], words: str) -> None:
        with pytest.raises(error, match=words):
            normalise_certificates(pasted, field=FIELD)


class TestIssuedBy:
    def test_follows_a_chain_of_sha1(self) -> None:
        (middle,), (root,) = load_certificates(MIDDLE, field=FIELD), load_certificates(ROOT, field=FIELD)

        assert is_issued_by(certificate=middle, issuer=root)
        assert is_issued_by(certificate=root, issuer=root)
        assert not is_issued_by(certificate=root, issuer=middle)

    @pytest.mark.parametrize(("ca", "allowed"), [(True, True), (False, False), (None, False)])
    def test_needs_an_authority(self, ca: bool | None, allowed: bool) -> None:
        certificate = self_signed(rsa.generate_private_key(65537, 2048), ca=ca)

        assert is_issued_by(certificate=certificate, issuer=certificate) is allowed

    def test_is_not_fooled_by_a_name(self) -> None:
        true, false = (self_signed(rsa.generate_private_key(65537, 2048), ca=True) for _each in range(2))

        assert true.subject == false.subject
        assert not is_issued_by(certificate=true, issuer=false)


class TestPfx:
    def test_opens_under_the_old_ciphers(self) -> None:
        store = load_pfx(PFX, password="000000", field=FIELD)

        assert store.certificate.serial_number == 68759663125
        assert belongs_to(certificate=store.certificate, key=store.key)

    @pytest.mark.parametrize("password", ["000000\n", " 000000 ", "000000"])
    def test_forgives_what_copying_adds_to_the_password(self, password: str) -> None:
        assert load_pfx(PFX, password=password, field=FIELD).others

    def test_is_stored_so_that_it_outlives_its_password(self) -> None:
        stored = normalise_pfx(PFX, password="000000", field=FIELD)

        opened, again = (load_pfx(stored, password=it, field=FIELD) for it in ("", "next year's"))
        assert opened.certificate == again.certificate == load_pfx(PFX, password="000000", field=FIELD).certificate

    def test_lacking_its_key_is_refused(self) -> None:
        key = rsa.generate_private_key(65537, 2048)

        for incomplete in (pfx(None, self_signed(key)), pfx(key, None)):
            with pytest.raises(EmptyPfx):
                load_pfx(incomplete, password="", field=FIELD)

    def test_of_a_weak_key_is_refused(self) -> None:
        key = rsa.generate_private_key(65537, 1024)

        with pytest.raises(WeakKey):
            load_pfx(pfx(key, self_signed(key), password=b"1"), password="1", field=FIELD)

    @pytest.mark.parametrize("password", ["", "000001", "００００００"])
    def test_tells_a_wrong_password(self, password: str) -> None:
        with pytest.raises(WrongPfxPassword):
            load_pfx(PFX, password=password, field=FIELD)

    @pytest.mark.parametrize("pasted", ["changeit", ROOT, bare(ROOT), PFX[20:]])
    def test_tells_what_is_no_such_file(self, pasted: str) -> None:
        with pytest.raises(NotAPfx):
            load_pfx(pasted, password="000000", field=FIELD)

    def test_tells_an_empty_field(self) -> None:
        with pytest.raises(MissingSetting):
            load_pfx(" ", password="000000", field=FIELD)
