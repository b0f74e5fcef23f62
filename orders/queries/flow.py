"""Orders as the workflow engine sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from kernel.models import Category
from kernel.money import yuan
from kernel.shop import shop
from kernel.workflow import Fact, StateSpec, TransitionSpec, WorkflowSubject

from ..models import Order, OrderEvent


def _label_of(choices: Sequence[tuple[str, str | Promise]]) -> Mapping[str, str | Promise]:
    return dict(choices)


def _payment(value: str) -> str:
    return str(_label_of(Order.PaymentStatus.choices).get(value, value))


def _fulfillment(value: str) -> str:
    return str(_label_of(Order.FulfillmentStatus.choices).get(value, value))


def _aftersales(value: str) -> str:
    return str(_label_of(Order.AftersalesStatus.choices).get(value, value))


def _customer_types(orders: Sequence[Order]) -> dict[int, object]:
    ids = [order.pk for order in orders]
    return dict(Order.objects.filter(pk__in=ids).values_list("pk", "customer__type__code"))


FACTS = (
    Fact("total_fen", _("total payable"), lambda order: order.total_fen, show=yuan),
    Fact("paid_fen", _("amount paid"), lambda order: order.paid_fen, show=yuan),
    Fact("due_fen", _("still to be paid"), lambda order: max(order.total_fen - order.paid_fen, 0), show=yuan),
    Fact("refunded_fen", _("amount refunded"), lambda order: order.refunded_fen, show=yuan),
    Fact("kept_fen", _("paid and not refunded"), lambda order: order.paid_fen - order.refunded_fen, show=yuan),
    Fact("payment_status", _("payment"), lambda order: order.payment_status, show=_payment),
    Fact("fulfillment_status", _("shipping"), lambda order: order.fulfillment_status, show=_fulfillment),
    Fact("aftersales_status", _("after-sales"), lambda order: order.aftersales_status, show=_aftersales),
    Fact("order_type", _("order type"), lambda order: order.order_type),
    Fact("source", _("source"), lambda order: order.source),
    Fact("flag", _("flag"), lambda order: order.flag),
    Fact("customer_type", _("customer type"), load=_customer_types),
)

ENTERED_AT = {
    Category.DELIVERED: "delivered_at",
    Category.COMPLETED: "completed_at",
    Category.CLOSED: "closed_at",
}


def _stamps(state: StateSpec, at: datetime) -> dict[str, object]:
    """What entering a state writes down: when, and that only an order that waits for payment is pressed or closed."""
    stamps: dict[str, object] = {ENTERED_AT[state.category]: at} if state.category in ENTERED_AT else {}
    if state.category != Category.PENDING_PAYMENT:
        stamps |= {"closing_due_at": None, "remind_due_at": None}
    return stamps


def _time_of(transition: TransitionSpec) -> timedelta | None:
    """A timeout without a duration of its own completes an order after the days that the shop has set."""
    return timedelta(days=shop().complete_days)


ORDERS = WorkflowSubject(
    code="orders",
    model=Order,
    history=OrderEvent,
    history_key="order",
    facts={fact.code: fact for fact in FACTS},
    stamps=_stamps,
    runs_timers=lambda order: not order.is_imported,
    time_of=_time_of,
)
