from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256


def string_to_sign(fields: Mapping[str, str]) -> str:
    """All that is not empty but the signature itself, sorted by name, values as they are."""
    signed = sorted(name for name, value in fields.items() if value and name != "signature")
    return "&".join(f"{name}={fields[name]}" for name in signed)


def digest(fields: Mapping[str, str]) -> bytes:
    """What the signature is over: the hex digest of the string, which is hashed once more in signing."""
    return sha256(string_to_sign(fields).encode()).hexdigest().encode()


def sign(fields: Mapping[str, str], key: RSAPrivateKey) -> str:
    return sign_bytes(digest(fields), key)


def sign_once(fields: Mapping[str, str], key: RSAPrivateKey) -> str:
    """As one might think it is done, without the hex digest; only for forging."""
    return sign_bytes(string_to_sign(fields).encode(), key)


def sign_bytes(content: bytes, key: RSAPrivateKey) -> str:
    return b64encode(key.sign(content, PKCS1v15(), SHA256())).decode()


def verifies(fields: Mapping[str, str], key: RSAPublicKey) -> bool:
    """Whether `signature` is this key's over the other fields."""
    try:
        key.verify(b64decode(fields.get("signature", ""), validate=True), digest(fields), PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True
