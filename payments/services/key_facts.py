"""What is stored of a key and what may be shown of it. Pure: a pasted text in, facts out."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from kernel import secrets

from ..gateways import AccountField, FieldKind
from ..gateways.certificates import (
    certificate_fingerprint,
    load_certificates,
    load_pfx,
    normalise_certificates,
    normalise_pfx,
)
from ..gateways.keys import fingerprint, load_private, load_public, normalise_private, normalise_public

TAIL = 4
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f]")  # no text has these, and every binary file does


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFacts:
    """:param value: in clear, in the one shape it is stored in; the rest may be shown"""

    value: str
    fingerprint: str
    tail: str = ""
    serial: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None


def facts_of_key(pasted: str, *, password: str = "", wanted: AccountField) -> KeyFacts:
    """
    Whatever wrapping it was pasted or uploaded in, one shape is stored.

    :param password: of a PFX file; it is not stored
    :raises ConfigError: if it is no such key, saying what it is instead
    """
    match wanted.kind:
        case FieldKind.PRIVATE_KEY:
            clear = normalise_private(pasted, field=wanted)
            return KeyFacts(value=clear, fingerprint=fingerprint(load_private(clear, field=wanted)), tail=_tail(clear))
        case FieldKind.PUBLIC_KEY:
            clear = normalise_public(pasted, field=wanted)
            return KeyFacts(value=clear, fingerprint=fingerprint(load_public(clear, field=wanted)))  # all end in AQAB
        case FieldKind.CERTIFICATE:
            clear = normalise_certificates(pasted, field=wanted)
            return _facts_of_certificate(load_certificates(clear, field=wanted)[0], clear)
        case FieldKind.PFX:
            clear = normalise_pfx(pasted, password=password, field=wanted)
            return _facts_of_certificate(load_pfx(clear, password="", field=wanted).certificate, clear)
        case _:
            clear = pasted.strip()
            return KeyFacts(value=clear, fingerprint=secrets.fingerprint(clear))


def text_of_file(content: bytes) -> str:
    """What is in an uploaded file as text: PEM as it stands, DER and PFX as base64."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return b64encode(content).decode()
    return b64encode(content).decode() if CONTROL.search(text) else text


def _facts_of_certificate(certificate: x509.Certificate, clear: str) -> KeyFacts:
    serial = f"{certificate.serial_number:X}"
    return KeyFacts(
        value=clear,
        fingerprint=certificate_fingerprint(certificate),
        tail=serial[-TAIL:],
        serial=serial[:64],
        valid_from=certificate.not_valid_before_utc,
        valid_to=certificate.not_valid_after_utc,
    )


def _tail(clear: str) -> str:
    """The last characters of what the merchant sees in the file; the armour of a key says nothing."""
    lines = [line for line in clear.splitlines() if not line.startswith("-----")]
    return lines[-1].rstrip("=")[-TAIL:]
