"""The form of a payment account, made from what its gateway asks for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django import forms
from django.core.validators import validate_slug
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.clock import now
from kernel.errors import DomainError
from kernel.models import User

from .. import services
from ..gateways import AccountField, ConfigError, FieldKind, Gateway
from ..gateways.account import MODE
from ..models import Credential, GatewayAccount
from ..services.words import METHODS

SETTING, KEY, FILE, PASSWORD = "setting_", "key_", "file_", "password_"
ADDRESS = "gateway_url"
MODE_NAME = f"{SETTING}{MODE}"
PFX_PASSWORD = "pfx_password"  # noqa: S105 - the name of a field; it opens the file, and is not kept
KEYS = (FieldKind.PRIVATE_KEY, FieldKind.PUBLIC_KEY, FieldKind.CERTIFICATE)
FILES = (*KEYS, FieldKind.PFX)
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that is there: what may be shown of it, and what it did in the last 24 hours."""

    credential: Credential
    use: services.Use
    signs: bool  # the first of its kind
    waits: bool  # until its time to sign has come
    step: int | None  # days before its end


@dataclass(frozen=True, slots=True)
class KeyField:
    """A key to be typed in or uploaded, beside those that are there; never the key itself."""

    label: Any
    inputs: list[forms.BoundField]
    rows: list[KeyRow]
    required: bool


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

    signs_from = forms.DateTimeField(
        label=gettext_lazy("New keys sign from"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=gettext_lazy("Empty: at once. Until then the old ones sign; both are accepted all the time."),
    )

    def __init__(
        self,
        data: Any = None,
        files: Any = None,
        *,
        gateway: type[Gateway],
        account: GatewayAccount | None,
        mode: str = "",
    ) -> None:
        """:param mode: the one to show, if it is not the account's own"""
        super().__init__(data, files, initial=_initial(account))
        self.gateway, self.account = gateway, account
        self.mode = self.initial[MODE_NAME] = self._mode(mode)
        if account is not None:
            del self.fields["code"]
        if account is None or not account.credentials.filter(retired_at=None).exists():
            del self.fields["signs_from"]
        offered = [(code, label) for code, label in METHODS.items() if code in gateway.capabilities.methods]
        chosen = self.fields["methods"]
        assert isinstance(chosen, forms.MultipleChoiceField)  # noqa: S101 - declared above
        chosen.choices = offered
        for asked in gateway.SETTING_FIELDS:
            if asked.is_asked(mode=self.mode):
                self.fields[f"{SETTING}{asked.code}"] = _setting(asked, mode=self.mode)
        for asked in self._asked_keys():
            self.fields.update(_key(asked))

    def modes(self) -> list[tuple[str, Any]]:
        """What the merchant may choose between, if there is a choice."""
        return [choice for it in self.gateway.SETTING_FIELDS if it.code == MODE for choice in it.choices]

    def _mode(self, asked_for: str) -> str:
        kept = services.mode_of(self.account) if self.account else services.default_mode(self.gateway)
        given = str(self.data.get(MODE_NAME, "")) if self.is_bound else asked_for
        return given if given in dict(self.modes()) else kept

    def _asked_keys(self) -> list[AccountField]:
        fields = self.gateway.CREDENTIAL_FIELDS
        return [it for it in fields if it.is_asked(mode=self.mode) and it.code != PFX_PASSWORD]

    def only_shown(self) -> AccountForm:
        for field in self.fields.values():
            field.disabled = True
        return self

    def general(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "code", "environment", ADDRESS, "position") if name in self.fields]

    def settings(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(SETTING) and name != MODE_NAME]

    def keys(self) -> list[KeyField]:
        rows = self._rows
        return [
            KeyField(
                label=asked.label,
                inputs=[
                    self[f"{part}{asked.code}"]
                    for part in (KEY, FILE, PASSWORD)
                    if f"{part}{asked.code}" in self.fields
                ],
                rows=rows.get(asked.code, []),
                required=asked.required,
            )
            for asked in self._asked_keys()
        ]

    def keys_of_other_modes(self) -> list[KeyRow]:
        """Alive still, so that what is under way can be checked while the merchant switches."""
        asked = {it.code for it in self._asked_keys()}
        return [row for kind, rows in self._rows.items() if kind not in asked for row in rows]

    @cached_property
    def _rows(self) -> defaultdict[str, list[KeyRow]]:
        found: defaultdict[str, list[KeyRow]] = defaultdict(list)
        if self.account is None:
            return found
        at = now()
        alive = self.account.credentials.filter(retired_at=None).select_related("account")
        uses = services.uses_of(credential_ids=[row.pk for row in alive], at=at)
        for row in services.in_order(alive, at=at):
            waits = row.signs_from is not None and row.signs_from > at
            step = services.step_of(row.valid_to, at=at) if row.valid_to else None
            use = uses.get(row.pk, services.Use())
            found[row.kind].append(KeyRow(row, use, signs=not found[row.kind], waits=waits, step=step))
        return found

    def save(self, *, by: User, at: datetime) -> GatewayAccount | None:
        """The account with its new keys, all or nothing; None if something is wrong, and then the form says what."""
        try:
            with transaction.atomic():
                account = services.save_account(
                    draft=self._draft(), account_id=self.account.pk if self.account else None, by=by, at=at
                )
                services.set_credentials(
                    account_id=account.pk,
                    keys=self._new_keys(),
                    signs_from=self.cleaned_data.get("signs_from"),
                    by=by,
                    at=at,
                )
        except DomainError as refused:
            self._tell(refused)
            return None
        return account

    def _new_keys(self) -> dict[str, services.NewKey]:
        """A file goes before what was typed beside it."""
        given = self.cleaned_data
        texts = self._typed(KEY)
        for kind, upload in self._typed(FILE).items():
            texts[kind] = services.text_of_file(upload.read())
        return {
            kind: services.NewKey(text=text, password=given.get(f"{PASSWORD}{kind}", ""))
            for kind, text in texts.items()
        }

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

    def _typed(self, prefix: str) -> dict[str, Any]:
        """What is empty stays as it is."""
        given = self.cleaned_data
        return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix) and value}

    def _tell(self, refused: DomainError) -> None:
        """Beside the field that is wrong, if it is one of the form's."""
        code = str(refused.facts.get("code") or refused.facts.get("field") or "")
        known = {ADDRESS: ADDRESS, "base_url": ADDRESS}
        for name in self.fields:
            known.setdefault(name.removeprefix(SETTING).removeprefix(KEY).removeprefix(FILE), name)
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


def _setting(asked: AccountField, *, mode: str) -> forms.Field:
    if asked.code == MODE:
        return forms.CharField(initial=mode, required=False, widget=forms.HiddenInput)
    if asked.kind is FieldKind.CHOICE:
        first = asked.choices[0][0] if asked.choices else ""
        return forms.ChoiceField(**_words(asked), choices=asked.choices, initial=first, required=asked.required)
    return forms.CharField(**_words(asked), required=asked.required, max_length=200)


def _key(asked: AccountField) -> dict[str, forms.Field]:
    """Its value never goes back to the browser, not even a wrong one."""
    attributes = {"rows": 4, "autocomplete": "off", "spellcheck": "false", "class": "bo-mono"}
    made: dict[str, forms.Field] = {}
    if asked.kind is not FieldKind.PFX:
        hidden = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        widget = WriteOnly(attrs=attributes) if asked.kind in KEYS else hidden
        made[f"{KEY}{asked.code}"] = forms.CharField(**_words(asked), required=False, widget=widget, max_length=100_000)
    if asked.kind in FILES:
        made[f"{FILE}{asked.code}"] = KeyFile(asked)
    if asked.kind is FieldKind.PFX:
        made[f"{PASSWORD}{asked.code}"] = forms.CharField(
            label=gettext_lazy("Password of the file"),
            required=False,
            strip=False,
            widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
            help_text=gettext_lazy("It opens the file once, and is not kept."),
        )
    return made


class KeyFile(forms.FileField):
    def __init__(self, asked: AccountField) -> None:
        is_all = asked.kind is FieldKind.PFX
        super().__init__(
            **(_words(asked) if is_all else {"label": gettext_lazy("or as a file")}), required=False, max_length=200
        )

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if upload and upload.size > MOST_BYTES:
            raise forms.ValidationError(_("This file is too large to be a key or a certificate."))
        return upload


def _words(asked: AccountField) -> dict[str, Any]:
    return {"label": asked.label, "help_text": asked.help}


class WriteOnly(forms.Textarea):
    def format_value(self, value: Any) -> str | None:
        return None
