"""
How far our clock is from a gateway's: every answer whose signature fits tells it.

Kept in a statement of its own, at most once a minute for an account, and never inside a caller's transaction.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, IntegrityError, transaction

from kernel.db import in_transaction

from ..models import AccountState

logger = logging.getLogger(__name__)

KEPT_EVERY = timedelta(minutes=1)

_kept_at: dict[int, datetime] = {}  # of this process, by account


def hear_clock(*, account_id: int, told: datetime, at: datetime) -> None:
    """
    Keep the difference of the clocks, unless that was done within a minute.

    :param told: the gateway's time, which it signed or sent with what it signed
    """
    last = _kept_at.get(account_id)
    if in_transaction() or (last is not None and last <= at < last + KEPT_EVERY):
        return
    _kept_at[account_id] = at
    try:
        _keep(account_id, seconds=round(abs((at - told).total_seconds())), at=at)
    except DatabaseError:  # a clock that is not kept never stands in the way of a payment
        logger.warning("payments.clock.not_written account=%d", account_id)


def forget_clocks() -> None:
    """Keep the next answer's time, whenever the last one came."""
    _kept_at.clear()


def _keep(account_id: int, *, seconds: int, at: datetime) -> None:
    row = AccountState.objects.filter(account_id=account_id)
    if row.update(clock_seconds=seconds, clock_at=at):
        return
    try:
        with transaction.atomic():
            AccountState.objects.create(account_id=account_id, clock_seconds=seconds, clock_at=at)
    except IntegrityError:
        row.update(clock_seconds=seconds, clock_at=at)  # another process made it
