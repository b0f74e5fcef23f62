"""RSA keys from what merchants paste: checked, explained where wrong, and parsed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from django.utils.translation import gettext_lazy as _

from .account import AccountField, ConfigError, MissingSetting, Words
from .pem import Found, Shape, identify

MIN_BITS = 2048
CACHED_KEYS = 256

Key = TypeVar("Key", bound=RSAPrivateKey | RSAPublicKey)

SHAPES: dict[Shape, Words] = {
    Shape.PKCS8: _("a private key"),
    Shape.PKCS1: _("a private key"),
    Shape.PUBLIC: _("a public key"),
    Shape.CERTIFICATE: _("a certificate"),
    Shape.ENCRYPTED: _("a private key under a password"),
    Shape.REQUEST: _("a certificate request"),
    Shape.OPENSSH: _("a key for SSH"),
    Shape.OTHER_KEY: _("a key that is not RSA"),
}
ADVICE: dict[Shape, Words] = {
    Shape.PKCS8: _("Put the public key here, and keep the private key in its own field."),
    Shape.PKCS1: _("Put the public key here, and keep the private key in its own field."),
    Shape.PUBLIC: _("Put the private key here that was made together with this public key."),
    Shape.CERTIFICATE: _("Put the private key here that this certificate was made for."),
    Shape.ENCRYPTED: _("Remove the password first: openssl pkcs8 -in KEY -out KEY_WITHOUT_PASSWORD."),
    Shape.REQUEST: _("Put the key itself here."),
    Shape.OPENSSH: _("Make an RSA key pair with the key tool of the gateway."),
    Shape.OTHER_KEY: _("Make an RSA key pair with the key tool of the gateway."),
}
PUBLIC_ADVICE = {**ADVICE, Shape.ENCRYPTED: ADVICE[Shape.PKCS8]}


class UnreadableKey(ConfigError):
    text = _("%(label)s: this text is no key. Copy it again from the file, complete and without additions.")


class StrangeCharacter(ConfigError):
    text = _("%(label)s: “%(strange)s” cannot be part of a key. Copy it again from the file.")


class TruncatedKey(ConfigError):
    text = _("%(label)s: the end of the key is missing. Copy it again from the file, to its last character.")


class WrongKeyShape(ConfigError):
    text = _("%(label)s: this is %(found)s, and %(wanted)s belongs here. %(advice)s")


class WeakKey(ConfigError):
    text = _("%(label)s: this key has %(bits)s bits, and 2048 are the least. Make a new key pair (RSA2).")


def load_private(pasted: str, *, field: AccountField) -> RSAPrivateKey:
    """
    The private key that somebody pasted, in any of the usual wrappings.

    :raises ConfigError: if it is none, saying what it is instead
    """
    return _private_keys.get(pasted, field=field)


def load_public(pasted: str, *, field: AccountField) -> RSAPublicKey:
    """
    The public key that somebody pasted, bare or in a certificate.

    :raises ConfigError: if it is none, saying what it is instead
    """
    return _public_keys.get(pasted, field=field)


def forget_private() -> None:
    """Keep no private key that was parsed, but by whoever holds it."""
    _private_keys.forget()


def normalise_private(pasted: str, *, field: AccountField) -> str:
    """
    A private key as it is stored: PKCS#8 PEM.

    :raises ConfigError: if it is none
    """
    key = load_private(pasted, field=field)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def normalise_public(pasted: str, *, field: AccountField) -> str:
    """
    A public key as it is stored: SPKI PEM.

    :raises ConfigError: if it is none
    """
    key = load_public(pasted, field=field)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fingerprint(key: RSAPrivateKey | RSAPublicKey) -> str:
    """Tells keys apart on a screen; both halves of a pair have the same."""
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(spki).hexdigest()[:16]


def is_pair(*, private: RSAPrivateKey, public: RSAPublicKey) -> bool:
    return private.public_key().public_numbers() == public.public_numbers()


class _KeyCache(Generic[Key]):
    """Parsed keys by the digest of their text: parsing a private key costs sixty signatures."""

    def __init__(self, pick: Callable[[Found], Key | None], *, wanted: Words, advice: Mapping[Shape, Words]) -> None:
        self._pick = pick
        self._wanted = wanted
        self._advice = advice
        self._keys: OrderedDict[bytes, Key] = OrderedDict()
        self._lock = Lock()

    def get(self, pasted: str, *, field: AccountField) -> Key:
        digest = sha256(pasted.encode(errors="surrogatepass")).digest()
        with self._lock:
            if digest in self._keys:
                self._keys.move_to_end(digest)
                return self._keys[digest]
        key = self._parse(pasted, field)
        with self._lock:
            self._keys[digest] = key
            while len(self._keys) > CACHED_KEYS:
                self._keys.popitem(last=False)
        return key

    def forget(self) -> None:
        with self._lock:
            self._keys.clear()

    def _parse(self, pasted: str, field: AccountField) -> Key:
        if not pasted.strip():
            raise MissingSetting(field=field.code, label=field.label)
        found = identify(pasted)
        key = self._pick(found)
        if key is None:
            raise self._refusal(found, field)
        if key.key_size < MIN_BITS:
            raise WeakKey(field=field.code, label=field.label, bits=key.key_size)
        return key

    def _refusal(self, found: Found, field: AccountField) -> ConfigError:
        if found.shape is Shape.TRUNCATED:
            return TruncatedKey(field=field.code, label=field.label)
        if found.strange:
            return StrangeCharacter(field=field.code, label=field.label, strange=found.strange)
        if found.shape is Shape.UNREADABLE:
            return UnreadableKey(field=field.code, label=field.label)
        return WrongKeyShape(
            field=field.code,
            label=field.label,
            found=SHAPES[found.shape],
            wanted=self._wanted,
            advice=self._advice[found.shape],
        )


def _private_of(found: Found) -> RSAPrivateKey | None:
    return found.key if isinstance(found.key, RSAPrivateKey) else None


def _public_of(found: Found) -> RSAPublicKey | None:
    return found.key if isinstance(found.key, RSAPublicKey) else None


_private_keys = _KeyCache(_private_of, wanted=SHAPES[Shape.PKCS8], advice=ADVICE)
_public_keys = _KeyCache(_public_of, wanted=SHAPES[Shape.PUBLIC], advice=PUBLIC_ADVICE)
