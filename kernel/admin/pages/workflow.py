from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.cells import badge
from kernel.models import Workflow, WorkflowVersion

from ..base import BackofficeInline, ReadOnlyAdmin
from ..contributions import Panel


class VersionInline(BackofficeInline):
    model = WorkflowVersion
    fields = ("number", "published_at", "states_count")
    readonly_fields = fields
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Workflow | None = None) -> bool:
        return False

    @admin.display(description=_("states"))
    def states_count(self, row: WorkflowVersion) -> int:
        return row.states.count()


def flow(_request: HttpRequest, version: WorkflowVersion) -> dict[str, object]:
    """Every state with the ways that lead out of it."""
    arrows = list(version.transitions.select_related("from_state", "to_state").order_by("position", "pk"))
    states = version.states.order_by("position", "pk")
    return {"rows": [(state, [it for it in arrows if it.from_state_id == state.pk]) for state in states]}


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin[Workflow]):
    list_display = ("name", "name_en", "code", "owner")
    inlines = (VersionInline,)
    ordering = ("code",)


@admin.register(WorkflowVersion)
class WorkflowVersionAdmin(ReadOnlyAdmin[WorkflowVersion]):
    """A version as a table: states, and what leads out of each. It is read here; published versions never change."""

    list_display = ("__str__", "published", "published_at")
    list_select_related = ("workflow",)
    ordering = ("workflow", "-number")
    panels = (Panel(name="flow", title=_("States and transitions"), template="backoffice/flow.html", context=flow),)

    @admin.display(description=_("state"))
    def published(self, row: WorkflowVersion) -> SafeString:
        if row.published_at is None:
            return badge(_("Draft"), glyph="○")
        return badge(_("Published"), glyph="●", tone="good")
