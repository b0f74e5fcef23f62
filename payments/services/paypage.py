"""What a customer is shown: where the payment of an order stands, in the fewest words that are true."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.models import Category
from orders.models import Order

from ..models import Payment
from .choices import Choice, choices_for
from .starting import SHORTEST
from .unapplied import has_money_on_hold


class PayState(StrEnum):
    READY = "ready"  # nobody tried yet
    WAITING = "waiting"  # an attempt is open
    EXPIRED = "expired"  # the last attempt is too old; another one can be made
    FAILED = "failed"  # the last attempt failed; another one can be made
    CONFIRMING = "confirming"  # money came, and somebody has to look at it: never a second code
    PAID = "paid"
    OVER = "over"  # the time to pay is over
    CLOSED = "closed"


FINAL = (PayState.PAID, PayState.CLOSED)
PAYABLE = (PayState.READY, PayState.WAITING, PayState.EXPIRED, PayState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayPage:
    """
    :param payment: the attempt that is shown, if there is one
    :param choices: how the order can be paid now, in the merchant's order
    """

    state: PayState
    order: Order
    payment: Payment | None
    choices: tuple[Choice, ...]
    amount_fen: int

    @property
    def key(self) -> str:
        """Changes whenever the page has something else to show."""
        return f"{self.state}-{self.payment.pk if self.payment else 0}"

    @property
    def expires_at(self) -> datetime | None:
        return self.payment.expires_at if self.payment else self.order.payment_due_at


def pay_page(*, order: Order, wanted: str = "", at: datetime) -> PayPage:
    """
    Five queries, whatever happened to the order.

    :param wanted: key of the choice whose attempt is to be shown, if it has one
    """
    attempts = list(Payment.objects.filter(order=order).select_related("account").order_by("-pk")[:20])
    choices = {it.key: it for it in choices_for(order)}
    alive = [it for it in attempts if _is_alive(it, at=at) and key_of(it) in choices]
    shown = next((it for it in alive if key_of(it) == wanted), alive[0] if alive else None)
    state = _state(order, attempts, shown or _last(attempts, choices, at=at), at=at)
    return PayPage(
        state=state,
        order=order,
        payment=shown if state is PayState.WAITING else None,
        choices=tuple(choices.values()) if state in PAYABLE else (),
        amount_fen=order.due_fen or order.total_fen,
    )


def key_of(payment: Payment) -> str:
    """Of the choice that an attempt was made by."""
    return f"{payment.account.gateway}.{payment.method}"


def _last(attempts: list[Payment], choices: Collection[str], *, at: datetime) -> Payment | None:
    """The latest; not one that somebody could still pay by a way that is not offered any more."""
    return next((it for it in attempts if key_of(it) in choices or not _is_alive(it, at=at)), None)


def _state(order: Order, attempts: list[Payment], payment: Payment | None, *, at: datetime) -> PayState:
    if order.paid_fen and not order.due_fen and not order.is_closed:
        return PayState.PAID
    if has_money_on_hold(order=order, payment_nos=[it.payment_no for it in attempts]):
        return PayState.CONFIRMING
    if order.is_closed:
        return PayState.CLOSED
    if order.category != Category.PENDING_PAYMENT or _is_over(order, attempts, at=at):
        return PayState.OVER
    return _stand(payment, at=at)


def _stand(payment: Payment | None, *, at: datetime) -> PayState:
    if payment is None or payment.closing or _has_nothing_to_show(payment, at=at):
        return PayState.READY
    if _is_alive(payment, at=at):
        return PayState.WAITING
    return PayState.FAILED if payment.status == Payment.Status.FAILED else PayState.EXPIRED


def _has_nothing_to_show(payment: Payment, *, at: datetime) -> bool:
    """The gateway did not answer yet; asking again asks for the same money."""
    return payment.status in Payment.OPEN and not payment.next_action and payment.expires_at > at


def _is_alive(payment: Payment, *, at: datetime) -> bool:
    """Whether it can be shown as it is."""
    is_open = payment.status in Payment.OPEN and bool(payment.next_action)
    return is_open and not payment.closing and payment.withdrawn_at is None and payment.expires_at > at


def _is_over(order: Order, attempts: list[Payment], *, at: datetime) -> bool:
    if any(it.closing_reason and it.status in Payment.OPEN for it in attempts):
        return True
    return order.payment_due_at is not None and order.payment_due_at < at + SHORTEST
