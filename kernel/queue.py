"""
The bell: wakes a worker once a transaction is committed. What is due stands in rows; a lost ring costs seconds.

A burst of commits rings twice for the same task: at once, and when the burst's moment is over, for all that came since.
"""

from __future__ import annotations

import logging
import time

from celery import current_app
from celery.exceptions import CeleryError
from django.conf import settings
from django.db import transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from .db import waiting_for_commit

log = logging.getLogger(__name__)

STALE_SECONDS = 60  # a ring older than this wakes nobody: the sweeper has been by
BURST_SECONDS = 0.2
QUIET_SECONDS = 10  # after a failed ring, so that a dead Redis holds up one request and not each
_quiet_until = 0.0
_heard_at: dict[str, float] = {}  # by task: when its last ring reaches a worker, which may be in a moment


def after_commit(task_name: str, **kwargs: int | str | list[int] | None) -> None:
    """
    Wake a worker with a task by name once this transaction is committed; never, if it is rolled back.

    Asked for twice in one transaction, it rings once. A broker that is down is logged and changes nothing.
    """
    if getattr(settings, "BELL", "celery") == "off":
        return
    ring = Ring(task_name, tuple(sorted((key, repr(value)) for key, value in kwargs.items())))
    if not _rings_already(ring):
        ring.kwargs.update(kwargs)
        transaction.on_commit(ring)


class Ring:
    """One ring of the bell; equal rings are one. It never raises: the caller's work is already committed."""

    def __init__(self, task_name: str, identity: tuple[tuple[str, str], ...]) -> None:
        self.identity = (task_name, identity)
        self.task_name = task_name
        self.kwargs: dict[str, object] = {}

    def __call__(self) -> None:
        global _quiet_until  # noqa: PLW0603 - one bell for the whole process
        at = time.monotonic()
        heard_at = self._due_at(at)
        if at < _quiet_until or heard_at is None:
            return
        try:
            send(self.task_name, self.kwargs, delay=heard_at - at)
            _heard_at[self.task_name] = heard_at
        except (KombuError, CeleryError, RedisError, OSError) as error:
            _quiet_until = time.monotonic() + QUIET_SECONDS
            log.warning("The bell does not ring for %s: %s", self.task_name, type(error).__name__)

    def _due_at(self, at: float) -> float | None:
        """When a worker is to hear it; None if it will hear one like it that is still on its way."""
        last = _heard_at.get(self.task_name)
        if self.kwargs or last is None or last + BURST_SECONDS <= at:
            return at
        return last + BURST_SECONDS if last <= at else None


def ring_again() -> None:
    """Ring the next time, however the last ring went, and however short a time ago."""
    global _quiet_until  # noqa: PLW0603
    _quiet_until = 0.0
    _heard_at.clear()


def send(task_name: str, kwargs: dict[str, object], *, delay: float) -> None:
    """:param delay: seconds until a worker takes it"""
    current_app.send_task(
        task_name, kwargs=kwargs, countdown=delay or None, expires=STALE_SECONDS, ignore_result=True, retry=False
    )


def _rings_already(ring: Ring) -> bool:
    """One whose savepoint was rolled back is not on the list any more."""
    return any(isinstance(act, Ring) and act.identity == ring.identity for _savepoints, act in waiting_for_commit())
