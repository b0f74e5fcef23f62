"""
Cached counts for tabs and badges. Whoever moves rows moves them after the commit; a timer counts anew.

A count moved inside the transaction would make every worker wait for that one row.
"""

from __future__ import annotations

import logging
from collections import Counter as Tally
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import DatabaseError, transaction
from django.db.models import F

from .clock import now
from .db import bulk_upsert, open_savepoints, waiting_for_commit
from .models import Counter

log = logging.getLogger(__name__)

MOST = 999
Recount = Callable[[], Mapping[str, int]]
_recounts: dict[str, Recount] = {}
_gathering: ContextVar[Tally[str] | None] = ContextVar("gathering_counts", default=None)


def counts(group: str) -> Callable[[Recount], Recount]:
    """Register the function that counts a group from its rows: `{"pending_payment": 12, …}`."""

    def register(recount: Recount) -> Recount:
        _recounts[group] = recount
        return recount

    return register


def get(group: str) -> dict[str, int]:
    """The counts of a group; counted now, if nobody ever did."""
    kept = Counter.objects.filter(name__startswith=f"{group}:").values_list("name", "value")
    found = {name.removeprefix(f"{group}:"): max(value, 0) for name, value in kept}
    return found or recount(group, at=now())


def bump(group: str, deltas: Mapping[str, int]) -> None:
    """Move counts of a group once this transaction is committed."""
    pending = _pending()
    if pending is None:
        pending = _Deltas()
        transaction.on_commit(pending)
    pending.moved.update({f"{group}:{key}": delta for key, delta in deltas.items()})


@contextmanager
def gathered() -> Iterator[None]:
    """What the transactions of the block move is written once, behind the last: for batches of small transactions."""
    if _gathering.get() is not None:
        yield
        return
    moved: Tally[str] = Tally()
    token = _gathering.set(moved)
    try:
        yield
    finally:
        _gathering.reset(token)
        _move(moved)


def recount(group: str, *, at: datetime) -> dict[str, int]:
    """Count a group from its rows."""
    counted = dict(_recounts[group]())
    rows = [Counter(name=f"{group}:{key}", value=value, counted_at=at) for key, value in counted.items()]
    bulk_upsert(rows, unique_fields=("name",), update_fields=("value", "counted_at"))
    return counted


def recount_all(*, at: datetime) -> int:
    """Count every group from its rows."""
    return sum(len(recount(group, at=at)) for group in _recounts)


def display(value: int) -> str:
    """999+ instead of numbers that nobody counts."""
    return str(value) if value <= MOST else f"{MOST}+"


class _Deltas:
    """What one transaction moves. A crash before it is called costs a minute, until the timer counts."""

    def __init__(self) -> None:
        self.moved: Tally[str] = Tally()

    def __call__(self) -> None:
        gathering = _gathering.get()
        if gathering is None:
            _move(self.moved)
        else:
            gathering.update(self.moved)


def _move(moved: Mapping[str, int]) -> None:
    try:
        for name in sorted(moved):  # in one order, so that nobody waits in a circle
            if delta := moved[name]:
                Counter.objects.filter(name=name).update(value=F("value") + delta)
    except DatabaseError as error:  # the work itself is committed
        log.warning("Counters could not be moved: %s", type(error).__name__)


def _pending() -> _Deltas | None:
    """This transaction's, if it is dropped whenever what is being counted now is rolled back."""
    for savepoints, act in waiting_for_commit():
        if isinstance(act, _Deltas) and open_savepoints() <= savepoints:
            return act
    return None
