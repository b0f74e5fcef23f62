"""What staff can do with an order next, and why not what they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kernel.models import Category, Trigger, User
from kernel.money import yuan
from kernel.workflow import Explanation, WayOn, explain

from ..models import Order, OrderEvent
from .flow import ORDERS

SHIP, CLOSE, EDIT = "ship", "close", "edit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """
    A button.

    :param code: `ship`, `close`, `edit`, or the code of a manual transition for `services.move`
    :param reason: why it cannot be pressed; empty if it can
    :param is_next: it is what should happen next
    """

    code: str
    label: str | Promise
    reason: str = ""
    is_next: bool = False
    is_move: bool = False

    @property
    def is_enabled(self) -> bool:
        return not self.reason


def why_here(order: Order, *, user: User | None, history: Sequence[OrderEvent] | None = None) -> Explanation:
    """Every way on of an order, with what has happened and what is missing."""
    return explain(ORDERS, order, user=user, history=history)


def next_steps(order: Order, *, user: User, explanation: Explanation | None = None) -> list[Step]:
    """Shipping, the moves of the order's workflow, editing and closing; the next one first."""
    explanation = explanation or explain(ORDERS, order, user=user, history=(), trigger=Trigger.MANUAL)
    steps = [
        Step(
            code=SHIP,
            label=_("Ship"),
            reason=ship_obstacle(order) or _lacks(user, "orders.ship_order"),
            is_next=order.category == Category.AWAITING_FULFILLMENT,
        ),
        *(_move(way, order) for way in explanation.manual),
        Step(code=EDIT, label=_("Edit"), reason=edit_obstacle(order) or _lacks(user, "orders.change_order")),
        Step(code=CLOSE, label=_("Close order"), reason=close_obstacle(order) or _lacks(user, "orders.close_order")),
    ]
    return sorted(steps, key=lambda step: (not step.is_next, not step.is_enabled))


def ship_obstacle(order: Order) -> str:
    """Why an order cannot be shipped now, in a sentence; empty if it can."""
    if order.category == Category.AWAITING_FULFILLMENT:
        return ""
    if order.is_closed:
        return str(_("It is closed (%(reason)s).")) % {"reason": order.get_close_reason_display()}
    if order.fulfillment_status == Order.FulfillmentStatus.FULFILLED:
        return str(_("Everything is shipped."))
    sentence = SHIP_OBSTACLES.get(Category(order.category), _("Its state does not allow it."))
    return str(sentence)


SHIP_OBSTACLES = {
    Category.DRAFT: _("It is a draft."),
    Category.PENDING_PAYMENT: _("It is not paid."),
    Category.ON_HOLD: _("It is on hold: release it first."),
    Category.PROBLEM: _("It is marked as a problem: resolve that first."),
    Category.COMPLETED: _("It is completed."),
}


def close_obstacle(order: Order) -> str:
    if order.is_unpaid:
        return ""
    if order.is_closed:
        return str(_("It is closed (%(reason)s).")) % {"reason": order.get_close_reason_display()}
    kept_fen = order.paid_fen - order.refunded_fen
    if kept_fen:
        return str(_("%(paid)s is paid: refund it first.")) % {"paid": yuan(kept_fen)}
    return str(_("It is not waiting for payment any more."))


def edit_obstacle(order: Order) -> str:
    return "" if order.is_unpaid else str(_("It can be changed only while it is unpaid."))


def _move(way: WayOn, order: Order) -> Step:
    is_next = way.is_open and way.target.category == Category.COMPLETED
    reason = "" if way.is_open else way.reason
    return Step(code=way.transition.code, label=way.transition.label, reason=reason, is_next=is_next, is_move=True)


def _lacks(user: User, permission: str) -> str:
    if user.has_perm(permission):
        return ""
    return str(_("Your role may not do this (%(permission)s).")) % {"permission": permission}
