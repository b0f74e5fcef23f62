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

FIRST = (".xml", ".zip")  # they say which invoice they are; the others are found by the number these brought
KINDS = (*FIRST, ".pdf", ".ofd")
TOGETHER = 50


class Command(OpsCommand):
    help = gettext_noop(
        "Take the tax platform's files (PDF, OFD, XML, ZIP) from a folder, each to its invoice, and send them. "
        "Exits 4 if some belong to none."
    )
    lock = "invoices_import"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, metavar="DIR", help=_("folder with the files; those inside it are not searched")
        )
        parser.add_argument("--dry-run", action="store_true", help=_("only say which invoice each belongs to"))

    def run(self, *, folder: Path, dry_run: bool, **_options: Any) -> int:
        files, taken, rejected = _files_of(folder), 0, 0
        parts = [files[n : n + TOGETHER] for n in range(0, len(files), TOGETHER)]
        for part in self.progress(parts, total=len(parts)):
            for placed in _placed(part, dry_run=dry_run):
                number = "" if placed.request is None else str(placed.request)
                self.report(placed.name, number or _("rejected"), words=placed.why)
                taken, rejected = taken + bool(number), rejected + (not number)
        self.summary(
            _("%(files)d files: %(taken)d taken, %(rejected)d rejected"),
            files=len(files),
            taken=taken,
            rejected=rejected,
        )
        return PARTLY_DONE if rejected else OK


def _files_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise CommandError(_("%(folder)s is no folder.") % {"folder": folder})
    found = [file for file in folder.iterdir() if file.is_file() and file.suffix.lower() in KINDS]
    return sorted(found, key=lambda file: (file.suffix.lower() not in FIRST, file.name))


def _placed(files: list[Path], *, dry_run: bool) -> list[services.Placed]:
    uploads = [services.Upload(name=file.name, content=file.read_bytes()) for file in files]
    if dry_run:
        return services.match_files(uploads=uploads)
    return services.take_files(uploads=uploads, by=None, at=now())
