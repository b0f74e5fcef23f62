from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError, transaction
from pytest_django import DjangoAssertNumQueries

from kernel import audit, events
from kernel.db import in_transaction
from kernel.events import Event, publish, publish_many
from kernel.events.publishing import DEEPEST, at_depth
from kernel.models import Alert, AuditEntry, Delivery, OutboxEvent, Sequence, User
from kernel.trace import current_trace_id, tracing
from tests.helpers import NOON, count_published, frozen, handling, ringing, rolled_back


@dataclass(frozen=True, slots=True, kw_only=True)
class KettleBoiled(Event):
    kettle_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TeaPoured(Event):
    cups: list[int]


class Cups:
    """A handler with an effect in the database, which can be told to fail behind it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.calls = 0

    def __call__(self, event: KettleBoiled, *, at: datetime) -> None:
        self.calls += 1
        Sequence.objects.create(name=f"cup {event.kettle_id}")
        if self.fails:
            raise RuntimeError("the cup broke")

    @property
    def effects(self) -> int:
        return Sequence.objects.filter(name__startswith="cup").count()


@pytest.mark.django_db
class TestPublishing:
    def test_writes_the_fact_and_one_delivery_for_each_handler(self) -> None:
        with handling(KettleBoiled, Cups(), name="a"), handling(KettleBoiled, Cups(), name="b"):
            publish(KettleBoiled(kettle_id=7))

        assert OutboxEvent.objects.get().payload == {"kettle_id": 7}
        assert sorted(Delivery.objects.values_list("handler", flat=True)) == ["a", "b"]

    def test_keeps_a_fact_that_nobody_handles(self) -> None:
        publish(KettleBoiled(kettle_id=1))

        assert count_published(KettleBoiled, kettle_id=1) == 1
        assert count_published(TeaPoured) == 0

    def test_writes_many_in_a_handful_of_statements(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        with handling(KettleBoiled, Cups()), transaction.atomic(), django_assert_max_num_queries(4):
            publish_many(KettleBoiled(kettle_id=number) for number in range(100))

        assert Delivery.objects.count() == 100

    def test_carries_the_trace_of_what_caused_it(self) -> None:
        heard: list[str] = []
        with handling(KettleBoiled, lambda event, *, at: heard.append(current_trace_id())):
            with tracing("00000000deadbeef"):
                publish(KettleBoiled(kettle_id=1))
            events.deliver_due(at=NOON + timedelta(days=365))

        assert heard == ["00000000deadbeef"]

    def test_cuts_a_circle_of_events_and_tells_somebody(self) -> None:
        with (
            handling(KettleBoiled, lambda event, *, at: publish(KettleBoiled(kettle_id=event.kettle_id + 1))),
            frozen(),
        ):
            publish(KettleBoiled(kettle_id=0))
            while events.deliver_due(at=NOON):
                pass

        assert count_published(KettleBoiled) == DEEPEST + 2
        assert Delivery.objects.parked().get().event.depth == DEEPEST + 1
        assert Alert.objects.get().kind == "event_circle"

    def test_the_last_link_of_an_allowed_chain_is_delivered(self) -> None:
        with handling(KettleBoiled, Cups()), at_depth(DEEPEST):
            publish(KettleBoiled(kettle_id=1))

        assert not Delivery.objects.parked().exists()


@pytest.mark.django_db(transaction=True)
class TestBell:
    def test_rings_once_for_many_events_of_a_transaction(self) -> None:
        with handling(KettleBoiled, Cups()), ringing() as rings, transaction.atomic():
            publish(KettleBoiled(kettle_id=1))
            publish(KettleBoiled(kettle_id=2))
            assert rings == []  # not before the commit

        assert rings == [("kernel.deliver_events", {})]

    def test_nothing_of_a_transaction_that_is_rolled_back_is_delivered(self) -> None:
        cups = Cups()
        with handling(KettleBoiled, cups), ringing() as rings:
            with rolled_back():
                publish(KettleBoiled(kettle_id=1))
            events.deliver_due(at=NOON + timedelta(days=365))

        assert (cups.calls, rings, OutboxEvent.objects.count()) == (0, [], 0)


@pytest.mark.django_db
class TestDelivering:
    def test_hands_the_event_over_once_with_the_moment(self) -> None:
        heard: list[tuple[object, datetime]] = []
        with handling(TeaPoured, lambda event, *, at: heard.append((event, at))), frozen():
            publish(TeaPoured(cups=[1, 2]))
            delivered = [events.deliver_due(at=NOON) for _ in range(3)]

        assert (heard, delivered) == ([(TeaPoured(cups=[1, 2]), NOON)], [1, 0, 0])

    def test_undoes_what_a_failing_handler_wrote_and_tries_again_later(self) -> None:
        cups = Cups(fails=True)
        with handling(KettleBoiled, cups), frozen() as clock:
            publish(KettleBoiled(kettle_id=1))
            events.deliver_due(at=NOON)
            assert (cups.effects, Delivery.objects.get().last_error) == (0, "RuntimeError: the cup broke")
            assert events.deliver_due(at=NOON + timedelta(seconds=19)) == 0

            cups.fails = False
            clock.shift(20)
            events.deliver_due(at=NOON + timedelta(seconds=20))

        assert (cups.effects, Delivery.objects.get().state) == (1, "done")

    def test_one_failing_handler_does_not_stop_another(self) -> None:
        fine = Cups()
        with handling(KettleBoiled, Cups(fails=True), name="a"), handling(KettleBoiled, fine, name="b"), frozen():
            publish(KettleBoiled(kettle_id=1))
            events.deliver_due(at=NOON)

        assert fine.effects == 1

    def test_pauses_grow_to_an_hour_at_most(self) -> None:
        with handling(KettleBoiled, Cups(fails=True)), frozen():
            publish(KettleBoiled(kettle_id=1))
            for attempt in (0, 3, 12):
                Delivery.objects.update(attempt=attempt, due_at=NOON)
                events.deliver_due(at=NOON)
                pause = Delivery.objects.get().due_at - NOON
                assert pause == min(timedelta(seconds=10 * 2 ** (attempt + 1)), timedelta(hours=1))

    def test_parks_after_eight_attempts_with_the_error_and_an_alert(self) -> None:
        at = NOON
        with handling(KettleBoiled, Cups(fails=True)), frozen(at) as clock:
            publish(KettleBoiled(kettle_id=1))
            for _ in range(10):
                clock.move_to(at)
                events.deliver_due(at=at)
                at += timedelta(hours=1)

        delivery = Delivery.objects.get()
        assert (delivery.state, delivery.attempt) == ("parked", 8)
        assert "the cup broke" in delivery.last_error
        assert Alert.objects.get().subject == "tests.handler"

    def test_a_parked_one_can_be_run_again_and_that_is_on_record(self) -> None:
        owner = User.objects.create(username="lin")
        cups = Cups(fails=True)
        with handling(KettleBoiled, cups), frozen():
            publish(KettleBoiled(kettle_id=1))
            Delivery.objects.update(attempt=7)
            events.deliver_due(at=NOON)
            parked = Delivery.objects.parked().get()

            cups.fails = False
            assert events.rerun(delivery_ids=[parked.pk], by=owner, at=NOON) == 1
            events.deliver_due(at=NOON)

        assert (Delivery.objects.get().state, cups.effects) == ("done", 1)
        entry = AuditEntry.objects.get(action="events.rerun")
        assert (entry.by, entry.subject_type) == (owner, audit.subject_type(Delivery))

    def test_running_again_leaves_what_is_not_parked_alone(self) -> None:
        with handling(KettleBoiled, Cups()), frozen():
            publish(KettleBoiled(kettle_id=1))
            events.deliver_due(at=NOON)

            assert events.rerun(delivery_ids=[Delivery.objects.get().pk], by=None, at=NOON) == 0

        assert Delivery.objects.get().state == "done"

    def test_parks_what_no_handler_takes_any_more(self) -> None:
        with handling(KettleBoiled, Cups()):
            publish(KettleBoiled(kettle_id=1))
        with frozen():
            Delivery.objects.update(due_at=NOON)
            events.deliver_due(at=NOON)

        assert "tests.handler" in Delivery.objects.parked().get().last_error

    def test_leaves_out_a_field_that_the_event_has_lost(self) -> None:
        cups = Cups()
        with handling(KettleBoiled, cups), frozen():
            publish(KettleBoiled(kettle_id=1))
            OutboxEvent.objects.update(payload={"kettle_id": 1, "colour": "red"})
            events.deliver_due(at=NOON)

        assert cups.effects == 1

    def test_stops_at_the_limit(self) -> None:
        with handling(KettleBoiled, Cups()), frozen():
            publish_many(KettleBoiled(kettle_id=number) for number in range(5))

            assert [events.deliver_due(at=NOON, limit=3) for _ in range(3)] == [3, 2, 0]


@pytest.mark.django_db
class TestLeases:
    def test_a_delivery_whose_worker_died_is_due_again_when_the_lease_is_over(self) -> None:
        def dies(event: KettleBoiled, *, at: datetime) -> None:
            raise KeyboardInterrupt  # as a killed worker: nothing is written after it

        with frozen() as clock:
            with handling(KettleBoiled, dies, atomic=False):
                publish(KettleBoiled(kettle_id=1))
                with pytest.raises(KeyboardInterrupt):
                    events.deliver_due(at=NOON)
            cups = Cups()
            with handling(KettleBoiled, cups, atomic=False):
                assert events.deliver_due(at=NOON + timedelta(seconds=119)) == 0
                clock.shift(120)
                assert events.deliver_due(at=NOON + timedelta(seconds=120)) == 1

        assert (cups.effects, Delivery.objects.get().state) == (1, "done")

    @pytest.mark.parametrize("atomic", [True, False])
    def test_a_worker_whose_lease_is_over_writes_nothing(self, *, atomic: bool) -> None:
        """While it works, another worker takes the delivery over: the attempt number moves on."""

        def slow(event: KettleBoiled, *, at: datetime) -> None:
            if not atomic:
                Delivery.objects.update(attempt=2)

        with handling(KettleBoiled, slow, atomic=atomic), frozen():
            publish(KettleBoiled(kettle_id=1))
            delivery = Delivery.objects.get()
            if atomic:
                delivery.attempt = 1
                Delivery.objects.update(attempt=2)
                events.delivering._deliver(delivery, delivery.event, at=NOON)
            else:
                events.deliver_due(at=NOON)

        assert Delivery.objects.get().state == "queued"

    def test_an_atomic_handler_of_a_lost_lease_is_not_even_called(self) -> None:
        cups = Cups()
        with handling(KettleBoiled, cups), frozen():
            publish(KettleBoiled(kettle_id=1))
            stale = Delivery.objects.get()
            events.deliver_due(at=NOON)
            events.delivering._deliver(stale, stale.event, at=NOON)

        assert cups.calls == 1

    def test_a_conflict_with_another_transaction_is_tried_again_at_once(self) -> None:
        cups = Cups()
        failures = [OperationalError(1213, "deadlock"), None]

        def conflicts(event: KettleBoiled, *, at: datetime) -> None:
            if error := failures.pop(0):
                raise error
            cups(event, at=at)

        with handling(KettleBoiled, conflicts), frozen():
            publish(KettleBoiled(kettle_id=1))
            events.deliver_due(at=NOON)

        assert (cups.effects, Delivery.objects.get().attempt) == (1, 1)


@pytest.mark.django_db
class TestOutsideHandlers:
    def test_runs_in_no_transaction_of_ours(self) -> None:
        seen: list[bool] = []

        def look(event: KettleBoiled, *, at: datetime) -> None:
            seen.append(in_transaction())

        with handling(KettleBoiled, look, name="out", atomic=False), handling(KettleBoiled, look, name="in"), frozen():
            publish(KettleBoiled(kettle_id=1))
            events.deliver_due(at=NOON)

        assert sorted(seen) == [False, True]
