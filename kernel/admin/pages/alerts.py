from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.alerts import acknowledge, resolve
from kernel.cells import Tone, badge
from kernel.models import Alert

from ..actions import Deed, ObjectAction
from ..base import ReadOnlyAdmin

LOOKS: dict[str, tuple[str, Tone]] = {
    Alert.Severity.INFO: ("i", "info"),
    Alert.Severity.WARNING: ("▲", "warning"),
    Alert.Severity.CRITICAL: ("✕", "bad"),
}


class Acknowledge(ObjectAction[Alert]):
    name = "acknowledge"
    label = _("I look after it")
    permission = "kernel.change_alert"
    description = _("Others see that you are on it. The alert stays open until it is resolved.")

    def applies(self, row: Alert) -> bool:
        return row.resolved_at is None

    def refusal(self, row: Alert) -> object:
        return _("Somebody looks after it already.") if row.acknowledged_at else ""

    def run(self, deed: Deed[Alert]) -> object:
        acknowledge(alert_id=deed.object.pk, by=deed.by, at=deed.at)
        return None


class Resolve(ObjectAction[Alert]):
    name = "resolve"
    label = _("Resolved")
    permission = "kernel.change_alert"
    description = _("The next time it happens a new alert is opened.")

    def applies(self, row: Alert) -> bool:
        return row.resolved_at is None

    def run(self, deed: Deed[Alert]) -> object:
        resolve(kind=deed.object.kind, subject=deed.object.subject, by=deed.by, at=deed.at)
        return None


class OpenFilter(admin.SimpleListFilter):
    title = _("open")
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Open")), ("no", _("Resolved"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alert]) -> QuerySet[Alert]:
        if self.value() is None:
            return queryset
        return queryset.filter(resolved_at__isnull=self.value() == "yes")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin[Alert]):
    list_display = ("severity_badge", "text", "subject", "times", "opened_at", "acknowledged_by", "resolved_at")
    list_display_links = ("text",)
    list_filter = (OpenFilter, "severity")
    list_select_related = ("acknowledged_by",)
    ordering = ("-opened_at", "-pk")
    exclude = ("open_key", "severity")
    readonly_fields = ("severity_badge",)
    object_actions = (Acknowledge(), Resolve())

    @admin.display(description=_("severity"), ordering="severity")
    def severity_badge(self, row: Alert) -> SafeString:
        glyph, tone = LOOKS[row.severity]
        return badge(row.get_severity_display(), glyph=glyph, tone=tone)
