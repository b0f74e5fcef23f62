from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from backoffice.staff.matrix import Role
from kernel.admin import BackofficeAdmin, BackofficeModelForm, YuanField
from kernel.models import ShopSettings
from kernel.shop import shop

from .face import forget_face

CAPPED = [role for role in Role if role != Role.OWNER]
COUNTED = (Role.MANAGER, Role.SUPPORT, Role.FINANCE)  # those who request refunds


def cap(role: Role) -> YuanField:
    return YuanField(label=role.label, required=False)


def number_a_day(role: Role) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"class": "bo-input"})
    label = format_lazy(_("{role}: refunds a day"), role=role.label)
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=9_999, widget=widget)


class ShopForm(BackofficeModelForm[ShopSettings]):
    """Refund limits are kept by role; here each role has a field of its own, the caps in yuan."""

    cap_manager = cap(Role.MANAGER)
    cap_support = cap(Role.SUPPORT)
    cap_warehouse = cap(Role.WAREHOUSE)
    cap_finance = cap(Role.FINANCE)
    cap_ops = cap(Role.OPS)
    cap_auditor = cap(Role.AUDITOR)
    daily_manager = number_a_day(Role.MANAGER)
    daily_support = number_a_day(Role.SUPPORT)
    daily_finance = number_a_day(Role.FINANCE)

    class Meta:
        model = ShopSettings
        exclude = ("id", "refund_caps_fen", "refunds_a_day", "went_live_at")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for role in CAPPED:
            self.initial[f"cap_{role}"] = self.instance.refund_caps_fen.get(role.value)
        for counted in COUNTED:
            self.initial[f"daily_{counted}"] = self.instance.refunds_a_day.get(counted.value)

    def save(self, commit: bool = True) -> ShopSettings:
        self.instance.refund_caps_fen = self._given("cap", CAPPED)
        self.instance.refunds_a_day = self._given("daily", COUNTED)
        saved: ShopSettings = super().save(commit)
        return saved

    def _given(self, limit: str, roles: Iterable[Role]) -> dict[str, int]:
        """Of a role whose field is empty there is no line: it has no limit."""
        given = {role.value: self.cleaned_data.get(f"{limit}_{role}") for role in roles}
        return {role: number for role, number in given.items() if number is not None}


@admin.register(ShopSettings)
class ShopSettingsAdmin(BackofficeAdmin[ShopSettings]):
    """One row, so the list leads straight to it."""

    form = ShopForm
    fieldsets = (
        (None, {"fields": ("name", "logo", ("service_phone", "alert_email"))}),
        (_("Deadlines"), {"fields": (("payment_minutes", "reminder_minutes"), ("ship_hours", "complete_days"))}),
        (
            _("Refunds"),
            {
                "fields": (
                    "retype_above_fen",
                    ("cap_manager", "cap_support", "cap_finance"),
                    ("cap_warehouse", "cap_ops", "cap_auditor"),
                    ("daily_manager", "daily_support", "daily_finance"),
                    "rule_refunds_need_approval",
                ),
                "description": _(
                    "Largest refund of each role, in yuan, and how many refunds one person requests in a day; above "
                    "either, somebody else has to approve. Empty: no limit."
                ),
            },
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(reverse("admin:kernel_shopsettings_change", args=(shop().pk,)))

    def save_model(self, request: HttpRequest, obj: ShopSettings, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        forget_face()
