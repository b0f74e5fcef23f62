"""AES-256-GCM under the APIv3 key: notifications and platform certificates come sealed with it."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..fields import text

ALGORITHM = "AEAD_AES_256_GCM"
NONCE_BYTES = 12
TAG_BYTES = 16


class OtherApiv3Key(Exception):
    """Sealed with another APIv3 key than those we hold."""


def unseal(sealed: Mapping[str, object], *, keys: Sequence[str]) -> tuple[bytes, str]:
    """
    :return: what was sealed, and the key that opened it
    :raises OtherApiv3Key: if none of the keys does
    :raises ValueError: if it is not sealed as documented, or TypeError
    """
    nonce = text(sealed["nonce"]).encode()
    context = str(sealed.get("associated_data") or "").encode()
    ciphertext = b64decode(text(sealed["ciphertext"]), validate=True)
    if sealed.get("algorithm", ALGORITHM) != ALGORITHM:
        raise ValueError("sealed in another way")
    if len(nonce) != NONCE_BYTES or len(ciphertext) < TAG_BYTES:
        raise ValueError("a nonce or a text of an impossible length")
    for key in keys:
        try:
            return AESGCM(key.encode()).decrypt(nonce, ciphertext, context), key
        except InvalidTag:
            continue
    raise OtherApiv3Key
