"""A customer who pays at the sandbox, played from here: the sandbox signs, and tells the shop as a gateway does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.utils.translation import gettext_lazy as _

from kernel.clock import now
from kernel.errors import DomainError
from payments import services as payments
from payments.models import GatewayAccount, Payment
from payments.services import Ask
from payments.services.accounts import GATEWAY_URL

PATIENCE = 10.0  # seconds for the shop to answer all copies
NAP = 0.05


class NotAtSandbox(DomainError):
    text = _("Payment account “%(account)s” is not at the sandbox, so nothing was done. Choose one that is.")


class SandboxNotRunning(DomainError):
    text = _("The sandbox at %(url)s does not answer. Start it: make demo, or python manage.py sandbox.")


class SandboxRefused(DomainError):
    text = _("The sandbox refused: %(words)s")


@dataclass(frozen=True, slots=True)
class AtSandbox:
    """:param url: of the sandbox that plays the account's gateway"""

    account: GatewayAccount
    url: str

    def play(self, *, payment_no: str, pays: bool, copies: int) -> list[str]:
        """
        Pay, or try to and fail. :return: what the shop answered to each notification

        :raises SandboxNotRunning: if it does not answer
        :raises SandboxRefused: if it knows no such payment, or it is over
        """
        wishes: dict[str, object] = {"gateway": self.account.gateway, "copies": copies}
        done = self._ask("POST", f"/sandbox/trades/{payment_no}/{'pay' if pays else 'fail'}", wishes)
        wanted, deadline = set(done["notifications"]), time.monotonic() + PATIENCE
        while wanted and time.monotonic() < deadline:
            told = self._ask("GET", f"/sandbox/notifications.json?out_trade_no={payment_no}")
            sent = [it["attempts"][0] for it in told if it["id"] in wanted and it["attempts"]]
            if len(sent) == len(wanted):
                return [_in_a_line(it) for it in sent]
            time.sleep(NAP)
        return []

    def _ask(self, method: str, path: str, content: dict[str, object] | None = None) -> Any:
        try:
            answer = httpx.request(method, self.url + path, json=content, trust_env=False, timeout=PATIENCE)
        except httpx.HTTPError as error:
            raise SandboxNotRunning(url=self.url) from error
        if answer.status_code >= 400:
            raise SandboxRefused(words=answer.text[:300])
        return answer.json()


def _in_a_line(sent: dict[str, Any]) -> str:
    """What came back; of a page only how it begins."""
    return " ".join(f"{sent['status'] or sent['error']} {sent['answer']}".split())[:60]


def at_sandbox(account: GatewayAccount) -> AtSandbox:
    """
    :raises NotAtSandbox: if real money could move, or the gateway's own test environment would be asked
    """
    parts = urlsplit(account.settings.get(GATEWAY_URL, ""))
    if account.environment != GatewayAccount.Environment.SANDBOX or not parts.netloc:
        raise NotAtSandbox(account=account.name)
    return AtSandbox(account=account, url=f"{parts.scheme}://{parts.netloc}")


def begin(*, order_id: int, account: GatewayAccount, at: datetime) -> Payment:
    """The attempt that this account has open for the order, or a new one, by a code if it gives codes."""
    method = "qr" if "qr" in account.methods else next(iter(account.methods), "")
    return payments.start_attempt(order_id=order_id, ask=Ask(method=method, account_code=account.code), at=at)


def settled(*, payment_id: int, at: datetime) -> Payment:
    """Where the payment stands once what was told is applied; workers may have done it already."""
    payments.apply_notifications(at=at, limit=100)
    payments.run_query_ladder(at=now(), limit=100)  # some gateways' word counts once a query says the same
    return Payment.objects.get(pk=payment_id)
