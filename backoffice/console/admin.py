from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from backoffice.staff.matrix import Role
from kernel.admin import BackofficeAdmin, BackofficeModelForm, YuanField
from kernel.models import ShopSettings
from kernel.shop import shop

from .face import forget_face

CAPPED = [role for role in Role if role != Role.OWNER]


def cap(role: Role) -> YuanField:
    return YuanField(label=role.label, required=False)


class ShopForm(BackofficeModelForm[ShopSettings]):
    """Refund caps are kept by role; here each role has a field of its own, in yuan."""

    cap_manager = cap(Role.MANAGER)
    cap_support = cap(Role.SUPPORT)
    cap_warehouse = cap(Role.WAREHOUSE)
    cap_finance = cap(Role.FINANCE)
    cap_ops = cap(Role.OPS)
    cap_auditor = cap(Role.AUDITOR)

    class Meta:
        model = ShopSettings
        exclude = ("id", "refund_caps_fen", "went_live_at")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for role in CAPPED:
            self.initial[f"cap_{role}"] = self.instance.refund_caps_fen.get(role.value)

    def save(self, commit: bool = True) -> ShopSettings:
        given = {role.value: self.cleaned_data.get(f"cap_{role}") for role in CAPPED}
        self.instance.refund_caps_fen = {role: fen for role, fen in given.items() if fen is not None}
        saved: ShopSettings = super().save(commit)
        return saved


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
                    "rule_refunds_need_approval",
                ),
                "description": _(
                    "Largest refund of each role, in yuan; above it somebody else has to approve. Empty: no limit."
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
