"""The sandbox's own certificate authority; it signs with the names that WeChat Pay's uses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    CertificateBuilder,
    KeyUsage,
    Name,
    NameAttribute,
    load_pem_x509_certificate,
)
from cryptography.x509.oid import NameOID

YEARS = 5
ROOT_YEARS = 20


@dataclass(frozen=True)
class Paper:
    """What a certificate is about."""

    common_name: str
    organization: str
    unit: str
    serial: int
    since: datetime
    until: datetime


def this_year() -> datetime:
    """Since when certificates are valid; a seed gives the same certificates all year."""
    return datetime(datetime.now(UTC).year, 1, 1, tzinfo=UTC)


def paper(common_name: str, organization: str, unit: str, *, serial: int, since: datetime | None = None) -> Paper:
    begins = since or this_year()
    return Paper(common_name, organization, unit, serial, begins, begins.replace(year=begins.year + YEARS))


def issue(wanted: Paper, public: RSAPublicKey, *, issuer: RSAPrivateKey, authority: bool = False) -> str:
    """A certificate as PEM; the authority's own is signed by itself."""
    subject = _name(wanted.common_name, wanted.organization, wanted.unit)
    until = wanted.since.replace(year=wanted.since.year + ROOT_YEARS) if authority else wanted.until
    usage = {
        **dict.fromkeys(
            ("key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
        ),
        "digital_signature": not authority,
        "content_commitment": not authority,
        "key_cert_sign": authority,
        "crl_sign": authority,
    }
    made = (
        CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_name("Tenpay.com Root CA", "Tenpay.com", "Tenpay.com CA Center"))
        .public_key(public)
        .serial_number(wanted.serial)
        .not_valid_before(wanted.since)
        .not_valid_after(until)
        .add_extension(BasicConstraints(ca=authority, path_length=None), critical=authority)
        .add_extension(KeyUsage(**usage), critical=True)
        .sign(issuer, SHA256())
    )
    return made.public_bytes(Encoding.PEM).decode()


def root(key: RSAPrivateKey, *, serial: int) -> str:
    wanted = paper("Tenpay.com Root CA", "Tenpay.com", "Tenpay.com CA Center", serial=serial)
    return issue(wanted, key.public_key(), issuer=key, authority=True)


def load(pem: str) -> Certificate:
    return load_pem_x509_certificate(pem.encode())


def serial_of(pem: str) -> str:
    """Forty hexadecimal digits, as WeChat Pay writes a serial."""
    return f"{load(pem).serial_number:040X}"


def _name(common_name: str, organization: str, unit: str) -> Name:
    parts = (
        (NameOID.COUNTRY_NAME, "CN"),
        (NameOID.ORGANIZATION_NAME, organization),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        (NameOID.LOCALITY_NAME, "Shenzhen"),
        (NameOID.COMMON_NAME, common_name),
    )
    return Name([NameAttribute(oid, value) for oid, value in parts])
