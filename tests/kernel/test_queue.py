from __future__ import annotations

import logging

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

        def down(task_name: str, kwargs: dict[str, object]) -> None:
            tried.append(task_name)
            _down(task_name, kwargs)

        monkeypatch.setattr(queue, "send", down)
        for _ in range(3):
            after_commit("a")
        assert tried == ["a"]

        queue.ring_again()
        after_commit("b")
        assert tried == ["a", "b"]


def _down(task_name: str, kwargs: dict[str, object]) -> None:
    raise OperationalError("connection refused")
