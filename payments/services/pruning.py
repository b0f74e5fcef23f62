"""Raw messages hold what customers' accounts are called; they go after a time. The event keys stay for good."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..models import Notification, NotificationRefusal

KEPT = timedelta(days=180)
RECEIVED = Notification.State.RECEIVED


def prune_bodies(*, at: datetime, limit: int) -> int:
    """
    Empty the bodies and headers of old messages, and drop the samples of old refusals. What could not be applied for
    half a year keeps its facts, and can be replayed by them.

    :return: how many bodies
    """
    refused = NotificationRefusal.objects.filter(last_at__lt=at - KEPT).order_by("pk")
    NotificationRefusal.objects.filter(pk__in=list(refused.values_list("pk", flat=True)[:limit])).delete()
    old = Notification.objects.filter(received_at__lt=at - KEPT).exclude(state=RECEIVED).exclude(body=b"")
    ids = list(old.order_by("received_at").values_list("pk", flat=True)[:limit])
    return Notification.objects.filter(pk__in=ids).update(body=b"", headers={})
