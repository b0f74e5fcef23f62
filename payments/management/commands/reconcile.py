from __future__ import annotations

from argparse import ArgumentParser
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import business_day as day_of
from kernel.clock import now
from kernel.commands import OK, PROBLEMS_FOUND, OpsCommand, business_day
from payments import services
from payments.models import Discrepancy, Statement


class Command(OpsCommand):
    help = gettext_noop(
        "Compare the statements of a day with our payments and the ledger. Exits 3 if differences stay open."
    )

    lock = "reconcile"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--date", type=business_day, metavar="YYYY-MM-DD", help=_("business day; yesterday if not given")
        )
        parser.add_argument("--account", metavar="CODE", help=_("only this payment account"))
        parser.add_argument(
            "--auto-fix",
            choices=("no", "safe"),
            default="no",
            help=_("safe: book what the gateway confirms"),
        )

    def run(self, *, date: date | None, account: str | None, auto_fix: str, **_options: Any) -> int:
        at = now()
        day = date or day_of(at) - timedelta(days=1)
        statements = Statement.objects.filter(day=day).order_by("account__position", "pk")
        if account is not None:
            statements = statements.filter(account=services.get_account(code=account))
        chosen = list(statements)
        for statement in self.progress(chosen, total=len(chosen)):
            services.reconcile_with_neighbours(statement_id=statement.pk, at=at)
            if auto_fix == "safe":
                services.repair_all(statement_id=statement.pk, at=at)
        return self._tell(chosen, day)

    def _tell(self, chosen: list[Statement], day: date) -> int:
        if not chosen:
            self.summary(_("No statement of %(day)s is here. Run statement_fetch first."), day=str(day))
            return PROBLEMS_FOUND
        found = Discrepancy.objects.filter(statement__in=chosen, resolved_at=None)
        rows = found.exclude(kind=Discrepancy.Kind.CUTOFF)  # these wait for the day beside
        for row in rows.select_related("statement__account").order_by("pk"):
            self.report(
                row.payment_no or row.gateway_trade_no,
                row.kind,
                account=row.statement.account.code,
                movement=row.movement,
                ours_fen=row.ours_fen,
                theirs_fen=row.theirs_fen,
                our_state=row.our_state,
            )
        self.summary(
            _("%(statements)d statements of %(day)s compared, %(open)d differences open"),
            statements=len(chosen),
            day=str(day),
            open=len(rows),
        )
        return PROBLEMS_FOUND if rows else OK
