"""How the states of an order look: a word, a glyph and a colour, on the list and on the page alike."""

from __future__ import annotations

from datetime import datetime

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from kernel.admin import badge, countdown
from kernel.cells import Tone
from kernel.models import Category
from kernel.workflow import graph_of

from ..models import Order

Payment, Fulfillment = Order.PaymentStatus, Order.FulfillmentStatus

PAYMENT: dict[str, tuple[str, Tone]] = {
    Payment.UNPAID: ("○", "neutral"),
    Payment.PARTIALLY_PAID: ("◐", "warning"),
    Payment.PAID: ("●", "good"),
    Payment.OVERPAID: ("▲", "bad"),
    Payment.PARTIALLY_REFUNDED: ("◑", "info"),
    Payment.REFUNDED: ("↩", "neutral"),
}
FULFILLMENT: dict[str, tuple[str, Tone]] = {
    Fulfillment.UNFULFILLED: ("○", "neutral"),
    Fulfillment.PARTIALLY_FULFILLED: ("◐", "info"),
    Fulfillment.FULFILLED: ("●", "good"),
    Fulfillment.NOT_REQUIRED: ("–", "neutral"),
}
CATEGORY: dict[str, tuple[str, Tone]] = {
    Category.DRAFT: ("✎", "neutral"),
    Category.PENDING_PAYMENT: ("◔", "warning"),
    Category.AWAITING_FULFILLMENT: ("▶", "info"),
    Category.IN_TRANSIT: ("➜", "info"),
    Category.DELIVERED: ("⌂", "good"),
    Category.COMPLETED: ("✓", "good"),
    Category.CLOSED: ("✕", "neutral"),
    Category.ON_HOLD: ("‖", "warning"),
    Category.PROBLEM: ("!", "bad"),
}
FLAG_COLOURS = {
    Order.Flag.RED: "#d92d20",
    Order.Flag.YELLOW: "#ca8504",
    Order.Flag.GREEN: "#079455",
    Order.Flag.BLUE: "#1570ef",
    Order.Flag.PURPLE: "#7a5af8",
}


def state_badge(order: Order) -> SafeString:
    glyph, tone = CATEGORY[order.category]
    state = graph_of(order.workflow_version_id).states.get(order.state)
    title = order.get_close_reason_display() if order.close_reason else ""
    return badge(state.label if state else order.state, glyph=glyph, tone=tone, title=title)


def payment_badge(order: Order) -> SafeString:
    glyph, tone = PAYMENT[order.payment_status]
    return badge(order.get_payment_status_display(), glyph=glyph, tone=tone)


def fulfillment_badge(order: Order) -> SafeString:
    glyph, tone = FULFILLMENT[order.fulfillment_status]
    return badge(order.get_fulfillment_status_display(), glyph=glyph, tone=tone)


def aftersales_badge(order: Order) -> SafeString:
    if order.aftersales_status == Order.AftersalesStatus.NONE:
        return SafeString()
    return badge(order.get_aftersales_status_display(), glyph="⟲", tone="warning")


def disagreement(order: Order) -> SafeString:
    """Where the badges contradict each other, in words: somebody has to look."""
    kept_fen = order.paid_fen - order.refunded_fen
    if order.category == Category.PENDING_PAYMENT and 0 < order.total_fen <= order.paid_fen:
        return badge(_("Paid, not moved on"), glyph="▲", tone="bad")
    if order.is_closed and kept_fen > 0:
        return badge(_("Closed, not refunded"), glyph="▲", tone="bad")
    if order.category == Category.PENDING_PAYMENT and order.paid_fen:
        return badge(_("Paid in part"), glyph="▲", tone="warning")
    return SafeString()


def deadline(order: Order, *, at: datetime) -> SafeString:
    """What runs out next: the time to pay, or the time to ship."""
    if order.category == Category.PENDING_PAYMENT:
        return countdown(order.payment_due_at, at=at, since=order.placed_at, what=_("To be paid until"))
    if order.category == Category.AWAITING_FULFILLMENT:
        return countdown(order.ship_by, at=at, since=order.paid_at or order.placed_at, what=_("To be shipped until"))
    return SafeString()
