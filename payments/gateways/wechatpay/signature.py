"""SHA256 with RSA: what we sign, and what WeChat Pay signed just now."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from ..base import ForgedNotification, StaleNotification, UnknownKey
from .platform import PlatformKey, PlatformKeys

SCHEME = "WECHATPAY2-SHA256-RSA2048"
CLOCK_WINDOW_SECONDS = 300  # WeChat Pay: refuse what was signed five minutes ago or more
EPOCH_SECONDS = re.compile(r"[0-9]{10}")  # bounded: an endless number overflows the clock arithmetic
PROBE = "WECHATPAY/SIGNTEST/"
SIGNATURE, SERIAL = "wechatpay-signature", "wechatpay-serial"


def joined(*lines: str) -> bytes:
    """What is signed: each line ends in a line feed, the last one and an empty one, too."""
    return "".join(f"{line}\n" for line in lines).encode()


def sign(*, signed: bytes, key: RSAPrivateKey) -> str:
    return b64encode(key.sign(signed, PKCS1v15(), SHA256())).decode()


def is_signed(*, signed: bytes, signature: str, key: RSAPublicKey) -> bool:
    """Whether the holder of the private key signed these bytes."""
    try:
        key.verify(b64decode(signature, validate=True), signed, PKCS1v15(), SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def folded(headers: Mapping[str, str]) -> dict[str, str]:
    """Names of headers in small letters: proxies and replays write them as they like."""
    return {name.lower(): value for name, value in headers.items()}


def is_probe(headers: Mapping[str, str]) -> bool:
    return folded(headers).get(SIGNATURE, "").startswith(PROBE)


def authenticate(*, headers: Mapping[str, str], body: bytes, keys: PlatformKeys, at: datetime) -> PlatformKey:
    """
    Make sure that WeChat Pay signed these bytes just now.

    :param at: when they came
    :return: the key that says so
    :raises ForgedNotification: if it did not
    :raises UnknownKey: if the key is none of these
    """
    try:
        return _verify(headers=folded(headers), body=body, keys=keys, at=at)
    except (KeyError, ValueError) as error:
        raise ForgedNotification(repr(error)) from error


def _verify(*, headers: Mapping[str, str], body: bytes, keys: PlatformKeys, at: datetime) -> PlatformKey:
    signed_at, nonce, serial = (headers[f"wechatpay-{name}"] for name in ("timestamp", "nonce", "serial"))
    signature = b64decode(headers[SIGNATURE], validate=True)
    if headers.get("wechatpay-signature-type", SCHEME) != SCHEME:
        raise ValueError("signed in another way")
    if EPOCH_SECONDS.fullmatch(signed_at) is None:
        raise ValueError("not a time")
    if abs(at.timestamp() - int(signed_at)) >= CLOCK_WINDOW_SECONDS:
        raise StaleNotification("outside the clock window")
    signed = f"{signed_at}\n{nonce}\n".encode() + body + b"\n"
    return _signer(signed, signature=signature, keys=keys, serial=serial)


def _signer(signed: bytes, *, signature: bytes, keys: PlatformKeys, serial: str) -> PlatformKey:
    candidates = keys.called(serial)
    for candidate in candidates:
        try:
            candidate.key.verify(signature, signed, PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return candidate
    if any(candidate.serial for candidate in candidates):
        raise ForgedNotification("the signature is not WeChat Pay's")
    raise UnknownKey(serial)
