"""The receipt (收据): that money was received. It is no tax invoice, and never called one."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.shop import shop
from orders.models import Order

from ..models import Payment
from .capitals import capitals
from .invoice_links import NothingReceived


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    shop_name: str
    service_phone: str
    order: Order
    payments: list[Payment]
    received_fen: int
    refunded_fen: int

    @property
    def kept_fen(self) -> int:
        return self.received_fen - self.refunded_fen

    @property
    def in_words(self) -> str:
        return capitals(self.kept_fen)


def receipt_of(*, order: Order) -> Receipt:
    """:raises NothingReceived: if nothing was paid"""
    if order.paid_fen <= 0:
        raise NothingReceived
    settled = shop()
    paid = Payment.objects.filter(order=order, status=Payment.Status.SUCCEEDED).select_related("account")
    return Receipt(
        shop_name=settled.name,
        service_phone=settled.service_phone,
        order=order,
        payments=list(paid.order_by("paid_at")),
        received_fen=order.paid_fen,
        refunded_fen=order.refunded_fen,
    )
