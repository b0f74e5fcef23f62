from __future__ import annotations

from time import monotonic

import pytest

from payments.gateways.breaker import AT_ONCE, ENOUGH, PATIENCE, REST, SLOW, Breaker


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock=clock)


def is_let_through(breaker: Breaker) -> bool:
    entered = breaker.enter()
    if entered:
        breaker.leave()
    return entered


def open_it(breaker: Breaker) -> None:
    for _time_out in range(ENOUGH):
        assert is_let_through(breaker)
        breaker.timed_out()


def test_opens_after_three_time_outs_in_a_row(breaker: Breaker) -> None:
    open_it(breaker)

    assert not is_let_through(breaker)


def test_an_answer_between_them_is_forgiveness(breaker: Breaker) -> None:
    for _round in range(3):
        for _time_out in range(ENOUGH - 1):
            breaker.timed_out()
        breaker.answered()

    assert is_let_through(breaker)


def test_after_the_rest_one_call_tries_for_all(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)

    clock.seconds += REST
    assert [is_let_through(breaker) for _call in range(3)] == [True, False, False]


def test_rests_again_if_that_one_hears_nothing_either(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.seconds += REST
    assert is_let_through(breaker)
    breaker.timed_out()

    clock.seconds += REST - 1
    assert not is_let_through(breaker)


def test_closes_once_the_gateway_answers(breaker: Breaker, clock: Clock) -> None:
    open_it(breaker)
    clock.seconds += REST
    assert is_let_through(breaker)
    breaker.answered()

    assert [is_let_through(breaker) for _call in range(3)] == [True, True, True]


def test_lets_as_many_wait_at_once_as_leave_somebody_free(breaker: Breaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.gateways.breaker.PATIENCE", 0.01)

    assert [breaker.enter() for _call in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]

    breaker.leave()
    assert breaker.enter()


def test_nobody_waits_behind_calls_that_all_take_long(breaker: Breaker, clock: Clock) -> None:
    for _call in range(AT_ONCE):
        assert breaker.enter()
    clock.seconds += SLOW

    started = monotonic()
    assert not breaker.enter()

    assert monotonic() - started < PATIENCE / 2


def test_a_place_that_is_free_is_taken_however_old_the_other_calls_are(breaker: Breaker, clock: Clock) -> None:
    assert breaker.enter()
    clock.seconds += 2 * SLOW

    assert breaker.enter()
