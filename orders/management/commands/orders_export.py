from __future__ import annotations

import os
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from datetime import date
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO

from django.core.management.base import CommandParser
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import day_bounds, now
from kernel.commands import OK, OpsCommand, business_day
from kernel.errors import DomainError
from kernel.workflow import graph_of
from orders.imports import write_csv, write_xlsx
from orders.imports.export import exported
from orders.models import Order
from orders.services import current_version
from orders.services.exporting import begin_export

STDOUT = Path("-")
CSV, XLSX = FORMATS = ("csv", "xlsx")
ENCODINGS = ("utf-8-sig", "utf-8", "gb18030")


class CannotWriteExport(DomainError):
    text = _("The orders cannot be written to %(path)s: %(why)s.")


class NoSuchState(DomainError):
    text = _("No order is in a state “%(state)s”. Choose one of: %(known)s.")


class OneOutputOnly(DomainError):
    text = _("With --format json, name a FILE: standard output cannot hold both.")


class Command(OpsCommand):
    help = gettext_noop("Export orders in our own layout, which orders_import reads back. Personal data is masked.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", default=STDOUT, help=_("- is standard output"))
        parser.add_argument("--format-file", choices=FORMATS, help=_("by the name of the file, if left out"))
        parser.add_argument("--encoding", choices=ENCODINGS, default=ENCODINGS[0], help=_("of a CSV file"))
        masking = parser.add_mutually_exclusive_group()
        masking.add_argument("--mask", dest="masked", action="store_true", default=True, help=_("the default"))
        masking.add_argument(
            "--unmasked", dest="masked", action="store_false", help=_("with names, phones and addresses in full")
        )
        parser.add_argument("--since", type=business_day, help=_("placed on this day or later, YYYY-MM-DD"))
        parser.add_argument("--state", action="append", default=[], help=_("in this state; may be repeated"))
        parser.add_argument("--limit", type=_whole, help=_("at most so many, oldest first"))

    def run(self, *, file: Path, format_file: str | None, masked: bool, **options: Any) -> int:
        self._prepare(file)
        file_format = format_file or (XLSX if file.suffix.lower() == ".xlsx" else CSV)
        orders = _chosen(since=options["since"], states=options["state"])
        limit = options["limit"] or sys.maxsize
        count = min(orders.count(), limit)
        filters = {name: str(value) for name in ("since", "state", "limit") if (value := options[name])}
        begin_export(orders=count, file_format=file_format, masked=masked, filters=filters, by=None, at=now())

        def write(out: BinaryIO) -> None:
            rows = self.progress(islice(exported(orders, masked=masked), limit), total=count)
            if file_format == XLSX:
                write_xlsx(out, rows)
            else:
                write_csv(out, rows, encoding=options["encoding"])

        _write(file, write)
        self.summary(_("%(orders)d orders exported."), orders=count, masked=masked)
        return OK

    def _prepare(self, file: Path) -> None:
        if file != STDOUT:
            return
        if self.is_json:
            raise OneOutputOnly
        self.is_quiet = True  # nothing else may stand there


def _chosen(*, since: date | None, states: list[str]) -> QuerySet[Order]:
    orders = Order.objects.all()
    if since is not None:
        orders = orders.filter(placed_at__gte=day_bounds(since)[0])
    if states:
        _check_states(states)
        orders = orders.filter(state__in=states)
    return orders


def _check_states(states: list[str]) -> None:
    known = graph_of(current_version().pk).states
    for state in states:
        if state not in known and not Order.objects.filter(state=state).exists():
            raise NoSuchState(state=state, known=", ".join(sorted(known)))


def _write(file: Path, write: Callable[[BinaryIO], None]) -> None:
    """Whole or not at all: an export that is interrupted leaves nothing that looks like one."""
    if file == STDOUT:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    try:
        with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}.", delete=False) as part:
            _fill(Path(part.name), part, write)  # type: ignore[arg-type]
        os.replace(part.name, file)
    except OSError as error:
        raise CannotWriteExport(path=file, why=error.strerror or str(error)) from error


def _fill(path: Path, part: BinaryIO, write: Callable[[BinaryIO], None]) -> None:
    try:
        write(part)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _whole(text: str) -> int:
    if not (text.isdecimal() and int(text)):
        raise ArgumentTypeError(_("“%(given)s” is not a whole number above zero.") % {"given": text})
    return int(text)
