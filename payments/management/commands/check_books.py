from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import now
from kernel.commands import OK, PROBLEMS_FOUND, OpsCommand, business_day
from payments import services


class Command(OpsCommand):
    help = gettext_noop(
        "Prove that orders, payments, refunds and the ledger agree. Exits 3 if they do not, and names the offenders."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, default=20, help=_("how many offenders of a kind are named"))
        parser.add_argument(
            "--since",
            type=business_day,
            metavar="YYYY-MM-DD",
            help=_("only rows made from this day on; balances are always whole"),
        )

    def run(self, *, limit: int, since: date | None, **_options: Any) -> int:
        found: Counter[str] = Counter()
        stretches, total = services.check_books(since=since, at=now()), services.count_stretches(since=since)
        for stretch in self.progress(stretches, total=total):
            for offender in stretch:
                found[offender.check] += 1
                if found[offender.check] <= limit:
                    self.report(offender.reference, offender.check, **offender.facts)
        if not found:
            self.summary(_("The books agree."))
            return OK
        self.summary(_("The books do not agree: %(count)d offenders."), count=found.total())
        return PROBLEMS_FOUND
