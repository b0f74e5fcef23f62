"""
What each key signs and verifies, so that nobody retires one that is still in use.

Counted in memory, written in a statement of its own and never inside a caller's transaction: at once when a key was
idle, else every few seconds. A crash loses the counts of those seconds, never that a key was used at all.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Literal

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import F, Max, Sum

from kernel.clock import now
from kernel.db import in_transaction

from ..models import CredentialUse
from .clock_use import forget_clocks, hear_clock

logger = logging.getLogger(__name__)

FLUSHED_EVERY = timedelta(seconds=10)
MOST_WAITING = 1_000  # counts, before they are written whatever the time
RECENT = timedelta(hours=24)
KEPT = timedelta(days=90)

Act = Literal["sign", "verify"]
COLUMNS: dict[Act, str] = {"sign": "signed", "verify": "verified"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a key did in the last 24 hours, and when it did anything last."""

    signed: int = 0
    verified: int = 0
    last_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.signed + self.verified


@dataclass(frozen=True, slots=True)
class AccountMeter:
    """
    The meter of one account's gateway.

    :param ids: credentials by (kind, value in clear)
    """

    account_id: int
    ids: Mapping[tuple[str, str], int] = field(repr=False)

    def __call__(self, *, kind: str, value: str, act: Act) -> None:
        credential_id = self.ids.get((kind, value))
        if credential_id is not None:
            _counts.add(credential_id, act, at=now())

    def hear(self, *, told: datetime, at: datetime) -> None:
        hear_clock(account_id=self.account_id, told=told, at=at)


def flush_counts() -> None:
    """Write what was counted in this process, if no transaction is open."""
    if in_transaction():
        return
    for use, count in _counts.take().items():
        try:
            _write(use, count)
        except DatabaseError:  # counting never stands in the way of a payment
            logger.warning("payments.key_use.not_written credential=%d", use.credential_id)
            _counts.give_back(use, count)
            return


def uses_of(*, credential_ids: Iterable[int], at: datetime) -> dict[int, Use]:
    """What each of these keys did; those that never did anything are left out."""
    rows = CredentialUse.objects.filter(credential__in=list(credential_ids)).values("credential").order_by()
    last = {row["credential"]: row["last"] for row in rows.annotate(last=Max("last_at"))}
    recent = rows.filter(last_at__gt=at - RECENT).annotate(signs=Sum("signed"), verifies=Sum("verified"))
    counts = {row["credential"]: (row["signs"], row["verifies"]) for row in recent}
    found = {}
    for credential_id, last_at in last.items():
        signed, verified = counts.get(credential_id, (0, 0))
        found[credential_id] = Use(signed=signed, verified=verified, last_at=last_at)
    return found


def prune_key_use(*, at: datetime, limit: int) -> int:
    """Drop counts that nobody asks for any more. :return: how many rows"""
    old = CredentialUse.objects.filter(hour__lt=at - KEPT).order_by("hour")
    ids = list(old.values_list("pk", flat=True)[:limit])
    CredentialUse.objects.filter(pk__in=ids).delete()
    return len(ids)


@dataclass(frozen=True, slots=True)
class _Slot:
    credential_id: int
    hour: datetime


@dataclass(frozen=True, slots=True)
class _Count:
    acts: Counter[Act]
    last_at: datetime


class _Counts:
    """The buffer of this process. Threads add; whoever finds it full or old writes it."""

    def __init__(self) -> None:
        self._waiting: dict[_Slot, _Count] = {}
        self._written_at: dict[int, datetime] = {}
        self._size = 0
        self._lock = Lock()

    def add(self, credential_id: int, act: Act, *, at: datetime) -> None:
        with self._lock:
            self._put(_Slot(credential_id, _hour(at)), _Count(Counter({act: 1}), at))
            written_at = self._written_at.get(credential_id)
            is_due = written_at is None or not written_at <= at < written_at + FLUSHED_EVERY
            is_due = is_due or self._size >= MOST_WAITING
        if is_due:
            flush_counts()

    def take(self) -> dict[_Slot, _Count]:
        with self._lock:
            taken, self._waiting, self._size = self._waiting, {}, 0
            for slot, count in taken.items():
                self._written_at[slot.credential_id] = count.last_at
            return taken

    def give_back(self, slot: _Slot, count: _Count) -> None:
        with self._lock:
            self._put(slot, count)

    def forget(self) -> None:
        with self._lock:
            self._waiting, self._written_at, self._size = {}, {}, 0

    def _put(self, slot: _Slot, count: _Count) -> None:
        known = self._waiting.get(slot)
        if known is not None:
            count = _Count(known.acts + count.acts, max(known.last_at, count.last_at))
        self._waiting[slot] = count
        self._size += 1


_counts = _Counts()


def forget_counts() -> None:
    """Start with an empty buffer."""
    _counts.forget()
    forget_clocks()


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _write(slot: _Slot, count: _Count) -> None:
    """One short statement on a row of its own; the row of a new hour is made by whoever comes first."""
    signed, verified = count.acts["sign"], count.acts["verify"]
    if _add(slot, count):
        return
    try:
        with transaction.atomic():
            CredentialUse.objects.create(
                credential_id=slot.credential_id,
                hour=slot.hour,
                signed=signed,
                verified=verified,
                last_at=count.last_at,
            )
    except IntegrityError:
        _add(slot, count)  # another process made it; or the account is gone, and then nothing is counted


def _add(slot: _Slot, count: _Count) -> bool:
    row = CredentialUse.objects.filter(credential_id=slot.credential_id, hour=slot.hour)
    return bool(
        row.update(
            signed=F("signed") + count.acts["sign"],
            verified=F("verified") + count.acts["verify"],
            last_at=count.last_at,
        )
    )
