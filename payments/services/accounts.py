"""Accounts at gateways: found by code, and their gateway object made once per set of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import FilteredRelation, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from kernel import secrets
from kernel.clock import now
from kernel.db import Question
from kernel.errors import DomainError

from ..gateways import AccountConfig, CheckResult, ConfigError, Environment, Gateway, Meter, gateway_for
from ..gateways.base import no_meter
from ..gateways.certificates import forget_pfx
from ..gateways.keys import forget_private
from ..models import Credential, GatewayAccount
from .key_use import AccountMeter

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


@dataclass(frozen=True, slots=True)
class KeyMark:
    """What tells that a key is the same still, without reading it: a seal is made once, for one row and one value."""

    pk: int
    seal_id: UUID
    signs_from: datetime | None


Key = TypeVar("Key", Credential, KeyMark)
MARKS = ("pk", "seal_id", "signs_from")

_gateways: dict[int, tuple[str, Gateway]] = {}  # with their keys, parsed, until the next look finds others
ACCOUNT = tuple(field.attname for field in GatewayAccount._meta.concrete_fields)


def gateway_of(account: GatewayAccount, *, marks: Iterable[KeyMark] | None = None) -> Gateway:
    """
    The gateway of an account, made anew when its settings or keys have changed, or another key's time to sign came.

    :param marks: of its keys, where they were read with the account; else they are looked at now
    :raises SealedForGood: if a key of the account cannot be decrypted
    """
    if marks is None:
        marks = [KeyMark(*row) for row in alive(account).values_list(*MARKS)]
    known = _gateways.get(account.pk)
    if known is None or known[0] != _state(account, in_order(marks, at=now())):
        forget_keys(account.pk)
        rows = in_order(alive(account), at=now())
        known = _gateways[account.pk] = _state(account, rows), _made(account, rows)
    return known[1]


def account_at(*, webhook_key: str) -> tuple[GatewayAccount, list[KeyMark]] | None:
    """The account that notifications to this address are for, with the marks of its keys; in one query."""
    rows = _BY_WEBHOOK_KEY.answers(webhook_key)
    if not rows:
        return None
    account = GatewayAccount.from_db(connection.alias, ACCOUNT, rows[0][: len(ACCOUNT)])
    marks = (row[len(ACCOUNT) :] for row in rows)
    return account, [KeyMark(*mark) for mark in marks if mark[0] is not None]


def _with_marks() -> QuerySet[GatewayAccount, tuple[Any, ...]]:
    accounts = GatewayAccount.objects.annotate(
        alive=FilteredRelation("credentials", condition=Q(credentials__retired_at=None))
    )
    return accounts.values_list(*ACCOUNT, *(f"alive__{name}" for name in MARKS)).filter(webhook_key="")


_BY_WEBHOOK_KEY = Question(_with_marks)


def forget_keys(account_id: int) -> None:
    """Keep no key of this account in memory, parsed or not; other processes let go of them at their next look."""
    _gateways.pop(account_id, None)
    forget_private()
    forget_pfx()


def _state(account: GatewayAccount, keys: Iterable[Credential] | Iterable[KeyMark]) -> str:
    settings_now = sorted(account.settings.items())
    return repr((account.gateway, str(account.environment), settings_now, [(key.pk, key.seal_id) for key in keys]))


def _made(account: GatewayAccount, rows: list[Credential]) -> Gateway:
    clear = {row.pk: value_of(row, account) for row in rows}
    meter = AccountMeter(account.pk, {(row.kind, clear[row.pk]): row.pk for row in reversed(rows)})
    return make_gateway(account, by_kind((row.kind, clear[row.pk]) for row in rows), meter=meter)


def notify_url(account: GatewayAccount) -> str:
    """Where the gateway sends this account's notifications."""
    return f"{settings.PUBLIC_URL}/webhooks/{account.webhook_key}/"


def check_account(*, account: GatewayAccount, online: bool = False) -> list[CheckResult]:
    """What its gateway finds right and wrong. Online, the gateway itself is asked, too: not inside a transaction."""
    return gateway_of(account).self_check(online=online, notify_url=notify_url(account))


def alive(account: GatewayAccount) -> QuerySet[Credential]:
    return Credential.objects.filter(account_id=account.pk, retired_at=None)


def in_order(rows: Iterable[Key], *, at: datetime) -> list[Key]:
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
