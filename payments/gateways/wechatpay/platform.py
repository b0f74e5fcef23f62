"""WeChat Pay's own keys, found by the name that it signs under."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

HEX = re.compile(r"[0-9A-Fa-f]{1,64}")
PUBLIC_KEY_ID_HEAD = "PUB_KEY_ID_"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformKey:
    """
    :param kind: the code of the credential field it came from, with its text as the account holds it
    :param serial: the number of the certificate or the ID of the public key; empty if nobody knows it any more
    """

    kind: str
    text: str = field(repr=False)
    serial: str
    key: RSAPublicKey = field(repr=False)


class PlatformKeys:
    """Of both kinds at once: by number for certificates, by ID for public keys."""

    def __init__(self, keys: Iterable[PlatformKey]) -> None:
        self._keys = list(keys)

    def called(self, serial: str) -> list[PlatformKey]:
        """
        The keys that may have this name. An ID that we do not know may belong to an older public key, of which only
        the newest one's ID is written down: its signature tells.
        """
        named = [it for it in self._keys if it.serial and is_same_serial(it.serial, serial)]
        if named or not serial.startswith(PUBLIC_KEY_ID_HEAD):
            return named
        return [it for it in self._keys if not it.serial]


def serial_of(certificate: x509.Certificate) -> str:
    """As WeChat Pay writes it: capital hex digits, two to a byte."""
    digits = f"{certificate.serial_number:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def is_same_serial(one: str, other: str) -> bool:
    """A number is the same with other leading zeros and small letters; an ID of a public key is no number."""
    return _folded(one) == _folded(other)


def _folded(serial: str) -> int | str:
    return int(serial, 16) if HEX.fullmatch(serial) else serial
