"""Payment accounts: set up, tested in place, their keys written and never shown."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import BackofficeAdmin, Deed, ObjectAction, actor, badge
from kernel.clock import now
from kernel.errors import DomainError

from .. import services
from ..gateways import GATEWAYS, CheckStatus, Gateway, UnknownGateway, gateway_class
from ..models import Credential, GatewayAccount
from ..services.soundness import judge_accounts
from ..services.words import METHODS
from .account_form import AccountForm
from .filters import ACCOUNTS_KEY

MOST_ACCOUNTS = 100
OWNERS_ALONE = "payments.change_gatewayaccount"  # may retire a key that is still in use
MARKS = {CheckStatus.OK: ("✓", "good"), CheckStatus.WARNING: ("!", "warning"), CheckStatus.ERROR: ("✗", "bad")}


class TestConnection(ObjectAction[GatewayAccount]):
    name = "test"
    label = gettext_lazy("Test connection")
    permission = "payments.view_gatewayaccount"
    description = gettext_lazy(
        "Numbers, keys and addresses are looked at, then the gateway is asked about a payment that does not exist. "
        "No money moves."
    )
    atomic = False

    def run(self, deed: Deed[GatewayAccount]) -> HttpResponse:
        return _diagnosis(deed.request, deed.object, online=True, at=deed.at)


class Diagnose(ObjectAction[GatewayAccount]):
    """Shows what can be told without asking anybody; a page to look at, with nothing to submit."""

    name = "doctor"
    label = gettext_lazy("Payment doctor")
    permission = "payments.view_gatewayaccount"
    template = "admin/payments/checks.html"
    wide = True

    def context(self, row: GatewayAccount, request: HttpRequest) -> dict[str, object]:
        return _findings(row, online=False, at=now())

    def run(self, deed: Deed[GatewayAccount]) -> HttpResponse:
        return _diagnosis(deed.request, deed.object, online=False, at=deed.at)


class RetireForm(forms.Form):
    credential = forms.IntegerField(widget=forms.HiddenInput)
    force = forms.BooleanField(
        label=gettext_lazy("Retire it although it is still needed"),
        required=False,
        widget=forms.CheckboxInput(attrs={"style": "width:auto;align-self:flex-start"}),
        help_text=gettext_lazy("For owners: a key that was stolen, or a switch to a wrong one that is taken back."),
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), required=False, max_length=200)


class RetireKey(ObjectAction[GatewayAccount]):
    name = "retire_key"
    label = gettext_lazy("Retire a key")
    permission = "payments.retire_credential"
    description = gettext_lazy(
        "It signs and verifies no more, and cannot be brought back. "
        "One that did something in the last 24 hours is kept."
    )
    form_class = RetireForm
    template = "admin/payments/retire_key.html"
    done = gettext_lazy("The key is retired.")
    dangerous = True
    listed = False

    def form(self, row: GatewayAccount, request: HttpRequest, **given: Any) -> forms.Form:
        form = RetireForm(initial={"credential": request.GET.get("key")}, **given)
        if not request.user.has_perm(OWNERS_ALONE):
            del form.fields["force"]
        return form

    def context(self, row: GatewayAccount, request: HttpRequest) -> dict[str, object]:
        given = request.POST.get("credential") or request.GET.get("key") or ""
        known = Credential.objects.filter(account=row, retired_at=None).select_related("account")
        credential = known.filter(pk=given).first() if given.isdecimal() else None
        if credential is None:
            return {"refusal": services.NoSuchCredential.text}
        use = services.uses_of(credential_ids=[credential.pk], at=now()).get(credential.pk, services.Use())
        return {"credential": credential, "key_label": services.label_of(credential), "use": use}

    def run(self, deed: Deed[GatewayAccount]) -> None:
        given = deed.form.cleaned_data
        services.retire_credential(
            account_id=deed.object.pk,
            credential_id=given["credential"],
            force=given.get("force", False),
            reason=given["reason"],
            by=deed.by,
            at=deed.at,
        )
        judge_accounts(at=deed.at, limit=MOST_ACCOUNTS)


@admin.register(GatewayAccount)
class GatewayAccountAdmin(BackofficeAdmin[GatewayAccount]):
    list_display = ("name", "gateway_cell", "environment_badge", "methods_cell", "keys_cell", "enabled_badge", "code")
    list_display_links = ("name",)
    ordering = ("position", "pk")
    show_facets = admin.ShowFacets.NEVER
    object_actions = (TestConnection(), Diagnose(), RetireKey())
    actions = None

    def prepare_rows(self, request: HttpRequest, rows: list[GatewayAccount]) -> None:
        super().prepare_rows(request, rows)
        kinds: defaultdict[int, set[str]] = defaultdict(set)
        alive = Credential.objects.filter(account__in=[row.pk for row in rows], retired_at=None)
        for account_id, kind in alive.values_list("account_id", "kind"):
            kinds[account_id].add(kind)
        for row in rows:
            setattr(row, "key_kinds", kinds[row.pk])  # noqa: B010 - the model does not know of lists

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        code = request.GET.get("gateway") or next(iter(GATEWAYS))
        try:
            return self._page(request, None, gateway_class(code=code))
        except UnknownGateway as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(request.path)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = self.has_change_permission if request.method == "POST" else self.has_view_or_change_permission
        if not may(request):
            raise PermissionDenied
        account = self.get_object(request, object_id)
        if account is None:
            return self.not_there(request, object_id)
        return self._page(request, account, gateway_class(code=account.gateway))

    def _page(self, request: HttpRequest, account: GatewayAccount | None, kind: type[Gateway]) -> HttpResponse:
        data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        form = AccountForm(data, files, gateway=kind, account=account, mode=request.GET.get("mode", ""))
        if data is not None and form.is_valid():
            saved = form.save(by=actor(request), at=now())
            if saved is not None:
                return self._saved(request, saved)
        may_save = self.has_change_permission(request, account) if account else True
        context = {
            **self.admin_site.each_context(request),
            "title": account or _("New payment account"),
            "opts": self.opts,
            "form": form if may_save else form.only_shown(),
            "account": account,
            "gateway_label": kind.label,
            "others": [(it.code, it.label) for it in GATEWAYS.values() if it is not kind] if account is None else [],
            "may_save": may_save,
            "notify_url": services.notify_url(account) if account else "",
            "urls": {it.name: self.action_url(it, account) for it in self.every_action} if account else {},
            "may_retire": request.user.has_perm(RetireKey.permission),
            "is_sandbox": account is not None and account.environment == GatewayAccount.Environment.SANDBOX,
        }
        status = 422 if data is not None else 200
        return TemplateResponse(request, "admin/payments/account.html", context, status=status)

    def _saved(self, request: HttpRequest, account: GatewayAccount) -> HttpResponse:
        cache.delete(ACCOUNTS_KEY)
        judge_accounts(at=now(), limit=MOST_ACCOUNTS)
        messages.success(request, _("Saved."))
        if faults := _faults(account):
            told = _("It cannot be used yet: %(faults)s") % {"faults": " · ".join(faults)}
            messages.warning(request, told)
        return HttpResponseRedirect(self.address_of(account))

    @admin.display(description=gettext_lazy("gateway"))
    def gateway_cell(self, row: GatewayAccount) -> str:
        kind = GATEWAYS.get(row.gateway)
        return str(kind.label) if kind else row.gateway

    @admin.display(description=gettext_lazy("environment"), ordering="environment")
    def environment_badge(self, row: GatewayAccount) -> SafeString:
        if row.environment == GatewayAccount.Environment.LIVE:
            return badge(row.get_environment_display(), glyph="●", tone="good")
        return badge(row.get_environment_display(), glyph="▣", tone="warning")

    @admin.display(description=gettext_lazy("ways to pay"))
    def methods_cell(self, row: GatewayAccount) -> str:
        return ", ".join(str(METHODS.get(code, code)) for code in row.methods) or "—"

    @admin.display(description=gettext_lazy("keys"))
    def keys_cell(self, row: GatewayAccount) -> SafeString:
        kind = GATEWAYS.get(row.gateway)
        present: set[str] = getattr(row, "key_kinds", set())
        asked = [it for it in kind.CREDENTIAL_FIELDS if it.is_asked(mode=services.mode_of(row))] if kind else []
        lacking = [it.label for it in asked if it.required and it.code not in present]
        if not lacking:
            return badge(_("All there"), glyph="✓", tone="good")
        return badge(_("Missing"), glyph="✗", tone="bad", title=", ".join(str(label) for label in lacking))

    @admin.display(description=gettext_lazy("enabled"), ordering="is_enabled")
    def enabled_badge(self, row: GatewayAccount) -> SafeString:
        if row.is_enabled:
            return badge(_("Enabled"), glyph="●", tone="good")
        return badge(_("Switched off"), glyph="○")


def _diagnosis(request: HttpRequest, account: GatewayAccount, *, online: bool, at: datetime) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": Diagnose.label,
        "opts": GatewayAccount._meta,
        "object": account,
        **_findings(account, online=online, at=at),
    }
    return TemplateResponse(request, Diagnose.template, context)


def _findings(account: GatewayAccount, *, online: bool, at: datetime) -> dict[str, object]:
    found = services.examine(account=account, online=online, at=at)
    return {
        "results": [(it, *MARKS[it.status]) for it in found],
        "faults": sum(it.status is CheckStatus.ERROR for it in found),
        "warnings": sum(it.status is CheckStatus.WARNING for it in found),
        "answers": services.answer_questions(account=account, checks=found, at=at),
        "online": online,
    }


def _faults(account: GatewayAccount) -> list[str]:
    """What keeps an account from working, as far as it can be told without asking the gateway."""
    try:
        found = services.check_account(account=account)
    except DomainError as refused:
        return [str(refused)]
    faults = [f"{it.label}: {it.meaning} {it.remedy}".strip() for it in found if it.status is CheckStatus.ERROR]
    return faults if account.methods else [*faults, _("No way to pay is chosen.")]
