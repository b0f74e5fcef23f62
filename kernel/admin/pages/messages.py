from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from kernel.cells import Tone, badge, masked
from kernel.letters import name_of
from kernel.models import Message
from kernel.phones import mask_phone

from ..base import ReadOnlyAdmin

LOOKS: dict[str, tuple[str, Tone]] = {
    Message.State.QUEUED: ("◔", "info"),
    Message.State.SENT: ("●", "good"),
    Message.State.FAILED: ("✕", "bad"),
}


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    """What went out to whom. Contents stay sealed: they may hold a link that pays."""

    list_display = ("letter", "channel", "to", "state_badge", "attempt", "created_at", "sent_at", "last_error")
    list_filter = ("state", "channel")
    ordering = ("-pk",)
    fields = (("letter", "channel", "language"), "to", "state_badge", ("attempt", "due_at"), "sent_at", "last_error")
    readonly_fields = ("letter", "to", "state_badge")

    @admin.display(description=_("letter"), ordering="template")
    def letter(self, row: Message) -> str:
        return name_of(row.template)

    @admin.display(description=_("recipient"))
    def to(self, row: Message) -> SafeString:
        return masked(_masked_recipient(row.recipient))

    @admin.display(description=_("state"), ordering="state")
    def state_badge(self, row: Message) -> SafeString:
        glyph, tone = LOOKS[row.state]
        return badge(row.get_state_display(), glyph=glyph, tone=tone)


def _masked_recipient(recipient: str) -> str:
    name, at, host = recipient.partition("@")
    return f"{name[:1]}***@{host}" if at else mask_phone(recipient)
