"""Certificates and PFX files from what merchants upload: checked, explained where wrong, and parsed once."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from textwrap import wrap

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import NoEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
    serialize_key_and_certificates,
)
from django.utils.translation import gettext_lazy as _

from .account import AccountField, ConfigError, MissingSetting, Words
from .keys import ADVICE, MIN_BITS, SHAPES, TruncatedKey, WeakKey, WrongKeyShape, is_pair
from .pem import BROKEN_DER, Shape, blocks, decode, identify, is_cut_off

CACHED = 64
PFX_HEAD = re.compile(rb"\x30(?:[\x80-\x84].{0,4}|.)\x02\x01\x03\x30", re.DOTALL)
DATA_URL = re.compile(r"\Adata:[^,]*,")


class NotACertificate(ConfigError):
    text = _("%(label)s: this text is no certificate. Upload the .cer, .crt or .pem file, complete.")


class BrokenCertificate(ConfigError):
    text = _("%(label)s: certificate %(place)s of %(count)s cannot be read. Upload the file again, complete.")


class NotAPfx(ConfigError):
    text = _("%(label)s: this is no PFX file. Upload the .pfx or .p12 file as you got it.")


class WrongPfxPassword(ConfigError):
    text = _(
        "%(label)s: the password does not open this PFX file. Enter the password that was set when the "
        "certificate was exported, without blanks."
    )


class EmptyPfx(ConfigError):
    text = _("%(label)s: this PFX file lacks the private key or its certificate. Export it again with the private key.")


@dataclass(frozen=True, slots=True)
class KeyStore:
    """
    What is in a PFX file.

    :param others: the certificates beside the key's own, which vouch for it
    """

    key: RSAPrivateKey
    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...] = ()


def load_certificates(text: str, *, field: AccountField) -> tuple[x509.Certificate, ...]:
    """
    The certificates of a text in its order, in PEM or as base64 of one. Of a bundle, those with keys that nobody here
    can read (SM2) are left out.

    :raises ConfigError: if there is none, saying what it is instead
    """
    if not text.strip():
        raise MissingSetting(field=field.code, label=field.label)
    return tuple(found for _der, found in _load(text, field) if found is not None)


def normalise_certificates(text: str, *, field: AccountField) -> str:
    """
    Certificates as they are stored: PEM, one after the other, nothing between them.

    :raises ConfigError: if there is none, saying what it is instead
    """
    if not text.strip():
        raise MissingSetting(field=field.code, label=field.label)
    return "".join(_pem(der) for der, _found in _load(text, field))


def load_pfx(data_base64: str, *, password: str, field: AccountField) -> KeyStore:
    """
    The key and the certificate of a PFX file; old ones under RC2 and 3DES open as well.

    :param password: ignored where the file has none, as after `normalise_pfx`
    :raises ConfigError: if it does not open, or lacks something
    """
    if not data_base64.strip():
        raise MissingSetting(field=field.code, label=field.label)
    der = _pfx_bytes(data_base64, field)
    store = _open_pfx(der, password)
    if store is None:
        raise WrongPfxPassword(field=field.code, label=field.label)
    key, certificate = store.key, store.cert
    if key is None or certificate is None:
        raise EmptyPfx(field=field.code, label=field.label)
    if not isinstance(key, RSAPrivateKey):
        raise _wrong_shape(Shape.OTHER_KEY, field)
    if key.key_size < MIN_BITS:
        raise WeakKey(field=field.code, label=field.label, bits=key.key_size)
    others = tuple(it.certificate for it in store.additional_certs)
    return KeyStore(key, certificate.certificate, others)


def forget_pfx() -> None:
    """Keep no PFX file that was opened, but by whoever holds it."""
    _open_pfx.cache_clear()


def normalise_pfx(data_base64: str, *, password: str, field: AccountField) -> str:
    """
    A PFX file as it is stored: base64, without a password of its own, so that it outlives a change of passwords.

    :raises ConfigError: if it does not open, or lacks something
    """
    store = load_pfx(data_base64, password=password, field=field)
    plain = serialize_key_and_certificates(None, store.key, store.certificate, store.others, NoEncryption())
    return b64encode(plain).decode()


def certificate_fingerprint(certificate: x509.Certificate) -> str:
    """Tells certificates apart on a screen."""
    return certificate.fingerprint(SHA256()).hex()[:16]


def belongs_to(*, certificate: x509.Certificate, key: RSAPrivateKey) -> bool:
    """Whether a certificate was made for this private key."""
    public = certificate.public_key()
    return isinstance(public, RSAPublicKey) and is_pair(private=key, public=public)


def is_issued_by(*, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """
    Whether an authority signed a certificate. By hand: the chains of Chinese gateways still hold SHA-1, which x509
    verifiers refuse outright.
    """
    key, digest = issuer.public_key(), certificate.signature_hash_algorithm
    if certificate.issuer != issuer.subject or not isinstance(key, RSAPublicKey) or digest is None:
        return False
    if not _is_authority(issuer):
        return False
    try:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False


def _pfx_bytes(data_base64: str, field: AccountField) -> bytes:
    der = decode(DATA_URL.sub("", data_base64.strip()))
    if PFX_HEAD.match(der) is None:
        raise NotAPfx(field=field.code, label=field.label)
    return der


@lru_cache(maxsize=CACHED)
def _open_pfx(der: bytes, password: str) -> PKCS12KeyAndCertificates | None:
    """With the password as given, as people copy it, and without any; slow on purpose, so it is done once."""
    for attempt in dict.fromkeys((password, password.strip(), None)):
        with suppress(ValueError):
            return load_pkcs12(der, attempt.encode() if attempt is not None else None)
    return None


def _load(text: str, field: AccountField) -> list[tuple[bytes, x509.Certificate | None]]:
    """Each block with its certificate, or with None where it is whole and this library cannot read it."""
    ders = list(_ders(text))
    if not any(_readable(der) for der in ders):
        raise _refusal(text, field)
    loaded = []
    for place, der in enumerate(ders, start=1):
        found = _readable(der)
        if found is None and (not der or is_cut_off(der) or _is_key(der)):
            raise BrokenCertificate(field=field.code, label=field.label, place=place, count=len(ders))
        loaded.append((der, found))
    return loaded


def _ders(text: str) -> Iterator[bytes]:
    for _title, body in blocks(DATA_URL.sub("", text)):
        yield decode(body)


@lru_cache(maxsize=CACHED)
def _readable(der: bytes) -> x509.Certificate | None:
    with suppress(*BROKEN_DER):
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
        return certificate
    return None


def _is_key(der: bytes) -> bool:
    return identify(b64encode(der).decode()).shape in (Shape.PKCS8, Shape.PKCS1, Shape.ENCRYPTED, Shape.PUBLIC)


def _refusal(text: str, field: AccountField) -> ConfigError:
    shape = identify(text).shape
    if shape is Shape.TRUNCATED:
        return TruncatedKey(field=field.code, label=field.label)
    if shape in (Shape.UNREADABLE, Shape.CERTIFICATE, Shape.OTHER_KEY):
        return NotACertificate(field=field.code, label=field.label)
    return _wrong_shape(shape, field)


def _wrong_shape(shape: Shape, field: AccountField) -> WrongKeyShape:
    wanted = SHAPES[Shape.CERTIFICATE]
    advice: Words = _("Upload the certificate file (.cer, .crt or .pem), and keep the private key in its own field.")
    if shape is Shape.OTHER_KEY:
        wanted, advice = SHAPES[Shape.PKCS8], ADVICE[Shape.OTHER_KEY]
    return WrongKeyShape(field=field.code, label=field.label, found=SHAPES[shape], wanted=wanted, advice=advice)


def _pem(der: bytes) -> str:
    body = "\n".join(wrap(b64encode(der).decode(), 64))
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
