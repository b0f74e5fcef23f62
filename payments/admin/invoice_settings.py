"""The invoice settings: one row, so the list leads straight to it. Secrets are written and never shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from kernel.admin import BackofficeAdmin, BackofficeModelForm, Deed, ObjectAction, actor
from kernel.clock import now
from kernel.errors import DomainError

from .. import services
from ..models import InvoiceSettings

CHANGE = "payments.change_invoicesettings"
SECRETS = ("app_secret", "token")
HIDDEN = {"autocomplete": "new-password", "class": "bo-input"}


class SettingsForm(BackofficeModelForm[InvoiceSettings]):
    new_app_secret = forms.CharField(
        label=pgettext_lazy("invoice provider", "App secret"),
        required=False,
        max_length=200,
        widget=forms.PasswordInput(attrs=HIDDEN),
    )
    new_token = forms.CharField(
        label=gettext_lazy("Access token"), required=False, max_length=400, widget=forms.PasswordInput(attrs=HIDDEN)
    )

    class Meta:
        model = InvoiceSettings
        exclude = ("id", "seal_id", "app_secret_sealed", "token_sealed", "token_until")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        there, absent = _("Set. Empty: it stays as it is."), _("Not set yet.")
        for name in SECRETS:
            if f"new_{name}" in self.fields:
                self.fields[f"new_{name}"].help_text = there if getattr(self.instance, f"{name}_sealed") else absent
        if "new_token" in self.fields and not self.instance.token_sealed:
            self.fields["new_token"].help_text = _("Empty: one is fetched with key and secret, and renewed by itself.")

    def _post_clean(self) -> None:
        """What cannot work is refused beside the form, before anything is saved."""
        super()._post_clean()  # type: ignore[misc]  # of Django, for just this
        if self.errors:
            return
        try:
            services.check_invoice_settings(self.instance, secrets=self.secrets())
        except DomainError as refused:
            self.add_error(None, str(refused))

    def secrets(self) -> dict[str, str]:
        return {name: self.cleaned_data.get(f"new_{name}", "") for name in SECRETS}


class TestProvider(ObjectAction[InvoiceSettings]):
    name = "test"
    label = gettext_lazy("Test the provider")
    permission = CHANGE
    description = gettext_lazy("The provider is asked about an invoice that does not exist. Nothing is issued.")
    done = gettext_lazy("The provider answers: address, key, secret, token and sign-in are right.")
    atomic = False

    def applies(self, row: InvoiceSettings) -> bool:
        return row.channel != InvoiceSettings.Channel.MANUAL

    def run(self, deed: Deed[InvoiceSettings]) -> None:
        services.try_provider(at=deed.at)


@admin.register(InvoiceSettings)
class InvoiceSettingsAdmin(BackofficeAdmin[InvoiceSettings]):
    form = SettingsForm
    object_actions = (TestProvider(),)
    fieldsets = (
        (None, {"fields": (("channel", "monthly_limit_fen"), ("ready", "window_days"))}),
        (
            gettext_lazy("Seller"),
            {
                "fields": (
                    ("seller_name", "seller_tax_no"),
                    ("seller_address", "seller_phone"),
                    ("seller_bank", "seller_account"),
                    "clerk",
                )
            },
        ),
        (
            gettext_lazy("Provider"),
            {
                "fields": (("app_key", "new_app_secret"), ("new_token", "address"), ("extension", "platform_account")),
                "description": gettext_lazy("Needed where a provider issues the invoices; not for those by hand."),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.address_of(services.invoice_settings()))

    def get_fieldsets(self, request: HttpRequest, obj: InvoiceSettings | None = None) -> Any:
        """Those who only look see no place for a secret, and so none of it."""
        if self.has_change_permission(request, obj):
            return self.fieldsets
        return [*self.fieldsets[:2], (self.fieldsets[2][0], {"fields": ("app_key", "extension", "platform_account")})]

    def save_model(self, request: HttpRequest, obj: InvoiceSettings, form: Any, change: bool) -> None:
        """By the service, which also sends along what waits, and tells the audit log."""
        services.save_invoice_settings(
            changes={name: value for name, value in form.cleaned_data.items() if not name.startswith("new_")},
            secrets=form.secrets(),
            by=actor(request),
            at=now(),
        )
