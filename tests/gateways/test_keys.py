from __future__ import annotations

import json
from base64 import b64encode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from payments.gateways import AccountField, ConfigError, pem
from payments.gateways.account import MissingSetting
from payments.gateways.keys import (
    StrangeCharacter,
    TruncatedKey,
    UnreadableKey,
    WeakKey,
    WrongKeyShape,
    fingerprint,
    is_pair,
    load_private,
    load_public,
    normalise_private,
    normalise_public,
)
from tests.gateways.alipay.desk import vector

FIELD = AccountField(code="key", label="The key", help="")
PKCS1, PKCS8 = vector("fzlee/app/app_private_key.pem"), vector("fzlee/app/app_private_key_pkcs8.pem")
SPKI = vector("fzlee/app/app_public_key.pem")
CERTIFICATE = vector("fzlee/dc/app_public_key_cert.crt")
PUBLIC = serialization.load_pem_public_key(SPKI.encode())


def bare(text: str) -> str:
    return "".join(line for line in text.splitlines() if "-----" not in line)


def full_width(text: str) -> str:
    return "".join(chr(ord(it) + 0xFEE0) if "!" <= it <= "~" else it for it in text)


def pkcs1_public() -> str:
    key = PUBLIC.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    return key.decode()


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, password: bytes = b"") -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def traditional_encrypted() -> str:
    head = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
    return f"-----BEGIN RSA PRIVATE KEY-----\n{head}AAAA\n-----END RSA PRIVATE KEY-----"


def weak_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def weak_public() -> str:
    return (
        weak_key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def elliptic() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certificate_request() -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    key = load_private(PKCS1, field=FIELD)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


PRIVATE_WRAPPINGS = {
    "PKCS#1": PKCS1,
    "PKCS#8": PKCS8,
    "PKCS#1 without header lines": bare(PKCS1),
    "PKCS#8 without header lines": bare(PKCS8),
    "with the header line of the other kind": PKCS8.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
    "with Windows line ends": PKCS1.replace("\n", "\r\n"),
    "on one line": PKCS1.replace("\n", " "),
    "with line ends as two characters": json.dumps(PKCS1),
    "with a byte order mark": f"\ufeff{PKCS8}",
    "with invisible characters": PKCS8.replace("M", "\u200bM", 3),
    "full-width": full_width(PKCS8),
    "with full-width blanks": f"\u3000{PKCS8}\u3000",
    "with long dashes": PKCS8.replace("-----", "——–"),
    "without its last line": PKCS8.replace("-----END PRIVATE KEY-----", ""),
    "without padding": bare(PKCS1).rstrip("="),
}
PUBLIC_WRAPPINGS = {
    "PEM": SPKI,
    "base64 of DER": bare(SPKI),
    "PKCS#1": pkcs1_public(),
    "with Windows line ends": SPKI.replace("\n", "\r\n"),
    "full-width": full_width(bare(SPKI)),
}


class TestLoadPrivate:
    @pytest.mark.parametrize("wrapping", PRIVATE_WRAPPINGS)
    def test_reads_the_key_in_whatever_it_is_wrapped(self, wrapping: str) -> None:
        key = load_private(PRIVATE_WRAPPINGS[wrapping], field=FIELD)

        assert key.public_key() == PUBLIC

    @pytest.mark.parametrize(
        ("pasted", "found"),
        [
            (SPKI, "a public key"),
            (bare(SPKI), "a public key"),
            (CERTIFICATE, "a certificate"),
            (private_pem(elliptic()), "not RSA"),
            (private_pem(rsa.generate_private_key(65537, 2048), password=b"secret"), "under a password"),
            (traditional_encrypted(), "under a password"),
            (certificate_request(), "a certificate request"),
            ("ssh-rsa AAAAB3NzaC1yc2E= shop@host", "for SSH"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk=\n-----END OPENSSH PRIVATE KEY-----", "for SSH"),
        ],
    )
    def test_says_what_was_pasted_instead(self, pasted: str, found: str) -> None:
        with pytest.raises(
            WrongKeyShape, match=f"The key: this is .*{found}.*, and a private key belongs here"
        ) as told:
            load_private(pasted, field=FIELD)

        assert told.value.field == "key"

    def test_names_a_character_that_no_key_holds(self) -> None:
        with pytest.raises(StrangeCharacter, match="“密”"):
            load_private(f"密{bare(PKCS1)}", field=FIELD)

    @pytest.mark.parametrize("length", [40, 400, 1_500])
    def test_tells_a_key_that_is_cut_off(self, length: int) -> None:
        with pytest.raises(TruncatedKey):
            load_private(bare(PKCS1)[:length], field=FIELD)

    @pytest.mark.parametrize("nonsense", [b64encode(b"\x30\x03\x02\x01\x01").decode(), "AAAA", "A", "changeit"])
    def test_tells_what_is_no_key_at_all(self, nonsense: str) -> None:
        with pytest.raises(UnreadableKey):
            load_private(nonsense, field=FIELD)

    @pytest.mark.parametrize("nothing", ["", "  \n"])
    def test_tells_an_empty_field(self, nothing: str) -> None:
        with pytest.raises(MissingSetting):
            load_private(nothing, field=FIELD)

    def test_refuses_a_key_too_short_to_be_safe(self) -> None:
        with pytest.raises(WeakKey, match="1024 bits"):
            load_private(private_pem(weak_key()), field=FIELD)

    @pytest.mark.parametrize("wrapping", PRIVATE_WRAPPINGS)
    def test_is_stored_in_one_form(self, wrapping: str) -> None:
        assert normalise_private(PRIVATE_WRAPPINGS[wrapping], field=FIELD) == PKCS8

    def test_never_repeats_the_key_in_what_it_says(self) -> None:
        with pytest.raises(ConfigError) as told:
            load_public(PKCS1, field=FIELD)

        assert not any(line in str(told.value) for line in PKCS1.splitlines())


class TestLoadPublic:
    @pytest.mark.parametrize("wrapping", PUBLIC_WRAPPINGS)
    def test_reads_the_key_in_whatever_it_is_wrapped(self, wrapping: str) -> None:
        assert load_public(PUBLIC_WRAPPINGS[wrapping], field=FIELD) == PUBLIC

    def test_takes_it_out_of_a_certificate(self) -> None:
        certificate = x509.load_pem_x509_certificate(CERTIFICATE.encode())

        assert load_public(CERTIFICATE, field=FIELD) == certificate.public_key()

    @pytest.mark.parametrize(
        ("pasted", "found"), [(PKCS1, "a private key"), (PKCS8, "a private key"), (traditional_encrypted(), "password")]
    )
    def test_sends_a_private_key_back_to_its_own_field(self, pasted: str, found: str) -> None:
        with pytest.raises(WrongKeyShape, match=f"{found}.*and a public key belongs here.*keep the private key"):
            load_public(pasted, field=FIELD)

    def test_refuses_a_key_too_short_to_be_safe(self) -> None:
        with pytest.raises(WeakKey, match="1024 bits"):
            load_public(weak_public(), field=FIELD)

    def test_is_stored_in_one_form(self) -> None:
        assert {normalise_public(it, field=FIELD) for it in PUBLIC_WRAPPINGS.values()} == {f"{SPKI.strip()}\n"}


class TestPairs:
    def test_have_one_fingerprint(self) -> None:
        private, public = load_private(PKCS1, field=FIELD), load_public(SPKI, field=FIELD)

        assert is_pair(private=private, public=public)
        assert fingerprint(private) == fingerprint(public)

    def test_are_told_from_strangers(self) -> None:
        stranger = load_public(vector("fzlee/ali/ali_public_key.pem"), field=FIELD)

        assert not is_pair(private=load_private(PKCS1, field=FIELD), public=stranger)


class TestParsedKeys:
    def test_are_parsed_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        parsed = load_private(PKCS8, field=FIELD)

        def parse_again(*_args: object) -> None:
            raise AssertionError("parsed again")

        monkeypatch.setattr("payments.gateways.keys.identify", parse_again)

        assert load_private(PKCS8, field=FIELD) is parsed

    def test_are_not_kept_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("payments.gateways.keys.CACHED_KEYS", 2)
        identified: list[str] = []

        def identify(pasted: str) -> pem.Found:
            identified.append(pasted)
            return pem.identify(pasted)

        monkeypatch.setattr("payments.gateways.keys.identify", identify)
        wrapped = [f"{SPKI}{' ' * number}" for number in (11, 12, 13, 11)]

        for pasted in wrapped:
            load_public(pasted, field=FIELD)

        assert identified == wrapped  # the first was forgotten when the third came
