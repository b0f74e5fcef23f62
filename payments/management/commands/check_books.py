from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import now
from kernel.commands import OK, PROBLEMS_FOUND, OpsCommand
from payments import services


class Command(OpsCommand):
    help = gettext_noop(
        "Prove that orders, payments, refunds and the ledger agree. Exits 3 if they do not, and names the offenders."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--limit", type=int, default=20, help=_("how many offenders of a kind are named"))

    def run(self, *, limit: int, **_options: Any) -> int:
        found: Counter[str] = Counter()
        for stretch in self.progress(services.check_books(at=now()), total=services.count_stretches()):
            for offender in stretch:
                found[offender.check] += 1
                if found[offender.check] <= limit:
                    self.report(offender.reference, offender.check, **offender.facts)
        if not found:
            self.summary(_("The books agree."))
            return OK
        self.summary(_("The books do not agree: %(count)d offenders."), count=found.total())
        return PROBLEMS_FOUND
