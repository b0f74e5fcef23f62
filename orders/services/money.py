"""What money does to an order. Payments calls this, in the transaction that books the money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from kernel.errors import DomainError
from kernel.models import Trigger
from kernel.money import yuan
from kernel.shop import shop
from kernel.workflow import FireResult, Occurrence

from ..events import OrderClosed, OrderPaid
from ..models import Order, OrderEvent, OrderLine
from .announcing import announce
from .firing import fire_orders
from .locks import lock_order

PaymentStatus = Order.PaymentStatus


class OrderIsClosed(DomainError):
    text = _("Order %(order_no)s is closed; money for it goes to unapplied money, not to the order.")


class RefundDoesNotAddUp(DomainError):
    text = _("The refund of %(amount)s is not the sum of its shares, %(shares)s.")


class RefundExceedsShare(DomainError):
    text = _("“%(what)s” has only %(left)s left to refund, less than %(asked)s.")


@transaction.atomic
def record_payment(*, order_id: int, amount_fen: int, at: datetime) -> Order:
    """
    Add collected money to an order and tell its workflow, which decides by what is still due.

    :param amount_fen: fen, above zero
    :raises OrderIsClosed: if it is closed; whoever holds the money must keep it unapplied
    """
    order = lock_order(order_id=order_id)
    if order.is_closed:
        raise OrderIsClosed(order_no=order.order_no)
    order.paid_fen += amount_fen
    take_payment(order, facts={"amount_fen": amount_fen, "paid_fen": order.paid_fen}, at=at)
    return order


@transaction.atomic
def record_payments(*, orders: Sequence[Order], amounts_fen: Mapping[int, int], at: datetime) -> None:
    """
    As `record_payment`, for many orders at once, in as many statements as for one.

    :param orders: locked, each open
    :param amounts_fen: by the key of the order; fen, above zero
    :raises OrderIsClosed: if one is closed
    """
    for order in orders:
        if order.is_closed:
            raise OrderIsClosed(order_no=order.order_no)
        order.paid_fen += amounts_fen[order.pk]
    facts = {it.pk: {"amount_fen": amounts_fen[it.pk], "paid_fen": it.paid_fen} for it in orders}
    _take_payments(orders, facts_of=facts, at=at)


def _take_payments(
    orders: Sequence[Order], *, facts_of: Mapping[int, Mapping[str, object]], at: datetime
) -> FireResult:
    """Judge locked orders whose sums have just changed on the instances; writes both."""
    newly_paid = [order for order in orders if order.paid_at is None and order.due_fen == 0]
    hours = shop().ship_hours if newly_paid else 0
    for order in orders:
        order.payment_status = payment_status(order)
        order.closing_due_at = order.remind_due_at = None  # with money in it, it is neither pressed nor closed
    for order in newly_paid:
        order.paid_at, order.ship_by = at, at + timedelta(hours=hours)
    occurrence = Occurrence(
        trigger=Trigger.PAYMENT_SUCCEEDED,
        code="payment_recorded",
        kind=OrderEvent.Kind.PAYMENT,
        facts_of=facts_of,
        is_fact=True,
    )
    changed = ("payment_status", "paid_at", "ship_by", "closing_due_at", "remind_due_at")
    result = fire_orders(orders=orders, occurrence=occurrence, changed=changed, varied=("paid_fen",), at=at)
    announce(newly_paid, OrderPaid)
    return result


def take_payment(order: Order, *, facts: dict[str, object], at: datetime) -> FireResult:
    """Judge a locked order whose `paid_fen` or total has just changed on the instance; writes both."""
    return _take_payments([order], facts_of={order.pk: facts}, at=at)


@transaction.atomic
def record_refund(
    *, order_id: int, amount_fen: int, shipping_fen: int, lines: Sequence[tuple[int, int]], at: datetime
) -> Order:
    """
    Take refunded money off an order, exactly from the shares it was refunded for.

    :param amount_fen: fen; the sum of `shipping_fen` and the lines' shares
    :param lines: (order line id, fen)
    :raises RefundDoesNotAddUp: if it is another sum
    :raises RefundExceedsShare: if a share is above what is left of its line or of the shipping fee
    """
    order = lock_order(order_id=order_id)
    shares_fen = shipping_fen + sum(fen for _line_id, fen in lines)
    if shares_fen != amount_fen:
        raise RefundDoesNotAddUp(amount=yuan(amount_fen), shares=yuan(shares_fen))
    _refund_shipping(order, shipping_fen)
    _refund_lines(order, dict(lines))
    order.refunded_fen += amount_fen
    order.payment_status = payment_status(order)
    _fire_refund(order, facts={"amount_fen": amount_fen, "refunded_fen": order.refunded_fen}, at=at)
    return order


@transaction.atomic
def revert_refund(*, order_id: int, amount_fen: int, shipping_fen: int, lines: Sequence[tuple[int, int]]) -> Order:
    """
    Put back what a refund took off that never reached the customer. The order stays where it is.

    :param amount_fen: fen; with the shares, as they were recorded
    """
    order = lock_order(order_id=order_id)
    shares = dict(lines)
    rows = list(OrderLine.objects.filter(order=order, pk__in=shares))
    for line in rows:
        line.refunded_fen -= shares[line.pk]
    OrderLine.objects.bulk_update(rows, ["refunded_fen"])
    order.shipping_refunded_fen -= shipping_fen
    order.refunded_fen -= amount_fen
    order.payment_status = payment_status(order)
    order.save(update_fields=["refunded_fen", "shipping_refunded_fen", "payment_status"])
    return order


def payment_status(order: Order) -> Order.PaymentStatus:
    """Follows from the sums, and from nothing else."""
    if order.refunded_fen:
        is_all = order.refunded_fen >= order.paid_fen
        return PaymentStatus.REFUNDED if is_all else PaymentStatus.PARTIALLY_REFUNDED
    if order.paid_fen < order.total_fen:
        return PaymentStatus.PARTIALLY_PAID if order.paid_fen else PaymentStatus.UNPAID
    return PaymentStatus.OVERPAID if order.paid_fen > order.total_fen else PaymentStatus.PAID


def _refund_shipping(order: Order, shipping_fen: int) -> None:
    left_fen = order.shipping_fen - order.shipping_refunded_fen
    if not 0 <= shipping_fen <= left_fen:
        raise RefundExceedsShare(what=_("shipping fee"), left=yuan(left_fen), asked=yuan(shipping_fen))
    order.shipping_refunded_fen += shipping_fen


def _refund_lines(order: Order, shares: dict[int, int]) -> None:
    lines = list(OrderLine.objects.filter(order=order, pk__in=shares))
    if len(lines) != len(shares):
        raise RefundDoesNotAddUp(amount=yuan(sum(shares.values())), shares=yuan(sum(shares[it.pk] for it in lines)))
    for line in lines:
        left_fen, asked_fen = line.total_fen - line.refunded_fen, shares[line.pk]
        if not 0 <= asked_fen <= left_fen:
            raise RefundExceedsShare(what=line.title, left=yuan(left_fen), asked=yuan(asked_fen))
        line.refunded_fen += asked_fen
    OrderLine.objects.bulk_update(lines, ["refunded_fen"])


def _fire_refund(order: Order, *, facts: dict[str, object], at: datetime) -> None:
    occurrence = Occurrence(
        trigger=Trigger.REFUND_SUCCEEDED,
        code="refund_recorded",
        kind=OrderEvent.Kind.PAYMENT,
        facts=facts,
        is_fact=True,
    )
    changed = ["refunded_fen", "shipping_refunded_fen", "payment_status"]
    result = fire_orders(orders=[order], occurrence=occurrence, changed=changed, at=at)
    if result.moved and order.is_closed:
        order.close_reason = Order.CloseReason.FULLY_REFUNDED
        order.save(update_fields=["close_reason"])
        announce([order], OrderClosed)
