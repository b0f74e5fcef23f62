"""Whatever a person pasted as a key, told apart: what it really is, and its DER bytes."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

DASHES = re.compile("[‐-―−﹘﹣-]{2,}")  # editors like to make one long dash of two short ones
BLOCK = re.compile(r"--\s*BEGIN ([A-Z0-9 ]+?)\s*--(.*?)(?:--\s*END|\Z)", re.DOTALL)
NOISE = re.compile(r"\\[rnt]|[\s\"'`,;]+")  # line ends as two characters, from .env and JSON files
# What cryptography says of a certificate or key that it cannot read; much of one is read only when it is asked for.
BROKEN_DER = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension)
STRANGE = re.compile(r"[^A-Za-z0-9+/=]")


class Shape(StrEnum):
    PKCS8 = "pkcs8"
    PKCS1 = "pkcs1"
    PUBLIC = "public"
    CERTIFICATE = "certificate"
    ENCRYPTED = "encrypted"
    REQUEST = "request"
    OPENSSH = "openssh"
    OTHER_KEY = "other_key"  # a key, but none of RSA: elliptic, SM2, DSA
    TRUNCATED = "truncated"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """
    :param strange: the character that no key holds, where that is the trouble
    """

    shape: Shape
    key: RSAPrivateKey | RSAPublicKey | None = None
    strange: str = ""


def identify(pasted: str) -> Found:
    """Say what a pasted text is. Header lines are not believed: people put the wrong ones around a key."""
    title, body = blocks(pasted)[0]
    if "OPENSSH" in title or body.startswith("ssh-"):
        return Found(shape=Shape.OPENSSH)
    if "ENCRYPTED" in title or "Proc-Type" in body:
        return Found(shape=Shape.ENCRYPTED)
    body = NOISE.sub("", body)
    strange = STRANGE.search(body)
    if strange or not body:
        return Found(shape=Shape.UNREADABLE, strange=strange.group() if strange else "")
    return _identify_der(decode(body))


def blocks(pasted: str) -> list[tuple[str, str]]:
    """The title and the body of each block; without header lines, the whole text is the one body."""
    plain = unicodedata.normalize("NFKC", pasted)  # full-width letters, digits, signs and blanks
    plain = "".join(character for character in plain if unicodedata.category(character) != "Cf")
    found = [(block[1], block[2]) for block in BLOCK.finditer(DASHES.sub("--", plain))]
    return found or [("", plain.strip())]


def decode(body: str) -> bytes:
    """The bytes of base64 with line ends or without, padded or not; none if it is no base64."""
    body = NOISE.sub("", body).rstrip("=")
    body = body[:-1] if len(body) % 4 == 1 else body  # cut off where no byte ends
    with suppress(ValueError):
        return b64decode(body + "=" * (-len(body) % 4), validate=True)
    return b""


def _identify_der(der: bytes) -> Found:
    for read in (_read_private, _read_public, _read_certificate, _read_request):
        found = _attempt(read, der)
        if found is not None:
            return found
    return Found(shape=Shape.TRUNCATED if is_cut_off(der) else Shape.UNREADABLE)


def _attempt(read: Callable[[bytes], Found], der: bytes) -> Found | None:
    try:
        return read(der)
    except TypeError:  # cryptography's way to ask for a password
        return Found(shape=Shape.ENCRYPTED)
    except UnsupportedAlgorithm:
        return Found(shape=Shape.OTHER_KEY)
    except BROKEN_DER:
        return None


def _read_private(der: bytes) -> Found:
    key = load_der_private_key(der, password=None)
    if not isinstance(key, RSAPrivateKey):
        return Found(shape=Shape.OTHER_KEY)
    return Found(shape=Shape.PKCS8 if _names_its_algorithm(der) else Shape.PKCS1, key=key)


def _read_public(der: bytes) -> Found:
    key = load_der_public_key(der)
    if not isinstance(key, RSAPublicKey):
        return Found(shape=Shape.OTHER_KEY)
    return Found(shape=Shape.PUBLIC, key=key)


def _read_certificate(der: bytes) -> Found:
    key = x509.load_der_x509_certificate(der).public_key()
    if not isinstance(key, RSAPublicKey):
        return Found(shape=Shape.OTHER_KEY)
    return Found(shape=Shape.CERTIFICATE, key=key)


def _read_request(der: bytes) -> Found:
    x509.load_der_x509_csr(der)
    return Found(shape=Shape.REQUEST)


RSA_OID = bytes.fromhex("06092a864886f70d010101")


def _names_its_algorithm(der: bytes) -> bool:
    """PKCS#8 says "RSA" in its first bytes; PKCS#1 begins with the numbers themselves."""
    return RSA_OID in der[:40]


def is_cut_off(der: bytes) -> bool:
    """A DER sequence says how long it is."""
    if len(der) < 4 or der[0] != 0x30 or der[1] < 0x81 or der[1] > 0x84:
        return False
    size_bytes = der[1] & 0x7F
    return len(der) < 2 + size_bytes + int.from_bytes(der[2 : 2 + size_bytes])
