from __future__ import annotations

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from kernel.cells import Tone, badge, copyable
from kernel.clock import now
from kernel.events import rerun
from kernel.models import Delivery

from ..actions import Deed, ObjectAction
from ..base import ReadOnlyAdmin
from ..people import actor

LOOKS: dict[str, tuple[str, Tone]] = {
    Delivery.State.QUEUED: ("◔", "info"),
    Delivery.State.DONE: ("●", "good"),
    Delivery.State.PARKED: ("✕", "bad"),
}
RERUN = "kernel.change_delivery"


class DeliverAgain(ObjectAction[Delivery]):
    name = "rerun"
    label = _("Deliver again")
    permission = RERUN
    description = _("The handler gets the event once more, with as many attempts as the first time.")
    done = _("It is due now.")

    def refusal(self, row: Delivery) -> object:
        return "" if row.state == Delivery.State.PARKED else _("Only parked deliveries can be delivered again.")

    def run(self, deed: Deed[Delivery]) -> object:
        return None if rerun(delivery_ids=[deed.object.pk], by=deed.by, at=deed.at) else self.refusal(deed.object)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin[Delivery]):
    list_display = ("event_name", "handler", "state_badge", "attempt", "due_at", "last_error_start")
    list_filter = ("state",)
    list_select_related = ("event",)
    search_fields = ("handler", "event__name", "event__trace_id")
    search_help_text = _("Handler, event or trace id")
    ordering = ("-pk",)
    fields = ("event_name", "payload", "handler", "state_badge", "attempt", "due_at", "done_at", "trace", "last_error")
    readonly_fields = ("event_name", "payload", "state_badge", "trace")
    object_actions = (DeliverAgain(),)
    actions = ("rerun_selected",)

    @admin.display(description=_("event"))
    def event_name(self, row: Delivery) -> str:
        return str(row.event)

    @admin.display(description=_("facts"))
    def payload(self, row: Delivery) -> SafeString:
        return format_html("<code>{}</code>", json.dumps(row.event.payload, ensure_ascii=False))

    @admin.display(description=_("trace id"))
    def trace(self, row: Delivery) -> SafeString:
        return copyable(row.event.trace_id)

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, row: Delivery) -> SafeString:
        glyph, tone = LOOKS[row.state]
        return badge(row.get_state_display(), glyph=glyph, tone=tone)

    @admin.display(description=_("last error"))
    def last_error_start(self, row: Delivery) -> str:
        return row.last_error[:80]

    def has_rerun_permission(self, request: HttpRequest) -> bool:
        return actor(request).has_perm(RERUN)

    @admin.action(description=_("Deliver again"), permissions=["rerun"])
    def rerun_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = rerun(delivery_ids=list(queryset.values_list("pk", flat=True)), by=actor(request), at=now())
        told = ngettext("%(count)d delivery is due now.", "%(count)d deliveries are due now.", count)
        messages.info(request, told % {"count": count})
