from __future__ import annotations

from argparse import ArgumentParser

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel import events
from kernel.clock import now
from kernel.commands import OK, OpsCommand
from kernel.models import Delivery


class Command(OpsCommand):
    help = gettext_noop("Deliver parked events again, once the reason they failed for is gone.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--handler", help=_("only those of this handler"))
        parser.add_argument("--limit", type=int, default=1000, help=_("at most so many"))
        parser.add_argument("--dry-run", action="store_true", help=_("only show which"))

    def run(self, *, handler: str | None, limit: int, dry_run: bool, **_options: object) -> int:
        parked = Delivery.objects.parked().order_by("pk").select_related("event")
        chosen = list((parked.filter(handler=handler) if handler else parked)[:limit])
        for delivery in chosen:
            self.report(delivery.pk, delivery.handler, event=str(delivery.event), at=delivery.event.created_at)
        queued = 0 if dry_run else events.rerun(delivery_ids=[it.pk for it in chosen], by=None, at=now())
        self.summary(_("%(parked)d parked, %(queued)d due again"), parked=len(chosen), queued=queued)
        return OK
