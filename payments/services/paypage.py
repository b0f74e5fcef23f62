"""What a customer is shown: where the payment of an order stands, in the fewest words that are true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kernel.models import Category
from orders.models import Order

from ..models import GatewayAccount, Payment
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
    :param methods: how the order can be paid now
    """

    state: PayState
    order: Order
    payment: Payment | None
    methods: frozenset[str]
    amount_fen: int

    @property
    def key(self) -> str:
        """Changes whenever the page has something else to show."""
        return f"{self.state}-{self.payment.pk if self.payment else 0}"

    @property
    def expires_at(self) -> datetime | None:
        return self.payment.expires_at if self.payment else self.order.payment_due_at


def pay_page(*, order: Order, at: datetime) -> PayPage:
    """Five queries, whatever happened to the order."""
    attempts = list(Payment.objects.filter(order=order).order_by("-pk")[:20])
    payment = next((it for it in attempts if _is_alive(it, at=at)), attempts[0] if attempts else None)
    state = _state(order, attempts, payment, at=at)
    accounts = GatewayAccount.objects.filter(is_enabled=True).only("methods") if state in PAYABLE else ()
    return PayPage(
        state=state,
        order=order,
        payment=payment if state is PayState.WAITING else None,
        methods=frozenset(method for account in accounts for method in account.methods),
        amount_fen=order.due_fen or order.total_fen,
    )


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
