from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.cells import badge
from kernel.models import ScheduleTick

from ..base import ReadOnlyAdmin


@admin.register(ScheduleTick)
class ScheduleTickAdmin(ReadOnlyAdmin[ScheduleTick]):
    """The turns of every timer, the failed ones with their error."""

    list_display = ("timer", "scheduled_for", "outcome", "handled", "finished_at")
    list_filter = (("finished_at", admin.EmptyFieldListFilter),)
    search_fields = ("timer",)
    ordering = ("-pk",)

    @admin.display(description=_("outcome"))
    def outcome(self, row: ScheduleTick) -> SafeString:
        if row.error:
            return badge(_("Failed"), glyph="✕", tone="bad", title=row.error[:200])
        if row.finished_at is None:
            return badge(_("Running"), glyph="◑", tone="info")
        return badge(_("Done"), glyph="●", tone="good")
