"""RSA2: PKCS#1 v1.5 over SHA-256. The older RSA, over SHA-1, is neither made nor accepted."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

SIGN_TYPE = "RSA2"


def string_to_sign(params: Mapping[str, str]) -> bytes:
    """Of a request: all but empty values and `sign` itself; `sign_type` is signed. Values are not URL-encoded."""
    signed = sorted((name, value) for name, value in params.items() if value and name != "sign")
    return "&".join(f"{name}={value}" for name, value in signed).encode()


def sign(*, signed: bytes, key: RSAPrivateKey) -> str:
    return b64encode(key.sign(signed, PKCS1v15(), SHA256())).decode()


def is_signed(*, signed: bytes, signature: str | bytes, key: RSAPublicKey) -> bool:
    """Whether the holder of the private key signed these bytes."""
    try:
        key.verify(b64decode(signature, validate=True), signed, PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True
