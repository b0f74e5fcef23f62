"""A certificate authority for the sandbox: root, middle and leaf, and what a merchant gets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

PASSWORD = "000000"  # noqa: S105
UNIONPAY = "中国银联股份有限公司"
ROOT_CN, MIDDLE_CN = "SANDBOX ACP CA ROOT", "SANDBOX ACP CA OCA1"
Span = tuple[datetime, datetime]
ERA: Span = datetime(2015, 1, 1, tzinfo=UTC), datetime(2055, 1, 1, tzinfo=UTC)
PAST: Span = datetime(2015, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
# Both have as many bytes, so that a certificate's lengths stay true when one takes the other's place.
SHA256_RSA = bytes.fromhex("06092a864886f70d01010b")
SHA1_RSA = bytes.fromhex("06092a864886f70d010105")
KEY_USAGES = (
    "digital_signature content_commitment key_encipherment data_encipherment key_agreement"
    " key_cert_sign crl_sign encipher_only decipher_only"
).split()


@dataclass(frozen=True)
class Issuer:
    """Somebody who signs certificates."""

    name: x509.Name
    key: RSAPrivateKey


@dataclass(frozen=True)
class Subject:
    """Somebody a certificate is made out to."""

    common_name: str
    public_key: RSAPublicKey
    serial: int
    authority: bool = False
    span: Span = ERA


def named(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SANDBOX CA"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def leaf_name(number: int, *, company: str = UNIONPAY) -> str:
    """As on the real one: the third part between `@` tells whose it is."""
    return f"041@8310000000083040@{company}@{number:08d}"


def issue(subject: Subject, *, by: Issuer) -> x509.Certificate:
    usages = dict.fromkeys(KEY_USAGES, False)
    usages |= dict.fromkeys(("key_cert_sign", "crl_sign") if subject.authority else ("digital_signature",), True)
    return (
        x509.CertificateBuilder(by.name, named(subject.common_name), subject.public_key, subject.serial)
        .not_valid_before(subject.span[0])
        .not_valid_after(subject.span[1])
        .add_extension(x509.BasicConstraints(ca=subject.authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usages), critical=True)
        .sign(by.key, SHA256())
    )


def with_sha1(certificate: x509.Certificate, *, key: RSAPrivateKey) -> x509.Certificate:
    """The same certificate signed as the older ones are; `cryptography` reads such but makes none."""
    content = certificate.tbs_certificate_bytes.replace(SHA256_RSA, SHA1_RSA)
    algorithm = SHA1_RSA + b"\x05\x00"
    signature = b"\x00" + key.sign(content, PKCS1v15(), SHA1())  # noqa: S303
    body = content + _der(0x30, algorithm) + _der(0x03, signature)
    return x509.load_der_x509_certificate(_der(0x30, body))


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def pem(certificate: x509.Certificate, *, line_end: Literal["\r\n", "\n"] = "\r\n") -> str:
    """As UnionPay sends it: lines end with CR LF, the last one with nothing."""
    return certificate.public_bytes(Encoding.PEM).decode().strip().replace("\n", line_end)


def pfx(key: RSAPrivateKey, certificate: x509.Certificate, *, old: bool = False) -> bytes:
    """
    Key and certificate as a merchant downloads them.

    :param old: ciphered with 3DES and SHA-1, as most of the PFX files about are
    """
    how = _old_encryption() if old else BestAvailableEncryption(PASSWORD.encode())
    return pkcs12.serialize_key_and_certificates(b"merchant", key, certificate, None, how)


def _old_encryption() -> KeySerializationEncryption:
    cipher = pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC
    builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(2048)
    return builder.key_cert_algorithm(cipher).hmac_hash(SHA1()).build(PASSWORD.encode())  # noqa: S303
