from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import now
from kernel.commands import OK, PARTLY_DONE, OpsCommand
from payments import services
from payments.models import Payment, Refund


class Command(OpsCommand):
    help = gettext_noop("Ask the gateway about payments and refunds by their numbers, and book what it says.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="+", metavar="NUMBER", help=_("payment or refund numbers"))
        parser.add_argument("--dry-run", action="store_true", help=_("ask, but book nothing; of payments alone"))

    def run(self, *, numbers: list[str], dry_run: bool, **_options: Any) -> int:
        missing = 0
        for number in self.progress(numbers, total=len(numbers)):
            missing += not self._ask(number, dry_run=dry_run)
        self.summary(_("%(asked)d asked, %(missing)d not found"), asked=len(numbers) - missing, missing=missing)
        return PARTLY_DONE if missing else OK

    def _ask(self, number: str, *, dry_run: bool) -> bool:
        payment = Payment.objects.filter(payment_no=number).select_related("account").first()
        if payment is not None:
            self._report_payment(payment, dry_run=dry_run)
            return True
        refund = Refund.objects.filter(refund_no=number).first()
        if refund is None:
            self.report(number, _("no such payment or refund"))
            return False
        if not dry_run:
            refund = services.ask_refund(refund_id=refund.pk, at=now())
        self.report(number, refund.get_status_display(), words=refund.last_message)
        return True

    def _report_payment(self, payment: Payment, *, dry_run: bool) -> None:
        if dry_run:
            told = services.hear_about(payment=payment)
            self.report(payment.payment_no, told.outcome, state=told.native_state, words=told.message or told.code)
            return
        payment = services.query_payment(payment_id=payment.pk, at=now())
        self.report(payment.payment_no, payment.get_status_display(), words=payment.last_message)
