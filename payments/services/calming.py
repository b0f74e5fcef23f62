"""Alerts whose cause went away by itself are closed: nobody should look after what is settled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.db.models.functions import Left

from kernel import alerts
from kernel.alerts import SUBJECT_LENGTH
from kernel.models import Alert

from ..models import Notification, Payment, Refund
from .troubles import PARKED_ALERT, REFUND_ALERT, SILENCE_ALERT, Severity


def close_settled_alerts(*, at: datetime, limit: int) -> int:
    """Close alerts about messages, payments and refunds that came right after all. :return: how many"""
    closed = 0
    for kind, settled_of in SETTLED.items():
        waiting = Alert.objects.filter(kind=kind, resolved_at=None).exclude(severity=Severity.CRITICAL)
        subjects = list(waiting.order_by("pk").values_list("subject", flat=True)[:limit])
        closed += sum(alerts.resolve(kind=kind, subject=subject, at=at) for subject in settled_of(subjects))
    return closed


def _applied(event_keys: Sequence[str]) -> Iterable[str]:
    done = (Notification.State.APPLIED, Notification.State.DUPLICATE, Notification.State.SET_ASIDE)
    rows = Notification.objects.annotate(subject=Left("event_key", SUBJECT_LENGTH)).filter(subject__in=event_keys)
    waiting = set(rows.exclude(state__in=done).values_list("subject", flat=True))  # two accounts may share a key
    return set(rows.filter(state__in=done).values_list("subject", flat=True)) - waiting


def _ended(payment_nos: Sequence[str]) -> Iterable[str]:
    return (
        Payment.objects.filter(payment_no__in=payment_nos)
        .exclude(status__in=Payment.OPEN)
        .values_list("payment_no", flat=True)
    )


def _refunded(refund_nos: Sequence[str]) -> Iterable[str]:
    """One that failed is still somebody's work."""
    done = Refund.objects.filter(refund_no__in=refund_nos, status=Refund.Status.SUCCEEDED)
    return done.values_list("refund_no", flat=True)


SETTLED: dict[str, Callable[[Sequence[str]], Iterable[str]]] = {
    PARKED_ALERT: _applied,
    SILENCE_ALERT: _ended,
    REFUND_ALERT: _refunded,
}
