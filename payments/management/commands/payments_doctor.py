from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kernel.clock import now
from kernel.commands import OK, PROBLEMS_FOUND, OpsCommand
from payments import services
from payments.gateways import CheckResult, CheckStatus, gateway_class
from payments.models import GatewayAccount

MARKS = {CheckStatus.OK: "✓", CheckStatus.WARNING: "!", CheckStatus.ERROR: "✗"}


class Command(OpsCommand):
    help = gettext_noop(
        "Look for mistakes in payment accounts: keys, certificates, addresses, clock. No money moves. "
        "Exits 3 if something is wrong."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--account", metavar="CODE", help=_("only this account; else every enabled one"))
        parser.add_argument("--online", action="store_true", help=_("also ask the gateway, and our own address"))

    def run(self, *, account: str | None, online: bool, **_options: Any) -> int:
        enabled = GatewayAccount.objects.filter(is_enabled=True).order_by("position", "pk")
        found: Counter[CheckStatus] = Counter()
        for row in [services.get_account(code=account)] if account else enabled:
            checks = services.examine(account=row, online=online, at=now())
            found.update(it.status for it in checks)
            self._tell(row, checks)
        self.summary(
            _("%(ok)d fine, %(warnings)d warnings, %(errors)d wrong"),
            ok=found[CheckStatus.OK],
            warnings=found[CheckStatus.WARNING],
            errors=found[CheckStatus.ERROR],
        )
        return PROBLEMS_FOUND if found[CheckStatus.ERROR] else OK

    def _tell(self, account: GatewayAccount, checks: list[CheckResult]) -> None:
        label = gateway_class(code=account.gateway).label
        self.say(f"{account.name} · {label} · {account.code} ({account.get_environment_display()})")
        for it in checks:
            if self.is_json:
                facts = {"label": str(it.label), "value": it.value, "meaning": it.meaning, "remedy": it.remedy}
                self.report(account.code, it.code, status=str(it.status), **facts)
                continue
            told = it.value if it.status is CheckStatus.OK and it.value else it.meaning
            self.say(f" {MARKS[it.status]} {it.label}: {told}")
            if it.remedy:
                self.say(f"     → {it.remedy}")
