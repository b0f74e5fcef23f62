from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

SCHEME = "WECHATPAY2-SHA256-RSA2048"
PART = re.compile(r'\s*([a-z_]+)="([^"]*)"\s*')
NONCE_BYTES = 12


def lines(*parts: str | bytes) -> bytes:
    """Every line ends in a line feed, the last one too."""
    return b"".join((part.encode() if isinstance(part, str) else part) + b"\n" for part in parts)


def sign(content: bytes, key: RSAPrivateKey, *, digest: HashAlgorithm | None = None) -> str:
    return b64encode(key.sign(content, PKCS1v15(), digest or SHA256())).decode()


def sign_sha1(content: bytes, key: RSAPrivateKey) -> str:
    """No part of the protocol; only for forging."""
    return sign(content, key, digest=SHA1())  # noqa: S303


def verifies(content: bytes, signature: str, key: RSAPublicKey) -> bool:
    """Whether this is the key's SHA256withRSA signature of these bytes."""
    try:
        key.verify(b64decode(signature, validate=True), content, PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        return False
    return True


def read_authorization(header: str) -> dict[str, str]:
    """
    The parameters of an `Authorization` header, in any order.

    :raises ValueError: if it has another scheme, or is not written as documented
    """
    scheme, _, rest = header.partition(" ")
    matches = [PART.fullmatch(part) for part in rest.split(",")]
    pairs = [(match[1], match[2]) for match in matches if match]
    if scheme != SCHEME or len(pairs) != len(matches) or len(dict(pairs)) != len(pairs):
        raise ValueError(header)
    return dict(pairs)


def seal(plain: bytes, *, key: str, nonce: str, context: str) -> str:
    """AEAD_AES_256_GCM as base64, the tag at its end."""
    return b64encode(AESGCM(key.encode()).encrypt(nonce.encode(), plain, context.encode())).decode()


def unlocked(text: str, key: RSAPrivateKey) -> str:
    """What a merchant encrypted for WeChat Pay alone; empty if it was not for this key."""
    try:
        return key.decrypt(b64decode(text, validate=True), OAEP(MGF1(SHA1()), SHA1(), None)).decode()  # noqa: S303
    except (ValueError, UnicodeDecodeError):
        return ""
