from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import now
from kernel.commands import OK, OpsCommand
from payments import services


class Command(OpsCommand):
    help = gettext_noop(
        "Ask the gateways about every payment and refund that is stuck, and apply what the inbox holds."
    )

    lock = "payments_sync"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stuck-minutes", type=int, default=5, help=_("only what has been open for so long"))
        parser.add_argument("--limit", type=int, default=1_000, help=_("how many at most"))

    def run(self, *, stuck_minutes: int, limit: int, **_options: Any) -> int:
        at = now()
        services.bring_forward(stuck_since=at - timedelta(minutes=stuck_minutes), at=at)
        told = services.apply_notifications(at=at, limit=limit)
        payments = services.run_query_ladder(at=at, limit=limit)
        refunds = services.resolve_refunds(at=at, limit=limit)
        self.summary(
            _("%(told)d notifications, %(payments)d payments and %(refunds)d refunds looked at"),
            told=told,
            payments=payments,
            refunds=refunds,
        )
        return OK
