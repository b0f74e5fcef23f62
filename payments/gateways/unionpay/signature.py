"""signMethod 01 of ACP 5.1.0: RSA over the hex digits of a SHA-256, so that the text is hashed twice."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

VERSION, SIGN_METHOD = "5.1.0", "01"


def string_to_sign(params: Mapping[bytes, bytes]) -> bytes:
    """All but empty values and `signature` itself, sorted by name, not URL-encoded; line ends count."""
    signed = sorted((name, value) for name, value in params.items() if value and name != b"signature")
    return b"&".join(name + b"=" + value for name, value in signed)


def as_bytes(params: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.encode(): value.encode() for name, value in params.items()}


def sign(*, signed: bytes, key: RSAPrivateKey) -> str:
    return b64encode(key.sign(_digits(signed), PKCS1v15(), SHA256())).decode()


def is_signed(*, signed: bytes, signature: bytes, key: RSAPublicKey) -> bool:
    """Whether the holder of the private key signed these bytes."""
    try:
        key.verify(b64decode(signature, validate=True), _digits(signed), PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def _digits(signed: bytes) -> bytes:
    return sha256(signed).hexdigest().encode()
