"""One-time keys of forms: a double click does a thing once, and both clicks see the same result."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.core.signing import BadSignature, TimestampSigner
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from .errors import DomainError
from .models import OnceKey, User

SALT = "kernel.once"
VALID = timedelta(days=7)  # shorter than the keys are kept
RESULT_LENGTH = OnceKey._meta.get_field("result").max_length or 0


class FormExpired(DomainError):
    text = _("This form is too old or was not made here. Load the page again, and nothing is done twice.")


def new_once_key() -> str:
    """A key for the hidden field of a form that is shown now."""
    return TimestampSigner(salt=SALT).sign(secrets.token_urlsafe(16))


def use_once(*, key: str, purpose: str, by: User, at: datetime) -> OnceKey | None:
    """
    Use up a form's key, in the transaction that does what the form is for: rolled back, the key is good again.

    :return: the key, to keep the result on; None if it was used before, and then `result_of` has the result
    :raises FormExpired: if the key was not made by us, or too long ago
    """
    token = token_of(key)
    try:
        with transaction.atomic():
            return OnceKey.objects.create(key=token, purpose=purpose, used_by=by, used_at=at)
    except IntegrityError:
        return None


def keep_result(once: OnceKey, result: str) -> None:
    """Note where the first click led, such as the number of a refund."""
    once.result = result[:RESULT_LENGTH]
    once.save(update_fields=["result"])


def result_of(*, key: str, purpose: str, by: User) -> str:
    """Where the first click led; empty if nobody noted it, or it was not this person's form."""
    used = OnceKey.objects.filter(key=token_of(key), purpose=purpose, used_by=by)
    return used.values_list("result", flat=True).first() or ""


def token_of(key: str) -> str:
    """
    What makes a key unique, for a service that has a unique column of its own for it.

    :raises FormExpired: as `use_once`
    """
    try:
        return TimestampSigner(salt=SALT).unsign(key, max_age=VALID)
    except BadSignature as error:
        raise FormExpired from error
