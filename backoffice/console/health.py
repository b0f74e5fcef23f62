"""`/healthz`: whether this process can serve, and whether somebody looks after what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from kernel import heartbeats
from kernel.clock import now

LATE = timedelta(minutes=2)  # the sweeper comes every few seconds, and says so four times a minute

_migrated: set[str] = set()  # a process that has seen its migrations applied need not look again


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """503 if requests cannot be served. A late worker is told, and answered 200: restarting the web mends nothing."""
    facts = health(at=now())
    return JsonResponse(facts, status=503 if facts["status"] == "down" else 200)


def health(*, at: datetime) -> dict[str, object]:
    """What is well and what is not, in words that a stranger may read."""
    try:
        pending = _pending_migrations()
        worker = {"status": "unknown", "seconds_ago": None} if pending else _worker(at=at)
    except (DatabaseError, InterfaceError, OperationalError):
        return {"status": "down", "database": "no answer"}
    status = "down" if pending else "ok" if worker["status"] == "ok" else "degraded"
    return {"status": status, "database": "ok", "migrations_pending": pending, "worker": worker}


def _pending_migrations() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if connection.alias in _migrated:
        return 0
    executor = MigrationExecutor(connection)
    pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not pending:
        _migrated.add(connection.alias)
    return pending


def _worker(*, at: datetime) -> dict[str, object]:
    """When timers last took their turn, whoever made them: a worker, or `run_timers`."""
    seen_at = heartbeats.last_seen(heartbeats.SCHEDULER)
    if seen_at is None:
        return {"status": "never seen", "seconds_ago": None}
    return {
        "status": "ok" if at - seen_at < LATE else "late",
        "seconds_ago": max(0, int((at - seen_at).total_seconds())),
    }
