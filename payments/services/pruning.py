"""Raw messages hold what customers' accounts are called; they go after a time. The event keys stay for good."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..models import Notification

KEPT = timedelta(days=180)


def prune_bodies(*, at: datetime, limit: int) -> int:
    """Empty the bodies and headers of old messages that were applied. :return: how many"""
    done = (Notification.State.APPLIED, Notification.State.DUPLICATE)
    old = Notification.objects.filter(received_at__lt=at - KEPT, state__in=done).exclude(body=b"")
    ids = list(old.order_by("received_at").values_list("pk", flat=True)[:limit])
    return Notification.objects.filter(pk__in=ids).update(body=b"", headers={})
