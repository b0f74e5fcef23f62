from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import now
from kernel.commands import OK, PARTLY_DONE, OpsCommand
from payments import services
from payments.models import Credential, GatewayAccount

MOST_BYTES = 64 * 1024


class Command(OpsCommand):
    help = gettext_noop(
        "Set a new key or certificate of a payment account beside the old one: the new one signs, both are accepted. "
        "What belongs together, such as a key and its certificate, is set at once: --kind and --file, several times. "
        "Exits 4 if the old one was to be retired and is still in use."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", required=True, metavar="CODE", help=_("code of the account"))
        parser.add_argument("--kind", required=True, action="append", help=_("which key, such as private_key"))
        parser.add_argument("--file", required=True, action="append", type=Path, help=_("PEM, DER or PFX file"))
        parser.add_argument("--password-stdin", action="store_true", help=_("read the password of a PFX file"))
        parser.add_argument(
            "--retire-old", action="store_true", help=_("retire the old ones that nothing used for a day")
        )
        parser.add_argument("--dry-run", action="store_true", help=_("try the key out, and keep everything as it is"))

    def run(self, *, account: str, kind: list[str], file: list[Path], **options: Any) -> int:
        row = services.get_account(code=account)
        keys = self._keys(kind, file, has_password=options["password_stdin"])
        before = self._alive(row, kind)
        with transaction.atomic():
            made = services.set_credentials(account_id=row.pk, keys=keys, by=None, at=now())
            transaction.set_rollback(options["dry_run"])
        for old in before:
            self._tell(old, _("stands beside it") if self._is_alive(old) else _("replaced"))
        for new in made:
            self._tell(new, _("would sign") if options["dry_run"] else _("signs"))
        kept = self._retire(before) if options["retire_old"] and not options["dry_run"] else 0
        self.summary(
            _("%(kind)s of %(account)s: %(old)d before, %(kept)d still in use"),
            kind=", ".join(kind),
            account=account,
            old=len(before),
            kept=kept,
        )
        return PARTLY_DONE if kept else OK

    def _keys(self, kinds: list[str], files: list[Path], *, has_password: bool) -> dict[str, services.NewKey]:
        if len(kinds) != len(files) or len(set(kinds)) != len(kinds):
            raise CommandError(_("Give one --file for each --kind, and each --kind once."))
        password = sys.stdin.readline().rstrip("\r\n") if has_password else ""
        texts = {kind: services.text_of_file(self._read(file)) for kind, file in zip(kinds, files, strict=True)}
        return {kind: services.NewKey(text=text, password=password) for kind, text in texts.items()}

    def _retire(self, old: list[Credential]) -> int:
        """:return: how many are in use still, and were kept"""
        kept = 0
        for row in old:
            if not self._is_alive(row):
                continue
            try:
                services.retire_credential(account_id=row.account_id, credential_id=row.pk, by=None, at=now())
                self._tell(row, _("retired"))
            except services.KeyInUse as refused:
                kept += 1
                self.report(row.fingerprint, _("kept"), why=refused)
        return kept

    def _read(self, file: Path) -> bytes:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(
                _("%(file)s cannot be read: %(error)s") % {"file": file, "error": error.strerror}
            ) from error
        if len(content) > MOST_BYTES:
            raise CommandError(_("%(file)s is too large to be a key or a certificate.") % {"file": file})
        return content

    def _tell(self, row: Credential, what: str) -> None:
        facts = {"kind_of_key": row.kind, "tail": row.tail, "serial": row.serial, "valid_to": row.valid_to}
        self.report(row.fingerprint, what, **{name: fact for name, fact in facts.items() if fact})

    def _alive(self, account: GatewayAccount, kinds: list[str]) -> list[Credential]:
        return list(Credential.objects.filter(account=account, kind__in=kinds, retired_at=None).order_by("pk"))

    def _is_alive(self, row: Credential) -> bool:
        return Credential.objects.filter(pk=row.pk, retired_at=None).exists()
