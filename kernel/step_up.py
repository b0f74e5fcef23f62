"""Asking a person who is signed in for the password again, before something that cannot be taken back."""

from __future__ import annotations

import logging
from datetime import datetime

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _
from redis.exceptions import RedisError

from . import audit
from .errors import DomainError
from .models import User

log = logging.getLogger(__name__)

TRIES = 5  # as for signing in
WINDOW_SECONDS = 300


class NotConfirmed(DomainError):
    text = _("That did not work. Check your password and try again.")


class TooManyTries(DomainError):
    text = _("Too many tries. Wait five minutes and try again.")


def confirm_person(*, by: User, password: str, at: datetime) -> None:
    """
    Make sure that whoever is signed in is still there. Call it outside a transaction: what fails is audited.

    :raises TooManyTries: after some wrong ones in a row, whatever is typed
    :raises NotConfirmed: if the password is wrong
    """
    if _count(by) > TRIES:
        raise TooManyTries
    if not User.objects.get(pk=by.pk).check_password(password):
        audit.record(action="staff.step_up_failed", subject=by, by=by, at=at)
        raise NotConfirmed
    _forget(by)


def _key(person: User) -> str:
    return f"step_up:{person.pk}"


def _count(person: User) -> int:
    """How many tries this makes, counted before it is judged, so that many at once are not one."""
    try:
        if cache.add(_key(person), 1, timeout=WINDOW_SECONDS):
            return 1
        return cache.incr(_key(person))
    except ValueError:  # it ran out between the two
        return 1
    except (RedisError, OSError) as error:
        log.warning("step_up.no_cache %s", type(error).__name__)
        return 1


def _forget(person: User) -> None:
    try:
        cache.delete(_key(person))
    except (RedisError, OSError) as error:
        log.warning("step_up.no_cache %s", type(error).__name__)
