from __future__ import annotations

import getpass
import sys

from django.core.management import call_command
from django.core.management.base import CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from backoffice.console.setup import ensure_owner, prepare_shop
from kernel.clock import now
from kernel.commands import OK, OpsCommand


class Command(OpsCommand):
    help = gettext_noop(
        "Prepare a shop: tables, roles, an owner, the default workflow, carriers and settings. Harmless to repeat."
    )
    lock = "setup"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--admin", default="owner", help=_("user name of the owner (owner)"))
        parser.add_argument(
            "--password-stdin", action="store_true", help=_("read the owner's password from standard input")
        )
        parser.add_argument("--shop-name", default="", help=_("what customers read on the pay page"))

    def run(self, *, admin: str, password_stdin: bool, shop_name: str, **_options: object) -> int:
        call_command("migrate", interactive=False, verbosity=0)
        prepare_shop(at=now(), name=shop_name)
        made_up = ensure_owner(username=admin, password=self._password(password_stdin), at=now())
        if made_up:
            self.report(admin, _("password, shown this once"), password=made_up)
        self.say(_("Another password: python manage.py changepassword %(user)s") % {"user": admin})
        self.summary(_("The shop is ready."))
        return OK

    def _password(self, from_stdin: bool) -> str:
        """From a pipe, as in a script, or typed without an echo."""
        if not from_stdin:
            return ""
        return getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
