"""The keys that Alipay may have signed with, several alive at a time while one follows the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ..base import Meter, no_meter
from .signature import is_signed


class Verdict(Enum):
    GENUINE = auto()
    FORGED = auto()
    UNKNOWN_KEY = auto()  # signed with a certificate that we do not hold


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformKey:
    """
    One key of Alipay's.

    :param kind: code of the credential field it came from
    :param value: what that credential holds
    :param serial: of its certificate; empty for a bare key
    """

    kind: str
    value: str
    key: RSAPublicKey
    serial: str = ""


class Keyring:
    def __init__(self, keys: Sequence[PlatformKey], *, meter: Meter = no_meter, has_serials: bool = False) -> None:
        """:param has_serials: whether a serial that is named tells the key: in certificate mode alone"""
        self._keys = keys
        self._meter = meter
        self._has_serials = has_serials

    def judge(self, *, signed: bytes, signature: str | bytes, serial: str = "") -> Verdict:
        """Whether Alipay signed these bytes. Where no serial is named, any key that is alive may have done it."""
        chosen = [key for key in self._keys if key.serial == serial] if self._has_serials and serial else self._keys
        if not chosen:
            return Verdict.UNKNOWN_KEY
        for candidate in chosen:
            if is_signed(signed=signed, signature=signature, key=candidate.key):
                self._meter(kind=candidate.kind, value=candidate.value, act="verify")
                return Verdict.GENUINE
        return Verdict.FORGED
