"""What a person pastes or uploads as a key. The first byte says whether it is text, or the bytes of a file."""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from payments.gateways import ConfigError
from payments.gateways.certificates import load_certificates, normalise_certificates, normalise_pfx
from payments.gateways.keys import load_private, load_public
from payments.gateways.unionpay.fields import PRIVATE_KEY, SIGNING_CERT, SIGNING_PFX
from tests.gateways.alipay.desk import APP_PRIVATE_KEY, APP_PUBLIC_KEY
from tests.gateways.unionpay import desk

from .judging import only

TEXT, FILE = b"t", b"f"


def feed(data: bytes) -> None:
    kind, body = data[:1], data[1:]
    pasted = b64encode(body).decode() if kind == FILE else body.decode(errors="surrogateescape")
    with only(ConfigError):
        load_private(pasted, field=PRIVATE_KEY)
    with only(ConfigError):
        load_public(pasted, field=SIGNING_CERT)
    with only(ConfigError):
        load_certificates(pasted, field=SIGNING_CERT)
        load_certificates(normalise_certificates(pasted, field=SIGNING_CERT), field=SIGNING_CERT)
    with only(ConfigError):
        normalise_pfx(pasted, password="735194", field=SIGNING_PFX)


def seeds() -> list[bytes]:
    key = desk.OUR_KEY
    ders = [
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        desk.OURS.certificate.public_bytes(Encoding.DER),
    ]
    texts = [APP_PRIVATE_KEY, APP_PUBLIC_KEY, desk.OURS.pem + desk.MIDDLE.pem, desk.PFX, "ssh-rsa AAAA", "——BEGIN X——"]
    return [FILE + der for der in ders] + [TEXT + text.encode() for text in texts]
