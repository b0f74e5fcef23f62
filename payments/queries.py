"""What can be read of payments across rows. Amounts are fen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet, Sum

from orders.models import Order, OrderLine

from .models import Payment, Refund, RefundLine, UnappliedMoney


@dataclass(frozen=True, slots=True, kw_only=True)
class LineLeft:
    line_id: int
    title: str
    left_fen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What of an order can still be refunded; refunds in flight are taken off already."""

    lines: tuple[LineLeft, ...]
    shipping_fen: int

    @property
    def goods_fen(self) -> int:
        return sum(line.left_fen for line in self.lines)


def left_to_refund(*, order: Order) -> Left:
    """What refunds may still give back, by line and of the shipping fee."""
    coming = _in_flight(order)
    by_line = dict(
        RefundLine.objects.filter(refund__in=coming).values_list("line").annotate(fen=Sum("amount_fen")).order_by()
    )
    shipping_fen = coming.aggregate(fen=Sum("shipping_fen"))["fen"] or 0
    lines = OrderLine.objects.filter(order=order).order_by("line_no")
    return Left(
        lines=tuple(
            LineLeft(
                line_id=line.pk, title=line.title, left_fen=line.total_fen - line.refunded_fen - by_line.get(line.pk, 0)
            )
            for line in lines
        ),
        shipping_fen=order.shipping_fen - order.shipping_refunded_fen - shipping_fen,
    )


def _in_flight(order: Order) -> QuerySet[Refund]:
    """Of the order's own money: what goes back from suspense was never the order's."""
    return Refund.objects.filter(order=order, unapplied=None, status__in=Refund.IN_FLIGHT)


def left_in_suspense(money: UnappliedMoney) -> int:
    """Fen that are neither refunded nor on their way back."""
    counted = Refund.objects.filter(unapplied=money, status__in=(*Refund.IN_FLIGHT, Refund.Status.SUCCEEDED))
    return money.amount_fen - (counted.aggregate(fen=Sum("amount_fen"))["fen"] or 0)


def payments_of(*, order_ids: Iterable[int]) -> QuerySet[Payment]:
    """Attempts of these orders, the newest first."""
    return Payment.objects.filter(order_id__in=list(order_ids)).select_related("account").order_by("-pk")


def refunds_of(*, order_ids: Iterable[int]) -> QuerySet[Refund]:
    """Refunds of these orders, the newest first."""
    refunds = Refund.objects.filter(order_id__in=list(order_ids)).select_related("payment", "requested_by")
    return refunds.order_by("-pk")


def refundable_payments(*, order: Order) -> list[Payment]:
    """Which payments of an order can be refunded in part or in full; more than one where it was paid in parts."""
    applied = Payment.objects.filter(order=order, status=Payment.Status.SUCCEEDED).select_related("account")
    kept = UnappliedMoney.objects.filter(order=order).exclude(
        resolution__in=(UnappliedMoney.Action.APPLY, UnappliedMoney.Action.REVIVE)
    )
    unapplied = set(kept.values_list("gateway_trade_no", flat=True))
    return [
        payment
        for payment in applied.order_by("pk")
        if payment.refundable_fen and payment.gateway_trade_no not in unapplied
    ]


def open_unapplied() -> QuerySet[UnappliedMoney]:
    """Money that nobody has dealt with yet, the oldest first."""
    return UnappliedMoney.objects.filter(resolved_at=None).order_by("received_at", "pk")
