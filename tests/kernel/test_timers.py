from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from kernel import heartbeats, timers, upkeep
from kernel.events import publish
from kernel.models import Alert, Delivery, OnceKey, OutboxEvent, ScheduleTick, User
from kernel.timers import Timer, run_due_timers, timer
from tests.helpers import NOON, frozen, handling
from tests.kernel.test_events import Cups, KettleBoiled

pytestmark = pytest.mark.django_db

EVERY = timedelta(seconds=30)


class Turns:
    """A timer that remembers its turns, with as many rows to handle as it is told."""

    def __init__(self) -> None:
        self.at: list[datetime] = []
        self.left = 0
        self.error: Exception | None = None

    def __call__(self, *, at: datetime, limit: int) -> int:
        if self.error:
            raise self.error
        self.at.append(at)
        handled = min(self.left, limit)
        self.left -= handled
        return handled


@pytest.fixture
def turns() -> Iterator[Turns]:
    known = dict(timers.timers)
    timers.timers.clear()
    turns = Turns()
    timer(name="tests.turns", every=EVERY)(turns)
    yield turns
    timers.timers.clear()
    timers.timers.update(known)


class TestTurns:
    def test_are_taken_once_in_their_time(self, turns: Turns) -> None:
        for seconds in (0, 0, 5, 29, 30, 31):
            run_due_timers(at=NOON + timedelta(seconds=seconds))

        assert turns.at == [NOON, NOON + EVERY]

    def test_two_schedulers_take_one_turn_once(self, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
        """Both have looked before either took it: the unique row decides."""
        run_due_timers(at=NOON)
        monkeypatch.setattr(timers, "_taken", lambda *_args, **_kwargs: [])

        assert run_due_timers(at=NOON) == []
        assert len(turns.at) == 1

    def test_without_the_row_a_turn_would_be_taken_twice(self, turns: Turns) -> None:
        run_due_timers(at=NOON)
        ScheduleTick.objects.all().delete()
        run_due_timers(at=NOON)

        assert len(turns.at) == 2

    def test_missed_for_hours_are_caught_up_once(self, turns: Turns) -> None:
        run_due_timers(at=NOON)
        run_due_timers(at=NOON + timedelta(hours=6))
        run_due_timers(at=NOON + timedelta(hours=6, seconds=1))

        assert len(turns.at) == 2

    def test_are_not_taken_again_when_the_clock_is_set_back(self, turns: Turns) -> None:
        for minutes in (0, 1, 2, 0, 1):
            run_due_timers(at=NOON + timedelta(minutes=minutes))

        assert len(turns.at) == 3

    def test_lie_at_the_same_moments_on_every_machine(self) -> None:
        known = Timer("a", EVERY, Turns())

        assert timers.slot(known, at=NOON + timedelta(seconds=29, microseconds=5)) == NOON
        assert timers.slot(known, at=NOON - timedelta(microseconds=1)) == NOON - EVERY

    def test_go_on_as_long_as_there_is_more(self, turns: Turns) -> None:
        turns.left = 2 * timers.LIMIT + 7

        [result] = run_due_timers(at=NOON)

        assert (result.handled, turns.left, ScheduleTick.objects.get().handled) == (407, 0, 407)

    def test_end_after_their_time_and_leave_the_rest_to_the_next(
        self, turns: Turns, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(timers, "LONGEST_TURN", 0.0)
        turns.left = 2 * timers.LIMIT

        run_due_timers(at=NOON)

        assert turns.left == timers.LIMIT

    def test_only_those_that_are_asked_for(self, turns: Turns) -> None:
        assert run_due_timers(at=NOON, only=["another"]) == []
        assert turns.at == []

    def test_of_one_name_belong_to_one_function(self, turns: Turns) -> None:
        with pytest.raises(ValueError, match=r"tests\.turns"):
            timer(name="tests.turns", every=EVERY)(turns)


class TestFailures:
    def test_are_on_record_and_do_not_stop_the_next_timer(self, turns: Turns) -> None:
        other = Turns()
        timer(name="tests.other", every=EVERY)(other)
        turns.error = ZeroDivisionError("by zero")

        results = run_due_timers(at=NOON)

        assert [(result.timer, result.error) for result in results] == [
            ("tests.turns", "ZeroDivisionError: by zero"),
            ("tests.other", ""),
        ]
        assert ScheduleTick.objects.get(timer="tests.turns").error == "ZeroDivisionError: by zero"
        assert other.at == [NOON]

    def test_raise_one_alert_that_the_first_good_turn_resolves(self, turns: Turns) -> None:
        turns.error = ZeroDivisionError("by zero")
        for minutes in (0, 1):
            run_due_timers(at=NOON + timedelta(minutes=minutes))
        alert = Alert.objects.get()
        assert (alert.subject, alert.times, alert.resolved_at) == ("tests.turns", 2, None)

        turns.error = None
        run_due_timers(at=NOON + timedelta(minutes=2))

        alert.refresh_from_db()
        assert alert.resolved_at == NOON + timedelta(minutes=2)


class TestSignsOfLife:
    def test_a_scheduler_that_runs_is_alive_and_one_that_stopped_is_not(self, turns: Turns) -> None:
        run_due_timers(at=NOON)

        assert heartbeats.is_alive(heartbeats.SCHEDULER, at=NOON + timedelta(seconds=60))
        assert not heartbeats.is_alive(heartbeats.SCHEDULER, at=NOON + timedelta(seconds=61))
        assert not heartbeats.is_alive("nobody", at=NOON)

    def test_a_heart_beats_no_oftener_than_needed(self) -> None:
        for seconds in (0, 14, 15):
            heartbeats.beat("a", at=NOON + timedelta(seconds=seconds))
            if seconds == 14:
                assert heartbeats.last_seen("a") == NOON

        assert heartbeats.last_seen("a") == NOON + timedelta(seconds=15)


class TestUpkeep:
    def test_the_ground_has_its_timers(self) -> None:
        assert {name for name in timers.timers if name.startswith("kernel.")} == {
            "kernel.deliver_events",
            "kernel.deliver_messages",
            "kernel.recount",
            "kernel.prune",
            "kernel.prune_job_files",
            "kernel.run_jobs",
        }

    def test_events_are_delivered_when_the_bell_is_lost(self) -> None:
        cups = Cups()
        with handling(KettleBoiled, cups), frozen() as clock:
            publish(KettleBoiled(kettle_id=1))
            clock.shift(5)
            run_due_timers(at=NOON + timedelta(seconds=5), only=["kernel.deliver_events"])

        assert cups.effects == 1

    @pytest.mark.parametrize(("age", "is_kept"), [(timedelta(days=30), True), (timedelta(days=31), False)])
    def test_old_events_are_thrown_away(self, age: timedelta, *, is_kept: bool) -> None:
        with frozen(NOON - age):
            publish(KettleBoiled(kettle_id=1))

        upkeep.prune(at=NOON, limit=100)

        assert OutboxEvent.objects.exists() is is_kept

    def test_an_event_that_is_not_handled_is_never_thrown_away(self) -> None:
        with handling(KettleBoiled, Cups()), frozen(NOON - timedelta(days=90)):
            publish(KettleBoiled(kettle_id=1))
        Delivery.objects.update(state="parked")

        upkeep.prune(at=NOON, limit=100)

        assert OutboxEvent.objects.exists()

    @pytest.mark.parametrize(("error", "days"), [("", 1), ("ZeroDivisionError", 30)])
    def test_old_ticks_are_thrown_away_failed_ones_later(self, error: str, days: int) -> None:
        for age in (timedelta(days=days), timedelta(days=days, seconds=1)):
            ScheduleTick.objects.create(timer="a", scheduled_for=NOON - age, started_at=NOON - age, error=error)

        upkeep.prune(at=NOON, limit=100)

        assert ScheduleTick.objects.count() == 1

    def test_form_keys_outlive_their_forms(self) -> None:
        lin = User.objects.create(username="lin")
        for days in (29, 31):
            OnceKey.objects.create(key=str(days), purpose="refund", used_by=lin, used_at=NOON - timedelta(days=days))

        upkeep.prune(at=NOON, limit=100)

        assert OnceKey.objects.get().key == "29"

    def test_goes_on_when_there_was_more_than_the_limit(self) -> None:
        for seconds in range(5):
            moment = NOON - timedelta(days=2, seconds=seconds)
            ScheduleTick.objects.create(timer="a", scheduled_for=moment, started_at=moment)
        prune: Callable[[], int] = lambda: upkeep.prune(at=NOON, limit=2)  # noqa: E731

        assert [prune(), prune(), prune()] == [2, 2, 1]
