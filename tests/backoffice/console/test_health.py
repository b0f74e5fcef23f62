from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client

from backoffice.console import health
from kernel.heartbeats import SCHEDULER
from kernel.models import Heartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _look_at_migrations_again() -> Iterator[None]:
    health._migrated.clear()
    yield
    health._migrated.clear()


def sweeper_seen(*, seconds_ago: int) -> None:
    Heartbeat.objects.create(name=SCHEDULER, seen_at=NOON - timedelta(seconds=seconds_ago))


class TestHealth:
    def test_is_well_while_timers_take_their_turns(self) -> None:
        sweeper_seen(seconds_ago=7)

        assert health.health(at=NOON) == {
            "status": "ok",
            "database": "ok",
            "migrations_pending": 0,
            "worker": {"status": "ok", "seconds_ago": 7},
        }

    def test_tells_that_nobody_looks_after_what_is_due(self) -> None:
        sweeper_seen(seconds_ago=130)

        facts = health.health(at=NOON)

        assert (facts["status"], facts["worker"]) == ("degraded", {"status": "late", "seconds_ago": 130})

    def test_tells_that_nobody_ever_did(self) -> None:
        facts = health.health(at=NOON)

        assert (facts["status"], facts["worker"]) == ("degraded", {"status": "never seen", "seconds_ago": None})

    def test_is_down_before_migrations_are_applied(self) -> None:
        with patch("django.db.migrations.executor.MigrationExecutor.migration_plan", return_value=["one", "two"]):
            facts = health.health(at=NOON)

        assert (facts["status"], facts["migrations_pending"]) == ("down", 2)


class TestHealthz:
    def test_answers_without_signing_in_and_is_kept_nowhere(self, client: Client) -> None:
        response = client.get("/healthz")

        assert (response.status_code, response.json()["database"]) == (200, "ok")
        assert "no-store" in response["Cache-Control"]

    def test_answers_503_without_a_database_and_tells_no_stranger_why(self, client: Client) -> None:
        with patch.object(health, "_pending_migrations", side_effect=OperationalError("password of shop@10.0.0.7")):
            response = client.get("/healthz")

        assert (response.status_code, response.json()) == (503, {"status": "down", "database": "no answer"})

    def test_is_only_read(self, client: Client) -> None:
        assert client.post("/healthz").status_code == 405
