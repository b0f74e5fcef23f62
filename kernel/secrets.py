"""
Values that must not lie in clear: encrypted under a key ring of their own, found by keyed hash.

Each value has a data key of its own, wrapped by a ring key (AES-256-GCM both); so a rotation re-wraps data keys and
leaves the values alone. The associated data names table, row and column: a blob moved elsewhere does not open.
"""

from __future__ import annotations

import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256
from uuid import UUID, uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from .errors import DomainError

NONCE_BYTES = 12
FORMAT = "v1"


class CannotDecrypt(DomainError):
    text = _("A stored secret cannot be read: no key in ENCRYPTION_KEYS opens it (key id “%(key_id)s”).")


class Secret:
    """A value that does not print itself. `.reveal()` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


def seal(value: str, *, context: str) -> str:
    """Encrypt under the newest ring key. `context` names table, row and column."""
    key_id, ring_key = next(iter(_ring().items()))
    data_key = AESGCM.generate_key(256)
    return ".".join(
        (
            FORMAT,
            key_id,
            _text(_encrypt(ring_key, data_key, context=context)),
            _text(_encrypt(data_key, value.encode(), context=context)),
        )
    )


def unseal(blob: str, *, context: str) -> str:
    """
    Decrypt what `seal` made for the same context.

    :raises CannotDecrypt: if the key is gone, or the blob was changed or belongs elsewhere
    """
    try:
        _format, key_id, wrapped, sealed = blob.split(".")
        ring_key = _ring()[key_id]
        data_key = _decrypt(ring_key, urlsafe_b64decode(wrapped), context=context)
        return _decrypt(data_key, urlsafe_b64decode(sealed), context=context).decode()
    except (ValueError, KeyError, InvalidTag) as error:
        raise CannotDecrypt(key_id=key_id_of(blob)) from error


def key_id_of(blob: str) -> str:
    parts = blob.split(".")
    return parts[1] if len(parts) == 4 else "?"


def rewrap(blob: str, *, context: str) -> str:
    """
    The same value under the newest ring key, without touching the value itself.

    :raises CannotDecrypt: as `unseal`
    """
    newest_id, newest = next(iter(_ring().items()))
    try:
        version, key_id, wrapped, sealed = blob.split(".")
        data_key = _decrypt(_ring()[key_id], urlsafe_b64decode(wrapped), context=context)
    except (ValueError, KeyError, InvalidTag) as error:
        raise CannotDecrypt(key_id=key_id_of(blob)) from error
    return ".".join((version, newest_id, _text(_encrypt(newest, data_key, context=context)), sealed))


def lookup_hash(value: str, *, kind: str) -> str:
    """The keyed hash that finds a value without storing it; 32 hex digits. Kinds keep equal texts apart."""
    key = settings.LOOKUP_KEY.encode()
    return hmac.new(key, f"{kind}:{value}".encode(), sha256).hexdigest()[:32]


def fingerprint(value: str) -> str:
    """Tells two secrets apart on a screen, without showing either; 16 hex digits."""
    return sha256(value.encode()).hexdigest()[:16]


class SealedRow(models.Model):
    """A row with sealed columns; its `seal_id` exists before it is inserted, and binds the blobs to the row."""

    seal_id = models.UUIDField(_("seal"), default=uuid4, editable=False)

    class Meta:
        abstract = True


class SealedText(property):
    """A property, so that models take it as a keyword argument; it knows which column it seals."""

    column = ""


def sealed_text(column: str) -> SealedText:
    """Clear text on the instance, an encrypted blob in `column`. Empty stays empty, unencrypted."""

    def reveal(row: SealedRow) -> str:
        blob: str = getattr(row, column)
        return unseal(blob, context=_context(row, column)) if blob else ""

    def conceal(row: SealedRow, value: str) -> None:
        setattr(row, column, seal(value, context=_context(row, column)) if value else "")

    sealed = SealedText(reveal, conceal)
    sealed.column = column
    return sealed


def sealed_columns(model: type[SealedRow]) -> list[str]:
    """The columns of a model that hold encrypted blobs."""
    found = (vars(base).values() for base in model.__mro__)
    return sorted({member.column for members in found for member in members if isinstance(member, SealedText)})


def seal_context(model: type[SealedRow], *, seal_id: UUID, column: str) -> str:
    """What binds a blob to its place: table, row and column."""
    return f"{model._meta.db_table}:{seal_id}:{column}"


def newest_key_id() -> str:
    return next(iter(_ring()))


def _context(row: SealedRow, column: str) -> str:
    return seal_context(type(row), seal_id=row.seal_id, column=column)


def _ring() -> dict[str, bytes]:
    return _parse_ring(settings.ENCRYPTION_KEYS)


@lru_cache(maxsize=4)
def _parse_ring(text: str) -> dict[str, bytes]:
    """`id:base64,id:base64`, newest first; settings have checked it."""
    pairs = (entry.partition(":") for entry in text.split(","))
    return {key_id.strip(): urlsafe_b64decode(key) for key_id, _colon, key in pairs}


def _encrypt(key: bytes, value: bytes, *, context: str) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, value, context.encode())


def _decrypt(key: bytes, value: bytes, *, context: str) -> bytes:
    return AESGCM(key).decrypt(value[:NONCE_BYTES], value[NONCE_BYTES:], context.encode())


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).decode()
