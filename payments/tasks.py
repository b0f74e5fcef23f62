"""The doors of workers: rung by the bell after a commit, and by the clock in case the bell was not heard."""

from __future__ import annotations

from datetime import datetime, timedelta

from celery import shared_task

from kernel.clock import now
from kernel.timers import timer

from . import services
from .services import calming, soundness

LIMIT = 500


@shared_task(name="payments.apply_notifications", ignore_result=True)
def apply_notifications(*, limit: int = LIMIT, **_later: object) -> int:
    return services.apply_notifications(at=now(), limit=limit)


@shared_task(name="payments.query_due", ignore_result=True)
def query_due(*, limit: int = 50, **_later: object) -> int:
    return services.run_query_ladder(at=now(), limit=limit)


@shared_task(name="payments.send_refund", ignore_result=True)
def send_refund(*, refund_id: int, **_later: object) -> None:
    services.send_refund(refund_id=refund_id, at=now())


@shared_task(name="payments.resolve_refunds", ignore_result=True)
def resolve_refunds(*, limit: int = 50, **_later: object) -> int:
    return services.resolve_refunds(at=now(), limit=limit)


@shared_task(name="payments.refresh_keys", ignore_result=True)
def refresh_keys(*, limit: int = 50, **_later: object) -> int:
    return services.refresh_keys(at=now(), limit=limit)


@shared_task(name="payments.issue_invoices", ignore_result=True)
def issue_invoices(*, limit: int = 50, **_later: object) -> int:
    return services.issue_due(at=now(), limit=limit)


@timer(name="payments.apply_notifications", every=timedelta(seconds=5))
def sweep_inbox(*, at: datetime, limit: int) -> int:
    return services.apply_notifications(at=at, limit=limit)


@timer(name="payments.query_due", every=timedelta(seconds=5))
def climb_ladder(*, at: datetime, limit: int) -> int:
    return services.run_query_ladder(at=at, limit=limit)


@timer(name="payments.resolve_refunds", every=timedelta(seconds=10))
def sweep_refunds(*, at: datetime, limit: int) -> int:
    return services.resolve_refunds(at=at, limit=limit)


@timer(name="payments.issue_invoices", every=timedelta(seconds=10))
def sweep_invoices(*, at: datetime, limit: int) -> int:
    return services.issue_due(at=at, limit=limit)


@timer(name="payments.expire_approvals", every=timedelta(minutes=1))
def expire_approvals(*, at: datetime, limit: int) -> int:
    return services.expire_refund_approvals(at=at, limit=limit)


@timer(name="payments.fetch_statements", every=timedelta(minutes=10))
def fetch_statements(*, at: datetime, limit: int) -> int:
    services.plan_statements(at=at)
    fetched = services.fetch_due(at=at, limit=limit)
    for statement in fetched:
        services.reconcile_with_neighbours(statement_id=statement.pk, at=at)
    return len(fetched)


@timer(name="payments.prune_bodies", every=timedelta(hours=1))
def prune_bodies(*, at: datetime, limit: int) -> int:
    return services.prune_bodies(at=at, limit=limit)


@timer(name="payments.refresh_keys", every=timedelta(minutes=1))
def sweep_keys(*, at: datetime, limit: int) -> int:
    """Those that are missed, and each half a day those of every gateway that gives them."""
    return services.refresh_keys(at=at, limit=limit)


@timer(name="payments.warn_of_expiry", every=timedelta(hours=1))
def warn_of_expiry(*, at: datetime, limit: int) -> int:
    return services.warn_of_expiry(at=at, limit=limit)


@timer(name="payments.judge_accounts", every=timedelta(minutes=1))
def judge_accounts(*, at: datetime, limit: int) -> int:
    """What an account offers to customers follows what the doctor finds, without a page waiting for it."""
    return soundness.judge_accounts(at=at, limit=limit)


@timer(name="payments.close_settled_alerts", every=timedelta(minutes=1))
def close_settled_alerts(*, at: datetime, limit: int) -> int:
    return calming.close_settled_alerts(at=at, limit=limit)


@timer(name="payments.flush_key_use", every=timedelta(minutes=1))
def flush_key_use(*, at: datetime, limit: int) -> int:
    """What this process counted since a key's last busy moment."""
    services.flush_counts()
    return 0


@timer(name="payments.prune_key_use", every=timedelta(hours=1))
def prune_key_use(*, at: datetime, limit: int) -> int:
    return services.prune_key_use(at=at, limit=limit)


@timer(name="payments.watch_success", every=timedelta(minutes=5))
def watch_success(*, at: datetime, limit: int) -> int:
    """Whether customers succeed as usual, account by account."""
    return services.watch_success(at=at)
