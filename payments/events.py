"""The facts that payments announces."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSucceeded(Event):
    """Money came and pays its order."""

    payment_id: int
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentEnded(Event):
    """An attempt is over without money: failed, canceled or expired."""

    payment_id: int
    order_id: int
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyUnapplied(Event):
    """Money came that fits no open order; it is somebody's work now."""

    unapplied_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequested(Event):
    refund_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSettled(Event):
    """A refund came to its end: succeeded, failed or canceled."""

    refund_id: int
    status: str
