from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

# A request is signed with its sign_type, a notification or return URL without.
REQUEST = frozenset({"sign"})
NOTIFICATION = frozenset({"sign", "sign_type"})


def string_to_sign(params: Mapping[str, str], *, without: Collection[str]) -> str:
    """The parameters that are not empty, sorted by name, values as they are (not URL-encoded)."""
    signed = sorted(name for name, value in params.items() if value and name not in without)
    return "&".join(f"{name}={params[name]}" for name in signed)


def sign(content: bytes, key: RSAPrivateKey, *, digest: HashAlgorithm | None = None) -> str:
    return b64encode(key.sign(content, PKCS1v15(), digest or SHA256())).decode()


def sign_sha1(content: bytes, key: RSAPrivateKey) -> str:
    """What `sign_type=RSA` once meant; only for forging."""
    return sign(content, key, digest=SHA1())  # noqa: S303


def verifies(content: bytes, signature: str, key: RSAPublicKey) -> bool:
    """Whether this is the key's SHA256withRSA signature of these bytes; SHA-1 is none."""
    try:
        key.verify(b64decode(signature, validate=True), content, PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True
