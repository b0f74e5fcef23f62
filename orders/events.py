"""The facts that orders announce."""

from __future__ import annotations

from dataclasses import dataclass

from kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCreated(Event):
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEdited(Event):
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaid(Event):
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPaymentReminderDue(Event):
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClosingRequested(Event):
    """Somebody or the clock wants this unpaid order closed; it stays open until no gateway can collect for it."""

    order_id: int
    reason: str
    by_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderClosed(Event):
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRevived(Event):
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEntered(Event):
    """
    Its workflow brought an order into a state. Told only while a rule listens.

    :param seq: of the entry in its history that says from where and whereto
    """

    order_id: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderShipped(Event):
    order_id: int
    shipment_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderCompleted(Event):
    order_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersImported(Event):
    """A batch of imported orders, with the money they bring; nobody is reminded, told or timed because of it."""

    job_id: int
    order_ids: list[int]
