"""How money looks in lists: states as badges, methods in words, how long a payment took."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kernel.admin import badge, copyable, moment
from kernel.cells import Tone
from kernel.models import Category
from orders.models import Order

from ..models import Notification, Payment, Refund, UnappliedMoney
from ..services.words import METHODS

PAYMENT: dict[str, tuple[str, Tone]] = {
    Payment.Status.CREATED: ("○", "neutral"),
    Payment.Status.PENDING: ("◔", "info"),
    Payment.Status.SUCCEEDED: ("●", "good"),
    Payment.Status.FAILED: ("✕", "bad"),
    Payment.Status.CANCELED: ("–", "neutral"),
    Payment.Status.EXPIRED: ("–", "neutral"),
    Payment.Status.UNKNOWN: ("?", "warning"),
}
REFUND: dict[str, tuple[str, Tone]] = {
    Refund.Status.PENDING_APPROVAL: ("◔", "warning"),
    Refund.Status.REJECTED: ("✕", "neutral"),
    Refund.Status.PENDING: ("○", "info"),
    Refund.Status.PROCESSING: ("◔", "info"),
    Refund.Status.SUCCEEDED: ("↩", "good"),
    Refund.Status.FAILED: ("✕", "bad"),
    Refund.Status.REQUIRES_ACTION: ("!", "bad"),
    Refund.Status.CANCELED: ("–", "neutral"),
    Refund.Status.UNKNOWN: ("?", "warning"),
}
NOTIFICATION: dict[str, tuple[str, Tone]] = {
    Notification.State.RECEIVED: ("◔", "info"),
    Notification.State.APPLIED: ("●", "good"),
    Notification.State.DUPLICATE: ("=", "neutral"),
    Notification.State.PARKED: ("!", "bad"),
    Notification.State.SET_ASIDE: ("–", "neutral"),
}


def payment_badge(payment: Payment) -> SafeString:
    glyph, tone = PAYMENT[payment.status]
    words = payment.last_message if tone in ("bad", "warning") else ""
    return badge(payment.get_status_display(), glyph=glyph, tone=tone, title=words)


def stuck_badge(payment: Payment) -> SafeString:
    """Its money came, and the order stands where it stood."""
    return badge(_("The order has not moved"), glyph="▲", tone="bad") if is_stuck(payment) else SafeString()


def is_stuck(payment: Payment) -> bool:
    """As `counts.stuck`, told from the row alone."""
    order = payment.order
    never_arrived = order.is_closed and order.paid_fen == 0
    return payment.status == Payment.Status.SUCCEEDED and (order.category == Category.PENDING_PAYMENT or never_arrived)


def refund_badge(refund: Refund) -> SafeString:
    glyph, tone = REFUND[refund.status]
    words = refund.last_message if tone != "good" else ""
    return badge(refund.get_status_display(), glyph=glyph, tone=tone, title=words)


def notification_badge(row: Notification) -> SafeString:
    glyph, tone = NOTIFICATION[row.state]
    return badge(row.get_state_display(), glyph=glyph, tone=tone, title=row.last_error)


def unapplied_badge(money: UnappliedMoney) -> SafeString:
    if money.resolved_at is None:
        return badge(_("To be dealt with"), glyph="!", tone="bad")
    return badge(money.get_resolution_display(), glyph="●", tone="good", title=money.resolution_note)


def method(payment: Payment) -> str:
    """Through which account, and how."""
    return " · ".join((str(payment.account), str(METHODS.get(payment.method, payment.method)))).rstrip(" ·")


def order_link(order: Order | None) -> SafeString:
    return number(order.order_no, href=order_address(order.pk)) if order is not None else faint("—")


def number(text: str, *, href: str = "") -> SafeString:
    """A number on one line; broken in two, nobody can compare it."""
    return format_html('<span class="bo-nowrap">{}</span>', copyable(text, href=href))


def order_address(order_id: int) -> str:
    return reverse("admin:orders_order_change", args=(order_id,))


def took(start: datetime, end: datetime | None) -> str:
    """How long something took, as a person says it; empty if it is not over."""
    if end is None:
        return ""
    seconds = max(int((end - start).total_seconds()), 0)
    if seconds < 60:
        return _("%(seconds)d s") % {"seconds": seconds}
    if seconds < 3600:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": seconds // 60, "seconds": seconds % 60}
    return _("%(hours)d h %(minutes)d min") % {"hours": seconds // 3600, "minutes": seconds // 60 % 60}


def span(start: datetime, end: datetime | None) -> SafeString:
    """When it began, and how long it took."""
    length = took(start, end)
    rest = format_html(' <span class="bo-faint">→ {}</span>', length) if length else ""
    return format_html('<span class="bo-nowrap">{}{}</span>', moment(start), rest)


def age(since: datetime, *, at: datetime) -> str:
    """How long something has been waiting, in its largest unit."""
    minutes = max(int((at - since).total_seconds()) // 60, 0)
    if minutes < 60:
        return _("%(minutes)d min") % {"minutes": minutes}
    if minutes < 24 * 60:
        return _("%(hours)d h") % {"hours": minutes // 60}
    return _("%(days)d days") % {"days": minutes // (24 * 60)}


def told(copies: int | None) -> SafeString:
    """How often the gateway told us of it."""
    if not copies:
        return faint(_("none received"))
    return format_html('<span class="bo-tone-good bo-nowrap">✓ {}</span>', copies)


def faint(text: object) -> SafeString:
    return format_html('<span class="bo-faint">{}</span>', text)


def payment_link(payment: Payment | None) -> SafeString:
    if payment is None:
        return faint("—")
    return number(payment.payment_no, href=reverse("admin:payments_payment_change", args=(payment.pk,)))
