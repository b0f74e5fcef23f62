"""The form of a payment account, made from what its gateway asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.core.validators import validate_slug
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.errors import DomainError
from kernel.models import User

from .. import services
from ..gateways import AccountField, ConfigError, FieldKind, Gateway
from ..models import Credential, GatewayAccount
from .looks import METHODS

SETTING, KEY = "setting_", "key_"
ADDRESS = "gateway_url"
KEYS = (FieldKind.PRIVATE_KEY, FieldKind.PUBLIC_KEY, FieldKind.CERTIFICATE)


@dataclass(frozen=True, slots=True)
class KeyField:
    """A key to be typed in, beside what is known of the one that is there; never the key itself."""

    field: forms.BoundField
    present: Credential | None


class AccountForm(forms.Form):
    """:param account: None for a new one"""

    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=40,
        validators=[validate_slug],
        help_text=gettext_lazy("Letters, digits and hyphens; commands and alerts name the account by it."),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"), max_length=60, help_text=gettext_lazy("Staff see it beside every payment.")
    )
    environment = forms.ChoiceField(
        label=gettext_lazy("Environment"), choices=GatewayAccount.Environment.choices, widget=forms.RadioSelect
    )
    gateway_url = forms.CharField(
        label=gettext_lazy("Gateway address"),
        required=False,
        max_length=255,
        help_text=gettext_lazy("Empty for the gateway's usual address. Only a sandbox account may name another."),
    )
    methods = forms.MultipleChoiceField(
        label=gettext_lazy("Ways to pay"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Those that this account has signed for at the gateway."),
    )
    is_enabled = forms.BooleanField(
        label=gettext_lazy("Enabled"),
        required=False,
        help_text=gettext_lazy("A disabled account takes no new payments; notifications and refunds go on working."),
    )
    position = forms.IntegerField(
        label=gettext_lazy("Position"),
        min_value=0,
        max_value=999,
        help_text=gettext_lazy("Of several accounts with the same way to pay, the lowest is used."),
    )

    def __init__(self, data: Any = None, *, gateway: type[Gateway], account: GatewayAccount | None) -> None:
        super().__init__(data, initial=_initial(account))
        self.gateway, self.account = gateway, account
        if account is not None:
            del self.fields["code"]
        offered = [(code, label) for code, label in METHODS.items() if code in gateway.capabilities.methods]
        chosen = self.fields["methods"]
        assert isinstance(chosen, forms.MultipleChoiceField)  # noqa: S101 - declared above
        chosen.choices = offered
        for asked in gateway.SETTING_FIELDS:
            self.fields[f"{SETTING}{asked.code}"] = _setting(asked)
        for asked in gateway.CREDENTIAL_FIELDS:
            self.fields[f"{KEY}{asked.code}"] = _key(asked)

    def only_shown(self) -> AccountForm:
        for field in self.fields.values():
            field.disabled = True
        return self

    def general(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "code", "environment", ADDRESS, "position") if name in self.fields]

    def settings(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(SETTING)]

    def keys(self) -> list[KeyField]:
        alive = self.account.credentials.filter(retired_at=None) if self.account else []
        present = {row.kind: row for row in alive}
        return [
            KeyField(self[name], present.get(name.removeprefix(KEY))) for name in self.fields if name.startswith(KEY)
        ]

    def save(self, *, by: User, at: datetime) -> GatewayAccount | None:
        """The account with its new keys, all or nothing; None if something is wrong, and then the form says what."""
        try:
            with transaction.atomic():
                account = services.save_account(
                    draft=self._draft(), account_id=self.account.pk if self.account else None, by=by, at=at
                )
                for kind, value in self._typed(KEY).items():
                    services.set_credential(account_id=account.pk, kind=kind, value=value, by=by, at=at)
        except DomainError as refused:
            self._tell(refused)
            return None
        return account

    def _draft(self) -> services.AccountDraft:
        given = self.cleaned_data
        settings = {**self._typed(SETTING), ADDRESS: given[ADDRESS]}
        return services.AccountDraft(
            code=self.account.code if self.account else given["code"],
            name=given["name"],
            gateway=self.gateway.code,
            environment=given["environment"],
            settings=settings,
            methods=given["methods"],
            is_enabled=given["is_enabled"],
            position=given["position"],
        )

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if GatewayAccount.objects.filter(code=code).exists():
            raise forms.ValidationError(_("There is an account with this code already."))
        return code

    def _typed(self, prefix: str) -> dict[str, str]:
        """What is empty stays as it is."""
        given = self.cleaned_data
        return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix) and value}

    def _tell(self, refused: DomainError) -> None:
        """Beside the field that is wrong, if it is one of the form's."""
        code = str(refused.facts.get("code") or refused.facts.get("field") or "")
        known = {ADDRESS: ADDRESS, "base_url": ADDRESS}
        for name in self.fields:
            known[name.removeprefix(SETTING).removeprefix(KEY)] = name
        text = refused.plain if isinstance(refused, ConfigError) else str(refused)
        self.add_error(known.get(code), text)


def _initial(account: GatewayAccount | None) -> dict[str, object]:
    if account is None:
        return {"environment": GatewayAccount.Environment.LIVE, "is_enabled": True, "position": 0}
    kept: Mapping[str, str] = account.settings
    return {
        "name": account.name,
        "environment": account.environment,
        "methods": account.methods,
        "is_enabled": account.is_enabled,
        "position": account.position,
        ADDRESS: kept.get(ADDRESS, ""),
        **{f"{SETTING}{code}": value for code, value in kept.items() if code != ADDRESS},
    }


def _setting(asked: AccountField) -> forms.Field:
    if asked.kind is FieldKind.CHOICE:
        return forms.ChoiceField(**_words(asked), required=asked.required, choices=asked.choices)
    return forms.CharField(**_words(asked), required=asked.required, max_length=200)


def _key(asked: AccountField) -> forms.Field:
    """Its value never goes back to the browser, not even a wrong one."""
    attributes = {"rows": 4, "autocomplete": "off", "spellcheck": "false", "class": "bo-mono"}
    widget = WriteOnly(attrs=attributes) if asked.kind in KEYS else forms.PasswordInput(attrs={"autocomplete": "off"})
    return forms.CharField(**_words(asked), required=False, widget=widget, max_length=20_000)


def _words(asked: AccountField) -> dict[str, Any]:
    return {"label": asked.label, "help_text": asked.help}


class WriteOnly(forms.Textarea):
    def format_value(self, value: Any) -> str | None:
        return None
