"""Accounts at gateways: set up by staff, their keys sealed, their gateway object made once per set of keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from kernel import audit, secrets
from kernel.errors import DomainError
from kernel.models import User

from ..gateways import (
    AccountConfig,
    CheckResult,
    CheckStatus,
    ConfigError,
    Environment,
    FieldKind,
    Gateway,
    gateway_class,
    gateway_for,
)
from ..gateways.account import AccountField
from ..gateways.keys import fingerprint, load_private, load_public, normalise_private, normalise_public
from ..models import Credential, GatewayAccount

GATEWAY_URL = "gateway_url"  # the one setting that every gateway has: where a sandbox account's gateway is
TAIL = 4


class AccountNotFound(DomainError):
    text = _("There is no payment account “%(code)s”.")


class NoSuchField(DomainError):
    text = _("This gateway has no field “%(code)s”.")


class NoSuchMethod(DomainError):
    text = _("This gateway cannot collect by “%(method)s”.")


class SealedForGood(ConfigError):
    text = _(
        "The keys of payment account “%(label)s” cannot be decrypted. Restore ENCRYPTION_KEYS, or set the keys again."
    )


class WrongSetup(DomainError):
    text = _("%(label)s: %(meaning)s %(remedy)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDraft:
    """An account as staff type it in; keys come one by one through `set_credential`."""

    code: str
    name: str
    gateway: str
    environment: str = GatewayAccount.Environment.LIVE
    settings: Mapping[str, str] = field(default_factory=dict)
    methods: Sequence[str] = ()
    is_enabled: bool = True
    position: int = 0


@transaction.atomic
def save_account(
    *, draft: AccountDraft, account_id: int | None = None, by: User | None, at: datetime
) -> GatewayAccount:
    """
    Create an account, or change one.

    :raises ConfigError: if there is no such gateway
    :raises WrongSetup: if a number or the address cannot be right
    :raises NoSuchField: if a setting is not one of the gateway's
    :raises NoSuchMethod: if it cannot collect so
    """
    account = GatewayAccount.objects.get(pk=account_id) if account_id else GatewayAccount(code=draft.code)
    before = _public(account) if account_id else None
    account.settings = _clean_settings(draft)
    account.methods = _clean_methods(draft)
    account.name, account.gateway, account.environment = draft.name, draft.gateway, draft.environment
    account.is_enabled, account.position = draft.is_enabled, draft.position
    _refuse_faults(_make(account, {}), codes={"base_url", *account.settings})
    account.save()
    audit.record(action="payments.save_account", subject=account, by=by, at=at, before=before, after=_public(account))
    return account


@transaction.atomic
def set_credential(*, account_id: int, kind: str, value: str, by: User | None, at: datetime) -> Credential:
    """
    Store a key, whatever wrapping it was pasted in; the one it replaces is retired.

    :raises ConfigError: if it is no such key, saying what it is instead
    :raises NoSuchField: if the gateway asks for nothing of this kind
    :raises WrongSetup: if it does not fit the account's other keys
    """
    account = GatewayAccount.objects.select_for_update().get(pk=account_id)
    wanted = _field(account, kind)
    clear = _normalise(value, wanted)
    _try_out(account, wanted, clear)
    _alive(account).filter(kind=kind).update(retired_at=at)
    credential = Credential(
        account=account, kind=kind, fingerprint=_fingerprint(clear, wanted), tail=_tail(clear), created_at=at
    )
    credential.value = clear
    credential.save()
    after = {"kind": kind, "fingerprint": credential.fingerprint}
    audit.record(action="payments.set_credential", subject=account, by=by, at=at, after=after)
    return credential


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
    The gateway of an account, made anew when its settings or keys have changed.

    :raises SealedForGood: if a key of the account cannot be decrypted
    """
    credentials = list(_alive(account).order_by("pk"))
    state = repr((account.gateway, account.environment, account.settings, [row.fingerprint for row in credentials]))
    known = _gateways.get(account.pk)
    if known is None or known[0] != state:
        known = state, _make(account, _unsealed(account, credentials))
        _gateways[account.pk] = known
    return known[1]


def notify_url(account: GatewayAccount) -> str:
    """Where the gateway sends this account's notifications."""
    return f"{settings.PUBLIC_URL}/webhooks/{account.webhook_key}/"


def check_account(*, account: GatewayAccount, online: bool = False) -> list[CheckResult]:
    """What is right and wrong about an account. Online, the gateway is asked, too: not inside a transaction."""
    return gateway_of(account).self_check(online=online, notify_url=notify_url(account))


def _unsealed(account: GatewayAccount, credentials: Iterable[Credential]) -> dict[str, str]:
    try:
        return {row.kind: row.value for row in credentials}
    except secrets.CannotDecrypt as error:
        raise SealedForGood(field="credentials", label=account.name) from error


def _make(account: GatewayAccount, credentials: Mapping[str, str]) -> Gateway:
    config = AccountConfig(
        environment=Environment(account.environment),
        settings={code: value for code, value in account.settings.items() if code != GATEWAY_URL},
        credentials=credentials,
        base_url=account.settings.get(GATEWAY_URL, ""),
    )
    return gateway_for(code=account.gateway, config=config)


def _alive(account: GatewayAccount) -> QuerySet[Credential]:
    return Credential.objects.filter(account_id=account.pk, retired_at=None)


def _field(account: GatewayAccount, kind: str) -> AccountField:
    fields = {field.code: field for field in gateway_class(code=account.gateway).CREDENTIAL_FIELDS}
    if kind not in fields:
        raise NoSuchField(code=kind)
    return fields[kind]


def _clean_settings(draft: AccountDraft) -> dict[str, str]:
    known = {GATEWAY_URL, *(field.code for field in gateway_class(code=draft.gateway).SETTING_FIELDS)}
    for code in draft.settings:
        if code not in known:
            raise NoSuchField(code=code)
    return {code: value.strip() for code, value in draft.settings.items() if value.strip()}


def _clean_methods(draft: AccountDraft) -> list[str]:
    offered = gateway_class(code=draft.gateway).capabilities.methods
    for method in draft.methods:
        if method not in offered:
            raise NoSuchMethod(method=method)
    return list(dict.fromkeys(draft.methods))


def _normalise(value: str, wanted: AccountField) -> str:
    match wanted.kind:
        case FieldKind.PRIVATE_KEY:
            return normalise_private(value, field=wanted)
        case FieldKind.PUBLIC_KEY:
            return normalise_public(value, field=wanted)
        case _:
            return value.strip()


def _fingerprint(clear: str, wanted: AccountField) -> str:
    match wanted.kind:
        case FieldKind.PRIVATE_KEY:
            return fingerprint(load_private(clear, field=wanted))
        case FieldKind.PUBLIC_KEY:
            return fingerprint(load_public(clear, field=wanted))
        case _:
            return secrets.fingerprint(clear)


def _tail(clear: str) -> str:
    """The last characters of what the merchant sees in the file; the armour of a key says nothing."""
    lines = [line for line in clear.splitlines() if line and not line.startswith("-----")]
    return lines[-1].rstrip("=")[-TAIL:] if lines and len("".join(lines)) > 4 * TAIL else ""


def _try_out(account: GatewayAccount, wanted: AccountField, clear: str) -> None:
    """Whether the account's own checks find fault with its keys, once they are complete and can be read."""
    try:
        credentials = _unsealed(account, _alive(account).exclude(kind=wanted.code)) | {wanted.code: clear}
    except SealedForGood:
        return  # they are being set again, one by one
    kinds = {field.code for field in gateway_class(code=account.gateway).CREDENTIAL_FIELDS if field.required}
    if kinds <= credentials.keys():
        _refuse_faults(_make(account, credentials), codes=kinds)


def _refuse_faults(gateway: Gateway, *, codes: Set[str]) -> None:
    """
    :raises WrongSetup: naming the first fault of these fields
    """
    for fault in gateway.self_check():
        if fault.code in codes and fault.status is CheckStatus.ERROR:
            raise WrongSetup(code=fault.code, label=fault.label, meaning=fault.meaning, remedy=fault.remedy)


def _public(account: GatewayAccount) -> dict[str, object]:
    return {
        "name": account.name,
        "gateway": account.gateway,
        "environment": account.environment,
        "settings": account.settings,
        "methods": account.methods,
        "enabled": account.is_enabled,
    }
