"""Accounts at gateways: found by code, and their gateway object made once per set of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from kernel import secrets
from kernel.clock import now
from kernel.errors import DomainError

from ..gateways import AccountConfig, CheckResult, ConfigError, Environment, Gateway, Meter, gateway_for
from ..gateways.base import no_meter
from ..models import Credential, GatewayAccount
from .key_use import meter_of

GATEWAY_URL = "gateway_url"  # the one setting that every gateway has: where a sandbox account's gateway is

Values = Mapping[str, tuple[str, ...]]  # of each kind the keys in clear, the one that signs first


class AccountNotFound(DomainError):
    text = _("There is no payment account “%(code)s”.")


class SealedForGood(ConfigError):
    text = _(
        "The keys of payment account “%(label)s” cannot be decrypted. Restore ENCRYPTION_KEYS, or set the keys again."
    )


def get_account(*, code: str) -> GatewayAccount:
    """
    :raises AccountNotFound: if there is none
    """
    account = GatewayAccount.objects.filter(code=code).first()
    if account is None:
        raise AccountNotFound(code=code)
    return account


_gateways: dict[int, tuple[str, Gateway]] = {}


def gateway_of(account: GatewayAccount) -> Gateway:
    """
    The gateway of an account, made anew when its settings or keys have changed, or another key's time to sign came.

    :raises SealedForGood: if a key of the account cannot be decrypted
    """
    rows = in_order(alive(account), at=now())
    state = repr((account.gateway, account.environment, account.settings, [(row.pk, row.fingerprint) for row in rows]))
    known = _gateways.get(account.pk)
    if known is None or known[0] != state:
        clear = {row.pk: value_of(row, account) for row in rows}
        meter = meter_of({(row.kind, clear[row.pk]): row.pk for row in reversed(rows)})
        known = state, make_gateway(account, by_kind((row.kind, clear[row.pk]) for row in rows), meter=meter)
        _gateways[account.pk] = known
    return known[1]


def notify_url(account: GatewayAccount) -> str:
    """Where the gateway sends this account's notifications."""
    return f"{settings.PUBLIC_URL}/webhooks/{account.webhook_key}/"


def check_account(*, account: GatewayAccount, online: bool = False) -> list[CheckResult]:
    """What its gateway finds right and wrong. Online, the gateway itself is asked, too: not inside a transaction."""
    return gateway_of(account).self_check(online=online, notify_url=notify_url(account))


def alive(account: GatewayAccount) -> QuerySet[Credential]:
    return Credential.objects.filter(account_id=account.pk, retired_at=None)


def in_order(rows: Iterable[Credential], *, at: datetime) -> list[Credential]:
    """The one that signs first: the newest whose time has come. Those that wait for theirs come last."""
    return sorted(rows, key=lambda row: (row.signs_from is not None and row.signs_from > at, -row.pk))


def value_of(row: Credential, account: GatewayAccount) -> str:
    """
    :raises SealedForGood: if it cannot be decrypted
    """
    try:
        clear: str = row.value
    except secrets.CannotDecrypt as error:
        raise SealedForGood(field="credentials", label=account.name) from error
    return clear


def by_kind(values: Iterable[tuple[str, str]]) -> Values:
    kept: dict[str, tuple[str, ...]] = {}
    for kind, value in values:
        kept[kind] = (*kept.get(kind, ()), value)
    return kept


def make_gateway(account: GatewayAccount, values: Values, *, meter: Meter = no_meter) -> Gateway:
    """A gateway with these keys, whether or not they are the account's own."""
    config = AccountConfig(
        environment=Environment(account.environment),
        settings={code: value for code, value in account.settings.items() if code != GATEWAY_URL},
        credentials={kind: clear[0] for kind, clear in values.items()},
        others={kind: clear[1:] for kind, clear in values.items() if len(clear) > 1},
        base_url=account.settings.get(GATEWAY_URL, ""),
    )
    return gateway_for(code=account.gateway, config=config, meter=meter)
