from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError
from pytest_django import Settings

from kernel import queue
from kernel.queue import after_commit
from tests.helpers import ringing, rolled_back

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _bell(settings: Settings) -> None:
    settings.BELL = "celery"


class TestAfterCommit:
    def test_rings_after_the_commit_and_not_before(self) -> None:
        with ringing() as rings, transaction.atomic():
            after_commit("payments.send_refund", refund_id=7)
            assert rings == []

        assert rings == [("payments.send_refund", {"refund_id": 7})]

    def test_does_not_ring_for_what_was_rolled_back(self) -> None:
        with ringing() as rings, rolled_back():
            after_commit("a")

        assert rings == []

    def test_rings_once_for_the_same_task_and_arguments(self) -> None:
        with ringing() as rings, transaction.atomic():
            for refund_id in (1, 2, 1, 1):
                after_commit("payments.send_refund", refund_id=refund_id)

        assert [kwargs["refund_id"] for _task, kwargs in rings] == [1, 2]

    def test_rings_for_the_rest_when_the_savepoint_that_asked_first_is_rolled_back(self) -> None:
        with ringing() as rings, transaction.atomic():
            with rolled_back():
                after_commit("a")
            after_commit("a")

        assert len(rings) == 1

    def test_an_open_savepoint_does_not_swallow_the_ring_of_the_whole(self) -> None:
        with ringing() as rings, transaction.atomic():
            after_commit("a")
            with rolled_back():
                after_commit("a")

        assert len(rings) == 1

    def test_can_be_switched_off(self, settings: Settings) -> None:
        with ringing() as rings:
            settings.BELL = "off"
            after_commit("a")

        assert rings == []


class TestBursts:
    @pytest.fixture
    def delays(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """Of each ring that goes out, how long it is on its way."""
        heard: list[float] = []
        monkeypatch.setattr(queue, "send", lambda _task, _kwargs, *, delay: heard.append(round(delay, 3)))
        return heard

    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
        clock = SimpleNamespace(at=1_000.0)
        monkeypatch.setattr("kernel.queue.time.monotonic", lambda: clock.at)
        queue.ring_again()
        yield clock
        queue.ring_again()

    def test_ring_at_once_and_at_their_end(self, delays: list[float], clock: SimpleNamespace) -> None:
        for _commit in range(5):
            after_commit("payments.apply_notifications")
            clock.at += 0.03

        assert delays == [0, 0.17]

    def test_every_commit_is_followed_by_a_ring_however_they_come(
        self, monkeypatch: pytest.MonkeyPatch, clock: SimpleNamespace
    ) -> None:
        heard_at: list[float] = []
        monkeypatch.setattr(queue, "send", lambda _task, _kwargs, *, delay: heard_at.append(clock.at + delay))
        dice = random.Random(7)
        commits = []
        for _commit in range(500):
            clock.at += dice.choice((0.001, 0.05, 0.2, 1.0))
            after_commit("payments.apply_notifications")
            commits.append(clock.at)

        assert all(any(at <= ring <= at + queue.BURST_SECONDS for ring in heard_at) for at in commits)
        assert len(heard_at) < len(commits)

    def test_are_of_one_task(self, delays: list[float], clock: SimpleNamespace) -> None:
        after_commit("payments.apply_notifications")
        after_commit("payments.query_due")

        assert delays == [0, 0]

    def test_lose_no_ring_that_names_a_row(self, delays: list[float], clock: SimpleNamespace) -> None:
        for refund_id in (1, 2, 3):
            after_commit("payments.send_refund", refund_id=refund_id)

        assert delays == [0, 0, 0]


class TestDeadBroker:
    def test_never_reaches_the_caller_whose_work_is_committed(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(queue, "send", _down)
        with caplog.at_level(logging.WARNING), transaction.atomic():
            after_commit("payments.send_refund", refund_id=7)

        assert "payments.send_refund: OperationalError" in caplog.text

    def test_holds_up_one_caller_and_not_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        tried: list[str] = []

        def down(task_name: str, kwargs: dict[str, object], *, delay: float) -> None:
            tried.append(task_name)
            _down(task_name, kwargs, delay=delay)

        monkeypatch.setattr(queue, "send", down)
        for _ in range(3):
            after_commit("a")
        assert tried == ["a"]

        queue.ring_again()
        after_commit("b")
        assert tried == ["a", "b"]


def _down(task_name: str, kwargs: dict[str, object], *, delay: float) -> None:
    raise OperationalError("connection refused")
