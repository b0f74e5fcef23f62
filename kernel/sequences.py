"""
Numbers that people read, from blocks that each process takes, so that nobody waits for the next number.

A block counts once its transaction is committed; until then only that transaction uses it. So a rollback hands no
number out twice, at the price of gaps.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from datetime import datetime
from threading import Lock

from django.db import transaction
from django.db.models import F

from .clock import local
from .db import retry_on_conflict, waiting_for_commit
from .models import Sequence

BLOCK = 20
NUMBER = re.compile(r"[A-Z]?(?P<day>20\d{6})(?P<value>\d{4,9})")

_lock = Lock()
_blocks: dict[str, list[int]] = {}  # committed numbers that this process has not used yet, in falling order


def next_number(name: str, *, at: datetime) -> str:
    """The next number of a series, which starts anew each Shanghai day: 202611220001."""
    day = local(at).strftime("%Y%m%d")
    return f"{day}{_next_value(f'{name}:{day}'):04d}"


def next_numbers(name: str, count: int, *, at: datetime) -> list[str]:
    """As `next_number`, for a whole batch with one look at the database."""
    day = local(at).strftime("%Y%m%d")
    return [f"{day}{value:04d}" for value in take(f"{name}:{day}", count)]


@retry_on_conflict  # two may make the first row of a day at once
@transaction.atomic
def take(name: str, count: int) -> range:
    """The next `count` values of a series. They are used up once this transaction is committed."""
    mine = Sequence.objects.filter(name=name)
    if not mine.update(next_value=F("next_value") + count):
        Sequence.objects.get_or_create(name=name)
        mine.update(next_value=F("next_value") + count)
    end = mine.values_list("next_value", flat=True).get()
    return range(end - count, end)


def reserve_numbers(name: str, numbers: Iterable[str]) -> None:
    """Let a series never hand out these numbers, which came from elsewhere, as with imported orders."""
    highest: dict[str, int] = {}
    for number in numbers:
        if match := NUMBER.fullmatch(number):
            highest[match["day"]] = max(highest.get(match["day"], 0), int(match["value"]))
    for day, value in highest.items():
        _skip_past(f"{name}:{day}", value)


def _skip_past(name: str, value: int) -> None:
    with transaction.atomic():
        Sequence.objects.get_or_create(name=name)
        if Sequence.objects.filter(name=name, next_value__lte=value).update(next_value=value + 1):
            forget_blocks()


def forget_blocks() -> None:
    """Use no number of a block again, as after a fork, where two processes would hold the same block."""
    with _lock:
        _blocks.clear()


class _Block:
    """A block that is not committed yet. Called on commit, it gives what is left to the whole process."""

    def __init__(self, name: str, values: range) -> None:
        self.name = name
        self.left = list(reversed(values))

    def __call__(self) -> None:
        with _lock:
            _blocks.setdefault(self.name, []).extend(self.left)
        self.left = []


def _next_value(name: str) -> int:
    with _lock:
        if left := _blocks.get(name):
            return left.pop()
    block = _open_block(name)
    if block is None or not block.left:
        with transaction.atomic():
            block = _Block(name, take(name, BLOCK))
            value = block.left.pop()
            transaction.on_commit(block)
        return value
    return block.left.pop()


def _open_block(name: str) -> _Block | None:
    """The block this transaction took. Django drops it from the list when its savepoint is rolled back."""
    for _savepoints, act in reversed(waiting_for_commit()):
        if isinstance(act, _Block) and act.name == name:
            return act
    return None


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it when the process was copied
    _lock = Lock()
    _blocks.clear()


os.register_at_fork(after_in_child=_after_fork)
