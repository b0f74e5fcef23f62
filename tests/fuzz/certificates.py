"""A certificate that a stranger sends along with a message, and one that comes in an answer: any bytes in PEM."""

from __future__ import annotations

from base64 import b64encode

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from payments.gateways import ConfigError, ForgedNotification
from payments.gateways.alipay.answer import MISREAD
from payments.gateways.alipay.certificates import common_name, is_vouched_for, read_certificates, rsa_key_of, sn_of
from payments.gateways.certificates import load_certificates, normalise_certificates
from payments.gateways.unionpay.fields import SIGNING_CERT
from tests.gateways.unionpay import desk

from .judging import only

GATEWAY = desk.Desk().gateway()


def feed(data: bytes) -> None:
    pem = f"-----BEGIN CERTIFICATE-----\n{b64encode(data).decode()}\n-----END CERTIFICATE-----\n"
    with only(ForgedNotification):
        fields = {"version": "5.1.0", "signMethod": "01", "signPubKeyCert": pem, "signature": "AAAA"}
        GATEWAY.parse_notification(request=desk.inbound(fields))
    with only(ConfigError):
        load_certificates(pem, field=SIGNING_CERT)
        normalise_certificates(pem, field=SIGNING_CERT)
    with only(*MISREAD):  # as `download_certificate` reads an answer
        for leaf in read_certificates(pem):
            _look_at(leaf)


def _look_at(leaf: x509.Certificate) -> None:
    sn_of(leaf)
    rsa_key_of(leaf)
    common_name(leaf.subject)
    is_vouched_for(leaf, between=[desk.MIDDLE.certificate], roots=[desk.ROOT.certificate], at=desk.NOON)


def seeds() -> list[bytes]:
    holders = (desk.LEAF, desk.OURS, desk.MIDDLE, desk.ROOT)
    return [_elliptic(), *(holder.certificate.public_bytes(Encoding.DER) for holder in holders)]


def _elliptic() -> bytes:
    leaf = desk.LEAF.certificate
    builder = x509.CertificateBuilder(
        leaf.issuer,
        leaf.subject,
        generate_ec_key(SECP256R1()).public_key(),
        leaf.serial_number,
        leaf.not_valid_before_utc,
        leaf.not_valid_after_utc,
    )
    return builder.sign(desk.MIDDLE.key, SHA256()).public_bytes(Encoding.DER)
