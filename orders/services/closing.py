"""Closing what nobody paid. The gateway is asked first, so orders only asks to be closed; payments comes back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel.db import retry_on_conflict
from kernel.errors import DomainError
from kernel.events import publish
from kernel.models import Trigger, User
from kernel.money import yuan
from kernel.shop import shop
from kernel.workflow import Occurrence, Refusal

from ..events import OrderClosed, OrderClosingRequested, OrderRevived
from ..models import Order, OrderEvent
from . import timeline
from .announcing import announce
from .batches import Outcome, each
from .firing import fire_orders
from .letters import tell_closed
from .locks import lock_order

ASK_AGAIN_AFTER = timedelta(minutes=5)


class OrderMovedOn(DomainError):
    text = _("Order %(order_no)s is not waiting for payment any more.")


class OrderHasMoney(DomainError):
    text = _("Order %(order_no)s holds a payment of %(paid)s. Refund it first; then it closes by itself.")


class CannotRevive(DomainError):
    text = _("Order %(order_no)s cannot be revived. %(why)s")


@retry_on_conflict
@transaction.atomic
def request_closing(*, order_id: int, reason: str, by: User, at: datetime) -> Order:
    """
    Ask for an unpaid order to be closed, as staff do. It closes as soon as no gateway can collect for it.

    :param reason: an Order.CloseReason
    :raises OrderHasMoney: if it was paid, if only in part
    :raises OrderMovedOn: if it is not waiting for payment any more
    """
    order = lock_order(order_id=order_id)
    _ask(order, reason=Order.CloseReason(reason), by=by, at=at)
    return order


@retry_on_conflict
@transaction.atomic
def request_closings(*, order_ids: Iterable[int], reason: str, by: User, at: datetime) -> list[Outcome]:
    """As `request_closing`, for many; those that cannot be closed say why and hold up no other."""
    closed_for = Order.CloseReason(reason)

    def act(order: Order) -> object:
        if order.is_closed:
            return _("It is closed already.")
        _ask(order, reason=closed_for, by=by, at=at)
        return None

    return each(order_ids=order_ids, act=act)


@retry_on_conflict
@transaction.atomic
def close(*, order_id: int, reason: str, by: User | None = None, at: datetime) -> Order:
    """
    Close an unpaid order. Payments calls this, once no gateway can collect for it any more.

    :param reason: an Order.CloseReason, such as payment_timeout
    :raises OrderHasMoney: if it was paid meanwhile
    :raises OrderMovedOn: if it was moved meanwhile
    """
    order = lock_order(order_id=order_id)
    _check_unpaid(order)
    order.close_reason = Order.CloseReason(reason)
    occurrence = Occurrence(trigger=Trigger.ORDER_CLOSED, code="order_closed", facts={"reason": str(reason)})
    result = fire_orders(orders=[order], occurrence=occurrence, changed=["close_reason"], by=by, at=at)
    if result.refused:
        raise OrderMovedOn(order_no=order.order_no)
    tell_closed(order, at=at)
    announce([order], OrderClosed)
    return order


@retry_on_conflict
@transaction.atomic
def revive(*, order_id: int, by: User | None, at: datetime) -> Order:
    """
    Let a closed order wait for payment again, because money for it arrived after all.

    :raises CannotRevive: if its workflow has no way back, or it was refunded
    """
    order = lock_order(order_id=order_id)
    due_at = at + timedelta(minutes=shop().payment_minutes)
    order.close_reason, order.closed_at = "", None
    order.payment_due_at = order.closing_due_at = None if order.is_imported else due_at
    result = fire_orders(
        orders=[order],
        occurrence=Occurrence(trigger=Trigger.ORDER_REVIVED, code="order_revived", kind=OrderEvent.Kind.PAYMENT),
        changed=["close_reason", "closed_at", "payment_due_at", "closing_due_at"],
        by=by,
        at=at,
    )
    if order.pk in result.refused:
        raise CannotRevive(order_no=order.order_no, why=_why(result.refused[order.pk]))
    announce([order], OrderRevived)
    return order


def _ask(order: Order, *, reason: Order.CloseReason, by: User, at: datetime) -> None:
    _check_unpaid(order)
    facts = {"reason": reason.value}
    timeline.append(order=order, kind=OrderEvent.Kind.STAFF, code="closing_requested", facts=facts, by=by, at=at)
    publish(OrderClosingRequested(order_id=order.pk, reason=reason.value, by_id=by.pk))


def _why(refusal: Refusal) -> str:
    return refusal.text


def _check_unpaid(order: Order) -> None:
    if order.is_unpaid:
        return
    if order.paid_fen > order.refunded_fen and not order.is_closed:
        raise OrderHasMoney(order_no=order.order_no, paid=yuan(order.paid_fen - order.refunded_fen))
    raise OrderMovedOn(order_no=order.order_no)
