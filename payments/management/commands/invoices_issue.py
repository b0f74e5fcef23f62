from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import now
from kernel.commands import OK, PARTLY_DONE, OpsCommand
from payments import services
from payments.models import InvoiceRequest

Status = InvoiceRequest.Status
WAITING = (Status.REQUESTED, Status.ISSUING, Status.RED_PENDING)


class Command(OpsCommand):
    help = gettext_noop(
        "Issue all invoices and red letters that are ready: through the provider, or as a list for the tax bureau. "
        "Exits 4 if some could not be issued."
    )
    lock = "invoices_issue"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help=_("only say what is ready, and what stands against it")
        )
        parser.add_argument("--limit", type=int, default=500, help=_("at most so many; 500 if not given"))
        parser.add_argument(
            "--workbook",
            type=Path,
            metavar="FILE",
            help=_("write those issued by hand as a workbook; they count as being issued"),
        )

    def run(self, *, dry_run: bool, limit: int, workbook: Path | None, **_options: Any) -> int:
        at = now()
        found = services.ready(InvoiceRequest.objects.filter(status__in=WAITING), at=at).select_related("order", "blue")
        rows = [*found.order_by("pk")[:limit]]
        online = [row for row in rows if services.is_online(row)]
        refused = 0
        for row in self.progress(online, total=len(online)):
            refused += not (self._look(row) if dry_run else self._send(row))
        by_hand = [row for row in rows if row not in online]
        if dry_run:
            refused += sum(not self._look(row) for row in by_hand)
        elif workbook is not None:
            self._write(workbook)
        self.summary(
            _("%(ready)d ready, %(refused)d of them not issued, %(by_hand)d to be issued by hand"),
            ready=len(rows),
            refused=refused,
            by_hand=len(by_hand),
        )
        return PARTLY_DONE if refused else OK

    def _look(self, row: InvoiceRequest) -> bool:
        refusal = None if row.is_red else services.refusal_of(row, at=now())
        self.report(row.request_no, _("ready") if refusal is None else _("not ready"), words=str(refusal or ""))
        return refusal is None

    def _send(self, row: InvoiceRequest) -> bool:
        """One that waits for a person is not the provider's to issue."""
        if row.due_at is None:
            self.report(row.request_no, row.get_status_display(), words=row.reason)
            return False
        row = services.step_now(request_id=row.pk, at=now())
        self.report(row.request_no, row.get_status_display(), words=row.reason or row.last_message)
        return row.status != Status.FAILED

    def _write(self, file: Path) -> None:
        try:
            content = services.export_invoices(again=False, by=None, at=now())
        except services.NothingToExport as nothing:
            self.say(str(nothing))
            return
        try:
            file.write_bytes(content)
        except OSError as error:
            raise CommandError(
                _("%(file)s cannot be written: %(error)s") % {"file": file, "error": error.strerror or error}
            ) from error
