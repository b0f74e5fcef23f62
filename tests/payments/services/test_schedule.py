from __future__ import annotations

from datetime import datetime, timedelta

from payments.services.schedule import DAILY, REFUND_STEPS, is_over, next_query_at, step_after
from tests.helpers import NOON

EXPIRES = NOON + timedelta(minutes=30)


def questions(*, until: timedelta) -> list[int]:
    """Seconds after the start at which an attempt is asked about, each question following the last."""
    asked, at = [], NOON
    while (at := next_query_at(created_at=NOON, expires_at=EXPIRES, at=at)) <= NOON + until:
        asked.append(int((at - NOON).total_seconds()))
    return asked


def test_asks_quickly_at_first_and_then_every_five_minutes_until_the_attempt_is_over() -> None:
    assert questions(until=timedelta(minutes=32)) == [3, 10, 30, 60, 120, 420, 720, 1020, 1320, 1620, 1920]


def test_asks_once_the_attempt_is_certainly_over_and_then_ever_more_rarely() -> None:
    over = timedelta(minutes=32)
    later = [timedelta(seconds=it) - over for it in questions(until=timedelta(days=3)) if it > over.total_seconds()]

    minutes = [int(it.total_seconds() // 60) for it in later]
    assert minutes == [1, 5, 15, 60, 360, 1440, 2880]


def test_never_names_a_moment_that_is_gone() -> None:
    for seconds in range(0, 4_000, 7):
        at: datetime = NOON + timedelta(seconds=seconds)
        assert next_query_at(created_at=NOON, expires_at=EXPIRES, at=at) > at


def test_believes_that_an_attempt_is_over_two_minutes_after_its_end() -> None:
    assert not is_over(expires_at=EXPIRES, at=EXPIRES + timedelta(seconds=119))
    assert is_over(expires_at=EXPIRES, at=EXPIRES + timedelta(seconds=120))


def test_waits_longer_after_each_attempt_and_a_day_at_last() -> None:
    waits = [step_after(REFUND_STEPS, attempt=attempt, at=NOON) - NOON for attempt in range(1, 9)]

    assert [int(wait.total_seconds()) for wait in waits[:3]] == [10, 60, 300]
    assert waits == sorted(waits)
    assert waits[-1] == DAILY
