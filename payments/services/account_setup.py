"""Payment accounts as staff set them up; what cannot work is refused at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel import audit
from kernel.errors import DomainError
from kernel.models import User

from ..gateways import AccountField, CheckStatus, FieldKind, Gateway, gateway_class
from ..gateways.account import MODE
from ..models import GatewayAccount
from .accounts import GATEWAY_URL, make_gateway


class NoSuchField(DomainError):
    text = _("This gateway has no field “%(code)s”.")


class NoSuchMethod(DomainError):
    text = _("This gateway cannot collect by “%(method)s”.")


class NoSuchChoice(DomainError):
    text = _("%(label)s: “%(given)s” is none of the choices.")


class WrongSetup(DomainError):
    text = _("%(label)s: %(meaning)s %(remedy)s")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountDraft:
    """An account as staff type it in; keys come through `set_credentials`."""

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
    :raises NoSuchChoice: if a setting has a value that is not to be chosen
    :raises NoSuchMethod: if it cannot collect so
    """
    account = GatewayAccount.objects.get(pk=account_id) if account_id else GatewayAccount(code=draft.code)
    before = _public(account) if account_id else None
    account.settings = _clean_settings(draft, kept=account.settings)
    account.methods = _clean_methods(draft)
    account.name, account.gateway, account.environment = draft.name, draft.gateway, draft.environment
    account.is_enabled, account.position = draft.is_enabled, draft.position
    refuse_faults(make_gateway(account, {}), codes={"base_url", *account.settings})
    account.save()
    audit.record(action="payments.save_account", subject=account, by=by, at=at, before=before, after=_public(account))
    return account


def mode_of(account: GatewayAccount) -> str:
    """In which of its gateway's modes an account works; empty where there is but one way."""
    chosen: str = account.settings.get(MODE, "")
    return chosen or default_mode(gateway_class(code=account.gateway))


def default_mode(gateway: type[Gateway]) -> str:
    for asked in gateway.SETTING_FIELDS:
        if asked.code == MODE and asked.choices:
            return asked.choices[0][0]
    return ""


def refuse_faults(gateway: Gateway, *, codes: Set[str]) -> None:
    """
    :raises WrongSetup: naming the first fault of these fields
    """
    for fault in gateway.self_check():
        if fault.code in codes and fault.status is CheckStatus.ERROR:
            raise WrongSetup(code=fault.code, label=fault.label, meaning=fault.meaning, remedy=fault.remedy)


def _clean_settings(draft: AccountDraft, *, kept: Mapping[str, str]) -> dict[str, str]:
    """What another mode asks for stays as it is: a merchant who goes back finds it again."""
    fields = {it.code: it for it in gateway_class(code=draft.gateway).SETTING_FIELDS}
    given = {code: value.strip() for code, value in draft.settings.items()}
    for code, value in given.items():
        if code != GATEWAY_URL:
            _refuse_unknown(fields.get(code), code=code, value=value)
    mode = given.get(MODE) or default_mode(gateway_class(code=draft.gateway))
    unasked = {code for code, it in fields.items() if not it.is_asked(mode=mode)}
    whole = {code: value for code, value in kept.items() if code in unasked} | given
    return {code: value for code, value in whole.items() if value}


def _refuse_unknown(asked: AccountField | None, *, code: str, value: str) -> None:
    if asked is None:
        raise NoSuchField(code=code)
    if asked.kind is FieldKind.CHOICE and value and value not in dict(asked.choices):
        raise NoSuchChoice(code=code, label=asked.label, given=value)


def _clean_methods(draft: AccountDraft) -> list[str]:
    offered = gateway_class(code=draft.gateway).capabilities.methods
    for method in draft.methods:
        if method not in offered:
            raise NoSuchMethod(method=method)
    return list(dict.fromkeys(draft.methods))


def _public(account: GatewayAccount) -> dict[str, object]:
    return {
        "name": account.name,
        "gateway": account.gateway,
        "environment": account.environment,
        "settings": account.settings,
        "methods": account.methods,
        "enabled": account.is_enabled,
    }
