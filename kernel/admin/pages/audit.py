from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.cells import copyable, moment
from kernel.models import AuditEntry

from ..base import ReadOnlyAdmin


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    """Who did what. Filtered by object when a page's history is asked for."""

    list_display = ("when", "actor", "action", "subject_label", "reason", "address", "trace")
    list_display_links = ("when", "action")
    list_filter = ("at", "subject_type", "subject_id")
    search_fields = ("=trace_id", "=subject_id")
    search_help_text = _("Trace id or object id")
    ordering = ("-pk",)
    exclude = ("by",)

    def get_list_filter(self, request: object) -> tuple[str, ...]:
        return ("at",)  # kinds and ids come from links: listing them all would read the whole log

    def lookup_allowed(self, lookup: str, value: str, request: object = None) -> bool:
        return lookup in {"subject_type__exact", "subject_id__exact", "at__gte", "at__lt"}

    @admin.display(description=_("at"), ordering="pk")
    def when(self, row: AuditEntry) -> SafeString:
        return moment(row.at, long=True)

    @admin.display(description=_("trace id"))
    def trace(self, row: AuditEntry) -> SafeString:
        return copyable(row.trace_id)
