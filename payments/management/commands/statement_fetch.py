from __future__ import annotations

from argparse import ArgumentParser
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import business_day as day_of
from kernel.clock import now
from kernel.commands import OK, OpsCommand, business_day
from kernel.money import yuan
from payments import services


class Command(OpsCommand):
    help = gettext_noop("Fetch a gateway's statement of a day, or read one from a file, and keep it.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, metavar="CODE", help=_("code of the payment account"))
        parser.add_argument(
            "--date", type=business_day, metavar="YYYY-MM-DD", help=_("business day; yesterday if not given")
        )
        parser.add_argument("--file", type=Path, help=_("a statement downloaded from the gateway's console"))

    def run(self, *, account: str, date: date | None, file: Path | None, **_options: Any) -> int:
        at = now()
        day, row = date or day_of(at) - timedelta(days=1), services.get_account(code=account)
        if file is None:
            statement = services.fetch_statement(account=row, day=day, at=at)
        else:
            statement = services.upload_statement(
                account=row, day=day, name=file.name, content=_read(file), by=None, at=at
            )
        self.summary(
            _("%(payments)d payments, %(refunds)d refunds, fees %(fees)s in the statement of %(day)s"),
            payments=statement.payments,
            refunds=statement.refunds,
            fees=yuan(statement.fees_fen),
            day=str(day),
        )
        return OK


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandError(
            _("%(file)s cannot be read: %(error)s") % {"file": file, "error": error.strerror or error}
        ) from error
