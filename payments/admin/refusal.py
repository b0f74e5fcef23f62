"""Messages that were refused: counted by account, reason and hour, with the first of each as a sample."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kernel.admin import Panel, Tab, actor, badge, moment

from ..gateways import redact
from ..models import NotificationRefusal
from .base import FactsAdmin
from .filters import AccountFilter
from .notification import readable

REASONS = {
    "forged": gettext_lazy("The signature is wrong"),
    "stale": gettext_lazy("Signed long ago, or in the future"),
    "other_account": gettext_lazy("Meant for another account"),
    "unknown_key": gettext_lazy("Signed with a key we do not have"),
    "unreadable": gettext_lazy("Authentic, but unreadable"),
}
REMEDIES = {
    "forged": gettext_lazy(
        "Somebody may be trying forgeries; nothing was booked. If real payments are missing, compare the gateway's "
        "public key of this account with the one in the gateway's console."
    ),
    "stale": gettext_lazy(
        "One or two are most likely copies that somebody sends again; nothing was booked. If all messages are refused, "
        "set the clock of this server right: the gateway's and ours may be five minutes apart at most."
    ),
    "other_account": gettext_lazy("Compare app ID and merchant ID of this account with the gateway's console."),
    "unknown_key": gettext_lazy("Fetch the gateway's new key or certificate and enter it."),
    "unreadable": gettext_lazy("Keep the sample and ask for support: the gateway sends what it does not document."),
}


def sample_panel(request: HttpRequest, row: NotificationRefusal) -> dict[str, object]:
    headers = [(name, redact(f"{name}={value}").partition("=")[2]) for name, value in row.sample_headers.items()]
    return {"pairs": [], "text": readable(bytes(row.sample_body)), "headers": headers, "is_pruned": False}


@admin.register(NotificationRefusal)
class NotificationRefusalAdmin(FactsAdmin[NotificationRefusal]):
    list_display = ("hour_cell", "account", "reason_cell", "times", "last_cell")
    list_display_links = None
    list_filter = ("hour", AccountFilter)
    list_select_related = ("account",)
    ordering = ("-last_at", "-pk")
    show_facets = admin.ShowFacets.NEVER
    panels = (
        Panel(
            name="sample",
            title=gettext_lazy("The first of them, as it came"),
            template="admin/payments/message.html",
            context=sample_panel,
        ),
    )
    fields = (("reason_cell", "account"), ("hour_cell", "times"), ("last_cell", "sample_address"), ("remedy",))

    def get_queryset(self, request: HttpRequest) -> QuerySet[NotificationRefusal]:
        return super().get_queryset(request).defer("sample_body", "sample_headers")

    def tabs(self, request: HttpRequest) -> Sequence[Tab]:
        refused = Tab(title=_("Refused"), active=True)
        if not actor(request).has_perm("payments.view_notification"):
            return [refused]
        return [Tab(title=_("Notification log"), link=reverse("admin:payments_notification_changelist")), refused]

    @admin.display(description=gettext_lazy("hour"), ordering="hour")
    def hour_cell(self, row: NotificationRefusal) -> SafeString:
        return format_html('<a href="{}">{}</a>', self.address_of(row), moment(row.hour))

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def reason_cell(self, row: NotificationRefusal) -> SafeString:
        return badge(REASONS.get(row.reason, row.reason), glyph="✕", tone="bad")

    @admin.display(description=gettext_lazy("last at"), ordering="last_at")
    def last_cell(self, row: NotificationRefusal) -> SafeString:
        return moment(row.last_at, long=True)

    @admin.display(description=gettext_lazy("what to do"))
    def remedy(self, row: NotificationRefusal) -> str:
        return str(REMEDIES.get(row.reason, ""))
