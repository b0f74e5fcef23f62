from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import day_bounds, now
from kernel.commands import OK, PARTLY_DONE, OpsCommand, business_day
from payments import services
from payments.models import Notification


class Command(OpsCommand):
    help = gettext_noop("Apply stored notifications again. Safe any number of times: nothing is booked twice.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help=_("ids of the notification log"))
        parser.add_argument("--failed", action="store_true", help=_("all that are parked"))
        parser.add_argument("--since", type=business_day, help=_("received on this business day or later, YYYY-MM-DD"))

    def run(self, *, ids: list[int], failed: bool, since: date | None, **_options: Any) -> int:
        if not (ids or failed or since):
            raise CommandError(_("Name ids, or write --failed or --since."), returncode=2)
        wanted = self._wanted(ids=ids, failed=failed, since=since)
        for start in range(0, len(wanted), 500):
            services.replay(notification_ids=wanted[start : start + 500], by=None, at=now())
        services.apply_notifications(at=now(), limit=len(wanted))
        waiting = (Notification.State.PARKED, Notification.State.SET_ASIDE)
        parked = Notification.objects.filter(pk__in=wanted, state__in=waiting)
        for row in parked.only("event_key", "last_error"):
            self.report(row.event_key, _("parked"), error=row.last_error)
        self.summary(_("%(count)d replayed, %(parked)d parked"), count=len(wanted), parked=len(parked))
        return PARTLY_DONE if parked else OK

    def _wanted(self, *, ids: list[int], failed: bool, since: date | None) -> list[int]:
        rows = Notification.objects.all()
        if ids:
            rows = rows.filter(pk__in=ids)
        if failed:
            rows = rows.filter(state=Notification.State.PARKED)
        if since:
            rows = rows.filter(received_at__gte=day_bounds(since)[0])
        return list(rows.order_by("received_at", "pk").values_list("pk", flat=True))
