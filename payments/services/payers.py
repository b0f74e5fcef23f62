"""Who pays inside a wallet's own app: the customer's browser asks the wallet, and comes back with a code. Not kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from hmac import compare_digest

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.secrets import lookup_hash

from ..gateways import ConfigError, guard_no_transaction
from ..models import GatewayAccount, PayLink
from .accounts import gateway_of
from .starting import Ask, MethodNotAvailable, chosen_account
from .troubles import tell_config_error

LIFETIME = timedelta(minutes=10)
TIME_DIGITS = 8


class PayerNotTold(DomainError):
    text = _("The wallet did not say who pays. Try once more.")


def login_address(*, link: PayLink, ask: Ask, at: datetime) -> str:
    """
    Where the browser goes so that the wallet tells us who pays; it comes back to `ask.return_path`.

    :raises MethodNotAvailable: if no account offers this for the order, or the account is set up wrongly
    """
    account = chosen_account(order=link.order, ask=ask)
    try:
        return gateway_of(account).payer_login(
            return_url=f"{settings.PUBLIC_URL}{ask.return_path}",
            state=_state(link, account, until=int((at + LIFETIME).timestamp())),
        )
    except ConfigError as error:
        tell_config_error(account=account, error=error, at=at)
        raise MethodNotAvailable from error


def payer_ref(*, link: PayLink, ask: Ask, code: str, state: str, at: datetime) -> str:
    """
    Who pays, by what the wallet sent along with the browser.

    :raises PayerNotTold: if it was not sent from this page, too long ago, or the code is good for nothing
    :raises MethodNotAvailable: if no account offers this for the order, or the account is set up wrongly
    """
    guard_no_transaction()
    account = chosen_account(order=link.order, ask=ask)
    if not code or not _is_ours(state, link, account, at=at):
        raise PayerNotTold
    try:
        payer = gateway_of(account).payer_of(code=code)
    except ConfigError as error:
        tell_config_error(account=account, error=error, at=at)
        raise MethodNotAvailable from error
    if not payer:
        raise PayerNotTold
    return payer


def _state(link: PayLink, account: GatewayAccount, *, until: int) -> str:
    """Letters and digits alone, because that is all that WeChat brings back."""
    head = f"{until:0{TIME_DIGITS}x}"
    return head + lookup_hash(f"{head}:{link.pk}:{account.pk}", kind="payer_login")


def _is_ours(state: str, link: PayLink, account: GatewayAccount, *, at: datetime) -> bool:
    try:
        until = int(state[:TIME_DIGITS], 16)
    except ValueError:
        return False
    return at.timestamp() < until and compare_digest(state.encode(), _state(link, account, until=until).encode())
